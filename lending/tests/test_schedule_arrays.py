from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks import schedules as benchmark
from lending.interest import RATE_SCALE, period_rate, scaled
from lending.schedules import Insurance, LoanTerms, build_schedule, due_dates
from lending.schedules.arrays import CHUNK, TEA_SCALE, _carefully, due_days, level_schedules, yearly_costs
from lending.schedules.level import exact_level, level_installment
from lending.schedules.periods import periods_of

loan = st.tuples(
    st.integers(1, 10**9),  # céntimos
    st.integers(0, 10_000).map(lambda hundredths: hundredths * TEA_SCALE // 10_000),
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.integers(0, 30).map(lambda parts: parts * 250_000),
)


def same(book, installments):
    """Arrays and build_schedule, loan by loan."""
    principal, tea, days, insurance = (list(column) for column in zip(*book, strict=True))
    disbursed = np.array(days, dtype="datetime64[D]")
    due = due_days(disbursed, installments)
    arrays = level_schedules(np.array(principal), np.array(tea), disbursed, due, np.array(insurance))
    schedules = [
        build_schedule(LoanTerms(
            principal=Decimal(amount).scaleb(-2), annual_rate=Decimal(rate) / TEA_SCALE, installments=installments,
            disbursed_on=day, insurance=Insurance(Decimal(charge).scaleb(-10)),
        ))
        for amount, rate, day, charge in book
    ]  # fmt: skip
    for place, schedule in enumerate(schedules):
        assert due[:, place].astype(date).tolist() == due_dates(schedule.terms)
        for name in ("principal", "interest", "insurance", "outstanding", "total"):
            cents = [int(getattr(row, name) * 100) for row in schedule.rows]
            assert getattr(arrays, name)[:, place].tolist() == cents
        level = int(arrays.installment[place])  # none rounds to a céntimo where S/ 0.01 is spread over months
        assert level == int(schedule.installment * 100) or level == 0
    return arrays, schedules


@settings(deadline=None, max_examples=80)
@given(st.lists(loan, min_size=1, max_size=6), st.integers(1, 36))
def test_arrays_agree_with_single_schedules_to_the_cent(book, installments):
    same(book, installments)


def test_large_loans_take_the_road_of_whole_numbers():
    """Ten million soles at 100 %: products beyond what a float holds exactly."""
    same([(10**9, TEA_SCALE, date(2026, 1, 31), 7_500_000), (1, 0, date(2026, 1, 31), 0)], 24)


def test_the_quick_walk_rounds_every_half_up():
    """Charges that end on half a céntimo, up to the largest the quick walk takes, against whole numbers."""
    random = np.random.default_rng(11)
    principal = random.integers(1, 30_000, 40_000) * 1000  # x 0.0005 x odd numbers: halves everywhere
    insurance = random.integers(1, 30, 40_000) * 5_000_000
    disbursed = np.datetime64("2025-01-01") + random.integers(0, 700, 40_000).astype("timedelta64[D]")
    tea = random.integers(0, 9_000, 40_000) * (TEA_SCALE // 10_000)
    due = due_days(disbursed, 4)
    quick = level_schedules(principal, tea, disbursed, due, insurance)
    level, careful = _carefully(principal, tea, insurance, quick.days)
    assert (quick.insurance[0] == (principal * insurance + RATE_SCALE // 2) // RATE_SCALE).all()
    assert (quick.installment == level).all()
    for part, expected in zip(
        (quick.principal, quick.interest, quick.insurance, quick.outstanding), careful, strict=True
    ):
        assert (part == expected).all()


def test_the_largest_loan_and_the_largest_rate_may_be_two_loans():
    same([(10**10, TEA_SCALE // 10, date(2026, 1, 31), 0), (1, 100 * TEA_SCALE, date(2026, 1, 31), 0)], 6)
    with pytest.raises(ValueError, match="64 bits"):
        same([(10**12, TEA_SCALE, date(2026, 1, 31), 0)], 6)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(loan, st.integers(1, 200)), min_size=1, max_size=5), st.integers(1, 24))
@example([((10**9, TEA_SCALE, date(2026, 1, 31), 7_500_000), 230), ((1, 0, date(2026, 1, 31), 0), 1)], 2)
def test_a_first_period_of_its_own_length_has_its_own_insurance(book, installments):
    principal, tea, days, insurance = (list(column) for column in zip(*(one for one, _later in book), strict=True))
    out = np.array(days, "datetime64[D]")
    first = out + np.array([later for _one, later in book])
    due = due_days(out, installments, first=first)
    terms = [
        LoanTerms(
            principal=Decimal(amount).scaleb(-2), annual_rate=Decimal(rate) / TEA_SCALE, installments=installments,
            disbursed_on=day, first_due_on=when, insurance=Insurance(Decimal(charge).scaleb(-10)),
        )
        for (amount, rate, day, charge), when in zip((one for one, _later in book), first.astype(date), strict=True)
    ]  # fmt: skip
    opening = [periods_of(each)[0].insurance_rate for each in terms]
    arrays = level_schedules(np.array(principal), np.array(tea), out, due, np.array([opening, insurance]))
    for place, each in enumerate(terms):
        rows = build_schedule(each).rows
        for name in ("principal", "interest", "insurance", "outstanding"):
            assert getattr(arrays, name)[:, place].tolist() == [int(getattr(row, name) * 100) for row in rows]


def test_memory_and_cores_change_no_cent():
    random = np.random.default_rng(5)
    count = 2 * CHUNK + 7
    disbursed = np.datetime64("2025-01-01") + random.integers(0, 700, count).astype("timedelta64[D]")
    book = (random.integers(1, 10**9, count), random.integers(0, TEA_SCALE, count), disbursed, due_days(disbursed, 3))
    plain = level_schedules(*book)
    shared = level_schedules(*book, into=np.ones((4, 3, count), np.int64), threads=2)
    for name in ("installment", "principal", "interest", "insurance", "outstanding"):
        assert (getattr(plain, name) == getattr(shared, name)).all()


def test_other_calendars_than_monthly_ones():
    """Due dates weeks or a year apart: many lengths of period in one table."""
    random = np.random.default_rng(6)
    disbursed = np.datetime64("2025-01-01") + random.integers(0, 700, 300).astype("timedelta64[D]")
    due = disbursed + np.cumsum(random.integers(1, 400, (5, 300)), axis=0).astype("timedelta64[D]")
    principal, tea = random.integers(1_000, 10**7, 300), random.integers(0, TEA_SCALE, 300)
    quick = level_schedules(principal, tea, disbursed, due)
    level, careful = _carefully(principal, tea, np.zeros(300, np.int64), quick.days)
    assert (quick.installment == level).all()
    assert (quick.interest == careful[1]).all()
    assert (quick.outstanding == careful[3]).all()


def test_loans_that_share_their_dates_may_give_them_once():
    principal, tea = np.array([300_000, 500_000]), np.array([36_900_000, 40_000_000])
    day = np.array(["2026-11-21"], dtype="datetime64[D]")
    once = level_schedules(principal, tea, day, due_days(day, 12))
    twice = level_schedules(principal, tea, day.repeat(2), due_days(day.repeat(2), 12))
    assert (once.total == twice.total).all()
    costs = [yearly_costs(principal, each.total, each.days, tea / TEA_SCALE) for each in (once, twice)]
    assert np.allclose(*costs, atol=1e-12)


def test_yearly_costs_agree_with_single_schedules():
    book = [(300_000, 36_900_000, date(2026, 11, 21), 7_500_000), (54_321, 80_000_000, date(2026, 1, 31), 0)]
    arrays, schedules = same(book, 12)
    received = np.array([300_000, 54_321])
    costs = yearly_costs(received, arrays.total, arrays.days, np.array([0.369, 0.8]))
    for cost, schedule in zip(costs, schedules, strict=True):
        assert cost == pytest.approx(float(schedule.tcea), abs=1e-9)


def test_what_does_not_fit_is_refused():
    day = np.array(["2026-11-21"], dtype="datetime64[D]")
    for principal, tea in ((0, 0), (100, -1), (10**16, 10**9)):
        with pytest.raises(ValueError):
            level_schedules(np.array([principal]), np.array([tea]), day, due_days(day, 12))
    with pytest.raises(ValueError):
        level_schedules(np.array([], np.int64), np.array([], np.int64), day[:0], due_days(day[:0], 12))


@given(st.integers(1, 10**13), st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**8)), min_size=1))
def test_the_level_installment_is_the_exact_one(balance, charges):
    rates, insurances = ([pair[place] for pair in charges] for place in (0, 1))
    assert level_installment(balance, rates, insurances) == exact_level(balance, list(map(sum, charges)))


def test_a_level_installment_on_an_edge_goes_up():
    assert level_installment(3, [0, 0], [0, 0]) == 2  # 1.5


def test_the_benchmark_measures_equal_schedules():
    result = benchmark.run(loans=100, rounds=1)
    assert result["rows_that_differ"] == 0
    assert result["largest_tcea_difference"] < 1e-8
    assert result["ratios"]["arrays_over_decimal_loop"] > 1


def test_near_an_edge_the_exact_decimal_decides():
    """Amounts whose installment ends near half a céntimo: the last digits of a float are not enough."""
    day = np.array(["2026-11-21"], dtype="datetime64[D]")
    due = due_days(day, 24)
    days = np.diff(np.concatenate([day, due[:, 0]])).astype(int)
    charges = [scaled(period_rate(Decimal("0.001"), int(count))) for count in days]
    growth, worth = Decimal(1), Decimal(0)
    for charge in charges:
        growth *= 1 + Decimal(charge) / RATE_SCALE
        worth += 1 / growth
    halves = np.random.default_rng(3).integers(5 * 10**10, 12 * 10**10, 1_000_000) + np.longdouble("0.5")
    edges = halves * np.longdouble(str(worth))
    nearest = np.argsort(np.abs(edges - np.rint(edges)))[:300]
    principal = np.rint(edges[nearest]).astype(np.int64)
    levels = level_schedules(principal, np.full(300, TEA_SCALE // 1000), day, due).installment
    expected = [exact_level(int(amount), charges) for amount in principal]
    assert levels.tolist() == expected


def test_products_a_float_cannot_hold_are_multiplied_as_whole_numbers():
    """One unit under a half: the float would carry it over to the next céntimo."""
    insurance = 7_500_001
    principal = 4_999_999_999 * pow(insurance, -1, RATE_SCALE) % RATE_SCALE
    day = np.array(["2026-11-21"], dtype="datetime64[D]")
    arrays = level_schedules(np.array([principal]), np.array([0]), day, due_days(day, 2), np.array([insurance]))
    exact = (principal * insurance + RATE_SCALE // 2) // RATE_SCALE
    assert arrays.insurance[0, 0] == exact != int((float(principal) * insurance + RATE_SCALE // 2) * 1e-10)
