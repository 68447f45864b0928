"""Reading an XGBoost model whose paths use one or two features into exact tables.

A tree whose every path splits on one feature is a step function of it; the sum of such trees is one step function
per feature. A path over two features adds to a grid of the two. Nothing is approximated: the tables give the
model's log-odds, and for single features XGBoost's own contributions.

This module needs no XGBoost: it reads the model's JSON document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scoring.tables import PairTable, SingleTable, Tables

Path = dict[int, tuple[float, float, bool]]  # feature: from (included), to (excluded), takes missing values
_ANYTHING = (-np.inf, np.inf, True)


class NotATableModel(ValueError):
    """A path uses more than two features: contributions would not be exact."""


@dataclass
class _Leaf:
    path: Path
    value: float
    cover: float


@dataclass
class _Parts:
    base: float
    singles: dict[int, list[_Leaf]] = field(default_factory=dict)
    pairs: dict[tuple[int, int], list[_Leaf]] = field(default_factory=dict)
    # Mean of each feature's own trees under the training weights that XGBoost keeps in the tree.
    means: dict[int, float] = field(default_factory=dict)


def read_tables(document: Mapping[str, Any], names: tuple[str, ...], X: np.ndarray) -> Tables:
    """Tables of the model in `document` (XGBoost's JSON). `X` float64[n, d] weighs the grids of pairs.

    Each pair is purified: what one of its features does alone, on average over the other's values in `X`, moves to
    that feature's own table, so that a pair's contribution is only what the two do together.
    """
    parts = _take_apart(document)
    cuts = {index: _cuts(parts, index) for index in range(len(names))}
    singles = {index: np.zeros(len(cuts[index]) + 2) for index in cuts}
    base = parts.base
    for index, leaves in parts.singles.items():
        for leaf in leaves:
            singles[index] += leaf.value * _mask(cuts[index], leaf.path[index])
        singles[index] -= parts.means[index]
        base += parts.means[index]
    answers = {index: _answers(cuts[index], X[:, index]) for index in cuts}
    pairs = []
    for (first, second), leaves in sorted(parts.pairs.items()):
        table = np.zeros((len(cuts[first]) + 2, len(cuts[second]) + 2))
        for leaf in leaves:
            table += leaf.value * np.outer(
                _mask(cuts[first], leaf.path.get(first, _ANYTHING)),
                _mask(cuts[second], leaf.path.get(second, _ANYTHING)),
            )
        table, rows, columns, mean = purify(table, answers[first], answers[second])
        singles[first] += rows
        singles[second] += columns
        base += mean
        pairs.append(_narrow(first, second, cuts[first], cuts[second], table))
    return Tables(
        names=names,
        base=float(base),
        singles=tuple(SingleTable(*_merge(cuts[index], singles[index])) for index in range(len(names))),
        pairs=tuple(pairs),
    )


def purify(
    table: np.ndarray, row_weights: np.ndarray, column_weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Split a grid into what is joint, what each side does alone, and a constant; they add up to the grid.

    What a side does alone is its average over the other side's weights, so it rises or falls wherever the whole
    grid does, and the joint part has mean zero along every row and column.
    """
    row_means = table @ column_weights / column_weights.sum()
    column_means = row_weights @ table / row_weights.sum()
    mean = float(row_means @ row_weights / row_weights.sum())
    return table - row_means[:, None] - column_means[None, :] + mean, row_means - mean, column_means - mean, mean


def mean_of(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One model whose log-odds are the mean of several that started from the same rate: all trees, leaves divided."""
    trees: list[dict[str, Any]] = []
    for tree in (tree for document in documents for tree in _trees(document)):
        conditions = [
            value / len(documents) if left < 0 else value
            for value, left in zip(tree["split_conditions"], tree["left_children"], strict=True)
        ]
        trees.append({**tree, "id": len(trees), "split_conditions": conditions})
    merged = deepcopy(dict(documents[0]))
    merged["learner"]["attributes"] = {}
    model = merged["learner"]["gradient_booster"]["model"]
    model.update(trees=trees, tree_info=[0] * len(trees), iteration_indptr=list(range(len(trees) + 1)))
    model["gbtree_model_param"]["num_trees"] = str(len(trees))
    return merged


def _take_apart(document: Mapping[str, Any]) -> _Parts:
    start = document["learner"]["learner_model_param"]["base_score"]
    probability = float(str(start).strip("[]"))
    parts = _Parts(base=float(np.log(probability / (1 - probability))))
    for tree in _trees(document):
        leaves = _leaves(tree)
        features = {index for leaf in leaves for index in leaf.path}
        if not features:
            parts.base += leaves[0].value
        elif len(features) == 1:
            index = features.pop()
            parts.singles.setdefault(index, []).extend(leaves)
            cover = sum(leaf.cover for leaf in leaves)
            mean = sum(leaf.cover * leaf.value for leaf in leaves) / cover
            parts.means[index] = parts.means.get(index, 0.0) + mean
        else:
            for leaf in leaves:
                pair = tuple(sorted(leaf.path))
                if len(pair) > 2:
                    raise NotATableModel(f"a path uses {len(pair)} features")
                if len(pair) == 1:
                    pair = (pair[0], next(index for index in sorted(features) if index != pair[0]))
                parts.pairs.setdefault(tuple(sorted(pair)), []).append(leaf)  # type: ignore[arg-type]
    return parts


def _trees(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return document["learner"]["gradient_booster"]["model"]["trees"]


def _leaves(tree: Mapping[str, Any]) -> list[_Leaf]:
    leaves = []
    waiting: list[tuple[int, Path]] = [(0, {})]
    while waiting:
        node, path = waiting.pop()
        left = tree["left_children"][node]
        if left < 0:
            value = float(np.float32(tree["split_conditions"][node]))
            leaves.append(_Leaf(path, value, float(tree["sum_hessian"][node])))
            continue
        index = tree["split_indices"][node]
        cut = float(np.float32(tree["split_conditions"][node]))
        low, high, missing = path.get(index, _ANYTHING)
        to_left = bool(tree["default_left"][node])
        waiting.append((left, {**path, index: (low, min(high, cut), missing and to_left)}))
        right = tree["right_children"][node]
        waiting.append((right, {**path, index: (max(low, cut), high, missing and not to_left)}))
    return leaves


def _cuts(parts: _Parts, index: int) -> np.ndarray:
    """Every threshold on a feature, as float32 values in float64, ascending."""
    leaves = [*parts.singles.get(index, ())]
    for pair, pair_leaves in parts.pairs.items():
        if index in pair:
            leaves += pair_leaves
    edges = {edge for leaf in leaves if index in leaf.path for edge in leaf.path[index][:2]}
    return np.array(sorted(edge for edge in edges if np.isfinite(edge)))


def _mask(cuts: np.ndarray, span: tuple[float, float, bool]) -> np.ndarray:
    """1 for the bins inside a span, and the last place for missing values: float64[cuts + 2]."""
    low, high, missing = span
    starts = np.concatenate([[-np.inf], cuts])
    ends = np.concatenate([cuts, [np.inf]])
    inside = (starts >= low) & (ends <= high)
    return np.append(inside, missing).astype(float)


def _answers(cuts: np.ndarray, column: np.ndarray) -> np.ndarray:
    """How many rows fall into each bin; those without a value count nowhere, unless nobody has one."""
    narrow = column.astype(np.float32).astype(np.float64)
    answered = narrow[~np.isnan(narrow)]
    counts = np.bincount(np.searchsorted(cuts, answered, side="right"), minlength=len(cuts) + 2).astype(float)
    return counts if counts.any() else np.ones(len(cuts) + 2)


def _merge(cuts: np.ndarray, values: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Drop thresholds that separate equal values, and move the others to where float32 rounding puts them."""
    kept = [index for index in range(len(cuts)) if values[index] != values[index + 1]]
    steps = [values[0], *(values[index + 1] for index in kept), values[-1]]
    return (
        tuple(as_float64_threshold(cuts[index]) for index in kept),
        tuple(float(value) for value in steps),
    )


def _narrow(first: int, second: int, first_cuts: np.ndarray, second_cuts: np.ndarray, table: np.ndarray) -> PairTable:
    rows = [i for i in range(len(first_cuts)) if np.any(table[i] != table[i + 1])]
    columns = [j for j in range(len(second_cuts)) if np.any(table[:, j] != table[:, j + 1])]
    kept_rows = [0, *(i + 1 for i in rows), len(first_cuts) + 1]
    kept_columns = [0, *(j + 1 for j in columns), len(second_cuts) + 1]
    values = table[np.ix_(kept_rows, kept_columns)]
    return PairTable(
        first,
        second,
        tuple(as_float64_threshold(first_cuts[i]) for i in rows),
        tuple(as_float64_threshold(second_cuts[j]) for j in columns),
        tuple(tuple(float(value) for value in row) for row in values),
    )


def as_float64_threshold(cut: float) -> float:
    """The float64 t for which `x < t` says the same as XGBoost's `float32(x) < cut`, for every float64 x.

    Rounding to float32 sends what lies above the middle of two neighbours to the upper one, and the middle itself
    to the even one.
    """
    upper = np.float32(cut)
    lower = np.nextafter(upper, np.float32(-np.inf))
    middle = (float(lower) + float(upper)) / 2
    if np.float32(middle) == upper:
        return middle
    return float(np.nextafter(middle, np.inf))
