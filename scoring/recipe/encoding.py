"""Typed columns as one matrix of numbers.

Numbers stay; dates become day, month and weekday; texts of few levels one column per level; texts of many levels,
and whole numbers that are codes, become their default rate (seen by other folds, drawn to the mean) and how common
they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.datasets.profiling import FEW_LEVELS, is_code

if TYPE_CHECKING:
    import pandas as pd

PRIOR_ROWS = 20.0  # rows of the overall default rate that each level starts with
MOSTLY_UNIQUE = 0.5
UNKNOWN = "(sin dato)"


def feature_columns_of(
    profile: Mapping[str, Any], *, keep_sensitive: bool = False, exclude: Sequence[str] = ()
) -> list[str]:
    """Columns that training may use: no target, identifiers, leaks or future; sensitive ones only when asked for."""
    allowed = {"feature", "sensitive"} if keep_sensitive else {"feature"}
    return [
        name for name, column in profile["columns"].items() if column["role"] in allowed and name not in set(exclude)
    ]


class TableEncoder:
    """Learns levels and their default rates from one frame, and encodes others alike.

    `compact` gives columns of few levels as one number too, each level's default rate, for models that read one
    feature at a time.
    """

    def __init__(self, columns: Sequence[str], *, compact: bool = False) -> None:
        self.columns = list(columns)
        self.compact = compact
        self.names: list[str] = []
        self._levels: dict[str, list[str]] = {}
        self._rates: dict[str, dict[str, float]] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._kinds: dict[str, str] = {}
        self._prior = 0.0

    def fit(self, frame: pd.DataFrame, outcomes: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """Learn from `frame` and return it encoded, default rates taken from the other folds: float64[n, d]."""
        self._prior = float(outcomes.mean())
        for name in self.columns:
            self._kinds[name] = kind = self._kind(frame[name])
            if kind in {"few", "many"}:
                words = _words(frame[name])
                levels, places, counts = np.unique(words, return_inverse=True, return_counts=True)
                self._levels[name] = [str(level) for level in levels]
                self._counts[name] = dict(zip(self._levels[name], map(int, counts), strict=True))
                rates = smoothed_rates(places, outcomes, len(levels))
                self._rates[name] = dict(zip(self._levels[name], map(float, rates), strict=True))
        return self._encode(frame, outcomes, folds)

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Encode rows that were not learnt from: float64[n, d]."""
        return self._encode(frame, None, None)

    def _kind(self, column: pd.Series) -> str:
        levels = column.nunique()
        if column.dtype.kind == "M":
            return "date"
        if column.dtype.kind == "f":
            return "many" if is_code(str(column.name)) and levels > FEW_LEVELS and _whole(column) else "number"
        if levels > MOSTLY_UNIQUE * max(1, column.notna().sum()) and levels > FEW_LEVELS:
            return "prose"
        return "few" if levels <= FEW_LEVELS else "many"

    def _encode(self, frame: pd.DataFrame, outcomes: np.ndarray | None, folds: np.ndarray | None) -> np.ndarray:
        parts: list[np.ndarray] = []
        names: list[str] = []
        for name in self.columns:
            for suffix, values in self._column(name, frame[name], outcomes, folds):
                names.append(f"{name}{suffix}")
                parts.append(values)
        self.names = names
        return np.column_stack(parts) if parts else np.empty((len(frame), 0))

    def _column(
        self, name: str, column: pd.Series, outcomes: np.ndarray | None, folds: np.ndarray | None
    ) -> list[tuple[str, np.ndarray]]:
        kind = self._kinds[name]
        if kind == "number":
            return [("", column.to_numpy(dtype=np.float64))]
        if kind == "date":
            return self._date(column)
        if kind == "prose":
            return [(" length", column.map(lambda text: np.nan if text is None else len(str(text))).to_numpy(float))]
        words = _words(column)
        if kind == "few" and not self.compact:
            return [(f"={level}", (words == level).astype(np.float64)) for level in self._levels[name]]
        encoded = [("", self._rate(name, words, outcomes, folds))]
        if kind == "many":
            counts = self._counts[name]
            encoded.append((" count", np.log1p([counts.get(word, 0) for word in words])))
        return encoded

    def _date(self, column: pd.Series) -> list[tuple[str, np.ndarray]]:
        days = (column - np.datetime64("2000-01-01")).dt.total_seconds().to_numpy() / 86_400
        if self.compact:
            return [("", days)]
        return [
            (" day", days),
            (" month", column.dt.month.to_numpy(dtype=np.float64)),
            (" weekday", column.dt.day_of_week.to_numpy(dtype=np.float64)),
        ]

    def _rate(self, name: str, words: np.ndarray, outcomes: np.ndarray | None, folds: np.ndarray | None) -> np.ndarray:
        rates = self._rates[name]
        if outcomes is None or folds is None or (self.compact and self._kinds[name] == "few"):
            return np.array([rates.get(word, self._prior) for word in words])
        places = np.searchsorted(self._levels[name], words)
        encoded = np.empty(len(words))
        for fold in np.unique(folds):
            mine = folds == fold
            others = smoothed_rates(places[~mine], outcomes[~mine], len(self._levels[name]))
            encoded[mine] = others[places[mine]]
        return encoded

    def as_document(self) -> dict[str, Any]:
        return {
            "columns": self.columns,
            "compact": self.compact,
            "kinds": self._kinds,
            "levels": self._levels,
            "rates": self._rates,
            "counts": self._counts,
            "prior": self._prior,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> TableEncoder:
        encoder = cls(document["columns"], compact=document["compact"])
        encoder._kinds, encoder._levels = document["kinds"], document["levels"]
        encoder._rates, encoder._counts = document["rates"], document["counts"]
        encoder._prior = document["prior"]
        return encoder


def smoothed_rates(places: np.ndarray, outcomes: np.ndarray, levels: int) -> np.ndarray:
    """Default rate of each level, as if it had started with `PRIOR_ROWS` average rows: float64[levels]."""
    bads = np.bincount(places, outcomes, minlength=levels)
    seen = np.bincount(places, minlength=levels)
    return (bads + PRIOR_ROWS * outcomes.mean()) / (seen + PRIOR_ROWS)


def _words(column: pd.Series) -> np.ndarray:
    """Levels as text; missing is a level of its own."""
    if column.dtype.kind == "f":
        return np.array([UNKNOWN if value != value else f"{value:g}" for value in column.to_numpy()], dtype=str)
    return column.where(column.notna(), UNKNOWN).astype(str).to_numpy(dtype=str)


def _whole(column: pd.Series) -> bool:
    values = column.dropna().to_numpy()
    return bool((values == np.round(values)).all())
