"""The complaints book: filed by anybody, numbered by institution and year, answered in time, kept as long as the norm
says (Ley 29571 art. 150; DS 011-2011-PCM; DS 101-2022-PCM)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.clock import LIMA, midnight, today, years_after
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.models import Complaint
from accounts.numbering import COMPLAINTS, next_number
from accounts.tenancy.scope import institution_scope
from lending.identity import BadIdentity, clean_document, clean_email, clean_line, clean_name, clean_phone
from lending.parameters import Parameter, add_working_days, term

LONGEST_TEXT: Final = 4_000
SHORTEST_TEXT: Final = 10
Codes = Parameter.Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What somebody writes in the book, as typed."""

    kind: str
    good: str
    topic: str
    full_name: str
    document_number: str
    detail: str
    request: str
    document_type: str = "dni"
    address: str = ""
    phone: str = ""
    email: str = ""
    guardian_name: str = ""
    guardian_document: str = ""
    amount: Decimal | None = None
    reference: str = ""


@transaction.atomic
def file_complaint(*, actor: Actor, sheet: Sheet, at_counter: bool = False) -> Complaint:
    """A numbered sheet with its last day to answer; no account is needed. Raises InvalidInput by field.

    `at_counter`: staff write down what somebody beside them says.
    """
    if at_counter:
        actor.require("accounts.answer_complaints")
    consumer, texts = _checked(sheet)
    year = today().year
    complaint = Complaint.objects.create(
        number=next_number(Complaint, COMPLAINTS, year=year),
        year=year,
        kind=sheet.kind,
        channel=Complaint.Channel.COUNTER if at_counter else Complaint.Channel.WEB,
        good=sheet.good,
        topic=sheet.topic,
        user_id=None if at_counter else actor.user_id,
        consumer=consumer,
        amount_claimed=int(sheet.amount * 100) if sheet.amount else None,
        filed_at=timezone.now(),
        due_on=add_working_days(today(), term(Codes.COMPLAINT_DAYS)),
        **texts,
    )
    audit.record(
        actor,
        "accounts.complaint.filed",
        complaint,
        number=complaint.code,
        kind=complaint.kind,
        topic=complaint.topic,
        channel=complaint.channel,
        due_on=complaint.due_on,
    )
    outbox.publish("accounts.complaint.filed", complaint)
    return complaint


@transaction.atomic
def unmask_consumer(*, complaint_id: UUID, actor: Actor) -> Complaint:
    """The sheet with its document numbers whole, for whoever answers it; the look is evidence.

    Raises NotAllowed, NotFound.
    """
    actor.require("accounts.answer_complaints")
    complaint = Complaint.objects.filter(pk=complaint_id).first()
    if complaint is None:
        raise NotFound
    audit.record(actor, "accounts.complaint.unmasked", complaint, number=complaint.code)
    return complaint


@transaction.atomic
def answer_complaint(*, complaint_id: UUID, actor: Actor, resolution: str, answer: str) -> Complaint:
    """The institution's one answer, in words for the person; late ones are kept as late.

    Raises NotAllowed, NotFound, InvalidInput, InvalidState once it is answered.
    """
    actor.require("accounts.answer_complaints")
    complaint = Complaint.objects.select_for_update().filter(pk=complaint_id).first()
    if complaint is None:
        raise NotFound
    if complaint.answered_at is not None:
        raise InvalidState(_("Este reclamo ya tiene respuesta."))
    errors: dict[str, list[str]] = {}
    text = _text(answer)
    if resolution not in Complaint.Resolution.values:
        errors["resolution"] = [_("Elige a favor de quién se resuelve")]
    if len(text) < SHORTEST_TEXT:
        errors["answer"] = [_("Escribe la respuesta: la persona la recibirá tal cual")]
    elif len(text) > LONGEST_TEXT:
        errors["answer"] = [_("Es demasiado largo: caben %(count)s letras") % {"count": LONGEST_TEXT}]
    if errors:
        raise InvalidInput(fields=errors)
    complaint.answer, complaint.resolution = text, resolution
    complaint.answered_by_id, complaint.answered_at = actor.user_id, timezone.now()
    complaint.save(update_fields=["answer", "resolution", "answered_by", "answered_at"])
    audit.record(
        actor,
        "accounts.complaint.answered",
        complaint,
        number=complaint.code,
        resolution=resolution,
        due_on=complaint.due_on,
        late=complaint.answered_at.astimezone(LIMA).date() > complaint.due_on,
    )
    outbox.publish("accounts.complaint.answered", complaint)
    return complaint


@transaction.atomic
def purge_complaints(*, actor: Actor) -> int:
    """Take the personal words out of sheets whose time is over; figures stay. Returns how many were emptied."""
    actor.require("accounts.purge")
    before = midnight(years_after(today(), -term(Codes.COMPLAINT_YEARS)))
    due = Complaint.objects.select_for_update(skip_locked=True).filter(answered_at__lt=before, purged_at__isnull=True)
    emptied = list(due)
    for complaint in emptied:
        complaint.consumer, complaint.reference = {}, ""
        complaint.detail = complaint.request = complaint.answer = ""
        complaint.user_id, complaint.purged_at = None, timezone.now()
        complaint.save()
    audit.record_many(actor, "accounts.complaint.purged", [(one, {"number": one.code}) for one in emptied])
    return len(emptied)


def purge_book(*, institution_id: int) -> int:
    """`purge_complaints` in the institution's own scope, by the system."""
    with institution_scope(institution_id):
        return purge_complaints(actor=Actor.system("purge", institution_id=institution_id))


def _checked(sheet: Sheet) -> tuple[dict[str, str], dict[str, str]]:
    """The consumer's particulars and the texts, uniform; raises InvalidInput with everything wrong at once."""
    errors: dict[str, list[str]] = {}
    chosen = {
        "kind": (Complaint.Kind.values, _("Elige reclamo o queja")),
        "good": (Complaint.Good.values, _("Elige producto o servicio")),
        "topic": (Complaint.Topic.values, _("Elige el motivo")),
    }
    for name, (values, words) in chosen.items():
        if getattr(sheet, name) not in values:
            errors[name] = [words]
    document_type = sheet.document_type if sheet.document_type in ("dni", "ce") else "dni"
    minor = bool(sheet.guardian_name.strip() or sheet.guardian_document.strip())
    readers: dict[str, Any] = {
        "full_name": clean_name,
        "document_number": lambda value: clean_document(document_type, value),
        "address": lambda value: clean_line(value, 160),
        "phone": clean_phone,
        "email": clean_email,
        "reference": lambda value: clean_line(value, 40),
        **(
            {"guardian_name": clean_name, "guardian_document": lambda value: clean_document("dni", value)}
            if minor
            else {}
        ),
    }
    consumer: dict[str, str] = {"document_type": document_type}
    for name, read in readers.items():
        try:
            consumer[name] = read(getattr(sheet, name))
        except BadIdentity as problem:
            errors[name] = [problem.message]
    if not errors and not consumer["email"] and not consumer["address"]:
        errors["email"] = [_("Escribe tu correo o tu dirección, para enviarte la respuesta")]
    if sheet.amount is not None and not 0 < sheet.amount < 100_000_000:
        errors["amount"] = [_("Escribe un monto mayor que cero")]
    texts = {"detail": _text(sheet.detail), "request": _text(sheet.request)}
    for name, words in (("detail", _("Cuenta qué pasó")), ("request", _("Escribe qué pides"))):
        if len(texts[name]) < SHORTEST_TEXT:
            errors[name] = [words]
        elif len(texts[name]) > LONGEST_TEXT:
            errors[name] = [_("Es demasiado largo: caben %(count)s letras") % {"count": LONGEST_TEXT}]
    if errors:
        raise InvalidInput(fields=errors)
    texts["reference"] = consumer.pop("reference")
    return {name: value for name, value in consumer.items() if value}, texts


def _text(typed: str) -> str:
    return typed.replace("\x00", "").strip()
