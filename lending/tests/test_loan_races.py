"""Many at once on one loan: real threads, real commits."""

import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from accounts.errors import DomainError
from accounts.tenancy.scope import institution_scope
from lending.models import Disbursement, LedgerEntry, Loan, Repayment
from lending.selectors.ledger import disagreements
from lending.services.loans import book_loan, disburse_loan, request_disbursement
from lending.services.repayments import record_repayment, reverse_repayment
from lending.tests.loans import active_loan, signed_contract, staff
from lending.tests.test_repayments import check

pytestmark = pytest.mark.transactional
DUE = date(2026, 4, 2)


def at_once(institution: Any, acts: list[Callable[[], Any]]) -> tuple[list[Any], list[DomainError]]:
    """What each act answered or was refused with, all started together."""
    barrier, answers, refusals, broken = threading.Barrier(len(acts)), [], [], []

    def run(act: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            with institution_scope(institution.pk):
                answers.append(act())
        except DomainError as refusal:
            refusals.append(refusal)
        except Exception as error:
            broken.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert broken == []
    return answers, refusals


@pytest.fixture
def thousand(institution) -> Loan:
    """1,000 soles owed, without interest, in one installment."""
    with institution_scope(institution.pk):
        return active_loan(institution, principal=Decimal(1000), annual_rate=Decimal(0), installments=1)


@pytest.fixture
def cashiers(institution) -> list[Any]:
    with institution_scope(institution.pk):
        return [staff(institution, "cashier") for _ in range(12)]


def pay(loan: Loan, actor: Any, **how: Any) -> Callable[[], Any]:
    return lambda: record_repayment(loan_id=loan.pk, actor=actor, amount=Decimal(100), on=DUE, channel="api", **how)


def test_twelve_clients_with_one_key_make_one_posting(institution, thousand, cashiers):
    answers, refusals = at_once(
        institution, [pay(thousand, one, provider="yape", external_ref="K-1") for one in cashiers]
    )
    assert (len({answer.pk for answer in answers}), len(answers), refusals) == (1, 12, [])
    with institution_scope(institution.pk):
        assert Repayment.objects.count() == 1
        assert check(thousand).principal_outstanding == 900


def test_twelve_payments_of_a_hundred_on_a_thousand_are_ten_posted_and_two_refused(institution, thousand, cashiers):
    answers, refusals = at_once(institution, [pay(thousand, one) for one in cashiers])
    assert (len(answers), len(refusals)) == (10, 2)
    with institution_scope(institution.pk):
        loan = check(thousand)
        assert (loan.status, loan.principal_outstanding) == (Loan.Status.PAID, 0)
        assert sorted(row.number for row in Repayment.objects.all()) == list(range(1, 11))


def test_two_approvers_pay_out_once(institution):
    with institution_scope(institution.pk):
        officer = staff(institution, "officer")
        loan = book_loan(contract_id=signed_contract(institution).pk, actor=officer)
        asked = request_disbursement(loan_id=loan.pk, actor=officer)
        approvers = [staff(institution, "approver") for _ in range(6)]
    answers, refusals = at_once(
        institution, [lambda one=one: disburse_loan(disbursement_id=asked.pk, actor=one) for one in approvers]
    )
    assert (len(answers), refusals) == (6, [])
    with institution_scope(institution.pk):
        assert LedgerEntry.objects.values("journal").distinct().count() == 1
        assert disagreements() == []


def test_six_requests_and_bookings_are_one(institution):
    with institution_scope(institution.pk):
        contract, officer = signed_contract(institution), staff(institution, "officer")

    def act() -> Any:
        loan = book_loan(contract_id=contract.pk, actor=officer)
        return loan.pk, request_disbursement(loan_id=loan.pk, actor=officer).pk

    answers, refusals = at_once(institution, [act] * 6)
    assert (len(answers), len(set(answers)), refusals) == (6, 1, [])
    with institution_scope(institution.pk):
        assert Disbursement.objects.count() == 1


def test_a_payment_is_reversed_once_while_others_come_in(institution, thousand, cashiers):
    with institution_scope(institution.pk):
        wrong = record_repayment(loan_id=thousand.pk, actor=cashiers[0], amount=Decimal(300), on=DUE)
        approvers = [staff(institution, "approver") for _ in range(3)]
    undo = [
        lambda one=one: reverse_repayment(repayment_id=wrong.pk, actor=one, reason="era de otro") for one in approvers
    ]
    answers, refusals = at_once(institution, [*undo, *(pay(thousand, one) for one in cashiers[:4])])
    assert len(answers) == 5
    assert {refusal.code for refusal in refusals} == {"already_reversed"}
    with institution_scope(institution.pk):
        assert check(thousand).principal_outstanding == 600
