"""Which bin a number falls into, for whole columns, without searching: the upper half of its 32-bit pattern knows.

A float's bits, read as a whole number, keep its order. Their upper 16 name one of 65,536 buckets, 128 to each power
of two; a table says how many edges lie below a bucket, and comparing with the next edge settles those inside it. The
answer is that of `bisect_right` over 64-bit numbers, for any edges: the map from a number to its bucket never turns
the order around, so only edges of the same bucket need to be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

BUCKETS = 65_536
MOST_STEPS = 4  # edges in one bucket; where there are more, searching is faster
UPPER = 1 if np.little_endian else 0


@cache
def _places() -> np.ndarray:
    """The rank of each bucket by the value of its numbers, the negative ones first."""
    bits = np.arange(BUCKETS)
    return np.where(bits < BUCKETS // 2, bits + BUCKETS // 2, BUCKETS - 1 - bits)


class Binning:
    """Bins of one feature: `edges` rise, the last one is infinite, and missing values fall behind it."""

    def __init__(self, edges: Sequence[float] | np.ndarray) -> None:
        self.edges = np.asarray(edges, dtype=np.float64)
        finite = self.edges[:-1]
        middle = float(finite[len(finite) // 2]) if len(finite) else 0.0
        # Buckets are finest near zero: numbers far from it that lie close together are moved there.
        tried = [(self._steps(away), away) for away in dict.fromkeys((0.0, middle))]
        self.steps, self.away = min(tried, key=lambda one: one[0])
        self.next_edge = np.append(self.edges, np.nan)  # nothing lies above the last edge
        self.below = self._below() if self.steps <= MOST_STEPS else None

    def _buckets(self, away: float) -> np.ndarray:
        with np.errstate(over="ignore"):
            moved = (self.edges - away).astype(np.float32) + np.float32(0)
        return moved.view(np.uint16)[UPPER::2].astype(np.int64)

    def _steps(self, away: float) -> int:
        return int(np.unique(self._buckets(away), return_counts=True)[1].max())

    def _below(self) -> np.ndarray:
        counts = np.bincount(_places()[self._buckets(self.away)], minlength=BUCKETS)
        below = (np.cumsum(counts) - counts)[_places()]
        nan = np.isnan((np.arange(BUCKETS, dtype=np.uint32) << 16).view(np.float32))
        below[nan] = len(self.edges)
        return below.astype(np.int16 if len(self.edges) < 32_000 else np.int32)

    def bins(self, column: np.ndarray) -> np.ndarray:
        """`bisect_right(edges, value)` of each value: int64[n]. `column` float64[n].

        Numbers beyond 32 bits overflow on the way, rightly: call it where numpy does not warn of that.
        """
        if self.below is None:
            return np.searchsorted(self.edges, column, side="right")
        moved = np.add(column, -self.away).astype(np.float32)
        moved += np.float32(0)  # turns -0.0, also of tiny negative numbers, whose bits are another bucket's, into 0.0
        found = self.below.take(moved.view(np.uint16)[UPPER::2], mode="clip").astype(np.int64)
        for _ in range(self.steps):
            found += column >= self.next_edge.take(found, mode="clip")
        return found
