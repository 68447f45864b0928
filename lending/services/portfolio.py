"""Summaries that the nightly close keeps, so that portfolio pages never read the whole book. Set-based, repeatable."""

from datetime import date, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Max

from accounts.tenancy.scope import current_institution_id
from lending.buckets import bucket_sql
from lending.models import CloseRun, PortfolioFlow, RollMonth, VintageMonth
from lending.selectors.risk import STATES_ON

_STATES_BEFORE: Final = STATES_ON.replace("%(on)s", "%(before)s")
FLOWS: Final = """
INSERT INTO lending_portfolioflow
  (institution_id, "on", product_id, branch, officer_id, loans, disbursed, due, on_time)
SELECT %(i)s, moved.day, moved.product_id, moved.branch, moved.officer_id,
  sum(moved.loans)::int, sum(moved.disbursed)::bigint, sum(moved.due)::bigint, sum(moved.on_time)::bigint
FROM (
  SELECT d."on" AS day, l.product_id, l.branch, l.officer_id, (d.n = 1)::int AS loans, d.amount AS disbursed,
    0 AS due, 0 AS on_time
  FROM lending_disbursement d JOIN lending_loan l ON l.institution_id = d.institution_id AND l.id = d.loan_id
  WHERE d.institution_id = %(i)s AND d."on" BETWEEN %(since)s AND %(on)s AND d.status = 'paid'
  UNION ALL
  SELECT line.due_on, l.product_id, l.branch, l.officer_id, 0, 0, line.total,
    CASE WHEN line.settled_on <= line.due_on THEN line.total ELSE 0 END
  FROM (
    SELECT loan_id, due_on, settled_on, principal + interest + insurance + fees AS total
    FROM lending_installment
    WHERE institution_id = %(i)s AND due_on BETWEEN %(since)s AND %(on)s AND kind = 'installment'
  ) line JOIN lending_loan l ON l.institution_id = %(i)s AND l.id = line.loan_id
) moved
GROUP BY moved.day, moved.product_id, moved.branch, moved.officer_id
"""
VINTAGES: Final = f"""
INSERT INTO lending_vintagemonth
  (institution_id, "on", origin, months, product_id, branch, loans, disbursed, par30)
SELECT %(i)s, %(on)s, date_trunc('quarter', l.disbursed_on)::date,
  (12 * (extract(year FROM %(on)s::date) - extract(year FROM l.disbursed_on))
   + extract(month FROM %(on)s::date) - extract(month FROM l.disbursed_on))::int AS age,
  l.product_id, l.branch, count(*), sum(l.disbursed)::bigint,
  sum(CASE WHEN s.days_late > 30 THEN s.principal WHEN l.charged_off_on <= %(on)s THEN l.principal_outstanding
      ELSE 0 END)::bigint
FROM lending_loan l
LEFT JOIN {STATES_ON} s ON s.loan_id = l.id
WHERE l.institution_id = %(i)s AND l.disbursed_on <= %(on)s AND l.status <> 'cancelled'
  AND l.disbursed_on >= %(on)s::date - interval '38 months'
GROUP BY 3, 4, 5, 6
"""  # noqa: S608  (constants)
ROLLS: Final = f"""
INSERT INTO lending_rollmonth (institution_id, "on", before, after, product_id, branch, loans, principal)
SELECT %(i)s, %(on)s, moved.before, moved.after, l.product_id, l.branch,
  count(*), sum(moved.principal)::bigint
FROM (
  SELECT coalesce(b.loan_id, a.loan_id) AS loan_id,
    CASE WHEN b.loan_id IS NULL THEN 'new' ELSE {bucket_sql("b.days_late")} END AS before,
    CASE WHEN a.loan_id IS NULL THEN NULL ELSE {bucket_sql("a.days_late")} END AS after,
    coalesce(b.principal, a.principal) AS principal
  FROM {_STATES_BEFORE} b FULL JOIN {STATES_ON} a ON a.loan_id = b.loan_id
) found
JOIN lending_loan l ON l.institution_id = %(i)s AND l.id = found.loan_id
CROSS JOIN LATERAL (SELECT found.before, found.principal, coalesce(found.after,
  CASE WHEN l.charged_off_on <= %(on)s THEN 'charged_off' ELSE 'paid' END) AS after) moved
GROUP BY moved.before, moved.after, l.product_id, l.branch
"""  # noqa: S608  (constants)


@transaction.atomic
def summarise_day(*, on: date) -> int:
    """Keep what moved since the last close and, at a month's end, vintages and roll rates; returns how many rows.

    The close of the day calls it, once its `LoanSpan` rows stand; the first one of a book takes its month so
    far. Repeated, it replaces what it wrote before.
    """
    institution_id = current_institution_id()
    closed = CloseRun.objects.filter(on__lt=on, finished_at__isnull=False).aggregate(last=Max("on"))["last"]
    since = closed + timedelta(days=1) if closed else on.replace(day=1)
    before = on.replace(day=1) - timedelta(days=1)
    values = {"i": institution_id, "on": on, "since": since, "before": before}
    PortfolioFlow.objects.filter(on__range=(since, on)).delete()
    with connection.cursor() as cursor:
        cursor.execute(FLOWS, values)
        rows = cursor.rowcount
        if (on + timedelta(days=1)).day != 1:
            return rows
        # All loans against all spans, which may have no statistics yet: never one by one.
        cursor.execute("SET LOCAL enable_nestloop = off")
        VintageMonth.objects.filter(on=on).delete()
        cursor.execute(VINTAGES, values)
        rows += cursor.rowcount
        RollMonth.objects.filter(on=on).delete()
        cursor.execute(ROLLS, values)
        rows += cursor.rowcount
        cursor.execute("SET LOCAL enable_nestloop = DEFAULT")
        return rows
