"""The truth behind synthetic defaults: how each feature bends the monthly hazard, and what nobody can know.

`SPLINES` hold the shape of each effect as knots in the feature's own unit; only proportions matter, since the sum
is scaled so that the logit of the probability of default has the wanted spread. Shapes respect the directions of
the feature dictionary. The worst delay has no shape here: it tells about the borrower's frailty, and that is how
it predicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtr, ndtri

Knots = tuple[tuple[float, ...], tuple[float, ...]]

SPLINES: Mapping[str, Mapping[str, Knots]] = {
    "household": {
        "installment_to_surplus": ((0, 0.15, 0.4, 0.8, 1.5, 3), (0, 0.1, 0.5, 1.0, 1.3, 1.4)),
        "debt_service": ((0, 0.1, 0.3, 0.6, 1.5), (0, 0.1, 0.5, 0.9, 1.1)),
        "debt_to_income": ((0, 1, 4, 12, 36), (0, 0.1, 0.4, 0.7, 0.8)),
        "expense_share": ((0, 0.4, 0.7, 0.95, 2), (0, 0.05, 0.4, 0.8, 1.0)),
        "income_per_person": ((50, 250, 600, 1500, 6000), (0.8, 0.6, 0.25, 0.05, 0)),
        "amount_to_income": ((0, 1, 3, 8, 24), (0, 0.1, 0.4, 0.7, 0.8)),
        "creditors": ((0, 1, 2, 4, 8), (0, 0.1, 0.3, 0.9, 1.2)),
        "past_loans": ((0, 1, 3, 6, 12), (0.7, 0.4, 0.15, 0.05, 0)),
        "savings_months": ((0, 0.2, 1, 3, 12), (0.8, 0.6, 0.3, 0.1, 0)),
        "employment": ((0, 1, 2, 3), (0, 0.1, 0.35, 0.6)),
        "employment_months": ((0, 6, 18, 48, 240), (0.8, 0.55, 0.3, 0.1, 0)),
        "housing": ((0, 1, 2, 3), (0, 0.05, 0.2, 0.4)),
        "assets_to_amount": ((0, 0.5, 2, 8, 40), (0.5, 0.35, 0.2, 0.05, 0)),
        "term_months": ((1, 9, 18, 36, 60), (0, 0.05, 0.2, 0.4, 0.5)),
        "cash_flow_stability": ((0, 0.4, 0.7, 1), (0.5, 0.35, 0.1, 0)),
        "income_seen": ((0, 0.5, 0.9, 1.5), (0.4, 0.25, 0.05, 0)),
        "balance_low": ((-1, 0, 0.3, 1, 3), (0.5, 0.4, 0.2, 0.05, 0)),
    },
    "enterprise": {
        "installment_to_surplus": ((0, 0.15, 0.4, 0.8, 1.5, 3), (0, 0.1, 0.5, 1.0, 1.3, 1.4)),
        "gross_profit_margin": ((-0.5, 0.1, 0.25, 0.45, 0.95), (0.9, 0.7, 0.4, 0.1, 0)),
        "expense_share": ((0, 0.05, 0.15, 0.4, 1), (0, 0.05, 0.3, 0.6, 0.7)),
        "debt_to_sales": ((0, 0.5, 2, 6, 24), (0, 0.1, 0.4, 0.7, 0.8)),
        "debt_service": ((0, 0.1, 0.3, 0.7, 1.5), (0, 0.1, 0.5, 0.9, 1.1)),
        "amount_to_sales": ((0, 0.5, 1.5, 4, 18), (0, 0.1, 0.4, 0.7, 0.8)),
        "creditors": ((0, 1, 2, 4, 8), (0, 0.1, 0.3, 0.9, 1.2)),
        "past_loans": ((0, 1, 3, 6, 12), (0.7, 0.4, 0.15, 0.05, 0)),
        "savings_months": ((0, 0.2, 1, 3, 12), (0.7, 0.5, 0.25, 0.1, 0)),
        "business_months": ((0, 6, 18, 48, 240), (0.9, 0.65, 0.4, 0.15, 0)),
        "assets_to_amount": ((0, 0.5, 2, 8, 30), (0.5, 0.35, 0.2, 0.05, 0)),
        "digital_share": ((0, 0.2, 0.5, 1), (0.35, 0.2, 0.05, 0)),
        "sales_trend": ((0, 1, 2), (0, 0.15, 0.6)),
        "keeps_records": ((0, 1), (0.4, 0)),
        "sector": ((0, 1, 2, 3, 4, 5), (0, 0.25, 0.05, 0.15, 0.4, 0.2)),
        "premises": ((0, 1, 2, 3), (0, 0.15, 0.1, 0.4)),
        "term_months": ((1, 9, 18, 36, 60), (0, 0.05, 0.2, 0.4, 0.5)),
        "cash_flow_stability": ((0, 0.4, 0.7, 1), (0.5, 0.35, 0.1, 0)),
        "income_seen": ((0, 0.5, 0.9, 1.5), (0.4, 0.25, 0.05, 0)),
        "daily_sales_volatility": ((0, 0.6, 1.2, 4), (0, 0.1, 0.35, 0.6)),
        "sales_growth": ((-0.2, -0.03, 0.02, 0.2), (0.5, 0.3, 0.1, 0)),
        "sector_arrears": ((0, 0.05, 0.1, 0.3), (0, 0.05, 0.25, 0.5)),
        "region_arrears": ((0, 0.05, 0.1, 0.3), (0, 0.05, 0.25, 0.5)),
    },
    "farm": {
        "debt_to_harvest": ((0, 0.2, 0.5, 1, 3), (0, 0.2, 0.7, 1.2, 1.4)),
        "campaign_margin": ((-1, 0, 0.3, 0.6, 0.95), (1.2, 0.9, 0.4, 0.1, 0)),
        "loan_to_cost": ((0, 0.4, 0.7, 1, 3), (0, 0.1, 0.3, 0.7, 0.9)),
        "yield_to_usual": ((0.1, 0.6, 0.9, 1.2, 2.5), (0.7, 0.5, 0.2, 0.05, 0)),
        "crop": ((0, 1, 2, 3, 4, 5, 6, 7, 8), (0.5, 0.2, 0.25, 0.4, 0.3, 0.25, 0.05, 0, 0.4)),
        "irrigation": ((0, 1, 2), (0, 0.25, 0.6)),
        "altitude_m": ((0, 1000, 2500, 3600, 5000), (0.15, 0, 0.05, 0.35, 0.8)),
        "farming_years": ((0, 3, 8, 20, 40), (0.6, 0.45, 0.2, 0.05, 0)),
        "land_tenure": ((0, 1, 2, 3), (0, 0.1, 0.2, 0.4)),
        "cooperative": ((0, 1), (0.4, 0)),
        "livestock_to_amount": ((0, 0.3, 1, 3, 10), (0.5, 0.35, 0.2, 0.05, 0)),
        "lost_harvests": ((0, 1, 2, 3, 5), (0, 0.3, 0.7, 1.0, 1.2)),
        "harvest_gap": ((-6, -2, 0, 2, 6), (1.0, 0.7, 0.2, 0.05, 0)),
        "other_income_share": ((0, 0.2, 0.6, 1.5, 3), (0.5, 0.35, 0.2, 0.05, 0)),
        "creditors": ((0, 1, 2, 4, 8), (0, 0.1, 0.3, 0.9, 1.2)),
        "past_loans": ((0, 1, 3, 6, 12), (0.6, 0.35, 0.15, 0.05, 0)),
        "savings_months": ((0, 0.2, 1, 3, 12), (0.6, 0.4, 0.2, 0.05, 0)),
        "price_level": ((0.3, 0.8, 1, 1.3, 2.5), (0.7, 0.4, 0.25, 0.1, 0)),
        "price_volatility": ((0, 0.15, 0.4, 1), (0, 0.05, 0.3, 0.4)),
        "rain_on_rainfed": ((0, 0.2, 0.5, 1.5), (0, 0.05, 0.4, 0.7)),
        "frost_nights": ((0, 5, 15, 40), (0, 0.1, 0.4, 0.6)),
        "el_nino": ((-2, 0, 0.5, 3), (0.05, 0, 0.1, 0.5)),
    },
}

# Where two weak spots meet, more than the sum happens: (first, second, weight).
INTERACTIONS: Mapping[str, tuple[tuple[str, str, float], ...]] = {
    "household": (
        ("installment_to_surplus", "savings_months", 1.0),
        ("creditors", "debt_service", 0.8),
        ("employment_months", "amount_to_income", 0.8),
    ),
    "enterprise": (
        ("installment_to_surplus", "savings_months", 1.0),
        ("business_months", "amount_to_sales", 1.0),
        ("sales_trend", "gross_profit_margin", 0.8),
    ),
    "farm": (
        ("irrigation", "altitude_m", 1.0),
        ("debt_to_harvest", "lost_harvests", 1.0),
        ("campaign_margin", "savings_months", 0.6),
    ),
}

FRAILTY_SD = 0.5
FRAILTY_IN_DELAY = 0.65  # correlation of the frailty with how late past loans were paid
PUNCTUAL_BELOW = 0.45  # latent delay under which nothing was paid late: about two thirds
NODES = 7


def worst_delay(latent: np.ndarray) -> np.ndarray:
    """Days late at worst on past loans."""
    days = np.round(3 * np.exp(1.55 * (latent - PUNCTUAL_BELOW)))
    return np.where(latent < PUNCTUAL_BELOW, 0, np.minimum(days, 365))


@cache
def _nodes_without_history() -> np.ndarray:
    normal = ndtri((np.arange(NODES) + 0.5) / NODES)
    return normal / np.sqrt(np.mean(normal**2))


@cache
def _nodes_when_punctual() -> np.ndarray:
    """Equally likely frailties (in standard deviations) of someone who never paid late."""
    middles = (np.arange(400) + 0.5) / 400
    latent = ndtri(middles * ndtr(PUNCTUAL_BELOW))
    rest = np.sqrt(1 - FRAILTY_IN_DELAY**2)
    frailties = np.sort((FRAILTY_IN_DELAY * latent[:, None] + rest * ndtri(middles)).ravel())
    return np.array([part.mean() for part in np.array_split(frailties, NODES)])


def frailty_nodes(latent: np.ndarray, has_history: np.ndarray) -> np.ndarray:
    """Equally likely frailties of each borrower given what the history shows: float64[n, NODES].

    A known delay moves the frailty's mean, an unblemished history bounds it, no history says nothing.
    """
    normal = _nodes_without_history()
    rest = np.sqrt(1 - FRAILTY_IN_DELAY**2)
    late = FRAILTY_IN_DELAY * latent[:, None] + rest * normal
    nodes = np.where((latent < PUNCTUAL_BELOW)[:, None], _nodes_when_punctual(), late)
    return FRAILTY_SD * np.where(has_history[:, None], nodes, normal)


def burden(segment: str, names: Sequence[str], features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The risk that the facts carry, on an arbitrary scale: the sum of monotone splines, and what meets jointly."""
    columns = dict(zip(names, features.T, strict=True))
    weak: dict[str, np.ndarray] = {}
    additive = np.zeros(len(features))
    for name, (knots, effects) in SPLINES[segment].items():
        effect = PchipInterpolator(knots, effects)(np.clip(columns[name], knots[0], knots[-1]))
        effect = np.where(np.isnan(effect), np.mean(effects), effect)
        weak[name] = effect / max(effects)
        additive += effect
    joint = np.zeros(len(features))
    for first, second, weight in INTERACTIONS[segment]:
        joint += weight * weak[first] * weak[second]
    return additive, joint
