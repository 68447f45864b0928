"""A loan followed page by page: money out with four eyes, money in, taken back, early, changed, paid off."""

import html
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from accounts.clock import today
from accounts.errors import InvalidInput
from accounts.formats import format_money
from accounts.models import AuditEntry
from accounts.models.base import uuid7
from lending.models import Applicant, Disbursement, Loan, Repayment, Restructure
from lending.selectors.loan_list import VIEWS as LOAN_VIEWS
from lending.selectors.loan_list import loan_counts, loan_list
from lending.selectors.loans import loan_state
from lending.services.loans import request_disbursement
from lending.services.repayments import pay_off_loan, prepay_loan, record_repayment
from lending.tests.factories import applicant_of
from lending.views.desk.changes import CHANGES


def body(response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


@pytest.fixture
def at(institution):
    def address(name: str, *keys) -> str:
        return reverse(f"lending:{name}", args=[institution.slug, *keys])

    return address


@pytest.fixture
def phone(borrower, client_as):
    return client_as(borrower)


def owed(loan) -> Decimal:
    return loan_state(Loan.objects.get(pk=loan.pk), today()).payoff.total


# --- money out ----------------------------------------------------------------------------------------------------


def test_from_signature_to_money_by_two_people(at, signed, client_as, officer, approver, phone):
    desk = client_as(officer)
    contract_page = body(desk.get(at("desk_contract", signed.pk)))
    assert "Pedir el desembolso" in contract_page
    desk.post(at("desk_loan_book", signed.pk))
    loan = Loan.objects.get()
    assert "Tu dinero está en camino" in body(phone.get(at("my_loan", loan.pk)))
    missing = desk.post(at("desk_disbursement_new", loan.pk), {"method": "transfer"})
    assert missing.status_code == 422
    asked = desk.post(at("desk_disbursement_new", loan.pk), {"method": "cash"}, follow=True)
    assert "lo entrega otra persona" in body(asked)
    request = Disbursement.objects.get()
    second = client_as(approver)
    page = body(second.get(at("desk_loan", loan.pk)))
    assert "Entregar el dinero" in page
    done = second.post(at("desk_disbursement", request.pk), {"external_ref": "OP-1"}, follow=True)
    assert "Entregado" in body(done)
    loan.refresh_from_db()
    assert loan.status == Loan.Status.ACTIVE


def test_who_asked_does_not_hand_over(at, signed, actor_as, client_as):
    both = actor_as("officer", "approver")
    desk = client_as(both)
    desk.post(at("desk_loan_book", signed.pk))
    loan = Loan.objects.get()
    desk.post(at("desk_disbursement_new", loan.pk), {"method": "cash"})
    request = Disbursement.objects.get()
    assert "Tú pediste este desembolso" in body(desk.get(at("desk_disbursement", request.pk)))
    assert desk.post(at("desk_disbursement", request.pk), {}).status_code == 403
    request.refresh_from_db()
    assert request.status == Disbursement.Status.REQUESTED
    desk.post(at("desk_disbursement_cancel", request.pk))
    given_up = desk.post(at("desk_loan_cancel", loan.pk), {"reason": "La persona ya no lo quiere"}, follow=True)
    assert "Anulaste el crédito" in body(given_up)


def test_handing_over_asks_who_one_is_when_that_is_long_ago(at, signed, officer, approver, client_as):
    desk = client_as(officer)
    desk.post(at("desk_loan_book", signed.pk))
    desk.post(at("desk_disbursement_new", Loan.objects.get().pk), {"method": "cash"})
    second = client_as(approver)
    session = second.session
    session["account_authentication_methods"][0]["at"] -= 3600
    session.save()
    answer = second.post(at("desk_disbursement", Disbursement.objects.get().pk), {})
    assert answer.status_code == 302
    assert "/accounts/" in answer["Location"]
    assert Disbursement.objects.get().status == Disbursement.Status.REQUESTED


# --- the list and the page ----------------------------------------------------------------------------------------


def test_the_list_finds_by_number_document_and_name(at, loan, client_as, officer):
    desk = client_as(officer)
    applicant = loan.applicant
    for text in (str(loan.number), f"SO-C{loan.number}", applicant.document_number, "quispe"):
        assert applicant.full_name in body(desk.get(at("desk_loans"), {"q": text})), text
    assert "Ningún crédito cumple" in body(desk.get(at("desk_loans"), {"q": "99999999"}))
    assert "No hay créditos en esta vista" in body(desk.get(at("desk_loans"), {"view": "late"}))


def test_every_view_counts_what_it_lists(at, loan, signed, client_as, officer, approver):
    copies = {}
    for number, (name, changes) in enumerate({
        "late": {"next_due_on": today() - timedelta(days=3)}, "soon": {"next_due_on": today() + timedelta(days=3)},
        "paid": {"status": Loan.Status.PAID}, "approved": {"status": Loan.Status.APPROVED},
        "asked": {"status": Loan.Status.APPROVED}, "changing": {},
    }.items()):  # fmt: skip
        copies[name] = copy = Loan.objects.get(pk=loan.pk)
        copy.pk, copy.number, copy.contract_id = uuid7(), 90_000 + number, None
        vars(copy).update(changes)
        copy.save(force_insert=True)
    Disbursement.objects.create(loan=copies["asked"], amount=1, on=today(), requested_by_id=officer.user_id)
    Restructure.objects.create(loan=copies["changing"], kind="waiver", on=today(), reason="x")
    counts = loan_counts(approver, today())
    assert counts == {
        code: loan_list(approver, {"view": code}, today()).count() for code in LOAN_VIEWS
    }  # fmt: skip
    assert (counts["to_request"], counts["to_authorise"], counts["late"], counts["ended"]) == (1, 2, 1, 1)
    Applicant.objects.filter(pk=loan.applicant_id).update(restricted_at=timezone.now())
    assert set(loan_counts(approver, today()).values()) == {0}
    assert "No hay créditos en esta vista" in body(client_as(approver).get(at("desk_loans")))


def test_the_list_costs_the_same_for_many_loans(at, loan, client_as, officer, django_assert_max_num_queries):
    desk = client_as(officer)
    desk.get(at("desk_loans"))
    counts = []
    for more in (0, 24):
        for number in range(more):
            copy = Loan.objects.get(pk=loan.pk)
            copy.pk, copy.number, copy.contract_id = uuid7(), 90_000 + number, None
            copy.save(force_insert=True)
        with django_assert_max_num_queries(30) as queries:
            desk.get(at("desk_loans"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_page_costs_the_same_after_many_payments(
    at, loan, client_as, officer, cashier, django_assert_max_num_queries
):
    desk = client_as(officer)
    desk.get(at("desk_loan", loan.pk))
    counts = []
    for more in (1, 9):
        for _ in range(more):
            record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(5))
        with django_assert_max_num_queries(40) as queries:
            page = desk.get(at("desk_loan", loan.pk))
        counts.append(len(queries))
        assert page.status_code == 200
    assert counts[0] == counts[1]


def test_the_page_shows_where_the_loan_stands(at, loan, client_as, officer):
    page = body(client_as(officer).get(at("desk_loan", loan.pk)))
    for words in ("Por pagar", "Condonado", "Castigado", "Vencido", "Al día", "Crédito desembolsado", "Por vencer"):
        assert words in page, words
    assert format_money(loan.principal) in page


# --- money in -----------------------------------------------------------------------------------------------------


def form_of(desk, address) -> dict[str, str]:
    """The payment form as it is shown."""
    page = desk.get(address).content.decode()
    token = re.search(r'name="token" value="([^"]+)"', page)[1]
    amount = re.search(r'name="amount" value="([^"]*)"', page)
    return {"token": token, "amount": amount[1] if amount else "", "what": "pay", "on": f"{today():%d/%m/%Y}"}


def test_a_cashier_finds_takes_and_prints(at, loan, client_as, cashier):
    desk = client_as(cashier)
    found = body(desk.get(at("desk_cash"), {"q": loan.applicant.document_number}))
    assert loan.applicant.full_name in found
    typed = form_of(desk, at("desk_payment", loan.pk))
    assert typed["amount"]
    receipt = desk.post(at("desk_payment", loan.pk), {**typed, "amount": "100"}, follow=True)
    assert "Recibo" in body(receipt)
    assert "S/ 100.00" in body(receipt)
    day = body(desk.get(at("desk_cash")))
    assert "Efectivo que debes tener S/ 100.00" in day


def test_a_form_sent_twice_is_one_payment(at, loan, client_as, cashier):
    desk = client_as(cashier)
    typed = {**form_of(desk, at("desk_payment", loan.pk)), "amount": "100"}
    first = desk.post(at("desk_payment", loan.pk), typed)
    again = desk.post(at("desk_payment", loan.pk), typed)
    assert first["Location"] == again["Location"]
    assert Repayment.objects.count() == 1


@pytest.mark.parametrize(
    ("amount", "what", "words"),
    [
        ("1000000", "pay", "queda cancelado"),
        ("10", "payoff", "Para cancelar este día hacen falta"),
        ("abc", "pay", "sin letras"),
        ("0", "pay", "mayor que cero"),
    ],
)
def test_what_cannot_be_is_explained(at, loan, client_as, cashier, amount, what, words):
    desk = client_as(cashier)
    typed = {**form_of(desk, at("desk_payment", loan.pk)), "amount": amount, "what": what}
    answer = desk.post(at("desk_payment", loan.pk), typed)
    assert answer.status_code == 422
    assert words in body(answer)
    assert not Repayment.objects.exists()


def test_a_payment_before_the_loan_is_refused_at_its_field(at, loan, client_as, cashier):
    desk = client_as(cashier)
    early = f"{loan.disbursed_on - timedelta(days=1):%d/%m/%Y}"
    answer = desk.post(
        at("desk_payment", loan.pk), {**form_of(desk, at("desk_payment", loan.pk)), "amount": "50", "on": early}
    )
    assert "anterior al desembolso" in body(answer)


def test_somebody_else_takes_a_payment_back(at, loan, client_as, cashier, approver):
    posted = record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(100))
    desk = client_as(approver)
    assert "Extornar" in body(desk.get(at("desk_receipt", posted.pk)))
    assert desk.post(at("desk_reversal", posted.pk), {"reason": ""}).status_code == 422
    done = desk.post(at("desk_reversal", posted.pk), {"reason": "El pago era de otra persona"}, follow=True)
    assert "Extornado" in body(done)
    again = desk.post(at("desk_reversal", posted.pk), {"reason": "Otra vez por si acaso"})
    assert again.status_code == 422


# --- paying early and off -----------------------------------------------------------------------------------------


def test_the_borrower_sees_what_paying_early_does(at, loan, phone):
    page = body(phone.get(at("my_loan_early", loan.pk), {"amount": "1000"}))
    assert "Bajar las cuotas" in page
    assert "Ahorras en interés" in page
    for amount, words in (("1000000", "el crédito queda cancelado"), ("x", "sin letras")):
        answer = phone.get(at("my_loan_early", loan.pk), {"amount": amount})
        assert answer.status_code == 422
        assert words in body(answer)


def test_the_borrower_chooses_after_the_payment(at, loan, phone, cashier):
    prepay_loan(loan_id=loan.pk, actor=cashier, amount=Decimal(1000))
    assert "elige qué cambia" in body(phone.get(at("my_loan", loan.pk)))
    assert phone.post(at("my_loan_early", loan.pk), {}).status_code == 422
    done = phone.post(at("my_loan_early", loan.pk), {"strategy": "reduce_installment_amount"}, follow=True)
    assert "cronograma nuevo" in body(done)
    assert Repayment.objects.get().strategy == "reduce_installment_amount"


def test_a_prepayment_at_the_counter_carries_the_choice(at, loan, client_as, cashier):
    desk = client_as(cashier)
    typed = {**form_of(desk, at("desk_payment", loan.pk)), "amount": "1000", "what": "lower"}
    desk.post(at("desk_payment", loan.pk), typed)
    paid = Repayment.objects.get()
    assert (paid.kind, paid.strategy) == (Repayment.Kind.PREPAYMENT, "reduce_installment_amount")


def test_the_payoff_of_a_day(at, loan, phone, client_as, officer):
    page = body(phone.get(at("my_loan_payoff", loan.pk)))
    assert format_money(owed(loan)) in page
    later = today() + timedelta(days=10)
    quoted = body(phone.get(at("my_loan_payoff", loan.pk), {"on": f"{later:%d/%m/%Y}"}))
    assert format_money(loan_state(loan, later).payoff.total) in quoted
    assert phone.get(at("my_loan_payoff", loan.pk), {"on": "ayer"}).status_code == 422
    assert client_as(officer).get(at("desk_loan_payoff", loan.pk)).status_code == 200


def test_paid_off_there_is_a_certificate_for_whoever_may(at, loan, institution, phone, client_as, cashier):
    not_yet = phone.get(at("my_certificate", loan.pk), follow=True)
    assert "cuando el crédito está cancelado" in body(not_yet)
    pay_off_loan(loan_id=loan.pk, actor=cashier)
    assert "Terminaste de pagar" in body(phone.get(at("my_loan", loan.pk)))
    page = body(phone.get(at("my_certificate", loan.pk)))
    assert "no mantiene ninguna deuda" in page
    assert loan.applicant.document_number in page
    pdf = phone.get(at("my_certificate", loan.pk), {"pdf": ""})
    assert pdf.content.startswith(b"%PDF")
    assert AuditEntry.objects.filter(event="lending.certificate.issued").count() == 2
    assert client_as(applicant_of(institution)).get(at("my_certificate", loan.pk)).status_code == 404
    assert client_as(cashier).get(at("desk_certificate", loan.pk)).status_code == 200


def test_staff_do_not_read_loans_at_home(at, loan, client_as, officer):
    assert client_as(officer).get(at("my_loan", loan.pk)).status_code == 404


def test_home_lists_the_loans(at, loan, phone):
    assert f"C{loan.number}" in body(phone.get(at("my_home")))


# --- changes ------------------------------------------------------------------------------------------------------


def test_a_change_is_proposed_by_one_and_decided_by_another(at, loan, client_as, officer, approver):
    desk = client_as(officer)
    address = at("desk_change_new", loan.pk, "reschedule")
    first = today() + timedelta(days=40)
    typed = {"installments": "18", "first_due_on": f"{first:%d/%m/%Y}", "grace_on_principal": "0", "reason": "corto"}
    assert desk.post(address, typed).status_code == 422
    done = desk.post(address, {**typed, "reason": "Perdió un mes de ventas por el paro"}, follow=True)
    assert "Falta una segunda firma" in body(done)
    row = Restructure.objects.get()
    assert "decide otra persona" in body(desk.get(at("desk_change", row.pk)))
    second = client_as(approver)
    shown = body(second.get(at("desk_change", row.pk)))
    assert "Después" in shown
    assert "Perdió un mes" in shown
    second.post(at("desk_change_approve", row.pk))
    row.refresh_from_db()
    assert row.status == Restructure.Status.APPLIED
    assert "Reprogramado" in body(desk.get(at("desk_loan", loan.pk)))


@pytest.mark.parametrize("kind", list(CHANGES))
def test_every_change_has_its_form(at, loan, client_as, officer, kind):
    desk = client_as(officer)
    assert desk.get(at("desk_change_new", loan.pk, kind)).status_code == 200
    assert desk.post(at("desk_change_new", loan.pk, kind), {}).status_code == 422


def test_a_change_nobody_knows_is_not_found(at, loan, client_as, officer):
    assert client_as(officer).get(at("desk_change_new", loan.pk, "gift")).status_code == 404


def test_what_the_state_forbids_is_said_on_the_form(at, loan, client_as, officer):
    answer = client_as(officer).post(
        at("desk_change_new", loan.pk, "charge_off"), {"reason": "No se lo encuentra en ninguna parte"}
    )
    assert answer.status_code == 422
    assert "clasificado en pérdida" in body(answer)


def test_a_proposal_can_be_taken_back(at, loan, client_as, officer):
    desk = client_as(officer)
    first = today() + timedelta(days=40)
    desk.post(
        at("desk_change_new", loan.pk, "reschedule"),
        {"installments": "18", "first_due_on": f"{first:%d/%m/%Y}", "grace_on_principal": "0",
         "reason": "Perdió un mes de ventas por el paro"},
    )  # fmt: skip
    row = Restructure.objects.get()
    desk.post(at("desk_change_reject", row.pk))
    row.refresh_from_db()
    assert row.status == Restructure.Status.REJECTED


# --- the bank's file ----------------------------------------------------------------------------------------------


def test_a_bank_file_posts_what_it_can_and_explains_the_rest(at, loan, client_as, cashier):
    desk = client_as(cashier)
    rows = f"crédito,fecha,monto,referencia\n{loan.number},{today():%d/%m/%Y},80,OP-1\n999,{today():%d/%m/%Y},5,OP-2\n"
    for _ in range(2):
        file = SimpleUploadedFile("pagos.csv", rows.encode())
        page = body(desk.post(at("desk_bank_files"), {"provider": "banco", "file": file}, follow=True))
    assert "1 pagos registrados por S/ 80.00; 1 filas por corregir" in page
    assert "No hay un crédito con ese número" in page
    assert Repayment.objects.count() == 1
    assert desk.post(at("desk_bank_files"), {"provider": "banco"}).status_code == 422


def test_a_refinancing_goes_from_desk_to_the_borrowers_signature(at, loan, client_as, officer, approver, phone):
    desk, second = client_as(officer), client_as(approver)
    typed = {"installments": "12", "tea": "30", "reason": "Bajaron sus ventas y pide cuotas más bajas"}
    assert "otra persona" in body(desk.post(at("desk_change_new", loan.pk, "refinance"), typed, follow=True))
    row = Restructure.objects.get()
    before = body(second.get(at("desk_change", row.pk)))
    assert "Crédito nuevo, si firma hoy" in before
    done = body(second.post(at("desk_change_approve", row.pk), follow=True))
    assert "Rige cuando el titular firme" in done
    assert "Ver el contrato de hoy" not in done  # an approver prepares no contracts
    assert "Falta que el titular firme" in body(desk.get(at("desk_loan", loan.pk)))
    assert "Ver el contrato de hoy" in body(desk.get(at("desk_change", row.pk)))
    assert "Enviar el código al titular" in body(desk.post(at("desk_change_contract", row.pk), follow=True))
    mine = body(phone.get(at("my_loan", loan.pk)))
    assert "Tu refinanciación está lista para firmar" in mine
    paper = body(phone.post(at("my_change_contract", row.pk), follow=True))
    assert "Refinanciación del crédito" in paper
    assert "Ninguno: paga el crédito anterior" in paper
    contract = row.contracts.get()
    dropped = body(phone.post(at("my_contract_cancel", contract.pk), follow=True))
    assert "tu crédito sigue como estaba" in dropped
    assert "no espera una firma" in body(phone.post(at("my_change_contract", row.pk), follow=True))


def test_no_money_goes_out_as_a_refinancing(at, signed, client_as, officer):
    desk = client_as(officer)
    desk.post(at("desk_loan_book", signed.pk))
    loan = Loan.objects.get()
    page = desk.get(at("desk_disbursement_new", loan.pk)).content.decode()
    assert 'value="internal"' not in page
    with pytest.raises(InvalidInput):
        request_disbursement(loan_id=loan.pk, actor=officer, method="internal")
    assert not Disbursement.objects.exists()
