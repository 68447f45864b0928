"""A person's own data: all of it, who saw it, corrected, stopped, blocked while the law says so, and gone after."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.utils import DatabaseError

from accounts import audit, consent, messages
from accounts.actors import Actor
from accounts.audit import sealer, verify
from accounts.audit.subjects import subject_hash
from accounts.clock import LIMA, today, years_after
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, Consent, DataRequest, Membership, OutboxEvent, SubjectKey, User
from accounts.tenancy.scope import institution_scope
from lending.models import Applicant, Application, CloseRun, Decision, Document, Loan, Notification, Parameter
from lending.parameters import add_working_days
from lending.selectors.contracts import contracts_visible_to
from lending.selectors.held import CLOSED, as_document, held_of, looks_at, personal_models
from lending.selectors.loans import loans_visible_to
from lending.selectors.outcomes import loan_outcomes
from lending.services.consents import change_consent
from lending.services.data_rights import (
    answer_data_request,
    extend_data_request,
    make_data_request,
    withdraw_data_request,
)
from lending.services.documents import add_document, open_document
from lending.services.letters import send_letters
from lending.services.purge import RULES, kept_until, purge_applicant, purge_due
from lending.tests import factories, walk
from lending.tests.book import make_span
from lending.tests.loans import active_loan

ANSWER = "Revisamos tu pedido y lo cumplimos hoy."


@pytest.fixture(autouse=True)
def _own_folders(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = settings.OUTBOX_ROOT = str(tmp_path)


@pytest.fixture
def person(actor_as: Any) -> Actor:
    return actor_as("applicant", full_name="Wenceslao Quispecondori", email="wences@correo.pe")


@pytest.fixture
def sent(institution: Any, person: Actor, assessed: Any) -> Application:
    """The person's application, assessed, with a paper."""
    application = assessed("household", actor=person)
    add_document(application_id=application.pk, actor=person, kind="income", upload=walk.photo())
    return application


def ask(person: Actor, kind: str, **more: Any) -> DataRequest:
    return make_data_request(actor=person, kind=kind, **more)


# --- everything held ------------------------------------------------------------------------------------------------
def test_whatever_can_be_reached_from_a_person_has_a_rule_for_the_purge():
    assert personal_models() - set(RULES) == set(), "say in lending/services/purge.py what a purge does with it"


def test_the_rules_name_columns_that_exist():
    for label, rule in RULES.items():
        columns = {field.attname for field in apps.get_model(label)._meta.concrete_fields}
        assert rule == "delete" or set(rule) <= columns, label


def test_the_download_holds_every_table_with_the_persons_rows(sent, person):
    found = {one["table"]: one["rows"] for one in as_document(held_of(person.user_id))}
    for table in ("Applicant", "HouseholdProfile", "Application", "Document", "Assessment", "Decision"):
        assert found[f"lending.{table}"], table
    assert found["scoring.Score"][0]["inputs"]
    assert len(found["accounts.Consent"]) == 5
    assert found["lending.Applicant"][0]["full_name"] == sent.applicant.full_name
    assert found["lending.Applicant"][0]["document_number"] == sent.applicant.document_number
    text = json.dumps(found, default=str)
    document = Document.objects.get()
    assert document.stored_name not in text
    assert sent.applicant.document_hash not in text


def test_the_download_holds_nobody_elses_rows(sent, person, actor_as, assessed):
    other = assessed("household", actor=actor_as("applicant"))
    text = json.dumps(as_document(held_of(person.user_id)), default=str)
    assert str(sent.pk) in text
    assert str(other.pk) not in text
    assert str(other.applicant_id) not in text


def test_another_institution_shows_nothing_of_it(sent, person, other_institution):
    with institution_scope(other_institution.pk):
        assert held_of(person.user_id) == []


def test_who_looked_is_shown_and_the_persons_own_acts_are_not(sent, person, officer, client_as, institution):
    client_as(officer).get(f"/i/qori/desk/applications/{sent.pk}/")
    open_document(document_id=Document.objects.get().pk, actor=officer)
    open_document(document_id=Document.objects.get().pk, actor=person)
    looks = looks_at(held_of(person.user_id), person.user_id)
    assert [one.what for one in looks[:2]] == ["Documento abierto", "Solicitud vista"]
    assert {one.role for one in looks[:2]} == {"Analista de créditos"}
    assert len(looks) == 2


def test_the_pages_and_both_downloads(sent, person, client_as, institution):
    browser = client_as(person)
    page = browser.get("/i/qori/my/data/").content.decode()
    assert sent.applicant.full_name in page
    assert sent.applicant.document_number not in page
    assert "Lo calculó un programa" in page
    document = browser.get("/i/qori/my/data/download/json/").json()
    assert document["account"]["email"] == "wences@correo.pe"
    assert any(one["table"] == "lending.Application" for one in document["held"])
    pdf = browser.get("/i/qori/my/data/download/pdf/")
    assert pdf.content.startswith(b"%PDF-")
    assert len(pdf.content) > 3_000
    assert AuditEntry.objects.filter(event="accounts.data.downloaded").count() == 2
    assert browser.get("/i/qori/my/data/download/exe/").status_code == 404


def test_the_page_costs_the_same_however_much_is_held(sent, person, client_as, institution, assessed):
    from django.test.utils import CaptureQueriesContext

    browser = client_as(person)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            browser.get("/i/qori/my/data/")
        counts.append(len(queries))
        add_document(application_id=sent.pk, actor=person, kind="land", upload=walk.photo())
    assert counts[0] == counts[1]


# --- permissions ----------------------------------------------------------------------------------------------------
def test_a_permission_is_taken_back_and_given_again(sent, person):
    assert change_consent(actor=person, purpose="marketing", granted=True) == 1
    assert consent.agreeing("marketing", [sent.applicant_id]) == {sent.applicant_id}
    assert change_consent(actor=person, purpose="marketing", granted=True) == 0
    assert change_consent(actor=person, purpose="marketing", granted=False) == 1
    assert consent.agreeing("marketing", [sent.applicant_id]) == set()
    rows = Consent.objects.filter(purpose="marketing").order_by("given_at")
    assert [(one.granted, one.withdrawn_at is None) for one in rows] == [(False, False), (True, False), (False, True)]
    assert AuditEntry.objects.filter(event__startswith="accounts.consent.").count() == 2


def test_without_evaluation_nothing_is_evaluated(institution, ready, person):
    application = factories.submitted(institution, "household", actor=person)
    change_consent(actor=person, purpose="evaluation", granted=False)
    application.refresh_from_db()
    assert application.status == Application.Status.WITHDRAWN
    from lending.services.assessments import assess_waiting

    assert assess_waiting(institution_id=institution.pk) == 0


def test_without_automated_the_program_does_not_score(institution, ready, person):
    application = factories.submitted(institution, "household", actor=person)
    change_consent(actor=person, purpose="automated", granted=False)
    from lending.services.assessments import assess_waiting

    assess_waiting(institution_id=institution.pk)
    application.refresh_from_db()
    assert application.status == Application.Status.REFERRED
    assert application.assessments.get().score_id is None


def test_an_open_case_is_worked_out_again_without_the_program(institution, ready, person, assessed):
    application = assessed("household", actor=person, amount=Decimal(15_000))
    if application.status != Application.Status.REFERRED:
        Application.objects.filter(pk=application.pk).update(status=Application.Status.REFERRED)
    assert application.assessments.get().score_id is not None
    change_consent(actor=person, purpose="automated", granted=False)
    assert application.assessments.order_by("-attempt").first().score_id is None


def test_without_contact_no_message_leaves(sent, person, institution):
    from lending.services.notifications import notify_waiting, write_notifications

    write_notifications()
    assert Notification.objects.filter(sent_at__isnull=True).exists()
    change_consent(actor=person, purpose="contact", granted=False)
    assert notify_waiting(institution_id=institution.pk) == 0
    assert messages.written_messages() == []


def test_permissions_of_strangers_are_not_found(institution, person):
    with pytest.raises(NotFound):
        change_consent(actor=person, purpose="marketing", granted=True)


# --- asking, in time ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "more", "days"),
    [
        ("information", {"text": "¿A quién le pasan mis datos?"}, 8),
        ("access", {"text": "Quiero ver mis llamadas."}, 20),
        ("rectify", {"field": "district", "value": "Wanchaq"}, 10),
        ("cancel", {}, 10),
        ("oppose", {"purpose": "marketing"}, 10),
        ("portability", {}, 20),
    ],
)
def test_each_kind_has_its_legal_clock(sent, person, kind, more, days):
    made = ask(person, kind, **more)
    assert made.due_on == add_working_days(today(), days)
    assert ask(person, kind, **more).pk == made.pk


def test_holidays_stop_the_clock(sent, person, time_machine):
    time_machine.move_to(datetime(2026, 12, 23, 10, tzinfo=LIMA))
    # Ten working days after Wednesday 23 December: the 25th and 1 January do not count.
    assert ask(person, "cancel").due_on == date(2027, 1, 8)


def test_a_missing_term_is_said_and_not_guessed(sent, person):
    Parameter.objects.filter(code="data_cancel_days").delete()
    from accounts.errors import Unavailable

    with pytest.raises(Unavailable, match="data_cancel_days"):
        ask(person, "cancel")


@pytest.mark.parametrize(
    ("kind", "more", "field"),
    [
        ("sell", {}, "kind"),
        ("access", {}, "text"),
        ("rectify", {"field": "score", "value": "850"}, "field"),
        ("rectify", {"field": "full_name", "value": "X"}, "value"),
        ("oppose", {"purpose": "evaluation"}, "purpose"),
        ("access", {"text": "x" * 2001}, "text"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(sent, person, kind, more, field):
    with pytest.raises(InvalidInput) as refused:
        ask(person, kind, **more)
    assert field in refused.value.fields


def test_the_term_is_extended_once_and_in_time(sent, person, manager, time_machine, institution):
    made = ask(person, "access", text="Quiero ver mis llamadas.")
    extended = extend_data_request(request_id=made.pk, actor=manager, reason="Pedimos las grabaciones al proveedor.")
    assert extended.due_on == add_working_days(made.due_on, 20)
    with pytest.raises(InvalidState):
        extend_data_request(request_id=made.pk, actor=manager, reason="Otra vez, por si acaso.")
    late = ask(person, "information", text="¿A quién le pasan mis datos?")
    time_machine.move_to(datetime.combine(late.due_on + timedelta(days=1), datetime.min.time(), LIMA))
    with pytest.raises(InvalidState):
        extend_data_request(request_id=late.pk, actor=manager, reason="Se nos pasó el plazo.")


def test_an_answer_after_its_day_is_kept_as_late(sent, person, manager, time_machine):
    made = ask(person, "information", text="¿A quién le pasan mis datos?")
    other = ask(person, "access", text="Quiero ver mis llamadas.")
    answers = {"actor": manager, "outcome": "denied", "answer": ANSWER}
    answer_data_request(request_id=other.pk, **answers)
    time_machine.move_to(datetime.combine(made.due_on + timedelta(days=1), datetime.min.time(), LIMA))
    answer_data_request(request_id=made.pk, **answers)
    kept = AuditEntry.objects.filter(event="accounts.data_request.answered")
    assert {entry.subject_id: json.loads(entry.body)["facts"]["late"] for entry in kept} == {
        str(other.pk): False,
        str(made.pk): True,
    }


def test_the_person_hears_of_each_step(sent, person, manager, institution):
    made = ask(person, "information", text="¿A quién le pasan mis datos?")
    extend_data_request(request_id=made.pk, actor=manager, reason="Lo consultamos con el oficial.")
    answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    assert send_letters(institution_id=institution.pk) == 3
    assert {message.to for message in messages.written_messages()} == {"wences@correo.pe"}
    assert not OutboxEvent.objects.filter(name__startswith="accounts.data", done_at__isnull=True).exists()


def test_only_managers_answer_and_never_their_own(sent, person, officer, auditor, manager, actor_as, assessed):
    made = ask(person, "oppose", purpose="marketing")
    for actor in (officer, auditor, person):
        with pytest.raises(NotAllowed):
            answer_data_request(request_id=made.pk, actor=actor, outcome="granted", answer=ANSWER)
    both = actor_as("applicant", "manager")
    assessed("household", actor=both)
    own = ask(both, "oppose", purpose="marketing")
    with pytest.raises(NotAllowed, match="propio"):
        answer_data_request(request_id=own.pk, actor=both, outcome="granted", answer=ANSWER)
    answer_data_request(request_id=own.pk, actor=manager, outcome="denied", answer=ANSWER)
    with pytest.raises(InvalidState):
        answer_data_request(request_id=own.pk, actor=manager, outcome="granted", answer=ANSWER)


def test_a_request_of_somebody_else_is_not_withdrawn(sent, person, manager):
    made = ask(person, "cancel")
    with pytest.raises(NotFound):
        withdraw_data_request(request_id=made.pk, actor=manager)
    assert withdraw_data_request(request_id=made.pk, actor=person).outcome == "withdrawn"
    assert withdraw_data_request(request_id=made.pk, actor=person).outcome == "withdrawn"


def test_the_desk_answers_on_the_page(sent, person, client_as, institution):
    made = ask(person, "rectify", field="district", value="Wanchaq")
    browser = client_as("manager")
    assert "Wanchaq" in browser.get(f"/i/qori/desk/data-requests/{made.pk}/").content.decode()
    path = f"/i/qori/desk/data-requests/{made.pk}/"
    assert browser.post(path, {"outcome": "granted", "answer": ""}).status_code == 422
    assert browser.post(path, {"outcome": "granted", "answer": ANSWER}).url == "/i/qori/desk/data-requests/"
    assert Applicant.objects.get().district == "Wanchaq"


# --- corrected, stopped ----------------------------------------------------------------------------------------------
def test_a_correction_changes_the_data_and_leaves_pseudonyms_in_the_evidence(sent, person, manager):
    made = ask(person, "rectify", field="full_name", value="Wenceslao Quispe Condori")
    answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    applicant = Applicant.objects.get()
    assert applicant.full_name == "Wenceslao Quispe Condori"
    body = AuditEntry.objects.get(event="lending.applicant.rectified").body
    assert "Quispe" not in body
    assert subject_hash(applicant.pk, "Wenceslao Quispe Condori") in body


def test_a_corrected_document_is_found_by_its_new_number_and_taken_from_nobody(
    sent, person, manager, assessed, actor_as
):
    other = assessed("household", actor=actor_as("applicant"))
    free = factories.new_dni()
    made = ask(person, "rectify", field="document_number", value=other.applicant.document_number)
    with pytest.raises(InvalidState, match="Otra persona"):
        answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    made = ask(person, "rectify", field="document_number", value=free)
    before = sent.applicant.document_hash
    answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    applicant = Applicant.objects.get(pk=sent.applicant_id)
    assert (applicant.document_number, applicant.document_hash != before) == (free, True)


def test_an_opposition_stops_the_use(sent, person, manager):
    made = ask(person, "oppose", purpose="bureau")
    answered = answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    assert answered.effect == "stopped"
    assert consent.agreeing("bureau", [sent.applicant_id]) == set()


def test_a_denied_request_changes_nothing(sent, person, manager):
    made = ask(person, "cancel")
    answered = answer_data_request(request_id=made.pk, actor=manager, outcome="denied", answer=ANSWER)
    assert answered.effect == ""
    assert Applicant.objects.get().restricted_at is None


# --- blocked, and gone ------------------------------------------------------------------------------------------------
def test_erasure_blocks_while_the_law_says_keep(sent, person, manager, officer, auditor, client_as, institution):
    made = ask(person, "cancel")
    answered = answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    until = years_after(today(), 10)
    assert (answered.effect, answered.purge_on) == ("restricted", until)
    assert Applicant.objects.get().full_name
    assert client_as(officer).get(f"/i/qori/desk/applications/{sent.pk}/").status_code == 404
    assert client_as(auditor).get(f"/i/qori/desk/applications/{sent.pk}/").status_code == 200
    assert "bloqueados" in client_as(person).get("/i/qori/my/data/").content.decode()
    assert consent.granted_purposes([sent.pk])[sent.pk] == frozenset()
    assert purge_due(institution_id=institution.pk) == 0


def test_loans_of_blocked_people_are_shown_to_whoever_has_the_duty_to_keep_them(
    institution, auditor, manager, officer, actor_as, client_as
):
    loan = active_loan(institution)
    kept = active_loan(institution)
    CloseRun.objects.create(on=date(2026, 6, 30), finished_at="2026-07-01T05:00Z")
    make_span(loan, date(2026, 6, 30), principal=Decimal(3000))
    Loan.objects.filter(pk=loan.pk).update(status=Loan.Status.PAID, closed_on=date(2026, 7, 1))
    name = "Eustaquia Bloqueada"
    Applicant.objects.filter(pk=loan.applicant_id).update(full_name=name, restricted_at="2026-07-02T00:00Z")
    address = f"/i/qori/desk/loans/{loan.pk}/"
    for actor in (officer, manager, actor_as("cashier"), actor_as("collector")):
        assert set(loans_visible_to(actor)) == {kept}
        assert loan.contract_id not in contracts_visible_to(actor).values_list("pk", flat=True)
        assert client_as(actor).get(address).status_code == 404
    for page in ("portfolio/loans/?on=2026-06-30", "portfolio/loans/?on=2026-06-30&format=csv", "loans/?view=all"):
        text = "".join(part.decode() for part in client_as(manager).get(f"/i/qori/desk/{page}"))
        assert name not in text, page
        assert "3" in text
    assert set(loans_visible_to(auditor)) == {kept, loan}
    assert client_as(auditor).get(address).status_code == 200
    assert AuditEntry.objects.filter(event="lending.loan.restricted_opened", subject_id=str(loan.pk)).count() == 1
    # No model learns from it any more.
    assert {one.application_id for batch in loan_outcomes(today()) for one in batch} == {kept.contract.application_id}


def test_asking_for_credit_again_lifts_the_block(sent, person, manager, institution):
    made = ask(person, "cancel")
    answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    factories.submitted(institution, "household", actor=person, document_number=sent.applicant.document_number)
    assert Applicant.objects.get().restricted_at is None
    assert AuditEntry.objects.filter(event="lending.applicant.released").count() == 1


def test_a_request_without_an_account_reaches_nobody(sent, person, manager, actor_as):
    from lending.services.applications import save_step, start_application

    other = actor_as("applicant")
    draft = start_application(actor=other, segment="household")
    save_step(application_id=draft.pk, actor=other, step="identity", answers={"full_name": "Rufina"}, complete=False)
    made = ask(person, "cancel")
    for nameless in (DataRequest.objects.filter(pk=made.pk), Applicant.objects.all()):
        nameless.update(user_id=None)
    Application.objects.filter(pk=draft.pk).update(owner_id=None)
    answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    assert Applicant.objects.get(pk=sent.applicant_id).restricted_at is None
    assert Application.objects.get(pk=draft.pk).draft != {}


def test_a_running_loan_keeps_its_data(sent, person, manager):
    version = sent.offers.first().product_version
    Loan.objects.create(
        number=1, applicant_id=sent.applicant_id, product_id=version.product_id, status=Loan.Status.ACTIVE,
        principal=Decimal(1000), tea=Decimal("0.4"), moratory_tea=Decimal("0.1"), terms={},
    )  # fmt: skip
    made = ask(person, "cancel")
    with pytest.raises(InvalidState, match="crédito vigente"):
        answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    assert Applicant.objects.get().restricted_at is None


def test_after_the_last_duty_nothing_personal_is_left(sent, person, manager, officer, institution, time_machine):
    applicant = sent.applicant
    pseudonym = subject_hash(applicant.pk, applicant.full_name)
    audit.record(Actor.system("test"), "lending.applicant.updated", applicant, name=pseudonym)
    secrets = personal_words(sent)
    stored = Document.objects.get().stored_name
    assert default_storage.exists(stored)
    made = ask(person, "cancel")
    answer_data_request(
        request_id=made.pk, actor=manager, outcome="granted", answer="Se bloquean hasta el plazo legal."
    )
    assert leaks(secrets)
    until = kept_until(applicant)
    assert until is not None
    time_machine.move_to(datetime.combine(until, datetime.min.time(), LIMA) + timedelta(hours=12))
    assert purge_due(institution_id=institution.pk) == 0
    time_machine.move_to(datetime.combine(until + timedelta(days=1), datetime.min.time(), LIMA))
    from django.test.testcases import TestCase

    with TestCase.captureOnCommitCallbacks(execute=True):
        assert purge_due(institution_id=institution.pk) == 1
        assert purge_due(institution_id=institution.pk) == 0
    assert leaks(secrets) == []
    assert not default_storage.exists(stored)
    assert not SubjectKey.objects.filter(subject_id=applicant.pk).exists()
    assert subject_hash(applicant.pk, "Wenceslao Quispecondori") != pseudonym
    assert DataRequest.objects.get(pk=made.pk).effect == "erased"
    assert not Membership.objects.filter(user_id=person.user_id).exists()
    applicant.refresh_from_db()
    assert (applicant.full_name, applicant.user_id, applicant.purged_at is None) == ("", None, False)


@pytest.mark.transactional
def test_the_chain_still_verifies_after_a_purge_and_the_pseudonym_leads_nowhere(institution, assessed, actor_as):
    application = assessed("household", actor=actor_as("applicant"))
    with institution_scope(institution.pk):
        applicant = Applicant.objects.get(pk=application.applicant_id)
        pseudonym = subject_hash(applicant.pk, applicant.full_name)
        audit.record(Actor.system("test"), "lending.applicant.updated", applicant, name=pseudonym)
    sealer.seal_all()
    assert verify.verify().ok
    with institution_scope(institution.pk):
        purge_applicant(applicant, Actor.system("test", institution_id=institution.pk))
    sealer.seal_all()
    outcome = verify.verify()
    assert (outcome.ok, outcome.entries > 5) == (True, True)
    with institution_scope(institution.pk):
        assert AuditEntry.objects.filter(body__contains=pseudonym).exists()
        assert subject_hash(applicant.pk, "María Quispe Mamani") != pseudonym
        assert Applicant.objects.get(pk=applicant.pk).full_name == ""


def personal_words(application: Application) -> list[str]:
    """What must not be found anywhere afterwards."""
    applicant = application.applicant
    return [word for word in (applicant.full_name, applicant.phone, applicant.email, applicant.document_hash) if word]


def leaks(words: list[str]) -> list[str]:
    """Tables of the institution in which one of the words, or anything sealed, is still to be read."""
    found = []
    for label in personal_models() - {"accounts.Membership", "accounts.Complaint"}:
        for row in apps.get_model(label)._default_manager.only(*CLOSED.get(label, ())):
            known = [one for one in row._meta.concrete_fields if one.attname not in row.get_deferred_fields()]
            text = "\n".join(str(getattr(row, field.attname)) for field in known)
            found += [f"{label}: {word}" for word in words if word in text]
    for body in AuditEntry.objects.values_list("body", flat=True):
        found += [f"evidence: {word}" for word in words if word in body]
    return found


def test_what_obliges_to_nothing_is_erased_at_once(institution, person, manager, ready):
    from lending.services.applications import save_step, start_application

    draft = start_application(actor=person, segment="household")
    save_step(
        application_id=draft.pk, actor=person, step="identity", answers={"full_name": "Wenceslao"}, complete=False
    )
    made = ask(person, "cancel")
    answered = answer_data_request(request_id=made.pk, actor=manager, outcome="granted", answer=ANSWER)
    draft.refresh_from_db()
    assert (answered.effect, draft.draft, draft.owner_id) == ("erased", {}, None)


@pytest.mark.parametrize("table", ["decision", "contactnote"])
def test_frozen_rows_lose_their_words_and_nothing_else(sent, table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = 'evidence_is_kept'",
            [f"lending_{table}"],
        )
        assert cursor.fetchall() == [("evidence_is_kept", "A")]
    if table == "decision":
        Decision.objects.update(rationale="")
        for change in ({"rationale": "otra cosa"}, {"outcome": "approve"}):
            with pytest.raises(DatabaseError), transaction.atomic():
                Decision.objects.update(**change)


def test_a_purged_person_may_come_back_as_somebody_new(sent, person, institution):
    number = sent.applicant.document_number
    purge_applicant(sent.applicant, Actor.system("test"))
    again = factories.submitted(institution, "household", document_number=number)
    assert again.applicant_id != sent.applicant_id


def test_the_account_itself_belongs_to_the_person(sent, person):
    purge_applicant(sent.applicant, Actor.system("test"))
    assert User.objects.get(pk=person.user_id).email == "wences@correo.pe"


def test_the_pdf_tells_in_words(sent, person, institution):
    from lending.views.my_data_paper import declared_lines

    lines = dict(declared_lines(sent))
    assert any("3,200.00" in value for value in lines.values())
