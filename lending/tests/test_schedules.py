from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyxirr import xirr

from benchmarks.decimal_schedule import level_schedule
from lending.interest import RATE_SCALE
from lending.schedules import (
    Amortization,
    Fee,
    FeeWhen,
    Insurance,
    InsuranceBase,
    InterestMethod,
    InterestPeriod,
    InvalidTerms,
    LoanTerms,
    PlannedPayment,
    RateType,
    RepayUnit,
    Tranche,
    WorkingDayRule,
    add_months,
    build_schedule,
    due_dates,
)
from lending.schedules.plan import Planner
from lending.schedules.usual import usual_schedule
from lending.schedules.walk import LARGEST_INTEREST

START = date(2026, 11, 21)


def terms(**changes) -> LoanTerms:
    standard = {
        "principal": Decimal(3000),
        "annual_rate": Decimal("0.369"),
        "installments": 12,
        "disbursed_on": START,
    }
    return LoanTerms(**{**standard, **changes})


def column(schedule, name):
    return [str(getattr(row, name)) for row in schedule.rows]


class TestPublishedTables:
    """Schedules printed elsewhere, with the conventions they state."""

    def test_the_simulator_of_the_landing_page(self):
        """S/ 3,000 at TEA 36.90 % over twelve months of 30 days, insurance 0.075 % a month."""
        schedule = build_schedule(terms(days_in_month=30, insurance=Insurance(Decimal("0.00075"))))
        assert column(schedule, "total") == ["296.49"] * 11 + ["296.57"]
        assert column(schedule, "principal") == [
            "214.68", "220.54", "226.55", "232.73", "239.07", "245.59",
            "252.29", "259.17", "266.24", "273.50", "280.95", "288.69",
        ]  # fmt: skip
        assert column(schedule, "interest") == [
            "79.56", "73.86", "68.02", "62.01", "55.84", "49.50",
            "42.98", "36.29", "29.42", "22.36", "15.11", "7.66",
        ]  # fmt: skip
        assert column(schedule, "outstanding")[-3:] == ["569.64", "288.69", "0.00"]
        assert str(schedule.totals.interest) == "542.61"
        assert str(schedule.totals.insurance) == "15.35"
        assert str(schedule.totals.total) == "3557.96"
        assert schedule.tea == Decimal("0.369")
        assert round(schedule.tcea, 4) == Decimal("0.3811")

    @pytest.mark.parametrize(("principal", "percent", "months", "installment"), [
        (200_000, "4.5", 360, "1013.37"),
        (100_000, "6", 360, "599.55"),
        (18_000, "5", 60, "339.68"),
        (1_000, "10", 12, "87.92"),
        (10_000, "12", 24, "470.73"),
    ])  # fmt: skip
    def test_the_installments_of_textbooks(self, principal, percent, months, installment):
        """Nominal rates, a twelfth of the year each month."""
        schedule = build_schedule(terms(
            principal=Decimal(principal), annual_rate=Decimal(percent) / 100, installments=months,
            rate_type=RateType.NOMINAL, interest_period=InterestPeriod.SAME_AS_REPAYMENT,
        ))  # fmt: skip
        assert str(schedule.installment) == installment

    def test_two_percent_a_month_as_apache_fineract_prints_it(self):
        """12,000 over four months at 2 % a month, disbursed on 20 September 2011."""
        schedule = build_schedule(terms(
            principal=Decimal(12_000), annual_rate=Decimal("0.24"), installments=4, disbursed_on=date(2011, 9, 20),
            rate_type=RateType.NOMINAL, interest_period=InterestPeriod.SAME_AS_REPAYMENT,
        ))  # fmt: skip
        assert column(schedule, "due_on") == ["2011-10-20", "2011-11-20", "2011-12-20", "2012-01-20"]
        assert column(schedule, "principal") == ["2911.49", "2969.72", "3029.11", "3089.68"]
        assert column(schedule, "interest") == ["240.00", "181.77", "122.38", "61.79"]

    @pytest.mark.parametrize(("grace", "principal", "interest"), [
        (0, {1: 4167, 6: 4167, 20: 4167, 24: 4159},
            {1: 2000, 2: 1917, 3: 1833, 4: 1750, 5: 1667, 6: 1583, 10: 1250, 20: 417, 24: 83}),
        (5, {1: 0, 5: 0, 6: 5263, 20: 5263, 24: 5266}, {1: 2000, 6: 2000, 7: 1895, 10: 1579, 20: 526, 24: 105}),
    ])  # fmt: skip
    def test_equal_principal_in_hundreds_as_apache_fineract_prints_it(self, grace, principal, interest):
        """Ten million over 24 months at 2 % a month in multiples of a hundred, with and without grace."""
        schedule = build_schedule(terms(
            principal=Decimal(100_000), decimals=0, annual_rate=Decimal("0.24"), installments=24,
            disbursed_on=date(2014, 6, 2), rate_type=RateType.NOMINAL, grace_on_principal=grace,
            interest_period=InterestPeriod.SAME_AS_REPAYMENT, amortization=Amortization.EQUAL_PRINCIPAL,
        ))  # fmt: skip
        rows = {row.n: row for row in schedule.rows}
        assert {n: rows[n].principal for n in principal} == principal
        assert {n: rows[n].interest for n in interest} == interest

    @pytest.mark.parametrize(("conventions", "percent", "principal", "interest", "last"), [
        ({"days_in_month": 30}, "9.4822", "16.34 16.47 16.60 16.73 16.86 17.00",
         "0.79 0.66 0.53 0.40 0.27 0.13", "17.13"),
        ({"days_in_month": 30, "repay_every": 2, "installments": 3}, "12",
         "32.68 33.33 33.99", "2.00 1.35 0.68", "34.67"),
        ({"days_in_month": 30, "repay_every": 2, "repay_unit": RepayUnit.WEEKS}, "9.4822",
         "16.51 16.57 16.63 16.69 16.76 16.84", "0.37 0.31 0.25 0.19 0.12 0.06", "16.90"),
        ({"days_in_year": 365}, "12", "16.23 16.45 16.56 16.75 16.90 17.11", "1.02 0.80 0.69 0.50 0.35 0.17", "17.28"),
    ])  # fmt: skip
    def test_a_hundred_by_days_as_apache_fineract_prints_it(self, conventions, percent, principal, interest, last):
        """Disbursed on 1 January 2024: months of 30 days in years of 360, and actual days in years of 365."""
        schedule = build_schedule(terms(**{
            "principal": Decimal(100), "annual_rate": Decimal(percent) / 100, "installments": 6,
            "disbursed_on": date(2024, 1, 1), "rate_type": RateType.NOMINAL, **conventions,
        }))  # fmt: skip
        assert column(schedule, "principal") == principal.split()
        assert column(schedule, "interest") == interest.split()
        assert column(schedule, "total")[-1] == last

    def test_a_savings_bank_of_peru_with_insurance_on_top(self):
        """S/ 10,000 at 2.4 % for thirty days: installment, interest and insurance of half a year as printed."""
        schedule = build_schedule(terms(
            principal=Decimal(10_000), annual_rate=Decimal("0.32923"), days_in_month=30,
            insurance=Insurance(Decimal("0.001"), in_installment=False),
        ))  # fmt: skip
        assert str(schedule.installment) == "968.98"
        assert column(schedule, "interest")[:6] == ["240.00", "222.51", "204.59", "186.24", "167.46", "148.22"]
        assert column(schedule, "insurance")[:6] == ["10.00", "9.27", "8.52", "7.76", "6.98", "6.18"]

    def test_flat_interest_is_the_same_every_month(self):
        """10,000 at 12 % nominal, flat, over a year: 100 of interest and 833.33 of principal a month."""
        schedule = build_schedule(terms(
            principal=Decimal(10_000), annual_rate=Decimal("0.12"), rate_type=RateType.NOMINAL,
            interest_method=InterestMethod.FLAT, interest_period=InterestPeriod.SAME_AS_REPAYMENT,
        ))  # fmt: skip
        assert column(schedule, "interest") == ["100.00"] * 12
        assert column(schedule, "principal") == ["833.33"] * 11 + ["833.37"]
        assert str(schedule.totals.total) == "11200.00"
        assert schedule.tea > Decimal("0.21")  # what flat interest really costs
        assert schedule.tcea == schedule.tea


class TestByHand:
    def test_actual_days_are_counted_between_actual_dates(self):
        """1.44^(days/360) - 1 by hand on 31, 31 and 28 days."""
        schedule = build_schedule(terms(
            principal=Decimal(1000), annual_rate=Decimal("0.44"), installments=3, disbursed_on=date(2025, 12, 1),
            amortization=Amortization.BULLET,
        ))  # fmt: skip
        assert column(schedule, "days") == ["31", "31", "28"]
        assert column(schedule, "interest") == ["31.90", "31.90", "28.77"]
        assert column(schedule, "total") == ["31.90", "31.90", "1028.77"]

    def test_one_payment_after_the_harvest_compounds_over_all_its_days(self):
        """S/ 1,000 at TEA 44 % for 180 days: 20 %."""
        schedule = build_schedule(terms(
            principal=Decimal(1000), annual_rate=Decimal("0.44"), installments=1,
            first_due_on=START + timedelta(days=180), insurance=Insurance(Decimal("0.001")),
        ))  # fmt: skip
        [row] = schedule.rows
        assert (row.days, str(row.interest), str(row.insurance), str(row.total)) == (
            180, "200.00", "6.00", "1206.00",
        )  # fmt: skip

    def test_equal_principal(self):
        schedule = build_schedule(terms(
            principal=Decimal(1200), annual_rate=Decimal("0.12"), rate_type=RateType.NOMINAL, days_in_month=30,
            amortization=Amortization.EQUAL_PRINCIPAL,
        ))  # fmt: skip
        assert column(schedule, "principal") == ["100.00"] * 12
        assert column(schedule, "interest") == [f"{month}.00" for month in range(12, 0, -1)]
        assert str(schedule.installment) == "112.00"  # the largest

    def test_insurance_on_the_balance_with_its_interest(self):
        schedule = build_schedule(terms(
            principal=Decimal(1000), annual_rate=Decimal("0.44"), installments=1,
            first_due_on=START + timedelta(days=180),
            insurance=Insurance(Decimal("0.001"), InsuranceBase.BALANCE_PLUS_INTEREST),
        ))  # fmt: skip
        assert str(schedule.rows[0].insurance) == "7.20"

    def test_insurance_on_top_of_the_installment(self):
        inside = build_schedule(terms(days_in_month=30, insurance=Insurance(Decimal("0.00075"))))
        on_top = build_schedule(terms(
            days_in_month=30, insurance=Insurance(Decimal("0.00075"), in_installment=False),
        ))  # fmt: skip
        assert str(on_top.rows[0].principal + on_top.rows[0].interest) == "295.16"
        assert str(on_top.rows[0].total) == "297.41"
        assert inside.installment == inside.rows[5].total

    def test_fees_reach_the_tcea_but_not_the_rate(self):
        plain = build_schedule(terms())
        kept = build_schedule(terms(fees=(Fee(FeeWhen.UPFRONT_DEDUCTED, amount=Decimal(90)),)))
        assert kept.rows == plain.rows
        assert str(kept.totals.received) == "2910.00"
        assert kept.tea == plain.tea < kept.tcea
        financed = build_schedule(terms(fees=(Fee(FeeWhen.UPFRONT_ADDED, share=Decimal("0.03")),)))
        assert str(financed.totals.principal) == "3090.00"
        assert str(financed.totals.received) == "3000.00"
        each = build_schedule(terms(fees=(Fee(FeeWhen.PER_INSTALLMENT, amount=Decimal("1.50")),)))
        assert each.rows[3].total == plain.rows[3].total + Decimal("1.50")
        assert str(each.totals.fees) == "18.00"

    def test_a_tranche_in_months_of_thirty_days_costs_what_was_agreed(self):
        """Its day is counted back from the end of its period, as its interest is: 30 December to 25 January is 26
        days, though 25 November to 30 December are 35 of the 60 until then."""
        start, later = date(2027, 11, 25), date(2027, 12, 30)
        schedule = build_schedule(terms(
            principal=Decimal(3_000_000), annual_rate=Decimal("0.44"), disbursed_on=start, days_in_month=30,
            tranches=(Tranche(start, Decimal(1_000_000)), Tranche(later, Decimal(2_000_000))),
        ))  # fmt: skip
        assert abs(schedule.tcea - schedule.tea) < Decimal("1e-7")

    def test_grace_on_principal_pays_interest_alone(self):
        schedule = build_schedule(terms(grace_on_principal=3, days_in_month=30))
        assert column(schedule, "principal")[:3] == ["0.00"] * 3
        assert column(schedule, "total")[:3] == ["79.56"] * 3
        assert len(set(column(schedule, "total")[3:-1])) == 1

    def test_grace_on_interest_leaves_it_for_the_first_installment_after(self):
        schedule = build_schedule(terms(grace_on_principal=2, grace_on_interest=2, days_in_month=30))
        assert column(schedule, "total")[:2] == ["0.00"] * 2
        assert str(schedule.rows[2].interest) == str(3 * Decimal("79.56"))

    def test_interest_free_installments(self):
        schedule = build_schedule(terms(interest_free=2))
        assert column(schedule, "interest")[:2] == ["0.00", "0.00"]
        assert schedule.rows[2].interest > 0
        assert schedule.tea < Decimal("0.369")

    def test_installments_in_whole_soles(self):
        schedule = build_schedule(terms(days_in_month=30, rounding_multiple=Decimal(1)))
        assert set(column(schedule, "total")[:-1]) == {"295.00"}
        assert schedule.rows[-1].outstanding == 0

    def test_an_irregular_plan_follows_its_harvests(self):
        schedule = build_schedule(terms(
            principal=Decimal(1000), annual_rate=Decimal("0.44"), installments=2, disbursed_on=date(2026, 1, 1),
            amortization=Amortization.IRREGULAR,
            plan=(PlannedPayment(date(2026, 6, 30), share=Decimal("0.6")),
                  PlannedPayment(date(2026, 12, 27), share=Decimal("0.4"))),
        ))  # fmt: skip
        assert column(schedule, "principal") == ["600.00", "400.00"]
        assert column(schedule, "interest") == ["200.00", "80.00"]

    def test_tranches_cost_interest_from_their_own_day(self):
        schedule = build_schedule(terms(
            principal=Decimal(2000), annual_rate=Decimal("0.44"), installments=1, disbursed_on=date(2026, 1, 1),
            first_due_on=date(2026, 12, 27),
            tranches=(Tranche(date(2026, 1, 1), Decimal(1000)), Tranche(date(2026, 6, 30), Decimal(1000))),
        ))  # fmt: skip
        assert str(schedule.rows[0].interest) == "640.00"  # 44 % of the first, 20 % of the second
        assert schedule.tcea == Decimal("0.44")

    def test_a_down_payment_is_row_zero(self):
        schedule = build_schedule(terms(down_payment=Decimal("0.25")))
        first = schedule.rows[0]
        assert (first.n, first.due_on, str(first.total), str(first.outstanding)) == (0, START, "750.00", "2250.00")
        assert str(schedule.totals.principal) == "3000.00"
        assert abs(schedule.tcea - Decimal("0.369")) < Decimal("0.00001")

    def test_half_to_even_and_other_currencies(self):
        """20 % of 12.5 is 2.5: two or three."""
        single = {"annual_rate": Decimal("0.44"), "installments": 1, "first_due_on": START + timedelta(days=180)}
        up = build_schedule(terms(principal=Decimal("0.125"), decimals=3, **single))
        assert str(up.rows[0].interest) == "0.025"
        whole = build_schedule(terms(principal=Decimal(12), decimals=0, **single))
        assert str(whole.rows[0].interest) == "2"
        even = build_schedule(terms(principal=Decimal("0.025"), decimals=3, half_even=True, **single))
        assert str(even.rows[0].interest) == "0.005"
        tie = Decimal("0.0125")
        assert str(build_schedule(terms(principal=tie, decimals=4, **single)).rows[0].interest) == "0.0025"


class TestDates:
    def test_due_dates_return_to_the_seed_day_after_short_months(self):
        dates = due_dates(terms(disbursed_on=date(2027, 12, 31), installments=5))
        assert dates == [
            date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31), date(2028, 4, 30), date(2028, 5, 31),
        ]  # fmt: skip

    def test_a_first_date_cut_short_by_february_still_returns(self):
        dates = due_dates(terms(disbursed_on=date(2026, 1, 31), first_due_on=date(2026, 2, 28), installments=2))
        assert dates[1] == date(2026, 3, 31)

    def test_a_first_date_chosen_at_the_end_of_february_keeps_its_day(self):
        dates = due_dates(terms(disbursed_on=date(2026, 1, 10), first_due_on=date(2026, 2, 28), installments=2))
        assert dates[1] == date(2026, 3, 28)
        explicit = due_dates(terms(disbursed_on=date(2026, 1, 10), first_due_on=date(2026, 2, 28),
                                   installments=2, seed_day=30))  # fmt: skip
        assert explicit[1] == date(2026, 3, 30)

    @pytest.mark.parametrize(("unit", "every", "second"), [
        (RepayUnit.DAYS, 15, date(2026, 12, 21)),
        (RepayUnit.WEEKS, 2, date(2026, 12, 19)),
        (RepayUnit.MONTHS, 3, date(2027, 5, 21)),
    ])  # fmt: skip
    def test_other_frequencies(self, unit, every, second):
        assert due_dates(terms(repay_unit=unit, repay_every=every, installments=2))[1] == second

    def test_the_next_working_day_skips_weekends_and_holidays_without_drifting(self):
        rule = {"working_day_rule": WorkingDayRule.NEXT, "holidays": frozenset({date(2026, 12, 25)})}
        dates = due_dates(terms(disbursed_on=date(2026, 11, 25), installments=4, **rule))
        assert dates == [date(2026, 12, 28), date(2027, 1, 25), date(2027, 2, 25), date(2027, 3, 25)]

    def test_the_previous_working_day(self):
        rule = {"working_day_rule": WorkingDayRule.PREVIOUS, "holidays": frozenset({date(2026, 12, 25)})}
        assert due_dates(terms(disbursed_on=date(2026, 11, 25), installments=1, **rule)) == [date(2026, 12, 24)]

    def test_months_of_thirty_days_are_paid_on_calendar_dates(self):
        schedule = build_schedule(terms(disbursed_on=date(2026, 1, 31), installments=3, days_in_month=30))
        assert [row.days for row in schedule.rows] == [30, 30, 30]
        assert schedule.rows[0].due_on == date(2026, 2, 28)

    def test_a_longer_first_period_counts_its_extra_days(self):
        schedule = build_schedule(terms(disbursed_on=date(2026, 1, 10), first_due_on=date(2026, 2, 28),
                                        installments=2, days_in_month=30))  # fmt: skip
        assert [row.days for row in schedule.rows] == [48, 30]

    def test_calendar_years_count_each_day_in_its_own_year(self):
        schedule = build_schedule(terms(
            principal=Decimal(1_000_000), annual_rate=Decimal("0.366"), rate_type=RateType.NOMINAL,
            disbursed_on=date(2027, 12, 1), installments=1, first_due_on=date(2028, 2, 1), days_in_year=None,
        ))  # fmt: skip
        expected = 366_000 * (Decimal(31) / 365 + Decimal(31) / 366)
        assert schedule.rows[0].interest == expected.quantize(Decimal("0.01"))

    def test_leap_days_and_month_ends(self):
        assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
        assert add_months(date(2024, 2, 29), 48) == date(2028, 2, 29)
        assert add_months(date(2026, 1, 31), 13, 31) == date(2027, 2, 28)


class TestRefused:
    @pytest.mark.parametrize(("field", "changes"), [
        ("principal", {"principal": Decimal(0)}),
        ("principal", {"principal": Decimal("1.001")}),
        ("principal", {"principal": Decimal("NaN")}),
        ("principal", {"principal": Decimal(10) ** 18}),
        ("annual_rate_pct", {"annual_rate": Decimal("-0.1")}),
        ("annual_rate_pct", {"annual_rate": Decimal("Infinity")}),
        ("installments", {"installments": 0}),
        ("installments", {"installments": 1201}),
        ("installments", {"installments": 1000, "repay_every": 12}),
        ("first_due_date", {"first_due_on": START}),
        ("days_in_year", {"days_in_year": 361}),
        ("grace_on_principal_installments", {"grace_on_principal": 12}),
        ("insurance.monthly_rate", {"insurance": Insurance(Decimal(2))}),
        ("fees", {"fees": (Fee(FeeWhen.UPFRONT_DEDUCTED, amount=Decimal(3000)),)}),
        ("fees", {"fees": (Fee(FeeWhen.UPFRONT_DEDUCTED),)}),
        ("plan", {"amortization": Amortization.IRREGULAR}),
        ("disbursements", {"tranches": (Tranche(START, Decimal(10)),)}),
        ("down_payment_pct", {"down_payment": Decimal(1)}),
        ("rest_days", {"rest_days": frozenset(range(7))}),
        ("installment_rounding_multiple", {"rounding_multiple": Decimal(0)}),
    ])  # fmt: skip
    def test_impossible_terms_name_their_field(self, field, changes):
        with pytest.raises(InvalidTerms) as caught:
            terms(**changes)
        assert caught.value.field == field
        assert caught.value.message


cents = st.integers(1, 5_000_000).map(lambda amount: Decimal(amount).scaleb(-2))
rates = st.integers(0, 15_000).map(lambda hundredths: Decimal(hundredths).scaleb(-4))
days = st.dates(date(2020, 1, 1), date(2032, 12, 31))
insurances = st.none() | st.builds(
    Insurance, st.integers(0, 300).map(lambda parts: Decimal(parts).scaleb(-5)),
    st.sampled_from(InsuranceBase), st.booleans(),
)  # fmt: skip
fees = st.lists(st.builds(Fee, st.sampled_from(FeeWhen), share=st.integers(0, 500).map(
    lambda parts: Decimal(parts).scaleb(-4))), max_size=2).map(tuple)  # fmt: skip


@st.composite
def loans(draw, charges=True):
    installments = draw(st.integers(1, 60))
    grace = st.integers(0, installments - 1)
    return LoanTerms(
        principal=draw(cents),
        annual_rate=draw(rates),
        installments=installments,
        disbursed_on=draw(days),
        rate_type=draw(st.sampled_from(RateType)),
        interest_method=draw(st.sampled_from(InterestMethod)),
        amortization=draw(st.sampled_from([a for a in Amortization if a is not Amortization.IRREGULAR])),
        interest_period=draw(st.sampled_from(InterestPeriod)),
        days_in_year=draw(st.sampled_from([360, 364, 365, None])),
        days_in_month=draw(st.sampled_from([30, None])),
        repay_every=draw(st.integers(1, 4)),
        repay_unit=draw(st.sampled_from(RepayUnit)),
        working_day_rule=draw(st.sampled_from(WorkingDayRule)),
        grace_on_principal=draw(grace),
        grace_on_interest=draw(grace),
        insurance=draw(insurances) if charges else None,
        fees=draw(fees) if charges else (),
        half_even=draw(st.booleans()),
    )


@settings(deadline=None, max_examples=150)
@given(loans())
def test_money_is_never_lost_invented_or_negative(loan):
    schedule = build_schedule(loan)
    added = sum((fee.share * loan.principal for fee in loan.fees if fee.when is FeeWhen.UPFRONT_ADDED), Decimal(0))
    owed = sum(row.principal for row in schedule.rows)
    assert abs(owed - loan.principal - added) < Decimal("0.02")
    assert added or owed == loan.principal
    assert schedule.rows[-1].outstanding == 0
    assert [row.n for row in schedule.rows] == list(range(1, loan.installments + 1))
    assert [row.due_on for row in schedule.rows] == sorted(row.due_on for row in schedule.rows)
    balance = owed
    for row in schedule.rows:
        balance -= row.principal
        assert row.outstanding == balance
        assert min(row.principal, row.interest, row.insurance, row.fees, row.outstanding) >= 0
        assert row.total == row.principal + row.interest + row.insurance + row.fees + row.moratory
    for name in ("principal", "interest", "insurance", "fees", "total"):
        assert getattr(schedule.totals, name) == sum(getattr(row, name) for row in schedule.rows)


def rounding_effect(schedule):
    """What a céntimo in every row can do to a yearly rate: much, where the loan is small and short."""
    cents = Decimal("0.02") * len(schedule.rows) / schedule.totals.received
    first = max(schedule.rows[0].days, 1)
    return 2 * cents * (1 + schedule.tea) * 360 / first


@settings(deadline=None, max_examples=100)
@given(loans())
def test_the_yearly_cost_is_never_below_the_rate(loan):
    schedule = build_schedule(loan)
    if schedule.totals.received < 50:
        return
    assert schedule.tcea >= schedule.tea - rounding_effect(schedule)


@settings(deadline=None, max_examples=100)
@given(loans(charges=False))
def test_without_charges_the_yearly_cost_is_the_rate(loan):
    schedule = build_schedule(loan)
    if loan.principal < 50:
        return
    assert abs(schedule.tcea - schedule.tea) <= rounding_effect(schedule)


@settings(deadline=None, max_examples=100)
@given(cents, rates, st.integers(1, 60), days, st.integers(0, 300))
def test_every_cent_agrees_with_the_plain_decimal_loop(principal, tea, installments, day, insurance):
    monthly = Decimal(insurance).scaleb(-5)
    loan = LoanTerms(principal=principal, annual_rate=tea, installments=installments, disbursed_on=day,
                     insurance=Insurance(monthly))  # fmt: skip
    ours = [(row.due_on, row.principal, row.interest, row.insurance, row.total, row.outstanding)
            for row in build_schedule(loan).rows]  # fmt: skip
    assert ours == level_schedule(principal, tea, day, due_dates(loan), monthly)


@settings(deadline=None, max_examples=50)
@given(cents.filter(lambda amount: amount > 100), rates, st.integers(1, 60), days, insurances)
def test_tcea_agrees_with_pyxirr(principal, tea, installments, day, insurance):
    loan = LoanTerms(principal=principal, annual_rate=tea, installments=installments, disbursed_on=day,
                     insurance=insurance)  # fmt: skip
    schedule = build_schedule(loan)
    dates = [day, *(row.due_on for row in schedule.rows)]
    theirs = xirr(dates, [-float(principal), *(float(row.total) for row in schedule.rows)])
    assert float(schedule.tcea) == pytest.approx((1 + theirs) ** (360 / 365) - 1, abs=1e-8)


@pytest.mark.parametrize(("principal", "installments"), [("0.01", 600), ("0.07", 12), ("1000", 600), ("0.01", 1)])
@pytest.mark.parametrize("rate", ["0", "0.369", "9"])
def test_extreme_loans_still_end_at_zero(principal, installments, rate):
    schedule = build_schedule(terms(principal=Decimal(principal), installments=installments,
                                    annual_rate=Decimal(rate)))  # fmt: skip
    assert schedule.rows[-1].outstanding == 0
    assert sum(row.principal for row in schedule.rows) == Decimal(principal)
    assert all(row.principal >= 0 for row in schedule.rows)


def test_zero_rate_is_the_principal_in_equal_parts():
    schedule = build_schedule(terms(annual_rate=Decimal(0), principal=Decimal(100), installments=3))
    assert column(schedule, "total") == ["33.33", "33.33", "33.34"]
    assert schedule.tcea == 0


def test_terms_can_be_changed_and_are_checked_again():
    with pytest.raises(InvalidTerms):
        replace(terms(), installments=0)


def planned(agreed):
    """The schedule by the careful way alone."""
    planner = Planner(agreed)
    level = planner.level(planner.periods, planner.opening)
    lines = planner.lines(planner.periods, planner.opening, level)
    return planner.schedule([*planner.down_payment_lines(), *lines], planner.installment(level, lines))


class TestTheUsualLoan:
    """Worked out at once, and the same to the cent."""

    @settings(max_examples=300, deadline=None)
    @given(
        principal=st.integers(1, 2_000_000_000), rate=st.integers(0, 200_000), installments=st.integers(1, 120),
        day=st.dates(date(2020, 1, 1), date(2030, 12, 31)), monthly=st.integers(0, 3_000),
        first=st.integers(0, 60), every=st.sampled_from([1, 1, 1, 2, 6]), decimals=st.sampled_from([2, 2, 2, 0, 4]),
    )  # fmt: skip
    def test_it_agrees_with_the_careful_way(self, principal, rate, installments, day, monthly, first, every, decimals):
        agreed = terms(
            principal=Decimal(principal).scaleb(-decimals), annual_rate=Decimal(rate).scaleb(-5),
            installments=installments, disbursed_on=day, decimals=decimals, repay_every=every,
            first_due_on=day + timedelta(days=first) if first else None,
            insurance=Insurance(Decimal(monthly).scaleb(-6)) if monthly else None,
        )  # fmt: skip
        careful, quick = planned(agreed), usual_schedule(agreed)
        assert build_schedule(agreed) == careful
        if quick is not None:
            assert [tuple(map(str, row)) for row in quick.rows] == [tuple(map(str, row)) for row in careful.rows]
            assert (quick.totals, quick.installment, quick.tea) == (careful.totals, careful.installment, careful.tea)
            assert quick.tcea == careful.tcea

    @pytest.mark.parametrize("principal", ["1000", "40000", "63000"])
    def test_it_is_what_most_loans_get(self, principal):
        assert usual_schedule(terms(principal=Decimal(principal), insurance=Insurance(Decimal("0.00075")))) is not None

    @pytest.mark.parametrize(
        "changes",
        [
            {"principal": Decimal("9000000")},  # more interest a month than floats are certain of
            {"principal": Decimal("0.05"), "installments": 24},  # fewer céntimos than installments
            {"annual_rate": Decimal(90), "installments": 48},  # an installment pays next to no principal
            {"rate_type": RateType.NOMINAL},
            {"repay_unit": RepayUnit.WEEKS},
            {"days_in_month": 30},
            {"days_in_year": 365},
            {"half_even": True},
            {"interest_free": 1},
            {"grace_on_principal": 1},
            {"fees": (Fee(FeeWhen.PER_INSTALLMENT, amount=Decimal(1)),)},
            {"working_day_rule": WorkingDayRule.NEXT},
            {"insurance": Insurance(Decimal("0.001"), base=InsuranceBase.BALANCE_PLUS_INTEREST)},
        ],
    )
    def test_others_take_the_careful_way(self, changes):
        assert usual_schedule(terms(**changes)) is None
        assert build_schedule(terms(**changes)) == planned(terms(**changes))

    @pytest.mark.parametrize("monthly", ["0.00125", "0.0015625", "0.003125", "0.00625", "0.03125"])
    def test_halves_go_up(self, monthly):
        """Balances of which the first month's insurance ends in half a céntimo."""
        rate, half = int(Decimal(monthly) * RATE_SCALE), RATE_SCALE // 2
        ties = range(half // rate, int(LARGEST_INTEREST / rate), RATE_SCALE // rate)
        tried = 0
        for balance in [*ties[:400], *ties[-400:]]:
            agreed = terms(
                principal=Decimal(balance).scaleb(-2), annual_rate=Decimal(0), insurance=Insurance(Decimal(monthly))
            )
            schedule = usual_schedule(agreed)
            if schedule is not None:
                tried += balance * rate % RATE_SCALE == half
                assert schedule.columns.insurance[0] == (balance * rate + half) // RATE_SCALE
        assert tried > 300
