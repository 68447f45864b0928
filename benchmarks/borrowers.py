"""How near the live model comes to the best attainable, on made-up borrowers whose true probability is known.

`manage.py benchmark borrowers` calls `run`. Out of fold; `auc_gap` is what no feature could not have told, `pd_error`
the mean absolute distance from the true probability, `seconds` processor time of training on one thread. Besides the
ordinary crowd, in which a few answers are missing, one in which everybody answers: the truth knows all answers.

`gap_to_seen` is the distance to the best that can be told from the answers that are there. That is what a free model
ranks which learnt the true probabilities themselves (no chance in them) of ten times as many other borrowers with as
many answers missing; what that still falls short where everybody answers, and the best is known, is added.
"""

import time
from typing import Any

import numpy as np

from scoring.evaluation import against_truth, auc
from scoring.features import FEATURES, feature_columns, features_of
from scoring.synthetic import MILD, STRONG, borrowers, column_names
from scoring.training import Parameters, train_transparent

TIMES_AS_MANY = 10
CROWDS = {"mild": (MILD, True), "mild_complete": (MILD, False), "strong": (STRONG, True)}


def run(rows: int = 30_000, seed: int = 11) -> dict[str, Any]:
    """Figures by segment and crowd."""
    return {f"{segment}_{crowd}": measure(segment, crowd, rows, seed) for crowd in CROWDS for segment in FEATURES}


def measure(segment: str, crowd: str, rows: int, seed: int) -> dict[str, float]:
    """One segment of one crowd."""
    interactions, missing = CROWDS[crowd]
    X, frame = _crowd(segment, rows, seed, interactions, missing)
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
    if missing:
        figures["gap_to_seen"] = seen_by_others(segment, rows, seed, interactions) - figures["auc"]
    return {name: round(value, 4) for name, value in figures.items()} | {"pairs": len(trained.tables.pairs)}


def seen_by_others(segment: str, rows: int, seed: int, interactions: float) -> float:
    """The best AUC that the answers given by the benchmark's crowd allow, as far as it can be told from outside."""
    reached, best = {}, 0.0
    for missing in (True, False):
        X, frame = _crowd(segment, rows, seed, interactions, missing)
        outcomes = frame["default"].to_numpy()
        others, them = _crowd(segment, TIMES_AS_MANY * rows, seed + 1, interactions, missing)
        reached[missing] = auc(outcomes, _taught(others, them["true_pd"].to_numpy(), X))
        best = auc(outcomes, frame["true_pd"].to_numpy())
    return reached[True] + best - reached[False]


def _crowd(segment: str, rows: int, seed: int, interactions: float, missing: bool) -> tuple[np.ndarray, Any]:
    frame = borrowers(segment, rows, seed, interactions=interactions, missing=missing)
    return feature_columns(segment, {name: frame[name].to_numpy() for name in column_names(segment)}, rows), frame


def _taught(X: np.ndarray, true_pd: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    import xgboost

    settings = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "subsample": 0.8, "colsample_bytree": 0.7}
    booster = xgboost.train(settings | {"nthread": 1}, xgboost.QuantileDMatrix(X, true_pd, nthread=1), 600)
    return booster.predict(xgboost.DMatrix(unseen, nthread=1))
