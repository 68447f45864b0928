"""An institution's evidence of a period as one ZIP that verifies without the product."""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from django.db import connections, transaction

from accounts.audit import checkpoints, signing
from accounts.audit.checkpoints import SYSTEM
from accounts.clock import LIMA
from accounts.models import Institution

OFFLINE = Path(__file__).parent / "offline"
RANGE = """
SELECT min(s.seq), max(s.seq), (SELECT max(t.seq) FROM accounts_auditseal t WHERE t.institution_id = %s)
FROM accounts_auditentry e
JOIN accounts_auditseal s ON s.institution_id = e.institution_id AND s.entry_id = e.id
WHERE e.institution_id = %s AND e.at_us >= %s AND e.at_us < %s
"""
CHAIN = """
SELECT s.seq, s.entry_id::text, encode(s.prev_hash, 'hex'), encode(s.hash, 'hex'), e.body
FROM accounts_auditseal s JOIN accounts_auditentry e ON e.id = s.entry_id
WHERE s.institution_id = %s AND s.seq BETWEEN %s AND %s ORDER BY s.seq
"""
Row = tuple[int, str, str, str, str]


class NothingToExport(Exception):
    """No sealed entry falls into the period."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a package holds."""

    first_seq: int
    last_seq: int
    checkpoints: int
    entries: int  # of the period; the package may hold one more at each edge


def export(
    institution: Institution,
    begins: date,
    ends: date,
    file: Path,
    progress: Callable[[int], object] = lambda count: None,
    using: str = SYSTEM,
) -> Exported:
    """Write the package of the days `begins` to `ends` (Lima, both included). Raises NothingToExport.

    The chain between the first and the last entry of the period is whole. Where there is one, the entry before
    and the one after come along: they show that the period was not cut short. The file is its owner's alone
    and appears when it is complete. `using` names a connection that may read the institution's chain.
    """
    inner = Span(*_range(institution.pk, begins, ends, using))
    first, last = inner.with_neighbours
    draft = file.with_name(f".{file.name}.part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as package:
        about = {
            "v": 1,
            "institution": institution.slug,
            "institution_id": institution.pk,
            "name": institution.legal_name,
            "from": begins.isoformat(),
            "to": ends.isoformat(),
            "from_us": midnight_us(begins),
            "until_us": midnight_us(ends + timedelta(days=1)),
            "first_seq": first,
            "last_seq": last,
            "period_first_seq": inner.first,
            "period_last_seq": inner.last,
            "head_seq": inner.head,
        }
        package.writestr("about.json", json.dumps(about, ensure_ascii=False, indent=1) + "\n")
        for name in ("LEEME.txt", "verify.py"):
            package.write(OFFLINE / name, name)
        with package.open("entries.jsonl", "w", force_zip64=True) as out:
            for *_, body in _chain(institution.pk, first, last, using):
                out.write(body.encode() + b"\n")
                progress(1)
        with package.open("seals.jsonl", "w", force_zip64=True) as out:
            for seq, entry_id, prev_hash, digest, _body in _chain(institution.pk, first, last, using):
                seal = {"seq": seq, "entry_id": entry_id, "prev_hash": prev_hash, "hash": digest}
                out.write(json.dumps(seal, separators=(",", ":")).encode() + b"\n")
        count, keys = _write_receipts(package, institution.pk, first, last, using)
        package.writestr("public-keys.txt", "".join(f"{key}\n" for key in keys))
    draft.replace(file)
    return Exported(inner.first, inner.last, count, inner.count)


@dataclass(frozen=True, slots=True)
class Span:
    """The places in a chain of a period's first and last entry, and of the chain's last."""

    first: int
    last: int
    head: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    @property
    def with_neighbours(self) -> tuple[int, int]:
        return max(self.first - 1, 1), min(self.last + 1, self.head)


def entries_in(institution_id: int, begins: date, ends: date, using: str = SYSTEM) -> int:
    """How many sealed entries a package of these days would hold; 0 when there are none."""
    try:
        return Span(*_range(institution_id, begins, ends, using)).count
    except NothingToExport:
        return 0


def midnight_us(day: date) -> int:
    """When the day begins in Lima, in epoch microseconds."""
    return int(datetime.combine(day, time.min, tzinfo=LIMA).timestamp() * 1_000_000)


def _range(institution_id: int, begins: date, ends: date, using: str) -> tuple[int, int, int]:
    bounds = [midnight_us(begins), midnight_us(ends + timedelta(days=1))]
    with connections[using].cursor() as cursor:
        cursor.execute(RANGE, [institution_id, institution_id, *bounds])
        first, last, head = cursor.fetchone()
    if first is None:
        raise NothingToExport(f"no sealed entry between {begins} and {ends}")
    return first, last, head


def _chain(institution_id: int, first: int, last: int, using: str) -> Iterator[Row]:
    with transaction.atomic(using=using), connections[using].chunked_cursor() as cursor:
        cursor.execute(CHAIN, [institution_id, first, last])
        while rows := cursor.fetchmany(5_000):
            yield from rows


def _write_receipts(
    package: zipfile.ZipFile, institution_id: int, first: int, last: int, using: str
) -> tuple[int, list[str]]:
    """The checkpoints whose head lies in the period (or right before it), as receipts; and whose keys signed."""
    keys = {key.hex() for key in signing.trusted_public_keys()}
    count = 0
    for checkpoint in checkpoints.stored_all(using):
        mine = next((head for head in checkpoint.heads if head.institution_id == institution_id), None)
        if mine is None or not first - 1 <= mine.seq <= last:
            continue
        receipt = checkpoints.receipt(checkpoint, institution_id)
        package.writestr(f"checkpoints/{checkpoint.number:08d}.json", checkpoints.to_json(receipt))
        keys.add(checkpoint.public_key.hex())
        count += 1
    return count, sorted(keys)
