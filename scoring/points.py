"""From log-odds to a score of 300 to 850, in whole points that add up exactly."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

LOWEST, HIGHEST = 300, 850


@dataclass(frozen=True)
class Scale:
    """How points stand for odds: `anchor` points at `anchor_odds` payers per defaulter; `doubling` more double them."""

    anchor: float = 600.0
    anchor_odds: float = 9.0
    doubling: float = 60.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(one) and one > 0 for one in (self.anchor, self.anchor_odds, self.doubling)):
            raise ValueError("a scale of points needs odds, and points that double them, above zero")

    @cached_property
    def factor(self) -> float:
        return self.doubling / math.log(2)

    @cached_property
    def offset(self) -> float:
        return self.anchor - self.factor * math.log(self.anchor_odds)

    def exact(self, log_odds: float) -> float:
        """The score of these log-odds of default, neither rounded nor limited."""
        return self.offset - self.factor * log_odds

    def score(self, log_odds: float) -> int:
        return min(max(half_up(self.exact(log_odds)), LOWEST), HIGHEST)

    def as_document(self) -> dict[str, float]:
        return {"anchor": self.anchor, "anchor_odds": self.anchor_odds, "doubling": self.doubling}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Scale:
        return cls(float(document["anchor"]), float(document["anchor_odds"]), float(document["doubling"]))


def scale_of(odds: float | None, pdo: float | None) -> Scale | None:
    """The scale that was asked for; None where nothing was. Raises ValueError."""
    asked = {"anchor_odds": odds, "doubling": pdo}
    given = {name: value for name, value in asked.items() if value is not None}
    return Scale(**given) if given else None


def half_up(value: float) -> int:
    return math.floor(value + 0.5)


def whole_points(exact: Sequence[float], total: int) -> list[int]:
    """Whole numbers near `exact` that add up to `total`: the largest remainders are rounded up, ties go first."""
    points = list(map(math.floor, exact))
    left = total - sum(points)
    if left == 0:
        return points
    # A list's own look-up is called in a third of a lambda's time.
    order = sorted(range(len(exact)), key=list(map(operator.sub, points, exact)).__getitem__)
    while left > 0:
        for index in order[:left]:
            points[index] += 1
        left -= len(order[:left])
    while left < 0:
        taken = order[left:]
        for index in taken:
            points[index] -= 1
        left += len(taken)
    return points


def whole_points_columns(exact: np.ndarray, totals: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """`whole_points` for a batch: `exact` float64[parts, n], `totals` int[n]; gives int32[parts, n], in `out` if given.

    `exact` is used up: it holds the remainders afterwards.
    """
    points = np.empty(exact.shape, dtype=np.int32) if out is None else out
    np.floor(exact, out=points, casting="unsafe")
    exact -= points
    left = totals - points.sum(axis=0, dtype=np.int64)
    parts, rows = exact.shape
    # Rounded up is what lies above the largest remainder that is not: to sort them is faster than to rank them.
    sorted_ = np.sort(exact.T.copy(), axis=1)
    usual = (left >= 0) & (left < parts)
    below = sorted_[np.arange(rows), np.where(usual, parts - 1 - left, parts - 1)]
    raised = exact > below
    points += raised
    # Ties, and totals that rounding up once or not at all does not reach.
    for row in np.flatnonzero(~usual | (raised.sum(axis=0) != left)):
        points[:, row] -= raised[:, row]
        points[:, row] += _spread(exact[:, row], int(left[row]))
    return points


def _spread(remainders: np.ndarray, left: int) -> np.ndarray:
    """What each part gets of `left` whole points, the largest remainders first (last, where points are taken)."""
    parts = len(remainders)
    places = np.empty(parts, dtype=np.int64)
    places[np.argsort(-remainders, kind="stable")] = np.arange(parts)
    rounds, rest = divmod(abs(left), parts)
    return rounds + (places < rest) if left >= 0 else -(rounds + (places >= parts - rest))
