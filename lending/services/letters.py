"""Letters that the law asks for: the copy of a complaint, the answer to a request, the notice of an incident.

Each is owed by an open outbox event and sent outside transactions; the gateway is told its key, so one that is sent
twice arrives once. What can't be delivered now waits for a later run.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts import messages
from accounts.formats import format_day
from accounts.models import Complaint, DataRequest, Institution, OutboxEvent, SecurityIncident, User
from accounts.tenancy.scope import current_institution_id, institution_scope
from lending.models import Applicant
from lending.services.data_rights import applicants_of

BATCH: Final = 200
MOST_ATTEMPTS: Final = 200
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one person, free of the database."""

    to: str
    subject: str
    text: str
    key: str

    @property
    def by_mail(self) -> bool:
        return "@" in self.to


def send_letters(*, institution_id: int) -> int:
    """Send what is owed in one institution; returns how many letters were handed over."""
    sent = 0
    with institution_scope(institution_id):
        owed = list(OutboxEvent.objects.filter(name__in=LETTERS, done_at__isnull=True).order_by("created_at")[:BATCH])
        written = [(event, _written(event)) for event in owed]
    for event, letters in written:
        outcomes = [_sent(letter, event.attempts) for letter in letters]
        if all(outcomes):
            sent += len(letters)
            with institution_scope(institution_id):
                OutboxEvent.objects.filter(pk=event.pk, done_at__isnull=True).update(done_at=timezone.now())
    return sent


def _sent(letter: Letter, attempts: int) -> bool:
    """Whether nothing more is owed: delivered, refused for good, or tried long enough."""
    try:
        if letter.by_mail:
            messages.send_mail(letter.to, letter.subject, letter.text, letter.key)
        else:
            messages.send_sms(letter.to, letter.text, letter.key)
    except messages.Undeliverable:
        logger.warning("letter %s was refused for good", letter.key)
    except messages.NotDelivered as error:
        logger.warning("letter %s not delivered yet: %s", letter.key, error)
        return attempts >= MOST_ATTEMPTS
    return True


def _written(event: OutboxEvent) -> list[Letter]:
    institution = Institution.objects.get(pk=current_institution_id())
    with override(settings.LANGUAGE_CODE):
        return LETTERS[event.name](institution, event)


def _letter(event: OutboxEvent, to: str, subject: str, *parts: str, number: int = 0) -> Letter:
    return Letter(to, subject, "\n\n".join(part for part in parts if part), f"letter-{event.pk}-{number}")


def _complaint_filed(institution: Institution, event: OutboxEvent) -> list[Letter]:
    one = Complaint.objects.get(pk=UUID(event.subject_id))
    if not one.consumer.get("email"):
        return []
    code = {"code": one.code, "institution": institution.name, "day": format_day(one.due_on)}
    return [
        _letter(
            event,
            one.consumer["email"],
            _("Libro de reclamaciones: hoja %(code)s") % code,
            _("Hola, %(name)s:") % {"name": one.consumer["full_name"]},
            _(
                "Recibimos tu hoja %(code)s en el libro de reclamaciones de %(institution)s. Te responderemos a más"
                " tardar el %(day)s. Esta es tu copia."
            )
            % code,
            sheet_as_text(institution, one),
        )
    ]


def _complaint_answered(institution: Institution, event: OutboxEvent) -> list[Letter]:
    one = Complaint.objects.get(pk=UUID(event.subject_id))
    if not one.consumer.get("email"):
        return []
    return [
        _letter(
            event,
            one.consumer["email"],
            _("Respuesta a tu hoja %(code)s") % {"code": one.code},
            _("Hola, %(name)s:") % {"name": one.consumer["full_name"]},
            one.answer,
            _("Resultado: %(result)s.") % {"result": one.get_resolution_display()},
            _(
                "Si la respuesta no te convence, puedes acudir gratis a Indecopi o a la Superintendencia de Banca,"
                " Seguros y AFP."
            ),
            institution.legal_name,
        )
    ]


def sheet_as_text(institution: Institution, one: Complaint) -> str:
    """A sheet of the book with everything the norm names, line by line."""
    consumer = one.consumer
    document = Applicant.DocumentType(consumer["document_type"]).label if consumer.get("document_type") else ""
    amount = f"S/ {one.amount_claimed / 100:,.2f}" if one.amount_claimed else ""
    lines = [
        (_("Hoja"), one.code),
        (_("Proveedor"), institution.legal_name),
        ("RUC", institution.ruc),
        (_("Dirección del proveedor"), institution.address),
        (_("Fecha"), format_day(one.filed_at)),
        (_("Nombre"), consumer.get("full_name", "")),
        (document, consumer.get("document_number", "")),
        (_("Dirección"), consumer.get("address", "")),
        (_("Correo"), consumer.get("email", "")),
        (_("Celular"), consumer.get("phone", "")),
        (_("Padre, madre o apoderado"), consumer.get("guardian_name", "")),
        (_("Bien contratado"), one.get_good_display()),
        (_("Motivo"), one.get_topic_display()),
        (_("Solicitud o crédito"), one.reference),
        (_("Monto reclamado"), amount),
        (_("Tipo"), one.get_kind_display()),
        (_("Detalle"), one.detail),
        (_("Pedido"), one.request),
    ]
    return "\n".join(f"{label}: {value}" for label, value in lines if value)


def _data_request(institution: Institution, event: OutboxEvent) -> list[Letter]:
    one = DataRequest.objects.select_related("user").get(pk=UUID(event.subject_id))
    person = None if one.user else applicants_of(one).first()
    to = _address_of(one.user) if one.user else (person.email or person.phone if person else "")
    if not to:
        return []
    about = {"number": one.number, "day": format_day(one.due_on), "institution": institution.name}
    text = {
        "accounts.data_request.made": _(
            "%(institution)s: recibimos tu pedido %(number)s sobre tus datos. Te respondemos a más tardar el %(day)s."
        ),
        "accounts.data_request.extended": _(
            "%(institution)s: necesitamos más tiempo para tu pedido %(number)s sobre tus datos. Te respondemos a más"
            " tardar el %(day)s."
        ),
        "accounts.data_request.answered": _(
            "%(institution)s: respondimos tu pedido %(number)s sobre tus datos. Lee la respuesta en Mis datos."
        ),
    }[event.name] % about
    if one.user is None:  # without an account there is no page to read it on
        answered = event.name == "accounts.data_request.answered"
        text = f"{institution.name}: {one.answer}" if answered else text
    else:
        text = f"{text} {settings.SITE_URL}/i/{institution.slug}/my/data/"
    return [_letter(event, to, _("Tu pedido sobre tus datos en %(institution)s") % about, text)]


def _incident_people(institution: Institution, event: OutboxEvent) -> list[Letter]:
    """The notice to the people whose data an incident touched: what happened, what was done, what they can do."""
    SecurityIncident.objects.get(pk=UUID(event.subject_id))
    reached = Applicant.objects.filter(pk__in=event.payload["applicants"]).order_by("pk")
    subject = _("Aviso sobre tus datos en %(institution)s") % {"institution": institution.name}
    return [
        _letter(event, to, subject, event.payload["text"], institution.name, number=place)
        for place, to in enumerate(one.email or one.phone for one in reached)
        if to
    ]


def _address_of(user: User) -> str:
    return user.email or (user.phone if user.phone_verified and user.phone else "") or ""


LETTERS: Final[dict[str, Callable[[Institution, OutboxEvent], list[Letter]]]] = {
    "accounts.complaint.filed": _complaint_filed,
    "accounts.complaint.answered": _complaint_answered,
    "accounts.data_request.made": _data_request,
    "accounts.data_request.extended": _data_request,
    "accounts.data_request.answered": _data_request,
    "accounts.incident.people_told": _incident_people,
}
