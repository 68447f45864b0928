"""What people ask about their own data, each with its legal clock in working days (Ley 29733, DS 016-2024-JUS).

Whoever has an account sees and takes their data away without asking (`lending.selectors.held`). The rest is asked,
there or at a counter, answered by the manager in time, and done: corrected, stopped, handed over, restricted while a
duty to keep lasts, erased where none does.
"""

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.audit.subjects import subject_hash
from accounts.clock import today
from accounts.crypto import lookup_hash
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import Consent, DataRequest, Institution
from accounts.numbering import DATA_REQUESTS, next_number
from accounts.tenancy.scope import current_institution_id
from lending.identity import (
    BadIdentity,
    clean_birth,
    clean_document,
    clean_document_type,
    clean_email,
    clean_line,
    clean_name,
    clean_phone,
    clean_ruc,
)
from lending.models import Applicant, Application
from lending.parameters import Parameter, add_working_days, term
from lending.services.consents import change_consents_of
from lending.services.corrections import open_corrections
from lending.services.purge import has_running_loan, kept_until, purge_applicant

Kind, Outcome, Effect, Channel = DataRequest.Kind, DataRequest.Outcome, DataRequest.Effect, DataRequest.Channel
Codes = Parameter.Code
DAYS: Final = {
    Kind.INFORMATION: Codes.DATA_INFORMATION_DAYS,
    Kind.ACCESS: Codes.DATA_ACCESS_DAYS,
    Kind.RECTIFY: Codes.DATA_RECTIFY_DAYS,
    Kind.CANCEL: Codes.DATA_CANCEL_DAYS,
    Kind.OPPOSE: Codes.DATA_OPPOSE_DAYS,
    Kind.PORTABILITY: Codes.DATA_PORTABILITY_DAYS,
}
RECTIFIABLE: Final[dict[str, Any]] = {
    "full_name": clean_name,
    "document_number": lambda value: clean_document("dni", value),
    "birth_on": lambda value: clean_birth(value, today()),
    "phone": clean_phone,
    "email": clean_email,
    "district": lambda value: clean_line(value, 80),
    "ruc": clean_ruc,
}
# Uses that can be opposed one by one; erasing is asked for with CANCEL.
OPPOSABLE: Final = (
    Consent.Purpose.AUTOMATED,
    Consent.Purpose.BUREAU,
    Consent.Purpose.CONTACT,
    Consent.Purpose.MARKETING,
)
SHORTEST_TEXT: Final = 10
LONGEST_TEXT: Final = 2_000


@transaction.atomic
def make_data_request(
    *, actor: Actor, kind: str, text: str = "", field: str = "", value: str = "", purpose: str = ""
) -> DataRequest:
    """A person's request about their own data, with its last day; one open request of a kind is enough.

    A correction names the `field` and the right `value`, an opposition the `purpose`. Raises NotAllowed for
    programs and the system, NotFound for somebody of whom nothing is held here, InvalidInput by field.
    """
    if actor.kind != "user" or actor.user_id is None:
        raise NotAllowed
    applicant = Applicant.objects.filter(user_id=actor.user_id, purged_at__isnull=True).order_by("created_at").first()
    if applicant is None and not Application.objects.filter(owner_id=actor.user_id).exists():
        raise NotFound
    asked = _checked(kind, text, field, value, purpose, applicant)
    who = {"user_id": actor.user_id, "subject_id": applicant.pk if applicant else None}
    return _made(actor, kind, asked, purpose, who)


@transaction.atomic
def file_data_request(
    *, actor: Actor, document_type: str, document_number: str, identified: str,
    kind: str, text: str = "", field: str = "", value: str = "", purpose: str = "",
) -> DataRequest:  # fmt: skip
    """The same request of somebody who stands at the counter, with or without an account; the same clock runs.

    `identified` says how staff made sure who it is. Raises NotAllowed, InvalidInput by field, also where nothing is
    held of that document.
    """
    actor.require("accounts.file_requests")
    if actor.kind != "user" or actor.user_id is None:
        raise NotAllowed
    errors: dict[str, list[str]] = {}
    if identified not in DataRequest.Identified.values:
        errors["identified"] = [_("Di cómo comprobaste quién es")]
    applicant = None
    try:
        applicant = applicant_of_document(document_type, document_number)
    except BadIdentity as problem:
        errors["document_number"] = [problem.message]
    else:
        if applicant is None:
            errors["document_number"] = [_("No guardamos datos de ese documento: díselo así a la persona")]
    try:
        asked = _checked(kind, text, field, value, purpose, applicant)
    except InvalidInput as refusal:
        if applicant is not None:
            errors = {**refusal.fields, **errors}
    if errors or applicant is None:
        raise InvalidInput(fields=errors)
    if applicant.user_id is not None and applicant.user_id == actor.user_id:
        raise NotAllowed(_("Es tu propio pedido: hazlo desde Mis datos."), code="own_request")
    who = {
        "user_id": applicant.user_id, "subject_id": applicant.pk, "channel": DataRequest.Channel.COUNTER,
        "filed_by_id": actor.user_id, "identified": identified,
    }  # fmt: skip
    return _made(actor, kind, asked, purpose, who)


def applicant_of_document(document_type: str, document_number: str) -> Applicant | None:
    """Whoever has this document here, unless their data are gone. Raises BadIdentity."""
    document_type = clean_document_type(document_type)
    number = clean_document(document_type, document_number)
    uuid = Institution.objects.get(pk=current_institution_id()).uuid
    digest = lookup_hash(uuid, f"document:{document_type}", number)
    return Applicant.objects.filter(
        document_type=document_type, document_hash=digest, purged_at__isnull=True
    ).first()  # fmt: skip


def _made(actor: Actor, kind: str, asked: dict[str, str], purpose: str, who: dict[str, Any]) -> DataRequest:
    """The request written down, or the open one that asks the same."""
    mine = {"user_id": who["user_id"]} if who["user_id"] else {"subject_id": who["subject_id"]}
    purpose = purpose if kind == Kind.OPPOSE else ""
    for same in DataRequest.objects.filter(**mine, kind=kind, answered_at__isnull=True):
        if (same.asked, same.purpose) == (asked, purpose):
            return same
    made = DataRequest.objects.create(
        number=next_number(DataRequest, DATA_REQUESTS),
        kind=kind,
        asked=asked,
        purpose=purpose,
        requested_at=timezone.now(),
        due_on=add_working_days(today(), term(DAYS[Kind(kind)])),
        **who,
    )
    audit.record(
        actor, "accounts.data_request.made", made, number=made.number, kind=kind, due_on=made.due_on,
        field=asked.get("field", ""), purpose=made.purpose, channel=made.channel, identified=made.identified,
    )  # fmt: skip
    outbox.publish("accounts.data_request.made", made)
    return made


@transaction.atomic
def withdraw_data_request(*, request_id: UUID, actor: Actor) -> DataRequest:
    """The person takes a request back; a repeated call changes nothing. Raises NotFound, InvalidState."""
    if actor.user_id is None:
        raise NotFound
    one = DataRequest.objects.select_for_update().filter(pk=request_id, user_id=actor.user_id).first()
    if one is None:
        raise NotFound
    if one.outcome == Outcome.WITHDRAWN:
        return one
    _require_open(one)
    one.outcome, one.answered_at = Outcome.WITHDRAWN, timezone.now()
    one.save(update_fields=["outcome", "answered_at"])
    audit.record(actor, "accounts.data_request.withdrawn", one, number=one.number)
    return one


@transaction.atomic
def extend_data_request(*, request_id: UUID, actor: Actor, reason: str) -> DataRequest:
    """As many working days more as the first term, once, for a reason the person is told.

    Raises NotAllowed, NotFound, InvalidState after the term or the second time, InvalidInput.
    """
    actor.require("accounts.answer_requests")
    one = _locked(request_id, actor)
    reason = " ".join(reason.replace("\x00", "").split())[:300]
    if one.extended_at is not None:
        raise InvalidState(_("El plazo se amplía una sola vez."))
    if one.due_on < today():
        raise InvalidState(_("El plazo ya venció: responde ahora, no se puede ampliar."))
    if len(reason) < SHORTEST_TEXT:
        raise InvalidInput(fields={"reason": [_("Escribe por qué hace falta más tiempo: la persona lo leerá")]})
    before = one.due_on
    one.due_on = add_working_days(one.due_on, term(DAYS[Kind(one.kind)]))
    one.extended_at, one.extension_reason = timezone.now(), reason
    one.save(update_fields=["due_on", "extended_at", "extension_reason"])
    audit.record(actor, "accounts.data_request.extended", one, number=one.number, before=before, due_on=one.due_on)
    outbox.publish("accounts.data_request.extended", one)
    return one


@transaction.atomic
def answer_data_request(*, request_id: UUID, actor: Actor, outcome: str, answer: str) -> DataRequest:
    """Grant or deny a request in words for the person; what is granted is done in the same transaction.

    Erasure is restriction while a duty to keep lasts, with the day it ends; then `purge_due` erases. Raises
    NotAllowed (also for one's own request), NotFound, InvalidState, InvalidInput.
    """
    actor.require("accounts.answer_requests")
    one = _locked(request_id, actor)
    text = answer.replace("\x00", "").strip()
    errors: dict[str, list[str]] = {}
    if outcome not in (Outcome.GRANTED, Outcome.DENIED):
        errors["outcome"] = [_("Elige si aceptas el pedido")]
    if len(text) < SHORTEST_TEXT:
        errors["answer"] = [_("Escribe la respuesta: la persona la leerá tal cual")]
    elif len(text) > LONGEST_TEXT:
        errors["answer"] = [_("Es demasiado largo: caben %(count)s letras") % {"count": LONGEST_TEXT}]
    if errors:
        raise InvalidInput(fields=errors)
    one.effect = _done(one, actor) if outcome == Outcome.GRANTED else Effect.NONE
    one.outcome, one.answer = outcome, text
    one.answered_by_id, one.answered_at = actor.user_id, timezone.now()
    one.save()
    audit.record(
        actor, "accounts.data_request.answered", one, number=one.number, kind=one.kind, outcome=outcome,
        effect=one.effect, due_on=one.due_on, late=today() > one.due_on, purge_on=one.purge_on,
    )  # fmt: skip
    outbox.publish("accounts.data_request.answered", one)
    return one


# --- doing what was granted -----------------------------------------------------------------------------------------


def applicants_of(one: DataRequest) -> QuerySet[Applicant]:
    """The data of whoever asked: of their account, or the person identified at the counter.

    Nobody's where neither is known: a missing key would match all who have none.
    """
    if one.user_id is not None:
        return Applicant.objects.filter(user_id=one.user_id)
    if one.channel == DataRequest.Channel.COUNTER and one.subject_id is not None:
        return Applicant.objects.filter(pk=one.subject_id)
    return Applicant.objects.none()


def _done(one: DataRequest, actor: Actor) -> str:
    """Do what the request asks for; returns its effect."""
    if one.kind == Kind.RECTIFY:
        return _rectify(one, actor)
    if one.kind == Kind.OPPOSE:
        subjects = list(applicants_of(one).values_list("pk", flat=True))
        change_consents_of(subjects, actor=actor, purpose=one.purpose, granted=False)
        return Effect.STOPPED
    if one.kind == Kind.CANCEL:
        return _cancel(one, actor)
    handed_over = one.kind == Kind.PORTABILITY or (one.kind == Kind.ACCESS and one.channel == Channel.COUNTER)
    return Effect.DELIVERED if handed_over else Effect.NONE


def _rectify(one: DataRequest, actor: Actor) -> str:
    subjects = Applicant.objects.select_for_update().filter(purged_at__isnull=True)
    applicant = subjects.filter(pk=one.subject_id).first() if one.subject_id else None
    if applicant is None:
        raise InvalidState(_("Esta persona ya no tiene datos que corregir aquí."))
    name = one.asked["field"]
    value = _cleaned(name, one.asked["value"])
    before = getattr(applicant, name)
    if name == "document_number":
        uuid = Institution.objects.get(pk=current_institution_id()).uuid
        applicant.document_hash = lookup_hash(uuid, f"document:{applicant.document_type}", value)
        taken = Applicant.objects.filter(
            document_type=applicant.document_type, document_hash=applicant.document_hash
        ).exclude(pk=applicant.pk)
        if taken.exists():
            raise InvalidState(_("Otra persona ya tiene ese documento aquí. Revísalo con ella antes de corregirlo."))
    setattr(applicant, name, value)
    applicant.save()
    audit.record(
        actor,
        "lending.applicant.rectified",
        applicant,
        field=name,
        before=subject_hash(applicant.pk, str(before)),
        after=subject_hash(applicant.pk, str(value)),
    )
    open_corrections(one, applicant, name)
    return Effect.RECTIFIED


def _cancel(one: DataRequest, actor: Actor) -> str:
    """Erase at once what no duty keeps; block the rest until the last duty ends."""
    applicants = list(applicants_of(one).select_for_update().filter(purged_at__isnull=True).order_by("pk"))
    if any(has_running_loan(applicant) for applicant in applicants):
        raise InvalidState(
            _("La persona tiene un crédito vigente: sus datos hacen falta hasta que lo termine de pagar.")
        )
    subjects = [applicant.pk for applicant in applicants]
    for purpose in Consent.Purpose.values:
        change_consents_of(subjects, actor=actor, purpose=purpose, granted=False)
    last = None
    for applicant in applicants:
        until = kept_until(applicant)
        if until is None or until < today():
            purge_applicant(applicant, actor)
            continue
        last = max(until, last or until)
        applicant.restricted_at = timezone.now()
        applicant.save(update_fields=["restricted_at", "updated_at"])
        audit.record(actor, "lending.applicant.restricted", applicant, until=until)
    if one.user_id is not None:
        drafts = Application.objects.filter(owner_id=one.user_id, applicant__isnull=True)
        drafts.update(draft={}, owner_id=None, status=Application.Status.WITHDRAWN, draft_until=None)
    one.refresh_from_db(fields=["asked", "answer"])
    one.purge_on = last
    if last is None:
        one.purged_at = timezone.now()
        return Effect.ERASED
    return Effect.RESTRICTED


# --- what was asked ---------------------------------------------------------------------------------------------------


def _locked(request_id: UUID, actor: Actor) -> DataRequest:
    one = DataRequest.objects.select_for_update().filter(pk=request_id).first()
    if one is None:
        raise NotFound
    if one.user_id is not None and one.user_id == actor.user_id:
        raise NotAllowed(_("Es tu propio pedido: debe responderlo otra persona."), code="own_request")
    if one.filed_by_id is not None and one.filed_by_id == actor.user_id:
        raise NotAllowed(_("Registraste tú este pedido: debe responderlo otra persona."), code="own_filing")
    _require_open(one)
    return one


def _require_open(one: DataRequest) -> None:
    if one.answered_at is not None:
        raise InvalidState(_("Este pedido ya tiene respuesta."))


def _checked(kind: str, text: str, field: str, value: str, purpose: str, applicant: Applicant | None) -> dict[str, str]:
    """What is kept of the request; raises InvalidInput by field."""
    errors: dict[str, list[str]] = {}
    text = text.replace("\x00", "").strip()
    if kind not in Kind.values:
        errors["kind"] = [_("Elige qué pides")]
    if len(text) > LONGEST_TEXT:
        errors["text"] = [_("Es demasiado largo: caben %(count)s letras") % {"count": LONGEST_TEXT}]
    if kind in (Kind.INFORMATION, Kind.ACCESS) and len(text) < SHORTEST_TEXT:
        errors["text"] = [_("Escribe qué quieres saber o ver")]
    asked = {"text": text}
    if kind == Kind.RECTIFY:
        if applicant is None:
            errors["field"] = [_("Todavía no enviaste una solicitud: corrige el dato en ella")]
        elif field not in RECTIFIABLE:
            errors["field"] = [_("Elige el dato por corregir")]
        else:
            asked |= {"field": field, "value": value.strip()}
            try:
                _cleaned(field, value)
            except InvalidInput as refusal:
                errors |= refusal.fields
    if kind == Kind.OPPOSE and purpose not in OPPOSABLE:
        errors["purpose"] = [_("Elige el uso al que te opones")]
    if errors:
        raise InvalidInput(fields=errors)
    return asked


def _cleaned(field: str, value: str) -> Any:
    try:
        return RECTIFIABLE[field](value)
    except BadIdentity as problem:
        raise InvalidInput(fields={"value": [problem.message]}) from problem
