"""Sealing: entries that nobody has sealed yet become links of their institution's chain.

One process at a time holds the advisory lock; it drains `audit_pending`, which a trigger fills, so entries
that commit late are never missed. One statement seals a whole batch of all institutions.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

from django.db import InterfaceError, OperationalError, connections, transaction
from django.utils import timezone

from accounts.audit import checkpoints, copies
from accounts.audit.checkpoints import LOCK, SYSTEM

BATCH = 10_000
IDLE_SECONDS = 1.0
RETRY_SECONDS = 2.0
ALARM = timedelta(minutes=5)

logger = logging.getLogger(__name__)

# A pending row whose entry is gone stays: `verify_audit` names it.
SEAL = """
WITH batch AS MATERIALIZED (
  SELECT p.entry_id, p.institution_id, e.body, e.at_us
  FROM accounts_auditpending p
  JOIN accounts_auditentry e ON e.id = p.entry_id AND e.institution_id = p.institution_id
  ORDER BY p.queued_at, p.entry_id LIMIT %(limit)s
), fresh AS (
  SELECT b.*, row_number() OVER (PARTITION BY b.institution_id ORDER BY b.at_us, b.entry_id) AS n
  FROM batch b
  WHERE NOT EXISTS (SELECT FROM accounts_auditseal s
                    WHERE s.institution_id = b.institution_id AND s.entry_id = b.entry_id)
), heads AS MATERIALIZED (
  SELECT i.institution_id, coalesce(h.seq, 0) AS seq,
         coalesce(h.hash, decode(repeat('00', 32), 'hex')) AS hash
  FROM (SELECT DISTINCT institution_id FROM fresh) i
  LEFT JOIN LATERAL (SELECT s.seq, s.hash FROM accounts_auditseal s
                     WHERE s.institution_id = i.institution_id ORDER BY s.seq DESC LIMIT 1) h ON true
), links AS (
  SELECT f.institution_id, h.seq + f.n AS seq, f.entry_id, h.hash AS head,
         audit_chain(h.hash, convert_to((h.seq + f.n) || ':' || f.body, 'UTF8'))
           OVER (PARTITION BY f.institution_id ORDER BY f.n) AS hash
  FROM fresh f JOIN heads h USING (institution_id)
), sealed AS (
  INSERT INTO accounts_auditseal (institution_id, seq, entry_id, prev_hash, hash)
  SELECT institution_id, seq, entry_id,
         lag(hash, 1, head) OVER (PARTITION BY institution_id ORDER BY seq), hash
  FROM links ORDER BY institution_id, seq
  RETURNING 1
), drained AS (
  DELETE FROM accounts_auditpending p USING batch b WHERE p.entry_id = b.entry_id RETURNING 1
)
SELECT (SELECT count(*) FROM sealed), (SELECT count(*) FROM drained)
"""


def seal_pending(limit: int = BATCH) -> int:
    """Seal up to `limit` waiting entries in one transaction; returns how many were taken from the queue.

    0 also when another process is sealing.
    """
    with transaction.atomic(using=SYSTEM), connections[SYSTEM].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(SEAL, {"limit": limit})
        _sealed, drained = cursor.fetchone()
        return drained


def seal_all(progress: Callable[[int], object] = lambda count: None) -> int:
    """Seal until nothing waits; returns how many entries."""
    total = 0
    while count := seal_pending():
        total += count
        progress(count)
    return total


def run(stopping: Event, progress: Callable[[int], object] = lambda count: None) -> None:
    """Seal every second and sign a checkpoint every hour, until `stopping` is set.

    Outlives a restart of the database: what was not committed is still pending.
    """
    courier = copies.Courier()
    while not stopping.is_set():
        try:
            count = seal_pending()
            progress(count)
            if not count:
                keep_checkpoints()
                courier.deliver()
            pause = 0.0 if count == BATCH else IDLE_SECONDS
        except (OperationalError, InterfaceError) as error:
            logger.warning("the database is away, sealing goes on when it is back: %s", error)
            connections[SYSTEM].close()
            pause = RETRY_SECONDS
        stopping.wait(pause)


def keep_checkpoints() -> None:
    """Sign the hourly checkpoint when it is due; a conflict is an alarm, and sealing goes on."""
    try:
        checkpoints.make_if_due()
    except checkpoints.CheckpointConflict as error:
        logger.error("no checkpoint was signed: %s", error)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Entries without a seal, and since when the oldest has been waiting."""

    count: int
    since: datetime | None

    @property
    def seconds(self) -> float:
        """Age of the oldest, 0 when nothing waits."""
        return max((timezone.now() - self.since).total_seconds(), 0.0) if self.since else 0.0

    @property
    def alarming(self) -> bool:
        """Whether the sealer is asleep: something has been waiting for more than five minutes."""
        return self.seconds > ALARM.total_seconds()


def waiting(using: str = SYSTEM, institution_id: int | None = None) -> Waiting | None:
    """What waits for a seal, of all institutions or of one.

    None where this process has no `system` connection: it can't know.
    """
    if using not in connections:
        return None
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT count(*), min(queued_at) FROM accounts_auditpending"
            " WHERE %(institution)s::bigint IS NULL OR institution_id = %(institution)s",
            {"institution": institution_id},
        )
        return Waiting(*cursor.fetchone())
