"""Writing entries. The database composes the body, so institution and instant are never the caller's word."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Model
from psycopg2.extras import execute_values

from accounts.actors import Actor
from accounts.models.base import uuid7
from accounts.tenancy.scope import current_institution_id


def record(actor: Actor, event: str, subject: Model, **facts: Any) -> UUID:
    """Add one entry to the chain of the institution in scope; returns its id.

    `facts` are ids, codes, amounts and keyed hashes, never personal words. Raises NoInstitutionScope.
    """
    return record_many(actor, event, [(subject, facts)])[0]


def record_many(actor: Actor, event: str, subjects: Iterable[tuple[Model, Mapping[str, Any]]]) -> list[UUID]:
    """Add an entry for each (subject, facts) in one statement; returns their ids in order."""
    institution_id = current_institution_id()
    who = orjson.dumps(actor_document(actor)).decode()
    rows = [
        (uuid7(), subject_type(subject), str(subject.pk), orjson.dumps(facts, default=plain).decode())
        for subject, facts in subjects
    ]
    with connection.cursor() as cursor:
        execute_values(
            cursor.cursor,
            "INSERT INTO accounts_auditentry (id, institution_id, body)"  # noqa: S608  (an integer is put in)
            f" SELECT v.id::uuid, {institution_id:d},"
            "  audit_body(v.id, v.event, v.actor, v.kind, v.subject, v.facts)"
            " FROM (VALUES %s) AS v (id, event, actor, kind, subject, facts)",
            [(str(key), event, who, kind, subject, facts) for key, kind, subject, facts in rows],
        )
    return [key for key, *_ in rows]


def actor_document(actor: Actor) -> dict[str, Any]:
    """The actor as an entry keeps it: ids and roles, no names, no address."""
    return {
        "kind": actor.kind,
        "user": actor.user_id,
        "membership": actor.membership_id,
        "client": actor.client_id,
        "roles": sorted(actor.roles),
        "channel": actor.channel,
        "reason": actor.reason,
    }


def subject_type(subject: Model) -> str:
    return subject._meta.label_lower


def plain(value: Any) -> Any:
    """JSON for what orjson leaves to us: Decimal keeps its digits as text; lazy texts and enums are text."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)
