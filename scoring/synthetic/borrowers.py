"""Synthetic Peruvian borrowers whose true probability of default is known.

They stand in for history that an institution does not have yet, and measure a model: no model can rank better than
`true_pd` does, so the distance to it is what the model still leaves on the table.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

from scoring.features import FEATURES, HISTORY_FACTS, SIGNALS, STATEMENT_FACTS, feature_columns, feature_names

from . import truth
from .population import Crowd, grouped
from .segments import POPULATIONS, seen_elsewhere

if TYPE_CHECKING:
    import pandas as pd

GENERATOR_VERSION = 2
MEAN_PD = {"household": 0.06, "enterprise": 0.06, "farm": 0.10}
LOGIT_SPREAD = 1.1
MILD, STRONG = 0.25, 0.6  # share of the interactions in the spread of the truth

# Monthly hazard over the first year, by the loan's age (peak in months 4 to 8) and by the calendar month.
AGE_EFFECT = np.array([-1.4, -0.7, -0.2, 0.25, 0.4, 0.45, 0.4, 0.3, 0.1, -0.05, -0.15, -0.2])
SEASON = {
    "household": np.array([0.12, 0.18, 0.20, 0.05, 0, 0, -0.1, 0, 0, 0, -0.05, -0.2]),
    "enterprise": np.array([0.15, 0.20, 0.15, 0.05, -0.05, 0, -0.1, 0, 0, 0, -0.05, -0.25]),
    "farm": np.array([0.15, 0.20, 0.15, 0, -0.15, -0.2, -0.15, -0.05, 0, 0.05, 0.1, 0.1]),
}
SHOCK_SD = 0.2  # a bad month in a region
MONTHS_OF_HISTORY = 36
LAST_MONTH = date(2025, 12, 1)

YES_NO = {"keeps_records", "cooperative"}
WHOLE = {
    *("term_months", "creditors", "past_loans", "worst_delay_days", "dependants"),
    *("employment_months", "business_months", "farming_years", "altitude_m"),
    *("lost_harvests", "harvest_month", "campaign_months"),
}
NOT_ASKED = {*HISTORY_FACTS, *STATEMENT_FACTS, *SIGNALS}
ALWAYS_ANSWERED = {"amount", "term_months", "region", *NOT_ASKED}
UNANSWERED = {"savings_balance": 0.06, "assets_value": 0.05, "other_income": 0.04, "total_debt": 0.04}
UNANSWERED_OTHERWISE = 0.01
THIN_FILES = 0.05  # people who answered only about half of the questions


@dataclass(frozen=True)
class _Truth:
    """How the burden of the facts becomes the monthly log-odds of default, the same for every sample."""

    joint_scale: float
    slope: float
    intercept: float


def borrowers(
    segment: str,
    n: int,
    seed: int,
    *,
    mean_pd: float | None = None,
    spread: float = LOGIT_SPREAD,
    interactions: float = MILD,
    missing: bool = True,
    drift: float = 0.0,
) -> pd.DataFrame:
    """`n` borrowers of a segment: their declared facts, whether they defaulted, and the truth behind it.

    Besides the facts and signals (NaN or None where unanswered or unknown) the columns are `default` (0/1: 90 days
    late within 12 months), `true_pd` (all that complete answers can tell), `hidden_pd` (with the frailty and the
    shocks that nobody can know), `applied_on` (first of a month), `branch`, `approved` (by the old policy, with 5 %
    let in at random) and `protected_group` with its `proxy_group`, both without any bearing on risk. `drift` moves
    the log-odds of the last quarter of the history. The same arguments give the same people.
    """
    import pandas as pd

    mean_pd = MEAN_PD[segment] if mean_pd is None else mean_pd
    rng = np.random.default_rng([seed, list(FEATURES).index(segment), GENERATOR_VERSION])
    crowd = Crowd(n, rng)
    facts, latent_delay = _complete_facts(segment, crowd)
    known = _truth(segment, mean_pd, spread, interactions)
    month = rng.integers(0, MONTHS_OF_HISTORY, n)
    drifting = drift * (month >= MONTHS_OF_HISTORY - 3)
    log_odds = _monthly_log_odds(segment, facts, known) + drifting
    has_history = facts["past_loans"] > 0

    true_pd = _yearly(segment, log_odds, month, truth.frailty_nodes(latent_delay, has_history)).mean(axis=1)
    rest = np.sqrt(1 - truth.FRAILTY_IN_DELAY**2)
    frailty = truth.FRAILTY_SD * (truth.FRAILTY_IN_DELAY * latent_delay + rest * rng.standard_normal(n))
    shocks = rng.normal(0, SHOCK_SD, (25, MONTHS_OF_HISTORY + 12))
    hidden_pd = _yearly(segment, log_odds, month, frailty[:, None], shocks[crowd.region_index])[:, 0]
    default = (rng.random(n) < hidden_pd).astype(int)

    old_view = log_odds + rng.normal(0, 0.9, n)
    at_random = rng.random(n) < 0.05
    protected = rng.random(n) < 0.3
    columns: dict[str, Any] = {**facts, "region": crowd.region}
    if missing:
        columns = _forget(columns, rng, n)
    return pd.DataFrame(
        {
            **columns,
            "default": default,
            "true_pd": true_pd,
            "hidden_pd": hidden_pd,
            "applied_on": pd.to_datetime([_month(index) for index in range(MONTHS_OF_HISTORY)]).take(month),
            "branch": crowd.branch,
            "approved": (old_view < np.quantile(old_view, 0.75)) | at_random,
            "protected_group": protected.astype(int),
            "proxy_group": np.where(rng.random(n) < 0.85, protected, ~protected).astype(int),
        }
    )


def provenance(segment: str, n: int, seed: int, **options: Any) -> dict[str, Any]:
    """What it takes to draw the same people again."""
    import pandas as pd
    import scipy

    return {
        "generator": "scoring.synthetic",
        "generator_version": GENERATOR_VERSION,
        "segment": segment,
        "rows": n,
        "seed": seed,
        **options,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "pandas": pd.__version__,
        },
    }


def declared(frame: pd.DataFrame, segment: str) -> list[dict[str, Any]]:
    """The rows of `frame` as an application would declare them: Decimal soles, whole numbers, words, None."""
    rows = []
    for row in frame[fact_names(segment)].to_dict("records"):
        facts: dict[str, Any] = {}
        for name, value in row.items():
            if value is None or value != value:
                facts[name] = None
            elif isinstance(value, str):
                facts[name] = value
            elif name in YES_NO:
                facts[name] = bool(value)
            else:
                facts[name] = int(value) if name in WHOLE else Decimal(f"{value:.2f}")
        rows.append(facts)
    return rows


@lru_cache
def fact_names(segment: str) -> list[str]:
    """The declared facts that the generator fills in for a segment."""
    return [name for name in column_names(segment) if name not in NOT_ASKED]


@lru_cache
def column_names(segment: str) -> list[str]:
    """All that the generator fills in: declared facts, statements, past installments and signals."""
    facts, _ = _complete_facts(segment, Crowd(2, np.random.default_rng(0)))
    return [*facts, "region"]


def _complete_facts(segment: str, crowd: Crowd) -> tuple[dict[str, np.ndarray], np.ndarray]:
    facts = POPULATIONS[segment](crowd)
    past_loans = grouped(crowd.alone(), [0.24, 0.19, 0.16, 0.12, 0.09, 0.07, 0.05, 0.03, 0.02, 0.01, 0.01, 0.01])
    latent = crowd.alone()
    delay = np.where(past_loans > 0, truth.worst_delay(latent), np.nan)
    facts |= {"past_loans": past_loans, "worst_delay_days": delay}
    facts |= seen_elsewhere(segment, crowd, facts, latent, truth.PUNCTUAL_BELOW)
    return {name: np.asarray(column) for name, column in facts.items()}, latent


def _burden(segment: str, facts: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    matrix = feature_columns(segment, facts, len(facts["amount"]))
    return truth.burden(segment, feature_names(segment), matrix)


def _monthly_log_odds(segment: str, facts: dict[str, np.ndarray], known: _Truth) -> np.ndarray:
    additive, joint = _burden(segment, facts)
    return known.intercept + known.slope * (additive + known.joint_scale * joint)


def _yearly(
    segment: str, log_odds: np.ndarray, month: np.ndarray, frailty: np.ndarray, shocks: np.ndarray | None = None
) -> np.ndarray:
    """PD within 12 months for each frailty: 1 - product of (1 - hazard), float64[n, k]."""
    survival = np.ones_like(frailty)
    for age in range(12):
        at = month + age
        monthly = log_odds + AGE_EFFECT[age] + SEASON[segment][at % 12]
        if shocks is not None:
            monthly = monthly + shocks[np.arange(len(at)), at]
        survival *= 1 - expit(monthly[:, None] + frailty)
    return 1 - survival


@lru_cache
def _truth(segment: str, mean_pd: float, spread: float, interactions: float) -> _Truth:
    """Scale a reference crowd so that its PD has the wanted mean and its logit the wanted spread."""
    rng = np.random.default_rng([20_260_101, GENERATOR_VERSION])
    crowd = Crowd(6_000, rng)
    facts, latent = _complete_facts(segment, crowd)
    additive, joint = _burden(segment, facts)
    share = interactions / np.sqrt(1 - interactions**2)
    joint_scale = share * float(np.std(additive) / np.std(joint))
    total = additive + joint_scale * joint
    month = rng.integers(0, MONTHS_OF_HISTORY, len(total))
    nodes = truth.frailty_nodes(latent, facts["past_loans"] > 0)
    slope, intercept = spread / float(np.std(total)), float(logit(mean_pd / 12)) - 1.0
    for _ in range(12):
        pd = _yearly(segment, intercept + slope * (total - total.mean()), month, nodes).mean(axis=1)
        intercept += float(logit(mean_pd) - logit(pd.mean()))
        slope *= spread / float(np.std(logit(pd)))
    return _Truth(joint_scale, slope, intercept - slope * float(total.mean()))


def _forget(columns: dict[str, Any], rng: np.random.Generator, n: int) -> dict[str, Any]:
    """Leave questions unanswered: a few here and there, about half of them in thin files."""
    thin = rng.random(n) < THIN_FILES
    answered: dict[str, Any] = {}
    for name, column in columns.items():
        if name in ALWAYS_ANSWERED:
            answered[name] = column
            continue
        rate = UNANSWERED.get(name, UNANSWERED_OTHERWISE)
        unanswered = rng.random(n) < np.where(thin, 0.5, rate)
        if column.dtype == object:
            answered[name] = np.where(unanswered, None, column)
        else:
            answered[name] = np.where(unanswered, np.nan, column.astype(float))
    return answered


def _month(index: int) -> date:
    months = LAST_MONTH.year * 12 + LAST_MONTH.month - MONTHS_OF_HISTORY + index
    return date(months // 12, months % 12 + 1, 1)
