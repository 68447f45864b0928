"""Addresses of an institution that hear of its events: registered, delivered with retries, closed."""

import json
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit, webhooks
from accounts.actors import Actor
from accounts.errors import InvalidInput, NotFound
from accounts.models import Webhook, WebhookDelivery
from accounts.tenancy.scope import institution_scope

EVENTS: Final = {
    "lending.application.submitted": gettext_lazy("Solicitud enviada"),
    "lending.application.assessed": gettext_lazy("Solicitud evaluada"),
    "lending.application.decided": gettext_lazy("Solicitud decidida"),
    "lending.offer.chosen": gettext_lazy("Oferta elegida"),
    "accounts.complaint.filed": gettext_lazy("Hoja del libro de reclamaciones presentada"),
}
MOST_WEBHOOKS: Final = 10
WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480, 1_440))
BATCH: Final = 50
# One delivery for each event and address, however often this runs; events of before the registration are not told.
OWED: Final = """
INSERT INTO accounts_webhookdelivery
  (id, institution_id, webhook_id, event_id, event, body, created_at, next_at, attempts, last_status)
SELECT gen_random_uuid(), w.institution_id, w.id, e.id, e.name,
       jsonb_build_object('id', e.id, 'event', e.name, 'subject', e.subject_id, 'at', e.created_at),
       now(), now(), 0, ''
FROM accounts_webhook w JOIN accounts_outboxevent e
  ON e.institution_id = w.institution_id AND e.name = ANY (w.events) AND e.created_at >= w.created_at
WHERE w.institution_id = %s AND w.is_active AND e.created_at > now() - interval '2 days'
ON CONFLICT DO NOTHING
"""


@transaction.atomic
def add_webhook(*, actor: Actor, url: str, events: Iterable[str]) -> tuple[Webhook, str]:
    """A new address and its secret, shown this once. Raises NotAllowed, InvalidInput by field."""
    actor.require("accounts.manage_webhooks")
    wanted = [event for event in EVENTS if event in set(events)]
    errors: dict[str, list[str]] = {}
    if not wanted:
        errors["events"] = [_("Elige al menos un evento")]
    try:
        webhooks.check_url(url)
    except webhooks.RefusedAddress as refusal:
        errors["url"] = [str(refusal)]
    if Webhook.objects.filter(url=url).exists():
        errors["url"] = [_("Esa dirección ya está registrada")]
    if Webhook.objects.filter(is_active=True).count() >= MOST_WEBHOOKS:
        errors["url"] = [_("Ya hay demasiadas direcciones: cierra una antes")]
    if errors:
        raise InvalidInput(fields=errors)
    secret = secrets.token_urlsafe(32)
    made = Webhook.objects.create(url=url, events=wanted, secret=secret, created_by_id=actor.person)
    audit.record(actor, "accounts.webhook.added", made, events=wanted)
    return made, secret


@transaction.atomic
def close_webhook(*, webhook_id: UUID, actor: Actor) -> Webhook:
    """Nothing more is sent there; a repeated call changes nothing. Raises NotAllowed, NotFound."""
    actor.require("accounts.manage_webhooks")
    webhook = Webhook.objects.select_for_update().filter(pk=webhook_id).first()
    if webhook is None:
        raise NotFound
    if webhook.is_active:
        webhook.is_active = False
        webhook.save(update_fields=["is_active"])
        WebhookDelivery.objects.filter(webhook_id=webhook.pk, delivered_at__isnull=True).update(
            given_up_at=timezone.now()
        )
        audit.record(actor, "accounts.webhook.closed", webhook)
    return webhook


def deliver_webhooks(*, institution_id: int) -> int:
    """Send what is owed in one institution; returns how many were taken. Sending happens outside transactions."""
    with institution_scope(institution_id), connection.cursor() as cursor:
        cursor.execute(OWED, [institution_id])
    taken = 0
    for _turn in range(BATCH):
        with institution_scope(institution_id):
            delivery = _claim()
        if delivery is None:
            break
        status, delivered = _sent(delivery)
        taken += delivered
        with institution_scope(institution_id):
            _mark(delivery, status, delivered)
    return taken


def _claim() -> WebhookDelivery | None:
    """The next delivery that is due, put off by its next wait, so that a worker that dies gives it back."""
    due = (
        WebhookDelivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(delivered_at__isnull=True, given_up_at__isnull=True, next_at__lte=timezone.now())
        .select_related("webhook")
        .order_by("next_at", "pk")
        .first()
    )
    if due is None:
        return None
    due.next_at = timezone.now() + WAITS[min(due.attempts, len(WAITS) - 1)]
    due.attempts += 1
    due.save(update_fields=["next_at", "attempts"])
    return due


def _sent(delivery: WebhookDelivery) -> tuple[str, bool]:
    body = json.dumps(delivery.body, separators=(",", ":")).encode()
    try:
        status = webhooks.post(delivery.webhook.url, body, delivery.webhook.secret)
    except webhooks.RefusedAddress:
        return "refused address", False
    except OSError as error:
        return type(error).__name__[:60], False
    return str(status), 200 <= status < 300


def _mark(delivery: WebhookDelivery, status: str, delivered: bool) -> None:
    now = timezone.now()
    ended: dict[str, object] = {"last_status": status}
    if delivered:
        ended["delivered_at"] = now
    elif delivery.attempts > len(WAITS):
        ended["given_up_at"] = now
    WebhookDelivery.objects.filter(pk=delivery.pk).update(**ended)
