"""Where what the formulas read comes from, besides the applicant's own answers.

Three doors, one mapping each, all optional; what did not come through is missing, never zero:

- *statements*: figures read from dated amounts (wallet, bank, till), part of the facts under these names;
- *history*: how past installments were paid, part of the facts too;
- *signals*: figures about the world outside, handed over beside the facts as `name -> KnownSignal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext

STATEMENT_FACTS = {
    "statement_income": "mean monthly money in, soles, over the full months of the statement",
    "cash_flow_stability": "1 minus the coefficient of variation of monthly money in, brought into 0..1",
    "balance_low": "lowest balance of the last three full months, soles",
    "daily_sales_volatility": "standard deviation over mean of daily sales, days without sales included",
    "sales_growth": "growth of monthly sales per month, fraction, by the slope of their logarithms",
    "sales_season": "share of the variance of monthly sales that the calendar month explains, 0..1",
}
HISTORY_FACTS = {
    "payment_timeliness": "share of past installments that were paid on or before their day, 0..1",
    "payment_frequency": "payments made per month while a loan was open",
    "payment_completion_rate": "amount paid over amount that had fallen due, 0..1",
}
OPTIONAL_FACTS = {
    "total_debt_usd": "what is owed in dollars, beside what is owed in soles",
}
SIGNALS = {
    "crop_price": "farm-gate price of the crop in the region, soles per kg, last month published",
    "crop_price_usual": "its mean over the 36 months before",
    "crop_price_volatility": "standard deviation over mean of the last 36 monthly prices",
    "crop_yield_usual": "usual yield of the crop in the district, else the region, kg per hectare",
    "rain_ratio": "rain of the last three months over the normal of those months",
    "frost_nights": "nights of frost in the last three months",
    "el_nino": "coastal El Niño index, degrees",
    "region_arrears": "share of the region's small loans in arrears, fraction",
    "sector_arrears": "share of the sector's small loans in arrears, fraction",
    "usd_rate": "soles per dollar on the day of the decision",
}


class SignalFromTheFuture(ValueError):
    """A signal that nobody could have known on the day of the decision."""


@dataclass(frozen=True, slots=True)
class KnownSignal:
    """A signal's value and the day from which it was known; `source` says which file or message it came from."""

    value: float
    known_on: date
    source: str = ""

    def as_json(self) -> dict[str, Any]:
        """What a score freezes of it."""
        return {"value": self.value, "known_on": self.known_on.isoformat(), "source": self.source}


def check_known(signals: Mapping[str, KnownSignal], on: date) -> None:
    """Raises SignalFromTheFuture when a signal became known after the decision, KeyError when nobody knows its name."""
    if unknown := sorted(set(signals) - set(SIGNALS)):
        raise KeyError(f"unknown signals {unknown}; known: {', '.join(SIGNALS)}")
    late = {name: signal.known_on for name, signal in signals.items() if signal.known_on > on}
    if late:
        name, day = min(late.items())
        raise SignalFromTheFuture(
            gettext("La señal «%(name)s» se conoció el %(day)s, después de la decisión.")
            % {"name": name, "day": day.strftime("%d/%m/%Y")}
        )
