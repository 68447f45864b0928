"""The points scorecard of credit tradition: optimal bins, weights of evidence, logistic regression, a table of points.

Its log-odds are a sum of step functions, so it is kept and served as the same tables as the additive model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.calibration import choose_calibration
from scoring.evaluation import evaluate
from scoring.features import features_of
from scoring.points import Scale
from scoring.recipe.encoding import TableEncoder
from scoring.recipe.members import Weights
from scoring.recipe.searching import search
from scoring.recipe.stack import Progress
from scoring.recipe.transparent import TransparentFacts, TransparentTable, facts_matrix
from scoring.tables import SingleTable, Tables
from scoring.training import Parameters, TrainedModel, check_trainable, stratified_folds, versions

if TYPE_CHECKING:
    import optuna
    import pandas as pd

LEAST_INFORMATION = 0.02  # information value under which a feature tells nothing
SMOOTHING = 0.5  # rows of each kind that every bin starts with
TRENDS = {1: "ascending", -1: "descending", 0: "auto"}


@dataclass(frozen=True)
class Settings:
    """What a scorecard is made with: the most bins of a feature, and what keeps its weights small."""

    bins: int = 8
    ridge: float = 1.0


def _suggested(trial: optuna.trial.BaseTrial) -> Settings:
    if not trial.number:
        return Settings()
    return Settings(trial.suggest_int("bins", 3, 14), trial.suggest_float("ridge", 0.05, 100, log=True))


@dataclass(frozen=True)
class Binned:
    """One feature cut into bins: weight of evidence of default per bin, the last one for missing values."""

    cuts: tuple[float, ...]
    evidence: tuple[float, ...]  # log of the share of defaulters over the share of payers
    shares: tuple[float, ...]  # of all rows
    information: float

    def places(self, column: np.ndarray) -> np.ndarray:
        return np.searchsorted([*self.cuts, np.inf], column, side="right")


def bin_feature(
    column: np.ndarray, outcomes: np.ndarray, direction: int = 0, weights: Weights = None, most: int = 8
) -> Binned:
    """Optimal cuts of one column (NaN is missing), the default rate monotone along them where a direction binds."""
    weights = np.ones(len(column)) if weights is None else weights
    seen = ~np.isnan(column)
    cuts = _cuts(column[seen], outcomes[seen], direction, most)
    while True:
        binned = _binned(cuts, column, outcomes, weights)
        against = -np.diff(binned.evidence[:-1]) * direction
        if not len(against) or against.max() <= 0:
            return binned
        # Few rows, weights and smoothing can leave a step against the direction: the two bins become one.
        del cuts[int(np.argmax(against))]


def _binned(cuts: list[float], column: np.ndarray, outcomes: np.ndarray, weights: np.ndarray) -> Binned:
    places = np.searchsorted([*cuts, np.inf], column, side="right")
    bins = len(cuts) + 2
    bad = np.bincount(places, weights * outcomes, minlength=bins) + SMOOTHING
    good = np.bincount(places, weights * (1 - outcomes), minlength=bins) + SMOOTHING
    empty = np.bincount(places, minlength=bins) == 0
    evidence = np.where(empty, 0.0, np.log(bad / bad.sum()) - np.log(good / good.sum()))
    information = float(np.sum(np.where(empty, 0.0, (bad / bad.sum() - good / good.sum()) * evidence)))
    shares = np.bincount(places, weights, minlength=bins) / weights.sum()
    return Binned(tuple(cuts), tuple(map(float, evidence)), tuple(map(float, shares)), information)


def _cuts(column: np.ndarray, outcomes: np.ndarray, direction: int, most: int) -> list[float]:
    from optbinning import OptimalBinning

    if len(np.unique(column)) < 2 or outcomes.min(initial=1) == outcomes.max(initial=0):
        return []
    binning = OptimalBinning(
        dtype="numerical",
        solver="cp",
        max_n_bins=most,
        min_bin_size=0.03,
        monotonic_trend=TRENDS[direction],
        time_limit=60,
    ).fit(column, outcomes.astype(int))
    return [] if binning.splits is None else sorted({float(cut) for cut in binning.splits})


def train_scorecard(
    X: np.ndarray,
    outcomes: np.ndarray,
    names: Sequence[str],
    directions: Sequence[int],
    *,
    seed: int = 1,
    trials: int = 0,
    folds: int = Parameters.folds,
    weights: Weights = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """A scorecard of `X` float64[n, d]; bins and weights are learnt anew in each fold. Raises CannotTrain.

    With `trials`, as many `settings` are tried by out-of-fold log loss; the product's own are the first of them.
    """
    check_trainable(X, outcomes)
    outcomes = np.asarray(outcomes, dtype=np.float64)
    if trials:

        def loss(trial: optuna.Trial) -> float:
            tried = _suggested(trial)
            trial.set_user_attr("settings", asdict(tried))
            same: dict[str, Any] = {"seed": seed, "folds": folds, "weights": weights}
            return train_scorecard(X, outcomes, names, directions, settings=tried, **same).metrics["log_loss"]

        settings = Settings(**search(loss, trials, seed, progress).user_attrs["settings"])
    settings = settings or Settings()
    fold = stratified_folds(outcomes, folds, seed)
    margins = np.empty(len(outcomes))
    for one in range(folds):
        out = fold == one
        own = None if weights is None else weights[~out]
        margins[out] = _fit(X[~out], outcomes[~out], names, directions, own, settings)[0].margins(X[out])
    tables, binned, slopes = _fit(X, outcomes, names, directions, weights, settings)
    calibration = choose_calibration(margins, outcomes, weights, seed)
    pd = calibration.probabilities(margins)
    return TrainedModel(
        names=tuple(names),
        tables=tables,
        calibration=calibration,
        booster=b"",
        metrics=evaluate(outcomes, pd),
        parameters={
            "algorithm": "scorecard",
            "seed": seed,
            **asdict(settings),
            "information": {name: round(one.information, 4) for name, one in zip(names, binned, strict=True)},
            "slopes": {name: round(float(slope), 4) for name, slope in zip(names, slopes, strict=True)},
            "directions": list(map(int, directions)),
            "versions": versions(),
        },
        out_of_fold=pd,
    )


def _fit(
    X: np.ndarray,
    outcomes: np.ndarray,
    names: Sequence[str],
    directions: Sequence[int],
    weights: Weights,
    settings: Settings,
) -> tuple[Tables, list[Binned], np.ndarray]:
    binned = [
        bin_feature(column, outcomes, direction, weights, settings.bins)
        for column, direction in zip(X.T, directions, strict=True)
    ]
    used = np.array([one.information >= LEAST_INFORMATION for one in binned])
    design = np.column_stack(
        [np.array(one.evidence)[one.places(column)] for one, column in zip(binned, X.T, strict=True)]
    )
    slopes, level = _logistic(design, outcomes, used, weights, settings.ridge)
    singles, base = [], level
    for one, slope in zip(binned, slopes, strict=True):
        values = slope * np.array(one.evidence)
        mean = float(values @ np.array(one.shares))
        base += mean
        singles.append(SingleTable(one.cuts, tuple(map(float, values - mean))))
    return Tables(tuple(names), float(base), tuple(singles)).never_rewarding_silence(), binned, slopes


def _logistic(
    design: np.ndarray, outcomes: np.ndarray, used: np.ndarray, weights: Weights, ridge: float
) -> tuple[np.ndarray, float]:
    """Slopes from zero up, so that no feature works against its own evidence; zero for those not used."""
    from scipy.optimize import minimize

    weights = np.ones(len(outcomes)) if weights is None else weights

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        odds = design @ values[:-1] + values[-1]
        wrong = weights * (1 / (1 + np.exp(-np.clip(odds, -35, 35))) - outcomes)
        total = np.sum(weights * (np.logaddexp(0.0, odds) - outcomes * odds)) + ridge * np.sum(values[:-1] ** 2)
        return float(total), np.append(design.T @ wrong + 2 * ridge * values[:-1], wrong.sum())

    mean = np.average(outcomes, weights=weights)
    start = np.append(np.where(used, 0.5, 0.0), np.log(mean / (1 - mean)))
    bounds = [(0.0, None if use else 0.0) for use in used] + [(None, None)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return found[:-1], float(found[-1])


def points_table(trained: Tables, scale: Scale | None = None) -> list[dict[str, Any]]:
    """The card as people print it: for each feature its bins and their points; a missing value has its own.

    Keys: `feature, low, high` (None is open; both None with `missing` true), `missing, points`. The first line is
    the base, where everybody starts.
    """
    scale = scale or Scale()
    lines: list[dict[str, Any]] = [
        {"feature": "", "low": None, "high": None, "missing": False, "points": round(scale.exact(trained.base))}
    ]
    for name, table in zip(trained.names, trained.singles, strict=True):
        edges = [None, *table.cuts, None]
        for place, value in enumerate(table.values):
            missing = place == len(table.values) - 1
            lines.append(
                {
                    "feature": name,
                    "low": None if missing else edges[place],
                    "high": None if missing else edges[place + 1],
                    "missing": missing,
                    "points": round(-scale.factor * value),
                }
            )
    return lines


def train_scorecard_table(
    frame: pd.DataFrame,
    outcomes: np.ndarray,
    columns: Sequence[str],
    *,
    segment: str,
    seed: int = 1,
    trials: int = 0,
    weights: Weights = None,
    directions: Mapping[str, int] | None = None,
    scale: Scale | None = None,
    progress: Progress | None = None,
) -> TransparentTable:
    """A scorecard on `columns` of `frame`, each level of a text by its default rate."""
    encoder = TableEncoder(columns, compact=True)
    X = encoder.fit(frame, outcomes, stratified_folds(outcomes, Parameters.folds, seed))
    bound = [(directions or {}).get(name, 0) for name in encoder.names]
    trained = train_scorecard(
        X, outcomes, encoder.names, bound, seed=seed, trials=trials, weights=weights, progress=progress
    )
    return TransparentTable(encoder, trained, segment, scale or Scale())


def train_scorecard_facts(
    frame: pd.DataFrame,
    outcomes: np.ndarray,
    columns: Sequence[str],
    *,
    segment: str,
    seed: int = 1,
    trials: int = 0,
    weights: Weights = None,
    scale: Scale | None = None,
    progress: Progress | None = None,
) -> TransparentFacts:
    """A scorecard of the dictionary's features, monotone as they promise: it may decide live."""
    features = features_of(segment)
    trained = train_scorecard(
        facts_matrix(segment, frame),
        outcomes,
        [feature.name for feature in features],
        [feature.direction for feature in features],
        seed=seed,
        trials=trials,
        weights=weights,
        progress=progress,
    )
    return TransparentFacts(trained, segment, scale or Scale())
