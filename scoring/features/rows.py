"""From declared facts to the numbers a model reads: one applicant at a time, or many at once.

Both ways give the same float64 to the last bit; NaN means that the question was not answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from scoring.expressions import NAN, Coded, Scalar, Signal, walk

from .enterprise import ENTERPRISE
from .farm import FARM
from .feature import PROHIBITED_FACTS, Feature, ProhibitedFact
from .household import HOUSEHOLD
from .sources import KnownSignal

FEATURES: dict[str, tuple[Feature, ...]] = {"household": HOUSEHOLD, "enterprise": ENTERPRISE, "farm": FARM}

LARGEST = 1e15


class UnreadableFact(ValueError):
    """A fact is not a number where the dictionary wants one."""

    def __init__(self, name: str, value: object):
        self.name, self.value = name, value
        super().__init__(f"{name}: expected a number, got {type(value).__name__}")


class FactReader:
    """Reads one segment's declared facts into feature values."""

    def __init__(self, segment: str):
        self.segment = segment
        self.features = features_of(segment)
        self.names = tuple(feature.name for feature in self.features)
        parts = [part for feature in self.features for part in walk(feature.formula)]
        coded = {part.slot: part for part in parts if isinstance(part, Coded)}
        words = {part.name for part in coded.values()}
        self.signals = tuple(sorted({part.name for part in parts if isinstance(part, Signal)}))
        levers = {feature.lever.fact for feature in self.features if feature.lever is not None}
        sources = {source for feature in self.features for source in feature.formula.facts}
        self.numeric_facts = tuple(sorted((sources | levers) - words - set(self.signals)))
        self.coded_facts = tuple(coded[slot] for slot in sorted(coded))
        slots = (*self.numeric_facts, *(part.slot for part in self.coded_facts), *self.signals)
        position = {slot: index for index, slot in enumerate(slots)}
        self._steps: tuple[tuple[Scalar, float, float], ...] = tuple(
            (feature.formula.scalar(position), float(feature.low), float(feature.high)) for feature in self.features
        )
        self.columns = frozenset({*self.numeric_facts, *words, *self.signals})
        self._coded_lookup = tuple((part.name, part.table) for part in self.coded_facts)

    def numbers(self, facts: Mapping[str, Any], signals: Mapping[str, KnownSignal] | None = None) -> list[float]:
        """Facts and signals as floats, in the reader's own order; NaN where unanswered or unknown.

        Signals must have been known on the day of the decision: see `sources.check_known`. Raises ProhibitedFact,
        or UnreadableFact where a number was expected.
        """
        if not PROHIBITED_FACTS.isdisjoint(facts):
            raise ProhibitedFact(PROHIBITED_FACTS & set(facts))
        get = facts.get
        row = [as_number(name, get(name)) for name in self.numeric_facts]
        for name, table in self._coded_lookup:
            word = get(name)
            row.append(float(table.get(word, NAN)) if isinstance(word, str) else NAN)
        if signals:
            row += [signals[name].value if name in signals else NAN for name in self.signals]
        else:
            row += [NAN] * len(self.signals)
        return row

    def values(self, row: Sequence[float]) -> list[float]:
        """Feature values of one applicant, winsorised, from `numbers(facts)`."""
        values = []
        for formula, low, high in self._steps:
            value = formula(row)
            if value < low:
                value = low
            elif value > high:
                value = high
            values.append(value)
        return values

    def read(self, facts: Mapping[str, Any], signals: Mapping[str, KnownSignal] | None = None) -> list[float]:
        return self.values(self.numbers(facts, signals))

    def matrix(self, columns: Mapping[str, Any], rows: int) -> np.ndarray:
        """Feature values of a batch given as columns (arrays, lists or pandas series): float64[n, d].

        Facts and signals come under their names; a column that is not there is a question nobody answered.
        """
        if not PROHIBITED_FACTS.isdisjoint(columns):
            raise ProhibitedFact(PROHIBITED_FACTS & set(columns))
        unanswered = np.full(rows, NAN)
        slots: dict[str, np.ndarray] = {}
        for name in self.numeric_facts:
            slots[name] = _number_column(name, columns[name]) if name in columns else unanswered
        for name in self.signals:
            slots[name] = _number_column(name, columns[name]) if name in columns else unanswered
        for part in self.coded_facts:
            slots[part.slot] = _coded_column(columns[part.name], part.table) if part.name in columns else unanswered
        matrix = np.empty((rows, len(self.features)))
        for index, feature in enumerate(self.features):
            with np.errstate(invalid="ignore"):
                matrix[:, index] = np.clip(feature.formula.columns(slots), feature.low, feature.high)
        return matrix


def as_number(name: str, value: object) -> float:
    """A declared fact as float64; None, NaN, infinities and beyond 10^15 count as unanswered."""
    if value is None:
        return NAN
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        return NAN
    except (TypeError, ValueError):
        if isinstance(value, Decimal):
            return NAN
        raise UnreadableFact(name, value) from None
    return number if -LARGEST <= number <= LARGEST else NAN


def _number_column(name: str, column: Any) -> np.ndarray:
    try:
        numbers = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([as_number(name, value) for value in column], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(numbers) <= LARGEST, numbers, NAN)


def _coded_column(column: Any, table: Mapping[str, float]) -> np.ndarray:
    return np.array([table.get(word, NAN) if isinstance(word, str) else NAN for word in column], dtype=np.float64)


def features_of(segment: str) -> tuple[Feature, ...]:
    """The dictionary of a segment. Raises KeyError with the known segments otherwise."""
    try:
        return FEATURES[segment]
    except KeyError:
        raise KeyError(f"unknown segment {segment!r}; known: {', '.join(FEATURES)}") from None


@cache
def reader(segment: str) -> FactReader:
    return FactReader(segment)


def feature_names(segment: str) -> tuple[str, ...]:
    return reader(segment).names


def feature_row(
    segment: str, facts: Mapping[str, Any], signals: Mapping[str, KnownSignal] | None = None
) -> list[float]:
    """One applicant's feature values: float[d], NaN where facts and signals do not say."""
    return reader(segment).read(facts, signals)


def feature_matrix(segment: str, facts: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Many applicants' feature values: float64[n, d], NaN where the facts do not say."""
    read = reader(segment).read
    matrix = np.empty((len(facts), len(feature_names(segment))))
    for index, row in enumerate(facts):
        matrix[index] = read(row)
    return matrix


def feature_columns(segment: str, columns: Mapping[str, Any], rows: int) -> np.ndarray:
    """`feature_matrix` for facts that come as whole columns, at numpy speed."""
    return reader(segment).matrix(columns, rows)
