"""What the institution's policy recommends for a case: approve, refer to a person, or decline.

Pure. Nothing is declined for want of data: where a fact is missing or assumed, a person looks. A person can
be asked in every outcome; this is a recommendation with its reasons, never the last word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from lending.affordability import Affordability
from lending.matching import Match
from lending.reasons import BLOCK, GOOD, INFO, VERIFY, Reason

UNAFFORDABLE: Final = frozenset({"nothing_left", "nothing_left_in_bad_months", "over_indebted", "not_affordable"})


class Outcome(StrEnum):
    """What the policy recommends."""

    APPROVE = "approve"
    REFER = "refer"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPolicy:
    """An institution's thresholds. Scores are 300..850, probabilities fractions, money soles."""

    approve_from: int = 640
    decline_below: int = 520
    pd_max: Decimal = Decimal("0.25")
    automatic_limit: Decimal = Decimal(5000)  # larger loans are always seen by a person
    creditors_max: int = 4


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An outcome with the reasons for it, the weightiest first."""

    outcome: Outcome
    reasons: tuple[Reason, ...]

    @property
    def reason_codes(self) -> tuple[str, ...]:
        return tuple(reason.code for reason in self.reasons)


def decide(
    pd: Decimal | None,
    score: int | None,
    matches: Sequence[Match],
    affordability: Affordability,
    policy: DecisionPolicy,
    *,
    creditors: int | None = None,
) -> Recommendation:
    """Approve, refer or decline a case, with reasons.

    Decline needs a reason of its own (score, risk or no room for an installment) and complete facts.
    Approve needs the score, an offer inside the automatic limit, and nothing left to verify.
    """
    unknown = _unknown(pd, score, affordability)
    against = _against(pd, score, matches, affordability, policy)
    if against:
        return Recommendation(Outcome.REFER if unknown else Outcome.DECLINE, (*against, *unknown))
    doubts = [*unknown, *_doubts(score, matches, policy, creditors)]
    if doubts:
        return Recommendation(Outcome.REFER, tuple(doubts))
    return Recommendation(
        Outcome.APPROVE,
        (
            Reason("score_good", GOOD, {"score": score, "minimum": policy.approve_from}),
            Reason("affordable", GOOD),
        ),
    )


def _unknown(pd: Decimal | None, score: int | None, affordability: Affordability) -> list[Reason]:
    """What was not answered and so keeps a case from being decided without a person."""
    reasons = []
    if pd is None or score is None:
        reasons.append(Reason("score_missing", VERIFY))
    if affordability.missing:
        reasons.append(Reason("income_missing", VERIFY, {"facts": list(affordability.missing)}))
    if affordability.assumed:
        reasons.append(Reason("expenses_assumed", VERIFY, {"facts": list(affordability.assumed)}))
    return reasons


def _against(
    pd: Decimal | None,
    score: int | None,
    matches: Sequence[Match],
    affordability: Affordability,
    policy: DecisionPolicy,
) -> list[Reason]:
    """What speaks for declining."""
    reasons = []
    if score is not None and score < policy.decline_below:
        reasons.append(
            Reason(
                "score_too_low",
                BLOCK,
                {"score": score, "minimum": policy.decline_below, "gap": policy.decline_below - score},
            )
        )
    if pd is not None and pd > policy.pd_max:
        reasons.append(Reason("risk_too_high", BLOCK))
    if not any(match.eligible for match in matches):
        alone = [match for match in matches if all(reason.code in UNAFFORDABLE for reason in match.blocks)]
        unaffordable = [reason for match in alone for reason in match.blocks]
        if unaffordable and affordability.is_known:
            reasons.append(unaffordable[0])
    return reasons


def _doubts(score: int | None, matches: Sequence[Match], policy: DecisionPolicy, creditors: int | None) -> list[Reason]:
    """What a person should look at before anyone says yes."""
    reasons = []
    if score is not None and score < policy.approve_from:
        reasons.append(Reason("score_between", INFO, {"score": score, "minimum": policy.approve_from}))
    offers = [match for match in matches if match.eligible]
    if not offers:
        reasons.append(Reason("no_product_fits", INFO))
    elif all(offer.to_verify for offer in offers):
        reasons.append(Reason("unverified_facts", VERIFY))
    if offers and all((offer.amount or 0) > policy.automatic_limit for offer in offers):
        reasons.append(Reason("above_automatic_limit", INFO, {"maximum_amount": policy.automatic_limit}))
    if creditors is not None and creditors > policy.creditors_max:
        reasons.append(Reason("too_many_creditors", INFO, {"count": creditors}))
    return reasons
