"""From a signed contract to money in hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg2.errors import ForeignKeyViolation

from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, OutboxEvent
from accounts.tenancy.scope import institution_scope
from lending.ledger import BANK, CURRENT, FEES, ITF_PAYABLE
from lending.models import Contract, Disbursement, Document, Installment, LedgerEntry, Loan
from lending.schedules import Fee, FeeWhen, Insurance, Tranche, build_schedule
from lending.schedules.contract import read_request
from lending.selectors.ledger import disagreements
from lending.services.loans import book_loan, cancel_disbursement, cancel_loan, disburse_loan, request_disbursement
from lending.tests.loans import START, active_loan, signed_contract, staff

Status = Loan.Status
INSTALLMENT = (
    "INSERT INTO lending_installment (institution_id, loan_id, place, n, kind, due_on, days, principal, interest,"
    " insurance, fees, moratory, paid_principal, paid_interest, paid_insurance, paid_fees, paid_moratory, earned,"
    " outstanding, waived_interest, waived_insurance, waived_fees, waived_moratory)"
    " VALUES (%s, %s, 99, 99, 'installment', '2026-12-01', 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)"
)
DISBURSEMENT = (
    'INSERT INTO lending_disbursement (id, institution_id, loan_id, n, status, amount, fees_deducted, itf, "on",'
    " method, account, external_ref)"
    " VALUES (gen_random_uuid(), %s, %s, 9, 'requested', 1, 0, 0, '2026-12-01', 'cash', '', '')"
)


@pytest.fixture
def contract(institution) -> Contract:
    return signed_contract(institution)


def balances(loan: Loan) -> dict[str, Decimal]:
    """What the loan's entries add up to, by account."""
    sums: dict[str, Decimal] = {}
    for entry in LedgerEntry.objects.filter(loan_id=loan.pk):
        sums[entry.account] = sums.get(entry.account, Decimal(0)) + entry.amount
    return {account: amount for account, amount in sums.items() if amount}


class TestBooking:
    def test_a_signed_contract_becomes_a_loan_with_its_terms(self, contract, officer):
        loan = book_loan(contract_id=contract.pk, actor=officer)
        assert (loan.status, loan.principal, loan.tea) == (Status.APPROVED, 3000, Decimal("0.369"))
        assert loan.installment == build_schedule(read_request(contract.terms)[0]).installment
        assert not Installment.objects.filter(loan_id=loan.pk).exists()
        assert AuditEntry.objects.filter(event="lending.loan.booked", subject_id=str(loan.pk)).count() == 1

    def test_twice_is_once(self, contract, officer):
        first, second = (book_loan(contract_id=contract.pk, actor=officer) for _ in range(2))
        assert first.pk == second.pk
        assert OutboxEvent.objects.filter(name="lending.loan.booked").count() == 1

    def test_not_before_it_is_signed(self, contract, officer):
        Contract.objects.update(status=Contract.Status.OPEN)
        with pytest.raises(InvalidState):
            book_loan(contract_id=contract.pk, actor=officer)

    @pytest.mark.parametrize("field", ["tea", "moratory_tea"])
    def test_never_above_the_legal_cap_of_the_day_it_was_signed(self, contract, officer, field):
        Contract.objects.update(**{field: Decimal("1.2")})
        with pytest.raises(InvalidState, match="legal"):
            book_loan(contract_id=contract.pk, actor=officer)

    def test_only_by_who_may(self, contract, cashier, officer, other_institution):
        with pytest.raises(NotAllowed):
            book_loan(contract_id=contract.pk, actor=cashier)
        with institution_scope(other_institution.pk), pytest.raises(NotFound):
            book_loan(contract_id=contract.pk, actor=staff(other_institution, "officer"))

    @pytest.mark.parametrize(
        ("segment", "facts", "code"),
        [
            ("household", {}, "12"),
            ("enterprise", {"monthly_sales": "9000.00", "total_debt": "17000.00"}, "10"),
            ("enterprise", {"monthly_sales": "9000.00", "total_debt": "17000.01"}, "09"),
            ("enterprise", {"monthly_sales": "420000.00", "total_debt": "0.00"}, "08"),
        ],
    )
    def test_its_credit_type_follows_debt_and_sales(self, institution, officer, segment, facts, code):
        contract = signed_contract(institution, segment=segment, facts=facts)
        assert book_loan(contract_id=contract.pk, actor=officer).credit_type == code


class TestDisbursing:
    @pytest.fixture
    def loan(self, contract, officer) -> Loan:
        return book_loan(contract_id=contract.pk, actor=officer)

    @pytest.fixture
    def asked(self, loan, officer) -> Disbursement:
        return request_disbursement(loan_id=loan.pk, actor=officer, account="191-2003004-0-21")

    def test_makes_the_loan_active_with_its_installments(self, loan, asked, approver):
        disburse_loan(disbursement_id=asked.pk, actor=approver, on=START)
        loan.refresh_from_db()
        assert (loan.status, loan.disbursed, loan.principal_outstanding) == (Status.ACTIVE, 3000, 3000)
        rows = build_schedule(read_request(loan.terms)[0]).rows
        stored = Installment.objects.filter(loan_id=loan.pk).order_by("place")
        assert [(line.due_on, line.principal, line.interest, line.earned) for line in stored] == [
            (row.due_on, row.principal, row.interest, row.interest) for row in rows
        ]
        assert loan.next_due_on == rows[0].due_on
        # ITF: 0.005 % of 3,000 is 0.15
        assert balances(loan) == {CURRENT: 3000, BANK: Decimal("-2999.85"), ITF_PAYABLE: Decimal("-0.15")}
        assert disagreements() == []
        event = OutboxEvent.objects.get(name="lending.loan.disbursed")
        assert event.subject_id == str(loan.pk)

    def test_twice_is_once(self, loan, asked, approver):
        for _ in range(2):
            disburse_loan(disbursement_id=asked.pk, actor=approver, on=START)
        assert balances(loan)[CURRENT] == 3000
        assert AuditEntry.objects.filter(event="lending.loan.disbursed").count() == 1

    def test_nobody_pays_out_what_they_asked_for(self, institution, loan):
        both = staff(institution, "officer", "approver")
        asked = request_disbursement(loan_id=loan.pk, actor=both)
        with pytest.raises(NotAllowed) as refusal:
            disburse_loan(disbursement_id=asked.pk, actor=both)
        assert refusal.value.code == "four_eyes"
        assert LedgerEntry.objects.count() == 0

    def test_an_open_request_comes_back(self, loan, asked, officer):
        assert request_disbursement(loan_id=loan.pk, actor=officer).pk == asked.pk
        assert asked.account == "•••• 4021"

    @pytest.mark.parametrize("papers", [None, Document.Status.PENDING, Document.Status.REJECTED])
    def test_not_while_a_paper_is_missing(self, institution, officer, papers):
        loan = book_loan(contract_id=signed_contract(institution, papers=papers).pk, actor=officer)
        with pytest.raises(InvalidState, match="DNI") as refusal:
            request_disbursement(loan_id=loan.pk, actor=officer)
        assert refusal.value.code == "papers_missing"

    def test_a_paper_rejected_after_the_request_stops_it_too(self, loan, asked, approver):
        Document.objects.filter(kind="identity_front").update(status=Document.Status.REJECTED)
        with pytest.raises(InvalidState):
            disburse_loan(disbursement_id=asked.pk, actor=approver, on=START)

    def test_neither_in_the_future_nor_before_the_signature(self, asked, approver):
        for day in (date.today() + timedelta(days=2), START - timedelta(days=1)):
            with pytest.raises(InvalidInput):
                disburse_loan(disbursement_id=asked.pk, actor=approver, on=day)

    def test_interest_runs_from_the_day_of_the_money(self, loan, asked, approver):
        disburse_loan(disbursement_id=asked.pk, actor=approver, on=START + timedelta(days=4))
        loan.refresh_from_db()
        assert loan.disbursed_on == START + timedelta(days=4)
        assert loan.first_due_on == date(2026, 4, 6)

    def test_a_cancelled_request_is_not_paid(self, loan, asked, officer, approver):
        cancel_disbursement(disbursement_id=asked.pk, actor=officer)
        with pytest.raises(InvalidState):
            disburse_loan(disbursement_id=asked.pk, actor=approver)
        assert request_disbursement(loan_id=loan.pk, actor=officer).pk != asked.pk

    def test_a_loan_given_up_pays_nothing(self, loan, asked, officer, approver):
        cancel_loan(loan_id=loan.pk, actor=officer, reason="ya no lo quiere")
        assert Loan.objects.get(pk=loan.pk).given_up_reason == "ya no lo quiere"
        with pytest.raises(InvalidState):
            disburse_loan(disbursement_id=asked.pk, actor=approver)

    def test_roles_and_institutions(self, loan, asked, officer, cashier, collector, other_institution):
        with pytest.raises(NotAllowed):
            disburse_loan(disbursement_id=asked.pk, actor=collector)
        with pytest.raises(NotAllowed):
            request_disbursement(loan_id=loan.pk, actor=cashier)
        with institution_scope(other_institution.pk), pytest.raises(NotFound):
            disburse_loan(disbursement_id=asked.pk, actor=staff(other_institution, "cashier"))


def test_fees_are_income_whether_kept_back_or_financed(institution):
    fees = (
        Fee(FeeWhen.UPFRONT_DEDUCTED, amount=Decimal(30)),
        Fee(FeeWhen.UPFRONT_ADDED, amount=Decimal(50)),
    )
    loan = active_loan(institution, fees=fees, insurance=Insurance(Decimal("0.00075")))
    assert loan.principal_outstanding == 3050
    # handed over: 3,000 less 30, less 0.10 of ITF (0.1485 rounded down to five hundredths)
    assert balances(loan) == {
        CURRENT: 3050, FEES: -80, ITF_PAYABLE: Decimal("-0.10"), BANK: Decimal("-2969.90"),
    }  # fmt: skip
    assert disagreements() == []


def test_tranches_are_asked_for_and_paid_one_by_one(institution):
    second = START + timedelta(days=40)
    parts = (Tranche(START, Decimal(1000)), Tranche(second, Decimal(2000)))
    loan = active_loan(institution, tranches=parts)
    assert (loan.disbursed, loan.principal_outstanding) == (1000, 1000)
    officer, cashier = staff(institution, "officer"), staff(institution, "cashier")
    asked = request_disbursement(loan_id=loan.pk, actor=officer)
    assert (asked.n, asked.amount) == (2, 2000)
    late = second + timedelta(days=3)
    disburse_loan(disbursement_id=asked.pk, actor=cashier, on=late)
    loan.refresh_from_db()
    paid = sum(line.paid_principal for line in Installment.objects.filter(loan_id=loan.pk))
    assert (loan.disbursed, loan.principal_outstanding) == (3000, 3000 - paid)
    assert balances(loan)[CURRENT] == 3000
    assert disagreements() == []
    with pytest.raises(InvalidState):
        request_disbursement(loan_id=loan.pk, actor=officer)


def test_booking_and_disbursing_take_few_queries(institution):
    contract = signed_contract(institution, installments=24)
    officer, approver = staff(institution, "officer"), staff(institution, "approver")
    with CaptureQueriesContext(connection) as booking:
        loan = book_loan(contract_id=contract.pk, actor=officer)
    with CaptureQueriesContext(connection) as asking:
        asked = request_disbursement(loan_id=loan.pk, actor=officer)
    with CaptureQueriesContext(connection) as disbursing:
        disburse_loan(disbursement_id=asked.pk, actor=approver, on=START)
    assert (len(booking), len(asking), len(disbursing)) == (11, 8, 15)


class TestKeys:
    """What the tables of the book refuse, though they keep no key of their own to the institution."""

    @pytest.mark.parametrize(("table", "column"), [("installment", "loan_id"), ("disbursement", "loan_id")])
    def test_a_row_of_another_institution_than_its_loan_is_refused(self, institution, other_institution, table, column):
        theirs = active_loan(institution)
        values = {"installment": INSTALLMENT, "disbursement": DISBURSEMENT}[table]
        with institution_scope(other_institution.pk), transaction.atomic(), connection.cursor() as cursor:
            with pytest.raises(IntegrityError, match=f"lending_{table}_{column}_within"), transaction.atomic():
                cursor.execute(values, [other_institution.pk, theirs.pk])
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                cursor.execute(values, [institution.pk, theirs.pk])

    @pytest.mark.transactional
    def test_not_even_past_the_policies_comes_in_a_row_of_an_institution_that_is_none(self, institution, superuser):
        with institution_scope(institution.pk):
            theirs = active_loan(institution)
        for values in (INSTALLMENT, DISBURSEMENT):
            with pytest.raises(ForeignKeyViolation, match="loan_id_within"):
                superuser.run(values, 999_999, str(theirs.pk))
        with pytest.raises(ForeignKeyViolation, match="_within"):
            superuser.run("UPDATE lending_loan SET institution_id = 999999 WHERE id = %s", str(theirs.pk))
