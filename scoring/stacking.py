"""How much each of several models counts when they answer together."""

from __future__ import annotations

import numpy as np

SHRINKAGE = 25.0  # towards equal weights


def stack_weights(log_odds: np.ndarray, outcomes: np.ndarray, shrinkage: float = SHRINKAGE) -> np.ndarray:
    """Weights from zero up for each member's log-odds, and a level: logistic, drawn to equal weights."""
    from scipy.optimize import minimize

    members = log_odds.shape[1]
    equal = np.full(members, 1.0 / members)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = log_odds @ weights[:-1] + weights[-1]
        wrong = 1 / (1 + np.exp(-np.clip(margin, -35, 35))) - outcomes
        value = np.sum(np.logaddexp(0, margin) - outcomes * margin) + shrinkage * np.sum((weights[:-1] - equal) ** 2)
        gradient = np.append(log_odds.T @ wrong + 2 * shrinkage * (weights[:-1] - equal), wrong.sum())
        return float(value), gradient

    start = np.append(equal, 0.0)
    bounds = [(0.0, None)] * members + [(None, None)]
    return minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
