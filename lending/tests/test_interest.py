from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyxirr import xirr

from lending.interest import (
    NoRate,
    annual_rate,
    divide,
    internal_rate,
    monthly_rate,
    nominal_rate,
    period_interest,
    period_rate,
    tcea,
)

# Worked out by hand with fifty digits: (1 + TEA)^(days/360) - 1.
RATES = [
    ("0.40", 30, "0.0284361557"),  # the twelfth root of 1.4
    ("0.44", 180, "0.2"),  # the square root of 1.44
    ("0.21", 180, "0.1"),
    ("0.369", 360, "0.369"),
    ("0.369", 0, "0"),
    ("0", 31, "0"),
    ("3", 180, "1"),
]


@pytest.mark.parametrize(("tea", "days", "rate"), RATES)
def test_period_rates_follow_the_360_day_formula(tea, days, rate):
    assert period_rate(Decimal(tea), days) == Decimal(rate)


def test_monthly_and_annual_rates_undo_each_other():
    assert monthly_rate(Decimal("0.40")) == Decimal("0.0284361557")
    assert abs(annual_rate(monthly_rate(Decimal("0.40"))) - Decimal("0.40")) < Decimal("1e-8")


def test_nominal_rates_are_proportional():
    assert nominal_rate(Decimal("0.12"), Decimal(1) / 12) == Decimal("0.01")


def test_interest_is_rounded_half_up_to_the_centimo():
    assert period_interest(Decimal(3000), Decimal("0.369"), 30) == Decimal("79.56")
    assert period_interest(Decimal("0.05"), Decimal("0.21"), 180) == Decimal("0.01")  # 0.005 goes up


@pytest.mark.parametrize("values", [("-1", "0.4", 30), ("1", "-0.4", 30), ("1", "0.4", -30)])
def test_negative_values_are_refused(values):
    balance, tea, days = values
    with pytest.raises(ValueError):
        period_interest(Decimal(balance), Decimal(tea), days)


@pytest.mark.parametrize(
    ("numerator", "up", "even"), [(5, 1, 0), (15, 2, 2), (25, 3, 2), (24, 2, 2), (26, 3, 3), (0, 0, 0)]
)
def test_halves_go_up_or_to_even(numerator, up, even):
    assert divide(numerator, 10) == up
    assert divide(numerator, 10, half_even=True) == even


def test_tcea_of_one_payment_is_its_growth():
    assert tcea(Decimal(1000), [(360, Decimal(1400))]) == Decimal("0.4")
    assert tcea(Decimal(1000), [(180, Decimal(1200))]) == Decimal("0.44")
    assert tcea(Decimal(1000), [(180, Decimal(1000))]) == 0


def test_tcea_of_a_loss_is_negative():
    assert tcea(Decimal(1000), [(360, Decimal(500))]) == Decimal("-0.5")


@pytest.mark.parametrize("payments", [[], [(30, Decimal(0))]])
def test_payments_worth_nothing_have_no_rate(payments):
    with pytest.raises(NoRate):
        tcea(Decimal(1000), payments)


@settings(deadline=None)
@given(
    st.integers(100, 10**9),
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 10**8)), min_size=1, max_size=60),
)
def test_tcea_agrees_with_pyxirr(received, steps):
    """pyxirr counts 365-day years; the same rate is raised to the 360-day one."""
    day, payments = 0, []
    for days, amount in steps:
        day += days
        payments.append((day, amount))
    start = date(2026, 1, 1).toordinal()
    dates = [date.fromordinal(start + day) for day, _amount in [(0, 0), *payments]]
    theirs = xirr(dates, [-received, *(amount for _day, amount in payments)])
    if theirs is None or not -0.9 < theirs < 10_000:
        return
    ours = internal_rate([(0, -float(received)), *((day, float(amount)) for day, amount in payments)])
    assert float(ours) == pytest.approx((1 + theirs) ** (360 / 365) - 1, rel=1e-8, abs=1e-8)
