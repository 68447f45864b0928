from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lending.schedules import (
    Amortization,
    Insurance,
    InterestMethod,
    InvalidTerms,
    LoanTerms,
    PlannedPayment,
    Tranche,
    build_schedule,
)
from lending.schedules.servicing import Event, EventKind, PrepaymentStrategy, ServicingRules, service_loan

START = date(2026, 11, 21)
LOAN = LoanTerms(
    principal=Decimal(3000),
    annual_rate=Decimal("0.369"),
    installments=6,
    disbursed_on=START,
    insurance=Insurance(Decimal("0.00075")),
)
PLAIN = build_schedule(LOAN)
MID = date(2027, 2, 5)  # fifteen days after the second installment


def event(kind, on=MID, **fields):
    if "amount" in fields:
        fields["amount"] = Decimal(fields["amount"])
    return Event(kind=EventKind(kind), on=on, **fields)


def rows_of(*events, rules=None, loan=LOAN):
    return service_loan(loan, events, rules).schedule.rows


def test_a_loan_to_which_nothing_happens_is_its_plan():
    assert service_loan(LOAN, []).schedule == PLAIN


class TestTranches:
    """1,000 on the first day and 2,000 on 10 February."""

    LOAN = replace(LOAN, tranches=(Tranche(START, Decimal(1000)), Tranche(date(2027, 2, 10), Decimal(2000))))

    @pytest.mark.parametrize("ends", [
        event("payoff"), event("payoff", amount="3000"), event("prepayment", amount="3000"), event("reschedule"),
        event("payoff", on=date(2027, 2, 10)),
    ])  # fmt: skip
    def test_none_is_lost_while_it_is_still_to_come(self, ends):
        with pytest.raises(InvalidTerms, match="Falta entregar") as caught:
            rows_of(ends, loan=self.LOAN)
        assert caught.value.field == "events"

    @pytest.mark.parametrize("later", [event("payoff", on=date(2027, 2, 11)), event("reschedule", date(2027, 2, 11))])
    def test_afterwards_everything_is_owed(self, later):
        rows = rows_of(later, loan=self.LOAN)
        assert sum(row.principal for row in rows) == 3000
        assert rows[-1].outstanding == 0

    def test_fewer_installments_go_on_for_it(self):
        """960 of the first 1,000 come back at once, the last sol long before the second tranche."""
        rows = rows_of(event("prepayment", date(2026, 11, 22), amount="960"), loan=self.LOAN)
        assert rows[1].outstanding == 0
        assert sum(row.principal for row in rows) == 3000
        assert rows[-1].outstanding == 0


def test_given_back_on_the_day_it_cost_nothing():
    schedule = service_loan(LOAN, [event("payoff", START)]).schedule
    assert schedule.totals.total == 3000
    assert schedule.tcea == 0


def test_what_is_less_than_a_multiple_can_be_planned_again():
    rows = rows_of(
        event("reschedule", date(2027, 5, 1), installments=2), loan=replace(LOAN, rounding_multiple=Decimal(550))
    )
    assert sum(row.principal for row in rows) == 3000
    assert rows[-1].outstanding == 0


def test_a_plan_that_is_paid_off_is_not_planned_again():
    half = Decimal("0.5")
    plan = tuple(
        PlannedPayment(date(2027, month, 1), share=share) for month, share in ((1, half), (2, half), (3, Decimal(0)))
    )
    paid = replace(LOAN, amortization=Amortization.IRREGULAR, installments=3, plan=plan)
    with pytest.raises(InvalidTerms, match="Ya no queda capital"):
        rows_of(event("reschedule", date(2027, 2, 2)), loan=paid)


class TestPrepayment:
    """1,000 on day 15 of the third period: 27.07 of interest (2,054.76 x (1.369^(15/360) - 1)), 0.77 / 30 x 15
    of insurance, and the rest to the principal."""

    def test_pays_interest_to_the_day_and_then_principal(self):
        prepaid = rows_of(event("prepayment", amount=1000))[2]
        assert (prepaid.n, prepaid.kind, prepaid.days) == (0, "prepayment", 15)
        assert str(prepaid.interest) == "27.07"
        assert str(prepaid.total) == "1000.00"
        assert prepaid.outstanding == PLAIN.rows[1].outstanding - prepaid.principal

    def test_fewer_installments_keep_their_amount(self):
        rows = rows_of(event("prepayment", amount=1000))
        assert [row.n for row in rows] == [1, 2, 0, 3, 4, 5]
        assert [str(row.total) for row in rows if row.n][:4] == ["549.19"] * 4
        assert rows[-1].outstanding == 0

    def test_smaller_installments_keep_their_number(self):
        rows = rows_of(event("prepayment", amount=1000, strategy=PrepaymentStrategy.REDUCE_AMOUNT))
        assert [row.n for row in rows] == [1, 2, 0, 3, 4, 5, 6]
        assert len({row.total for row in rows[3:-1]}) == 1
        assert rows[3].total < Decimal("290")

    def test_both_cost_less_than_before_and_advancing_costs_the_same(self):
        totals = {}
        for strategy in PrepaymentStrategy:
            rules = ServicingRules(prepayment_strategy=strategy)
            totals[strategy] = service_loan(LOAN, [event("prepayment", amount=1000)], rules).schedule.totals.interest
        assert totals["reduce_number_of_installments"] < totals["reduce_installment_amount"]
        assert totals["reduce_installment_amount"] < totals["advance_installments"] == PLAIN.totals.interest

    def test_everything_at_once_ends_the_loan(self):
        serviced = service_loan(LOAN, [event("prepayment", amount=5000)])
        assert serviced.schedule.rows[-1].outstanding == 0
        assert len(serviced.schedule.rows) == 3
        [payment] = serviced.payments
        assert payment.advance == 5000 - serviced.schedule.rows[-1].total

    def test_equal_principal_and_flat_loans_can_be_prepaid_too(self):
        for loan in (
            replace(LOAN, amortization=Amortization.EQUAL_PRINCIPAL),
            replace(LOAN, interest_method=InterestMethod.FLAT),
            replace(LOAN, amortization=Amortization.BULLET),
        ):
            for strategy in (PrepaymentStrategy.REDUCE_AMOUNT, PrepaymentStrategy.REDUCE_NUMBER):
                rows = rows_of(event("prepayment", amount=1000, strategy=strategy), loan=loan)
                assert sum(row.principal for row in rows) == 3000
                assert rows[-1].outstanding == 0


class TestOtherEvents:
    def test_payoff_leaves_nothing_and_pays_interest_to_the_day(self):
        rows = rows_of(event("payoff"))
        assert [row.kind for row in rows] == ["installment", "installment", "payoff"]
        assert str(rows[-1].interest) == "27.07"
        assert rows[-1].outstanding == 0

    def test_a_charge_falls_due_with_the_next_installment(self):
        rows = rows_of(event("charge", amount=5))
        assert [str(row.fees) for row in rows] == ["0.00", "0.00", "5.00", "0.00", "0.00", "0.00"]
        assert rows[2].total == PLAIN.rows[2].total + 5

    def test_a_new_rate_counts_from_its_day(self):
        """27.07 at the old rate; 2,054.76 x (1.5^(16/360) - 1) = 37.36 at the new one."""
        schedule = service_loan(LOAN, [event("rate_change", annual_rate=Decimal("0.5"))]).schedule
        assert str(schedule.rows[2].interest) == "64.43"
        assert schedule.rows[2].days == 31
        assert Decimal("0.369") < schedule.tea < Decimal("0.5")

    def test_a_reschedule_plans_what_is_owed_again(self):
        rows = rows_of(event("reschedule", installments=8, first_due_on=date(2027, 4, 1)))
        assert [row.n for row in rows] == list(range(1, 11))
        assert rows[2].due_on == date(2027, 4, 1)
        assert rows[2].days == 15 + 55  # from the last installment to the new one
        assert len({row.total for row in rows[2:-1]}) == 1
        assert sum(row.principal for row in rows) == 3000

    def test_nothing_happens_before_the_disbursement_or_after_the_end(self):
        for day in (START - timedelta(days=1), date(2027, 6, 1)):
            with pytest.raises(InvalidTerms) as caught:
                service_loan(LOAN, [event("payoff", day)])
            assert caught.value.field == "events"
        with pytest.raises(InvalidTerms):
            service_loan(LOAN, [event("payoff"), event("charge", amount=5)])

    @pytest.mark.parametrize("amount", [None, Decimal(0), Decimal(-5), Decimal("1.001"), Decimal("NaN")])
    def test_amounts_are_checked(self, amount):
        with pytest.raises(InvalidTerms):
            service_loan(LOAN, [Event(kind=EventKind.REPAYMENT, on=MID, amount=amount)])


class TestRepayments:
    late = ServicingRules(moratory_rate=Decimal("0.17"))

    def test_moratory_interest_runs_from_the_first_day_late_on_the_principal(self):
        """477.86 x (1.17^(10/360) - 1) = 2.09 on the second installment, ten days late."""
        first = event("repayment", PLAIN.rows[0].due_on, amount="549.19")
        serviced = service_loan(LOAN, [first, event("repayment", date(2027, 1, 31), amount=600)], self.late)
        assert str(serviced.schedule.rows[1].moratory) == "2.09"
        payment = serviced.payments[1]
        assert str(payment.penalties) == "2.09"
        assert payment.principal == PLAIN.rows[1].principal
        assert payment.advance == 600 - Decimal("549.19") - Decimal("2.09")

    def test_paid_on_the_day_nothing_is_late(self):
        paid = [event("repayment", row.due_on, amount=str(row.total)) for row in PLAIN.rows]
        serviced = service_loan(LOAN, paid, self.late)
        assert serviced.schedule.rows == PLAIN.rows
        assert sum(payment.amount for payment in serviced.payments) == PLAIN.totals.total
        assert all(payment.advance == 0 for payment in serviced.payments)

    def test_money_goes_in_the_order_of_the_contract(self):
        usual = service_loan(LOAN, [event("repayment", date(2026, 12, 21), amount=100)]).payments[0]
        assert (str(usual.insurance), str(usual.interest), str(usual.principal)) == ("2.25", "79.56", "18.19")
        order = ("principal", "interest", "insurance", "fees", "penalties")
        rules = ServicingRules(allocation_order=order)
        other = service_loan(LOAN, [event("repayment", date(2026, 12, 21), amount=100)], rules).payments[0]
        assert (str(other.principal), str(other.interest)) == ("100.00", "0.00")

    def test_an_order_that_forgets_a_part_is_refused(self):
        with pytest.raises(InvalidTerms):
            ServicingRules(allocation_order=("interest", "principal"))

    def test_early_money_waits_for_the_next_installments_or_reduces_the_principal(self):
        double = event("repayment", PLAIN.rows[0].due_on, amount="1098.38")
        waits = service_loan(LOAN, [double, event("repayment", date(2027, 1, 31), amount=1)], self.late)
        assert waits.schedule.rows[1].moratory == 0  # the second installment was paid in advance
        reduces = service_loan(LOAN, [replace(double, strategy=PrepaymentStrategy.REDUCE_NUMBER)], self.late)
        assert reduces.schedule.totals.interest < PLAIN.totals.interest

    def test_overdue_installments_join_a_reschedule(self):
        serviced = service_loan(
            LOAN,
            [event("repayment", date(2026, 12, 21), amount=400), event("reschedule", date(2027, 2, 25))],
            self.late,
        )
        rows = serviced.schedule.rows
        assert sum(row.principal for row in rows) == 3000
        assert rows[0].total - rows[0].moratory == 400
        assert rows[1].principal == rows[2].principal == 0  # neither was paid; both joined the new plan
        assert rows[1].interest == rows[2].interest == 0
        assert rows[-1].outstanding == 0

    def test_payoff_of_a_late_loan_collects_everything_and_uses_what_was_kept(self):
        events = [event("repayment", date(2026, 12, 21), amount=400), event("payoff", date(2027, 3, 5))]
        serviced = service_loan(LOAN, events, self.late)
        assert sum(payment.amount for payment in serviced.payments) == serviced.schedule.totals.total
        kept = [event("repayment", date(2026, 12, 21), amount=800), event("payoff", date(2026, 12, 30))]
        serviced = service_loan(LOAN, kept, self.late)
        assert sum(payment.amount for payment in serviced.payments) == serviced.schedule.totals.total


days_in = st.integers(0, 170).map(lambda days: START + timedelta(days=days))
amounts = st.integers(1, 200_000).map(lambda cents: Decimal(cents).scaleb(-2))
happenings = st.lists(
    st.one_of(
        st.builds(Event, kind=st.just(EventKind.PREPAYMENT), on=days_in, amount=amounts,
                  strategy=st.sampled_from(PrepaymentStrategy)),
        st.builds(Event, kind=st.just(EventKind.REPAYMENT), on=days_in, amount=amounts,
                  strategy=st.sampled_from([None, *PrepaymentStrategy])),
        st.builds(Event, kind=st.just(EventKind.CHARGE), on=days_in, amount=amounts),
        st.builds(Event, kind=st.just(EventKind.PAYOFF), on=days_in),
        st.builds(Event, kind=st.just(EventKind.RATE_CHANGE), on=days_in,
                  annual_rate=st.integers(0, 120).map(lambda percent: Decimal(percent) / 100)),
        st.builds(Event, kind=st.just(EventKind.RESCHEDULE), on=days_in,
                  installments=st.none() | st.integers(1, 12)),
    ),
    max_size=5,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(
    happenings,
    st.sampled_from([Amortization.EQUAL_INSTALLMENTS, Amortization.EQUAL_PRINCIPAL, Amortization.BULLET]),
    st.sampled_from(InterestMethod),
    st.sampled_from([30, None]),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_whatever_happens_money_is_never_lost_invented_or_negative(
    events, amortization, method, month, grace, interest_grace
):
    loan = replace(LOAN, amortization=amortization, interest_method=method, days_in_month=month,
                   grace_on_principal=grace, grace_on_interest=interest_grace)  # fmt: skip
    try:
        serviced = service_loan(loan, events, ServicingRules(moratory_rate=Decimal("0.17")))
    except InvalidTerms:
        return
    rows = serviced.schedule.rows
    assert sum(row.principal for row in rows) == 3000
    assert rows[-1].outstanding == 0
    assert [row.due_on for row in rows] == sorted(row.due_on for row in rows)
    for row in rows:
        parts = (row.principal, row.interest, row.insurance, row.fees, row.moratory)
        assert min(parts) >= 0
        assert row.total == sum(parts)
    for payment in serviced.payments:
        parts = (payment.penalties, payment.fees, payment.insurance, payment.interest, payment.principal)
        assert payment.amount == sum(parts) + payment.advance
