"""The first page of supervision: one line for each institution under mandate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connections

from accounts.audit.sealer import Waiting
from accounts.models import Institution, RegulatorMandate
from portal.oversight.chain import REGULATOR

HEADS = """
SELECT i.id, s.seq, s.hash, s.sealed_at, p.count, p.since
FROM unnest(%s::bigint[]) AS i (id)
LEFT JOIN LATERAL (SELECT seq, hash, sealed_at FROM accounts_auditseal s WHERE s.institution_id = i.id
                   ORDER BY seq DESC LIMIT 1) s ON true
LEFT JOIN LATERAL (SELECT count(*), min(queued_at) AS since FROM accounts_auditpending p
                   WHERE p.institution_id = i.id) p ON true
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Where one institution's chain stands."""

    institution: Institution
    mandate: RegulatorMandate
    events: int
    head: str
    sealed_at: datetime | None
    waiting: Waiting


def lines(running: Sequence[RegulatorMandate]) -> list[Line]:
    """One query for all of them; two mandates over one institution are one line, the one that lasts longer."""
    longest: dict[int, RegulatorMandate] = {}
    for mandate in running:
        known = longest.get(mandate.institution_id)
        if known is None or (known.valid_to and (not mandate.valid_to or mandate.valid_to > known.valid_to)):
            longest[mandate.institution_id] = mandate
    with connections[REGULATOR].cursor() as cursor:
        cursor.execute(HEADS, [list(longest)])
        heads = {row[0]: row[1:] for row in cursor.fetchall()}
    found = []
    for key, mandate in longest.items():
        seq, digest, sealed_at, count, since = heads[key]
        head = bytes(digest).hex() if digest else ""
        found.append(Line(mandate.institution, mandate, (seq or 0) + count, head, sealed_at, Waiting(count, since)))
    return found


def earliest_end(running: Sequence[RegulatorMandate]) -> date | None:
    """The first day on which one of the mandates ends."""
    return min((mandate.valid_to for mandate in running if mandate.valid_to), default=None)
