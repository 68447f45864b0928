"""The register of security incidents with the clock of the law: the authority within 48 hours, the people likewise.

The clock begins when the institution knows (`known_at`) and runs in hours, holidays or not (DS 016-2024-JUS).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.models import SecurityIncident
from accounts.numbering import INCIDENTS, next_number
from lending.models import Applicant, Application
from lending.parameters import Parameter, term

Severity = SecurityIncident.Severity
SHORTEST_TEXT: Final = 10
LONGEST_TEXT: Final = 4_000
CHANGEABLE: Final = ("title", "severity", "description", "data_kinds", "people", "occurred_at", "measures")


@transaction.atomic
def record_incident(
    *,
    actor: Actor,
    title: str,
    severity: str,
    description: str,
    known_at: datetime,
    occurred_at: datetime | None = None,
    data_kinds: str = "",
    people: int = 0,
    measures: str = "",
) -> SecurityIncident:
    """Write an incident down; when personal data were touched, the clock of the notice runs from `known_at`.

    Raises NotAllowed, InvalidInput by field, Unavailable where the legal term is missing.
    """
    actor.require("accounts.manage_incidents")
    values = _checked(
        title=title, severity=severity, description=description, data_kinds=data_kinds, people=people,
        occurred_at=occurred_at, measures=measures,
    )  # fmt: skip
    if known_at > timezone.now():
        raise InvalidInput(fields={"known_at": [_("No puede ser en el futuro")]})
    incident = SecurityIncident.objects.create(
        number=next_number(SecurityIncident, INCIDENTS),
        known_at=known_at,
        notify_by=_notify_by(severity, known_at),
        recorded_by_id=actor.person,
        **values,
    )
    audit.record(
        actor, "accounts.incident.recorded", incident, number=incident.number, severity=severity, people=people,
        known_at=known_at, notify_by=incident.notify_by,
    )  # fmt: skip
    return incident


@transaction.atomic
def change_incident(*, incident_id: UUID, actor: Actor, **values: Any) -> SecurityIncident:
    """What is known now; the clock begins no later than it did. The same again changes nothing.

    Raises NotAllowed, NotFound, InvalidState once closed, InvalidInput.
    """
    actor.require("accounts.manage_incidents")
    incident = _locked(incident_id)
    before = {name: getattr(incident, name) for name in CHANGEABLE}
    cleaned = _checked(**{**before, **{name: value for name, value in values.items() if name in CHANGEABLE}})
    changed = sorted(name for name in CHANGEABLE if cleaned[name] != before[name])
    if not changed:
        return incident
    for name in changed:
        setattr(incident, name, cleaned[name])
    if incident.notify_by is None:
        incident.notify_by = _notify_by(incident.severity, incident.known_at)
    incident.save()
    audit.record(
        actor, "accounts.incident.changed", incident, number=incident.number, fields=changed,
        severity=incident.severity, people=incident.people,
    )  # fmt: skip
    return incident


@transaction.atomic
def tell_authority(*, incident_id: UUID, actor: Actor, reference: str) -> SecurityIncident:
    """The authority (ANPD) has been told, under its reference; a repeated call changes nothing.

    Raises NotAllowed, NotFound, InvalidState, InvalidInput.
    """
    actor.require("accounts.manage_incidents")
    incident = _locked(incident_id)
    if incident.authority_told_at is not None:
        return incident
    reference = " ".join(reference.split())[:80]
    if len(reference) < 3:
        raise InvalidInput(fields={"reference": [_("Escribe el número de registro que te dio la autoridad")]})
    incident.authority_told_at, incident.authority_reference = timezone.now(), reference
    incident.save(update_fields=["authority_told_at", "authority_reference"])
    late = incident.notify_by is not None and incident.authority_told_at > incident.notify_by
    audit.record(actor, "accounts.incident.authority_told", incident, number=incident.number, late=late)
    return incident


@transaction.atomic
def tell_people(*, incident_id: UUID, actor: Actor, text: str, numbers: Iterable[int] = ()) -> SecurityIncident:
    """Write to the people whose data were touched: those of these applications, or every applicant when none is named.

    `text` says what happened, what was done and what they can do. Raises NotAllowed, NotFound, InvalidState when
    they were told already, InvalidInput.
    """
    actor.require("accounts.manage_incidents")
    incident = _locked(incident_id)
    if incident.people_told_at is not None:
        raise InvalidState(_("Ya avisaste a las personas de este incidente."))
    text = text.replace("\x00", "").strip()
    wanted = sorted(set(numbers))
    errors: dict[str, list[str]] = {}
    if not 30 <= len(text) <= LONGEST_TEXT:
        errors["text"] = [_("Explica qué pasó, qué hiciste y qué puede hacer la persona")]
    applications = Application.objects.filter(number__in=wanted).select_related("applicant")
    missing = set(wanted) - {one.number for one in applications}
    if missing:
        shown = ", ".join(str(number) for number in sorted(missing)[:5])
        errors["numbers"] = [_("No hay solicitudes con estos números: %(numbers)s") % {"numbers": shown}]
    if errors:
        raise InvalidInput(fields=errors)
    people = Applicant.objects.filter(purged_at__isnull=True)
    if wanted:
        people = people.filter(pk__in=[one.applicant_id for one in applications if one.applicant_id])
    subjects = [str(key) for key in people.values_list("pk", flat=True)]
    incident.people_told_at = timezone.now()
    incident.people_told_how = _("Correo o mensaje de texto a %(count)s personas") % {"count": len(subjects)}
    incident.save(update_fields=["people_told_at", "people_told_how"])
    audit.record(actor, "accounts.incident.people_told", incident, number=incident.number, people=len(subjects))
    outbox.publish("accounts.incident.people_told", incident, applicants=subjects, text=text)
    return incident


@transaction.atomic
def close_incident(*, incident_id: UUID, actor: Actor) -> SecurityIncident:
    """End the case; a repeated call changes nothing. Raises InvalidState while a duty or the measures are open."""
    actor.require("accounts.manage_incidents")
    incident = _locked(incident_id, closed=True)
    if incident.closed_at is not None:
        return incident
    if incident.notify_by is not None and (incident.authority_told_at is None or incident.people_told_at is None):
        raise InvalidState(_("Antes de cerrar, avisa a la autoridad y a las personas."))
    if len(incident.measures) < SHORTEST_TEXT:
        raise InvalidState(_("Antes de cerrar, escribe qué medidas tomaste."))
    incident.closed_at = timezone.now()
    incident.save(update_fields=["closed_at"])
    audit.record(actor, "accounts.incident.closed", incident, number=incident.number)
    return incident


def _notify_by(severity: str, known_at: datetime) -> datetime | None:
    """The last instant to tell the authority; None where no personal data were touched."""
    return None if severity == Severity.LOW else known_at + timedelta(hours=term(Parameter.Code.INCIDENT_HOURS))


def _locked(incident_id: UUID, *, closed: bool = False) -> SecurityIncident:
    incident = SecurityIncident.objects.select_for_update().filter(pk=incident_id).first()
    if incident is None:
        raise NotFound
    if incident.closed_at is not None and not closed:
        raise InvalidState(_("Este incidente ya se cerró."))
    return incident


def _checked(**values: Any) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    cleaned = dict(values)
    for name, longest in (("title", 120), ("data_kinds", 200)):
        cleaned[name] = " ".join(str(values[name]).replace("\x00", "").split())[:longest]
    for name in ("description", "measures"):
        cleaned[name] = str(values[name]).replace("\x00", "").strip()
        if len(cleaned[name]) > LONGEST_TEXT:
            errors[name] = [_("Es demasiado largo: caben %(count)s letras") % {"count": LONGEST_TEXT}]
    if len(cleaned["title"]) < 5:
        errors["title"] = [_("Di en una línea qué pasó")]
    if len(cleaned["description"]) < SHORTEST_TEXT:
        errors["description"] = [_("Describe qué pasó y cómo lo supiste")]
    if values["severity"] not in Severity.values:
        errors["severity"] = [_("Elige la gravedad")]
    if values["occurred_at"] is not None and values["occurred_at"] > timezone.now():
        errors["occurred_at"] = [_("No puede ser en el futuro")]
    if errors:
        raise InvalidInput(fields=errors)
    return cleaned
