"""The close as SQL: one statement for each step and chunk, made from the rules of the day.

Every figure is as of the end of the day: acts booked later are taken back by their ledger entries, so that a
close that comes late finds what the books say of its day. Money is whole céntimos; `sum(bigint)` is numeric and
is cast back. Parameters: `i` institution, `on` day, `since` and `until` the keys of a chunk (the last one left out).
"""

from typing import Final

from lending.buckets import bucket_sql
from lending.ledger import ACCRUED, PRINCIPAL
from lending.provisions import RiskRules

_GROUP: Final = (
    'institution_id, "on", product_id, branch, officer_id, credit_type, currency, sbs_class, bucket, is_refinanced,'
    " is_judicial"
)
_SUMS: Final = "loans, principal, overdue, accrued, receivable, suspended, provision, weighted_tea"
NEVER: Final = "DATE '9999-12-31'"
EPOCH: Final = "DATE '2000-01-01'"
_PRINCIPAL: Final = ", ".join(f"'{code}'" for code in PRINCIPAL)

# Only rows of one institution's keys are read, never a whole table: so no seqscan. Debtors, with a tenth of the loans,
# read most pages: a bitmap visits each once, key by key they would be fetched again and again. Fresh rows have no
# statistics: a nested loop over what looks like one row would take minutes. Expressions that are used again stand
# behind OFFSET 0, or PostgreSQL would work them out at every use.
_STEPS: Final = {"enable_seqscan": "off", "jit": "off", "work_mem": "'64MB'", "random_page_cost": "1.1"}
_DEBTORS: Final = {"enable_nestloop": "off", "random_page_cost": "4"}
_CHUNKS: Final = {**_STEPS, "enable_nestloop": "off"}


def _set(values: dict[str, str]) -> str:
    return "; ".join(f"SET LOCAL {name} = {value}" for name, value in values.items())


PLANNED: Final = _set(_STEPS)
DEBTORS_PLANNED: Final = _set(_DEBTORS)
TUNING: Final = _set(_CHUNKS)
UNTUNED: Final = _set(dict.fromkeys(_CHUNKS, "DEFAULT"))

# The last chunk has no end: loans paid out meanwhile fall into it.
CHUNKS = """
INSERT INTO lending_closechunk (institution_id, "on", n, since, until, classed, own, debtor, loans)
SELECT %(i)s, %(on)s, row_number() OVER (ORDER BY until), coalesce(lag(until) OVER (ORDER BY until),
  '00000000-0000-0000-0000-000000000000'), until, '{}', '{}', '{}', 0
FROM (
  SELECT id AS until
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM lending_loan WHERE institution_id = %(i)s) numbered
  WHERE place %% %(size)s = 0
  UNION ALL SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff'
) bounds
ON CONFLICT DO NOTHING
"""

CLAIM = """
SELECT id, since, until FROM lending_closechunk
WHERE institution_id = %(i)s AND "on" = %(on)s AND done_at IS NULL ORDER BY n LIMIT 1 FOR UPDATE SKIP LOCKED
"""


def _later(within: str = "") -> str:
    return f"""
later AS MATERIALIZED (
  SELECT loan_id, -coalesce(sum(amount) FILTER (WHERE account IN ({_PRINCIPAL})), 0)::bigint AS principal,
    -coalesce(sum(amount) FILTER (WHERE account = '{ACCRUED}'), 0)::bigint AS interest
  FROM lending_ledgerentry WHERE institution_id = %(i)s AND "on" > %(on)s AND loan_id IS NOT NULL {within}
  GROUP BY loan_id
),"""  # noqa: S608  (constants, no input)


def _least_class(rules: RiskRules) -> str:
    """Class below which a refinanced loan `l` cannot be: one better for so many punctual months."""
    started = " ".join(f"WHEN '{code}' THEN {rule.refinanced_class}" for code, rule in rules.types.items())
    months = " ".join(f"WHEN '{code}' THEN {rule.refinanced_months}" for code, rule in rules.types.items())
    return f"""(CASE WHEN NOT l.is_refinanced THEN 0 ELSE greatest(0, (
      SELECT greatest(CASE l.credit_type {started} END, coalesce(
          (SELECT s.sbs_class FROM lending_dailyloanstate s WHERE s.institution_id = %(i)s
            AND s.loan_id = l.refinances_id AND s."on" = (SELECT max(c."on") FROM lending_closerun c
              WHERE c.institution_id = %(i)s AND c."on" < l.disbursed_on AND c.finished_at IS NOT NULL)), 0))
        - (extract(year FROM p.since)::int * 12 + extract(month FROM p.since)::int)
          / (CASE l.credit_type {months} END)
      FROM (SELECT age(%(on)s, coalesce(max(CASE
          WHEN (n.settled_on IS NULL OR n.settled_on > %(on)s) AND n.due_on < %(on)s THEN %(on)s
          WHEN n.settled_on > n.due_on AND n.settled_on <= %(on)s THEN n.settled_on END), l.disbursed_on)) AS since
        FROM lending_installment n WHERE n.institution_id = %(i)s AND n.loan_id = l.id) p)) END)"""  # noqa: S608  (rules, no input)


# How loan `l` stood on the day: its row, or with acts booked later (`x`) what the books and the lines say.
_LATER: Final = "LEFT JOIN later x ON x.loan_id = l.id"
_ALIVE: Final = "(l.status = 'active' OR x.loan_id IS NOT NULL)"
_OUTSTANDING: Final = (
    "(CASE WHEN l.status = 'charged_off' THEN 0 ELSE l.principal_outstanding END + coalesce(x.principal, 0))"
)
_OLDEST: Final = """CASE WHEN x.loan_id IS NULL THEN l.next_due_on ELSE (
      SELECT min(n.due_on) FROM lending_installment n WHERE n.institution_id = %(i)s AND n.loan_id = l.id
        AND (n.settled_on IS NULL OR n.settled_on > %(on)s)) END"""


def debtors(rules: RiskRules) -> str:
    """Debtors worse than normal: the worst of their loans, and no further from other creditors than the norm allows.

    The classes of all their loans go to the chunks that will need them.
    """
    share = " ".join(f"WHEN '{code}' THEN {rule.alignment_share}" for code, rule in rules.types.items())
    levels = " ".join(f"WHEN '{code}' THEN {rule.alignment_levels}" for code, rule in rules.types.items())
    late = f"l.status = 'active' AND l.next_due_on <= %(on)s::date - {rules.least_days()}"
    columns = """l.id, l.applicant_id, l.credit_type, l.is_refinanced, l.refinances_id, l.disbursed_on, l.status,
    l.principal_outstanding, l.next_due_on"""
    return f"""
WITH {_later()}
external AS (
  SELECT DISTINCT ON (applicant_id) applicant_id, sbs_class, share FROM lending_externalclass
  WHERE institution_id = %(i)s AND "on" <= %(on)s ORDER BY applicant_id, "on" DESC
),
candidate AS (
  SELECT {columns} FROM lending_loan l WHERE l.institution_id = %(i)s AND {late}
  UNION ALL SELECT {columns} FROM lending_loan l
  WHERE l.institution_id = %(i)s AND l.is_refinanced AND ({late}) IS NOT TRUE
  UNION ALL SELECT {columns} FROM lending_loan l
  WHERE l.institution_id = %(i)s AND NOT l.is_refinanced AND ({late}) IS NOT TRUE AND l.id = ANY (ARRAY(
    SELECT o.id FROM external e JOIN lending_loan o ON o.institution_id = %(i)s AND o.applicant_id = e.applicant_id
    WHERE e.sbs_class > 0 UNION SELECT loan_id FROM later))
),
loans AS MATERIALIZED (
  SELECT l.id, l.applicant_id, l.credit_type, {_least_class(rules)} AS least,
    greatest(%(on)s::date - ({_OLDEST}), 0) AS days
  FROM candidate l {_LATER}
  WHERE l.disbursed_on <= %(on)s AND {_ALIVE} AND {_OUTSTANDING} > 0
),
classed AS MATERIALIZED (
  SELECT o.id, o.applicant_id, greatest({rules.class_sql("o.credit_type", "o.days")}, o.least)::int2 AS own,
    e.sbs_class AS external, CASE WHEN e.share >= (CASE o.credit_type {share} END)
      THEN e.sbs_class - (CASE o.credit_type {levels} END) END AS aligned
  FROM loans o LEFT JOIN external e ON e.applicant_id = o.applicant_id
),
debtor AS (
  INSERT INTO lending_debtorday (institution_id, "on", applicant_id, own_class, external_class, sbs_class)
  SELECT %(i)s, %(on)s, applicant_id, max(own), max(external), greatest(max(own), max(aligned))
  FROM classed GROUP BY applicant_id HAVING greatest(max(own), max(aligned)) > 0 ORDER BY applicant_id
  RETURNING applicant_id, sbs_class
),
theirs AS (
  SELECT width_bucket(l.id, %(bounds)s::uuid[]) AS n, l.id, coalesce(c.own, 0) AS own, d.sbs_class
  FROM debtor d JOIN lending_loan l ON l.institution_id = %(i)s AND l.applicant_id = d.applicant_id
    AND l.disbursed_on <= %(on)s
  LEFT JOIN classed c ON c.id = l.id
),
given AS (
  UPDATE lending_closechunk k SET classed = t.ids, own = t.own, debtor = t.debtor
  FROM (SELECT n, array_agg(id) AS ids, array_agg(own) AS own, array_agg(sbs_class) AS debtor FROM theirs GROUP BY n) t
  WHERE k.institution_id = %(i)s AND k."on" = %(on)s AND k.n = t.n
)
SELECT count(*) FROM debtor
"""  # noqa: S608  (rules and constants, no input)


def states(rules: RiskRules) -> str:
    """Everything of one chunk: running lines that changed, the day's states in key order, and the loans' figures."""
    within = "AND loan_id >= %(since)s AND loan_id < %(until)s"
    past_due = rules.past_due_sql("s.credit_type", "s.principal", "s.overdue", "s.days_late")
    provision = rules.provision_sql(
        "s.credit_type", "s.sbs_class", "s.principal", "s.recognised_guarantee", "s.guarantee_kind"
    )
    return f"""
WITH {_later(within)}
book AS (
  SELECT l.id, l.product_id, l.branch, l.officer_id, l.currency, l.tea, l.credit_type, l.revision,
    l.moratory_tea, l.recognised_guarantee, l.guarantee_kind, l.is_refinanced,
    coalesce(l.judicial_on <= %(on)s, false) AS is_judicial,
    {_OUTSTANDING} AS principal, greatest(%(on)s::date - ({_OLDEST}), 0) AS days_late,
    coalesce(x.interest, 0) AS taken_back,
    coalesce(d.own, 0::int2) AS loan_class, coalesce(d.debtor, 0::int2) AS sbs_class,
    r.starts_on, r.due_on, r.earns, r.earned_before, r.collected, r.opening,
    CASE WHEN r.revision = l.revision AND r.starts_on <= %(on)s AND r.due_on > %(on)s THEN NULL ELSE (
      SELECT ARRAY[coalesce(max(due_on) FILTER (WHERE due_on <= %(on)s), l.disbursed_on) - {EPOCH},
        coalesce(min(due_on) FILTER (WHERE due_on > %(on)s), {NEVER}) - {EPOCH},
        coalesce((array_agg(earned ORDER BY place) FILTER (WHERE due_on > %(on)s))[1], 0),
        coalesce(sum(earned) FILTER (WHERE due_on <= %(on)s), 0)::bigint,
        coalesce(sum(paid_interest + waived_interest), 0)::bigint,
        coalesce(sum(n.principal) FILTER (WHERE due_on > %(on)s), 0)::bigint]
      FROM lending_installment n WHERE n.institution_id = %(i)s AND n.loan_id = l.id) END AS fresh
  FROM lending_loan l {_LATER}
  LEFT JOIN lending_runninginstallment r ON r.institution_id = %(i)s AND r.loan_id = l.id
    AND r.loan_id >= %(since)s AND r.loan_id < %(until)s
  LEFT JOIN (
    SELECT d.id, d.own, d.debtor FROM lending_closechunk k
    CROSS JOIN LATERAL unnest(k.classed, k.own, k.debtor) d (id, own, debtor)
    WHERE k.institution_id = %(i)s AND k.id = %(key)s) d ON d.id = l.id
  WHERE l.institution_id = %(i)s AND l.id >= %(since)s AND l.id < %(until)s
    AND l.disbursed_on <= %(on)s AND {_ALIVE} AND {_OUTSTANDING} > 0 OFFSET 0
),
stood AS (
  SELECT b.*, greatest(b.principal - coalesce(fresh[6], opening), 0) AS overdue,
    coalesce(fresh[4], earned_before) - coalesce(fresh[5], collected) + taken_back AS waiting,
    coalesce(fresh[3], earns) AS earning, %(on)s::date - coalesce({EPOCH} + fresh[1]::int, starts_on) AS gone,
    coalesce({EPOCH} + fresh[2]::int, due_on) - coalesce({EPOCH} + fresh[1]::int, starts_on) AS days
  FROM book b OFFSET 0
),
final AS MATERIALIZED (
  SELECT id, product_id, branch, officer_id, currency, tea, credit_type, is_refinanced, is_judicial, revision, fresh,
    principal, overdue, CASE WHEN is_judicial THEN principal ELSE {past_due} END AS past_due, waiting,
    ((2 * earning * gone + days) / (2 * days))::bigint AS accrued, days_late, loan_class, sbs_class,
    {provision} AS provision,
    CASE WHEN days_late > 0 THEN (
      SELECT coalesce(sum(n.moratory - n.paid_moratory - n.waived_moratory
        + CASE WHEN n.principal > n.paid_principal AND coalesce(n.moratory_through, n.due_on) < %(on)s THEN
            ((n.principal - n.paid_principal) * round(1e10::float8 * (power(1 + s.moratory_tea::float8,
              (%(on)s::date - coalesce(n.moratory_through, n.due_on)) / 360.0::float8) - 1))::bigint + 5000000000)
              / 10000000000
          ELSE 0 END), 0)::bigint
      FROM lending_installment n WHERE n.institution_id = %(i)s AND n.loan_id = s.id AND n.due_on <= %(on)s
        AND (n.settled_on IS NULL OR n.settled_on > %(on)s)) ELSE 0 END AS moratory
  FROM stood s
),
kept AS (
  INSERT INTO lending_runninginstallment
    (institution_id, loan_id, revision, starts_on, due_on, earns, earned_before, collected, opening)
  SELECT %(i)s, id, revision, {EPOCH} + fresh[1]::int, {EPOCH} + fresh[2]::int, fresh[3], fresh[4], fresh[5], fresh[6]
  FROM final WHERE fresh IS NOT NULL ORDER BY id
  ON CONFLICT (institution_id, loan_id) DO UPDATE SET revision = excluded.revision, starts_on = excluded.starts_on,
    due_on = excluded.due_on, earns = excluded.earns, earned_before = excluded.earned_before,
    collected = excluded.collected, opening = excluded.opening
),
written AS (
  INSERT INTO lending_dailyloanstate (institution_id, "on", loan_id, credit_type, situation, principal, overdue,
    past_due, accrued, receivable, moratory, days_late, loan_class, sbs_class, provision)
  SELECT %(i)s, %(on)s, id, credit_type, CASE WHEN is_judicial THEN 2 WHEN is_refinanced THEN 1 ELSE 0 END, principal,
    overdue, past_due, accrued, waiting + accrued, moratory, days_late, loan_class, sbs_class, provision
  FROM final ORDER BY id
),
parts AS (
  INSERT INTO lending_portfolioday ({_GROUP}, {_SUMS})
  SELECT %(i)s, %(on)s, product_id, branch, officer_id, credit_type, currency, sbs_class, {bucket_sql("days_late")},
    is_refinanced AND NOT is_judicial, is_judicial, count(*), sum(principal),
    coalesce(sum(past_due) FILTER (WHERE NOT is_judicial), 0), sum(accrued),
    coalesce(sum(waiting + accrued) FILTER (WHERE past_due = 0), 0),
    coalesce(sum(waiting + accrued) FILTER (WHERE past_due > 0), 0), sum(provision), sum(principal * tea) / 100
  FROM final GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
)
SELECT count(*) FROM final
"""  # noqa: S608  (rules and constants, no input)


# What the chunks found, added up.
SUMMARY = f"""
WITH parts AS (DELETE FROM lending_portfolioday WHERE institution_id = %(i)s AND "on" = %(on)s RETURNING *)
INSERT INTO lending_portfolioday ({_GROUP}, {_SUMS})
SELECT {_GROUP}, sum({_SUMS.replace(", ", "), sum(")}) FROM parts GROUP BY {_GROUP}
"""  # noqa: S608  (constants)
