"""Changes of a loan that need two people, and the charges the law lets pass on."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum

from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, OutboxEvent
from accounts.tenancy.scope import institution_scope
from lending.ledger import (
    ACCRUED,
    ALLOWANCE,
    CASH,
    CHARGED_OFF,
    CURRENT,
    DEFERRED,
    IN_TRANSIT,
    INTEREST,
    JUDICIAL,
    PRINCIPAL,
    RECOVERIES,
    REFINANCED,
)
from lending.models import LedgerEntry, Loan, Repayment, Restructure
from lending.selectors.contracts import is_as_shown
from lending.selectors.ledger import disagreements
from lending.selectors.loan_page import history_of, loan_matrix, payments_of, payoff_certificate, schedule_rows
from lending.selectors.loans import loan_state
from lending.services.closing import close_day
from lending.services.contracts import cancel_contract
from lending.services.refinancing import prepare_contract
from lending.services.repayments import pay_off_loan, record_repayment, reverse_repayment
from lending.services.restructures import (
    CHARGES,
    FORBIDDEN_CHARGES,
    add_charge,
    approve_restructure,
    change_rate,
    charge_off_loan,
    move_to_judicial,
    refinance_loan,
    reject_restructure,
    reschedule_loan,
    undo_charge_off,
    undo_judicial,
    waive,
)
from lending.services.signing import sign_contract
from lending.tests.book import found_lost
from lending.tests.loans import START, active_loan, borrower_of, legal_caps, sign_refinancing, staff
from lending.tests.test_loans import balances
from lending.tests.test_repayments import FIRST_DUE, check, lines

REASON = "perdió la cosecha por la helada de mayo"
DAY = FIRST_DUE + timedelta(days=45)  # two installments late
LOST = FIRST_DUE + timedelta(days=125)


@pytest.fixture
def loan(institution) -> Loan:
    legal_caps(DAY)
    return active_loan(institution)


@pytest.fixture
def officer(institution):
    return staff(institution, "officer")


@pytest.fixture
def approver(institution):
    return staff(institution, "approver")


@pytest.fixture
def cashier(institution):
    return staff(institution, "cashier")


def rescheduled(loan, officer, approver, **changes) -> Restructure:
    plan = {"installments": 8, "first_due_on": DAY + timedelta(days=30), "reason": REASON, "on": DAY, **changes}
    row = reschedule_loan(loan_id=loan.pk, actor=officer, **plan)
    return approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)


class TestFourEyes:
    def test_a_proposal_changes_nothing(self, loan, officer):
        row = reschedule_loan(
            loan_id=loan.pk, actor=officer, installments=8, first_due_on=DAY + timedelta(days=30), reason=REASON, on=DAY
        )
        assert row.status == "requested"
        assert Loan.objects.get(pk=loan.pk).revision == loan.revision
        again = reschedule_loan(
            loan_id=loan.pk, actor=officer, installments=9, first_due_on=DAY + timedelta(days=30), reason=REASON, on=DAY
        )
        assert again.pk == row.pk

    def test_nobody_approves_their_own(self, institution, loan):
        both = staff(institution, "officer", "approver")
        row = waive(loan_id=loan.pk, actor=both, part="interest", amount=Decimal(10), reason=REASON, on=DAY)
        with pytest.raises(NotAllowed) as refusal:
            approve_restructure(restructure_id=row.pk, actor=both, on=DAY)
        assert refusal.value.code == "four_eyes"

    def test_what_was_turned_down_is_not_applied(self, loan, officer, approver, cashier):
        row = waive(loan_id=loan.pk, actor=officer, part="interest", amount=Decimal(10), reason=REASON, on=DAY)
        with pytest.raises(NotAllowed):
            reject_restructure(restructure_id=row.pk, actor=cashier)
        for _ in range(2):
            assert reject_restructure(restructure_id=row.pk, actor=approver).status == "rejected"
        with pytest.raises(InvalidState):
            approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)

    def test_roles_reasons_and_institutions(self, loan, officer, approver, cashier, other_institution):
        how = {"loan_id": loan.pk, "part": "interest", "amount": Decimal(10), "on": DAY}
        with pytest.raises(NotAllowed):
            waive(actor=cashier, reason=REASON, **how)
        with pytest.raises(InvalidInput):
            waive(actor=officer, reason="porque sí", **how)
        row = waive(actor=officer, reason=REASON, **how)
        with pytest.raises(NotAllowed):
            approve_restructure(restructure_id=row.pk, actor=cashier)
        with institution_scope(other_institution.pk), pytest.raises(NotFound):
            approve_restructure(restructure_id=row.pk, actor=staff(other_institution, "approver"))

    def test_applying_twice_is_once(self, loan, officer, approver):
        row = waive(loan_id=loan.pk, actor=officer, part="interest", amount=Decimal(10), reason=REASON, on=DAY)
        for _ in range(2):
            approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
        assert sum(line.waived_interest for line in lines(check(loan))) == 10
        assert AuditEntry.objects.filter(event="lending.restructure.applied", subject_id=str(row.pk)).count() == 1
        assert OutboxEvent.objects.filter(name="lending.restructure.applied").count() == 1


def refinanced(loan, officer, approver) -> Restructure:
    row = refinance_loan(loan_id=loan.pk, actor=officer, installments=10, tea=Decimal("0.30"), reason=REASON, on=DAY)
    return approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)


def test_a_new_plan_holds_what_was_overdue(loan, officer, approver, cashier):
    row = rescheduled(loan, officer, approver)
    loan = check(loan)
    assert loan.is_rescheduled
    assert loan.principal_outstanding == 3000
    assert loan.next_due_on == FIRST_DUE  # moratory interest of the old lines is still owed
    assert loan_state(loan, DAY).due == sum(line.moratory for line in lines(loan))
    assert row.before[0]["n"] == 1
    assert balances(loan).get(INTEREST) is None
    pay_off_loan(loan_id=loan.pk, actor=cashier, on=DAY + timedelta(days=3))
    assert check(loan).status == "paid"


def test_a_lower_rate_counts_from_its_day(loan, officer, approver):
    with pytest.raises(InvalidInput):
        change_rate(loan_id=loan.pk, actor=officer, tea=Decimal("1.5"), reason=REASON, on=DAY)
    before = sum(line.interest for line in lines(loan))
    row = change_rate(loan_id=loan.pk, actor=officer, tea=Decimal("0.20"), reason=REASON, on=DAY)
    approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
    loan = check(loan)
    assert loan.tea == Decimal("0.20")
    assert sum(line.interest for line in lines(loan)) < before


class TestWaiver:
    def test_leaves_the_accrued_yields_and_the_income(self, loan, officer, approver):
        row = waive(loan_id=loan.pk, actor=officer, part="interest", amount=Decimal("25.50"), reason=REASON, on=DAY)
        approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
        assert balances(check(loan))[ACCRUED] == Decimal("-25.50")
        assert balances(loan)[INTEREST] == Decimal("25.50")

    def test_of_moratory_interest_needs_no_entry(self, loan, officer, approver):
        owed = loan_state(loan, DAY).due_of("moratory")
        row = waive(loan_id=loan.pk, actor=officer, part="penalties", amount=owed, reason=REASON, on=DAY)
        before = balances(loan)
        approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
        assert balances(check(loan)) == before
        assert loan_state(loan, DAY).due_of("moratory") == 0

    def test_never_principal_never_more_than_is_due(self, loan, officer, approver, cashier):
        how = {"loan_id": loan.pk, "actor": officer, "reason": REASON, "on": DAY}
        for part, amount in (("principal", Decimal(1)), ("interest", Decimal(0))):
            with pytest.raises(InvalidInput):
                waive(part=part, amount=amount, **how)
        owed = loan_state(loan, DAY).due_of("interest")
        with pytest.raises(InvalidState):
            waive(part="interest", amount=owed + Decimal("0.01"), **how)
        row = waive(part="interest", amount=owed, **how)
        record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(50), on=DAY)  # pays some of it meanwhile
        with pytest.raises(InvalidState):
            approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)


class TestCharges:
    @pytest.mark.parametrize("concept", FORBIDDEN_CHARGES)
    def test_what_the_law_forbids_is_refused(self, loan, officer, concept):
        with pytest.raises(InvalidInput) as refusal:
            add_charge(loan_id=loan.pk, actor=officer, concept=concept, amount=Decimal(10), reason=REASON, on=DAY)
        assert refusal.value.code == "forbidden_charge"

    @pytest.mark.parametrize("concept", CHARGES)
    def test_others_fall_due_with_the_next_installment(self, loan, officer, concept):
        add_charge(loan_id=loan.pk, actor=officer, concept=concept, amount=Decimal("12.40"), reason=REASON, on=DAY)
        assert [line.fees for line in lines(check(loan))] == [0, 0, Decimal("12.40"), 0, 0, 0]


class TestRefinancing:
    def test_the_new_loan_pays_the_old(self, loan, officer, approver, cashier):
        owed = loan_state(loan, DAY).payoff
        row = refinance_loan(
            loan_id=loan.pk, actor=officer, installments=10, tea=Decimal("0.30"), reason=REASON, on=DAY
        )
        row = approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
        new = sign_refinancing(row, on=DAY)
        loan.refresh_from_db()
        assert new.refinances_id == loan.pk
        assert (loan.status, loan.principal_outstanding) == ("refinanced", 0)
        assert (new.status, new.principal, new.is_refinanced) == ("active", owed.total, True)
        yields = owed.interest + owed.penalties
        assert new.deferred_yield == yields
        assert balances(new) == {REFINANCED: owed.total, IN_TRANSIT: -owed.total}
        assert balances(loan)[IN_TRANSIT] == owed.total
        assert balances(loan)[DEFERRED] == -yields
        assert balances(loan).get(CURRENT) is None
        assert disagreements() == []
        first = lines(new)[0]
        record_repayment(loan_id=new.pk, actor=cashier, amount=first.total, on=first.due_on)
        released = balances(new)[DEFERRED]
        assert released == pytest.approx(yields * first.principal / owed.total, abs=Decimal("0.01"))
        assert balances(new)[INTEREST] == -released
        pay_off_loan(loan_id=new.pk, actor=cashier, on=first.due_on + timedelta(days=5))
        assert balances(new)[DEFERRED] == yields
        assert disagreements() == []

    def test_its_payment_is_not_reversed(self, loan, officer, approver):
        row = refinance_loan(
            loan_id=loan.pk, actor=officer, installments=10, tea=Decimal("0.30"), reason=REASON, on=DAY
        )
        row = approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
        sign_refinancing(row, on=DAY)
        with pytest.raises(InvalidState):
            reverse_repayment(
                repayment_id=Repayment.objects.get(loan=loan).pk,
                actor=staff(loan.institution, "approver"),
                reason=REASON,
            )

    def test_authorised_it_waits_for_a_signature_on_its_contract(self, loan, officer, approver):
        row = refinanced(loan, officer, approver)
        assert row.status == "authorised"
        contract = row.contracts.get()
        assert check(loan).status == "active"
        assert not Loan.objects.filter(refinances=loan).exists()
        assert contract.amount == loan_state(loan, DAY).payoff.total
        assert is_as_shown(contract)
        labels = {line["label"]: line["value"] for line in contract.summary["lines"]}
        assert labels["Dinero que recibes"].startswith("Ninguno")
        assert approve_restructure(restructure_id=row.pk, actor=approver, on=DAY).contracts.get().pk == contract.pk
        new = sign_refinancing(row, on=DAY)
        assert (new.contract_id, new.principal, new.tea) == (contract.pk, contract.amount, contract.tea)
        assert sum(line.principal for line in lines(new)) == contract.amount
        contract.refresh_from_db()
        assert (contract.status, contract.signature["sha256"]) == ("signed", contract.document_sha256)
        again = sign_contract(
            contract_id=contract.pk, actor=borrower_of(loan), code="000000", sha256=contract.document_sha256, on=DAY
        )
        assert again.pk == contract.pk
        assert Loan.objects.filter(refinances=loan).count() == 1
        for event, subject in (
            ("lending.restructure.authorised", row), ("lending.restructure.applied", row),
            ("lending.contract.signed", contract), ("lending.loan.booked", new),
        ):  # fmt: skip
            assert AuditEntry.objects.filter(event=event, subject_id=str(subject.pk)).count() == 1

    def test_a_wrong_code_or_another_paper_changes_nothing(self, loan, officer, approver):
        row = refinanced(loan, officer, approver)
        contract = row.contracts.get()
        how = {"contract_id": contract.pk, "actor": borrower_of(loan), "on": DAY}
        with pytest.raises(InvalidInput):
            sign_contract(code="000000", sha256=contract.document_sha256, **how)
        with pytest.raises(InvalidState):
            sign_contract(code="000000", sha256="0" * 64, **how)
        assert check(loan).status == "active"

    def test_only_the_borrower_or_an_officer_beside_them_signs(self, loan, officer, approver, cashier):
        row = refinanced(loan, officer, approver)
        with pytest.raises(NotFound):
            sign_refinancing(row, on=DAY, actor=staff(loan.institution, "applicant"))
        with pytest.raises(NotFound):
            sign_refinancing(row, on=DAY, actor=cashier)
        new = sign_refinancing(row, on=DAY, actor=officer)  # who proposed it is the witness, not the one who pays
        assert new.contract.signature["witness"] == officer.user_id
        assert new.disbursements.get().paid_by_id == approver.user_id

    def test_what_changed_meanwhile_is_not_signed_until_it_is_prepared_again(self, loan, officer, approver, cashier):
        row = refinanced(loan, officer, approver)
        record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(100), on=DAY)
        with pytest.raises(InvalidState) as refusal:
            sign_refinancing(row, on=DAY)
        assert refusal.value.code == "contract_changed"
        assert check(loan).status == "active"
        fresh = prepare_contract(restructure_id=row.pk, actor=borrower_of(loan), on=DAY)
        assert fresh.amount == loan_state(loan, DAY).payoff.total
        assert prepare_contract(restructure_id=row.pk, actor=officer, on=DAY).pk == fresh.pk
        assert sign_refinancing(row, on=DAY).principal == fresh.amount

    def test_it_holds_for_the_day_it_was_made_for(self, loan, officer, approver):
        row = refinanced(loan, officer, approver)
        later = DAY + timedelta(days=1)
        with pytest.raises(InvalidState) as refusal:
            sign_refinancing(row, on=later)
        assert refusal.value.code == "contract_expired"
        fresh = prepare_contract(restructure_id=row.pk, actor=officer, on=later)
        assert fresh.amount > row.contracts.get(status="cancelled").amount
        assert sign_refinancing(row, on=later).disbursed_on == later

    def test_one_that_is_not_authorised_any_more_is_not_signed(self, loan, officer, approver):
        row = refinanced(loan, officer, approver)
        Restructure.objects.filter(pk=row.pk).update(status="rejected")
        with pytest.raises(InvalidState):
            sign_refinancing(row, on=DAY)
        assert not Loan.objects.filter(refinances=loan).exists()

    def test_it_can_be_taken_back_by_either_side(self, loan, officer, approver):
        row = refinanced(loan, officer, approver)
        cancel_contract(contract_id=row.contracts.get().pk, actor=borrower_of(loan))
        row.refresh_from_db()
        assert row.status == "rejected"
        with pytest.raises(InvalidState):
            prepare_contract(restructure_id=row.pk, actor=officer, on=DAY)
        second = refinanced(loan, officer, approver)
        assert second.pk != row.pk
        reject_restructure(restructure_id=second.pk, actor=approver)
        assert second.contracts.get().status == "cancelled"
        assert check(loan).status == "active"

    def test_no_other_institution_prepares_it(self, loan, officer, approver, other_institution):
        row = refinanced(loan, officer, approver)
        with institution_scope(other_institution.pk), pytest.raises(NotFound):
            prepare_contract(restructure_id=row.pk, actor=staff(other_institution, "officer"), on=DAY)


class TestChargeOff:
    @pytest.fixture
    def lost(self, loan) -> Loan:
        found_lost(loan, START - timedelta(days=1))
        return loan

    @pytest.fixture
    def gone(self, lost, officer, approver) -> Loan:
        row = charge_off_loan(loan_id=lost.pk, actor=officer, reason=REASON, on=LOST)
        approve_restructure(restructure_id=row.pk, actor=approver, on=LOST)
        lost.refresh_from_db()
        return lost

    def test_only_what_is_lost_and_provisioned(self, loan, officer):
        with pytest.raises(InvalidState) as refusal:
            charge_off_loan(loan_id=loan.pk, actor=officer, reason=REASON, on=DAY)
        assert refusal.value.code == "not_lost"
        with pytest.raises(InvalidState) as refusal:
            charge_off_loan(loan_id=loan.pk, actor=officer, reason=REASON, on=LOST)
        assert refusal.value.code == "not_provisioned"

    def test_principal_leaves_the_assets(self, gone):
        assert (gone.status, gone.charged_off_on) == ("charged_off", LOST)
        books = balances(gone)
        assert (books.get(CURRENT), books[ALLOWANCE], books[CHARGED_OFF]) == (None, 3000, 3000)
        assert disagreements() == []
        matrix = {row.part: row for row in loan_matrix(gone, loan_state(gone, LOST))}
        assert (matrix["principal"].written_off, matrix["principal"].outstanding) == (3000, 0)

    def test_money_for_it_is_recovered_income(self, gone, cashier, approver):
        paid = record_repayment(loan_id=gone.pk, actor=cashier, amount=Decimal(600), on=LOST + timedelta(days=4))
        assert paid.kind == "recovery"
        books, principal = balances(check(gone)), sum(line.paid_principal for line in lines(gone))
        assert (books[CASH], books[RECOVERIES], books[CHARGED_OFF]) == (600, -600, 3000 - principal)
        reverse_repayment(repayment_id=paid.pk, actor=approver, reason="cheque sin fondos")
        assert balances(check(gone))[CHARGED_OFF] == 3000

    def test_is_undone_until_something_is_recovered(self, gone, officer, approver, cashier):
        row = undo_charge_off(loan_id=gone.pk, actor=officer, reason=REASON, on=LOST)
        approve_restructure(restructure_id=row.pk, actor=approver, on=LOST)
        loan = check(gone)
        assert (loan.status, loan.charged_off_on, balances(loan)[CURRENT]) == ("active", None, 3000)

    def test_what_was_recovered_can_not_be_undone(self, gone, officer, cashier):
        record_repayment(loan_id=gone.pk, actor=cashier, amount=Decimal(600), on=LOST)
        with pytest.raises(InvalidState):
            undo_charge_off(loan_id=gone.pk, actor=officer, reason=REASON, on=LOST)

    def test_earlier_payments_stay(self, lost, officer, approver, cashier):
        paid = record_repayment(loan_id=lost.pk, actor=cashier, amount=Decimal(20), on=FIRST_DUE)
        row = charge_off_loan(loan_id=lost.pk, actor=officer, reason=REASON, on=LOST)
        approve_restructure(restructure_id=row.pk, actor=approver, on=LOST)
        with pytest.raises(InvalidState):
            reverse_repayment(repayment_id=paid.pk, actor=staff(lost.institution, "approver"), reason=REASON)

    def test_all_recovered_it_is_paid(self, gone, cashier):
        owed = loan_state(gone, LOST).owed
        record_repayment(loan_id=gone.pk, actor=cashier, amount=owed, on=LOST)
        loan = Loan.objects.get(pk=gone.pk)
        assert loan.advance > 0  # what is not due yet waits for its day
        assert loan.status == "charged_off"


def test_the_page_adds_up(loan, officer, approver, cashier):
    record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(580), on=DAY)
    row = waive(loan_id=loan.pk, actor=officer, part="interest", amount=Decimal(20), reason=REASON, on=DAY)
    approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
    loan = check(loan)
    state = loan_state(loan, DAY)
    matrix = {row.part: row for row in loan_matrix(loan, state)}
    for part in matrix.values():
        assert part.original - part.paid - part.waived - part.written_off == part.outstanding
    assert matrix["total"].paid == 580
    assert matrix["total"].overdue == state.due
    assert [one.status for one in schedule_rows(state)][:3] == ["paid", "late", "coming"]
    payments = payments_of(loan)
    history = history_of(payments, loan.disbursements.all(), loan.restructures.all())
    assert {one.what for one in history} == {"disbursement", "repayment", "restructure"}
    with pytest.raises(InvalidState):
        payoff_certificate(loan)
    pay_off_loan(loan_id=loan.pk, actor=cashier, on=DAY)
    paid_off = payoff_certificate(Loan.objects.select_related("applicant").get(pk=loan.pk))
    assert (paid_off.closed_on, paid_off.last_receipt) == (DAY, 2)


def test_the_day_may_not_be_before_the_last_movement(loan, officer, cashier):
    record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(10), on=DAY)
    for day in (DAY - timedelta(days=1), date.today() + timedelta(days=2), START - timedelta(days=1)):
        with pytest.raises(InvalidInput):
            waive(loan_id=loan.pk, actor=officer, part="interest", amount=Decimal(1), reason=REASON, on=day)


class TestJudicial:
    def test_the_close_moves_it_to_its_account_and_back(self, loan, officer, approver):
        row = move_to_judicial(loan_id=loan.pk, actor=officer, reason=REASON, on=DAY)
        assert Loan.objects.get(pk=loan.pk).judicial_on is None  # a proposal changes nothing
        for _ in range(2):
            approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
        loan = check(loan)
        assert (loan.judicial_on, loan.status) == (DAY, "active")
        assert AuditEntry.objects.filter(event="lending.restructure.applied", subject_id=str(row.pk)).count() == 1
        self.close(loan, DAY)
        assert self.principal(loan) == {JUDICIAL: loan.principal_outstanding}
        after = DAY + timedelta(days=1)
        row = undo_judicial(loan_id=loan.pk, actor=officer, reason=REASON, on=after)
        approve_restructure(restructure_id=row.pk, actor=approver, on=after)
        assert check(loan).judicial_on is None
        self.close(loan, after)
        assert JUDICIAL not in self.principal(loan)
        assert sum(self.principal(loan).values()) == loan.principal_outstanding

    def close(self, loan, day):
        close_day(institution_id=loan.institution_id, actor=Actor.system("tests"), on=day)

    def principal(self, loan):
        rows = LedgerEntry.objects.filter(account__in=PRINCIPAL).values_list("account").annotate(sum=Sum("amount"))
        return {account: amount for account, amount in rows if amount}

    def test_only_what_is_late_and_only_once(self, loan, officer, approver, cashier, other_institution):
        with pytest.raises(InvalidState) as refusal:
            move_to_judicial(loan_id=loan.pk, actor=officer, reason=REASON, on=START)
        assert refusal.value.code == "not_late"
        with pytest.raises(InvalidState):
            undo_judicial(loan_id=loan.pk, actor=officer, reason=REASON, on=DAY)
        with pytest.raises(NotAllowed):
            move_to_judicial(loan_id=loan.pk, actor=cashier, reason=REASON, on=DAY)
        with pytest.raises(InvalidInput):
            move_to_judicial(loan_id=loan.pk, actor=officer, reason="sí", on=DAY)
        row = move_to_judicial(loan_id=loan.pk, actor=officer, reason=REASON, on=DAY)
        approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
        with pytest.raises(InvalidState):
            move_to_judicial(loan_id=loan.pk, actor=officer, reason=REASON, on=DAY)
        with institution_scope(other_institution.pk), pytest.raises(NotFound):
            move_to_judicial(loan_id=loan.pk, actor=staff(other_institution, "officer"), reason=REASON, on=DAY)

    def test_a_payment_still_replays_to_the_cent(self, loan, officer, approver, cashier):
        row = move_to_judicial(loan_id=loan.pk, actor=officer, reason=REASON, on=DAY)
        approve_restructure(restructure_id=row.pk, actor=approver, on=DAY)
        record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(100), on=DAY)
        check(loan)
        assert disagreements() == []
