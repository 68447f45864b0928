"""Checkpoints: where all chains stood at an instant, signed, and kept where the database cannot reach.

A chain alone does not show that it was shortened, or rewritten and hashed anew; compared with a checkpoint
that somebody holds, it does. The signed statement is one line of JSON with the Merkle root over all heads and
the hash of the statement before it. Regulators get the statement with all heads; an institution gets its own
head with a proof up to the same root (a receipt), and learns nothing of the others.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from accounts.audit import merkle
from accounts.audit.merkle import Head, Step
from accounts.audit.signing import public_bytes, signed_by, signing_keys
from accounts.models import AuditCheckpoint

SYSTEM = "system"
LOCK = 0x41594E49  # "AYNI": sealing and checkpoints of one database, one process at a time
EVERY = timedelta(hours=1)
FIRST = "0" * 64  # what the first checkpoint names as the one before it

HEADS = """
SELECT i.id, s.seq, s.hash FROM accounts_institution i
CROSS JOIN LATERAL (SELECT seq, hash FROM accounts_auditseal s
                    WHERE s.institution_id = i.id ORDER BY seq DESC LIMIT 1) s
ORDER BY i.id
"""


class CheckpointConflict(Exception):
    """The published checkpoints and the database disagree: nothing more is signed until that is cleared up."""


class CheckpointInvalid(Exception):
    """This is no checkpoint of ours; `reason` is a code of `words.REASONS`."""

    def __init__(self, reason: str, number: int | None = None) -> None:
        self.reason, self.number = reason, number
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement, with all heads or (a receipt) with one head and its proof."""

    statement: str  # the exact text that is signed
    heads: tuple[Head, ...]
    signature: bytes
    public_key: bytes
    proof: tuple[Step, ...] | None = None

    @property
    def facts(self) -> dict[str, Any]:
        return json.loads(self.statement)

    @property
    def number(self) -> int:
        return self.facts["number"]

    @property
    def digest(self) -> str:
        """What the next checkpoint names as `previous`."""
        return sha256(self.statement.encode()).hexdigest()

    def check(self, trusted: Sequence[bytes] = ()) -> None:
        """Raise CheckpointInvalid unless signed by a trusted key (any key when none is given), over these heads."""
        if trusted and self.public_key not in trusted:
            raise CheckpointInvalid("checkpoint_foreign_key", self.number)
        if not signed_by(self.public_key, self.signature, self.statement.encode()):
            raise CheckpointInvalid("checkpoint_signature", self.number)
        reached = merkle.root(self.heads) if self.proof is None else merkle.climb(self.heads[0], self.proof)
        if reached.hex() != self.facts["root"]:
            raise CheckpointInvalid("checkpoint_root", self.number)


# --- making -----------------------------------------------------------------------------------------------------


def make_if_due() -> AuditCheckpoint | None:
    """The hourly checkpoint, None while the last one is younger. Raises CheckpointConflict."""
    last = _last()
    if last is None or timezone.now() - last.created_at >= EVERY:
        return make()
    if not path_of(last.number).exists():
        publish_missing()
    return None


def make() -> AuditCheckpoint | None:
    """Sign all heads now, keep the checkpoint and publish it; None when nothing has been sealed yet.

    Raises CheckpointConflict when the folder holds a checkpoint that the database does not know.
    """
    key = signing_keys()[0]
    with transaction.atomic(using=SYSTEM):
        heads = _heads()
        if not heads:
            return None
        last = _last()
        _refuse_conflict(last)
        statement = json.dumps(
            {
                "v": 1,
                "number": last.number + 1 if last else 1,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "previous": stored(last).digest if last else FIRST,
                "root": merkle.root(heads).hex(),
                "institutions": len(heads),
            },
            separators=(",", ":"),
        )
        made = AuditCheckpoint.objects.using(SYSTEM).create(
            number=json.loads(statement)["number"],
            document="\n".join([statement, *(_head_line(head) for head in heads)]),
            signature=key.sign(statement.encode()),
            public_key=public_bytes(key),
        )
    publish_missing()
    return made


def _heads() -> list[Head]:
    """All heads, while nobody seals (the lock is held until the transaction ends)."""
    with connections[SYSTEM].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute(HEADS)
        return [Head(institution_id, seq, bytes(digest)) for institution_id, seq, digest in cursor.fetchall()]


def _last() -> AuditCheckpoint | None:
    return AuditCheckpoint.objects.using(SYSTEM).order_by("-number").first()


def _refuse_conflict(last: AuditCheckpoint | None) -> None:
    """Never sign over what others already hold: the database may have been rolled back."""
    numbers = [number_of(path) for path in published_paths()]
    known = last.number if last else 0
    if numbers and max(numbers) > known:
        raise CheckpointConflict(
            f"{folder()} holds checkpoint {max(numbers)}, the database knows {known}: run verify_audit"
        )
    if last and path_of(last.number).exists():
        held = read(path_of(last.number))
        if held.statement != stored(last).statement:
            raise CheckpointConflict(f"{path_of(last.number)} and the database differ: run verify_audit")


# --- publishing -------------------------------------------------------------------------------------------------


def folder() -> Path:
    """Where checkpoints are published: files that no database role can write."""
    return Path(settings.OUTBOX_ROOT) / "checkpoints"


def path_of(number: int) -> Path:
    return folder() / f"checkpoint-{number:08d}.json"


def number_of(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def published_paths() -> list[Path]:
    """The published files, oldest first."""
    return sorted(path for path in folder().glob("checkpoint-*.json") if path.stem[11:].isdigit())


def publish_missing() -> int:
    """Write the files of stored checkpoints that are not there yet; returns how many. Never replaces one."""
    folder().mkdir(parents=True, exist_ok=True)
    written = 0
    for row in AuditCheckpoint.objects.using(SYSTEM).order_by("-number").iterator(chunk_size=50):
        path = path_of(row.number)
        if path.exists():
            break
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(to_json(stored(row)), encoding="utf-8")
        try:
            os.link(draft, path)
            written += 1
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return written


# --- reading ----------------------------------------------------------------------------------------------------


def stored(row: AuditCheckpoint) -> Checkpoint:
    """The checkpoint kept in the database."""
    statement, *lines = row.document.split("\n")
    return Checkpoint(
        statement, tuple(_head(json.loads(line)) for line in lines), bytes(row.signature), bytes(row.public_key)
    )


def stored_all(using: str = SYSTEM) -> Iterator[Checkpoint]:
    """The kept checkpoints, oldest first. Raises CheckpointInvalid for an unreadable one."""
    for row in AuditCheckpoint.objects.using(using).order_by("number").iterator(chunk_size=200):
        try:
            checkpoint = stored(row)
            fits = checkpoint.number == row.number
        except (ValueError, KeyError, TypeError):
            fits = False
        if not fits:
            raise CheckpointInvalid("checkpoint_unreadable", row.number)
        yield checkpoint


def receipt(checkpoint: Checkpoint, institution_id: int) -> Checkpoint:
    """The part of a checkpoint that concerns one institution. Raises KeyError when it was not in it."""
    steps = merkle.proof(checkpoint.heads, institution_id)
    mine = next(head for head in checkpoint.heads if head.institution_id == institution_id)
    return Checkpoint(checkpoint.statement, (mine,), checkpoint.signature, checkpoint.public_key, tuple(steps))


def to_json(checkpoint: Checkpoint) -> str:
    """The checkpoint as a file for others to hold."""
    document: dict[str, Any] = {
        "statement": checkpoint.statement,
        "signature": checkpoint.signature.hex(),
        "public_key": checkpoint.public_key.hex(),
        "heads": [json.loads(_head_line(head)) for head in checkpoint.heads],
    }
    if checkpoint.proof is not None:
        document["proof"] = [{"left": step.left, "hash": step.hash.hex()} for step in checkpoint.proof]
    return json.dumps(document, indent=1) + "\n"


def read(path: Path) -> Checkpoint:
    """A published checkpoint or a receipt from a file; its signature is not yet checked.

    Raises OSError, or CheckpointInvalid for something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointInvalid("checkpoint_unreadable") from error
    return parsed(text)


def parsed(text: str) -> Checkpoint:
    """A checkpoint from its file's text. Raises CheckpointInvalid for something else."""
    try:
        document = json.loads(text)
        proof = document.get("proof")
        checkpoint = Checkpoint(
            document["statement"],
            tuple(_head(head) for head in document["heads"]),
            bytes.fromhex(document["signature"]),
            bytes.fromhex(document["public_key"]),
            None if proof is None else tuple(Step(bool(step["left"]), bytes.fromhex(step["hash"])) for step in proof),
        )
        number, root = checkpoint.number, checkpoint.facts["root"]
        if not isinstance(number, int) or not isinstance(root, str) or not checkpoint.heads:
            raise ValueError("not a checkpoint")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointInvalid("checkpoint_unreadable") from error
    return checkpoint


def _head_line(head: Head) -> str:
    return json.dumps(
        {"institution": head.institution_id, "seq": head.seq, "hash": head.hash.hex()}, separators=(",", ":")
    )


def _head(document: dict[str, Any]) -> Head:
    return Head(int(document["institution"]), int(document["seq"]), bytes.fromhex(document["hash"]))
