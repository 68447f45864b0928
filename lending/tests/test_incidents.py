"""Security incidents: forty-eight hours for the authority, word to the people, nothing closed half-done."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import messages
from accounts.actors import Actor
from accounts.clock import LIMA
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, SecurityIncident
from accounts.tenancy.scope import institution_scope
from lending.services.incidents import (
    change_incident,
    close_incident,
    record_incident,
    tell_authority,
    tell_people,
)
from lending.services.letters import send_letters
from lending.tests import factories

pytestmark = pytest.mark.django_db
NOTICE = "Una laptop con copias de solicitudes fue robada. Cambiamos las claves; cuídate de llamadas extrañas."


@pytest.fixture(autouse=True)
def _own_folders(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = settings.OUTBOX_ROOT = str(tmp_path)


def incident(actor: Actor, **changes: Any) -> SecurityIncident:
    values = {
        "title": "Laptop robada en la agencia",
        "severity": "high",
        "description": "La robaron del auto del asesor; tenía copias de solicitudes.",
        "known_at": timezone.now() - timedelta(hours=1),
        "people": 2,
    }
    return record_incident(actor=actor, **{**values, **changes})


def test_the_clock_runs_forty_eight_hours_from_knowing_weekends_included(institution, manager, time_machine):
    time_machine.move_to(datetime(2026, 12, 25, 9, tzinfo=LIMA))
    known = datetime(2026, 12, 24, 18, 30, tzinfo=LIMA)
    assert incident(manager, known_at=known).notify_by == datetime(2026, 12, 26, 18, 30, tzinfo=LIMA)


def test_without_personal_data_no_clock_runs_until_it_turns_out_otherwise(institution, manager):
    one = incident(manager, severity="low", people=0)
    assert one.notify_by is None
    changed = change_incident(incident_id=one.pk, actor=manager, severity="medium", people=4)
    assert changed.notify_by == one.known_at + timedelta(hours=48)
    events = AuditEntry.objects.filter(event="accounts.incident.changed")
    change_incident(incident_id=one.pk, actor=manager, severity="medium", people=4)
    assert events.count() == 1


def test_what_is_wrong_is_named(institution, manager):
    for changes, field in (
        ({"title": "x"}, "title"),
        ({"severity": "enorme"}, "severity"),
        ({"description": ""}, "description"),
        ({"known_at": timezone.now() + timedelta(hours=1)}, "known_at"),
    ):
        with pytest.raises(InvalidInput) as refused:
            incident(manager, **changes)
        assert field in refused.value.fields


def test_late_notice_is_kept_as_late(institution, manager):
    one = incident(manager, known_at=timezone.now() - timedelta(hours=49))
    tell_authority(incident_id=one.pk, actor=manager, reference="ANPD-2026-118")
    tell_authority(incident_id=one.pk, actor=manager, reference="ANPD-2026-119")
    entry = AuditEntry.objects.get(event="accounts.incident.authority_told")
    assert '"late":true' in entry.body
    assert SecurityIncident.objects.get().authority_reference == "ANPD-2026-118"


def test_those_touched_are_written_to_and_nobody_else(institution, manager, ready):
    touched = factories.submitted(institution, "household", email="una@correo.pe", full_name="Una Quispe Rojas")
    factories.submitted(institution, "household", email="otra@correo.pe", full_name="Otra Quispe Rojas")
    one = incident(manager)
    tell_people(incident_id=one.pk, actor=manager, text=NOTICE, numbers=[touched.number])
    assert send_letters(institution_id=institution.pk) == 1
    assert [(message.to, NOTICE in message.text) for message in messages.written_messages()] == [
        ("una@correo.pe", True)
    ]
    with pytest.raises(InvalidState):
        tell_people(incident_id=one.pk, actor=manager, text=NOTICE)


def test_a_number_that_does_not_exist_is_named(institution, manager):
    one = incident(manager)
    with pytest.raises(InvalidInput) as refused:
        tell_people(incident_id=one.pk, actor=manager, text=NOTICE, numbers=[99])
    assert "99" in refused.value.fields["numbers"][0]


def test_it_is_closed_when_everything_is_done(institution, manager):
    one = incident(manager)
    with pytest.raises(InvalidState, match="avisa"):
        close_incident(incident_id=one.pk, actor=manager)
    change_incident(incident_id=one.pk, actor=manager, measures="Por escribir")
    tell_authority(incident_id=one.pk, actor=manager, reference="ANPD-1")
    with pytest.raises(InvalidState, match="avisa"):
        close_incident(incident_id=one.pk, actor=manager)
    tell_people(incident_id=one.pk, actor=manager, text=NOTICE)
    change_incident(incident_id=one.pk, actor=manager, measures="")
    with pytest.raises(InvalidState, match="medidas"):
        close_incident(incident_id=one.pk, actor=manager)
    change_incident(incident_id=one.pk, actor=manager, measures="Cambiamos claves y ciframos los discos.")
    close_incident(incident_id=one.pk, actor=manager)
    assert close_incident(incident_id=one.pk, actor=manager).closed_at
    with pytest.raises(InvalidState):
        change_incident(incident_id=one.pk, actor=manager, people=9)


def test_others_do_not_write_and_other_institutions_do_not_see(institution, other_institution, auditor, manager):
    with pytest.raises(NotAllowed):
        incident(auditor)
    one = incident(manager)
    with institution_scope(other_institution.pk), pytest.raises(NotFound):
        tell_authority(incident_id=one.pk, actor=manager, reference="ANPD-1")


def test_the_pages(institution, client_as, manager):
    browser = client_as(manager)
    typed = {
        "title": "Correo a destinatario equivocado",
        "severity": "medium",
        "description": "Se envió una lista a otro correo.",
        "known_at": f"{timezone.now().astimezone(LIMA) - timedelta(hours=2):%Y-%m-%dT%H:%M}",
        "people": "3",
    }
    assert browser.post("/i/qori/desk/incidents/new/", {**typed, "people": "-1"}).status_code == 422
    path = browser.post("/i/qori/desk/incidents/new/", typed).url
    page = browser.get(path).content.decode()
    assert "Quedan 45 horas para avisar" in page
    assert browser.post(f"{path}people/", {"text": "corto"}).status_code == 422
    assert browser.post(f"{path}people/", {"text": NOTICE, "numbers": "1; x"}).status_code == 422
    assert browser.post(f"{path}authority/", {"reference": "ANPD-77"}).status_code == 302
    assert browser.post(f"{path}nada/", {}).status_code == 404
    assert "Autoridad avisada" in browser.get("/i/qori/desk/incidents/").content.decode()
