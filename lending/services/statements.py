"""Statements of an applicant's accounts: read, summarised, and handed to scoring as facts."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, malware
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotFound
from lending.cash_flow import StatementRefused, cash_flow, read_statement
from lending.models import AccountStatement, Application
from lending.services.documents import writable_application

LARGEST: Final = 5 * 1024 * 1024
SHOWN: Final = 20  # lines that were not read
# Whose figures stand for the income where there are several: sales first, then where the money ends up.
PRIORITY: Final = (AccountStatement.Kind.TILL, AccountStatement.Kind.BANK, AccountStatement.Kind.WALLET)
YOUNG_MONTHS: Final = 6
# What a business too young for a history can only have guessed; its owner, plan and sector speak instead.
NO_HISTORY_YET: Final = frozenset({"sales_trend", "digital_share", "keeps_records"})


@transaction.atomic
def add_statement(*, application_id: UUID, actor: Actor, kind: str, upload: UploadedFile) -> AccountStatement:
    """Read a statement and keep what it says; a newer one of the same kind takes its place.

    Raises NotFound, NotAllowed, InvalidState once the application was sent, InvalidInput (fields `kind`, `file`).
    """
    if kind not in AccountStatement.Kind.values:
        raise InvalidInput(fields={"kind": [_("Elige de dónde es")]})
    if (upload.size or 0) > LARGEST:
        raise InvalidInput(fields={"file": [_("El archivo pesa más de 5 MB. Sube los últimos doce meses.")]})
    application = writable_application(application_id, actor)
    if application.status not in (Application.Status.DRAFT, Application.Status.REFERRED):
        raise InvalidState(_("Esta solicitud ya no recibe estados de cuenta."))
    upload.seek(0)
    content = upload.read()
    malware.check(content)
    try:
        read = read_statement(content)
    except StatementRefused as refusal:
        raise InvalidInput(fields={"file": [str(refusal)]}) from refusal
    ahead = [one for one in read.movements if one.on > today()]
    if ahead:
        raise InvalidInput(fields={"file": [_("Tiene movimientos con fecha futura: revisa el archivo.")]})
    flow = cash_flow(read.movements)
    statement, _made = AccountStatement.objects.update_or_create(
        application=application,
        kind=kind,
        defaults={
            "institution_id": application.institution_id,
            "sha256": hashlib.sha256(content).hexdigest(),
            "since": read.movements[0].on,
            "until": read.movements[-1].on,
            "movements": len(read.movements),
            "unread": [list(one) for one in read.bad[:SHOWN]],
            "unread_count": len(read.bad),
            "months": list(flow.months),
            "facts": dict(flow.facts),
            "uploaded_by_id": actor.user_id,
        },
    )
    audit.record(
        actor, "lending.statement.added", statement, application=application.pk, kind=kind, sha256=statement.sha256,
        movements=statement.movements,
    )  # fmt: skip
    return statement


@transaction.atomic
def remove_statement(*, statement_id: UUID, actor: Actor) -> None:
    """Take a statement back while the application is a draft. Raises NotFound, NotAllowed, InvalidState."""
    statement = AccountStatement.objects.filter(pk=statement_id).first()
    if statement is None:
        raise NotFound(_("Ese estado de cuenta ya no está."))
    application = writable_application(statement.application_id, actor)
    if application.status != Application.Status.DRAFT:
        raise InvalidState(_("La solicitud ya se envió: lo que mostraste se queda con ella."))
    audit.record(actor, "lending.statement.removed", statement, application=application.pk, kind=statement.kind)
    statement.delete()


def statement_facts(application_ids: Iterable[UUID]) -> dict[UUID, dict[str, float]]:
    """What the statements of each application tell, by fact; several accounts' incomes are not added up."""
    told: dict[UUID, dict[str, float]] = {}
    found = AccountStatement.objects.filter(application_id__in=list(application_ids))
    for one in sorted(found, key=lambda one: PRIORITY.index(AccountStatement.Kind(one.kind)), reverse=True):
        told.setdefault(one.application_id, {}).update(one.facts)
    return told


def is_start_up(segment: str, facts: Mapping[str, Any]) -> bool:
    """Whether a business is too young for its own figures to say anything."""
    months = facts.get("business_months")
    return segment == "enterprise" and months is not None and months < YOUNG_MONTHS


def facts_to_score(segment: str, facts: Mapping[str, Any], statements: Mapping[str, float]) -> dict[str, Any]:
    """Answers and statements as scoring reads them; a start-up's history is left unanswered, never zero."""
    known = {**statements, **facts}
    if is_start_up(segment, facts):
        return {name: value for name, value in known.items() if name not in NO_HISTORY_YET}
    return known
