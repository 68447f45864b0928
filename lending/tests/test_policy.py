from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending.affordability import assess
from lending.matching import Match
from lending.policy import DecisionPolicy, Outcome, decide
from lending.reasons import BLOCK, VERIFY, Reason

KNOWN = assess("household", {"monthly_income": Decimal(3000), "household_expenses": Decimal(1000),
                             "other_installments": Decimal(0)})  # fmt: skip
POLICY = DecisionPolicy()
OFFER = Match(product_id="a", eligible=True, reasons=(), rank=1, amount=Decimal(3000))
NO_ROOM = Match(product_id="b", eligible=False, reasons=(Reason("nothing_left", BLOCK),))
ELSEWHERE = Match(product_id="c", eligible=False, reasons=(Reason("region_not_served", BLOCK),))


def recommend(pd="0.04", score=681, matches=(OFFER,), affordability=KNOWN, policy=POLICY, **more):
    return decide(None if pd is None else Decimal(pd), score, matches, affordability, policy, **more)


def test_a_good_score_with_an_affordable_offer_is_approved():
    recommendation = recommend()
    assert recommendation.outcome is Outcome.APPROVE
    assert recommendation.reason_codes == ("score_good", "affordable")


@pytest.mark.parametrize(("code", "case"), [
    ("score_too_low", {"score": 519}),
    ("risk_too_high", {"pd": "0.26"}),
    ("nothing_left", {"matches": (NO_ROOM, ELSEWHERE)}),
])  # fmt: skip
def test_what_declines_a_case_when_the_facts_are_complete(code, case):
    recommendation = recommend(**case)
    assert recommendation.outcome is Outcome.DECLINE
    assert recommendation.reason_codes == (code,)


@pytest.mark.parametrize(("code", "case"), [
    ("score_between", {"score": 639}),
    ("score_between", {"score": 520}),
    ("no_product_fits", {"matches": (ELSEWHERE,)}),
    ("no_product_fits", {"matches": ()}),
    ("unverified_facts", {"matches": (replace(OFFER, reasons=(Reason("verify_age", VERIFY),)),)}),
    ("above_automatic_limit", {"matches": (replace(OFFER, amount=Decimal(5001)),)}),
    ("too_many_creditors", {"creditors": 5}),
    ("score_missing", {"score": None}),
    ("score_missing", {"pd": None}),
])  # fmt: skip
def test_what_sends_a_case_to_a_person(code, case):
    recommendation = recommend(**case)
    assert recommendation.outcome is Outcome.REFER
    assert code in recommendation.reason_codes


def test_the_limits_themselves_are_inside():
    assert recommend(score=640, pd="0.25", creditors=4).outcome is Outcome.APPROVE
    assert recommend(matches=(replace(OFFER, amount=Decimal(5000)),)).outcome is Outcome.APPROVE


def test_assumed_or_missing_facts_turn_a_decline_into_a_person():
    assumed = assess("household", {"monthly_income": Decimal(3000)})
    recommendation = recommend(score=400, affordability=assumed)
    assert recommendation.outcome is Outcome.REFER
    assert recommendation.reason_codes == ("score_too_low", "expenses_assumed")
    missing = assess("household", {})
    assert recommend(matches=(NO_ROOM,), affordability=missing).outcome is Outcome.REFER


def test_reasons_read_as_sentences():
    texts = [reason.text for reason in recommend(score=500).reasons]
    assert texts == ["Tu puntaje de 500 está por debajo del mínimo de 520."]


@given(
    st.none() | st.decimals(0, 1, places=4),
    st.none() | st.integers(300, 850),
    st.sampled_from([KNOWN, assess("household", {}), assess("household", {"monthly_income": Decimal(2000)})]),
    st.lists(st.sampled_from([OFFER, NO_ROOM, ELSEWHERE]), max_size=3),
)
def test_nothing_is_declined_for_want_of_data_or_approved_without_an_offer(pd, score, affordability, matches):
    recommendation = decide(pd, score, matches, affordability, POLICY)
    complete = pd is not None and score is not None and not affordability.missing and not affordability.assumed
    if recommendation.outcome is Outcome.DECLINE:
        assert complete
        assert any(reason.tone == BLOCK for reason in recommendation.reasons)
    if recommendation.outcome is Outcome.APPROVE:
        assert complete
        assert OFFER in matches
        assert score >= POLICY.approve_from
    assert recommendation.reasons
