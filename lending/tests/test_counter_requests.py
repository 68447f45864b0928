"""Requests about personal data of people who stand at the counter, what they take away, and who else must hear."""

import csv
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
from django.conf import settings

from accounts import messages
from accounts.actors import Actor
from accounts.clock import today
from accounts.crypto import lookup_hash
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, BureauCorrection, DataRequest
from accounts.tenancy.scope import institution_scope
from lending.models import Applicant, Application, Loan
from lending.parameters import add_working_days
from lending.selectors.held import held_of_applicant
from lending.selectors.portable import portable_document
from lending.services.corrections import SUPERVISOR, add_bureau, record_correction_sent
from lending.services.data_rights import answer_data_request, file_data_request, make_data_request
from lending.services.letters import send_letters
from lending.tests.loans import active_loan

ANSWER = "Revisamos tu pedido y lo cumplimos hoy."


@pytest.fixture(autouse=True)
def _own_folders(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = settings.OUTBOX_ROOT = str(tmp_path)


def borrower(institution: Any) -> Applicant:
    """Somebody with a loan and an account, whose DNI can be typed."""
    person = active_loan(institution).applicant
    person.document_hash = lookup_hash(institution.uuid, "document:dni", person.document_number)
    person.save()
    return person


@pytest.fixture
def person(institution: Any) -> Applicant:
    """The same without an account."""
    person = borrower(institution)
    Applicant.objects.filter(pk=person.pk).update(user=None, email="eustaquia@correo.pe")
    Application.objects.update(owner=None)
    return Applicant.objects.get(pk=person.pk)


def filed(actor: Actor, person: Applicant, kind: str, **more: Any) -> DataRequest:
    who = {"document_type": "dni", "document_number": person.document_number, "identified": "document"}
    return file_data_request(actor=actor, kind=kind, **{**who, **more})


def granted(made: DataRequest, manager: Actor) -> DataRequest:
    return answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)


def facts_of(event: str) -> dict[str, Any]:
    return json.loads(AuditEntry.objects.get(event=event).body)["facts"]


# --- filing -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "more", "days"),
    [
        ("access", {"text": "Quiere ver sus llamadas."}, 20),
        ("rectify", {"field": "district", "value": "Wanchaq"}, 10),
        ("oppose", {"purpose": "marketing"}, 10),
        ("cancel", {}, 10),
        ("portability", {}, 20),
    ],
)
def test_the_same_clock_runs_at_the_counter(person, officer, kind, more, days):
    made = filed(officer, person, kind, **more)
    assert (made.user_id, made.subject_id, made.channel) == (None, person.pk, "counter")
    assert (made.filed_by_id, made.identified) == (officer.user_id, "document")
    assert made.due_on == add_working_days(today(), days)
    facts = facts_of("accounts.data_request.made")
    assert (facts["channel"], facts["identified"]) == ("counter", "document")
    assert person.document_number not in json.dumps(facts)
    assert filed(officer, person, kind, **more).pk == made.pk


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"identified": ""}, "identified"),
        ({"document_number": "123"}, "document_number"),
        ({"document_number": "45678912"}, "document_number"),
        ({"kind": "rectify", "field": "score", "value": "850"}, "field"),
        ({"kind": "access", "text": ""}, "text"),
    ],
)
def test_what_is_wrong_is_named(person, officer, changes, field):
    with pytest.raises(InvalidInput) as refused:
        filed(officer, person, **{"kind": "cancel", **changes})
    assert field in refused.value.fields
    assert not DataRequest.objects.exists()


@pytest.mark.parametrize("role", ["approver", "cashier", "collector", "auditor", "applicant"])
def test_others_file_nothing(person, actor_as, role):
    with pytest.raises(NotAllowed):
        filed(actor_as(role), person, "cancel")


def test_another_institution_knows_nobody_of_that_document(person, actor_as, other_institution):
    with institution_scope(other_institution.pk), pytest.raises(InvalidInput) as refused:
        filed(actor_as("officer", at=other_institution), person, "cancel")
    assert "document_number" in refused.value.fields


def test_whoever_files_does_not_answer(person, manager, actor_as):
    made = filed(manager, person, "oppose", purpose="marketing")
    with pytest.raises(NotAllowed, match="Registraste"):
        granted(made, manager)
    assert granted(made, actor_as("manager")).effect == "stopped"


def test_somebody_with_an_account_finds_the_request_there(institution, officer):
    person = borrower(institution)
    assert filed(officer, person, "portability").user_id == person.user_id


def test_erasure_asked_at_the_counter_blocks_that_person_alone(person, institution, officer, manager):
    other = active_loan(institution).applicant
    Applicant.objects.filter(pk=other.pk).update(user=None)
    Loan.objects.update(status=Loan.Status.PAID, closed_on=today())
    assert granted(filed(officer, person, "cancel"), manager).effect == "restricted"
    assert set(Applicant.objects.filter(restricted_at__isnull=False)) == {person}


def test_without_an_account_the_answer_itself_is_the_letter(person, officer, manager, institution):
    granted(filed(officer, person, "access", text="Quiere ver sus llamadas."), manager)
    assert send_letters(institution_id=institution.pk) == 2
    received, answered = sorted(messages.written_messages(), key=lambda one: ANSWER in one.text)
    assert {received.to, answered.to} == {"eustaquia@correo.pe"}
    assert ANSWER in answered.text
    assert "/my/data/" not in received.text + answered.text


# --- taking it away -----------------------------------------------------------------------------------------------
def test_the_copy_is_handed_over_once_granted_and_each_time_is_evidence(person, officer, manager, client_as):
    made = filed(officer, person, "portability")
    address = f"/i/qori/desk/data-requests/{made.pk}/copy/"
    browser = client_as(manager)
    assert browser.get(f"{address}json/").status_code == 404
    assert granted(made, manager).effect == "delivered"
    held = {one["table"]: one["rows"] for one in browser.get(f"{address}json/").json()["held"]}
    assert [row["full_name"] for row in held["lending.Applicant"]] == [person.full_name]
    assert browser.get(f"{address}pdf/").content.startswith(b"%PDF-")
    assert browser.get(f"{address}exe/").status_code == 404
    assert client_as(officer).get(f"{address}json/").status_code == 403
    assert AuditEntry.objects.filter(event="accounts.data_request.copied", subject_id=str(made.pk)).count() == 2


def test_the_json_is_what_its_schema_says(person, institution):
    schema = json.loads((settings.BASE_DIR / "docs" / "my-data.schema.json").read_text(encoding="utf-8"))
    document = json.loads(json.dumps(portable_document(institution, held_of_applicant(person), [], None), default=str))
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "format": "other"}, schema)


def test_the_tables_hold_every_row_of_the_json(institution, anonymous_client):
    person = borrower(institution)
    anonymous_client.sign_in(person.user)
    document = anonymous_client.get("/i/qori/my/data/download/json/").json()
    answer = anonymous_client.get("/i/qori/my/data/download/csv/")
    assert answer["Content-Disposition"] == 'attachment; filename="mis-datos-qori.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as package:
        tables = {
            name.removesuffix(".csv"): list(csv.reader(io.StringIO(package.read(name).decode("utf-8-sig"))))
            for name in package.namelist()
            if name.endswith(".csv")
        }
    assert len(document["held"]) > 5
    for one in document["held"]:
        assert len(tables[one["table"]]) == len(one["rows"]) + 1, one["table"]
        assert [row[0] for row in tables["indice"]].count(f"{one['table']}.csv") == 1
    assert person.full_name in tables["lending.Applicant"][1]


def test_a_portability_request_of_ones_own_is_answered_with_a_copy(institution, manager):
    actor = Actor.for_user(borrower(institution).user, institution_id=institution.pk)
    assert granted(make_data_request(actor=actor, kind="portability"), manager).effect == "delivered"


# --- bureaus ------------------------------------------------------------------------------------------------------
def corrected(person: Applicant, officer: Actor, manager: Actor, field: str, value: str) -> list[BureauCorrection]:
    granted(filed(officer, person, "rectify", field=field, value=value), manager)
    return list(BureauCorrection.objects.all())


def renamed(person: Applicant, officer: Actor, manager: Actor) -> list[BureauCorrection]:
    return corrected(person, officer, manager, "full_name", "Eustaquia Mamani Condori")


def test_a_corrected_name_that_was_reported_has_to_be_sent_in_the_same_term(person, officer, manager):
    (item,) = renamed(person, officer, manager)
    assert (item.bureau, item.field, item.sent_at) == (SUPERVISOR, "full_name", None)
    assert item.due_on == DataRequest.objects.get().due_on
    sent = record_correction_sent(correction_id=item.pk, actor=manager, reference="Cargo 8812-2026")
    assert (sent.sent_by_id, sent.reference, sent.sent_at is None) == (manager.user_id, "Cargo 8812-2026", False)
    assert facts_of("accounts.data_correction.sent")["late"] is False
    with pytest.raises(InvalidState):
        record_correction_sent(correction_id=item.pk, actor=manager, reference="Otra vez")


def test_sent_after_its_day_it_says_so(person, officer, manager):
    (item,) = renamed(person, officer, manager)
    BureauCorrection.objects.update(due_on=today() - timedelta(days=1))
    record_correction_sent(correction_id=item.pk, actor=manager, reference="Cargo 8812-2026")
    assert facts_of("accounts.data_correction.sent")["late"] is True


def test_what_was_never_reported_needs_no_notice(person, officer, manager):
    assert corrected(person, officer, manager, "district", "Wanchaq") == []
    Loan.objects.update(disbursed_on=None)
    assert renamed(person, officer, manager) == []


def test_another_bureau_is_told_as_well(person, officer, manager, actor_as, other_institution):
    (item,) = renamed(person, officer, manager)
    added = add_bureau(correction_id=item.pk, actor=manager, bureau="  Central  Andina ")
    assert (added.bureau, added.due_on) == ("Central Andina", item.due_on)
    assert add_bureau(correction_id=item.pk, actor=manager, bureau="Central Andina").pk == added.pk
    for act, words in ((add_bureau, {"bureau": "x"}), (record_correction_sent, {"reference": "x"})):
        with pytest.raises(NotAllowed):
            act(correction_id=item.pk, actor=officer, **words)
        with pytest.raises(InvalidInput):
            act(correction_id=item.pk, actor=manager, **words)
        with institution_scope(other_institution.pk), pytest.raises(NotFound):
            act(correction_id=item.pk, actor=actor_as("manager", at=other_institution), **words)


# --- the pages ----------------------------------------------------------------------------------------------------
def test_the_desk_files_answers_and_sends(person, client_as, manager):
    officer = client_as("officer")
    assert "Llevar mis datos" in officer.get("/i/qori/desk/data-requests/new/").content.decode()
    address = "/i/qori/desk/data-requests/new/rectify/"
    form = {"document_type": "dni", "document_number": person.document_number, "field": "full_name"}
    assert officer.post(address, form).status_code == 422
    form |= {"identified": "document", "value": "Eustaquia Mamani Condori"}
    assert officer.post(address, form).status_code == 302
    assert officer.get("/i/qori/desk/data-requests/new/sell/").status_code == 404
    made = DataRequest.objects.get()
    browser, page = client_as(manager), f"/i/qori/desk/data-requests/{made.pk}/"
    assert "Con su documento a la vista" in browser.get(page).content.decode()
    browser.post(page, {"outcome": "granted", "answer": ANSWER})
    assert SUPERVISOR in browser.get("/i/qori/desk/data-requests/").content.decode()
    item = BureauCorrection.objects.get()
    act = f"/i/qori/desk/data-requests/corrections/{item.pk}/"
    browser.post(act, {"bureau": "Central Andina"})
    browser.post(act, {"reference": "Cargo 8812-2026"})
    shown = browser.get(page).content.decode()
    assert "Cargo 8812-2026" in shown
    assert "Central Andina" in shown
    assert SUPERVISOR not in browser.get("/i/qori/desk/data-requests/").content.decode()
