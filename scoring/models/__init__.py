from scoring.models.learning import Dataset, ScoringModel, Segment, TrainingRun
from scoring.models.scores import Outcome, Score, ScoredFile, ShadowScore
from scoring.models.watching import Alarm, MonitoringReport, Signal

__all__ = [
    "Alarm",
    "Dataset",
    "MonitoringReport",
    "Outcome",
    "Score",
    "ScoredFile",
    "ScoringModel",
    "Segment",
    "ShadowScore",
    "Signal",
    "TrainingRun",
]
