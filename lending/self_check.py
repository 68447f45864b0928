"""What is likely within reach, from a few answers and before anybody applies. Pure; nothing is kept.

The same affordability, prices and ranking as an application's, with what was not asked left open: an unknown risk
costs the most, so that nobody's answer is dearer than what was shown here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from lending.affordability import Affordability, StressPolicy, assess, largest_installment
from lending.matching import ApplicantProfile, Asked, Match, MatchingPolicy, ProductTerms, match_lenders
from lending.reasons import BLOCK, Reason

OTHER_SEGMENT: Final = "other_segment"
SMALLER: Final = "less_than_asked"  # an offer, and yet something to change
MOST_HELP: Final = 4


@dataclass(frozen=True, slots=True)
class LenderTerms:
    """What one lender offers and how it looks at people."""

    products: Sequence[ProductTerms]
    matching: MatchingPolicy
    stress: StressPolicy


@dataclass(frozen=True, slots=True)
class Reach:
    """Offers, cheapest in total first; those of the segment that do not match; what would help."""

    offers: Sequence[Match]
    refusals: Sequence[Match]
    room: Decimal  # the largest installment a lender allows, soles a month
    affordability: Affordability
    help: Sequence[Reason]


def within_reach(segment: str, facts: Mapping[str, Any], lenders: Sequence[LenderTerms], on: date) -> Reach:
    """The likely answers of these lenders; there is at least one. `facts` as declared, amount and term included."""
    asked = [_asked(segment, facts, lender, on) for lender in lenders]
    answers = match_lenders(asked)
    offers = [answer for answer in answers if answer.eligible]
    refusals = [
        answer
        for answer in answers
        if not answer.eligible and not any(reason.code == OTHER_SEGMENT for reason in answer.reasons)
    ]
    rooms = [largest_installment(one.profile.affordability, one.policy.capacity) for one in asked]
    return Reach(offers, refusals, max(rooms), asked[0].profile.affordability, what_would_help(offers, refusals))


def what_would_help(offers: Sequence[Match], refusals: Sequence[Match]) -> list[Reason]:
    """What a person could change, the nearest first: of every kind of no, the one that asks for least."""
    found: dict[str, Reason] = {}
    for answer in (*offers, *refusals):
        for reason in answer.reasons:
            if not reason.advice or (reason.tone != BLOCK and reason.code != SMALLER):
                continue
            best = found.get(reason.code)
            if best is None or _distance(reason) < _distance(best):
                found[reason.code] = reason
    return sorted(found.values(), key=_distance)[:MOST_HELP]


def _distance(reason: Reason) -> float:
    """How far away the change is, in the reason's own measure."""
    return float(reason.params.get("missing", reason.params.get("gap", 0)))


def _asked(segment: str, facts: Mapping[str, Any], lender: LenderTerms, on: date) -> Asked:
    profile = ApplicantProfile(
        segment=segment,
        amount=Decimal(facts["amount"]),
        term_months=int(facts["term_months"]),
        on=on,
        affordability=assess(segment, facts, None, lender.stress),
        region=facts.get("region"),
        sector=facts.get("sector"),
        crop=facts.get("crop"),
        creditors=facts.get("creditors"),
        harvest_month=facts.get("harvest_month"),
    )
    return Asked(profile, lender.products, lender.matching)
