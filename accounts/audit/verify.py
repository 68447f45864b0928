"""Verification: is every entry as it was written, in its place, and as the held checkpoints say?

Set-based SQL recomputes all hashes; the product's own keyed hashes are checked beside it, because a superuser
can hash anew but cannot write as the product; checkpoints show what was cut off or rewritten as a whole. What
happened after the last checkpoint and before it could be sealed may stay unseen: so says the auditor's page.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from django.db import connections, transaction

from accounts.audit import checkpoints, copies, queries, signing
from accounts.audit.checkpoints import SYSTEM, Checkpoint, CheckpointInvalid
from accounts.audit.entries import is_ours, witness_key
from accounts.audit.sealer import Waiting, waiting
from accounts.models import Institution

Progress = Callable[[str, int, int], object]  # what is being looked at, done, of how many

EXPLANATIONS = {
    "entry_missing": "the entry was deleted",
    "content_changed": "the entry or its seal is not what was sealed",
    "link_broken": "the link to the entry before it is broken",
    "seal_missing": "this place in the chain is empty: entry and seal were deleted",
    "out_of_order": "two seals claim the same place in the chain",
    "not_sealed": "the entry was added behind the sealer's back",
    "not_ours": "the entry was not written by the product, or was rewritten",
    "cut_off": "the chain was cut off here: a checkpoint shows that it was longer",
    "rewritten": "the chain was rewritten here or before: a checkpoint shows another hash",
    "checkpoint_unreadable": "a checkpoint cannot be read",
    "checkpoint_foreign_key": "a checkpoint is signed with a key that is not ours",
    "checkpoint_signature": "a checkpoint's signature is wrong",
    "checkpoint_root": "a checkpoint's heads do not give its Merkle root",
    "checkpoint_chain": "the checkpoints do not follow one another",
    "checkpoint_missing": "a published checkpoint is not in the database",
    "checkpoint_differs": "a published checkpoint differs from the one in the database",
    "guard_missing": "a rule that keeps the evidence is switched off in the database",
}


@dataclass(frozen=True, slots=True)
class BadEntry:
    """The first thing that is wrong; `reason` is a code of EXPLANATIONS, `detail` says which one."""

    institution: str | None
    seq: int | None
    entry_id: str | None
    reason: str
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"institution": self.institution, "seq": self.seq, "entry_id": self.entry_id, "reason": self.reason}

    def __str__(self) -> str:
        where = [f"institution {self.institution}" if self.institution else "", f"event {self.seq}" if self.seq else ""]
        where += [f"entry {self.entry_id}" if self.entry_id else "", self.detail]
        return f"{EXPLANATIONS[self.reason]} ({', '.join(part for part in where if part)})"


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome: `entries` were looked at, `first_bad` is None when all holds."""

    entries: int
    checkpoints: int
    seconds: float
    first_bad: BadEntry | None = None
    waiting: Waiting | None = None

    @property
    def ok(self) -> bool:
        return self.first_bad is None

    def as_dict(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "ok": self.ok,
            "entries": self.entries,
            "first_bad": self.first_bad.as_dict() if self.first_bad else None,
            "checkpoints": self.checkpoints,
            "seconds": round(self.seconds, 3),
        }
        if self.waiting is not None:
            document["unsealed"] = {
                "count": self.waiting.count,
                "oldest_seconds": round(self.waiting.seconds),
                "alarm": self.waiting.alarming,
            }
        return document


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a place in a chain, before the institution has its name."""

    institution_id: int | None
    seq: int | None
    entry_id: str | None
    reason: str
    detail: str = ""

    @property
    def place(self) -> tuple[int, int]:
        return (self.institution_id or 0, self.seq if self.seq is not None else 2**63)


@dataclass(slots=True)
class _Run:
    """One verification over one connection, of one institution or of all."""

    using: str
    institution_id: int | None
    progress: Progress
    seen_checkpoints: set[int] = field(default_factory=set)

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with connections[self.using].cursor() as cursor:
            cursor.execute(sql, {"institution": self.institution_id, **parameters})
            return cursor.fetchall()

    # -- chains

    def chains(self) -> list[Finding]:
        """Hashes, links, and the correspondence of entries and seals, all recomputed by the database."""
        steps = {
            "hashes": queries.CHANGED,
            "links": queries.UNLINKED,
            "entries without seal": queries.UNQUEUED,
            "lost entries": queries.LOST,
        }
        found = []
        for done, (name, sql) in enumerate(steps.items()):
            self.progress(name, done, len(steps))
            found += [Finding(*row) for row in self.rows(sql)]
        return found

    def bodies(self, entries: int) -> list[Finding]:
        """Entries whose keyed hash does not fit: the product did not write them like that."""
        secret = witness_key()
        suspects: list[str] = []
        done = 0
        # Inside a transaction, so that the named cursor needs no temporary copy of the table.
        with transaction.atomic(using=self.using), connections[self.using].chunked_cursor() as cursor:
            cursor.execute(queries.BODIES, {"institution": self.institution_id})
            while rows := cursor.fetchmany(5_000):
                suspects += [
                    key for key, institution_id, body in rows if not is_ours(body, key, institution_id, secret)
                ]
                done += len(rows)
                self.progress("authorship", done, entries)
        return [
            Finding(institution_id, seq, key, "not_ours")
            for institution_id, seq, key in self.rows(queries.WHERE_SEALED, ids=suspects[:100_000])
        ]

    # -- checkpoints

    def checkpoints(self, held: Sequence[Checkpoint]) -> list[Finding]:
        """Heads against the stored, the published and the held checkpoints; then the checkpoints themselves."""
        trusted = signing.trusted_public_keys()
        about_heads: list[Finding] = []
        about_files: list[Finding] = []
        stored: dict[int, Checkpoint] = {}
        try:
            for checkpoint in checkpoints.stored_all(self.using):
                stored[checkpoint.number] = checkpoint
        except CheckpointInvalid as problem:
            about_files.append(_about(problem.reason, problem.number))
        about_files += self.sequence(stored)
        elsewhere = [*self.published(about_files), *held]
        for checkpoint in elsewhere:
            known = stored.get(checkpoint.number)
            if known is None:
                about_files.append(_about("checkpoint_missing", checkpoint.number))
            elif known.statement != checkpoint.statement:
                about_files.append(_about("checkpoint_differs", checkpoint.number))
        genuine = []
        for checkpoint in [*elsewhere, *stored.values()]:
            try:
                checkpoint.check(trusted)
                genuine.append(checkpoint)
            except CheckpointInvalid as problem:
                about_files.append(_about(problem.reason, problem.number))
        self.seen_checkpoints.update(checkpoint.number for checkpoint in genuine)
        about_heads = self.heads(genuine)
        return about_heads + about_files

    def sequence(self, stored: dict[int, Checkpoint]) -> list[Finding]:
        """The stored checkpoints are numbered from 1 and each names the one before it."""
        before, number = checkpoints.FIRST, 0
        for number, checkpoint in enumerate(stored.values(), start=1):
            if checkpoint.number != number or checkpoint.facts["previous"] != before:
                return [_about("checkpoint_chain", checkpoint.number)]
            before = checkpoint.digest
        return []

    def published(self, about_files: list[Finding]) -> list[Checkpoint]:
        found = []
        for path in checkpoints.published_paths():
            try:
                found.append(checkpoints.read(path))
            except (CheckpointInvalid, OSError):
                about_files.append(Finding(None, None, None, "checkpoint_unreadable", path.name))
        try:
            copy = copies.newest_copy()
        except CheckpointInvalid:
            copy = None
            about_files.append(Finding(None, None, None, "checkpoint_unreadable", "the copy in the file store"))
        return [*found, copy] if copy and copy not in found else found

    def heads(self, genuine: Iterable[Checkpoint]) -> list[Finding]:
        """Where a chain is shorter than, or other than, a signed checkpoint says; the earliest."""
        wanted: dict[tuple[int, int, str], int] = {}
        for checkpoint in genuine:
            number = checkpoint.number
            for head in checkpoint.heads:
                if self.institution_id in (None, head.institution_id):
                    key = (head.institution_id, head.seq, head.hash.hex())
                    wanted[key] = min(number, wanted.get(key, number))
        institutions, seqs, hashes = zip(*wanted, strict=True) if wanted else ((), (), ())
        rows = self.rows(
            queries.HELD,
            institutions=list(institutions),
            seqs=list(seqs),
            hashes=list(hashes),
            numbers=list(wanted.values()),
        )
        return [
            Finding(institution_id, last + 1, None, "cut_off", f"checkpoint {number} ends at event {seq}")
            if missing
            else Finding(institution_id, seq, entry_id, "rewritten", f"checkpoint {number}")
            for institution_id, seq, number, entry_id, missing, last in rows
        ]

    def guards(self) -> list[Finding]:
        return [Finding(None, None, None, "guard_missing", name) for (name,) in self.rows(queries.GUARDS)]


def _about(reason: str, number: int | None) -> Finding:
    return Finding(None, None, None, reason, f"checkpoint {number}")


def verify(
    *,
    institution_id: int | None = None,
    held: Sequence[Checkpoint] = (),
    using: str = SYSTEM,
    progress: Progress = lambda name, done, total: None,
) -> Verification:
    """Look at all chains, or at one institution's, and name the first thing that is wrong.

    `held` are checkpoints or receipts from elsewhere; the published folder and the newest copy in the file
    store are always compared. `using` names a
    connection that may read what is asked for: `system` for all, the serving one inside an institution's scope.
    """
    began = monotonic()
    run = _Run(using, institution_id, progress)
    ((entries,),) = run.rows(queries.COUNT)
    found = run.chains() + run.bodies(entries)
    first = min(found, key=lambda finding: finding.place, default=None)
    # A checkpoint shows less exactly where; it is asked second, and what guards the tables last.
    first = first or next(iter(run.checkpoints(held) + run.guards()), None)
    return Verification(
        entries=entries,
        checkpoints=len(run.seen_checkpoints),
        seconds=monotonic() - began,
        first_bad=_named(first) if first else None,
        waiting=waiting(using, institution_id),
    )


def _named(finding: Finding) -> BadEntry:
    name = None
    if finding.institution_id is not None:
        slug = Institution.objects.filter(pk=finding.institution_id).values_list("slug", flat=True).first()
        name = slug or f"#{finding.institution_id}"  # the number alone when the institution is gone too
    return BadEntry(name, finding.seq, finding.entry_id, finding.reason, finding.detail)
