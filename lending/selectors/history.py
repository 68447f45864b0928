"""What happened to something, from the evidence itself, in words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts.audit.words import event_words
from accounts.models import AuditEntry, User

HISTORY: Final = 40  # entries read; runs of the same act by the same person are told as one


def history_of(*subjects: Any) -> list[dict[str, Any]]:
    """The newest acts on things known by their keys: `at`, `text`; two queries."""
    entries = list(
        AuditEntry.objects.filter(subject_id__in=[str(key) for key in subjects])
        .order_by("-at_us")
        .values("event", "at_us", "actor_user_id")[:HISTORY]
    )
    names = dict(
        User.objects.filter(pk__in={one["actor_user_id"] for one in entries if one["actor_user_id"]}).values_list(
            "pk", "full_name"
        )
    )
    return [
        _told(list(run), names) for _key, run in groupby(entries, key=lambda one: (one["event"], one["actor_user_id"]))
    ]


def _told(run: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> dict[str, Any]:
    """One line for an act, or for the same act several times in a row; `run` is newest first."""
    newest = run[0]
    text = event_words(newest["event"])
    if len(run) > 1:
        text = _("%(event)s (%(count)s veces)") % {"event": text, "count": len(run)}
    who = names.get(newest["actor_user_id"], "")
    return {
        "at": datetime.fromtimestamp(newest["at_us"] / 1_000_000, tz=UTC),
        "text": _("%(event)s, %(who)s") % {"event": text, "who": who} if who else text,
    }
