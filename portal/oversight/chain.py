"""What the auditor's pages read: the chain's state, its entries, one object's history, its checkpoints.

All of it is asked of the institution in scope.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.audit import checkpoints
from accounts.audit.sealer import Waiting, waiting
from accounts.audit.words import event_words, fact_words, reason_words, subject_words, value_words
from accounts.clock import LIMA
from accounts.formats import format_money
from accounts.models import ApiClient, AuditCheckpoint, AuditEntry, AuditSeal, Institution, Membership, User
from lending.models import Application

VERIFIED = "accounts.audit.verified"
SHOWN_CHECKPOINTS = 5
NAMED = ("lending.application", "accounts.institution")  # subjects that people know by a name or code


@dataclass(frozen=True, slots=True)
class LastCheck:
    """The latest verification that somebody asked for."""

    at: datetime
    ok: bool
    entries: int
    seconds: float
    first_bad: Mapping[str, Any] | None

    @property
    def what(self) -> str:
        """The first bad event in words; empty when all was well."""
        if self.first_bad is None:
            return ""
        seq, reason = self.first_bad.get("seq"), reason_words(self.first_bad["reason"])
        return _("Evento %(seq)s: %(reason)s") % {"seq": f"{seq:,}", "reason": reason} if seq else reason.capitalize()


@dataclass(frozen=True, slots=True)
class ChainState:
    """Where the institution's chain stands."""

    events: int
    seq: int
    head: str
    sealed_at: datetime | None
    waiting: Waiting
    last_check: LastCheck | None


def chain_state(institution: Institution) -> ChainState:
    """The head, what waits for a seal, and the last verification. Three queries, whatever the length."""
    head = AuditSeal.objects.order_by("-seq").values("seq", "hash", "sealed_at").first()
    queue = waiting("default", institution.pk) or Waiting(0, None)
    seq = head["seq"] if head else 0
    return ChainState(
        events=seq + queue.count,
        seq=seq,
        head=bytes(head["hash"]).hex() if head else "",
        sealed_at=head["sealed_at"] if head else None,
        waiting=queue,
        last_check=_last_check(institution),
    )


def _last_check(institution: Institution) -> LastCheck | None:
    # By subject, because that has an index; the institution is the subject of few events.
    found = AuditEntry.objects.filter(subject_id=str(institution.pk), event=VERIFIED).order_by("-at_us")
    row = found.values("at_us", "body").first()
    if row is None:
        return None
    facts = json.loads(row["body"])["facts"]
    return LastCheck(instant(row["at_us"]), facts["ok"], facts["entries"], facts["ms"] / 1000, facts["first_bad"])


def instant(at_us: int) -> datetime:
    """Epoch microseconds as entries keep them."""
    return datetime.fromtimestamp(at_us / 1_000_000, tz=UTC)


# --- entries ----------------------------------------------------------------------------------------------------


def entries_matching(filters: Mapping[str, Any]) -> QuerySet[AuditEntry]:
    """Entries, newest first, that fit the cleaned filters: area, actor, object, begins, ends."""
    entries = AuditEntry.objects.order_by("-at_us", "-id")
    if area := filters.get("area"):
        # A range and not LIKE, which could use no index under the policy; "/" is what follows "." in ASCII.
        entries = entries.filter(event__gte=f"{area}.", event__lt=f"{area}/")
    if actor := filters.get("actor"):
        entries = entries.filter(actor_user_id__in=_people_named(actor))
    if thing := filters.get("object"):
        entries = entries.filter(subject_id__in=_subjects_named(thing))
    if begins := filters.get("begins"):
        entries = entries.filter(at_us__gte=_midnight_us(begins))
    if ends := filters.get("ends"):
        entries = entries.filter(at_us__lt=_midnight_us(ends + timedelta(days=1)))
    return entries


def _midnight_us(day: date) -> int:
    return int(datetime.combine(day, time.min, tzinfo=LIMA).timestamp() * 1_000_000)


def _people_named(text: str) -> list[int]:
    """Members of this institution whose name, e-mail or mobile contains `text`."""
    members = Membership.objects.filter(
        Q(user__full_name__icontains=text) | Q(user__email__icontains=text) | Q(user__phone__contains=text)
    )
    return list(members.values_list("user_id", flat=True)[:500])


def _subjects_named(text: str) -> list[str]:
    """Keys of what `text` names: an application by its code (QT-48213), anything else by its key."""
    text = text.strip()
    number = text.rpartition("-")[2]
    if number.isdigit() and len(text) < 16:
        found = Application.objects.filter(number=int(number)).values_list("pk", flat=True)
        return [text, *(str(key) for key in found)]
    try:
        return [str(UUID(text))]
    except ValueError:
        return [text]


def entry_lines(entries: Iterable[AuditEntry], institution: Institution) -> list[dict[str, Any]]:
    """The entries in words: number, instant, event, who, object, facts. Four queries for any number of them."""
    rows = [(entry, json.loads(entry.body)) for entry in entries]
    people = dict(
        User.objects.filter(pk__in={body["actor"]["user"] for _, body in rows if body["actor"].get("user")})
        .values_list("pk", "full_name")
        .order_by()
    )
    programs = {
        str(key): name
        for key, name in ApiClient.objects.filter(
            pk__in={body["actor"]["client"] for _, body in rows if body["actor"].get("client")}
        ).values_list("pk", "name")
    }
    codes = _application_codes([body for _, body in rows], institution) | {str(institution.pk): institution.name}
    seals = dict(AuditSeal.objects.filter(entry__in=[entry.pk for entry, _ in rows]).values_list("entry", "seq"))
    return [
        {
            "id": entry.pk,
            "seq": seals.get(entry.pk),
            "at": instant(entry.at_us),
            "event": event_words(entry.event),
            "who": _who(body["actor"], people, programs),
            "subject_type": entry.subject_type,
            "subject_id": entry.subject_id,
            "subject": _subject(body["subject"], codes),
            "facts": [
                (str(fact_words(name)), _value(name, value, codes))
                for name, value in body["facts"].items()
                if value is not None
            ],
        }
        for entry, body in rows
    ]


def _application_codes(bodies: Sequence[Mapping[str, Any]], institution: Institution) -> dict[str, str]:
    """The code of each application that the entries are about or mention."""
    mentioned = {body["subject"]["id"] for body in bodies if body["subject"]["type"] == "lending.application"}
    mentioned |= {str(body["facts"]["application"]) for body in bodies if body["facts"].get("application")}
    found = Application.objects.filter(pk__in=mentioned).values_list("pk", "number")
    return {str(key): f"{institution.number_prefix}-{number}" for key, number in found}


def _who(actor: Mapping[str, Any], people: Mapping[int, str], programs: Mapping[str, str]) -> str:
    if actor["kind"] == "system":
        return _("Ayni (sistema)")
    if actor["kind"] == "client":
        return programs.get(str(actor.get("client")), _("Un programa"))
    if actor.get("user") is None:
        return _("Sin iniciar sesión")
    return people.get(actor["user"]) or _("Persona %(number)s") % {"number": actor["user"]}


def _subject(subject: Mapping[str, str], names: Mapping[str, str]) -> str:
    kind, key = subject["type"], subject["id"]
    if kind in NAMED and key in names:
        return f"{subject_words(kind)} {names[key]}"
    return f"{subject_words(kind)} {key if len(key) < 12 else f'…{key[-8:]}'}"


def _value(name: str, value: Any, codes: Mapping[str, str]) -> str:
    """One fact's value: amounts as money, known codes in words, the rest as it was recorded."""
    if isinstance(value, bool):
        return _("sí") if value else _("no")
    if isinstance(value, str):
        if name == "amount":
            with suppress(InvalidOperation):
                return format_money(Decimal(value))
        return codes[value] if name == "application" and value in codes else str(value_words(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return ", ".join(_value(name, one, codes) for one in value) or "—"
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def history_of(subject_type: str, subject_id: str) -> QuerySet[AuditEntry]:
    """Everything recorded about one object, oldest first."""
    return AuditEntry.objects.filter(subject_id=subject_id, subject_type=subject_type).order_by("at_us", "id")


# --- checkpoints ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckpointLine:
    """One checkpoint as far as it concerns the institution."""

    number: int
    at: datetime
    seq: int
    head: str
    agrees: bool


def checkpoint_lines(institution: Institution) -> list[CheckpointLine]:
    """The latest checkpoints that hold the institution's head, and whether its chain still agrees. Two queries."""
    lines = []
    for row in AuditCheckpoint.objects.order_by("-number")[:SHOWN_CHECKPOINTS]:
        checkpoint = checkpoints.stored(row)
        mine = next((head for head in checkpoint.heads if head.institution_id == institution.pk), None)
        if mine:
            lines.append((row, mine))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq, hash FROM accounts_auditseal WHERE institution_id = %s AND seq = ANY (%s)",
            [institution.pk, [mine.seq for _row, mine in lines]],
        )
        sealed = {seq: bytes(digest) for seq, digest in cursor.fetchall()}
    return [
        CheckpointLine(row.number, row.created_at, mine.seq, mine.hash.hex(), sealed.get(mine.seq) == mine.hash)
        for row, mine in lines
    ]


def receipt_text(number: int, institution: Institution) -> str | None:
    """The institution's receipt of a checkpoint as a file; None when there is none."""
    row = AuditCheckpoint.objects.filter(number=number).first()
    if row is None:
        return None
    try:
        return checkpoints.to_json(checkpoints.receipt(checkpoints.stored(row), institution.pk))
    except KeyError:
        return None
