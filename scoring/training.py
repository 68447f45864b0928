"""Training the live model: additive, monotone by the dictionary, with a few pairs, read into exact tables.

Each fold's trees stop early on the rows held out of it, and the folds' models are averaged; beside them stands a
logistic regression on ranks where that ranks better. Sums of tables are tables, so the reasons stay exact.

XGBoost is imported when something is trained, not before: it takes seconds. Every booster runs on one thread, so
that the same rows, parameters, seed and versions give the same model to the last byte; folds run side by side.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.boosters import mean_of, read_tables
from scoring.calibration import Calibration, choose_calibration
from scoring.evaluation import evaluate
from scoring.linear import Ranks, blended, fit_slopes
from scoring.stacking import stack_weights
from scoring.tables import Tables

if TYPE_CHECKING:
    import xgboost

Progress = Callable[[str, int, int], None]

MIN_ROWS, MIN_BADS = 200, 20
FEW_PAIRS = 8
ROUNDS_FOR_PAIRS, ROWS_FOR_PAIRS = 300, 20_000  # that show which pairs do something
WORTH_A_PAIR = 1e-4  # of out-of-fold log loss: pairs make reasons longer, so they must earn it


class CannotTrain(ValueError):
    """The rows at hand do not allow a model; the message says why."""


@dataclass(frozen=True)
class Parameters:
    """What decides a training run besides the rows. Defaults are the product's, not tuned to any data set."""

    seed: int = 1
    folds: int = 5
    depth: int = 2
    learning_rate: float = 0.05
    max_rounds: int = 1_500
    patience: int = 40
    min_child_weight: float = 3.0
    l2: float = 2.0
    subsample: float = 0.8
    columns: float = 0.4  # of the features, seen by each split: correlated ones share what they tell
    bins: int = 64
    max_pairs: int = 30
    blend: bool = True
    threads: int = 2


@dataclass(frozen=True)
class TrainedModel:
    """A transparent model and how it did out of fold."""

    names: tuple[str, ...]
    tables: Tables
    calibration: Calibration
    booster: bytes  # UBJSON, the mean of the folds' models: what the tables were read from
    metrics: dict[str, float]
    parameters: dict[str, Any]
    out_of_fold: np.ndarray = field(repr=False)  # calibrated PD of each training row, by a model that had not seen it
    seconds: float = 0.0
    # What the tables were blended from beside the booster: {"weights": [booster, linear, level], "linear": tables}.
    blend: dict[str, Any] | None = None


def train_transparent(
    X: np.ndarray,
    outcomes: np.ndarray,
    names: Sequence[str],
    directions: Sequence[int],
    parameters: Parameters | None = None,
    progress: Progress | None = None,
    weights: np.ndarray | None = None,
) -> TrainedModel:
    """The live model from `X` float64[n, d] (NaN where missing) and `outcomes` 0/1; `weights` float64[n] or None.

    First an additive model out of fold; on its margins a free depth-2 model shows which pairs do something; then
    one model of single features and those pairs, out of fold again. A few pairs are tried before many, and pairs
    that earn nothing are left out. What serves is the mean of the folds' models. Raises CannotTrain.
    """
    parameters = parameters or Parameters()
    outcomes = np.asarray(outcomes, dtype=np.float64)
    check_trainable(X, outcomes)
    started = time.perf_counter()
    report = progress or (lambda step, done, of: None)
    folds = stratified_folds(outcomes, parameters.folds, parameters.seed)
    settings = _settings(parameters, directions, np.average(outcomes, weights=weights))
    rows = _Rows(X, outcomes, weights)
    parts = _parts(rows, folds, parameters)

    report("additive", 0, 3)
    alone = [[index] for index in range(len(names))]
    margins, fitted = _out_of_fold(parts, settings | {"interaction_constraints": str(alone)}, parameters)
    pairs: list[list[int]] = []
    if parameters.max_pairs:
        report("pairs", 1, 3)
        ranked = _ranked_pairs(rows, margins, settings)
        for count in sorted({min(FEW_PAIRS, parameters.max_pairs), parameters.max_pairs}):
            tried = sorted(map(list, ranked[:count]))
            constrained = settings | {"interaction_constraints": str([*alone, *tried])}
            joint, joint_fitted = _out_of_fold(parts, constrained, parameters)
            if _loss(joint, rows) < _loss(margins, rows) - WORTH_A_PAIR:
                margins, fitted, pairs = joint, joint_fitted, tried

    report("final", 2, 3)
    document = mean_of([_document(booster) for booster in fitted])
    tables = read_tables(document, tuple(names), X)
    blend = None
    if parameters.blend:
        margins, tables, blend = _blended(rows, margins, tables, folds, directions)
    calibration = choose_calibration(margins, outcomes, weights, parameters.seed)
    pd = calibration.probabilities(margins)
    report("done", 3, 3)
    return TrainedModel(
        names=tuple(names),
        tables=tables.never_rewarding_silence(),
        calibration=calibration,
        booster=_as_bytes(document),
        metrics=evaluate(outcomes, pd),
        parameters={
            **asdict(parameters),
            "algorithm": "additive-xgboost",
            "rounds": [booster.num_boosted_rounds() for booster in fitted],
            "pairs": [[names[first], names[second]] for first, second in pairs],
            "directions": list(map(int, directions)),
            "versions": versions(),
        },
        out_of_fold=pd,
        seconds=time.perf_counter() - started,
        blend=blend,
    )


def check_trainable(X: np.ndarray, outcomes: np.ndarray) -> None:
    """Raises CannotTrain, saying what is wrong, when no model can be learnt from these rows."""
    if len(X) != len(outcomes):
        raise CannotTrain(f"{len(X)} rows of features but {len(outcomes)} outcomes")
    if not np.isin(outcomes, (0.0, 1.0)).all():
        raise CannotTrain("the target must be 0 or 1 in every row")
    bads = int(outcomes.sum())
    if bads in (0, len(outcomes)):
        raise CannotTrain(f"the target is {int(bads > 0)} in every row: there is nothing to tell apart")
    if len(X) < MIN_ROWS or min(bads, len(X) - bads) < MIN_BADS:
        raise CannotTrain(
            f"{len(X)} rows with {bads} defaults are too few; {MIN_ROWS} rows and {MIN_BADS} of each kind are needed"
        )


def stratified_folds(outcomes: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """A fold number per row, each fold with its share of defaults: int[n]."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(outcomes), dtype=np.int64)
    for kind in (0.0, 1.0):
        rows = rng.permutation(np.flatnonzero(outcomes == kind))
        fold[rows] = np.arange(len(rows)) % folds
    return fold


def versions() -> dict[str, str]:
    """Versions of everything that can change what a training run gives."""
    import xgboost

    return {"python": platform.python_version(), "numpy": np.__version__, "xgboost": xgboost.__version__}


@dataclass(frozen=True)
class _Rows:
    """What is learnt from; `weights` None where every row counts alike."""

    X: np.ndarray
    outcomes: np.ndarray
    weights: np.ndarray | None

    def __getitem__(self, which: np.ndarray) -> _Rows:
        return _Rows(self.X[which], self.outcomes[which], None if self.weights is None else self.weights[which])


def _settings(parameters: Parameters, directions: Sequence[int], rate: float) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "max_depth": parameters.depth,
        "eta": parameters.learning_rate,
        "min_child_weight": parameters.min_child_weight,
        "lambda": parameters.l2,
        "subsample": parameters.subsample,
        "colsample_bynode": parameters.columns,
        "max_bin": parameters.bins,
        "monotone_constraints": tuple(int(direction) for direction in directions),
        "base_score": float(np.float32(rate)),
        "seed": parameters.seed,
        "nthread": 1,
        "verbosity": 0,
    }


@dataclass(frozen=True)
class _Part:
    """What one fold's model learns from, and the rows it is stopped and measured by."""

    held_out: np.ndarray  # bool[n]
    train: xgboost.QuantileDMatrix
    test: xgboost.DMatrix


def _parts(rows: _Rows, folds: np.ndarray, parameters: Parameters) -> list[_Part]:
    """All folds see the bins of all rows, so that their models have the same thresholds and so have their tables."""
    import xgboost

    settings = {"max_bin": parameters.bins, "nthread": 1}
    bins = xgboost.QuantileDMatrix(rows.X, rows.outcomes, weight=rows.weights, **settings)
    found = []
    for fold in range(parameters.folds):
        own, others = rows[folds != fold], rows[folds == fold]
        train = xgboost.QuantileDMatrix(own.X, own.outcomes, weight=own.weights, ref=bins, **settings)
        test = xgboost.DMatrix(others.X, others.outcomes, weight=others.weights, nthread=1)
        found.append(_Part(folds == fold, train, test))
    return found


def _out_of_fold(
    parts: Sequence[_Part], settings: dict[str, Any], parameters: Parameters
) -> tuple[np.ndarray, list[xgboost.Booster]]:
    """Raw log-odds of each row by a model that had not seen it, and each fold's model."""
    import xgboost

    def one(part: _Part) -> tuple[np.ndarray, xgboost.Booster]:
        grown = xgboost.train(
            settings,
            part.train,
            parameters.max_rounds,
            evals=[(part.test, "held_out")],
            early_stopping_rounds=parameters.patience,
            verbose_eval=False,
        )
        booster = grown[: grown.best_iteration + 1]
        return booster.predict(part.test, output_margin=True), booster

    margins = np.empty(len(parts[0].held_out))
    fitted = []
    with ThreadPoolExecutor(parameters.threads) as pool:
        for part, (predicted, booster) in zip(parts, pool.map(one, parts), strict=True):
            margins[part.held_out] = predicted
            fitted.append(booster)
    return margins, fitted


def _blended(
    rows: _Rows, margins: np.ndarray, tables: Tables, folds: np.ndarray, directions: Sequence[int]
) -> tuple[np.ndarray, Tables, dict[str, Any] | None]:
    """The out-of-fold margins and the tables, blended with a regression on ranks if that earns something."""
    ranks = Ranks.of(rows.X)
    design = ranks.design(rows.X)
    linear = np.empty(len(margins))
    for fold in range(folds.max() + 1):
        own = rows[folds != fold]
        slopes = fit_slopes(design[folds != fold], own.outcomes, directions, own.weights)
        linear[folds == fold] = design[folds == fold] @ slopes
    weights = stack_weights(np.column_stack([margins, linear]), rows.outcomes)
    both = margins * weights[0] + linear * weights[1] + weights[2]
    if _loss(both, rows) > _loss(margins, rows) - WORTH_A_PAIR:
        return margins, tables, None
    line = ranks.tables(tables.names, fit_slopes(design, rows.outcomes, directions, rows.weights))
    blend = {"weights": list(map(float, weights)), "linear": line.as_document()}
    return both, blended(tables, line, weights), blend


def _ranked_pairs(rows: _Rows, margins: np.ndarray, settings: dict[str, Any]) -> list[tuple[int, int]]:
    """Pairs, by how much they move people's log-odds in a free depth-2 model that starts from the additive one."""
    import xgboost

    data = xgboost.DMatrix(rows.X, rows.outcomes, weight=rows.weights, base_margin=margins, nthread=1)
    free = {key: value for key, value in settings.items() if key != "base_score"}
    booster = xgboost.train(free | {"max_depth": 2}, data, ROUNDS_FOR_PAIRS, verbose_eval=False)
    some = rows.X[:: 1 + len(rows.X) // ROWS_FOR_PAIRS]
    tables = read_tables(_document(booster), tuple(map(str, range(rows.X.shape[1]))), some)
    moved = tables.contribution_columns(some)[len(tables.singles) :].std(axis=1)
    return [(tables.pairs[place].first, tables.pairs[place].second) for place in np.argsort(-moved, kind="stable")]


def _document(booster: xgboost.Booster) -> dict[str, Any]:
    return json.loads(bytes(booster.save_raw("json")))


def _as_bytes(document: dict[str, Any]) -> bytes:
    """UBJSON of an XGBoost model's JSON document."""
    import xgboost

    return bytes(xgboost.Booster(model_file=bytearray(json.dumps(document).encode())).save_raw("ubj"))


def _loss(margins: np.ndarray, rows: _Rows) -> float:
    return float(np.average(np.logaddexp(0.0, margins) - rows.outcomes * margins, weights=rows.weights))
