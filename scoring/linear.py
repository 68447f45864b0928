"""A logistic regression on ranks made normal, as tables: what the additive trees are blended with.

Trees find steps and bends, a straight line in the ranks holds where rows are few; together they rank better than
either, and a sum of step functions stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from scoring.tables import SingleTable, Tables

BINS = 32
RIDGE = 30.0


@dataclass(frozen=True)
class Ranks:
    """Each feature cut into bins of equal weight, and the normal score of each bin's middle rank."""

    cuts: tuple[np.ndarray, ...]
    scores: tuple[np.ndarray, ...]  # per bin, the last one for missing values, at zero
    shares: tuple[np.ndarray, ...]  # of the rows learnt from

    @classmethod
    def of(cls, X: np.ndarray) -> Ranks:
        cuts, scores, shares = [], [], []
        for column in X.T:
            seen = column[~np.isnan(column)]
            own = np.unique(np.quantile(seen, np.arange(1, BINS) / BINS)) if len(seen) else np.empty(0)
            counts = np.bincount(_places(own, column), minlength=len(own) + 2)
            known = counts[:-1] / max(1, counts[:-1].sum())
            middle = np.cumsum(known) - known / 2
            score = np.append(ndtri(np.clip(middle, 0.5 / BINS, 1 - 0.5 / BINS)), 0.0)
            # Spread one, so that the penalty treats every feature alike.
            spread = np.sqrt(np.sum(counts / len(column) * score**2) - np.sum(counts / len(column) * score) ** 2)
            cuts.append(own)
            scores.append(score / spread if spread > 1e-9 else np.zeros_like(score))
            shares.append(counts / len(column))
        return cls(tuple(cuts), tuple(scores), tuple(shares))

    def design(self, X: np.ndarray) -> np.ndarray:
        """Normal scores, then what is missing, then one: float64[n, 2d + 1]."""
        ranked = [score[_places(cuts, column)] for cuts, score, column in zip(self.cuts, self.scores, X.T, strict=True)]
        return np.column_stack([*ranked, np.isnan(X), np.ones(len(X))])

    def tables(self, names: Sequence[str], slopes: np.ndarray) -> Tables:
        """The regression with these slopes, each feature's contribution with mean zero."""
        count = len(names)
        base, singles = float(slopes[-1]), []
        for index in range(count):
            values = slopes[index] * self.scores[index]
            values[-1] = slopes[count + index]
            mean = float(values @ self.shares[index])
            base += mean
            cuts = tuple(map(float, self.cuts[index]))
            singles.append(SingleTable(cuts, tuple(map(float, values - mean))))
        return Tables(tuple(names), base, tuple(singles))


def _places(cuts: np.ndarray, column: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.append(cuts, np.inf), column, side="right")


def fit_slopes(
    design: np.ndarray, outcomes: np.ndarray, directions: Sequence[int], weights: np.ndarray | None = None
) -> np.ndarray:
    """Ridge slopes of `Ranks.design`, none against its feature's direction: float64[2d + 1], the level last."""
    from scipy.optimize import minimize

    weights = np.ones(len(outcomes)) if weights is None else weights
    penalty = np.append(np.full(design.shape[1] - 1, RIDGE / 2), 0.0)

    def loss(slopes: np.ndarray) -> tuple[float, np.ndarray]:
        odds = design @ slopes
        wrong = weights * (1 / (1 + np.exp(-np.clip(odds, -35, 35))) - outcomes)
        total = np.sum(weights * (np.logaddexp(0.0, odds) - outcomes * odds)) + penalty @ slopes**2
        return float(total), design.T @ wrong + 2 * penalty * slopes

    mean = np.average(outcomes, weights=weights)
    start = np.append(np.zeros(design.shape[1] - 1), np.log(mean / (1 - mean)))
    bound = [(0.0 if one > 0 else None, 0.0 if one < 0 else None) for one in directions]
    bounds = [*bound, *[(None, None)] * (len(directions) + 1)]
    return minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 80}).x


def blended(first: Tables, second: Tables, weights: Sequence[float] | np.ndarray) -> Tables:
    """`weights[0] * first + weights[1] * second + weights[2]`, as one table per feature."""
    singles = tuple(
        _sum(one, weights[0], other, weights[1]) for one, other in zip(first.singles, second.singles, strict=True)
    )
    pairs = tuple(
        replace(pair, values=tuple(tuple(weights[0] * value for value in row) for row in pair.values))
        for pair in first.pairs
    )
    base = weights[0] * first.base + weights[1] * second.base + weights[2]
    return Tables(first.names, float(base), singles, pairs)


def _sum(one: SingleTable, times: float, other: SingleTable, more: float) -> SingleTable:
    cuts = sorted({*one.cuts, *other.cuts})
    starts = [-np.inf, *cuts, np.nan]
    return SingleTable(tuple(cuts), tuple(times * one(start) + more * other(start) for start in starts))
