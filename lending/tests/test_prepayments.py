"""What a borrower asks of money before it comes, how the payment obeys, and what happens when nobody chooses."""

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope
from lending.models import Loan, PrepaymentRequest, Repayment
from lending.schedules import Tranche
from lending.selectors.ledger import disagreements
from lending.selectors.loans import loan_state
from lending.services import prepayments, repayments
from lending.services.bank_files import import_bank_file
from lending.services.loans import give_up_parts, request_disbursement
from lending.services.prepayments import ask_prepayment, expire_prepayments, settle_choices, withdraw_prepayment
from lending.services.repayments import (
    pay_off_loan,
    prepay_loan,
    record_repayment,
    refund_advance,
    reverse_repayment,
)
from lending.tests.loans import active_loan, borrower_of, legal_caps, staff
from lending.tests.test_loans import balances
from lending.tests.test_repayments import check
from lending.tests.test_views_loans import at, body  # noqa: F401  (fixture)

LOWER, SHORTER, ADVANCE = PrepaymentRequest.Choice.values
AMOUNT = Decimal(1200)


@pytest.fixture
def loan(institution) -> Loan:
    start = today() - timedelta(days=10)
    legal_caps(start)
    return active_loan(institution, disbursed_on=start, on=start, installments=6)


@pytest.fixture
def borrower(loan):
    return borrower_of(loan)


@pytest.fixture
def cashier(institution):
    return staff(institution, "cashier")


def asked_of(loan, borrower, choice=LOWER, amount=AMOUNT) -> PrepaymentRequest:
    return ask_prepayment(loan_id=loan.pk, actor=borrower, amount=amount, choice=choice)


class TestAsking:
    def test_it_is_kept_with_its_day_and_once(self, loan, borrower):
        first = asked_of(loan, borrower)
        assert (first.asked_on, first.valid_until) == (today(), today() + prepayments.LASTS)
        assert asked_of(loan, borrower).pk == first.pk
        assert AuditEntry.objects.filter(event="lending.prepayment.asked").count() == 1
        assert Loan.objects.get(pk=loan.pk).revision == loan.revision  # nothing changed yet

    def test_another_word_takes_its_place(self, loan, borrower):
        first = asked_of(loan, borrower)
        second = asked_of(loan, borrower, SHORTER)
        first.refresh_from_db()
        assert (first.status, second.status) == ("withdrawn", "open")
        for _twice in range(2):
            withdraw_prepayment(loan_id=loan.pk, actor=borrower)
        second.refresh_from_db()
        assert second.status == "withdrawn"

    def test_what_cannot_be_is_refused_in_words(self, loan, borrower):
        payoff = loan_state(loan, today()).payoff.total
        for amount in (Decimal(0), Decimal("1.001"), payoff):
            with pytest.raises(InvalidInput) as refusal:
                asked_of(loan, borrower, amount=amount)
            assert "amount" in refusal.value.fields
        with pytest.raises(InvalidInput):
            asked_of(loan, borrower, choice="all of it")

    def test_only_the_borrower_or_staff_beside_them(self, loan, institution, other_institution, cashier):
        assert asked_of(loan, cashier).asked_by_id == cashier.user_id
        for other in (staff(institution, "applicant"), staff(institution, "auditor")):
            with pytest.raises(NotAllowed):
                asked_of(loan, other)
            with pytest.raises(NotAllowed):
                withdraw_prepayment(loan_id=loan.pk, actor=other)
        with institution_scope(other_institution.pk), pytest.raises(NotFound):
            asked_of(loan, staff(other_institution, "cashier"))


class TestObeying:
    @pytest.mark.parametrize(
        ("choice", "kind"), [(LOWER, "prepayment"), (SHORTER, "prepayment"), (ADVANCE, "repayment")]
    )
    def test_the_banks_file_does_what_was_asked(self, loan, borrower, cashier, choice, kind):
        asked = asked_of(loan, borrower, choice)
        row = f"{loan.number};{today():%d/%m/%Y};{AMOUNT};X-1\n"
        import_bank_file(
            actor=cashier, name="pagos.csv", provider="BCP",
            content=f"Crédito;Fecha de pago;Importe;Número de operación\n{row}".encode(),
        )  # fmt: skip
        paid, asked = Repayment.objects.get(), PrepaymentRequest.objects.get(pk=asked.pk)
        assert (paid.kind, asked.status, asked.repayment_id) == (kind, "done", paid.pk)
        after = check(loan)
        if choice == LOWER:
            assert (after.installment < loan.installment, after.installments) == (True, loan.installments)
        elif choice == SHORTER:
            assert (after.installment, after.matures_on < loan.matures_on) == (loan.installment, True)
        else:
            assert (after.advance, after.principal_outstanding) == (AMOUNT, loan.principal_outstanding)
        assert AuditEntry.objects.filter(event="lending.prepayment.done", subject_id=str(asked.pk)).count() == 1

    def test_an_installment_paid_meanwhile_leaves_it_waiting(self, loan, borrower, cashier):
        asked = asked_of(loan, borrower)
        record_repayment(loan_id=loan.pk, actor=cashier, amount=loan.installment)
        asked.refresh_from_db()
        assert asked.status == "open"

    def test_what_is_said_at_the_counter_is_newer(self, loan, borrower, cashier):
        asked = asked_of(loan, borrower, LOWER)
        paid = prepay_loan(loan_id=loan.pk, actor=cashier, amount=AMOUNT, strategy=SHORTER)
        asked.refresh_from_db()
        assert (paid.strategy, asked.status) == (SHORTER, "done")

    def test_undecided_at_the_counter_means_what_was_asked(self, loan, borrower, cashier):
        asked_of(loan, borrower, LOWER)
        assert prepay_loan(loan_id=loan.pk, actor=cashier, amount=AMOUNT).strategy == LOWER

    def test_a_payment_taken_back_leaves_the_request_waiting_again(self, loan, borrower, cashier, institution):
        asked = asked_of(loan, borrower)
        paid = record_repayment(loan_id=loan.pk, actor=cashier, amount=AMOUNT)
        reverse_repayment(repayment_id=paid.pk, actor=staff(institution, "approver"), reason="era de otra persona")
        asked.refresh_from_db()
        assert (asked.status, asked.repayment_id) == ("open", None)
        assert AuditEntry.objects.filter(event="lending.prepayment.reopened", subject_id=str(asked.pk)).count() == 1

    def test_one_that_expired_or_whose_loan_ended_obeys_nobody(self, loan, borrower, cashier, institution):
        asked = asked_of(loan, borrower, LOWER)
        PrepaymentRequest.objects.update(valid_until=today() - timedelta(days=1))
        assert prepay_loan(loan_id=loan.pk, actor=cashier, amount=AMOUNT).strategy == ""
        assert [expire_prepayments(institution_id=institution.pk) for _twice in range(2)] == [1, 0]
        asked.refresh_from_db()
        assert asked.status == "expired"
        fresh = asked_of(loan, borrower, LOWER, amount=Decimal(500))
        pay_off_loan(loan_id=loan.pk, actor=cashier)
        assert expire_prepayments(institution_id=institution.pk) == 1
        fresh.refresh_from_db()
        assert fresh.status == "expired"


class TestNobodyChose:
    def test_after_its_days_the_record_says_that_the_term_gets_shorter(self, loan, cashier, institution, monkeypatch):
        paid = prepay_loan(loan_id=loan.pk, actor=cashier, amount=AMOUNT)
        before = check(loan)
        for late, settled in ((15, 0), (16, 1), (16, 0)):
            monkeypatch.setattr(prepayments, "today", lambda late=late: paid.on + timedelta(days=late))
            assert settle_choices(institution_id=institution.pk) == settled
        paid.refresh_from_db()
        assert paid.strategy == SHORTER
        assert AuditEntry.objects.filter(event="lending.repayment.choice_defaulted").count() == 1
        assert check(loan).matures_on == before.matures_on
        monkeypatch.setattr(repayments, "today", lambda: paid.on + timedelta(days=16))
        with pytest.raises(InvalidState):
            repayments.choose_prepayment(repayment_id=paid.pk, actor=cashier, strategy=LOWER)


class TestPages:
    def test_the_borrower_asks_and_the_cashier_finds_it_filled_in(self, at, loan, borrower, cashier, client_as):  # noqa: F811
        phone, desk = client_as(borrower), client_as(cashier)
        page = body(phone.get(at("my_loan_early", loan.pk), {"amount": str(AMOUNT)}))
        assert page.count("Pedir esto") == 3
        done = phone.post(at("my_early_ask", loan.pk), {"amount": str(AMOUNT), "choice": LOWER}, follow=True)
        assert "Pedido guardado" in body(done)
        assert "Bajar las cuotas" in body(phone.get(at("my_loan", loan.pk)))
        form = desk.get(at("desk_payment", loan.pk))
        assert form.context["form"].initial["amount"] == AMOUNT
        assert form.context["form"].initial["what"] == "lower"
        assert "pidió pagar S/ 1,200.00 antes" in body(form)
        bad = phone.post(at("my_early_ask", loan.pk), {"amount": "1", "choice": "x"})
        assert bad.status_code == 422
        phone.post(at("my_early_withdraw", loan.pk))
        assert "Retirar el pedido" not in body(phone.get(at("my_loan_early", loan.pk)))

    def test_an_officer_writes_down_the_choice(self, at, loan, cashier, institution, client_as):  # noqa: F811
        paid = prepay_loan(loan_id=loan.pk, actor=cashier, amount=AMOUNT)
        desk = client_as(staff(institution, "officer"))
        assert loan.applicant.full_name in body(desk.get(at("desk_prepayments")))
        assert "falta que elija" in body(desk.get(at("desk_loan", loan.pk)))
        done = desk.post(at("desk_early", loan.pk), {"strategy": LOWER}, follow=True)
        assert "Elección registrada" in body(done)
        paid.refresh_from_db()
        assert paid.strategy == LOWER
        assert "Nadie por elegir" in body(desk.get(at("desk_prepayments")))

    def test_the_list_costs_the_same_for_many(
        self, at, loan, borrower, cashier, client_as, institution, django_assert_max_num_queries  # noqa: F811
    ):  # fmt: skip
        desk = client_as(cashier)
        for view in ("asked", "choose"):
            desk.get(at("desk_prepayments"), {"view": view})
            counts = []
            for _more in range(2):
                for _one in range(3):
                    start = today() - timedelta(days=10)
                    other = active_loan(institution, disbursed_on=start, on=start, installments=6)
                    ask = {"loan_id": other.pk, "actor": cashier, "amount": AMOUNT}
                    ask_prepayment(**ask, choice=LOWER) if view == "asked" else prepay_loan(**ask)
                with django_assert_max_num_queries(20) as queries:
                    desk.get(at("desk_prepayments"), {"view": view})
                counts.append(len(queries))
            assert counts[0] == counts[1]


class TestParts:
    @pytest.fixture
    def parted(self, institution) -> Loan:
        start = today() - timedelta(days=50)
        legal_caps(start)
        parts = (Tranche(start, Decimal(1000)), Tranche(today() + timedelta(days=20), Decimal(2000)))
        return active_loan(institution, disbursed_on=start, on=start, installments=6, tranches=parts)

    def test_early_money_is_refused_with_what_to_do(self, parted, cashier):
        with pytest.raises(InvalidState) as refusal:
            pay_off_loan(loan_id=parted.pk, actor=cashier)
        assert refusal.value.code == "part_pending"
        assert "2,000.00" in str(refusal.value.message)
        with pytest.raises(InvalidState):
            asked_of(parted, borrower_of(parted), amount=Decimal(500))

    def test_given_up_the_loan_is_what_was_handed_over_and_can_be_paid_off(self, parted, cashier, institution):
        approver, officer = staff(institution, "approver"), staff(institution, "officer")
        record_repayment(loan_id=parted.pk, actor=cashier, amount=Decimal(300))
        request_disbursement(loan_id=parted.pk, actor=officer)
        with pytest.raises(NotAllowed):
            give_up_parts(loan_id=parted.pk, actor=officer, reason="ya no lo necesita")
        with pytest.raises(InvalidInput):
            give_up_parts(loan_id=parted.pk, actor=approver, reason=" ")
        for _twice in range(2):
            loan = give_up_parts(loan_id=parted.pk, actor=approver, reason="ya no lo necesita")
        assert loan.principal == loan.disbursed == 1000
        assert Loan.objects.get(pk=loan.pk).given_up_reason == "ya no lo necesita"
        assert loan.installment < parted.installment
        assert not loan.disbursements.filter(status="requested").exists()
        assert check(parted).principal_outstanding < 1000
        assert disagreements() == []
        assert AuditEntry.objects.filter(event="lending.loan.parts_given_up").count() == 1
        assert pay_off_loan(loan_id=parted.pk, actor=cashier).loan.status == "paid"
        assert sum(balances(parted).values()) == 0

    def test_the_page_asks_an_approver_for_the_reason(self, at, parted, institution, client_as):  # noqa: F811
        desk = client_as(staff(institution, "approver"))
        assert "faltan entregar" in body(desk.get(at("desk_loan", parted.pk)))
        assert desk.post(at("desk_loan_parts", parted.pk), {"reason": ""}).status_code == 422
        done = desk.post(at("desk_loan_parts", parted.pk), {"reason": "ya no lo necesita"}, follow=True)
        assert "Ya no se entrega nada más" in body(done)


class TestRefund:
    def test_what_was_paid_in_advance_goes_back_by_somebody_else(self, at, loan, institution, client_as):  # noqa: F811
        both = staff(institution, "cashier", "approver")
        record_repayment(loan_id=loan.pk, actor=both, amount=Decimal(100), strategy=ADVANCE)
        pay_off_loan(loan_id=loan.pk, actor=staff(institution, "cashier"))
        Loan.objects.filter(pk=loan.pk).update(advance=Decimal("7.30"))
        refused = client_as(both).post(at("desk_refund", loan.pk), {"method": "cash"})
        assert refused.status_code == 422
        assert "debe hacerlo otra persona" in body(refused)
        desk = client_as(staff(institution, "approver"))
        assert "Devolver lo pagado de más" in body(desk.get(at("desk_loan", loan.pk)))
        assert "S/ 7.30" in body(desk.get(at("desk_refund", loan.pk)))
        done = desk.post(at("desk_refund", loan.pk), {"method": "cash"}, follow=True)
        assert "Devuelto: S/ 7.30" in body(done)
        assert "No hay nada por devolver" in body(desk.get(at("desk_refund", loan.pk), follow=True))
        assert refund_advance(loan_id=loan.pk, actor=staff(institution, "approver")) == 0
