"""What the scoring floor does: keep data sets, train and register models, put one in force, score applications."""

from scoring.services.datasets import import_dataset, load_table
from scoring.services.evaluation import evaluate_model
from scoring.services.promotion import challenge_model, promote_model, rollback_promotion, withdraw_challenger
from scoring.services.scores import ScoredApplication, ScoreRequest, score_applications
from scoring.services.training import train_on_dataset, train_segment_model

__all__ = [
    "ScoreRequest",
    "ScoredApplication",
    "challenge_model",
    "evaluate_model",
    "import_dataset",
    "load_table",
    "promote_model",
    "rollback_promotion",
    "score_applications",
    "train_on_dataset",
    "train_segment_model",
    "withdraw_challenger",
]
