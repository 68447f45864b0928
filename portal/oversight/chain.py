"""What auditors and regulators read of a chain: its state, its entries, one object's history, its checkpoints.

A `Window` says whose chain and through which database role.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.audit import checkpoints
from accounts.audit.sealer import Waiting, waiting
from accounts.audit.words import EVENTS, event_words, fact_words, reason_words, subject_words, value_words
from accounts.clock import LIMA
from accounts.formats import format_money, format_percent
from accounts.models import (
    ApiClient,
    AuditCheckpoint,
    AuditEntry,
    AuditSeal,
    Institution,
    Membership,
    RegulatorMandate,
    User,
)
from accounts.models.people import Role
from accounts.tenancy.scope import institution_scope
from lending.facts import FACTS
from lending.models import Application
from lending.reasons import reason_title

VERIFIED = "accounts.audit.verified"
REGULATOR = "regulator"  # the connection of lend_regulator
SHOWN_CHECKPOINTS = 5
NAMED = ("lending.application", "accounts.institution")  # subjects that people know by a name or code


@dataclass(frozen=True, slots=True)
class Window:
    """One institution's rows: through the serving role in its scope, or through the regulator's under a mandate.

    Regulators' role reads no names of persons: staff show as their number and roles.
    """

    institution: Institution
    using: str = "default"
    mandates: tuple[RegulatorMandate, ...] = ()  # a regulator's, in force

    @property
    def is_limited(self) -> bool:
        """Whether the mandates are over some days only: the regulators' role then reads gaps in the chain."""
        return bool(self.mandates) and not any(one.data_from is one.data_to is None for one in self.mandates)

    @contextmanager
    def whole_chain(self) -> Iterator[str]:
        """The connection that reads the chain without gaps, for verdicts and packages, never for pages."""
        if not self.is_limited:
            yield self.using
            return
        with institution_scope(self.institution.pk):
            yield "default"

    def covers(self, begins: date, ends: date) -> bool:
        """Whether these days may be taken away."""
        return not self.is_limited or any(one.covers(begins, ends) for one in self.mandates)

    def rows(self, model: Any) -> QuerySet[Any]:
        """The institution's rows of an institution-owned model."""
        if self.using == "default":
            return model.objects.all()
        return model.unscoped.using(self.using).filter(institution_id=self.institution.pk)

    @property
    def names_people(self) -> bool:
        return self.using == "default"


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


def chain_state(window: Window, last_check: LastCheck | None = None) -> ChainState:
    """The head, what waits for a seal, and the last verification. Three queries, whatever the length."""
    head = window.rows(AuditSeal).order_by("-seq").values("seq", "hash", "sealed_at").first()
    queue = waiting(window.using, window.institution.pk) or Waiting(0, None)
    seq = head["seq"] if head else 0
    return ChainState(
        events=seq + queue.count,
        seq=seq,
        head=bytes(head["hash"]).hex() if head else "",
        sealed_at=head["sealed_at"] if head else None,
        waiting=queue,
        last_check=last_check or _last_check(window),
    )


def _last_check(window: Window) -> LastCheck | None:
    # By subject, because that has an index; the institution is the subject of few events.
    found = window.rows(AuditEntry).filter(subject_id=str(window.institution.pk), event=VERIFIED)
    return check_told_by(found)


def check_told_by(entries: QuerySet[AuditEntry]) -> LastCheck | None:
    """The newest of these entries about verifications."""
    row = entries.order_by("-at_us").values("at_us", "body").first()
    if row is None:
        return None
    facts = json.loads(row["body"])["facts"]
    return LastCheck(instant(row["at_us"]), facts["ok"], facts["entries"], facts["ms"] / 1000, facts["first_bad"])


def instant(at_us: int) -> datetime:
    """Epoch microseconds as entries keep them."""
    return datetime.fromtimestamp(at_us / 1_000_000, tz=UTC)


# --- entries ----------------------------------------------------------------------------------------------------


def entries_matching(window: Window, filters: Mapping[str, Any]) -> QuerySet[AuditEntry]:
    """Entries, newest first, that fit the cleaned filters: area, actor, object, begins, ends."""
    entries = window.rows(AuditEntry).order_by("-at_us", "-id")
    if area := filters.get("area"):
        # A range and not LIKE, which could use no index under the policy; "/" is what follows "." in ASCII.
        whole = area in EVENTS
        entries = entries.filter(event=area) if whole else entries.filter(event__gte=f"{area}.", event__lt=f"{area}/")
    if actor := filters.get("actor"):
        entries = entries.filter(actor_user_id__in=_people_named(window, actor))
    if thing := filters.get("object"):
        entries = entries.filter(subject_id__in=_subjects_named(window, thing))
    if begins := filters.get("begins"):
        entries = entries.filter(at_us__gte=_midnight_us(begins))
    if ends := filters.get("ends"):
        entries = entries.filter(at_us__lt=_midnight_us(ends + timedelta(days=1)))
    return entries


def _midnight_us(day: date) -> int:
    return int(datetime.combine(day, time.min, tzinfo=LIMA).timestamp() * 1_000_000)


def _people_named(window: Window, text: str) -> list[int]:
    """Members of this institution whose name, e-mail or mobile contains `text`; to a regulator, a number."""
    if not window.names_people:
        digits = "".join(char for char in text if char.isdigit())
        return [int(digits)] if digits and len(digits) < 19 else []
    members = Membership.objects.filter(
        Q(user__full_name__icontains=text) | Q(user__email__icontains=text) | Q(user__phone__contains=text)
    )
    return list(members.values_list("user_id", flat=True)[:500])


def _subjects_named(window: Window, text: str) -> list[str]:
    """Keys of what `text` names: an application by its code (QT-48213), anything else by its key."""
    text = text.strip()
    number = text.rpartition("-")[2]
    if number.isdigit() and len(text) < 16:
        found = window.rows(Application).filter(number=int(number)).values_list("pk", flat=True)
        return [text, *(str(key) for key in found)]
    try:
        return [str(UUID(text))]
    except ValueError:
        return [text]


def entry_lines(entries: Iterable[AuditEntry], window: Window) -> list[dict[str, Any]]:
    """The entries in words: number, instant, event, who, object, facts. Four queries for any number of them."""
    rows = [(entry, json.loads(entry.body)) for entry in entries]
    actors = [body["actor"] for _, body in rows]
    people, programs = _names_of(actors) if window.names_people else ({}, {})
    codes = _application_codes([body for _, body in rows], window)
    codes[str(window.institution.pk)] = window.institution.name
    seals = dict(window.rows(AuditSeal).filter(entry__in=[entry.pk for entry, _ in rows]).values_list("entry", "seq"))
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


def _names_of(actors: Sequence[Mapping[str, Any]]) -> tuple[dict[int, str], dict[str, str]]:
    """Names of the people and of the programs among the actors."""
    users = User.objects.filter(pk__in={actor["user"] for actor in actors if actor.get("user")})
    clients = ApiClient.objects.filter(pk__in={actor["client"] for actor in actors if actor.get("client")})
    return (
        dict(users.values_list("pk", "full_name").order_by()),
        {str(key): name for key, name in clients.values_list("pk", "name")},
    )


def _application_codes(bodies: Sequence[Mapping[str, Any]], window: Window) -> dict[str, str]:
    """The code of each application that the entries are about or mention."""
    mentioned = {body["subject"]["id"] for body in bodies if body["subject"]["type"] == "lending.application"}
    mentioned |= {str(body["facts"]["application"]) for body in bodies if body["facts"].get("application")}
    found = window.rows(Application).filter(pk__in=mentioned).values_list("pk", "number")
    return {str(key): f"{window.institution.number_prefix}-{number}" for key, number in found}


def _who(actor: Mapping[str, Any], people: Mapping[int, str], programs: Mapping[str, str]) -> str:
    if actor["kind"] == "system":
        return _("Ayni (sistema)")
    if actor["kind"] == "client":
        return programs.get(str(actor.get("client")), _("Un programa"))
    if actor.get("user") is None:
        return _("Sin iniciar sesión")
    if name := people.get(actor["user"]):
        return name
    words = _("Persona %(number)s") % {"number": actor["user"]}
    roles = ", ".join(str(Role(role).label) for role in actor.get("roles", ()) if role in Role.values)
    return f"{words} ({roles})" if roles else words


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
        if name == "pd":
            with suppress(InvalidOperation):
                return format_percent(Decimal(value), 1)
        if name in ("reason_codes", "facts"):
            return reason_title(value) if name == "reason_codes" else fact_label(value)
        return codes[value] if name == "application" and value in codes else str(value_words(value))
    if isinstance(value, int):
        return str(value)
    if name == "changed" and isinstance(value, dict):
        return "; ".join(
            f"{fact_words(field)}: {_value(field, one['from'], codes)} → {_value(field, one['to'], codes)}"
            for field, one in value.items()
            if isinstance(one, dict) and {"from", "to"} <= set(one)
        )
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(_value(name, one, codes) for one in value) or "—"
    if isinstance(value, dict):
        return ", ".join(f"{fact_words(key)}: {_value(key, one, codes)}" for key, one in value.items())
    return json.dumps(value, ensure_ascii=False)


def fact_label(name: str) -> str:
    """A declared fact as people know it; its name where the dictionary has forgotten it."""
    return str(FACTS[name].label) if name in FACTS else name


def history_of(window: Window, subject_type: str, subject_id: str) -> QuerySet[AuditEntry]:
    """Everything recorded about one object, oldest first."""
    entries = window.rows(AuditEntry)
    if "\x00" in subject_type + subject_id:
        return entries.none()
    return entries.filter(subject_id=subject_id, subject_type=subject_type).order_by("at_us", "id")


# --- checkpoints ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckpointLine:
    """One checkpoint as far as it concerns the institution."""

    number: int
    at: datetime
    seq: int
    head: str
    agrees: bool


def checkpoint_lines(window: Window) -> list[CheckpointLine]:
    """The latest checkpoints that hold the institution's head, and whether its chain still agrees. Two queries."""
    institution, lines = window.institution, []
    for row in AuditCheckpoint.objects.using(window.using).order_by("-number")[:SHOWN_CHECKPOINTS]:
        checkpoint = checkpoints.stored(row)
        mine = next((head for head in checkpoint.heads if head.institution_id == institution.pk), None)
        if mine:
            lines.append((row, mine))
    with connections[window.using].cursor() as cursor:
        cursor.execute(
            "SELECT seq, hash FROM accounts_auditseal WHERE institution_id = %s AND seq = ANY (%s)",
            [institution.pk, [mine.seq for _row, mine in lines]],
        )
        sealed = {seq: bytes(digest) for seq, digest in cursor.fetchall()}
    return [
        CheckpointLine(row.number, row.created_at, mine.seq, mine.hash.hex(), sealed.get(mine.seq) == mine.hash)
        for row, mine in lines
    ]


def receipt_text(number: int, window: Window) -> str | None:
    """The institution's receipt of a checkpoint as a file; None when there is none."""
    row = AuditCheckpoint.objects.using(window.using).filter(number=number).first() if number < 2**63 else None
    if row is None:
        return None
    try:
        return checkpoints.to_json(checkpoints.receipt(checkpoints.stored(row), window.institution.pk))
    except KeyError:
        return None
