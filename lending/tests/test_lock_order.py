"""Acts that change the same rows wait for one another and never in a ring: two real connections each."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import time as time_of_day
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from accounts.clock import today
from accounts.errors import DomainError, InvalidState
from accounts.tenancy.scope import institution_scope
from lending.models import Disbursement, Loan, Repayment, Restructure
from lending.services import bank_files, groups, product_import, servicing
from lending.services.bank_files import import_bank_file
from lending.services.loans import book_loan, cancel_disbursement, cancel_loan, request_disbursement
from lending.services.product_import import import_products
from lending.services.refinancing import prepare_contract
from lending.services.repayments import record_repayment
from lending.services.restructures import approve_restructure, refinance_loan
from lending.services.servicing import lock_loan
from lending.tests.loans import active_loan, borrower_of, legal_caps, sign_refinancing, signed_contract, staff
from lending.tests.test_groups import document_of
from lending.tests.test_product_import import GOOD

pytestmark = pytest.mark.transactional


class Other:
    """An act on a connection of its own, until it is done or waits for a lock."""

    def __init__(self, institution: Any, act: Callable[[], Any]) -> None:
        self.institution, self.act = institution, act
        self.answer: Any = None
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._run)

    def start(self) -> "Other":
        self.thread.start()
        until = time.monotonic() + 10
        while self.thread.is_alive() and not self._waits():
            assert time.monotonic() < until, "neither done nor waiting"
            time.sleep(0.02)
        return self

    def ends(self) -> "Other":
        self.thread.join(30)
        assert not self.thread.is_alive()
        if self.error is not None and not isinstance(self.error, DomainError):
            raise self.error
        return self

    def _run(self) -> None:
        try:
            with institution_scope(self.institution.pk):
                self.answer = self.act()
        except Exception as error:
            self.error = error
        finally:
            connections.close_all()

    def _waits(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(cursor.fetchone()[0])


@contextmanager
def while_held(institution: Any, loan: Loan, act: Callable[[], Any]) -> Iterator[Other]:
    """With the loan locked here, `act` starts elsewhere; it ends after what is done inside was committed."""
    other = Other(institution, act)
    try:
        with institution_scope(institution.pk), transaction.atomic():
            lock_loan(loan.pk)
            yield other.start()
    finally:
        other.thread.join(30)
    other.ends()


@pytest.fixture
def old(institution) -> Loan:
    """A loan in payment since 40 days ago."""
    start = today() - timedelta(days=40)
    with institution_scope(institution.pk):
        legal_caps(start)
        legal_caps(today())
        return active_loan(institution, disbursed_on=start, on=start)


@pytest.fixture
def authorised(institution, old) -> Restructure:
    with institution_scope(institution.pk):
        row = refinance_loan(
            loan_id=old.pk, actor=staff(institution, "officer"), installments=10, tea=Decimal("0.30"),
            reason="perdió la cosecha por la helada",
        )  # fmt: skip
        return approve_restructure(restructure_id=row.pk, actor=staff(institution, "approver"))


def test_a_refinancing_is_prepared_anew_while_its_borrower_signs(institution, old, authorised):
    with institution_scope(institution.pk):
        contract, borrower = authorised.contracts.get(), borrower_of(old)
        officer, cashier = staff(institution, "officer"), staff(institution, "cashier")
    with while_held(institution, old, lambda: sign_refinancing(authorised, on=today(), actor=borrower)) as other:
        record_repayment(loan_id=old.pk, actor=cashier, amount=Decimal(10))
        made = prepare_contract(restructure_id=authorised.pk, actor=officer)
    assert isinstance(other.error, InvalidState)
    assert other.error.code == "contract_cancelled"
    assert made.amount < contract.amount


def test_a_request_is_withdrawn_while_its_loan_is_given_up(institution):
    with institution_scope(institution.pk):
        officer = staff(institution, "officer")
        loan = book_loan(contract_id=signed_contract(institution).pk, actor=officer)
        asked = request_disbursement(loan_id=loan.pk, actor=officer)
    with while_held(institution, loan, lambda: cancel_disbursement(disbursement_id=asked.pk, actor=officer)) as other:
        cancel_loan(loan_id=loan.pk, actor=officer, reason="ya no lo quiere")
    assert other.answer.status == Disbursement.Status.CANCELLED


def test_a_loan_that_is_over_is_not_taken_into_a_group_that_waited_for_it(institution, old):
    with institution_scope(institution.pk):
        officer = staff(institution, "officer")
        group = groups.form_group(
            actor=officer, name="Las Flores", meets_at="Posta", weekday=2, meets_from=time_of_day(18)
        )
        groups.add_member(group_id=group.pk, actor=officer, **document_of(old.applicant))
    with while_held(
        institution, old, lambda: groups.take_loan_in(group_id=group.pk, actor=officer, number=old.number)
    ) as other:
        groups._open_group(group.pk)  # a second act with both: the group is free while the other waits for the loan
        Loan.objects.filter(pk=old.pk).update(status=Loan.Status.PAID)
    assert isinstance(other.error, DomainError)


def test_nobody_leaves_a_group_that_takes_their_loan_in_meanwhile(institution, old):
    with institution_scope(institution.pk):
        officer = staff(institution, "officer")
        group = groups.form_group(
            actor=officer, name="Las Flores", meets_at="Posta", weekday=2, meets_from=time_of_day(18)
        )
        member = groups.add_member(group_id=group.pk, actor=officer, **document_of(old.applicant))
    other = Other(institution, lambda: groups.leave_group(member_id=member.pk, actor=officer))
    with institution_scope(institution.pk), transaction.atomic():
        groups.take_loan_in(group_id=group.pk, actor=officer, number=old.number)
        other.start()
    assert isinstance(other.ends().error, InvalidState)


def test_a_bank_file_and_a_cashier_on_one_of_its_loans(institution, old, monkeypatch):
    with institution_scope(institution.pk):
        second = active_loan(institution, disbursed_on=old.disbursed_on, on=old.disbursed_on)
        cashier, manager = staff(institution, "cashier"), staff(institution, "manager", "cashier")
    day = today().isoformat()
    content = f"crédito,fecha,monto,referencia\n{old.number},{day},10.00,A\n{second.number},{day},20.00,B\n".encode()
    other = Other(
        institution, lambda: record_repayment(loan_id=second.pk, actor=cashier, amount=Decimal(5), channel="cash")
    )

    def post(**how: Any) -> Repayment:
        posted = record_repayment(**how)
        if not other.thread.ident:
            other.start()
        return posted

    monkeypatch.setattr(bank_files, "record_repayment", post)
    with institution_scope(institution.pk), transaction.atomic():
        file = import_bank_file(actor=manager, name="pagos.csv", content=content, provider="bcp")
    assert (file.posted, file.errors) == (2, [])
    assert other.ends().answer.amount == 5


def test_two_files_of_the_same_products_in_another_order(institution, monkeypatch):
    head, *rows = GOOD.splitlines()[:3]
    with institution_scope(institution.pk):
        manager = staff(institution, "manager")
        import_products(actor=manager, name="p.csv", content=GOOD.encode())
    dearer = [row.replace("85%", "80").replace("8000", "7000") for row in rows]
    turned = "\n".join([head, *reversed(dearer)]).encode()
    other = Other(institution, lambda: import_products(actor=manager, name="t.csv", content=turned))
    keep = product_import._import_row

    def kept(*args: Any, **how: Any) -> None:
        keep(*args, **how)
        if not other.thread.ident:
            other.start()

    monkeypatch.setattr(product_import, "_import_row", kept)
    with institution_scope(institution.pk), transaction.atomic():
        report = import_products(actor=manager, name="d.csv", content="\n".join([head, *dearer]).encode())
    assert len(report.changed) == 2
    assert len(other.ends().answer.unchanged) == 2


def test_advances_of_many_loans_are_used_with_all_of_them_in_hand(institution, old, monkeypatch):
    with institution_scope(institution.pk):
        second = active_loan(institution, disbursed_on=old.disbursed_on, on=old.disbursed_on)
        cashier = staff(institution, "cashier")
        for loan in (old, second):
            record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(700), on=old.disbursed_on)
            Loan.objects.filter(pk=loan.pk).update(next_due_on=today())
        [_first, last] = sorted((old.pk, second.pk))
    tried: list[Any] = []

    def nobody_else() -> None:
        Loan.objects.select_for_update(nowait=True).get(pk=last)

    settle = servicing.settle

    def settled(*args: Any, **how: Any) -> Any:
        other = Other(institution, nobody_else)
        other.thread.start()
        other.thread.join(10)
        tried.append(other.error)
        return settle(*args, **how)

    monkeypatch.setattr(servicing, "settle", settled)
    with institution_scope(institution.pk):
        assert servicing.use_advances(on=today()) == 2
    assert len(tried) == 2
    assert all(isinstance(error, OperationalError) for error in tried)
