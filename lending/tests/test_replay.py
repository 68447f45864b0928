"""Payments on many plans at once: the same cents, days and parts as each loan serviced by itself."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lending.interest import period_rate, scaled
from lending.schedules import Insurance, LoanTerms, due_dates
from lending.schedules.arrays import TEA_SCALE, due_days, level_schedules, rates_of
from lending.schedules.replay import NEVER, Payments, Plans, replay
from lending.schedules.servicing import LINE_FIELD, PARTS, Event, EventKind, PrepaymentStrategy, ServicingRules
from lending.schedules.state import state_of

OUT = date(2025, 1, 31)
ON = date(2026, 3, 15)
loan = st.tuples(
    st.integers(50, 5_000_000),  # céntimos
    st.integers(0, 120).map(lambda percent: percent * TEA_SCALE // 100),
    st.integers(0, 30).map(lambda percent: percent * TEA_SCALE // 100),  # moratory
    st.sampled_from([0, 7_500_000]),
    st.lists(st.tuples(st.integers(0, 408), st.floats(0.001, 2.5)), max_size=14),  # days later, installments paid
)


def stand_alone(one, count):
    principal, tea, moratory, insurance, paid = one
    terms = LoanTerms(
        principal=Decimal(principal).scaleb(-2), annual_rate=Decimal(tea) / TEA_SCALE, installments=count,
        disbursed_on=OUT, insurance=Insurance(Decimal(insurance).scaleb(-10)),
    )  # fmt: skip
    events = [
        Event(
            kind=EventKind.REPAYMENT, on=OUT + timedelta(days=days), amount=Decimal(amount).scaleb(-2),
            strategy=PrepaymentStrategy.ADVANCE,
        )
        for days, amount in paid
    ]  # fmt: skip
    return state_of(terms, events, ServicingRules(moratory_rate=Decimal(moratory) / TEA_SCALE), ON)


def days_of(day):
    return NEVER if day is None else (day - date(1970, 1, 1)).days


@settings(deadline=None, max_examples=60)
@given(st.lists(loan, min_size=1, max_size=5), st.integers(1, 18))
@example([(50, 0, 0, 0, []), (100_000, 40_000_000, 12_000_000, 0, [(300, 0.5), (300, 0.5), (390, 20.0)])], 12)
def test_payments_on_many_plans_leave_what_each_alone_leaves(book, count):
    principal, tea, moratory, insurance = (np.array([one[column] for one in book]) for column in range(4))
    disbursed = np.full(len(book), np.datetime64(OUT))
    due = due_days(disbursed, count)
    lines = level_schedules(principal, tea, disbursed, due, insurance)
    paid = [
        sorted((days, max(1, int(share * int(level)))) for days, share in one[4])
        for one, level in zip(book, lines.installment, strict=True)
    ]
    starts = np.concatenate([[0], np.cumsum([len(each) for each in paid])])
    flat = [(days_of(OUT) + days, amount) for each in paid for days, amount in each]
    payments = Payments(starts, *np.array(flat, np.int64).reshape(-1, 2).T)
    plans = Plans(
        np.arange(len(book) + 1) * count,
        *(np.ascontiguousarray(part.T).ravel() for part in (
            due.astype(np.int64), lines.principal, lines.interest, lines.insurance, 0 * lines.interest,
        )),
    )  # fmt: skip
    found = replay(plans, payments, moratory, days_of(ON))
    for place, one in enumerate(book):
        state = stand_alone((*one[:4], paid[place]), count)
        for at, line in enumerate(state.lines, place * count):
            for part in LINE_FIELD.values():
                assert found.paid[part][at] == int(getattr(line, f"paid_{part}") * 100), (part, at)
            assert found.moratory[at] == int(line.moratory * 100)
            assert (found.through[at], found.settled[at]) == (days_of(line.moratory_through), days_of(line.settled_on))
        for at, payment in enumerate(state.payments, starts[place]):
            for part in (*PARTS, "advance"):
                assert found.parts[part][at] == int(getattr(payment, part) * 100)
        assert found.advance[place] == int(state.advance * 100)
        assert found.fallen[place] - place * count == sum(line.due_on <= ON for line in state.lines)


@given(st.lists(st.tuples(st.integers(0, 10 * TEA_SCALE), st.integers(0, 4000)), min_size=1))
def test_rates_are_the_exact_ones(asked):
    teas, days = (np.array(column) for column in zip(*asked, strict=True))
    expected = [scaled(period_rate(Decimal(tea) / TEA_SCALE, length)) for tea, length in asked]
    assert rates_of(teas, days).tolist() == expected


@given(st.dates(date(2024, 1, 1), date(2026, 12, 31)), st.integers(1, 400))
def test_a_first_date_of_its_own_leads_the_others(out, later):
    first = out + timedelta(days=later)
    terms = LoanTerms(
        principal=Decimal(100), annual_rate=Decimal(0), installments=14, disbursed_on=out, first_due_on=first
    )
    book = np.array([out, out], "datetime64[D]")
    due = due_days(book, 14, first=np.array([first, "NaT"], "datetime64[D]"))
    assert due[:, 0].astype(date).tolist() == due_dates(terms)
    assert (due[:, 1] == due_days(book[1:], 14)[:, 0]).all()
