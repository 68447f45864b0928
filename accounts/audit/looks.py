"""Who looked at somebody's data: an entry for the first look, not for every page that is loaded again."""

from datetime import timedelta
from typing import Final

from django.db.models import Model
from django.utils import timezone

from accounts.actors import Actor
from accounts.audit.entries import record
from accounts.models import AuditEntry

AGAIN_AFTER: Final = timedelta(minutes=30)


def note_look(actor: Actor, event: str, subject: Model) -> bool:
    """Record that the actor looked, unless they did in the last half hour; returns whether it was recorded."""
    since = int((timezone.now() - AGAIN_AFTER).timestamp() * 1_000_000)
    seen = AuditEntry.objects.filter(
        subject_id=str(subject.pk), at_us__gte=since, event=event, actor_user_id=actor.user_id
    )
    if seen.exists():
        return False
    record(actor, event, subject)
    return True
