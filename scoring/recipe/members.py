"""The kinds of model in the stack: three depths of XGBoost, rank-gauss logistic regression, extremely random trees.

Each member is fitted on a fold's training rows, may stop early on its held-out rows, and gives log-odds. `weights`
say how much each row counts; the other kinds of model are in `learners`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from scipy.special import ndtri

MOST_ROUNDS = 3_000
PATIENCE = 40
MOST_LOGIT = 9.0
MANY_ROWS = 20_000
TREES_OF_MANY, FLAT = 64, 2


Weights = np.ndarray | None


class Fitted(Protocol):
    """A fitted member."""

    def log_odds(self, X: np.ndarray) -> np.ndarray: ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything it takes to predict again."""


class Member(Protocol):
    """A kind of model with its fixed settings."""

    @property
    def name(self) -> str: ...

    def fit(
        self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int, weights: Weights = None
    ) -> Fitted: ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted: ...


# --- XGBoost ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BoostedTrees:
    name: str
    depth: int
    learning_rate: float
    min_child_weight: float
    columns: float  # of all of them, seen by each split
    l2: float = 2.0
    directions: tuple[int, ...] = ()  # +1 where more must not be safer, -1 where it must not be riskier

    def fit(
        self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int, weights: Weights = None
    ) -> Fitted:
        import xgboost

        train = xgboost.QuantileDMatrix(X, y, weight=weights, max_bin=128, nthread=1)
        shares = class_weights(y, weights, y_out)
        held_out = xgboost.QuantileDMatrix(X_out, y_out, weight=shares, ref=train, max_bin=128, nthread=1)
        settings = {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "max_bin": 128,
            "max_depth": self.depth,
            "eta": self.learning_rate,
            "min_child_weight": self.min_child_weight,
            "subsample": 0.75,
            "colsample_bynode": self.columns,
            "lambda": self.l2,
            "monotone_constraints": self.directions,
            "seed": seed,
            "nthread": 1,
            "verbosity": 0,
        }
        booster = xgboost.train(
            settings,
            train,
            MOST_ROUNDS,
            evals=[(held_out, "held_out")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        return _Booster(booster[: booster.best_iteration + 1])

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        import xgboost

        return _Booster(xgboost.Booster(model_file=bytearray(arrays["ubj"].tobytes())))


class _Booster:
    def __init__(self, booster: Any) -> None:
        self.booster = booster

    def log_odds(self, X: np.ndarray) -> np.ndarray:
        import xgboost

        predicted = self.booster.predict(xgboost.DMatrix(X, nthread=1), output_margin=True)
        return np.clip(predicted.astype(np.float64), -MOST_LOGIT, MOST_LOGIT)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"ubj": np.frombuffer(bytes(self.booster.save_raw("ubj")), dtype=np.uint8)}


# --- logistic regression ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RankLogistic:
    """Logistic regression on ranks made normal, so that heavy tails and units do not matter."""

    name: str = "rank-logistic"
    ridge: float = 30.0
    knots: int = 200

    def fit(
        self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int, weights: Weights = None
    ) -> Fitted:
        knots = rank_knots(X, self.knots)
        design = ranked_design(X, knots)
        means, spreads = design.mean(axis=0), design.std(axis=0)
        spreads[spreads < 1e-9] = 1.0
        found = _logistic((design - means) / spreads, y, self.ridge, weights)
        return _Logistic(knots, means, spreads, found)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        return _Logistic(arrays["knots"], arrays["means"], arrays["spreads"], arrays["weights"])


class _Logistic:
    def __init__(self, knots: np.ndarray, means: np.ndarray, spreads: np.ndarray, weights: np.ndarray) -> None:
        self.knots, self.means, self.spreads, self.weights = knots, means, spreads, weights

    def log_odds(self, X: np.ndarray) -> np.ndarray:
        design = (ranked_design(X, self.knots) - self.means) / self.spreads
        return np.clip(design @ self.weights[:-1] + self.weights[-1], -MOST_LOGIT, MOST_LOGIT)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"knots": self.knots, "means": self.means, "spreads": self.spreads, "weights": self.weights}


def rank_knots(X: np.ndarray, steps: int) -> np.ndarray:
    """Evenly spaced quantiles of each column, NaN for a column without values: float64[d, steps]."""
    shares = (np.arange(steps) + 0.5) / steps
    knots = np.full((X.shape[1], steps), np.nan)
    for index, column in enumerate(X.T):
        seen = column[~np.isnan(column)]
        if len(seen):
            knots[index] = np.quantile(seen, shares)
    return knots


def ranked_design(X: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Ranks among the knots as normal scores, missing in the middle, beside columns that say what is missing."""
    steps = knots.shape[1]
    ranked = np.zeros(X.shape)
    for index, places in enumerate(knots):
        if np.isnan(places[0]):
            continue
        # The middle of the ranks that a value ties with.
        low = np.searchsorted(places, X[:, index], side="left")
        high = np.searchsorted(places, X[:, index], side="right")
        ranked[:, index] = ndtri(np.clip((low + high) / 2 / steps, 0.5 / steps, 1 - 0.5 / steps))
    missing = np.isnan(X)
    ranked[missing] = 0.0
    return np.column_stack([ranked, missing.astype(np.float64)])


def _logistic(design: np.ndarray, y: np.ndarray, ridge: float, row_weights: Weights = None) -> np.ndarray:
    """Ridge logistic regression by Newton's method; the last weight is the level."""
    X = np.column_stack([design, np.ones(len(design))])
    penalty = np.full(X.shape[1], ridge)
    penalty[-1] = 1e-6
    weights = np.zeros(X.shape[1])
    share = np.ones(len(X)) if row_weights is None else row_weights
    mean = np.average(y, weights=share)
    weights[-1] = np.log(mean / (1 - mean))
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(X @ weights, -30, 30)))
        gradient = X.T @ (share * (p - y)) + penalty * weights
        curvature = (X * (share * p * (1 - p))[:, None]).T @ X + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights -= step * min(1.0, 3.0 / max(1e-12, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-6:
            break
    return weights


# --- extremely random trees -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RandomTrees:
    """Extremely random trees; kept as plain arrays, so that nothing has to be unpickled."""

    name: str = "extra-trees"
    trees: int = 160
    columns: float = 0.35

    def fit(
        self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int, weights: Weights = None
    ) -> Fitted:
        from sklearn.ensemble import ExtraTreesClassifier

        fill = fill_below(X)
        forest = ExtraTreesClassifier(
            n_estimators=self.trees,
            min_samples_leaf=max(3, len(X) // 2_500),
            max_features=self.columns,
            random_state=seed,
            n_jobs=1,
        ).fit(filled(X, fill), y, sample_weight=weights)
        return Forest(fill, [tree_arrays(estimator.tree_) for estimator in forest.estimators_])

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        names = ("left", "right", "feature", "threshold", "rate")
        ends = np.cumsum(arrays["sizes"])[:-1]
        split = [np.split(arrays[name], ends) for name in names]
        return Forest(arrays["fill"], list(zip(*split, strict=True)))


Tree = tuple[np.ndarray, ...]


def tree_arrays(tree: Any, learning_rate: float | None = None) -> Tree:
    """A fitted tree's nodes: the default rate in each, or what it adds to log-odds at a `learning_rate`."""
    values = tree.value[:, 0, :]
    rates = values[:, 1] / values.sum(axis=1) if learning_rate is None else values[:, 0] * learning_rate
    return (
        tree.children_left.astype(np.int32),
        tree.children_right.astype(np.int32),
        tree.feature.astype(np.int32),
        tree.threshold.astype(np.float64),
        rates.astype(np.float32 if learning_rate is None else np.float64),
    )


class Forest:
    def __init__(self, fill: np.ndarray, trees: list[Tree]) -> None:
        self.fill, self.trees = fill, trees

    def log_odds(self, X: np.ndarray) -> np.ndarray:
        rows = filled(X, self.fill)
        total = np.zeros(len(X))
        for left, right, feature, threshold, rate in self.trees:
            total += rate[leaf_of(rows, left, right, feature, threshold)]
        share = np.clip(total / len(self.trees), 1e-4, 1 - 1e-4)
        return np.log(share / (1 - share))

    def arrays(self) -> dict[str, np.ndarray]:
        names = ("left", "right", "feature", "threshold", "rate")
        joined = {name: np.concatenate([tree[place] for tree in self.trees]) for place, name in enumerate(names)}
        return {"fill": self.fill, "sizes": np.array([len(tree[0]) for tree in self.trees]), **joined}


def leaf_of(
    X: np.ndarray, left: np.ndarray, right: np.ndarray, feature: np.ndarray, threshold: np.ndarray
) -> np.ndarray:
    """The leaf each row falls into; rows still on their way go down one level at a time."""
    nodes = np.zeros(len(X), dtype=np.int32)
    walking = np.arange(len(X))
    while len(walking):
        at = nodes[walking]
        inside = left[at] >= 0
        walking, at = walking[inside], at[inside]
        goes_left = X[walking, feature[at]] <= threshold[at]
        nodes[walking] = np.where(goes_left, left[at], right[at])
    return nodes


def class_weights(y: np.ndarray, weights: Weights, y_out: np.ndarray) -> Weights:
    """Held-out rows weighed as the training rows of their class are on average; None where all count alike."""
    if weights is None:
        return None
    return np.where(y_out > 0, weights[y > 0].mean(), weights[y == 0].mean())


def fill_below(X: np.ndarray) -> np.ndarray:
    """For each column a value below all others, which stands for missing."""
    return np.array([np.nanmin(column) - 1 if (~np.isnan(column)).any() else 0.0 for column in X.T])


def filled(X: np.ndarray, fill: np.ndarray) -> np.ndarray:
    """Missing values below all others, in the 32 bits that the trees were grown on."""
    return np.where(np.isnan(X), fill, X).astype(np.float32)


def members_for(rows: int) -> tuple[Member, ...]:
    """The stack's members; many rows need fewer trees in the forest, and deeper trees say all that flat ones do."""
    if rows <= MANY_ROWS:
        return MEMBERS
    return tuple(
        replace(one, trees=TREES_OF_MANY) if isinstance(one, RandomTrees) else one
        for one in MEMBERS
        if not (isinstance(one, BoostedTrees) and one.depth <= FLAT)
    )


MEMBERS: tuple[Member, ...] = (
    BoostedTrees("xgboost-2", depth=2, learning_rate=0.05, min_child_weight=3, columns=0.4),
    BoostedTrees("xgboost-4", depth=4, learning_rate=0.04, min_child_weight=4, columns=0.4),
    BoostedTrees("xgboost-7", depth=7, learning_rate=0.03, min_child_weight=5, columns=0.3, l2=5.0),
    RankLogistic(),
    RandomTrees(),
)
