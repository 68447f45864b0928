"""The complaints book: anybody may file, numbers and clock as the norm says, the answer reaches the person."""

import io
import json
import re
import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from accounts import messages
from accounts.actors import Actor
from accounts.clock import LIMA
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.formats import mask_document
from accounts.models import AuditEntry, Complaint, Institution, OutboxEvent
from accounts.tenancy.scope import institution_scope
from lending.selectors.complaints import complaint_by_code, complaints, quarter_of
from lending.services.complaints import Sheet, answer_complaint, file_complaint, purge_complaints
from lending.services.letters import send_letters
from lending.tests.factories import new_dni

pytestmark = pytest.mark.django_db

PATH = "/i/qori/complaints/"
DESK = "/i/qori/desk/complaints/"
TYPED = {
    "full_name": "Rosa Mamani Quispe",
    "document_type": "dni",
    "document_number": "10203040",
    "email": "rosa@correo.pe",
    "good": "product",
    "topic": "rate",
    "kind": "reclamo",
    "reference": "QO-10001",
    "amount": "120.50",
    "detail": "Me cobraron una tasa distinta de la que firmé.",
    "request": "Que devuelvan la diferencia de intereses.",
}


@pytest.fixture(autouse=True)
def _own_outbox(settings: Any, tmp_path: Any) -> None:
    settings.OUTBOX_ROOT = str(tmp_path)


def sheet(**changes: Any) -> Sheet:
    typed = {**TYPED, "amount": Decimal("120.50"), "document_number": new_dni(), **changes}
    return Sheet(**typed)


def filed(actor: Actor | None = None, institution: Institution | None = None, **changes: Any) -> Complaint:
    return file_complaint(actor=actor or Actor.anonymous(), sheet=sheet(**changes))


# --- filing -------------------------------------------------------------------------------------------------------
def test_anybody_files_a_sheet_and_gets_its_copy(anonymous_client, institution):
    answer = anonymous_client.post(PATH, TYPED)
    one = Complaint.objects.get()
    assert answer.url == f"{PATH}{one.pk}/"
    page = anonymous_client.get(answer.url).content.decode()
    for words in (
        one.code,
        "Rosa Mamani Quispe",
        "10203040",
        "S/\u00a0120.50",
        institution.legal_name,
        TYPED["request"],
    ):
        assert words in page
    assert (one.amount_claimed, one.user_id, one.channel) == (12_050, None, "web")


def test_the_copy_is_for_the_browser_that_filed_it(anonymous_client, institution, client_as):
    anonymous_client.post(PATH, TYPED)
    one = Complaint.objects.get()
    assert client_as("applicant").get(f"{PATH}{one.pk}/").status_code == 404


def test_numbers_follow_each_other_by_institution_and_year(institution, other_institution, time_machine):
    codes = [filed().code for _ in range(2)]
    with institution_scope(other_institution.pk):
        theirs = filed().code
    year = date.today().year
    assert [*codes, theirs] == [f"000000001-{year}", f"000000002-{year}", f"000000001-{year}"]
    time_machine.move_to(datetime(year + 1, 1, 1, 5, 30, tzinfo=LIMA))
    assert filed().code == f"000000001-{year + 1}"


def test_fifteen_working_days_jump_over_national_holidays(institution, time_machine):
    time_machine.move_to(datetime(2026, 12, 1, 10, tzinfo=LIMA))
    # 15 working days after Tuesday 1 December; 8, 9 and 25 are holidays.
    assert filed().due_on == date(2026, 12, 24)


def test_a_copy_goes_by_mail_once(institution):
    Institution.objects.filter(pk=institution.pk).update(ruc="20100000001")
    one = filed()
    for _ in range(2):
        send_letters(institution_id=institution.pk)
    found = messages.written_messages()
    assert len(found) == 1
    assert found[0].to == "rosa@correo.pe"
    assert one.code in found[0].subject
    assert TYPED["detail"] in found[0].text
    assert "RUC: 20100000001" in found[0].text
    assert not OutboxEvent.objects.filter(done_at__isnull=True).exists()


def test_without_mail_the_address_is_enough_and_nothing_is_owed(institution):
    filed(email="", address="Jr. Lima 123, Cusco")
    assert send_letters(institution_id=institution.pk) == 0
    assert not OutboxEvent.objects.filter(done_at__isnull=True).exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"full_name": "X"}, "full_name"),
        ({"document_number": "123"}, "document_number"),
        ({"email": "", "address": ""}, "email"),
        ({"email": "no"}, "email"),
        ({"kind": "carta"}, "kind"),
        ({"topic": ""}, "topic"),
        ({"good": "?"}, "good"),
        ({"detail": "corto"}, "detail"),
        ({"request": "x" * 4001}, "request"),
        ({"amount": Decimal(0)}, "amount"),
        ({"guardian_name": "Ana Quispe Rojas"}, "guardian_document"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(institution, changes, field):
    with pytest.raises(InvalidInput) as refused:
        filed(**changes)
    assert field in refused.value.fields
    assert not Complaint.objects.exists()


def test_the_page_shows_what_is_wrong_and_keeps_what_was_typed(anonymous_client, institution):
    answer = anonymous_client.post(PATH, {**TYPED, "document_number": "12"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Error:" in page
    assert TYPED["detail"] in page


def test_who_files_again_and_again_is_slowed_down(anonymous_client, institution):
    answers = [anonymous_client.post(PATH, {}).status_code for _ in range(31)]
    assert set(answers[:30]) == {422}
    assert answers[30] == 429


def test_a_sheet_is_found_with_its_number_and_document_only(anonymous_client, institution):
    one = filed(document_number="10203040")
    assert complaint_by_code(one.code, "10203040") == one
    for code, document in ((one.code, "10203041"), ("000000009-2026", "10203040"), ("x", "10203040"), ("1-٢", "1")):
        assert complaint_by_code(code, document) is None
    page = anonymous_client.post(f"{PATH}find/", {"code": one.code, "document_number": "10203040"})
    assert TYPED["detail"] in page.content.decode()
    assert anonymous_client.post(f"{PATH}find/", {"code": one.code, "document_number": "1"}).status_code == 422


def test_personal_words_are_sealed_and_not_in_the_evidence(institution, superuser_rows):
    one = filed()
    stored = superuser_rows("SELECT consumer || detail || request FROM accounts_complaint")[0][0]
    assert "Rosa" not in stored
    assert "tasa" not in stored
    body = AuditEntry.objects.get(event="accounts.complaint.filed").body
    assert one.code in body
    assert "Rosa" not in body


@pytest.fixture
def superuser_rows() -> Any:
    from django.db import connection

    def read(sql: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    return read


# --- answering ----------------------------------------------------------------------------------------------------
def test_the_answer_is_recorded_and_mailed(institution, manager):
    one = filed()
    answer_complaint(complaint_id=one.pk, actor=manager, resolution="upheld", answer="Devolvimos S/ 120.50 hoy.")
    one.refresh_from_db()
    assert (one.resolution, one.answered_by_id) == ("upheld", manager.user_id)
    send_letters(institution_id=institution.pk)
    assert any("Devolvimos S/ 120.50" in message.text for message in messages.written_messages())
    assert AuditEntry.objects.filter(event="accounts.complaint.answered", subject_id=str(one.pk)).count() == 1
    with pytest.raises(InvalidState):
        answer_complaint(complaint_id=one.pk, actor=manager, resolution="rejected", answer="Otra respuesta distinta.")


def test_an_answer_after_its_day_is_kept_as_late(institution, manager, time_machine):
    in_time, late = filed(), filed()
    answers = {"actor": manager, "resolution": "upheld", "answer": "Devolvimos S/ 120.50 hoy."}
    for one, days in ((in_time, 0), (late, 1)):
        time_machine.move_to(datetime.combine(one.due_on + timedelta(days=days), time_of_day(12), LIMA))
        answer_complaint(complaint_id=one.pk, **answers)
    kept = AuditEntry.objects.filter(event="accounts.complaint.answered").order_by("at_us", "id")
    assert {entry.subject_id: json.loads(entry.body)["facts"]["late"] for entry in kept} == {
        str(in_time.pk): False,
        str(late.pk): True,
    }


@pytest.mark.parametrize("role", ["officer", "approver", "auditor", "applicant", "analyst"])
def test_others_do_not_answer(institution, request, role):
    one = filed()
    with pytest.raises(NotAllowed):
        answer_complaint(
            complaint_id=one.pk, actor=request.getfixturevalue(role), resolution="upheld", answer="Respuesta larga"
        )


def test_another_institutions_sheet_is_not_found(institution, other_institution, manager):
    with institution_scope(other_institution.pk):
        theirs = filed()
    with pytest.raises(NotFound):
        answer_complaint(complaint_id=theirs.pk, actor=manager, resolution="upheld", answer="Respuesta larga")


def test_the_worklist_puts_first_what_runs_out_first(institution, client_as, time_machine, django_assert_num_queries):
    codes = []
    for day in (20, 5, 12):
        time_machine.move_to(datetime(2026, 10, day, 10, tzinfo=LIMA))
        codes.append(filed().code)
    time_machine.move_to(datetime(2026, 10, 28, 10, tzinfo=LIMA))
    assert [one.code for one in complaints()] == [codes[1], codes[2], codes[0]]
    assert [one.code for one in complaints("late")] == [codes[1]]
    browser = client_as("manager")
    page = browser.get(DESK)
    assert re.findall(r"\d{9}-\d{4}", page.content.decode())[:1] == [codes[1]]
    assert "Venció hace" in page.content.decode()


def test_the_list_costs_the_same_however_long(institution, client_as, django_assert_max_num_queries):
    browser = client_as("manager")
    for _ in range(3):
        filed()
    browser.get(DESK)
    with django_assert_max_num_queries(22) as few:
        browser.get(DESK)
    for _ in range(6):
        filed()
    with django_assert_max_num_queries(len(few)):
        browser.get(DESK)


def test_opening_a_sheet_is_evidence_once_in_half_an_hour(institution, client_as):
    one = filed()
    browser = client_as("auditor")
    for _ in range(2):
        assert browser.get(f"{DESK}{one.pk}/").status_code == 200
    assert AuditEntry.objects.filter(event="accounts.complaint.opened").count() == 1
    assert browser.post(f"{DESK}{one.pk}/", {}).status_code == 403


def test_the_document_is_masked_until_somebody_who_answers_asks_for_it(institution, client_as):
    one = filed()
    number = one.consumer["document_number"]
    browser = client_as("manager")
    page = browser.get(f"{DESK}{one.pk}/").content.decode()
    assert number not in page
    assert mask_document(number) in page
    assert not AuditEntry.objects.filter(event="accounts.complaint.unmasked").exists()
    assert number in browser.post(f"{DESK}{one.pk}/identity/").content.decode()
    assert AuditEntry.objects.filter(event="accounts.complaint.unmasked").count() == 1
    assert client_as("auditor").post(f"{DESK}{one.pk}/identity/").status_code == 403
    assert AuditEntry.objects.filter(event="accounts.complaint.unmasked").count() == 1


def test_the_manager_answers_on_the_page(institution, client_as):
    one = filed()
    browser = client_as("manager")
    assert browser.post(f"{DESK}{one.pk}/", {"resolution": "", "answer": ""}).status_code == 422
    browser.post(f"{DESK}{one.pk}/", {"resolution": "partly", "answer": "Revisamos tu caso y te devolvemos la mitad."})
    one.refresh_from_db()
    assert one.resolution == "partly"


# --- out and away -------------------------------------------------------------------------------------------------
def test_the_export_carries_no_formula_and_is_evidence(institution, client_as):
    one = filed(detail='=HYPERLINK("http://x.example";"mira") y más texto')
    browser = client_as("manager")
    period = f"begins={date.today().year}-01-01&ends={date.today().year}-12-31"
    lines = b"".join(browser.get(f"{DESK}export/?{period}&format=csv").streaming_content).decode()
    assert one.code in lines
    assert "'=HYPERLINK" in lines
    book = browser.get(f"{DESK}export/?{period}&format=xlsx")
    cells = [
        cell for row in load_workbook(io.BytesIO(b"".join(book.streaming_content))).active.iter_rows() for cell in row
    ]
    assert "f" not in {cell.data_type for cell in cells}
    assert AuditEntry.objects.filter(event="accounts.complaint.exported").count() == 2
    assert browser.get(f"{DESK}export/?begins=2026-02-01&ends=2026-01-01").status_code == 422


def test_the_export_asks_for_a_fresh_code(institution, client_as, manager, time_machine):
    browser = client_as(manager)
    period = "begins=2026-01-01&ends=2026-12-31"
    time_machine.move_to(time.time() + 11 * 60)
    answer = browser.get(f"{DESK}export/?{period}")
    assert (answer.status_code, "reauthenticate" in answer.url) == (302, True)
    assert not AuditEntry.objects.filter(event="accounts.complaint.exported").exists()


def test_the_quarter_counts_what_was_filed_and_how_it_ended(institution, manager, client_as, time_machine):
    time_machine.move_to(datetime(2026, 7, 1, 0, 30, tzinfo=LIMA))
    first, second, third = filed(topic="rate"), filed(topic="rate"), filed(topic="service", kind="queja")
    time_machine.move_to(datetime(2026, 7, 8, 10, tzinfo=LIMA))
    answer_complaint(complaint_id=first.pk, actor=manager, resolution="upheld", answer="Tiene razón: corregido.")
    time_machine.move_to(datetime(2026, 9, 1, 10, tzinfo=LIMA))
    answer_complaint(complaint_id=second.pk, actor=manager, resolution="rejected", answer="La tasa es la firmada.")
    found = quarter_of(2026, 3)
    assert found.totals == {"filed": 3, "upheld": 1, "partly": 0, "rejected": 1, "pending": 1, "late": 2}
    assert [row["topic"] for row in found.rows] == ["Tasa o costo", "Atención"]
    assert quarter_of(2026, 2).rows == []
    page = client_as("auditor").get(f"{DESK}report/?quarter=2026-3")
    assert "Tasa o costo" in page.content.decode()
    assert third.answered_at is None


def test_sheets_are_emptied_when_their_two_years_are_over(institution, manager, time_machine):
    one, waiting = filed(), filed()
    answer_complaint(complaint_id=one.pk, actor=manager, resolution="upheld", answer="Devolvimos la diferencia.")
    cleaner = Actor.system("test")
    now = time.time()
    time_machine.move_to(now + (2 * 365 - 10) * 86_400)
    assert purge_complaints(actor=cleaner) == 0
    time_machine.move_to(now + (2 * 365 + 10) * 86_400)
    assert purge_complaints(actor=cleaner) == 1
    one.refresh_from_db()
    waiting.refresh_from_db()
    assert (one.consumer, one.detail, one.request, one.answer, one.reference) == ({}, "", "", "", "")
    assert (one.topic, one.resolution) == ("rate", "upheld")
    assert waiting.consumer
    with pytest.raises(NotAllowed):
        purge_complaints(actor=replace(manager))
