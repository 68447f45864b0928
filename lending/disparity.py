"""Fair lending in figures: how groups of applicants fare beside a reference group. Pure.

Ratios are adverse-impact ratios (a group's approval rate over the reference's) with a 95 % interval on the log
scale (Katz et al., 1978); rates have Wilson's interval. The four-fifths rule (29 CFR 1607.4 D) is a sign to look
closer, not a finding. True-positive rates and calibration need loans whose year is known; people who were
declined and never lent to are not among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from math import exp, log, sqrt
from typing import Final

Z: Final = 1.959964  # 95 %
FOUR_FIFTHS: Final = 0.8
SUPPRESSED_BELOW: Final = 10  # cases: fewer could point at a person
SMALL_BELOW: Final = 30  # cases: shown, but too few to conclude anything

ALL: Final = "all"
DIMENSIONS: Final = ("sex", "age", "region", "area", "language", "ethnicity")
# The group that others are compared with; the largest one where it has too few cases.
REFERENCES: Final = {"sex": "male", "age": "30-44", "area": "urban", "language": "spanish", "ethnicity": "mestizo"}
AGE_BANDS: Final = ((0, 24, "18-24"), (25, 29, "25-29"), (30, 44, "30-44"), (45, 59, "45-59"), (60, 200, "60+"))

# What a group's comparison says.
REFERENCE, SMALL, WITHIN, LOOK, FIRM, UNKNOWN = "reference", "small", "within", "look", "firm", "unknown"


def age_band(years: int | None) -> str:
    """The band of an age, empty when it is not known."""
    return next((name for low, high, name in AGE_BANDS if years is not None and low <= years <= high), "")


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums over the cases of a group; see `lending.models.fairness.DisparityMonth`. They add up."""

    cases: int = 0
    decided: int = 0
    approved: int = 0
    observed: int = 0
    defaulted: int = 0
    expected: Decimal = Decimal(0)
    good: int = 0
    good_approved: int = 0
    priced: int = 0
    tea_sum: Decimal = Decimal(0)
    tcea_sum: Decimal = Decimal(0)
    hours_sum: Decimal = Decimal(0)
    judged: int = 0
    raised: int = 0
    lowered: int = 0
    reviews: int = 0
    reviews_approved: int = 0
    reviews_declined: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) + getattr(other, name) for name in COUNTED))


COUNTED: Final = tuple(field.name for field in fields(Counts))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval and the cases it rests on; all fractions."""

    value: float
    low: float
    high: float
    n: int


def rate(hits: int, n: int) -> Estimate | None:
    """A share with Wilson's interval; None of nothing."""
    if n == 0:
        return None
    p, zz = hits / n, Z * Z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    reach = Z * sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
    return Estimate(p, max(0.0, centre - reach), min(1.0, centre + reach), n)


def ratio(hits: int, n: int, reference_hits: int, reference_n: int) -> Estimate | None:
    """The ratio of two shares; None where the reference's is nothing.

    With no hits (or nothing but hits) in a group, half a case is added to each count for the interval.
    """
    if n == 0 or reference_n == 0 or reference_hits == 0:
        return None
    value = (hits / n) / (reference_hits / reference_n)
    a, b, c, d = float(hits), float(n), float(reference_hits), float(reference_n)
    if hits in (0, n) or reference_hits == reference_n:
        a, b, c, d = a + 0.5, b + 1, c + 0.5, d + 1
    spread = sqrt(max(1 / a - 1 / b + 1 / c - 1 / d, 0.0))
    middle = log((a / b) / (c / d))
    return Estimate(value, min(value, exp(middle - Z * spread)), max(value, exp(middle + Z * spread)), n)


def gap(hits: int, n: int, reference_hits: int, reference_n: int) -> Estimate | None:
    """The difference of two shares with Newcombe's interval; None without cases on either side."""
    one, other = rate(hits, n), rate(reference_hits, reference_n)
    if one is None or other is None:
        return None
    value = one.value - other.value
    low = value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Estimate(value, low, high, min(n, reference_n))


@dataclass(frozen=True, slots=True)
class Group:
    """One group's figures beside the reference's; `suppressed` ones carry no figures but their name."""

    group: str
    counts: Counts
    signal: str
    suppressed: bool = False
    approval: Estimate | None = None
    impact: Estimate | None = None
    tpr: Estimate | None = None
    tpr_gap: Estimate | None = None
    realised: Estimate | None = None  # share that defaulted, of the observed
    expected: float | None = None  # mean PD of the observed
    tea: float | None = None
    tea_gap: float | None = None
    tcea: float | None = None
    hours: float | None = None
    overridden: Estimate | None = None
    raised: int = 0
    lowered: int = 0
    reviews: int = 0
    reviews_approved: int = 0
    reviews_declined: int = 0

    @property
    def declined(self) -> int:
        return self.counts.decided - self.counts.approved


def reference_of(dimension: str, groups: Mapping[str, Counts]) -> str | None:
    """The group to compare with; None when no known group has enough cases."""
    usual = REFERENCES.get(dimension)
    if usual is not None and usual in groups and groups[usual].decided >= SMALL_BELOW:
        return usual
    known = {name: counts.decided for name, counts in groups.items() if name}
    largest = max(known, key=lambda name: (known[name], name), default=None)
    return largest if largest is not None and known[largest] >= SMALL_BELOW else None


def suppressed(groups: Mapping[str, Counts]) -> frozenset[str]:
    """Groups too small to show, and the next smallest when the rest would give a lone one away."""
    hidden = {name for name, counts in groups.items() if counts.cases < SUPPRESSED_BELOW}
    others = sorted((name for name in groups if name not in hidden), key=lambda name: (groups[name].cases, name))
    if hidden and others and sum(groups[name].cases for name in hidden) < SUPPRESSED_BELOW:
        hidden.add(others[0])
    return frozenset(hidden)


def compare(dimension: str, groups: Mapping[str, Counts]) -> list[Group]:
    """Every group of one dimension beside its reference: known ones by size, the unknown last."""
    hidden, base = suppressed(groups), reference_of(dimension, groups)
    if base in hidden:
        base = None
    order = sorted(groups, key=lambda name: (name == "", name != base, -groups[name].cases, name))
    reference = groups[base] if base is not None else None
    return [
        Group(name, Counts(), SMALL, suppressed=True)
        if name in hidden
        else _figures(name, groups[name], reference, is_reference=name == base)
        for name in order
    ]


def _figures(name: str, own: Counts, base: Counts | None, *, is_reference: bool) -> Group:
    others = base if base is not None and not is_reference else None
    impact = ratio(own.approved, own.decided, others.approved, others.decided) if others else None
    tea = _mean(own.tea_sum, own.priced)
    base_tea = _mean(others.tea_sum, others.priced) if others else None
    return Group(
        group=name,
        counts=own,
        signal=_signal(name, own, impact, is_reference=is_reference),
        approval=rate(own.approved, own.decided),
        impact=impact,
        tpr=rate(own.good_approved, own.good),
        tpr_gap=gap(own.good_approved, own.good, others.good_approved, others.good) if others else None,
        realised=rate(own.defaulted, own.observed),
        expected=_mean(own.expected, own.observed),
        tea=tea,
        tea_gap=tea - base_tea if tea is not None and base_tea is not None else None,
        tcea=_mean(own.tcea_sum, own.priced),
        hours=_mean(own.hours_sum, own.decided),
        overridden=rate(own.raised + own.lowered, own.judged),
        raised=own.raised,
        lowered=own.lowered,
        reviews=own.reviews,
        reviews_approved=own.reviews_approved,
        reviews_declined=own.reviews_declined,
    )


def _signal(name: str, own: Counts, impact: Estimate | None, *, is_reference: bool) -> str:
    """Either side of four fifths counts: the reference may be the one that fares worse."""
    if is_reference:
        return REFERENCE
    if name == "" or impact is None:
        return UNKNOWN
    if own.decided < SMALL_BELOW:
        return SMALL
    if FOUR_FIFTHS - 1e-9 <= impact.value <= 1 / FOUR_FIFTHS + 1e-9:  # exactly four fifths is within
        return WITHIN
    return FIRM if impact.high < FOUR_FIFTHS or impact.low > 1 / FOUR_FIFTHS else LOOK


def _mean(total: Decimal, n: int) -> float | None:
    return float(total) / n if n else None


def signals(found: Sequence[Group]) -> list[Group]:
    """Those whose difference somebody should explain, the clearest first."""
    worth = [group for group in found if group.signal in (LOOK, FIRM) and group.impact is not None]
    return sorted(worth, key=lambda group: min(group.impact.value, 1 / max(group.impact.value, 1e-9)))  # type: ignore[union-attr]
