"""The serving form of a transparent model: step functions per feature, grids per pair, and their sum.

Needs neither XGBoost nor pandas. One row is read with `bisect`, a batch with numpy; both give the same numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from scoring.buckets import Binning
from scoring.memory import Memory

INFINITY = float("inf")
ROWS_AT_ONCE = 4_096  # of a batch: what fits a processor's cache


@dataclass(frozen=True)
class SingleTable:
    """A step function: `values[i]` from `cuts[i - 1]` up to below `cuts[i]`; the last value is for missing."""

    cuts: tuple[float, ...]
    values: tuple[float, ...]

    @cached_property
    def edges(self) -> tuple[float, ...]:
        """The cuts and an infinite one: missing values, which are not below anything, fall behind it."""
        return (*self.cuts, INFINITY)

    def __call__(self, value: float) -> float:
        return self.values[bisect_right(self.edges, value)]


@dataclass(frozen=True)
class PairTable:
    """A grid over two features, by their positions; the last row and column are for missing values."""

    first: int
    second: int
    first_cuts: tuple[float, ...]
    second_cuts: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    @cached_property
    def first_edges(self) -> tuple[float, ...]:
        return (*self.first_cuts, INFINITY)

    @cached_property
    def second_edges(self) -> tuple[float, ...]:
        return (*self.second_cuts, INFINITY)

    def __call__(self, first: float, second: float) -> float:
        return self.values[bisect_right(self.first_edges, first)][bisect_right(self.second_edges, second)]


@dataclass(frozen=True)
class Tables:
    """Raw log-odds of default = base + one contribution per feature + one per pair. Order: features, then pairs."""

    names: tuple[str, ...]
    base: float
    singles: tuple[SingleTable, ...]
    pairs: tuple[PairTable, ...] = ()

    def never_rewarding_silence(self) -> Tables:
        """The same tables, except that an unanswered question counts at best like the average answer.

        What a few silent borrowers happened to do is no reason for others to leave a question out. In a pair it
        counts as the average answer, so that what is said about the other feature keeps its direction.
        """
        singles = tuple(
            SingleTable(table.cuts, (*table.values[:-1], max(table.values[-1], 0.0))) for table in self.singles
        )
        pairs = tuple(
            replace(
                pair,
                values=(*((*row[:-1], 0.0) for row in pair.values[:-1]), (0.0,) * len(pair.values[-1])),
            )
            for pair in self.pairs
        )
        return replace(self, singles=singles, pairs=pairs)

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Names of the contributions; a pair is called `first & second`."""
        return (*self.names, *(f"{self.names[p.first]} & {self.names[p.second]}" for p in self.pairs))

    @cached_property
    def _merged(self) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[tuple[Any, ...]]]:
        """One list of edges per feature, its pairs' included, and from its bins to the places in each grid."""
        cuts = [set(table.cuts) for table in self.singles]
        for pair in self.pairs:
            cuts[pair.first].update(pair.first_cuts)
            cuts[pair.second].update(pair.second_cuts)
        edges = [np.array([*sorted(own), INFINITY]) for own in cuts]
        singles = [
            (edges[index], np.array(table.values)[_bins_of(table.edges, edges[index])])
            for index, table in enumerate(self.singles)
        ]
        pairs = [
            (
                p.first,
                p.second,
                _bins_of(p.first_edges, edges[p.first]) * (len(p.second_edges) + 1),
                _bins_of(p.second_edges, edges[p.second]),
                np.array(p.values).ravel(),
            )
            for p in self.pairs
        ]
        return singles, pairs

    @cached_property
    def _plan(self) -> tuple[list[list[float]], list[list[float]], list[tuple[Any, ...]]]:
        singles, pairs = self._merged
        return (
            [edges.tolist() for edges, _ in singles],
            [values.tolist() for _, values in singles],
            [(first, second, *(array.tolist() for array in arrays)) for first, second, *arrays in pairs],
        )

    def contributions(self, row: Sequence[float]) -> list[float]:
        """What each part adds to one applicant's raw log-odds. `row` holds feature values, NaN where missing."""
        edges, singles, pairs = self._plan
        bins = list(map(bisect_right, edges, row))
        added = [values[place] for values, place in zip(singles, bins, strict=True)]
        for first, second, row_starts, places, grid in pairs:
            added.append(grid[row_starts[bins[first]] + places[bins[second]]])
        return added

    def margin(self, row: Sequence[float]) -> float:
        """One applicant's raw log-odds."""
        return sum(self.contributions(row), self.base)

    @cached_property
    def _arrays(self) -> tuple[list[tuple[Binning, np.ndarray]], list[tuple[Any, ...]]]:
        singles, pairs = self._merged
        return [(Binning(edges), values) for edges, values in singles], pairs

    def contribution_columns(self, X: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
        """What each part adds, for a batch: float64[parts, n], a row per part, in `into` if given.

        `X` float64[n, d] holds feature values, NaN where missing. For many rows take `contribution_blocks`.
        """
        out = np.empty((len(self.singles) + len(self.pairs), len(X))) if into is None else into
        with np.errstate(over="ignore"):
            for start in range(0, len(X), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                self._add_up(X[rows], out[:, rows])
        return out

    def contribution_blocks(self, X: np.ndarray, memory: Memory | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """`contribution_columns` of a few rows after the others: which ones, and what each part adds to them.

        Every block lies in the memory of the one before it: use it up, or copy it.
        """
        memory = memory or Memory()
        for start in range(0, len(X), ROWS_AT_ONCE):
            rows = slice(start, min(start + ROWS_AT_ONCE, len(X)))
            into = memory.array("contributions", (len(self.singles) + len(self.pairs), rows.stop - start))
            yield rows, self.contribution_columns(X[rows], into)

    def _add_up(self, X: np.ndarray, out: np.ndarray) -> None:
        singles, pairs = self._arrays
        columns = np.ascontiguousarray(X.T, dtype=np.float64)
        bins = []
        # Places are never out of bounds; "clip" spares numpy the check and a copy.
        for index, (binning, values) in enumerate(singles):
            bins.append(binning.bins(columns[index]))
            values.take(bins[index], out=out[index], mode="clip")
        for index, (first, second, row_starts, places, grid) in enumerate(pairs, len(singles)):
            cells = row_starts.take(bins[first], mode="clip")
            cells += places.take(bins[second], mode="clip")
            grid.take(cells, out=out[index], mode="clip")

    def margins(self, X: np.ndarray) -> np.ndarray:
        """Raw log-odds of a batch: float64[n]."""
        margins = np.full(len(X), self.base)
        for rows, added in self.contribution_blocks(X):
            for part in added:
                margins[rows] += part
        return margins

    def as_document(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "base": self.base,
            "singles": [{"cuts": list(t.cuts), "values": list(t.values)} for t in self.singles],
            "pairs": [
                {
                    "first": p.first,
                    "second": p.second,
                    "first_cuts": list(p.first_cuts),
                    "second_cuts": list(p.second_cuts),
                    "values": [list(row) for row in p.values],
                }
                for p in self.pairs
            ],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Tables:
        """Tables from their JSON document. Raises ValueError when they do not fit together."""
        tables = cls(
            names=tuple(document["names"]),
            base=float(document["base"]),
            singles=tuple(SingleTable(tuple(t["cuts"]), tuple(t["values"])) for t in document["singles"]),
            pairs=tuple(
                PairTable(
                    p["first"],
                    p["second"],
                    tuple(p["first_cuts"]),
                    tuple(p["second_cuts"]),
                    tuple(tuple(row) for row in p["values"]),
                )
                for p in document["pairs"]
            ),
        )
        tables._check()
        return tables

    def _check(self) -> None:
        if len(self.singles) != len(self.names):
            raise ValueError("one table per feature is needed")
        for table in self.singles:
            if len(table.values) != len(table.cuts) + 2 or any(a >= b for a, b in pairwise(table.cuts)):
                raise ValueError("a table's cuts and values do not fit")
        for pair in self.pairs:
            widths = {len(row) for row in pair.values}
            if len(pair.values) != len(pair.first_cuts) + 2 or widths != {len(pair.second_cuts) + 2}:
                raise ValueError("a grid's cuts and values do not fit")


def _bins_of(edges: Sequence[float], finer: np.ndarray) -> np.ndarray:
    """For each bin of the finer edges, the bin of `edges` that holds it; the last of both is for missing values."""
    starts = np.concatenate([[-INFINITY], finer[:-1]])
    return np.append(np.searchsorted(np.array(edges), starts, side="right"), len(edges))
