"""What was known of the world on a day, for many applicants in one query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db import connection

from scoring.features import KnownSignal

# How far back a figure still speaks of today, in days; older ones are not known, never zero.
FRESH = {
    "price": 3 * 366,
    "yield": 10 * 366,
    "rain": 122,
    "frost": 122,
    "el_nino": 92,
    "region_arrears": 185,
    "sector_arrears": 185,
    "usd_rate": 10,
}
MONTHS_OF_PRICES = 36
FEWEST_PRICES = 6  # before a usual price or its volatility is told

# The newest version that was known, of every period that still counts; the whole country stands in for a region.
KNOWN = """
SELECT DISTINCT ON (s.kind, s.region, s.subject, s."on", s.until)
       s.kind, s.region, s.subject, s.until, s.value, s.known_on, s.source, s.until - s."on"
FROM scoring_signal s
JOIN unnest(%(kinds)s::text[], %(fresh)s::int[]) AS k (kind, days) ON k.kind = s.kind
WHERE s.known_on <= %(on)s AND s.until >= %(on)s::date - k.days
  AND s.region = ANY (%(regions)s) AND s.subject = ANY (%(subjects)s)
ORDER BY s.kind, s.region, s.subject, s."on", s.until, s.version DESC
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and in what an applicant works, as far as it is known: department code, crop, sector."""

    region: str = ""
    crop: str = ""
    sector: str = ""

    @classmethod
    def of(cls, facts: Mapping[str, object]) -> Place:
        return cls(*(str(facts.get(name) or "") for name in ("region", "crop", "sector")))


@dataclass(frozen=True, slots=True)
class _Figure:
    until: date
    value: float
    known_on: date
    source: str
    days: int


def known_signals(places: Iterable[Place], on: date) -> dict[Place, dict[str, KnownSignal]]:
    """For each place, what was known on that day, by the names of `scoring.features.SIGNALS`; one query."""
    places = set(places)
    with connection.cursor() as cursor:
        cursor.execute(
            KNOWN,
            {
                "kinds": list(FRESH),
                "fresh": list(FRESH.values()),
                "on": on,
                "regions": sorted({"", *(place.region for place in places)}),
                "subjects": sorted({"", *(word for place in places for word in (place.crop, place.sector))}),
            },
        )
        found: dict[tuple[str, str, str], list[_Figure]] = {}
        for kind, region, subject, until, value, known_on, source, days in cursor.fetchall():
            figure = _Figure(until, float(value), known_on, source, days)
            found.setdefault((kind, region, subject), []).append(figure)
    for figures in found.values():
        figures.sort(key=lambda figure: (figure.until, -figure.days))
    return {place: _at(place, found, on) for place in places}


def _at(place: Place, found: Mapping[tuple[str, str, str], list[_Figure]], on: date) -> dict[str, KnownSignal]:
    def figures(kind: str, subject: str = "") -> list[_Figure]:
        return found.get((kind, place.region, subject)) or found.get((kind, "", subject)) or []

    signals: dict[str, KnownSignal] = {}
    if place.crop:
        _prices(signals, figures("price", place.crop), on)
        if yields := figures("yield", place.crop):
            signals["crop_yield_usual"] = _told(yields, float(np.median([one.value for one in yields])))
    if rain := figures("rain"):
        signals["rain_ratio"] = _told(rain, float(np.mean([one.value for one in rain])))
    if frost := figures("frost"):
        signals["frost_nights"] = _told(frost, float(sum(one.value for one in frost)))
    for name, kind, subject in (
        ("el_nino", "el_nino", ""),
        ("region_arrears", "region_arrears", ""),
        ("sector_arrears", "sector_arrears", place.sector),
        ("usd_rate", "usd_rate", ""),
    ):
        if last := figures(kind, subject):
            signals[name] = _told(last[-1:], last[-1].value)
    return signals


def _prices(signals: dict[str, KnownSignal], prices: Sequence[_Figure], on: date) -> None:
    """The last price, and what was usual in the months before it."""
    if not prices:
        return
    last = prices[-1]
    if last.until >= on - timedelta(days=366):
        signals["crop_price"] = _told([last], last.value)
    before = [one for one in prices[:-1] if one.until < last.until][-MONTHS_OF_PRICES:]
    if len(before) >= FEWEST_PRICES:
        values = np.array([one.value for one in before])
        signals["crop_price_usual"] = _told(before, float(values.mean()))
        recent = np.array([one.value for one in prices[-MONTHS_OF_PRICES:]])
        signals["crop_price_volatility"] = _told(prices, float(recent.std() / recent.mean()))


def _told(figures: Sequence[_Figure], value: float) -> KnownSignal:
    """The value, known when the last of the figures behind it was."""
    newest = max(figures, key=lambda figure: figure.known_on)
    return KnownSignal(round(value, 6), newest.known_on, newest.source)
