"""Turning a ranking into probabilities: calibration of log-odds, chosen by held-out log loss.

Beta calibration unless something else is better on rows it was not fitted on: nothing at all, or, with about a
thousand defaults and more, a monotone spline. Isotonic calibration is not offered: its ties make applicants with
different files indistinguishable and flatter the calibration error they are measured by.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

# Probabilities closer to 0 or 1 than this are not claimed by any model.
SMALLEST_PD = 1e-6
_LARGEST_LOGIT = math.log((1 - SMALLEST_PD) / SMALLEST_PD)


@dataclass(frozen=True)
class BetaCalibration:
    """Calibrated log-odds = c + a * ln p - b * ln(1 - p), where p is the raw probability; a, b >= 0 keep the order."""

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    def log_odds(self, margin: float) -> float:
        """Calibrated log-odds of one raw log-odds."""
        calibrated = self.c - self.a * _softplus(-margin) + self.b * _softplus(margin)
        return min(max(calibrated, -_LARGEST_LOGIT), _LARGEST_LOGIT)

    def slope(self, margin: float) -> float:
        """How much the calibrated log-odds move with the raw ones."""
        p = 1.0 / (1.0 + math.exp(-min(max(margin, -35.0), 35.0)))
        return self.a * (1 - p) + self.b * p

    def slopes(self, margins: np.ndarray) -> np.ndarray:
        p = 1.0 / (1.0 + np.exp(-np.clip(margins, -35.0, 35.0)))
        return self.a * (1 - p) + self.b * p

    def log_odds_many(self, margins: np.ndarray) -> np.ndarray:
        calibrated = self.c - self.a * np.logaddexp(0.0, -margins) + self.b * np.logaddexp(0.0, margins)
        return np.clip(calibrated, -_LARGEST_LOGIT, _LARGEST_LOGIT)

    def probabilities(self, margins: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of raw log-odds: float64[n] in (0, 1)."""
        return 1.0 / (1.0 + np.exp(-self.log_odds_many(margins)))


@dataclass(frozen=True)
class SplineCalibration:
    """Calibrated log-odds by straight pieces: `slopes_between[i]` ends at `knots[i]`, the last one has no end."""

    knots: tuple[float, ...]
    level: float  # calibrated log-odds at the first knot
    slopes_between: tuple[float, ...]

    @cached_property
    def heights(self) -> tuple[float, ...]:
        """Calibrated log-odds at every knot."""
        heights = [self.level]
        for index in range(1, len(self.knots)):
            heights.append(heights[-1] + self.slopes_between[index] * (self.knots[index] - self.knots[index - 1]))
        return tuple(heights)

    def log_odds(self, margin: float) -> float:
        """Calibrated log-odds of one raw log-odds."""
        piece = bisect_right(self.knots, margin)
        knot = max(0, piece - 1)
        calibrated = self.heights[knot] + self.slopes_between[piece] * (margin - self.knots[knot])
        return min(max(calibrated, -_LARGEST_LOGIT), _LARGEST_LOGIT)

    def slope(self, margin: float) -> float:
        """How much the calibrated log-odds move with the raw ones."""
        return self.slopes_between[bisect_right(self.knots, margin)]

    def slopes(self, margins: np.ndarray) -> np.ndarray:
        return np.array(self.slopes_between)[np.searchsorted(self.knots, margins, side="right")]

    def log_odds_many(self, margins: np.ndarray) -> np.ndarray:
        piece = np.searchsorted(self.knots, margins, side="right")
        knot = np.maximum(0, piece - 1)
        from_knot = margins - np.array(self.knots)[knot]
        calibrated = np.array(self.heights)[knot] + np.array(self.slopes_between)[piece] * from_knot
        return np.clip(calibrated, -_LARGEST_LOGIT, _LARGEST_LOGIT)

    def probabilities(self, margins: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of raw log-odds: float64[n] in (0, 1)."""
        return 1.0 / (1.0 + np.exp(-self.log_odds_many(margins)))


Calibration = BetaCalibration | SplineCalibration
IDENTITY = BetaCalibration()
ENOUGH_BADS = 1_000
WORTH_A_SPLINE = 5e-4  # of held-out log loss
FOLDS = 5


def calibration_document(calibration: Calibration) -> dict[str, Any]:
    return asdict(calibration)


def calibration_from(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a model's document. Raises TypeError when it is none."""
    if "knots" not in document:
        return BetaCalibration(**document)
    return SplineCalibration(tuple(document["knots"]), document["level"], tuple(document["slopes_between"]))


def choose_calibration(
    margins: np.ndarray, outcomes: np.ndarray, weights: np.ndarray | None = None, seed: int = 1
) -> Calibration:
    """The calibration with the lowest log loss on rows it was not fitted on; beta unless another is better.

    `margins` are raw log-odds of rows the model had not seen, `weights` how much each of them counts.
    """
    weights = np.ones(len(margins)) if weights is None else weights
    fold = np.random.default_rng(seed).permutation(np.arange(len(margins)) % FOLDS)
    ways: dict[str, Callable[..., Calibration]] = {"none": lambda *_: IDENTITY, "beta": fit_beta}
    if min(outcomes.sum(), len(outcomes) - outcomes.sum()) >= ENOUGH_BADS:
        ways["spline"] = fit_spline
    losses = dict.fromkeys(ways, 0.0)
    for one in range(FOLDS):
        out = fold == one
        for name, fit in ways.items():
            fitted = fit(margins[~out], outcomes[~out], weights[~out])
            losses[name] += (
                _loss(fitted, margins[out], outcomes[out], weights[out]) * weights[out].sum() / weights.sum()
            )
    best = "beta" if losses["beta"] <= losses["none"] else "none"
    if losses.get("spline", math.inf) < losses[best] - WORTH_A_SPLINE:
        best = "spline"
    return ways[best](margins, outcomes, weights)


def fit_spline(
    margins: np.ndarray, outcomes: np.ndarray, weights: np.ndarray | None = None, pieces: int = 8, ridge: float = 5.0
) -> SplineCalibration:
    """Straight pieces between quantiles of `margins`, rising everywhere, drawn towards slope 1."""
    from scipy.optimize import minimize

    weights = np.ones(len(margins)) if weights is None else weights
    knots = np.unique(np.quantile(margins, np.linspace(0.02, 0.98, pieces)))
    ends = np.concatenate([[-np.inf], knots, [np.inf]])
    design = np.column_stack(
        [
            np.minimum(margins - knots[0], 0.0),
            *(np.clip(margins - low, 0.0, high - low) for low, high in pairwise(ends[1:])),
            np.ones(len(margins)),
        ]
    )

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        odds = design @ values
        wrong = weights * (1.0 / (1.0 + np.exp(-np.clip(odds, -35, 35))) - outcomes)
        away = np.append(values[:-1] - 1.0, 0.0)
        value = np.sum(weights * (np.logaddexp(0.0, odds) - outcomes * odds)) + ridge * np.sum(away**2)
        return float(value), design.T @ wrong + 2 * ridge * away

    start = np.append(np.ones(len(knots) + 1), knots[0])
    bounds = [(0.05, 20.0)] * (len(knots) + 1) + [(None, None)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return SplineCalibration(tuple(map(float, knots)), float(found[-1]), tuple(map(float, found[:-1])))


def fit_beta(
    margins: np.ndarray, outcomes: np.ndarray, weights: np.ndarray | None = None, ridge: float = 1.0
) -> BetaCalibration:
    """Beta calibration by penalised Newton steps on held-out raw log-odds (`outcomes` 0/1).

    The penalty pulls towards leaving the model as it is, so that few outcomes cannot bend it far. Where the order
    would turn (a or b below zero), one slope serves both sides; where that turns too, only the level moves. The
    identity is returned where it is no worse on the rows at hand.
    """
    weights = np.ones(len(margins)) if weights is None else weights
    low, high, one = -np.logaddexp(0.0, -margins), np.logaddexp(0.0, margins), np.ones(len(margins))
    a, b, c = _newton(np.column_stack([low, high, one]), np.array([1.0, 1.0, 0.0]), outcomes, ridge, weights)
    if a < 0 or b < 0:
        a, c = _newton(np.column_stack([low + high, one]), np.array([1.0, 0.0]), outcomes, ridge, weights)
        b = a
    if a < 0:
        (c,) = _newton(one[:, None], np.array([0.0]), outcomes, ridge, weights, offset=margins)
        a = b = 1.0
    fitted = BetaCalibration(float(a), float(b), float(c))
    if _loss(fitted, margins, outcomes, weights) >= _loss(IDENTITY, margins, outcomes, weights):
        return IDENTITY
    return fitted


def _newton(
    columns: np.ndarray,
    start: np.ndarray,
    outcomes: np.ndarray,
    ridge: float,
    row_weights: np.ndarray | float = 1.0,
    offset: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Logistic regression drawn towards `start`; the last column, the level, is free."""
    penalty = np.full(len(start), ridge)
    penalty[-1] = 1e-9
    weights = start.copy()
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(offset + columns @ weights, -35, 35)))
        gradient = columns.T @ (row_weights * (p - outcomes)) + penalty * (weights - start)
        curvature = (columns * (row_weights * p * (1 - p))[:, None]).T @ columns + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        largest = float(np.abs(step).max())
        weights = weights - step * min(1.0, 2.0 / max(largest, 1e-12))
        if largest < 1e-9:
            break
    return weights


def _loss(calibration: Calibration, margins: np.ndarray, outcomes: np.ndarray, weights: np.ndarray) -> float:
    odds = calibration.log_odds_many(margins)
    return float(np.average(np.logaddexp(0.0, odds) - outcomes * odds, weights=weights))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def fit_slope(log_odds: np.ndarray, outcomes: np.ndarray) -> float:
    """The slope of `outcomes` (0/1) on predicted log-odds, level free."""
    columns = np.column_stack([log_odds, np.ones(len(log_odds))])
    return float(_newton(columns, np.array([1.0, 0.0]), outcomes, ridge=1e-6)[0])
