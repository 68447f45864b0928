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
SELECT min(s.seq), max(s.seq) FROM accounts_auditentry e
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


def export(
    institution: Institution,
    begins: date,
    ends: date,
    file: Path,
    progress: Callable[[int], object] = lambda count: None,
) -> Exported:
    """Write the package of the days `begins` to `ends` (Lima, both included). Raises NothingToExport.

    The chain between the first and the last entry of the period is whole, so a few entries of its edges may
    belong to the days beside it. The file is its owner's alone and appears when it is complete.
    """
    first, last = _range(institution.pk, begins, ends)
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
            "first_seq": first,
            "last_seq": last,
        }
        package.writestr("about.json", json.dumps(about, ensure_ascii=False, indent=1) + "\n")
        for name in ("LEEME.txt", "verify.py"):
            package.write(OFFLINE / name, name)
        with package.open("entries.jsonl", "w", force_zip64=True) as out:
            for *_, body in _chain(institution.pk, first, last):
                out.write(body.encode() + b"\n")
                progress(1)
        with package.open("seals.jsonl", "w", force_zip64=True) as out:
            for seq, entry_id, prev_hash, digest, _body in _chain(institution.pk, first, last):
                seal = {"seq": seq, "entry_id": entry_id, "prev_hash": prev_hash, "hash": digest}
                out.write(json.dumps(seal, separators=(",", ":")).encode() + b"\n")
        count, keys = _write_receipts(package, institution.pk, first, last)
        package.writestr("public-keys.txt", "".join(f"{key}\n" for key in keys))
    draft.replace(file)
    return Exported(first, last, count)


def _range(institution_id: int, begins: date, ends: date) -> tuple[int, int]:
    def midnight_us(day: date) -> int:
        return int(datetime.combine(day, time.min, tzinfo=LIMA).timestamp() * 1_000_000)

    with connections[SYSTEM].cursor() as cursor:
        cursor.execute(RANGE, [institution_id, midnight_us(begins), midnight_us(ends + timedelta(days=1))])
        first, last = cursor.fetchone()
    if first is None:
        raise NothingToExport(f"no sealed entry between {begins} and {ends}")
    return first, last


def _chain(institution_id: int, first: int, last: int) -> Iterator[Row]:
    with transaction.atomic(using=SYSTEM), connections[SYSTEM].chunked_cursor() as cursor:
        cursor.execute(CHAIN, [institution_id, first, last])
        while rows := cursor.fetchmany(5_000):
            yield from rows


def _write_receipts(package: zipfile.ZipFile, institution_id: int, first: int, last: int) -> tuple[int, list[str]]:
    """The checkpoints whose head lies in the period (or right before it), as receipts; and whose keys signed."""
    keys = {key.hex() for key in signing.trusted_public_keys()}
    count = 0
    for checkpoint in checkpoints.stored_all():
        mine = next((head for head in checkpoint.heads if head.institution_id == institution_id), None)
        if mine is None or not first - 1 <= mine.seq <= last:
            continue
        receipt = checkpoints.receipt(checkpoint, institution_id)
        package.writestr(f"checkpoints/{checkpoint.number:08d}.json", checkpoints.to_json(receipt))
        keys.add(checkpoint.public_key.hex())
        count += 1
    return count, sorted(keys)
