"""Fair-lending figures from summaries, and the frozen cases behind them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

from django.db import connections, transaction
from django.db.models import QuerySet, Sum

from accounts.clock import LIMA
from lending.disparity import AGE_BANDS, ALL, COUNTED, DIMENSIONS, Counts, Group, compare, signals

YEAR_DAYS: Final = 365
DAYS_LATE: Final = 90
_BANDS: Final = " ".join(f"WHEN a.age_years <= {high} THEN '{name}'" for _low, high, name in AGE_BANDS)

# One row for each application that a policy has answered, from rows that nobody can change. `since` and `until`
# bound the instant of the first answer; a null `institution` asks for all of them.
CASES: Final = f"""
WITH words AS (
  SELECT d.institution_id, d.application_id,
         min(d.created_at) FILTER (WHERE d.stage = 'policy') AS first_at,
         min(d.created_at) FILTER (WHERE d.outcome <> 'refer' AND d.stage <> 'proposal') AS decided_at,
         (array_agg(d.outcome ORDER BY d.created_at DESC, d.id DESC) FILTER (WHERE d.stage = 'policy'))[1] AS program,
         (array_agg(d.assessment_id ORDER BY d.created_at DESC, d.id DESC) FILTER (WHERE d.stage = 'policy'))[1]
           AS assessment_id,
         (array_agg(d.outcome ORDER BY d.created_at DESC, d.id DESC)
           FILTER (WHERE d.stage = 'final' AND d.outcome <> 'refer'))[1] AS person,
         (array_agg(d.id ORDER BY d.created_at DESC, d.id DESC)
           FILTER (WHERE d.stage = 'final' AND d.outcome <> 'refer'))[1] AS final_id
  FROM lending_decision d
  WHERE (%(institution)s::bigint IS NULL OR d.institution_id = %(institution)s)
  GROUP BY d.institution_id, d.application_id
), first_offers AS (
  SELECT DISTINCT ON (o.institution_id, o.application_id, o.decision_id)
         o.institution_id, o.application_id, o.decision_id, o.assessment_id, o.tea, o.tcea, v.product_id
  FROM lending_offer o
  JOIN lending_productversion v ON v.institution_id = o.institution_id AND v.id = o.product_version_id
  WHERE (%(institution)s::bigint IS NULL OR o.institution_id = %(institution)s)
  ORDER BY o.institution_id, o.application_id, o.decision_id, o.created_at DESC, o.rank, o.id
), reviews AS (
  SELECT r.institution_id, r.application_id, bool_and(r.closed_at IS NOT NULL) AS closed
  FROM lending_reviewrequest r
  WHERE (%(institution)s::bigint IS NULL OR r.institution_id = %(institution)s)
  GROUP BY r.institution_id, r.application_id
), cases AS (
  SELECT w.institution_id, w.application_id, a.number, a.segment,
         coalesce(o.product_id, a.product_id) AS product_id, s.model_id,
         date_trunc('month', w.first_at AT TIME ZONE 'America/Lima')::date AS month,
         w.first_at, w.decided_at, a.submitted_at, w.program, w.person,
         coalesce(w.person, nullif(w.program, 'refer')) AS outcome,
         s.pd, o.tea, o.tcea,
         round(extract(epoch FROM w.decided_at - a.submitted_at) / 3600, 4) AS hours,
         CASE WHEN l.first_late_on <= l.started_on + {YEAR_DAYS} THEN true
              WHEN l.observed_until >= l.started_on + {YEAR_DAYS} THEN false END AS defaulted,
         r.closed AS review_closed,
         coalesce(f.sex, '') AS sex, coalesce(f.area, '') AS area, coalesce(f.language, '') AS language,
         coalesce(f.ethnicity, '') AS ethnicity, coalesce(a.facts ->> 'region', '') AS region,
         CASE WHEN a.age_years IS NULL THEN '' {_BANDS} ELSE '' END AS age
  FROM words w
  JOIN lending_application a ON a.institution_id = w.institution_id AND a.id = w.application_id
  JOIN lending_assessment e ON e.institution_id = w.institution_id AND e.id = w.assessment_id
  LEFT JOIN scoring_score s ON s.institution_id = e.institution_id AND s.id = e.score_id
  LEFT JOIN first_offers o ON o.institution_id = w.institution_id AND o.application_id = w.application_id
    AND (CASE WHEN w.person = 'approve' THEN o.decision_id = w.final_id
              ELSE o.decision_id IS NULL AND o.assessment_id = w.assessment_id END)
  LEFT JOIN scoring_outcome l ON l.institution_id = w.institution_id AND l.application_id = w.application_id
    AND l.days_late = {DAYS_LATE}
  LEFT JOIN reviews r ON r.institution_id = w.institution_id AND r.application_id = w.application_id
  LEFT JOIN lending_fairnessanswer f ON f.institution_id = w.institution_id AND f.application_id = w.application_id
  WHERE w.first_at >= %(since)s AND w.first_at < %(until)s
)
"""  # noqa: S608  (constants of ours)
GROUPS: Final = ", ".join([f"('{ALL}', '')", *(f"('{name}', c.{name})" for name in DIMENSIONS)])
FIRST_MONTH: Final = date(2000, 1, 1)


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def bounds(since: date, until: date) -> dict[str, datetime]:
    """The instants of `CASES` for whole months, both included."""
    return {
        "since": datetime.combine(month_of(since), time.min, tzinfo=LIMA),
        "until": datetime.combine(next_month(month_of(until)), time.min, tzinfo=LIMA),
    }


@dataclass(frozen=True, slots=True)
class Choice:
    """Which decisions a report is about: whole months, and a product or a model if not all."""

    since: date
    until: date
    product_id: UUID | None = None
    model_id: UUID | None = None

    def of(self, months: QuerySet[Any]) -> QuerySet[Any]:
        found = months.filter(month__gte=month_of(self.since), month__lte=month_of(self.until))
        if self.product_id:
            found = found.filter(product_id=self.product_id)
        return found.filter(model_id=self.model_id) if self.model_id else found


@dataclass(frozen=True, slots=True)
class Report:
    """All groups of all dimensions, and the whole."""

    choice: Choice
    whole: Counts
    dimensions: Mapping[str, list[Group]]

    @property
    def signals(self) -> list[tuple[str, Group]]:
        """(dimension, group) whose difference somebody should explain."""
        return [(name, group) for name, groups in self.dimensions.items() for group in signals(groups)]


def report(months: QuerySet[Any], choice: Choice) -> Report:
    """The report from summaries (one institution's rows of DisparityMonth). One query."""
    found = choice.of(months).order_by().values("dimension", "group").annotate(**_sums())
    groups: dict[str, dict[str, Counts]] = defaultdict(dict)
    for row in found:
        groups[row["dimension"]][row["group"]] = _counts(row)
    whole = groups.get(ALL, {}).get("", Counts())
    return Report(choice, whole, {name: compare(name, groups[name]) for name in DIMENSIONS if name in groups})


def trend(months: QuerySet[Any], choice: Choice, dimension: str) -> list[tuple[date, list[Group]]]:
    """The same comparison month by month, oldest first. One query."""
    found = choice.of(months).filter(dimension=dimension).order_by().values("month", "group").annotate(**_sums())
    by_month: dict[date, dict[str, Counts]] = defaultdict(dict)
    for row in found:
        by_month[row["month"]][row["group"]] = _counts(row)
    return [(month, compare(dimension, by_month[month])) for month in sorted(by_month)]


def whole_by_institution(months: QuerySet[Any], choice: Choice) -> dict[int, Counts]:
    """The sums over all cases of each institution that the queryset reaches."""
    found = choice.of(months).filter(dimension=ALL).order_by().values("institution_id").annotate(**_sums())
    return {row["institution_id"]: _counts(row) for row in found}


def _sums() -> dict[str, Sum]:
    return {f"of_{name}": Sum(name) for name in COUNTED}


def _counts(row: Mapping[str, Any]) -> Counts:
    return Counts(*(row[f"of_{name}"] for name in COUNTED))


def cases(
    using: str, institution_id: int | None, since: date, until: date, batch: int = 5_000
) -> Iterator[dict[str, Any]]:
    """The frozen cases of whole months, one at a time, through a role that may read the groups."""
    sql = f"{CASES} SELECT * FROM cases ORDER BY institution_id, first_at, application_id"  # noqa: S608
    with transaction.atomic(using=using), connections[using].chunked_cursor() as cursor:
        cursor.execute(sql, {"institution": institution_id, **bounds(since, until)})
        while rows := cursor.fetchmany(batch):
            names = [column.name for column in cursor.description]
            for row in rows:
                yield dict(zip(names, row, strict=True))


CASE_FILTERS: Final = {
    "approved": "outcome = 'approve'",
    "declined": "outcome = 'decline'",
    "decided": "outcome IS NOT NULL",
    "all": "true",
    "raised": "program = 'decline' AND person = 'approve'",
    "lowered": "program = 'approve' AND person = 'decline'",
    "reviews": "review_closed IS NOT NULL",
}


def case_list(
    using: str, institution_id: int, choice: Choice, dimension: str, group: str, which: str, offset: int, limit: int
) -> tuple[int, list[dict[str, Any]]]:
    """(how many, one page) of the frozen cases behind a figure, newest first. KeyError for an unknown filter."""
    wanted = [CASE_FILTERS[which]]
    parameters: dict[str, Any] = {
        "institution": institution_id,
        "group": group,
        "product": choice.product_id and str(choice.product_id),
        "model": choice.model_id and str(choice.model_id),
        "offset": offset,
        "limit": limit,
        **bounds(choice.since, choice.until),
    }
    if dimension != ALL:
        wanted.append(f"{DIMENSIONS[DIMENSIONS.index(dimension)]} = %(group)s")
    sql = " ".join(
        (
            f"{CASES} SELECT count(*) OVER () AS total, c.* FROM cases c WHERE {' AND '.join(wanted)}",  # noqa: S608
            "AND (%(product)s::uuid IS NULL OR product_id = %(product)s::uuid)",
            "AND (%(model)s::uuid IS NULL OR model_id = %(model)s::uuid)",
            "ORDER BY first_at DESC, application_id OFFSET %(offset)s LIMIT %(limit)s",
        )
    )
    with connections[using].cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return (rows[0]["total"] if rows else 0), rows
