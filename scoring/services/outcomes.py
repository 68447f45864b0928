"""How loans went: told by the lending floor, judged at any horizon, joined to what was known when they began."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput
from accounts.models import Institution
from accounts.tenancy.scope import current_institution_id
from scoring.models import Segment

DAYS_LATE = 90
MONTHS = 12


@dataclass(frozen=True, slots=True)
class LoanOutcome:
    """What is known of a loan today. `first_late_on` is its first day `DAYS_LATE` or more days late, if any.

    A loan paid off is observed to the end: `observed_until` is then the day of the telling.
    """

    application_id: UUID
    segment: str
    started_on: date
    observed_until: date
    first_late_on: date | None = None
    group: str = ""


@transaction.atomic
def record_outcomes(*, outcomes: Sequence[LoanOutcome], actor: Actor, days_late: int = DAYS_LATE) -> int:
    """Keep what is known of these loans of the institution in scope; returns how many were new or changed.

    Knowledge only grows: a default once seen stays, and an observation is never shortened, so telling again or late
    does no harm. Raises NotAllowed, or InvalidInput for dates out of order; then nothing is kept.
    """
    actor.require("scoring.record_outcomes")
    institution_id = current_institution_id()
    _check(outcomes)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO scoring_outcome AS kept (institution_id, application_id, segment, days_late, started_on,"
            ' first_late_on, observed_until, "group", recorded_at)'
            " SELECT %s, told.application_id, told.segment, %s, told.started_on, told.first_late_on,"
            " told.observed_until, told.label, now()"
            " FROM unnest(%s::uuid[], %s::text[], %s::date[], %s::date[], %s::date[], %s::text[])"
            " AS told (application_id, segment, started_on, first_late_on, observed_until, label)"
            " ON CONFLICT (institution_id, application_id, days_late) DO UPDATE SET"
            " first_late_on = LEAST(kept.first_late_on, excluded.first_late_on),"
            " observed_until = GREATEST(kept.observed_until, excluded.observed_until), recorded_at = now()"
            " WHERE kept.observed_until < excluded.observed_until"
            " OR LEAST(kept.first_late_on, excluded.first_late_on) IS DISTINCT FROM kept.first_late_on",
            [
                institution_id,
                days_late,
                [str(one.application_id) for one in outcomes],
                [one.segment for one in outcomes],
                [one.started_on for one in outcomes],
                [one.first_late_on for one in outcomes],
                [one.observed_until for one in outcomes],
                [one.group[:40] for one in outcomes],
            ],
        )
        changed = int(cursor.rowcount)
    if changed:
        institution = Institution.objects.get(pk=institution_id)
        audit.record(actor, "scoring.outcomes.recorded", institution, count=changed, days_late=days_late)
    return changed


def _check(outcomes: Sequence[LoanOutcome]) -> None:
    wrong = [
        str(one.application_id)
        for one in outcomes
        if one.observed_until < one.started_on
        or (one.first_late_on is not None and not one.started_on <= one.first_late_on <= one.observed_until)
    ]
    if wrong:
        raise InvalidInput(_("Fechas fuera de orden en: %(keys)s.") % {"keys": ", ".join(wrong[:10])})
    if unknown := {one.segment for one in outcomes} - set(Segment.values):
        raise InvalidInput(_("Segmentos desconocidos: %(names)s.") % {"names": ", ".join(sorted(unknown))})
    if len({one.application_id for one in outcomes}) < len(outcomes):
        raise InvalidInput(_("Un mismo crédito aparece dos veces."))
