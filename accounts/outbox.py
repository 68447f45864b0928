"""Telling others what happened: events are written with the change and relayed after it.

An event stays open until its consumer's own transaction closes it; `accounts.relay` sends the consumer's task
when the event is committed and again while it stays open.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from accounts.models.messaging import OutboxEvent
from accounts.tenancy.scope import current_institution_id

CHANNEL = "ayni_outbox"
_routes: dict[str, str] = {}


def route(event: str, task: str) -> None:
    """Say which task consumes an event; each app does so when it is loaded."""
    _routes[event] = task


def routes() -> dict[str, str]:
    """Event names and their tasks."""
    return dict(_routes)


def publish(event: str, subject: Model, **payload: Any) -> OutboxEvent:
    """Announce a past fact (`lending.application.submitted`); the relay hears of it when the transaction commits."""
    return publish_many(event, [subject], **payload)[0]


def publish_many(event: str, subjects: Iterable[Model], **payload: Any) -> list[OutboxEvent]:
    """Announce the same fact of many subjects in one statement. Where nobody consumes it, it is born closed."""
    institution_id = current_institution_id()
    heard = event in _routes
    events = OutboxEvent.objects.bulk_create(
        OutboxEvent(
            institution_id=institution_id,
            name=event,
            subject_id=str(subject.pk),
            payload=payload,
            done_at=None if heard else timezone.now(),
        )
        for subject in subjects
    )
    if heard:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    return events


def complete(event: str, subject_ids: Iterable[Any]) -> int:
    """Close the open events of these subjects, in the consumer's own transaction; returns how many."""
    return OutboxEvent.objects.filter(
        name=event, subject_id__in=[str(key) for key in subject_ids], done_at__isnull=True
    ).update(done_at=timezone.now())
