"""Money that comes in: done, refused, repeated, early, late, reversed; the ledger and the book after each."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, OutboxEvent
from accounts.tenancy.scope import institution_scope
from lending.ledger import ACCRUED, ADVANCES, BANK, CASH, CURRENT, INSURANCE_PAYABLE, ITF_PAYABLE, MORATORY
from lending.models import Allocation, Installment, LedgerEntry, Loan, Repayment
from lending.schedules import Insurance
from lending.schedules.state import LineState
from lending.selectors.ledger import disagreements
from lending.selectors.loans import facts_of, loan_state
from lending.services.repayments import (
    choose_prepayment,
    pay_off_loan,
    prepay_loan,
    record_repayment,
    refund_advance,
    reverse_repayment,
)
from lending.services.servicing import STORED, use_advances
from lending.tests.loans import START, active_loan, staff
from lending.tests.test_loans import balances

Status = Loan.Status
FIRST_DUE = date(2026, 4, 2)


@pytest.fixture
def loan(institution) -> Loan:
    return active_loan(institution, insurance=Insurance(Decimal("0.00075")))


@pytest.fixture
def cashier(institution):
    return staff(institution, "cashier")


@pytest.fixture
def approver(institution):
    return staff(institution, "approver")


def lines(loan: Loan) -> list[Installment]:
    return list(Installment.objects.filter(loan_id=loan.pk).order_by("place"))


def check(loan: Loan) -> Loan:
    """What is stored is what a replay from nothing gives, and the books agree with it."""
    loan = Loan.objects.get(pk=loan.pk)
    state = facts_of(loan).state(loan.state_on)
    assert [LineState(**{name: getattr(row, name) for name in STORED}) for row in lines(loan)] == list(state.lines)
    assert (loan.principal_outstanding, loan.advance) == (state.principal, state.advance - loan.refunded)
    repayments = list(Repayment.objects.filter(loan_id=loan.pk, status="posted"))
    for repayment in repayments:
        parts = Allocation.objects.filter(repayment=repayment)
        assert sum(part.amount for part in parts) == repayment.amount
    books = balances(loan)
    if not loan.charged_off_on:
        assert books.get(CURRENT, 0) == loan.principal_outstanding
        assert -books.get(ADVANCES, 0) == loan.advance
        assert -books.get(ACCRUED, 0) == sum(line.paid_interest + line.waived_interest for line in lines(loan))
        assert -books.get(MORATORY, 0) == sum(line.paid_moratory for line in lines(loan))
        assert -books.get(INSURANCE_PAYABLE, 0) == sum(line.paid_insurance for line in lines(loan))
    assert sum(books.values()) == 0
    assert disagreements() == []
    return loan


class TestRepayment:
    def test_on_the_day_it_pays_the_installment(self, loan, cashier):
        first = lines(loan)[0]
        paid = record_repayment(loan_id=loan.pk, actor=cashier, amount=first.total, on=FIRST_DUE)
        loan = check(loan)
        assert loan.next_due_on == date(2026, 5, 2)
        assert lines(loan)[0].settled_on == FIRST_DUE
        parts = {row.part: row.amount for row in Allocation.objects.filter(repayment=paid)}
        assert parts == {"principal": first.principal, "interest": first.interest, "insurance": first.insurance}
        entries = LedgerEntry.objects.filter(subject_id=paid.pk)
        assert {entry.on for entry in entries} == {FIRST_DUE}
        assert {entry.account: entry.amount for entry in entries} == {
            CASH: first.total, CURRENT: -first.principal, ACCRUED: -first.interest,
            INSURANCE_PAYABLE: -first.insurance,
        }  # fmt: skip
        assert AuditEntry.objects.filter(event="lending.repayment.posted", subject_id=str(paid.pk)).count() == 1
        assert OutboxEvent.objects.filter(name="lending.repayment.posted", subject_id=str(paid.pk)).count() == 1

    def test_late_it_pays_moratory_interest_first(self, loan, cashier):
        owed = loan_state(loan, FIRST_DUE + timedelta(days=20)).due
        record_repayment(loan_id=loan.pk, actor=cashier, amount=owed, on=FIRST_DUE + timedelta(days=20))
        check(loan)
        first = lines(loan)[0]
        assert first.paid_moratory == first.moratory > 0
        assert balances(loan)[MORATORY] == -first.moratory

    def test_part_of_it_pays_in_the_order_of_the_contract(self, institution, cashier):
        order = ("principal", "interest", "insurance", "fees", "penalties")
        loan = active_loan(institution, order=order)
        record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(100), on=FIRST_DUE)
        check(loan)
        assert (lines(loan)[0].paid_principal, lines(loan)[0].paid_interest) == (100, 0)

    def test_early_it_waits_for_its_installment(self, loan, cashier):
        record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(700), on=START + timedelta(days=5))
        loan = check(loan)
        assert (loan.advance, balances(loan)[ADVANCES]) == (700, -700)
        assert use_advances(on=FIRST_DUE) == 1
        assert use_advances(on=FIRST_DUE) == 0
        loan = check(loan)
        assert lines(loan)[0].settled_on == FIRST_DUE
        assert loan.advance == 700 - lines(loan)[0].total

    def test_an_advance_is_used_by_the_next_payment_as_well(self, loan, cashier):
        for day, amount in ((START + timedelta(days=5), 200), (FIRST_DUE, 400)):
            record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(amount), on=day)
        loan = check(loan)
        assert loan.advance == 600 - lines(loan)[0].total

    def test_the_same_reference_is_one_payment(self, loan, cashier):
        how = {"loan_id": loan.pk, "actor": cashier, "amount": Decimal(100), "on": FIRST_DUE, "channel": "bank"}
        first, second = (record_repayment(**how, provider="bcp", external_ref="77-1") for _ in range(2))
        assert first.pk == second.pk
        assert balances(loan)[BANK] == Decimal("-2899.85")
        with pytest.raises(InvalidInput) as refusal:
            record_repayment(**{**how, "amount": Decimal(50)}, provider="bcp", external_ref="77-1")
        assert refusal.value.code == "reference_used"
        assert record_repayment(**how, provider="bbva", external_ref="77-1").pk != first.pk

    def test_a_reference_of_another_loan_is_refused(self, institution, loan, cashier):
        how = {"actor": cashier, "amount": Decimal(100), "on": FIRST_DUE, "external_ref": "77-1"}
        record_repayment(loan_id=loan.pk, **how)
        with pytest.raises(InvalidInput):
            record_repayment(loan_id=active_loan(institution).pk, **how)

    def test_never_more_than_is_owed(self, loan, cashier):
        owed = sum(line.total for line in lines(loan))
        for amount in (owed + Decimal("0.01"), owed):
            with pytest.raises(InvalidInput):
                record_repayment(loan_id=loan.pk, actor=cashier, amount=amount, on=FIRST_DUE)
        assert Repayment.objects.count() == 0

    @pytest.mark.parametrize("amount", [Decimal(0), Decimal(-5), Decimal("0.001"), Decimal("NaN")])
    def test_an_amount_is_money(self, loan, cashier, amount):
        with pytest.raises(InvalidInput) as refusal:
            record_repayment(loan_id=loan.pk, actor=cashier, amount=amount, on=FIRST_DUE)
        assert list(refusal.value.fields) == ["amount"]

    def test_neither_before_the_disbursement_nor_in_the_future(self, loan, cashier):
        for day in (START - timedelta(days=1), today() + timedelta(days=1)):
            with pytest.raises(InvalidInput) as refusal:
                record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(10), on=day)
            assert list(refusal.value.fields) == ["on"]

    def test_roles_and_institutions(self, loan, cashier, officer, other_institution):
        with pytest.raises(NotAllowed):
            record_repayment(loan_id=loan.pk, actor=officer, amount=Decimal(10))
        with institution_scope(other_institution.pk), pytest.raises(NotFound):
            record_repayment(loan_id=loan.pk, actor=staff(other_institution, "cashier"), amount=Decimal(10))

    def test_cash_above_a_thousand_carries_the_tax(self, loan, cashier):
        paid = record_repayment(
            loan_id=loan.pk, actor=cashier, amount=Decimal(1000), on=FIRST_DUE, strategy="advance_installments"
        )
        assert paid.itf == Decimal("0.05")
        assert balances(check(loan))[ITF_PAYABLE] == Decimal("-0.20")

    def test_a_backdated_payment_takes_back_the_moratory_interest(self, loan, cashier):
        first = lines(loan)[0]
        later = FIRST_DUE + timedelta(days=40)
        record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(50), on=later)
        assert balances(loan)[MORATORY] < 0
        record_repayment(loan_id=loan.pk, actor=cashier, amount=first.total, on=FIRST_DUE)
        check(loan)
        again = lines(loan)[0]
        assert (again.moratory, again.settled_on) == (0, FIRST_DUE)

    def test_posting_takes_few_queries(self, institution, cashier):
        loan = active_loan(institution, installments=24)
        for month in (4, 5, 6):
            record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(120), on=date(2026, month, 15))
        counts = []
        for number, amount in enumerate((180, 1400)):  # less than what is due; a prepayment that shortens the plan
            with CaptureQueriesContext(connection) as queries:
                record_repayment(
                    loan_id=loan.pk, actor=cashier, amount=Decimal(amount), on=date(2026, 7, 15), channel="cash",
                    provider="ventanilla", external_ref=f"V-{number}",
                )  # fmt: skip
            counts.append(len(queries))
        assert counts == [20, 22]
        check(loan)


class TestPrepayment:
    MID = FIRST_DUE + timedelta(days=10)

    def test_without_a_choice_the_term_gets_shorter(self, loan, cashier):
        record_repayment(loan_id=loan.pk, actor=cashier, amount=lines(loan)[0].total, on=FIRST_DUE)
        before = loan.installment
        paid = prepay_loan(loan_id=loan.pk, actor=cashier, amount=Decimal(1000), on=self.MID)
        loan = check(loan)
        assert (paid.kind, paid.strategy) == ("prepayment", "")
        assert loan.installment == before
        assert loan.matures_on < date(2026, 9, 2)

    def test_much_more_than_is_due_is_a_prepayment_by_law(self, loan, cashier):
        paid = record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(2000), on=self.MID)
        assert paid.kind == "prepayment"
        check(loan)

    def test_the_borrower_may_choose_lower_installments_for_fifteen_days(self, loan, cashier, monkeypatch):
        paid = prepay_loan(loan_id=loan.pk, actor=cashier, amount=Decimal(1500), on=self.MID)
        before = balances(loan)
        last = self.MID + timedelta(days=15)
        monkeypatch.setattr("lending.services.repayments.today", lambda: last + timedelta(days=1))
        with pytest.raises(InvalidState) as refusal:
            choose_prepayment(repayment_id=paid.pk, actor=cashier, strategy="reduce_installment_amount")
        assert refusal.value.code == "choice_over"
        monkeypatch.setattr("lending.services.repayments.today", lambda: last)
        for _ in range(2):
            choose_prepayment(repayment_id=paid.pk, actor=cashier, strategy="reduce_installment_amount")
        after = check(loan)
        assert after.installment < loan.installment
        assert after.matures_on == date(2026, 9, 2)
        assert balances(loan) == before  # no money moved

    def test_what_pays_off_or_only_what_is_due_is_no_prepayment(self, loan, cashier):
        state = loan_state(loan, self.MID)
        for amount in (state.payoff.total, state.due):
            with pytest.raises(InvalidInput):
                prepay_loan(loan_id=loan.pk, actor=cashier, amount=amount, on=self.MID)


class TestPayoff:
    DAY = FIRST_DUE + timedelta(days=13)

    def test_leaves_nothing(self, loan, cashier):
        quote = loan_state(loan, self.DAY).payoff.total
        with pytest.raises(InvalidInput):
            pay_off_loan(loan_id=loan.pk, actor=cashier, amount=quote - 1, on=self.DAY)
        paid = pay_off_loan(loan_id=loan.pk, actor=cashier, amount=quote, on=self.DAY)
        loan = check(loan)
        assert (loan.status, loan.closed_on, loan.principal_outstanding) == (Status.PAID, self.DAY, 0)
        assert paid.amount == quote
        with pytest.raises(InvalidState):
            record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(1))

    def test_counts_what_was_paid_in_advance(self, loan, cashier):
        record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(500), on=START + timedelta(days=2))
        paid = pay_off_loan(loan_id=loan.pk, actor=cashier, on=START + timedelta(days=2))
        assert 2500 < paid.amount < 2510
        assert check(loan).advance == 0

    def test_of_a_day_before_an_advance_was_used_costs_what_that_day_costs(self, loan, cashier):
        record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(700), on=START + timedelta(days=2))
        quote = loan_state(loan, START + timedelta(days=5)).payoff.total
        assert use_advances(on=FIRST_DUE) == 1
        assert pay_off_loan(loan_id=loan.pk, actor=cashier, on=START + timedelta(days=5)).amount == quote
        loan = check(loan)
        assert (loan.status, loan.advance, loan.principal_outstanding) == (Status.PAID, 0, 0)

    def test_may_need_no_new_money_and_the_rest_goes_back(self, loan, cashier, approver):
        total = sum(line.total for line in lines(loan))
        for amount in (total / 2).quantize(Decimal("0.01")), total - (total / 2).quantize(Decimal("0.01")):
            record_repayment(
                loan_id=loan.pk, actor=cashier, amount=amount, on=START + timedelta(days=2),
                strategy="advance_installments",
            )  # fmt: skip
        paid = pay_off_loan(loan_id=loan.pk, actor=cashier, on=START + timedelta(days=2))
        loan = check(loan)
        assert paid.amount == 0
        assert loan.advance > 200
        with pytest.raises(NotAllowed):
            refund_advance(loan_id=loan.pk, actor=cashier)
        assert refund_advance(loan_id=loan.pk, actor=approver) == loan.advance
        assert refund_advance(loan_id=loan.pk, actor=approver) == 0
        loan = check(loan)
        with pytest.raises(InvalidState):
            reverse_repayment(repayment_id=paid.pk, actor=approver, reason="prueba de extorno")

    def test_the_last_installment_ends_the_loan(self, loan, cashier):
        for line in lines(loan):
            record_repayment(loan_id=loan.pk, actor=cashier, amount=line.total, on=line.due_on)
        assert check(loan).status == Status.PAID


class TestReversal:
    def test_leaves_the_loan_as_if_it_had_never_been(self, loan, cashier, approver):
        first, second = lines(loan)[:2]
        record_repayment(loan_id=loan.pk, actor=cashier, amount=first.total, on=FIRST_DUE)
        wrong = record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(300), on=FIRST_DUE + timedelta(days=3))
        record_repayment(loan_id=loan.pk, actor=cashier, amount=second.total, on=second.due_on)
        reverse_repayment(repayment_id=wrong.pk, actor=approver, reason="era de otro cliente")
        loan = check(loan)
        wrong.refresh_from_db()
        assert (wrong.status, wrong.reversed_by_id) == ("reversed", approver.user_id)
        assert loan.advance == 0
        assert not Allocation.objects.filter(repayment=wrong).exists()
        assert sum(balances(loan)[account] for account in (CASH,)) == first.total + second.total

    def test_of_a_reversal_is_refused(self, loan, cashier, approver):
        paid = record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(300), on=FIRST_DUE)
        reverse_repayment(repayment_id=paid.pk, actor=approver, reason="pago duplicado")
        with pytest.raises(InvalidState) as refusal:
            reverse_repayment(repayment_id=paid.pk, actor=approver, reason="pago duplicado")
        assert refusal.value.code == "already_reversed"
        assert balances(check(loan)).get(CASH) is None

    def test_nobody_reverses_what_they_received(self, institution, loan):
        both = staff(institution, "cashier", "approver")
        paid = record_repayment(loan_id=loan.pk, actor=both, amount=Decimal(300), on=FIRST_DUE)
        with pytest.raises(NotAllowed):
            reverse_repayment(repayment_id=paid.pk, actor=both, reason="pago duplicado")

    def test_opens_a_paid_loan_again(self, loan, cashier, approver):
        paid = pay_off_loan(loan_id=loan.pk, actor=cashier, on=FIRST_DUE)
        reverse_repayment(repayment_id=paid.pk, actor=approver, reason="cheque sin fondos")
        loan = check(loan)
        assert (loan.status, loan.closed_on, loan.principal_outstanding) == (Status.ACTIVE, None, 3000)

    def test_needs_a_reason_and_a_right(self, loan, cashier, approver):
        paid = record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(300), on=FIRST_DUE)
        with pytest.raises(InvalidInput):
            reverse_repayment(repayment_id=paid.pk, actor=approver, reason=" ")
        with pytest.raises(NotAllowed):
            reverse_repayment(repayment_id=paid.pk, actor=cashier, reason="pago duplicado")


@pytest.mark.parametrize(
    ("terms", "day"),
    [
        ({"annual_rate": Decimal(0)}, date(2026, 3, 2)),
        ({"principal": Decimal("0.01"), "installments": 1}, date(2026, 3, 2)),
        ({"installments": 1}, date(2026, 3, 2)),
        ({"installments": 6}, date(2026, 1, 31)),
        ({"installments": 13}, date(2024, 2, 29)),
        ({"installments": 600, "principal": Decimal(60000)}, date(2026, 1, 31)),
    ],
    ids=["zero rate", "one céntimo", "one installment", "31st", "leap day", "600 installments"],
)
def test_odd_loans_are_paid_like_any_other(institution, cashier, terms, day):
    loan = active_loan(institution, disbursed_on=day, on=day, **terms)
    first = lines(loan)[0]
    record_repayment(loan_id=loan.pk, actor=cashier, amount=first.total, on=first.due_on)
    loan = check(loan)
    if loan.status == Status.ACTIVE:
        pay_off_loan(loan_id=loan.pk, actor=cashier, on=first.due_on + timedelta(days=11))
        loan = check(loan)
    assert (loan.status, loan.principal_outstanding, loan.advance) == (Status.PAID, 0, 0)
