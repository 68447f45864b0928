"""One kind of model by itself: fitted on folds, calibrated on what they had not seen, its settings searched if asked.

Rare defaults are weighed up, not multiplied: class weights shift every log-odds alike, which is taken back exactly.
SMOTE invents defaulters between real ones; it is offered to be compared, and `notes` show what it does to calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.calibration import Calibration, calibration_document, calibration_from, choose_calibration
from scoring.evaluation import calibration_slope, ece, log_loss
from scoring.recipe.encoding import TableEncoder
from scoring.recipe.learners import DecisionTree, GradientBoosting, NeuralNetwork, RandomForest
from scoring.recipe.members import MANY_ROWS, BoostedTrees, Fitted, Member, RandomTrees, RankLogistic, Weights
from scoring.recipe.neural import KerasNetwork
from scoring.recipe.packing import pack, unpack
from scoring.recipe.searching import search
from scoring.recipe.stack import FOLDS, FOLDS_OF_MANY, Progress
from scoring.training import CannotTrain, check_trainable, stratified_folds

if TYPE_CHECKING:
    import optuna
    import pandas as pd

IMBALANCE = ("weights", "smote", "none")
SEARCH_FOLDS = 3

KINDS: dict[str, Member] = {
    "logistic": RankLogistic("logistic"),
    "decision-tree": DecisionTree(),
    "random-forest": RandomForest(),
    "extra-trees": RandomTrees(),
    "gradient-boosting": GradientBoosting(),
    "mlp": NeuralNetwork(),
    "xgboost-monotone": BoostedTrees("xgboost-monotone", 4, 0.05, 8, 0.6),
}


def _space(member: Any, trial: optuna.trial.BaseTrial) -> Any:
    """The same kind of model with settings that a trial suggests."""
    match member:
        case RankLogistic():
            return replace(member, ridge=trial.suggest_float("ridge", 0.5, 500, log=True))
        case DecisionTree():
            return replace(
                member,
                depth=trial.suggest_int("depth", 2, 9),
                leaf_share=trial.suggest_float("leaf_share", 0.002, 0.05, log=True),
            )
        case RandomForest():
            return replace(
                member,
                columns=trial.suggest_float("columns", 0.1, 0.8),
                leaf_share=trial.suggest_float("leaf_share", 0.0005, 0.02, log=True),
            )
        case RandomTrees():
            return replace(member, columns=trial.suggest_float("columns", 0.1, 0.9))
        case GradientBoosting():
            return replace(
                member,
                depth=trial.suggest_int("depth", 1, 5),
                learning_rate=trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
                columns=trial.suggest_float("columns", 0.2, 1.0),
            )
        case NeuralNetwork():
            return replace(
                member,
                decay=trial.suggest_float("decay", 1e-3, 3.0, log=True),
                learning_rate=trial.suggest_float("learning_rate", 5e-4, 1e-2, log=True),
            )
        case BoostedTrees():
            return replace(
                member,
                depth=trial.suggest_int("depth", 2, 7),
                learning_rate=trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
                min_child_weight=trial.suggest_float("min_child_weight", 1, 40, log=True),
                columns=trial.suggest_float("columns", 0.3, 1.0),
                l2=trial.suggest_float("l2", 0.3, 20, log=True),
            )
    raise CannotTrain(f"{member.name} has no settings to search")


@dataclass(frozen=True)
class OneKind:
    """A fitted kind of model: the mean log-odds of its folds (or its one fit), calibrated."""

    encoder: TableEncoder
    member: Member
    fitted: list[Fitted]
    shift: float  # what class weights added to every log-odds
    calibration: Calibration
    notes: dict[str, Any]

    def probabilities(self, frame: pd.DataFrame) -> np.ndarray:
        """PD of each row: float64[n] in (0, 1)."""
        X = self.encoder.transform(frame)
        return self.calibration.probabilities(np.mean([one.log_odds(X) for one in self.fitted], axis=0) - self.shift)

    def dump(self, metadata: Mapping[str, Any]) -> bytes:
        """The model as one file; the same model gives the same bytes."""
        document = {
            "kind": self.member.name,
            "encoder": self.encoder.as_document(),
            "fits": len(self.fitted),
            "shift": self.shift,
            "calibration": calibration_document(self.calibration),
            "metadata": {**metadata, "notes": self.notes},
        }
        arrays = {f"{fold}/{key}": array for fold, one in enumerate(self.fitted) for key, array in one.arrays().items()}
        return pack(document, arrays)


def load_one_kind(content: bytes) -> OneKind:
    """A model from its file."""
    document, arrays = unpack(content)
    member = {**KINDS, "neural": KerasNetwork()}[document["kind"]]
    fitted = []
    for fold in range(document["fits"]):
        prefix = f"{fold}/"
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        fitted.append(member.restore(own))
    return OneKind(
        TableEncoder.from_document(document["encoder"]),
        member,
        fitted,
        document["shift"],
        calibration_from(document["calibration"]),
        document["metadata"]["notes"],
    )


def train_one_kind(
    frame: pd.DataFrame,
    outcomes: np.ndarray,
    columns: Sequence[str],
    *,
    member: Member,
    seed: int = 1,
    trials: int = 0,
    imbalance: str = "weights",
    weights: Weights = None,
    directions: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> OneKind:
    """Fit `member` on `columns` of `frame`; `weights` say how much each row counts.

    With `trials`, as many settings are tried by out-of-fold log loss and the best kept: the budget counts trials.
    `directions` (by column, +1 riskier, -1 safer) bind the monotone kind. Raises CannotTrain.
    """
    check_trainable(frame.to_numpy(dtype=object), outcomes)
    if imbalance not in IMBALANCE:
        raise CannotTrain(f"unknown remedy for imbalance {imbalance}; known: {', '.join(IMBALANCE)}")
    folds = stratified_folds(outcomes, FOLDS_OF_MANY if len(outcomes) > MANY_ROWS else FOLDS, seed)
    encoder = TableEncoder(columns)
    X = encoder.fit(frame, outcomes, folds)
    if isinstance(member, BoostedTrees):
        member = replace(member, directions=tuple((directions or {}).get(name, 0) for name in encoder.names))
    if trials:
        member = _search(member, X, outcomes, stratified_folds(outcomes, SEARCH_FOLDS, seed), seed, trials, progress)
    row_weights, shift = _class_weights(outcomes, weights) if imbalance == "weights" else (weights, 0.0)
    margins, fitted = _folded(member, X, outcomes, folds, row_weights, imbalance, seed, progress)
    if getattr(member, "refit", False):
        fitted = [_fit(member, X, outcomes, X[:0], outcomes[:0], row_weights, imbalance, seed)]
    calibration = choose_calibration(margins - shift, outcomes, weights, seed)
    notes = {
        "imbalance": imbalance,
        "settings": {key: value for key, value in vars(member).items() if key != "directions"},
        "uncalibrated": _calibrated(outcomes, 1 / (1 + np.exp(-margins))),
        "calibrated": _calibrated(outcomes, calibration.probabilities(margins - shift)),
    }
    if imbalance == "smote":
        plain, _ = _folded(member, X, outcomes, folds, weights, "none", seed, progress)
        notes["without"] = _calibrated(outcomes, 1 / (1 + np.exp(-plain)))
    return OneKind(encoder, member, fitted, shift, calibration, notes)


def one_kind(name: str) -> Callable[..., OneKind]:
    """A training function for one of `KINDS`."""

    def train(
        frame: pd.DataFrame,
        outcomes: np.ndarray,
        columns: Sequence[str],
        *,
        seed: int = 1,
        trials: int = 0,
        imbalance: str = "weights",
        weights: Weights = None,
        directions: Mapping[str, int] | None = None,
        progress: Progress | None = None,
    ) -> OneKind:
        return train_one_kind(
            frame,
            outcomes,
            columns,
            member=KINDS[name],
            seed=seed,
            trials=trials,
            imbalance=imbalance,
            weights=weights,
            directions=directions,
            progress=progress,
        )

    return train


def _search(
    member: Member, X: np.ndarray, y: np.ndarray, folds: np.ndarray, seed: int, trials: int, progress: Progress | None
) -> Member:
    def loss(trial: optuna.Trial) -> float:
        margins, _ = _folded(_space(member, trial), X, y, folds, None, "none", seed, None)
        return float(np.mean(np.logaddexp(0.0, margins) - y * margins))

    return _space(member, search(loss, trials, seed, progress))


def _folded(
    member: Member,
    X: np.ndarray,
    y: np.ndarray,
    folds: np.ndarray,
    weights: Weights,
    imbalance: str,
    seed: int,
    progress: Progress | None,
) -> tuple[np.ndarray, list[Fitted]]:
    """Log-odds of each row by a fit that had not seen it, and the fits."""
    margins, fitted = np.empty(len(y)), []
    for fold in range(folds.max() + 1):
        if progress:
            progress(member.name, fold, int(folds.max()) + 1)
        out = folds == fold
        own = None if weights is None else weights[~out]
        one = _fit(member, X[~out], y[~out], X[out], y[out], own, imbalance, seed)
        margins[out] = one.log_odds(X[out])
        fitted.append(one)
    return margins, fitted


def _fit(
    member: Member,
    X: np.ndarray,
    y: np.ndarray,
    X_out: np.ndarray,
    y_out: np.ndarray,
    weights: Weights,
    imbalance: str,
    seed: int,
) -> Fitted:
    if imbalance == "smote":
        if weights is not None:
            raise CannotTrain("SMOTE does not know row weights: leave one of the two out")
        X, y = _smote(X, y, seed)
    return member.fit(X, y, X_out, y_out, seed, weights)


def _smote(X: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """As many defaulters as payers, the new ones between neighbours; missing values stand in the middle first."""
    from imblearn.over_sampling import SMOTE

    middle = np.array([np.median(column[~np.isnan(column)]) if (~np.isnan(column)).any() else 0.0 for column in X.T])
    return SMOTE(random_state=seed, k_neighbors=5).fit_resample(np.where(np.isnan(X), middle, X), y)


def _class_weights(y: np.ndarray, weights: Weights) -> tuple[np.ndarray, float]:
    """Both classes made to weigh alike, and what that adds to every log-odds."""
    weights = np.ones(len(y)) if weights is None else weights
    bad, good = float(weights[y > 0].sum()), float(weights[y == 0].sum())
    balanced = np.where(y > 0, (bad + good) / 2 / bad, (bad + good) / 2 / good)
    return weights * balanced, float(np.log(good / bad))


def _calibrated(outcomes: np.ndarray, pd: np.ndarray) -> dict[str, float]:
    return {
        "log_loss": log_loss(outcomes, pd),
        "ece": ece(outcomes, pd),
        "calibration_slope": calibration_slope(outcomes, pd),
        "mean_pd": float(pd.mean()),
    }
