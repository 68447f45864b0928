"""A model at work: facts in, probability, score and exact points out.

Loads no XGBoost. One applicant takes microseconds in plain Python; a batch goes through numpy with the same results.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from scoring.calibration import Calibration
from scoring.features import FactReader, KnownSignal, reader
from scoring.memory import Memory
from scoring.points import HIGHEST, LOWEST, Scale, half_up, whole_points, whole_points_columns
from scoring.tables import Tables

LIMIT = "limit"


class DictionaryChanged(ValueError):
    """The model was trained on features that this version of the product no longer computes."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One applicant's prediction: `base + sum(points) + limit = score`.

    `values` and `points` follow the order of the model's parts: `values` for features only, NaN where missing.
    `limit` is what bringing the score into 300..850 added or took.
    """

    pd: float
    score: int
    base: int
    values: Sequence[float]
    points: Sequence[int]
    limit: int


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """Predictions of a batch: `pd` float64[n], `score` int64[n], `points` int32[parts, n], `limit` int64[n]."""

    pd: np.ndarray
    score: np.ndarray
    base: int
    points: np.ndarray
    limit: np.ndarray

    def rows(self, which: slice) -> ScoredBatch:
        """Some of its rows, in the same memory."""
        return ScoredBatch(self.pd[which], self.score[which], self.base, self.points[:, which], self.limit[which])


@dataclass(frozen=True)
class LiveModel:
    """Tables, calibration and scale of one trained model of a segment."""

    segment: str
    tables: Tables
    calibration: Calibration
    scale: Scale
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def reader(self) -> FactReader:
        """What turns facts into this model's features. Raises DictionaryChanged."""
        facts = reader(self.segment)
        if facts.names != self.tables.names:
            gone = sorted(set(self.tables.names) - set(facts.names))
            new = sorted(set(facts.names) - set(self.tables.names))
            raise DictionaryChanged(f"trained on other features of {self.segment}: gone {gone}, new {new}")
        return facts

    @property
    def parts(self) -> tuple[str, ...]:
        return self.tables.parts

    @cached_property
    def base_log_odds(self) -> float:
        return self.calibration.log_odds(self.tables.base)

    @cached_property
    def base_points(self) -> int:
        """Where every applicant starts, before anything about them is known."""
        return half_up(self.scale.exact(self.base_log_odds))

    def score(self, facts: Mapping[str, Any], signals: Mapping[str, KnownSignal] | None = None) -> Scored:
        """One applicant, from facts and what is known of the world. Raises ProhibitedFact or UnreadableFact."""
        return self.score_values(self.reader.read(facts, signals))

    def score_values(self, values: Sequence[float]) -> Scored:
        """One applicant, from feature values."""
        added = self.tables.contributions(values)
        margin = sum(added, self.tables.base)
        log_odds = self.calibration.log_odds(margin)
        moved = margin - self.tables.base
        # Calibration bends the scale; each part is stretched alike, so that the parts still add up.
        linear = abs(moved) < 1e-9
        stretch = self.calibration.slope(margin) if linear else (log_odds - self.base_log_odds) / moved
        per_unit = -self.scale.factor * stretch
        unlimited = half_up(self.scale.exact(log_odds))
        score = min(max(unlimited, LOWEST), HIGHEST)
        points = whole_points([per_unit * part for part in added], unlimited - self.base_points)
        pd = 1.0 / (1.0 + math.exp(-log_odds))
        return Scored(pd, score, self.base_points, values, points, score - unlimited)

    def probability(self, values: Sequence[float]) -> float:
        return 1.0 / (1.0 + math.exp(-self.calibration.log_odds(self.tables.margin(values))))

    def total(self, values: Sequence[float]) -> int:
        """The score alone."""
        return self.scale.score(self.calibration.log_odds(self.tables.margin(values)))

    def score_rows(self, rows: Iterable[Mapping[str, Any]]) -> list[Scored]:
        return [self.score(facts) for facts in rows]

    def score_matrix(self, X: np.ndarray, memory: Memory | None = None) -> ScoredBatch:
        """A batch, from feature values float64[n, d] with NaN where missing.

        What comes out lies in `memory`, if it is given, until that is used for the next batch.
        """
        memory = memory or Memory()
        rows = len(X)
        batch = ScoredBatch(
            memory.array("pd", (rows,)),
            memory.array("score", (rows,), np.int64),
            self.base_points,
            memory.array("points", (len(self.parts), rows), np.int32),
            memory.array("limit", (rows,), np.int64),
        )
        for part, added in self.tables.contribution_blocks(X, memory):
            self._score_block(added, batch.rows(part))
        return batch

    def _score_block(self, added: np.ndarray, batch: ScoredBatch) -> None:
        """Fill `batch` from contributions, which are used up."""
        margins = np.full(added.shape[1], self.tables.base)
        for part in added:
            margins += part
        log_odds = self.calibration.log_odds_many(margins)
        moved = margins - self.tables.base
        with np.errstate(divide="ignore", invalid="ignore"):
            stretch = np.where(
                np.abs(moved) > 1e-9, (log_odds - self.base_log_odds) / moved, self.calibration.slopes(margins)
            )
        unlimited = np.floor(self.scale.exact(log_odds) + 0.5).astype(np.int64)  # type: ignore[arg-type]
        np.clip(unlimited, LOWEST, HIGHEST, out=batch.score)
        np.subtract(batch.score, unlimited, out=batch.limit)
        np.divide(1.0, 1.0 + np.exp(-log_odds), out=batch.pd)
        added *= -self.scale.factor * stretch
        whole_points_columns(added, unlimited - self.base_points, batch.points)
