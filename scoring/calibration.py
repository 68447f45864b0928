"""Turning a ranking into probabilities: beta calibration of log-odds.

Isotonic calibration is not offered: its ties make applicants with different files indistinguishable and flatter
the calibration error they are measured by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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


IDENTITY = BetaCalibration()


def fit_beta(margins: np.ndarray, outcomes: np.ndarray, ridge: float = 1.0) -> BetaCalibration:
    """Beta calibration by penalised Newton steps on held-out raw log-odds (`outcomes` 0/1).

    The penalty pulls towards leaving the model as it is, so that few outcomes cannot bend it far. Where the order
    would turn (a or b below zero), one slope serves both sides; where that turns too, only the level moves. The
    identity is returned where it is no worse on the rows at hand.
    """
    low, high, one = -np.logaddexp(0.0, -margins), np.logaddexp(0.0, margins), np.ones(len(margins))
    a, b, c = _newton(np.column_stack([low, high, one]), np.array([1.0, 1.0, 0.0]), outcomes, ridge)
    if a < 0 or b < 0:
        a, c = _newton(np.column_stack([low + high, one]), np.array([1.0, 0.0]), outcomes, ridge)
        b = a
    if a < 0:
        (c,) = _newton(one[:, None], np.array([0.0]), outcomes, ridge, offset=margins)
        a = b = 1.0
    fitted = BetaCalibration(float(a), float(b), float(c))
    if _loss(fitted, margins, outcomes) >= _loss(IDENTITY, margins, outcomes):
        return IDENTITY
    return fitted


def _newton(
    columns: np.ndarray, start: np.ndarray, outcomes: np.ndarray, ridge: float, offset: np.ndarray | float = 0.0
) -> np.ndarray:
    """Logistic regression drawn towards `start`; the last column, the level, is free."""
    penalty = np.full(len(start), ridge)
    penalty[-1] = 1e-9
    weights = start.copy()
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(offset + columns @ weights, -35, 35)))
        gradient = columns.T @ (p - outcomes) + penalty * (weights - start)
        curvature = (columns * (p * (1 - p))[:, None]).T @ columns + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        largest = float(np.abs(step).max())
        weights = weights - step * min(1.0, 2.0 / max(largest, 1e-12))
        if largest < 1e-9:
            break
    return weights


def _loss(calibration: BetaCalibration, margins: np.ndarray, outcomes: np.ndarray) -> float:
    odds = calibration.log_odds_many(margins)
    return float(np.mean(np.logaddexp(0.0, odds) - outcomes * odds))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def fit_slope(log_odds: np.ndarray, outcomes: np.ndarray) -> float:
    """The slope of `outcomes` (0/1) on predicted log-odds, level free."""
    columns = np.column_stack([log_odds, np.ones(len(log_odds))])
    return float(_newton(columns, np.array([1.0, 0.0]), outcomes, ridge=1e-6)[0])
