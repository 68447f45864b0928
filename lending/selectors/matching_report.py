"""How matching does: offers taken, turned down and let go, by product, place and rule; why products do not match."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import connection

from accounts.clock import today
from accounts.tenancy.scope import current_institution_id

LATE: Final = 30  # days, as PAR30 counts
MOST_REASONS: Final = 8
# One row for each set of offers a person saw: the newest of an application, what became of it, and their rating.
SHOWN: Final = """
WITH shown AS (
  SELECT o.id, o.application_id, o.product_version_id, o.rank, o.status, a.in_trial, a.trial_id,
         (o.total - o.net_disbursed) AS cost,
         min(o.total - o.net_disbursed) OVER (PARTITION BY o.application_id) AS cheapest
  FROM lending_offer o
  JOIN lending_assessment a ON a.institution_id = o.institution_id AND a.id = o.assessment_id
  WHERE o.institution_id = %(institution)s AND o.created_at >= %(start)s AND o.status <> 'withdrawn'
)
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Counts of offers and what came of them."""

    name: str
    offers: int
    chosen: int
    declined: int
    expired: int
    open: int
    rating: float | None
    loans: int = 0
    late: int = 0

    @property
    def taken(self) -> float | None:
        """Chosen over all that were answered, one way or another."""
        answered = self.chosen + self.declined + self.expired
        return self.chosen / answered if answered else None


COUNTS: Final = """
  count(*), count(*) FILTER (WHERE s.status = 'chosen'), count(*) FILTER (WHERE s.status = 'declined'),
  count(*) FILTER (WHERE s.status = 'expired'), count(*) FILTER (WHERE s.status = 'open'), avg(f.rating)::float
"""
RATED: Final = """
LEFT JOIN lending_offerfeedback f ON f.institution_id = %(institution)s AND f.application_id = s.application_id
"""
TOTAL: Final = f"{SHOWN} SELECT '', {COUNTS} FROM shown s {RATED}"  # noqa: S608  (fixed text)
BY_PRODUCT: Final = f"""{SHOWN}
SELECT p.name, {COUNTS},
  count(l.id), count(l.id) FILTER (WHERE l.next_due_on < %(today)s::date - {LATE})
FROM shown s
JOIN lending_productversion v ON v.institution_id = %(institution)s AND v.id = s.product_version_id
JOIN lending_product p ON p.institution_id = %(institution)s AND p.id = v.product_id {RATED}
LEFT JOIN lending_contract c ON c.institution_id = %(institution)s AND c.offer_id = s.id AND s.status = 'chosen'
LEFT JOIN lending_loan l ON l.institution_id = %(institution)s AND l.contract_id = c.id
GROUP BY p.id, p.name ORDER BY count(*) DESC, p.name
"""  # noqa: S608
BY_PLACE: Final = f"""{SHOWN} SELECT least(s.rank, 4)::text, {COUNTS} FROM shown s {RATED} GROUP BY 1 ORDER BY 1"""  # noqa: S608
# Of one trial: its rule against the policy's, on the applications that came while it ran.
BY_ARM: Final = f"""{SHOWN}
SELECT s.in_trial::text, {COUNTS} FROM shown s {RATED} WHERE s.trial_id = %(trial)s GROUP BY 1 ORDER BY 1
"""  # noqa: S608
DEARER: Final = f"""{SHOWN}
SELECT s.in_trial, avg(s.cost - s.cheapest)::float / 100 FROM shown s
WHERE s.status = 'chosen' AND s.trial_id = %(trial)s GROUP BY 1
"""  # noqa: S608
WHY_NOT: Final = """
SELECT reason ->> 'code', count(*), count(DISTINCT a.application_id)
FROM lending_assessment a, jsonb_array_elements(a.matches) m, jsonb_array_elements(m -> 'reasons') reason
WHERE a.institution_id = %(institution)s AND a.created_at >= %(start)s AND (m ->> 'eligible') = 'false'
  AND reason ->> 'tone' = 'block' AND reason ->> 'code' <> 'other_segment'
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(most)s
"""


def offers_in_all(start: date) -> Line:
    """All offers made from a day on."""
    return _lines(TOTAL, start)[0]


def offers_by_product(start: date) -> list[Line]:
    """The same for each product, with the loans they became and those more than 30 days late."""
    return _lines(BY_PRODUCT, start, today=today())


def offers_by_place(start: date) -> list[Line]:
    """The same by the place in which they were shown: 1, 2, 3, and 4 for all later ones."""
    return _lines(BY_PLACE, start)


def offers_by_arm(start: date, trial_id: Any) -> list[Line]:
    """The same for both rules of a trial: `false` is the policy's, `true` the trial's."""
    return _lines(BY_ARM, start, trial=str(trial_id))


def dearer_than_cheapest(start: date, trial_id: Any) -> dict[bool, float]:
    """Soles that chosen offers cost over the cheapest one beside them, on average, by arm."""
    return dict(_rows(DEARER, start, trial=str(trial_id)))


def why_not(start: date) -> list[tuple[str, int, int]]:
    """Reasons for a no, most frequent first: code, answers with it, applications with it."""
    return _rows(WHY_NOT, start, most=MOST_REASONS)


def _lines(sql: str, start: date, **values: Any) -> list[Line]:
    return [Line(*row) for row in _rows(sql, start, **values)]


def _rows(sql: str, start: date, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"institution": current_institution_id(), "start": start, **values})
        return cursor.fetchall()
