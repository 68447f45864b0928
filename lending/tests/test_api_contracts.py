"""From the chosen offer to the money by program: the pages' own steps."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.clock import today
from accounts.messages import written_messages
from accounts.models import AuditEntry
from accounts.tests.fixtures import OutsideClient
from lending.models import Contract, Disbursement, Document, Loan, SigningCode
from lending.services.loans import REQUIRED_PAPERS
from lending.services.restructures import approve_restructure, refinance_loan
from lending.tests.loans import active_loan, borrower_of, legal_caps, staff
from lending.tests.test_api import Api, token_of


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.OUTBOX_ROOT = tmp_path


@pytest.fixture
def api_of(institution, client_as):
    return lambda actor: Api(client_as(actor), institution.slug)


def code_sent() -> str:
    return re.search(r"\b\d{6}\b", written_messages()[0].text)[0]


def test_from_the_offer_to_the_request_for_money(chosen, borrower, officer, approver, api_of, institution):
    mine, desk = api_of(borrower), api_of(officer)
    made = mine.post("/contracts/", {"offer": str(chosen.pk)})
    assert made.status_code == 201, made.content
    contract = made.json()
    path = f"/contracts/{contract['id']}/"
    assert mine.get(path).json()["sha256"] == contract["sha256"]
    assert mine.get(f"{path}pdf/")["Content-Type"] == "application/pdf"
    assert desk.post(f"{path}loan/").status_code == 409
    sent = mine.post(f"{path}code/", key=None)
    assert sent.status_code == 202
    code = code_sent()
    signed = mine.post(f"{path}sign/", {"code": code, "sha256": contract["sha256"]}, key=None)
    assert signed.json()["status"] == "signed"
    again = mine.post(f"{path}sign/", {"code": "000000", "sha256": contract["sha256"]}, key=None)
    assert again.json()["signed_at"] == signed.json()["signed_at"]
    booked = desk.post(f"{path}loan/", key="b-1")
    assert booked.status_code == 201, booked.content
    loan = booked.json()["id"]
    assert desk.post(f"{path}loan/", key="b-2").json()["id"] == loan
    money = f"/loans/{loan}/disbursements/"
    refused = desk.post(money, {"method": "cash"}, key="d-0")
    assert (refused.status_code, refused.json()["code"]) == (409, "papers_missing")
    for kind in REQUIRED_PAPERS:
        Document.objects.create(
            application=chosen.application, kind=kind, status="verified", media_type="image/jpeg", size=1,
            sha256=f"{kind:0>64}", stored_name="x",
        )  # fmt: skip
    assert mine.post(money, {"method": "cash"}).status_code == 403
    assert api_of(approver).post(money, {"method": "cash"}).status_code == 403
    assert desk.post(money, {"method": "internal"}, key="d-9").status_code == 422
    assert desk.post(money, {"method": "cash"}, key=None).status_code == 422
    asked = desk.post(money, {"method": "transfer", "account": "00219300456789"}, key="d-1")
    assert asked.status_code == 201, asked.content
    assert desk.post(money, {"method": "transfer"}, key="d-2").json()["id"] == asked.json()["id"]
    assert Disbursement.objects.get().account == "•••• 6789"
    dropped = desk.post(f"{money}{asked.json()['id']}/cancel/", key="d-3")
    assert dropped.json()["status"] == "cancelled"
    for event in ("lending.contract.made", "lending.contract.signed", "lending.loan.disbursement_requested"):
        assert AuditEntry.objects.filter(event=event).count() == 1, event


def test_a_wrong_code_uses_an_attempt_up(chosen, borrower, api_of):
    mine = api_of(borrower)
    contract = mine.post("/contracts/", {"offer": str(chosen.pk)}).json()
    path = f"/contracts/{contract['id']}/"
    mine.post(f"{path}code/", key=None)
    wrong = f"{(int(code_sent()) + 1) % 10**6:06d}"
    for _attempt in range(2):
        refused = mine.post(f"{path}sign/", {"code": wrong, "sha256": contract["sha256"]}, key=None)
        assert refused.status_code == 422
        assert "code" in refused.json()["fields"]
    assert SigningCode.objects.get().attempts == 2
    assert mine.post(f"{path}sign/", {"code": wrong}, key=None).status_code == 422


def test_programs_prepare_and_do_not_sign_and_others_find_nothing(
    chosen, borrower, api_of, actor_as, institution, other_institution
):
    contract = api_of(borrower).post("/contracts/", {"offer": str(chosen.pk)}).json()
    path = f"/contracts/{contract['id']}/"
    program = Api(OutsideClient(), institution.slug, Authorization=f"Bearer {token_of(institution)}")
    foreign = Api(OutsideClient(), institution.slug, Authorization=f"Bearer {token_of(other_institution)}")
    for stranger in (program, foreign, api_of(actor_as("applicant"))):
        assert stranger.get(path).status_code in (401, 403, 404)
        assert stranger.post(f"{path}code/", key=None).status_code in (401, 403, 404)
    assert api_of(actor_as("auditor")).post(f"{path}cancel/").status_code == 403
    both = api_of(borrower).post("/contracts/", {"offer": str(chosen.pk), "restructure": str(chosen.pk)}, key="x")
    assert both.status_code == 422
    assert api_of(borrower).post(f"{path}cancel/", key="y").json()["status"] == "cancelled"


def test_a_refinancing_is_prepared_and_signed(institution, api_of):
    start = today() - timedelta(days=40)
    legal_caps(start)
    legal_caps(today())
    loan = active_loan(institution, disbursed_on=start, on=start)
    row = refinance_loan(
        loan_id=loan.pk, actor=staff(institution, "officer"), installments=10, tea=Decimal("0.30"),
        reason="perdió la cosecha por la helada",
    )  # fmt: skip
    mine = api_of(borrower_of(loan))
    body = {"restructure": str(row.pk)}
    assert mine.post("/contracts/", body).status_code == 409
    approve_restructure(restructure_id=row.pk, actor=staff(institution, "approver"))
    contract = mine.post("/contracts/", body, key="two").json()
    path = f"/contracts/{contract['id']}/"
    SigningCode.objects.all().delete()
    assert mine.post(f"{path}code/", key=None).status_code in (202, 409)
    assert Contract.objects.get(pk=contract["id"]).restructure_id == row.pk
    assert not Loan.objects.filter(refinances=loan).exists()


def test_the_documentation_names_every_step(institution, client):
    schema = OutsideClient().get("/api/v1/schema/?format=json").json()["paths"]
    found = {path.partition("api/v1")[2] for path in schema}
    for step in ("", "{id}/", "{id}/code/", "{id}/sign/", "{id}/insurance/", "{id}/cancel/", "{id}/loan/", "{id}/pdf/"):
        assert f"/contracts/{step}" in found, step
    assert "/loans/{id}/disbursements/" in found
