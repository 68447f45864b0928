"""How near the live model comes to the best attainable, on made-up borrowers whose true probability is known.

`manage.py benchmark borrowers` calls `run`. Out of fold; `auc_gap` is what no feature could not have told, `pd_error`
the mean absolute distance from the true probability, `seconds` processor time of training on one thread. Besides the
ordinary crowd, in which a few answers are missing, one in which everybody answers: the truth knows all answers.
"""

import time
from typing import Any

from scoring.evaluation import against_truth
from scoring.features import FEATURES, feature_columns, features_of
from scoring.synthetic import MILD, STRONG, borrowers, column_names
from scoring.training import Parameters, train_transparent

CROWDS = {"mild": (MILD, True), "mild_complete": (MILD, False), "strong": (STRONG, True)}


def run(rows: int = 30_000, seed: int = 11) -> dict[str, Any]:
    """Figures by segment and crowd."""
    return {f"{segment}_{crowd}": measure(segment, crowd, rows, seed) for crowd in CROWDS for segment in FEATURES}


def measure(segment: str, crowd: str, rows: int, seed: int) -> dict[str, float]:
    """One segment of one crowd."""
    interactions, missing = CROWDS[crowd]
    frame = borrowers(segment, rows, seed, interactions=interactions, missing=missing)
    X = feature_columns(segment, {name: frame[name].to_numpy() for name in column_names(segment)}, rows)
    features = features_of(segment)
    outcomes = frame["default"].to_numpy()
    started = time.process_time()
    trained = train_transparent(
        X,
        outcomes,
        [feature.name for feature in features],
        [feature.direction for feature in features],
        Parameters(threads=1),
    )
    figures = {
        **against_truth(outcomes, trained.out_of_fold, frame["true_pd"].to_numpy()),
        "auc": trained.metrics["auc"],
        "ece": trained.metrics["ece"],
        "ece_noise_limit": trained.metrics["ece_noise_limit"],
        "seconds": time.process_time() - started,
    }
    return {name: round(value, 4) for name, value in figures.items()} | {"pairs": len(trained.tables.pairs)}
