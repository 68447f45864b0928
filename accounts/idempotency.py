"""Asking twice does it once: the first answer to a keyed request is kept and replayed."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState
from accounts.models.messaging import IdempotencyKey
from accounts.tenancy.scope import current_institution_id


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What was answered the first time."""

    status: int
    body: Any


def request_hash(body: bytes) -> str:
    """SHA-256 of the request's exact bytes, in hex."""
    return hashlib.sha256(body).hexdigest()


def begin(actor: Actor, endpoint: str, key: str, request_sha256: str) -> FirstAnswer | None:
    """Reserve `key` for this client and endpoint; returns the first answer when there was one.

    A second request waits here until the first one's transaction ends. Raises InvalidInput when the key
    was used with another body.
    """
    if not key or len(key) > 100:
        raise InvalidInput(_("La cabecera Idempotency-Key debe tener de 1 a 100 caracteres."), code="idempotency_key")
    IdempotencyKey.objects.bulk_create(
        [
            IdempotencyKey(
                institution_id=current_institution_id(),
                client=_client(actor),
                endpoint=endpoint,
                key=key,
                request_sha256=request_sha256,
            )
        ],
        ignore_conflicts=True,
    )
    row = IdempotencyKey.objects.select_for_update().get(client=_client(actor), endpoint=endpoint, key=key)
    if row.request_sha256 != request_sha256:
        raise InvalidInput(
            _("Esta Idempotency-Key ya se usó con otro contenido. Usa una nueva."),
            code="idempotency_mismatch",
        )
    if row.response_status is None:
        return None
    return FirstAnswer(row.response_status, row.response_body)


def finish(actor: Actor, endpoint: str, key: str, status: int, body: Any) -> None:
    """Keep the first answer, in the transaction that did the work."""
    updated = IdempotencyKey.objects.filter(
        client=_client(actor), endpoint=endpoint, key=key, response_status__isnull=True
    ).update(response_status=status, response_body=body)
    if updated != 1:
        raise InvalidState(_("La respuesta de esta Idempotency-Key ya estaba guardada."), code="idempotency_replay")


def _client(actor: Actor) -> str:
    return f"client:{actor.client_id}" if actor.kind == "client" else f"user:{actor.user_id}"
