import json
import re
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.expressions import Fact
from scoring.features import (
    FEATURES,
    HISTORY_FACTS,
    SIGNALS,
    STATEMENT_FACTS,
    Feature,
    KnownSignal,
    ProhibitedFact,
    SignalFromTheFuture,
    UnreadableFact,
    check_known,
    dictionary,
    feature_columns,
    feature_matrix,
    feature_names,
    feature_row,
    reader,
)
from scoring.synthetic import borrowers, column_names, declared, fact_names
from scoring.tests.samples import ORDINARY, applicant

DECLARED = {segment: {*ORDINARY["common"], *ORDINARY[segment], "region"} for segment in FEATURES}
anything = st.one_of(
    st.none(),
    st.floats(),
    st.integers(-(10**400), 10**400),
    st.decimals(),
    st.booleans(),
    st.sampled_from(["-3", "1e400", "nan", "3000.50"]),
)


def named(segment, facts):
    return dict(zip(feature_names(segment), feature_row(segment, facts), strict=True))


def test_a_household_worked_by_hand():
    values = named("household", applicant("household"))
    assert values["installment_to_surplus"] == pytest.approx(250 / (1800 - 900 - 120))
    assert values["debt_service"] == pytest.approx(120 / 1800)
    assert values["debt_to_income"] == pytest.approx(1500 / 1800)
    assert values["income_per_person"] == pytest.approx(600)
    assert values["savings_months"] == pytest.approx(400 / 900)
    assert values["assets_to_amount"] == pytest.approx(5000 / 3000)
    assert (values["employment"], values["housing"]) == (1, 3)


def test_a_business_worked_by_hand():
    values = named("enterprise", applicant("enterprise"))
    assert values["gross_profit_margin"] == pytest.approx(2150 / 5800)
    assert values["installment_to_surplus"] == pytest.approx(250 / (2150 - 400 - 900 - 120))
    assert values["assets_to_amount"] == pytest.approx(6500 / 3000)
    assert (values["keeps_records"], values["digital_share"]) == (0, 0.2)


def test_a_farm_worked_by_hand():
    values = named("farm", applicant("farm"))
    harvest = 1.5 * 15000 * 1.05
    assert values["debt_to_harvest"] == pytest.approx(4500 / harvest)
    assert values["campaign_margin"] == pytest.approx((harvest - 12000) / harvest)
    assert values["yield_to_usual"] == pytest.approx(15000 / 16500)
    assert values["harvest_gap"] == 6


@pytest.mark.parametrize("segment", FEATURES)
def test_nothing_declared_is_all_missing_never_zero(segment):
    assert np.isnan(feature_row(segment, {})).all()
    assert np.isnan(feature_row(segment, dict.fromkeys(DECLARED[segment]))).all()


@pytest.mark.parametrize("segment", FEATURES)
def test_one_applicant_and_a_batch_give_the_same_values(segment):
    frame = borrowers(segment, 400, seed=3)
    columns = feature_columns(segment, {name: frame[name].to_numpy() for name in fact_names(segment)}, len(frame))
    np.testing.assert_array_equal(feature_matrix(segment, declared(frame, segment)), columns)
    known = [name for name in column_names(segment) if name in reader(segment).columns]
    everything = feature_columns(segment, {name: frame[name].to_numpy() for name in known}, len(frame))
    for row, values in zip(frame[known].to_dict("records"), everything, strict=True):
        signals = {name: KnownSignal(row.pop(name), date(2026, 1, 1)) for name in SIGNALS if name in row}
        np.testing.assert_array_equal(feature_row(segment, row, signals), values)


@pytest.mark.parametrize("segment", FEATURES)
@given(data=st.data())
def test_whatever_is_declared_the_values_stay_in_their_range_or_are_missing(segment, data):
    facts = {name: data.draw(anything, label=name) for name in reader(segment).numeric_facts}
    for feature, value in zip(FEATURES[segment], feature_row(segment, facts), strict=True):
        assert value != value or feature.low <= value <= feature.high


def test_words_that_are_not_numbers_are_refused_by_name():
    with pytest.raises(UnreadableFact, match="monthly_income"):
        feature_row("household", applicant("household", monthly_income="bastante"))


def test_numbers_stored_as_text_and_unknown_words():
    values = named("household", applicant("household", monthly_income="1800.00", housing="castle"))
    assert values["income_per_person"] == 600
    assert np.isnan(values["housing"])


@pytest.mark.parametrize("name", ["sex", "mother_tongue", "ethnicity", "religion", "district", "age", "birth_date"])
def test_prohibited_facts_are_refused_by_name(name):
    for segment in FEATURES:
        with pytest.raises(ProhibitedFact, match=name):
            feature_row(segment, applicant(segment, **{name: "x"}))
        with pytest.raises(ProhibitedFact, match=name):
            feature_columns(segment, {name: ["x"]}, 1)


@pytest.mark.parametrize("name", ["sex", "age", "district", "region"])
def test_no_formula_may_read_them_nor_the_region(name):
    with pytest.raises(ProhibitedFact):
        Feature(name, name, Fact(name) / 2, "count", 0, 1, 0, str)


@pytest.mark.parametrize("segment", FEATURES)
def test_the_region_decides_nothing(segment):
    here, there = (feature_row(segment, applicant(segment, region=code)) for code in ("15", "21"))
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("segment", FEATURES)
def test_the_dictionary_is_complete(segment):
    features = FEATURES[segment]
    assert 18 <= len(features) <= 40
    assert len({feature.name for feature in features}) == len(features)
    for feature in features:
        assert re.fullmatch(r"[a-z_]+", feature.name)
        assert set(feature.sources) <= DECLARED[segment] | {
            *STATEMENT_FACTS,
            *HISTORY_FACTS,
            *SIGNALS,
            "total_debt_usd",
        }
        assert feature.lever is None or feature.lever.fact in DECLARED[segment]


@pytest.mark.parametrize("segment", FEATURES)
def test_every_value_has_a_sentence(segment):
    for feature in FEATURES[segment]:
        steps = range(int(feature.low), int(feature.high) + 1) if feature.unit == "code" else np.linspace(0, 1, 9)
        values = steps if feature.unit == "code" else [feature.low + (feature.high - feature.low) * s for s in steps]
        for value in [*values, feature.typical, None, float("nan")]:
            sentence = feature.sentence(value)
            assert sentence.endswith(".")
            assert "%(" not in sentence
            assert not re.search(r"\b(nan|inf|None)\b", sentence)


def test_the_dictionary_exports_as_json_with_words_in_both_languages():
    exported = json.loads(json.dumps(dictionary()))
    assert set(exported) == {"household", "enterprise", "farm"}
    burden = exported["household"][0]
    assert burden["name"] == "installment_to_surplus"
    assert burden["formula"].startswith("(amount / term_months) / (total(monthly_income, other_income)")
    assert burden["direction"] == 1
    assert burden["label_es"] == "Cuota frente a lo que te queda libre"
    assert {"label_en", "unit_es", "unit_en", "advice_es", "lever", "range", "facts", "as_of"} <= set(burden)
    assert exported["household"][10]["codes"] == {
        "employment": {"pensioner": 0, "employee": 1, "independent": 2, "temporary": 3}
    }


LISTED = {
    "enterprise": {
        *("monthly_income", "monthly_expenses", "net_cash_flow", "cash_flow_stability", "return_on_assets"),
        *("return_on_equity", "gross_profit_margin", "total_debt", "total_equity", "debt_to_equity_ratio"),
        *("payment_timeliness", "payment_frequency", "payment_completion_rate", "daily_sales_volatility"),
        *("sales_trend", "sales_season", "sector", "sector_arrears", "region_arrears"),
    },
    "farm": {
        *("crop", "hectares", "irrigation", "altitude_m", "yield_to_usual", "price_level", "price_volatility"),
        *("rain_anomaly", "frost_nights", "el_nino", "cooperative", "dependants"),
    },
    "household": {"income_per_person", "expense_share", "savings_months", "employment", "housing", "past_loans"},
}


@pytest.mark.parametrize("segment", FEATURES)
def test_what_a_credit_team_expects_is_there_and_says_where_it_comes_from(segment):
    described = {one["name"]: one for one in dictionary(segment)[segment]}
    assert LISTED[segment] <= set(described)
    for one in described.values():
        assert set(one["source"]) <= {"declared", "history", "signals", "statements"}
        assert one["words_es"].endswith(".")
        assert one["as_of_es"]
    assert described["payment_timeliness"]["as_of"] == "history"


def test_returns_and_debts_of_a_business_by_hand():
    values = named("enterprise", applicant("enterprise"))
    profit, assets = (5800 - 3650 - 400) * 12, 4000 + 2500 + 400
    assert values["return_on_assets"] == pytest.approx(profit / assets)
    assert values["return_on_equity"] == pytest.approx(min(15, profit / (assets - 1500)))
    assert values["debt_to_equity_ratio"] == pytest.approx(1500 / (assets - 1500))
    assert values["net_cash_flow"] == 5800 - 3650 - 400 - 900 - 120
    assert values["monthly_income"] == pytest.approx(np.log(5801))


def test_owing_more_than_one_has_is_the_worst_debt_and_no_return():
    values = named("enterprise", applicant("enterprise", total_debt=Decimal("50000")))
    assert values["debt_to_equity_ratio"] == 5
    assert np.isnan(values["return_on_equity"])


def test_dollars_count_at_the_days_rate_and_are_missing_without_one():
    facts = applicant("household", total_debt_usd=Decimal("500"))
    rate = {"usd_rate": KnownSignal(3.75, date(2026, 5, 1))}
    place = feature_names("household").index("debt_to_income")
    assert feature_row("household", facts, rate)[place] == pytest.approx((1500 + 500 * 3.75) / 1800)
    assert np.isnan(feature_row("household", facts)[place])
    assert feature_row("household", applicant("household"))[place] == pytest.approx(1500 / 1800)


def test_signals_feed_a_farm_and_one_from_the_future_is_refused():
    day = date(2026, 5, 1)
    signals = {
        "crop_price": KnownSignal(0.8, day),
        "crop_price_usual": KnownSignal(1.0, day),
        "rain_ratio": KnownSignal(0.4, day),
        "crop_yield_usual": KnownSignal(12_000, day),
    }
    values = dict(zip(feature_names("farm"), feature_row("farm", applicant("farm"), signals), strict=True))
    assert values["price_level"] == pytest.approx(0.8)
    assert values["rain_anomaly"] == values["rain_on_rainfed"] == pytest.approx(0.6)
    assert values["yield_to_usual"] == 1.25
    assert np.isnan(values["frost_nights"])
    check_known(signals, day)
    with pytest.raises(SignalFromTheFuture, match="crop_price"):
        check_known(signals, date(2026, 4, 30))
    with pytest.raises(KeyError, match="gold"):
        check_known({"gold": KnownSignal(1, day)}, day)


def test_money_arrives_as_decimal_and_leaves_as_the_same_float():
    cents = named("household", applicant("household", amount=Decimal("3000.10")))
    assert cents["amount_to_income"] == 3000.10 / 1800.0
