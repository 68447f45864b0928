"""The contract's pages: read, signed with a code at home or at the counter, insured otherwise, cancelled."""

import html
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.messages import written_messages
from accounts.models import AuditEntry
from lending.models import Contract, Offer, SigningCode
from lending.services.contracts import make_contract
from lending.tests.factories import applicant_of, submitted


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.OUTBOX_ROOT = settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def contract(chosen, borrower) -> Contract:
    return make_contract(offer_id=chosen.pk, actor=borrower)


@pytest.fixture
def phone(borrower, client_as):
    return client_as(borrower)


def body(response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def at(name: str, institution, contract) -> str:
    return reverse(f"lending:{name}", args=[institution.slug, contract.pk])


def code_sent() -> str:
    return re.search(r"\b\d{6}\b", written_messages()[0].text)[0]


def typed(contract, **changes) -> dict[str, str]:
    return {"sha256": contract.document_sha256, "read": "on", "code": code_sent(), **changes}


def test_choosing_an_offer_leads_to_its_contract(institution, ready, insured, borrower, phone):
    from lending.services.assessments import assess_waiting

    application = submitted(institution, actor=borrower)
    assess_waiting(institution_id=institution.pk)
    offer = application.offers.get()
    answer = phone.post(reverse("lending:my_choose", args=[institution.slug, application.pk, offer.pk]))
    contract = Contract.objects.get()
    assert answer["Location"] == at("my_contract", institution, contract)


def test_choosing_works_while_the_contract_cannot_be_made(institution, ready, insured, borrower, phone):
    from lending.services.assessments import assess_waiting

    insured.insurer = insured.insurance_policy = ""
    insured.save()
    application = submitted(institution, actor=borrower)
    assess_waiting(institution_id=institution.pk)
    offer = application.offers.get()
    answer = phone.post(reverse("lending:my_choose", args=[institution.slug, application.pk, offer.pk]), follow=True)
    assert Offer.objects.get(pk=offer.pk).status == Offer.Status.CHOSEN
    assert "Preparar mi contrato" in body(answer)
    again = phone.post(reverse("lending:my_contract_new", args=[institution.slug, application.pk]), follow=True)
    assert "Falta la aseguradora" in body(again)


def test_the_page_shows_all_that_is_signed(institution, contract, phone):
    page = body(phone.get(at("my_contract", institution, contract)))
    for line in contract.summary["lines"]:
        assert line["label"] in page
        assert line["value"] in page
    for row in contract.schedule["rows"]:
        assert f"{row['interest']}" in page
    assert contract.document_sha256 in page
    assert "María Quispe Mamani, DNI 1" in page


def test_the_borrower_signs_in_three_clicks(institution, contract, phone):
    asked = phone.post(at("my_contract_code", institution, contract), follow=True)
    assert "Enviamos un código a ••• ••• 321" in body(asked)
    done = phone.post(at("my_contract_sign", institution, contract), typed(contract), follow=True)
    assert "Firmado por" in body(done)
    contract.refresh_from_db()
    assert contract.status == Contract.Status.SIGNED


def test_a_wrong_code_is_counted_though_the_page_says_no(institution, contract, phone):
    phone.post(at("my_contract_code", institution, contract))
    wrong = f"{(int(code_sent()) + 1) % 10**6:06d}"
    answer = phone.post(at("my_contract_sign", institution, contract), typed(contract, code=wrong))
    assert answer.status_code == 422
    assert "Ese código no es" in body(answer)
    assert SigningCode.objects.get().attempts == 1
    assert AuditEntry.objects.filter(event="lending.contract.code_failed").count() == 1


def test_agreeing_is_asked_for(institution, contract, phone):
    phone.post(at("my_contract_code", institution, contract))
    answer = phone.post(at("my_contract_sign", institution, contract), typed(contract, read=""))
    assert answer.status_code == 422
    assert "Marca que leíste" in body(answer)


def test_asking_twice_for_a_code_is_told(institution, contract, phone):
    phone.post(at("my_contract_code", institution, contract))
    again = phone.post(at("my_contract_code", institution, contract), follow=True)
    assert "Espera medio minuto" in body(again)
    SigningCode.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert "Enviamos un código" in body(phone.post(at("my_contract_code", institution, contract), follow=True))


def test_what_changed_meanwhile_is_not_signed(institution, contract, phone):
    phone.post(at("my_contract_code", institution, contract))
    answer = phone.post(at("my_contract_sign", institution, contract), typed(contract, sha256="0" * 64), follow=True)
    assert "Léelo otra vez" in body(answer)
    contract.refresh_from_db()
    assert contract.status == Contract.Status.OPEN


def test_an_own_policy_makes_the_contract_anew(institution, contract, phone):
    answer = phone.post(
        at("my_contract_insurance", institution, contract), {"insurer": "Rímac", "policy": "V-1"}, follow=True
    )
    assert "Póliza propia del titular" in body(answer)
    old = body(phone.get(at("my_contract", institution, contract)))
    assert "Ver el contrato que vale" in old
    half = phone.post(at("my_contract_insurance", institution, Contract.objects.latest("number")), {"insurer": "Rímac"})
    assert half.status_code == 422


def test_cancelling_leads_back_and_can_be_undone_by_a_new_one(institution, contract, phone):
    answer = phone.post(at("my_contract_cancel", institution, contract), follow=True)
    assert "Anulamos el contrato" in body(answer)
    assert "Preparar mi contrato" in body(answer)


def test_the_pdf_is_the_persons_own(institution, contract, phone, client_as):
    answer = phone.get(at("my_contract_pdf", institution, contract))
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    stranger = client_as(applicant_of(institution))
    assert stranger.get(at("my_contract_pdf", institution, contract)).status_code == 404


def test_at_the_counter_the_officer_shows_and_the_person_types(institution, contract, client_as, officer):
    desk = client_as(officer)
    page = body(desk.get(at("desk_contract", institution, contract)))
    assert "Firma el titular" in page
    desk.post(at("desk_contract_code", institution, contract))
    done = desk.post(at("desk_contract_sign", institution, contract), typed(contract), follow=True)
    assert "En agencia, con un asesor" in body(done)


def test_the_case_leads_to_the_contract(institution, chosen, client_as, officer, approver):
    case = reverse("lending:desk_case", args=[institution.slug, chosen.application_id])
    desk = client_as(officer)
    assert "Preparar el contrato" in body(desk.get(case))
    desk.post(reverse("lending:desk_contract_new", args=[institution.slug, chosen.application_id]))
    contract = Contract.objects.get()
    page = client_as(approver).get(case)
    assert contract.summary["code"] in body(page)
    assert "Enviar el código" not in body(client_as(approver).get(at("desk_contract", institution, contract)))
