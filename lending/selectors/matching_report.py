"""How matching does: offers taken, turned down and let go, by product, place and rule; why products do not match."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import connection

from accounts.clock import today
from accounts.tenancy.scope import current_institution_id

LATE: Final = 30  # days, as PAR30 counts
MOST_REASONS: Final = 8
# One row for each offer a person saw, the newest of an application: what became of it, and their rating.
SHOWN: Final = """
WITH shown AS (
  SELECT o.application_id, o.product_version_id, o.rank AS place, o.status, f.rating, a.in_trial, a.trial_id,
         (o.total - o.net_disbursed) AS cost,
         min(o.total - o.net_disbursed) OVER (PARTITION BY o.application_id) AS cheapest
  FROM lending_offer o
  JOIN lending_assessment a ON a.institution_id = o.institution_id AND a.id = o.assessment_id
  LEFT JOIN lending_offerfeedback f ON f.institution_id = o.institution_id AND f.application_id = o.application_id
  WHERE o.institution_id = %(institution)s AND o.created_at >= %(start)s AND o.status <> 'withdrawn'
)
"""
# The same of this lender's offers between lenders, which name a person only once they were chosen.
ECHOED: Final = """
WITH shown AS (
  SELECT e.application_id, e.product_version_id, e.place, e.rating,
         CASE WHEN e.status = 'passed' THEN 'declined' WHEN e.status = 'open' AND e.valid_until < %(today)s
              THEN 'expired' ELSE e.status END AS status
  FROM lending_marketecho e WHERE e.institution_id = %(institution)s AND e.made_on >= %(start)s
)
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Counts of offers and what came of them, with the loans they became and how those stand."""

    name: str
    offers: int
    chosen: int
    declined: int
    expired: int
    open: int
    rating: float | None
    loans: int = 0
    paid: int = 0
    late: int = 0  # by more than `LATE` days
    lost: int = 0  # charged off

    @property
    def taken(self) -> float | None:
        """Chosen over all that were answered, one way or another."""
        answered = self.chosen + self.declined + self.expired
        return self.chosen / answered if answered else None


COUNTS: Final = """
  count(*), count(*) FILTER (WHERE s.status = 'chosen'), count(*) FILTER (WHERE s.status = 'declined'),
  count(*) FILTER (WHERE s.status = 'expired'), count(*) FILTER (WHERE s.status = 'open'), avg(s.rating)::float
"""
TURNED_OUT: Final = f"""
  count(l.id), count(l.id) FILTER (WHERE l.status = 'paid'),
  count(l.id) FILTER (WHERE l.status = 'active' AND l.next_due_on < %(today)s::date - {LATE}),
  count(l.id) FILTER (WHERE l.status = 'charged_off')
"""
LOANS: Final = """
LEFT JOIN lending_contract c ON c.institution_id = %(institution)s AND c.application_id = s.application_id
  AND s.status = 'chosen' AND c.status = 'signed'
LEFT JOIN lending_loan l ON l.institution_id = %(institution)s AND l.contract_id = c.id AND l.disbursed_on IS NOT NULL
"""
TOTAL: Final = f"SELECT '', {COUNTS} FROM shown s"  # noqa: S608  (fixed text, as below)
BY_PRODUCT: Final = f"""
SELECT p.name, {COUNTS}, {TURNED_OUT}
FROM shown s
JOIN lending_productversion v ON v.institution_id = %(institution)s AND v.id = s.product_version_id
JOIN lending_product p ON p.institution_id = %(institution)s AND p.id = v.product_id {LOANS}
GROUP BY p.id, p.name ORDER BY count(*) DESC, p.name
"""  # noqa: S608
BY_PLACE: Final = f"""
SELECT least(s.place, 4)::text, {COUNTS}, {TURNED_OUT} FROM shown s {LOANS} GROUP BY 1 ORDER BY 1
"""  # noqa: S608
# Of one trial: its rule against the policy's, on the applications that came while it ran.
BY_ARM: Final = f"""{SHOWN}
SELECT s.in_trial::text, {COUNTS} FROM shown s WHERE s.trial_id = %(trial)s GROUP BY 1 ORDER BY 1
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


def offers_in_all(start: date, *, national: bool = False) -> Line:
    """All offers made from a day on: to applications here, or, `national`, to requests between lenders."""
    return _lines(_from(national) + TOTAL, start)[0]


def offers_by_product(start: date, *, national: bool = False) -> list[Line]:
    """The same for each product, with the loans they became."""
    return _lines(_from(national) + BY_PRODUCT, start)


def offers_by_place(start: date, *, national: bool = False) -> list[Line]:
    """The same by the place in which they were shown, among this lender's own: 1, 2, 3, and 4 for all later ones."""
    return _lines(_from(national) + BY_PLACE, start)


def offers_by_arm(start: date, trial_id: Any) -> list[Line]:
    """The same for both rules of a trial: `false` is the policy's, `true` the trial's."""
    return _lines(BY_ARM, start, trial=str(trial_id))


def dearer_than_cheapest(start: date, trial_id: Any) -> dict[bool, float]:
    """Soles that chosen offers cost over the cheapest one beside them, on average, by arm."""
    return dict(_rows(DEARER, start, trial=str(trial_id)))


def why_not(start: date) -> list[tuple[str, int, int]]:
    """Reasons for a no, most frequent first: code, answers with it, applications with it."""
    return _rows(WHY_NOT, start, most=MOST_REASONS)


def _from(national: bool) -> str:
    return ECHOED if national else SHOWN


def _lines(sql: str, start: date, **values: Any) -> list[Line]:
    return [Line(*row) for row in _rows(sql, start, **values)]


def _rows(sql: str, start: date, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"institution": current_institution_id(), "start": start, "today": today(), **values})
        return cursor.fetchall()
