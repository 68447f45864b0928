from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending.affordability import Affordability, CapacityPolicy, StressPolicy, assess, largest_installment

BODEGA = {
    "monthly_sales": Decimal(5800),
    "monthly_purchases": Decimal(3650),
    "business_expenses": Decimal(0),
    "household_expenses": Decimal(900),
    "other_installments": Decimal(285),
    "sector": "commerce",
}
POTATO = {
    "crop": "potato",
    "hectares": Decimal("1.5"),
    "yield_kg_ha": Decimal(16000),
    "price_per_kg": Decimal("1.00"),
    "campaign_cost": Decimal(12000),
    "other_income": Decimal(600),
    "household_expenses": Decimal(900),
    "other_installments": Decimal(0),
    "harvest_month": 5,
}


def table(affordability):
    return {row.code: (row.declared, row.verified, row.stressed) for row in affordability.rows}


def soles(*amounts):
    return tuple(Decimal(amount) for amount in amounts)


def test_a_shop_as_on_the_decision_page():
    """Declared, verified by a visit, and with sales 15 % lower: the cost of goods falls with sales."""
    affordability = assess("enterprise", BODEGA, {"household_expenses": Decimal(980)})
    assert table(affordability) == {
        "sales": soles(5800, 5800, 4930),
        "goods": soles(-3650, -3650, "-3102.50"),
        "household_expenses": soles(-900, -980, -980),
        "other_installments": soles(-285, -285, -285),
    }
    assert affordability.surplus_declared == 965
    assert affordability.surplus_verified == 885
    assert affordability.surplus_stressed == Decimal("562.50")
    assert affordability.assumed == affordability.missing == ()
    assert [str(row.label) for row in affordability.rows][:2] == ["Ventas", "Costo de mercadería"]
    assert largest_installment(affordability, CapacityPolicy()) == Decimal("393.75")  # 70 % of 562.50
    assert round(affordability.share_of_surplus(Decimal("296.49")), 2) == Decimal("0.34")
    assert round(affordability.share_of_stressed(Decimal("296.49")), 2) == Decimal("0.53")


def test_a_household():
    affordability = assess("household", {
        "monthly_income": Decimal(2500), "other_income": Decimal(300), "household_expenses": Decimal(1400),
        "other_installments": Decimal(200),
    })  # fmt: skip
    assert affordability.surplus_verified == 1200
    assert affordability.surplus_stressed == 780  # 15 % of 2,800 less
    assert largest_installment(affordability, CapacityPolicy()) == 546


def test_a_farm_spreads_its_harvest_over_the_year():
    affordability = assess("farm", POTATO)
    assert table(affordability)["harvest"] == soles(2000, 2000, 1360)  # 24,000 a year; yield -20 %, price -15 %
    assert table(affordability)["campaign_cost"] == soles(-1000, -1000, -1000)
    assert affordability.surplus_verified == 700
    assert affordability.surplus_stressed == -30  # other income falls by 90
    assert (affordability.campaign_cost, affordability.harvest_month) == (12000, 5)
    assert largest_installment(affordability, CapacityPolicy()) == 0


def test_an_unanswered_expense_counts_at_its_floor_and_is_named():
    facts = {"monthly_income": Decimal(2500), "other_installments": Decimal(0), "dependants": 3}
    affordability = assess("household", facts)
    assert table(affordability)["household_expenses"] == soles(-1200, -1200, -1200)  # 600 + 3 x 200
    assert affordability.assumed == ("household_expenses",)
    verified = assess("household", facts, {"household_expenses": Decimal(700)})
    assert table(verified)["household_expenses"] == soles(-1200, -700, -700)
    assert verified.assumed == ()


def test_unanswered_installments_follow_the_debt_or_a_share_of_income():
    facts = {"monthly_income": Decimal(2000), "household_expenses": Decimal(800)}
    assert table(assess("household", facts))["other_installments"][1] == -200
    assert table(assess("household", facts | {"total_debt": Decimal(6000)}))["other_installments"][1] == -500
    for none in ({"total_debt": Decimal(0)}, {"creditors": 0}):
        without = assess("household", facts | none)
        assert "other_installments" not in table(without)
        assert without.assumed == ()


def test_a_shop_that_answers_only_its_sales_is_taken_at_the_stated_shares():
    affordability = assess("enterprise", {"monthly_sales": Decimal(4000)})
    assert table(affordability)["goods"][1] == -3000  # 75 %, the highest, for an unknown sector
    assert table(affordability)["business_expenses"][1] == -200
    assert set(affordability.assumed) == {
        "monthly_purchases", "business_expenses", "household_expenses", "other_installments",
    }  # fmt: skip


def test_a_farm_without_yield_or_price_is_taken_at_the_low_end_of_its_crop():
    facts = {name: POTATO[name] for name in ("crop", "hectares", "household_expenses", "other_installments")}
    affordability = assess("farm", facts)
    assert table(affordability)["harvest"][1] == Decimal("1312.50")  # 1.5 ha x 15,000 kg x 0.70 / 12
    assert set(affordability.assumed) == {"yield_kg_ha", "price_per_kg", "campaign_cost"}
    unknown_crop = assess("farm", facts | {"crop": "other"})
    assert unknown_crop.missing == ("yield_kg_ha", "price_per_kg")


@pytest.mark.parametrize(
    ("segment", "fact"), [("household", "monthly_income"), ("enterprise", "monthly_sales"), ("farm", "hectares")]
)
def test_an_unanswered_income_leaves_the_surplus_unknown(segment, fact):
    affordability = assess(segment, {"household_expenses": Decimal(900)})
    assert affordability.missing == (fact,)
    assert affordability.surplus_verified is None
    assert not affordability.is_known
    assert affordability.share_of_surplus(Decimal(100)) is None
    assert largest_installment(affordability, CapacityPolicy()) == 0


def test_facts_may_come_as_text_from_storage_and_the_table_survives_it():
    text = {name: str(value) for name, value in BODEGA.items()}
    affordability = assess("enterprise", text)
    assert affordability == assess("enterprise", BODEGA)
    assert Affordability.from_json(affordability.as_json()) == affordability
    farm = assess("farm", POTATO)
    assert Affordability.from_json(farm.as_json()) == farm


def test_an_unknown_segment_is_refused():
    with pytest.raises(ValueError, match="unknown segment"):
        assess("company", {})


AMOUNTS = (
    "monthly_income", "monthly_sales", "monthly_purchases", "business_expenses", "household_expenses",
    "other_income", "other_installments", "total_debt", "yield_kg_ha", "price_per_kg", "campaign_cost",
)  # fmt: skip
facts_of_anyone = st.fixed_dictionaries({
    **dict.fromkeys(AMOUNTS, st.none() | st.integers(0, 100_000).map(Decimal)),
    "hectares": st.none() | st.integers(0, 20).map(Decimal),
    "crop": st.sampled_from([None, "potato", "other"]),
    "sector": st.sampled_from([None, "commerce", "services"]),
    "creditors": st.none() | st.integers(0, 5),
    "dependants": st.none() | st.integers(0, 6),
})  # fmt: skip


@given(st.sampled_from(["household", "enterprise", "farm"]), facts_of_anyone)
def test_the_rows_add_up_and_a_bad_year_is_never_better(segment, facts):
    affordability = assess(segment, facts)
    if not affordability.is_known:
        return
    for column in ("declared", "verified", "stressed"):
        total = sum(getattr(row, column) for row in affordability.rows)
        assert total == getattr(affordability, f"surplus_{column}")
    income_covers_goods = (facts["monthly_purchases"] or 0) <= (facts["monthly_sales"] or 0)
    if segment != "enterprise" or income_covers_goods:
        assert affordability.surplus_stressed <= affordability.surplus_verified


@given(st.sampled_from(["household", "enterprise", "farm"]), facts_of_anyone)
def test_leaving_out_an_expense_of_a_calm_home_never_helps_beyond_the_floor(segment, facts):
    """Unanswered is never zero: silence is no better than answering zero."""
    silent = assess(segment, facts | {"household_expenses": None})
    zero = assess(segment, facts | {"household_expenses": Decimal(0)})
    if silent.is_known:
        assert silent.surplus_verified <= zero.surplus_verified


def test_the_policy_sets_the_shares():
    affordability = assess("enterprise", BODEGA, stress=StressPolicy(sales_drop=Decimal(0)))
    assert affordability.surplus_stressed == affordability.surplus_verified == 965
    strict = CapacityPolicy(installment_to_surplus=Decimal("0.3"))
    assert largest_installment(affordability, strict) == Decimal("289.50")
