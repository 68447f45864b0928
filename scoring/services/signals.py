"""Keeping signals: the one door for files now and for messages later."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from django.db import connection
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput, NotAllowed
from accounts.models import Institution
from scoring.services.owners import chain_of
from scoring.signals.reading import SignalRow

AT_ONCE = 5_000

# A figure that is already known with this value is left alone; another value is a new version of it.
KEEP = """
WITH told AS (
  SELECT DISTINCT ON (kind, region, subject, since, until) *
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::date[], %s::date[], %s::date[], %s::numeric[])
    WITH ORDINALITY AS t (kind, region, subject, since, until, known_on, value, place)
  ORDER BY kind, region, subject, since, until, place DESC
)
INSERT INTO scoring_signal (kind, region, subject, "on", until, known_on, version, value, source, source_sha256)
SELECT t.kind, t.region, t.subject, t.since, t.until, t.known_on, coalesce(last.version, 0) + 1, t.value, %s, %s
FROM told t
LEFT JOIN LATERAL (
  SELECT s.version, s.value FROM scoring_signal s
  WHERE s.kind = t.kind AND s.region = t.region AND s.subject = t.subject AND s."on" = t.since AND s.until = t.until
  ORDER BY s.version DESC LIMIT 1
) last ON true
WHERE last.version IS NULL OR last.value <> t.value
ON CONFLICT DO NOTHING
"""


def load_signals(
    *,
    rows: Iterable[SignalRow],
    source: str,
    actor: Actor,
    source_sha256: str = "",
    progress: Callable[[int], object] | None = None,
) -> int:
    """Keep figures, all or none; returns how many were new or corrected. The same rows again change nothing.

    `progress` is told how many rows were read so far. Raises NotAllowed; whatever `rows` raises undoes everything.
    """
    actor.require("scoring.load_signals")
    if actor.institution_id is not None:
        raise NotAllowed(_("Las señales son de todas las entidades: las carga la plataforma."), code="platform_only")
    iterator, read, kept = iter(rows), 0, 0
    with chain_of(None):
        while batch := list(islice(iterator, AT_ONCE)):
            kept += _keep(batch, source[:120], source_sha256)
            read += len(batch)
            if progress:
                progress(read)
        if not read:
            raise InvalidInput(_("No hay ninguna señal que guardar."), code="no_signals")
        if kept:
            platform = Institution.objects.get(slug=Institution.PLATFORM_SLUG)
            audit.record(actor, "scoring.signals.loaded", platform, count=kept, read=read, sha256=source_sha256)
    return kept


def _keep(batch: Sequence[SignalRow], source: str, sha256: str) -> int:
    columns = [
        [getattr(row, name) for row in batch]
        for name in ("kind", "region", "subject", "on", "until", "known_on", "value")
    ]
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [*columns, source, sha256])
        return int(cursor.rowcount)
