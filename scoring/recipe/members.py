"""The kinds of model in the stack: three depths of XGBoost, rank-gauss logistic regression, extremely random trees.

Each member is fitted on a fold's training rows, may stop early on its held-out rows, and gives log-odds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import ndtri

MOST_ROUNDS = 3_000
PATIENCE = 40
MOST_LOGIT = 9.0


class Fitted(Protocol):
    """A fitted member."""

    def log_odds(self, X: np.ndarray) -> np.ndarray: ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything it takes to predict again."""


class Member(Protocol):
    """A kind of model with its fixed settings."""

    @property
    def name(self) -> str: ...

    def fit(self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int) -> Fitted: ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted: ...


# --- XGBoost ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BoostedTrees:
    name: str
    depth: int
    learning_rate: float
    min_child_weight: float
    columns: float
    l2: float = 2.0

    def fit(self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int) -> Fitted:
        import xgboost

        train = xgboost.QuantileDMatrix(X, y, max_bin=128, nthread=1)
        held_out = xgboost.QuantileDMatrix(X_out, y_out, ref=train, max_bin=128, nthread=1)
        settings = {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "max_bin": 128,
            "max_depth": self.depth,
            "eta": self.learning_rate,
            "min_child_weight": self.min_child_weight,
            "subsample": 0.75,
            "colsample_bytree": self.columns,
            "lambda": self.l2,
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

    def fit(self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int) -> Fitted:
        columns = X.shape[1]
        shares = (np.arange(self.knots) + 0.5) / self.knots
        knots = np.full((columns, self.knots), np.nan)
        for index in range(columns):
            seen = X[:, index][~np.isnan(X[:, index])]
            if len(seen):
                knots[index] = np.quantile(seen, shares)
        design = _ranked(X, knots)
        means, spreads = design.mean(axis=0), design.std(axis=0)
        spreads[spreads < 1e-9] = 1.0
        weights = _logistic((design - means) / spreads, y, self.ridge)
        return _Logistic(knots, means, spreads, weights)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        return _Logistic(arrays["knots"], arrays["means"], arrays["spreads"], arrays["weights"])


class _Logistic:
    def __init__(self, knots: np.ndarray, means: np.ndarray, spreads: np.ndarray, weights: np.ndarray) -> None:
        self.knots, self.means, self.spreads, self.weights = knots, means, spreads, weights

    def log_odds(self, X: np.ndarray) -> np.ndarray:
        design = (_ranked(X, self.knots) - self.means) / self.spreads
        return np.clip(design @ self.weights[:-1] + self.weights[-1], -MOST_LOGIT, MOST_LOGIT)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"knots": self.knots, "means": self.means, "spreads": self.spreads, "weights": self.weights}


def _ranked(X: np.ndarray, knots: np.ndarray) -> np.ndarray:
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


def _logistic(design: np.ndarray, y: np.ndarray, ridge: float) -> np.ndarray:
    """Ridge logistic regression by Newton's method; the last weight is the level."""
    X = np.column_stack([design, np.ones(len(design))])
    penalty = np.full(X.shape[1], ridge)
    penalty[-1] = 1e-6
    weights = np.zeros(X.shape[1])
    weights[-1] = np.log(y.mean() / (1 - y.mean()))
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(X @ weights, -30, 30)))
        gradient = X.T @ (p - y) + penalty * weights
        curvature = (X * (p * (1 - p))[:, None]).T @ X + np.diag(penalty)
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

    def fit(self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int) -> Fitted:
        from sklearn.ensemble import ExtraTreesClassifier

        fill = np.array([np.nanmin(column) - 1 if (~np.isnan(column)).any() else 0.0 for column in X.T])
        forest = ExtraTreesClassifier(
            n_estimators=self.trees,
            min_samples_leaf=max(3, len(X) // 2_500),
            max_features=self.columns,
            random_state=seed,
            n_jobs=1,
        ).fit(_filled(X, fill), y)
        return _Forest(fill, [_tree(estimator.tree_) for estimator in forest.estimators_])

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        names = ("left", "right", "feature", "threshold", "rate")
        ends = np.cumsum(arrays["sizes"])[:-1]
        split = [np.split(arrays[name], ends) for name in names]
        return _Forest(arrays["fill"], list(zip(*split, strict=True)))


Tree = tuple[np.ndarray, ...]


def _tree(tree: Any) -> Tree:
    values = tree.value[:, 0, :]
    return (
        tree.children_left.astype(np.int32),
        tree.children_right.astype(np.int32),
        tree.feature.astype(np.int32),
        tree.threshold.astype(np.float64),
        (values[:, 1] / values.sum(axis=1)).astype(np.float32),
    )


class _Forest:
    def __init__(self, fill: np.ndarray, trees: list[Tree]) -> None:
        self.fill, self.trees = fill, trees

    def log_odds(self, X: np.ndarray) -> np.ndarray:
        filled = _filled(X, self.fill)
        total = np.zeros(len(X))
        for left, right, feature, threshold, rate in self.trees:
            total += rate[_leaf_of(filled, left, right, feature, threshold)]
        share = np.clip(total / len(self.trees), 1e-4, 1 - 1e-4)
        return np.log(share / (1 - share))

    def arrays(self) -> dict[str, np.ndarray]:
        names = ("left", "right", "feature", "threshold", "rate")
        joined = {name: np.concatenate([tree[place] for tree in self.trees]) for place, name in enumerate(names)}
        return {"fill": self.fill, "sizes": np.array([len(tree[0]) for tree in self.trees]), **joined}


def _leaf_of(
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


def _filled(X: np.ndarray, fill: np.ndarray) -> np.ndarray:
    """Missing values below all others, in the 32 bits that the trees were grown on."""
    return np.where(np.isnan(X), fill, X).astype(np.float32)


MEMBERS: tuple[Member, ...] = (
    BoostedTrees("xgboost-2", depth=2, learning_rate=0.08, min_child_weight=5, columns=0.7),
    BoostedTrees("xgboost-4", depth=4, learning_rate=0.04, min_child_weight=8, columns=0.5),
    BoostedTrees("xgboost-7", depth=7, learning_rate=0.045, min_child_weight=12, columns=0.4, l2=5.0),
    RankLogistic(),
    RandomTrees(),
)
