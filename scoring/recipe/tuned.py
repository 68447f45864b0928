"""One XGBoost whose settings Optuna searched for: what the other algorithms are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.recipe.encoding import TableEncoder
from scoring.recipe.packing import pack
from scoring.recipe.searching import search
from scoring.recipe.stack import Progress
from scoring.training import stratified_folds

if TYPE_CHECKING:
    import optuna
    import pandas as pd
    import xgboost

TRIALS = 30
FOLDS = 3
MOST_ROUNDS, PATIENCE = 1_500, 40


@dataclass(frozen=True)
class TunedXGBoost:
    encoder: TableEncoder
    booster: xgboost.Booster
    settings: dict[str, Any]

    def probabilities(self, frame: pd.DataFrame) -> np.ndarray:
        import xgboost

        return self.booster.predict(xgboost.DMatrix(self.encoder.transform(frame), nthread=1)).astype(np.float64)

    def dump(self, metadata: Mapping[str, Any]) -> bytes:
        """The model as one file; the same model gives the same bytes."""
        document = {"encoder": self.encoder.as_document(), "settings": self.settings, "metadata": dict(metadata)}
        return pack(document, {"booster": np.frombuffer(bytes(self.booster.save_raw("ubj")), dtype=np.uint8)})


def train_tuned(
    frame: pd.DataFrame,
    outcomes: np.ndarray,
    columns: Sequence[str],
    *,
    seed: int = 1,
    trials: int = TRIALS,
    weights: np.ndarray | None = None,
    progress: Progress | None = None,
) -> TunedXGBoost:
    """The best of `trials` settings by cross-validated log loss, fitted on all rows. The budget counts trials."""
    import xgboost

    folds = stratified_folds(outcomes, FOLDS, seed)
    encoder = TableEncoder(columns)
    X = encoder.fit(frame, outcomes, folds)
    data = xgboost.DMatrix(X, outcomes, weight=weights, nthread=1)
    splits = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(FOLDS)]

    def objective(trial: optuna.Trial) -> float:
        settings = _fixed(seed) | {
            "max_depth": trial.suggest_int("max_depth", 2, 8),
            "eta": trial.suggest_float("eta", 0.02, 0.2, log=True),
            "min_child_weight": trial.suggest_float("min_child_weight", 1, 50, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
            "lambda": trial.suggest_float("lambda", 0.1, 30, log=True),
            "alpha": trial.suggest_float("alpha", 1e-3, 10, log=True),
        }
        history: Any = xgboost.cv(
            settings, data, MOST_ROUNDS, folds=splits, early_stopping_rounds=PATIENCE, as_pandas=False
        )
        losses = history["test-logloss-mean"]
        trial.set_user_attr("settings", settings)
        trial.set_user_attr("rounds", int(np.argmin(losses)) + 1)
        return float(np.min(losses))

    best = search(objective, trials, seed, progress).user_attrs
    booster = xgboost.train(best["settings"], data, best["rounds"])
    return TunedXGBoost(encoder, booster, best["settings"] | {"rounds": best["rounds"]})


def _fixed(seed: int) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "max_bin": 256,
        "seed": seed,
        "nthread": 1,
        "verbosity": 0,
    }
