"""Kinds of model from scikit-learn, kept as plain arrays: nothing is unpickled, and equal models are equal bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scoring.recipe.members import (
    MOST_LOGIT,
    Fitted,
    Forest,
    Tree,
    Weights,
    class_weights,
    fill_below,
    filled,
    leaf_of,
    rank_knots,
    ranked_design,
    tree_arrays,
)

TREE_ARRAYS = ("left", "right", "feature", "threshold", "rate")


@dataclass(frozen=True)
class DecisionTree:
    """One tree that a person can read."""

    name: str = "decision-tree"
    depth: int = 5
    leaf_share: float = 0.01
    refit = True  # on all rows: one tree, not one per fold

    def fit(
        self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int, weights: Weights = None
    ) -> Fitted:
        from sklearn.tree import DecisionTreeClassifier

        fill = fill_below(X)
        tree = DecisionTreeClassifier(
            max_depth=self.depth, min_samples_leaf=max(20, round(self.leaf_share * len(X))), random_state=seed
        ).fit(filled(X, fill), y, sample_weight=weights)
        return Forest(fill, [tree_arrays(tree.tree_)])

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        return Forest(arrays["fill"], split_trees(arrays))


@dataclass(frozen=True)
class RandomForest:
    name: str = "random-forest"
    trees: int = 200
    columns: float = 0.3
    leaf_share: float = 0.002

    def fit(
        self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int, weights: Weights = None
    ) -> Fitted:
        from sklearn.ensemble import RandomForestClassifier

        fill = fill_below(X)
        forest = RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=max(3, round(self.leaf_share * len(X))),
            max_features=self.columns,
            random_state=seed,
            n_jobs=1,
        ).fit(filled(X, fill), y, sample_weight=weights)
        return Forest(fill, [tree_arrays(one.tree_) for one in forest.estimators_])

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        return Forest(arrays["fill"], split_trees(arrays))


@dataclass(frozen=True)
class GradientBoosting:
    """Friedman's gradient boosting, cut at the tree that did best on the held-out rows."""

    name: str = "gradient-boosting"
    trees: int = 300
    depth: int = 3
    learning_rate: float = 0.07
    subsample: float = 0.7
    columns: float = 0.4

    def fit(
        self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int, weights: Weights = None
    ) -> Fitted:
        from sklearn.ensemble import GradientBoostingClassifier

        fill = fill_below(X)
        boosted = GradientBoostingClassifier(
            n_estimators=self.trees,
            max_depth=self.depth,
            learning_rate=self.learning_rate,
            subsample=self.subsample,
            max_features=self.columns,
            min_samples_leaf=max(5, len(X) // 500),
            random_state=seed,
        ).fit(filled(X, fill), y, sample_weight=weights)
        mean = np.average(y, weights=weights)
        start = float(np.log(mean / (1 - mean)))
        trees = [tree_arrays(one.tree_, self.learning_rate) for one in boosted.estimators_[:, 0]]
        return Boosted(
            fill, start, _best_part(trees, filled(X_out, fill), y_out, start, class_weights(y, weights, y_out))
        )

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        return Boosted(arrays["fill"], float(arrays["start"][0]), split_trees(arrays))


def _best_part(trees: list[Tree], X: np.ndarray, y: np.ndarray, start: float, weights: Weights) -> list[Tree]:
    if not len(y):
        return trees
    odds, losses = np.full(len(X), start), []
    for left, right, feature, threshold, value in trees:
        odds += value[leaf_of(X, left, right, feature, threshold)]
        losses.append(np.average(np.logaddexp(0.0, odds) - y * odds, weights=weights))
    return trees[: int(np.argmin(losses)) + 1]


class Boosted:
    """Trees whose leaves add to log-odds."""

    def __init__(self, fill: np.ndarray, start: float, trees: list[Tree]) -> None:
        self.fill, self.start, self.trees = fill, start, trees

    def log_odds(self, X: np.ndarray) -> np.ndarray:
        rows = filled(X, self.fill)
        odds = np.full(len(X), self.start)
        for left, right, feature, threshold, value in self.trees:
            odds += value[leaf_of(rows, left, right, feature, threshold)]
        return np.clip(odds, -MOST_LOGIT, MOST_LOGIT)

    def arrays(self) -> dict[str, np.ndarray]:
        return {**Forest(self.fill, self.trees).arrays(), "start": np.array([self.start])}


def split_trees(arrays: Mapping[str, np.ndarray]) -> list[Tree]:
    ends = np.cumsum(arrays["sizes"])[:-1]
    return list(zip(*(np.split(arrays[name], ends) for name in TREE_ARRAYS), strict=True))


@dataclass(frozen=True)
class NeuralNetwork:
    """A multilayer perceptron on ranks made normal; stops when a tenth of its rows no longer gain."""

    name: str = "mlp"
    units: tuple[int, ...] = (32, 16)
    decay: float = 0.1
    learning_rate: float = 0.003
    rounds: int = 200
    knots: int = 100

    def fit(
        self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int, weights: Weights = None
    ) -> Fitted:
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        knots = rank_knots(X, self.knots)
        network = MLPClassifier(
            self.units,
            alpha=self.decay,
            learning_rate_init=self.learning_rate,
            early_stopping=True,
            n_iter_no_change=12,
            max_iter=self.rounds,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(ranked_design(X, knots), y, sample_weight=weights)
        return Layers(knots, network.coefs_, network.intercepts_)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        count = sum(name.startswith("weights") for name in arrays)
        return Layers(
            arrays["knots"],
            [arrays[f"weights{layer}"] for layer in range(count)],
            [arrays[f"levels{layer}"] for layer in range(count)],
        )


class Layers:
    """Rectified layers over normal scores, the last one giving log-odds."""

    def __init__(self, knots: np.ndarray, weights: list[Any], levels: list[Any]) -> None:
        self.knots, self.weights, self.levels = knots, weights, levels

    def log_odds(self, X: np.ndarray) -> np.ndarray:
        values = ranked_design(X, self.knots)
        for layer, (weights, levels) in enumerate(zip(self.weights, self.levels, strict=True)):
            values = values @ weights + levels
            if layer + 1 < len(self.weights):
                values = np.maximum(values, 0.0)
        return np.clip(values[:, 0], -MOST_LOGIT, MOST_LOGIT)

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "knots": self.knots,
            **{f"weights{layer}": np.asarray(array) for layer, array in enumerate(self.weights)},
            **{f"levels{layer}": np.asarray(array) for layer, array in enumerate(self.levels)},
        }
