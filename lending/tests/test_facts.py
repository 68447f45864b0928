"""The dictionary of declared facts: what is asked, what is kept, what is refused."""

from decimal import Decimal

import pytest

from accounts.errors import InvalidInput
from lending.facts import (
    FACTS,
    SEGMENTS,
    STEPS,
    Kind,
    facts_of,
    from_json,
    shown,
    step_of,
    to_json,
    validate,
)

ASKED = {"amount": 3000, "term_months": 12}


def refused(segment: str, **facts: object) -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as caught:
        validate(segment, {**ASKED, **facts})
    return caught.value.fields


def test_every_fact_is_asked_in_a_step_of_its_segments():
    for fact in FACTS.values():
        for segment in fact.segments:
            assert fact.step == "request" or step_of(segment, fact.step)
            assert fact.kind is not Kind.CHOICE or fact.options(segment)
    assert {len(STEPS[segment]) for segment in SEGMENTS} == {6}


def test_weekly_sales_are_kept_by_the_month():
    # 912 a week is 912 * 52 / 12 = 3952 a month exactly; 1450 * 52 / 12 = 6283.33.
    sales = FACTS["monthly_sales"]
    assert sales.kept(Decimal(912)) == Decimal("3952.00")
    assert sales.kept(Decimal(1450)) == Decimal("6283.33")
    assert FACTS["household_expenses"].kept(Decimal(980)) == Decimal(980)
    assert FACTS["digital_share"].kept(3) == Decimal("0.3")
    assert sales.kept(None) is None


def test_unanswered_facts_are_left_out_and_never_zero():
    cleaned = validate("household", {**ASKED, "monthly_income": None, "savings_balance": "", "dependants": 0})
    assert cleaned == {"amount": Decimal("3000.00"), "term_months": 12, "dependants": 0}


def test_amount_and_term_are_needed():
    with pytest.raises(InvalidInput) as caught:
        validate("farm", {})
    assert set(caught.value.fields) == {"amount", "term_months"}


def test_numbers_arrive_as_text_whole_or_decimal():
    cleaned = validate(
        "enterprise",
        {
            "amount": "3,000.50",
            "term_months": "12",
            "monthly_sales": 6283.33,
            "keeps_records": True,
            "digital_share": "0.3",
        },
    )
    assert cleaned["amount"] == Decimal("3000.50")
    assert cleaned["monthly_sales"] == Decimal("6283.33")
    assert cleaned["digital_share"] == Decimal("0.30")
    assert cleaned["keeps_records"] is True


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -1, "-5", 10**18, 10**400, "1e18", "98O", "3.000", "😀", "x" * 1_000_000, True, [], {},
     Decimal("NaN"), Decimal("1e999"), "1.005", Decimal("1.005")],
)  # fmt: skip
def test_bad_money_is_refused_with_words(value):
    fields = refused("household", monthly_income=value)
    assert list(fields) == ["monthly_income"]
    assert 10 < len(fields["monthly_income"][0]) < 200


@pytest.mark.parametrize(
    ("segment", "name", "value"),
    [
        ("enterprise", "sector", "mining"),
        ("enterprise", "keeps_records", "yes"),
        ("enterprise", "digital_share", 1.5),
        ("enterprise", "business_months", 1.5),
        ("enterprise", "crop", "rice"),
        ("household", "purpose", "campaign"),
        ("household", "sex", "f"),
        ("household", "region", "26"),
        ("farm", "harvest_month", 13),
        ("farm", "hectares", 0),
        ("farm", "lost_harvests", 6),
    ],
)
def test_values_outside_the_dictionary_are_refused(segment, name, value):
    assert list(refused(segment, **{name: value})) == [name]


def test_answers_that_contradict_each_other_are_refused():
    assert list(refused("household", creditors=0, total_debt=500)) == ["creditors"]
    assert list(refused("household", past_loans=0, worst_delay_days=3)) == ["worst_delay_days"]
    assert validate("household", {**ASKED, "creditors": 0, "total_debt": 0, "past_loans": 0, "worst_delay_days": 0})


def test_an_unknown_segment_is_refused():
    with pytest.raises(InvalidInput):
        validate("fishery", ASKED)


def test_facts_survive_storage():
    facts = validate(
        "farm", {**ASKED, "hectares": "1.5", "price_per_kg": Decimal("1.2"), "crop": "potato", "cooperative": False}
    )
    stored = to_json(facts)
    assert stored["hectares"] == "1.50"
    assert stored["cooperative"] is False
    assert from_json(stored) == facts
    assert list(stored) == [name for name in FACTS if name in facts]


def test_values_are_shown_as_people_read_them():
    assert shown(FACTS["monthly_sales"], Decimal("6283.33"), "enterprise") == "S/ 6,283.33 por mes"
    assert shown(FACTS["campaign_cost"], Decimal(4500), "farm") == "S/ 4,500.00 por campaña"
    assert shown(FACTS["business_months"], 27, "enterprise") == "2 años y 3 meses"
    assert shown(FACTS["hectares"], Decimal("1.50"), "farm") == "1.5 hectáreas"
    assert shown(FACTS["digital_share"], Decimal("0.30"), "enterprise") == "3 de cada 10"
    assert shown(FACTS["cooperative"], False, "farm") == "No"
    assert shown(FACTS["harvest_month"], 5, "farm") == "Mayo"
    assert shown(FACTS["crop"], None, "farm") == "Sin respuesta"


def test_no_question_reads_what_must_decide_nothing():
    forbidden = {"sex", "age", "language", "religion", "district", "marital_status", "ethnicity"}
    assert not forbidden & {fact.name for segment in SEGMENTS for fact in facts_of(segment)}
