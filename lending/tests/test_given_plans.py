"""Plans from elsewhere: every installment stands as given, and what runs to a day follows its rate."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending.schedules import Fee, FeeWhen, InvalidTerms, LoanTerms, PlannedPayment, build_schedule
from lending.schedules.contract import read_request, write_request
from lending.schedules.servicing import Event, EventKind, ServicingRules, service_loan
from lending.schedules.state import state_of
from lending.schedules.terms import Amortization

OUT = date(2026, 6, 10)
cents = st.integers(0, 9_999_999)


def a_plan(steps, **changes):
    on, plan = OUT, []
    for days, *parts in steps:
        on += timedelta(days=days)
        amounts = [Decimal(part).scaleb(-2) for part in parts]
        plan.append(PlannedPayment(on, amounts[0], interest=amounts[1], insurance=amounts[2], fees=amounts[3]))
    whole = sum((step.amount for step in plan), Decimal(0))
    terms = {
        "principal": whole, "annual_rate": Decimal("0.36"), "installments": len(plan), "disbursed_on": OUT,
        "amortization": Amortization.IRREGULAR, "plan": tuple(plan),
    }  # fmt: skip
    return LoanTerms(**terms | changes)


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 99_999_999), cents, cents, cents), min_size=1, max_size=9)
)
def test_installments_stand_as_given_to_the_cent(steps):
    terms = a_plan(steps)
    schedule = build_schedule(terms)
    for row, step in zip(schedule.rows, terms.plan, strict=True):
        assert (row.due_on, row.principal, row.interest) == (step.on, step.amount, step.interest)
        assert (row.insurance, row.fees) == (step.insurance, step.fees)
    assert schedule.rows[-1].outstanding == 0
    assert read_request(write_request(terms))[0] == terms


STEPS = ((30, 50_000, 3_000, 75, 200), (30, 50_000, 1_490, 38, 200))


def test_a_payoff_costs_interest_to_the_day_and_the_whole_plan_what_it_says():
    payoffs = [state_of(a_plan(STEPS), [], ServicingRules(), OUT + timedelta(days=n)).payoff for n in range(61)]
    assert [str(payoff.interest) for payoff in payoffs[:31:15]] == ["0.00", "14.89", "30.00"]  # 3 % a month
    assert payoffs[29].total < payoffs[30].total == Decimal("1032.75")
    assert (payoffs[60].interest, payoffs[60].fees) == (Decimal("44.90"), Decimal("4.00"))


def test_a_prepayment_leaves_the_plan_its_rates():
    event = Event(kind=EventKind.PREPAYMENT, on=OUT + timedelta(days=30), amount=Decimal("250.00"))
    rows = service_loan(a_plan(STEPS), [event]).schedule.rows
    assert [str(row.interest) for row in rows] == ["30.00", "0.00", "7.45"]  # half of the balance, half of 14.90
    assert rows[-1].fees == 2


def test_after_a_change_of_rate_the_new_one_counts():
    event = Event(kind=EventKind.RATE_CHANGE, on=OUT + timedelta(days=30), annual_rate=Decimal(0))
    rows = service_loan(a_plan(STEPS), [event]).schedule.rows
    assert [str(row.interest) for row in rows] == ["30.00", "0.00"]
    assert str(rows[1].insurance) == "0.38"


@pytest.mark.parametrize(
    "changes",
    [
        {"principal": Decimal("1000.01")},
        {"fees": (Fee(FeeWhen.PER_INSTALLMENT, Decimal(1)),)},
        {"interest_free": 1},
        {"down_payment": Decimal("0.1")},
        {"decimals": 0},
    ],
)
def test_conditions_that_a_given_plan_leaves_no_room_for_are_refused(changes):
    with pytest.raises(InvalidTerms):
        a_plan(STEPS, **changes)


def test_costs_are_given_in_all_steps_or_in_none():
    terms = a_plan(STEPS)
    first, second = terms.plan
    for plan in (
        (first, replace(second, interest=None)),
        (replace(first, interest=None), second),
        (replace(first, interest=Decimal(-1)), second),
        (replace(first, amount=Decimal(1000)), replace(second, amount=Decimal(0))),  # interest on nothing
    ):
        with pytest.raises(InvalidTerms):
            replace(terms, plan=plan)
