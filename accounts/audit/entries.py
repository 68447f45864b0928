"""Writing entries.

The database adds the instant; a CHECK and the row-level policy make sure that the institution named in a
body is the one in scope. Each body carries a keyed hash (`mac`) of what the product said, under a key that
the database never sees: nobody can write an entry by SQL alone, not even a superuser.
"""

import hmac
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Model

from accounts import crypto
from accounts.actors import Actor
from accounts.models.base import uuid7
from accounts.tenancy.scope import current_institution_id


def record(actor: Actor, event: str, subject: Model, /, **facts: Any) -> UUID:
    """Add one entry to the chain of the institution in scope; returns its id.

    `facts` are ids, codes, amounts and keyed hashes, never personal words. Raises NoInstitutionScope.
    """
    return record_many(actor, event, [(subject, facts)])[0]


def record_many(actor: Actor, event: str, subjects: Iterable[tuple[Model, Mapping[str, Any]]]) -> list[UUID]:
    """Add an entry for each (subject, facts) in one statement; returns their ids in order."""
    institution_id = current_institution_id()
    who = actor_document(actor)
    secret, keys, acts = witness_key(), [], []
    for subject, facts in subjects:
        keys.append(uuid7())
        acts.append(act_document(keys[-1], institution_id, event, who, subject, facts))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_auditentry (id, institution_id, body)"
            " SELECT said.id, %s, audit_body(said.act, said.mac)"
            " FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS said (id, act, mac)",
            [institution_id, [str(key) for key in keys], acts, [witness(act, secret) for act in acts]],
        )
    return keys


def act_document(
    key: UUID,
    institution_id: int,
    event: str,
    who: Mapping[str, Any],
    subject: Model,
    facts: Mapping[str, Any],
) -> str:
    """What the product says was done, as JSON; `id` and `institution` come first (`is_ours` relies on it)."""
    document = {
        "id": str(key),
        "institution": institution_id,
        "event": event,
        "actor": who,
        "subject": {"type": subject_type(subject), "id": str(subject.pk)},
        "facts": facts,
    }
    return orjson.dumps(document, default=plain).decode()


def witness_key() -> bytes:
    """The key of the entries' keyed hashes; the database never sees it."""
    return crypto.purpose_key("audit entry")


def witness(act: str, key: bytes) -> str:
    """The keyed hash of an act, 64 hex digits."""
    return hmac.digest(key, act.encode(), "sha256").hex()


def is_ours(body: str, entry_id: str, institution_id: int, key: bytes) -> bool:
    """Whether the product wrote this body, for this row: its keyed hash fits what it says."""
    # {"v":1,"at_us":…,"mac":"…", is what the database put in front of the act.
    start, _, rest = body.partition('",')
    act = "{" + rest
    if not act.startswith(f'{{"id":"{entry_id}","institution":{institution_id},'):
        return False
    return hmac.compare_digest(start[-64:], witness(act, key))


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
