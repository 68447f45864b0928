from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lending.schedules import Insurance, InvalidTerms, LoanTerms, Tranche, build_schedule
from lending.schedules.servicing import PARTS, Event, EventKind, PrepaymentStrategy, ServicingRules
from lending.schedules.state import state_of

START = date(2026, 11, 21)
LOAN = LoanTerms(
    principal=Decimal(3000),
    annual_rate=Decimal("0.369"),
    installments=6,
    disbursed_on=START,
    insurance=Insurance(Decimal("0.00075")),
)
PLAIN = build_schedule(LOAN)
RULES = ServicingRules(moratory_rate=Decimal("0.15"))
MID = date(2027, 2, 5)  # fifteen days after the second installment


def happen(kind, on=MID, amount=None, **fields):
    return Event(kind=EventKind(kind), on=on, amount=None if amount is None else Decimal(amount), **fields)


def test_a_new_loan_owes_its_whole_plan():
    state = state_of(LOAN, [], RULES, START)
    assert state.owed == PLAIN.totals.total
    assert (state.principal, state.due, state.days_late) == (3000, 0, 0)
    assert [line.earned for line in state.lines] == [row.interest for row in PLAIN.rows]
    assert state.payoff.total == 3000  # returned the same day, it costs nothing


def test_late_installments_cost_moratory_interest_and_nothing_else():
    state = state_of(LOAN, [], RULES, MID)
    first, second = PLAIN.rows[:2]
    assert state.days_late == 46
    assert state.due == first.total + second.total + state.total("moratory")
    # 454.98 and 491.07 of principal at 15 % a year for 46 and 15 days
    expected = [
        (row.principal * (Decimal("1.15") ** (Decimal(days) / 360) - 1)).quantize(Decimal("0.01"))
        for row, days in ((first, 46), (second, 15))
    ]
    assert [line.moratory for line in state.lines[:2]] == expected
    assert {line.moratory_through for line in state.lines[:2]} == {MID}


def test_the_payoff_to_the_day_leaves_nothing():
    quote = state_of(LOAN, [], RULES, MID).payoff
    paid = state_of(LOAN, [happen("payoff", amount=quote.total)], RULES, MID)
    assert paid.is_over
    assert (paid.principal, paid.advance, paid.owed, paid.payoff.total) == (0, 0, 0, 0)
    assert sum(getattr(paid.payments[0], part) for part in PARTS) == quote.total


def test_a_payoff_that_turns_out_short_pays_what_it_reaches():
    quote = state_of(LOAN, [], RULES, MID).payoff
    state = state_of(LOAN, [happen("payoff", amount=quote.total - 100)], RULES, MID)
    assert state.principal == 100
    assert not state.is_over


def test_money_in_advance_pays_the_installments_on_their_day():
    total = PLAIN.rows[0].total + PLAIN.rows[1].total
    early = [happen("repayment", START + timedelta(days=3), total)]
    assert state_of(LOAN, early, RULES, START + timedelta(days=4)).advance == total
    state = state_of(LOAN, early, RULES, MID)
    assert (state.advance, state.due) == (0, 0)
    assert [line.settled_on for line in state.lines[:2]] == [row.due_on for row in PLAIN.rows[:2]]
    assert [use.advance for use in state.uses] == [-PLAIN.rows[0].total, -PLAIN.rows[1].total]


def test_what_is_forgiven_is_never_principal_and_never_more_than_is_due():
    forgive = [happen("waiver", amount=10_000, part=part) for part in ("penalties", "interest")]
    state = state_of(LOAN, forgive, RULES, MID)
    assert state.total("waived_interest") == PLAIN.rows[0].interest + PLAIN.rows[1].interest
    assert state.total("waived_moratory") == state.total("moratory") > 0
    assert state.principal == 3000
    assert state.owed == PLAIN.totals.total - state.total("waived_interest")


def test_money_after_the_end_is_kept_for_the_borrower():
    quote = state_of(LOAN, [], RULES, MID).payoff.total
    events = [happen("payoff", amount=quote), happen("repayment", MID + timedelta(days=9), 50)]
    state = state_of(LOAN, events, RULES, MID + timedelta(days=9))
    assert (state.is_over, state.advance) == (True, 50)


@pytest.mark.parametrize("kind", ["prepayment", "payoff"])
def test_a_tranche_drawn_in_the_running_period_is_owed(kind):
    second = START + timedelta(days=10)
    loan = replace(LOAN, tranches=(Tranche(START, Decimal(1000)), Tranche(second, Decimal(2000))))
    before = state_of(loan, [], RULES, START + timedelta(days=5))
    after = state_of(loan, [], RULES, START + timedelta(days=20))
    assert (before.principal, after.principal) == (1000, 3000)
    amount = after.payoff.total if kind == "payoff" else Decimal(500)
    state = state_of(loan, [happen(kind, START + timedelta(days=20), amount)], RULES, START + timedelta(days=20))
    assert state.principal == (0 if kind == "payoff" else 3000 - state.payments[0].principal)
    assert state.is_over == (kind == "payoff")


days = st.integers(0, 400)
cents = st.integers(1, 400_000).map(lambda amount: Decimal(amount) / 100)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("repayment"), days, cents, st.sampled_from([None, *PrepaymentStrategy])),
        st.tuples(st.just("prepayment"), days, cents, st.sampled_from([None, *PrepaymentStrategy])),
        st.tuples(st.just("payoff"), days, cents, st.none()),
        st.tuples(st.just("waiver"), days, cents, st.sampled_from(["penalties", "interest", "insurance", "fees"])),
        st.tuples(st.just("charge"), days, cents, st.none()),
        st.tuples(st.just("reschedule"), days, st.integers(1, 12), st.none()),
        st.tuples(st.just("rate_change"), days, st.integers(0, 60), st.none()),
    ),
    max_size=8,
)


def event_of(kind, day, value, extra):
    on = START + timedelta(days=day)
    if kind == "waiver":
        return happen(kind, on, value, part=extra)
    if kind == "reschedule":
        return happen(kind, on, installments=value)
    if kind == "rate_change":
        return happen(kind, on, annual_rate=Decimal(value) / 100)
    return happen(kind, on, value, **({"strategy": extra} if extra else {}))


@settings(max_examples=150, deadline=None)
@given(happenings, days)
@example([("repayment", 0, Decimal("3295.11"), None)], 0)  # all that is to come, on the day of the disbursement
def test_money_is_never_lost_duplicated_or_invented(chosen, later):
    events: list[Event] = []
    for item in sorted(chosen, key=lambda item: item[1]):  # those the loan refuses are left out
        try:
            state_of(LOAN, [*events, event_of(*item)], RULES, START + timedelta(days=item[1]))
        except InvalidTerms:
            continue
        events.append(event_of(*item))
    last = max((event.on for event in events), default=START)
    state = state_of(LOAN, events, RULES, max(last, START + timedelta(days=later)))
    came_in = sum(event.amount for event in events if event.kind in ("repayment", "prepayment", "payoff"))
    went = {part: state.total(f"paid_{part}") for part in ("principal", "interest", "insurance", "fees", "moratory")}
    assert came_in == sum(went.values()) + state.advance
    assert state.principal == 3000 - went["principal"]
    assert state.total("principal") == 3000
    assert all(line.unpaid >= 0 for line in state.lines)
    for payment in state.payments:
        assert payment.amount == sum(getattr(payment, part) for part in PARTS) + payment.advance
    by_part = {part: sum(getattr(p, part) for p in (*state.payments, *state.uses)) for part in PARTS}
    assert by_part == {"penalties": went.pop("moratory"), **went}
    assert state.total("earned") == state.total("interest")
    # Money kept in advance may be worth all that is left: then nothing more can be paid, and the loan is not over yet.
    left = sum(line.unpaid for line in state.lines)
    assert state.is_over == (left == 0)
    assert state.owed == max(left - state.advance, 0)
