"""The close as SQL: one statement for each step and chunk, made from the rules of the day.

Every figure is as of the end of the day: acts booked later are taken back by their ledger entries, so that a
close that comes late finds what the books say of its day. Money is whole céntimos; `sum(bigint)` is numeric and
is cast back. Parameters: `i` institution, `on` day, `after` and `through` the keys of a chunk.
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
_PRINCIPAL: Final = ", ".join(f"'{code}'" for code in PRINCIPAL)

# A chunk is a range of keys: fresh rows have no statistics, and a nested loop over what looks like one row, or a scan
# of the whole book for each chunk, would take minutes. Expressions that are used again stand behind OFFSET 0, or
# PostgreSQL would work them out at every use.
_TUNED: Final = {"enable_nestloop": "off", "enable_seqscan": "off", "jit": "off", "work_mem": "'64MB'"}
TUNING: Final = "; ".join(f"SET LOCAL {name} = {value}" for name, value in _TUNED.items())
UNTUNED: Final = "; ".join(f"SET LOCAL {name} = DEFAULT" for name in _TUNED)

# The last chunk has no end: loans paid out meanwhile fall into it.
CHUNKS = """
INSERT INTO lending_closechunk (institution_id, "on", n, after, through, loans, changed)
SELECT %(i)s, %(on)s, row_number() OVER (ORDER BY through), coalesce(lag(through) OVER (ORDER BY through),
  '00000000-0000-0000-0000-000000000000'), through, 0, 0
FROM (
  SELECT id AS through
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM lending_loan WHERE institution_id = %(i)s) numbered
  WHERE place %% %(size)s = 0
  UNION ALL SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff'
) bounds
ON CONFLICT DO NOTHING
"""

CLAIM = """
SELECT id, n, after, through FROM lending_closechunk
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
          (SELECT o.sbs_class FROM lending_loan o WHERE o.institution_id = %(i)s AND o.id = l.refinances_id), 0))
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
    """Debtors worse than normal: the worst of their loans, and no further from other creditors than the norm allows."""
    share = " ".join(f"WHEN '{code}' THEN {rule.alignment_share}" for code, rule in rules.types.items())
    levels = " ".join(f"WHEN '{code}' THEN {rule.alignment_levels}" for code, rule in rules.types.items())
    return f"""
INSERT INTO lending_debtorday (institution_id, "on", applicant_id, own_class, external_class, sbs_class)
WITH {_later()}
external AS (
  SELECT DISTINCT ON (applicant_id) applicant_id, sbs_class, share FROM lending_externalclass
  WHERE institution_id = %(i)s AND "on" <= %(on)s ORDER BY applicant_id, "on" DESC
),
candidate AS (
  SELECT id FROM lending_loan
  WHERE institution_id = %(i)s AND status = 'active' AND next_due_on <= %(on)s::date - {rules.least_days()}
  UNION SELECT id FROM lending_loan WHERE institution_id = %(i)s AND status = 'active' AND is_refinanced
  UNION SELECT l.id FROM external e JOIN lending_loan l ON l.institution_id = %(i)s AND l.applicant_id = e.applicant_id
    WHERE e.sbs_class > 0
  UNION SELECT loan_id FROM later
),
loans AS MATERIALIZED (
  SELECT l.applicant_id, l.credit_type, {_least_class(rules)} AS least,
    greatest(%(on)s::date - ({_OLDEST}), 0) AS days
  FROM candidate c JOIN lending_loan l ON l.institution_id = %(i)s AND l.id = c.id {_LATER}
  WHERE l.disbursed_on <= %(on)s AND {_ALIVE} AND {_OUTSTANDING} > 0
),
classed AS (
  SELECT o.applicant_id, greatest({rules.class_sql("o.credit_type", "o.days")}, o.least) AS own,
    e.sbs_class AS external, CASE WHEN e.share >= (CASE o.credit_type {share} END)
      THEN e.sbs_class - (CASE o.credit_type {levels} END) END AS aligned
  FROM loans o LEFT JOIN external e ON e.applicant_id = o.applicant_id
)
SELECT %(i)s, %(on)s, applicant_id, max(own), max(external), greatest(max(own), max(aligned))
FROM classed GROUP BY applicant_id HAVING greatest(max(own), max(aligned)) > 0 ORDER BY applicant_id
"""  # noqa: S608  (rules and constants, no input)


def states(rules: RiskRules) -> str:
    """Everything of one chunk: running lines that changed, the day's states in key order, and the loans' figures."""
    within = "AND loan_id > %(after)s AND loan_id <= %(through)s"
    past_due = rules.past_due_sql("s.credit_type", "s.principal", "s.overdue", "s.days_late")
    provision = rules.provision_sql(
        "c.credit_type", "c.sbs_class", "c.principal", "c.recognised_guarantee", "c.guarantee_kind"
    )
    return f"""
WITH {_later(within)}
book AS MATERIALIZED (
  SELECT l.id, l.applicant_id, l.product_id, l.branch, l.officer_id, l.currency, l.tea, l.credit_type, l.revision,
    l.disbursed_on, l.moratory_tea, l.recognised_guarantee, l.guarantee_kind, l.is_refinanced,
    coalesce(l.judicial_on <= %(on)s, false) AS is_judicial,
    {_OUTSTANDING} AS principal, greatest(%(on)s::date - ({_OLDEST}), 0) AS days_late,
    coalesce(x.interest, 0) AS taken_back, {_least_class(rules)} AS least,
    l.days_late AS was_late, l.sbs_class AS was_class, l.provision AS was_provision,
    r.starts_on, r.due_on, r.earns, r.earned_before, r.collected, r.opening,
    coalesce(r.revision = l.revision AND r.starts_on <= %(on)s AND r.due_on > %(on)s, false) AS known
  FROM lending_loan l {_LATER}
  LEFT JOIN lending_runninginstallment r ON r.institution_id = %(i)s AND r.loan_id = l.id
    AND r.loan_id > %(after)s AND r.loan_id <= %(through)s
  WHERE l.institution_id = %(i)s AND l.id > %(after)s AND l.id <= %(through)s
    AND l.disbursed_on <= %(on)s AND {_ALIVE} AND {_OUTSTANDING} > 0
),
fresh AS MATERIALIZED (
  SELECT b.id, b.revision, coalesce(n.starts_on, b.disbursed_on) AS starts_on, n.due_on, n.earns, n.earned_before,
    n.collected, n.opening
  FROM book b CROSS JOIN LATERAL (
    SELECT max(due_on) FILTER (WHERE due_on <= %(on)s) AS starts_on,
      coalesce(min(due_on) FILTER (WHERE due_on > %(on)s), {NEVER}) AS due_on,
      coalesce((array_agg(earned ORDER BY place) FILTER (WHERE due_on > %(on)s))[1], 0) AS earns,
      coalesce(sum(earned) FILTER (WHERE due_on <= %(on)s), 0)::bigint AS earned_before,
      coalesce(sum(paid_interest + waived_interest), 0)::bigint AS collected,
      coalesce(sum(principal) FILTER (WHERE due_on > %(on)s), 0)::bigint AS opening
    FROM lending_installment WHERE institution_id = %(i)s AND loan_id = b.id
  ) n WHERE NOT b.known
),
kept AS (
  INSERT INTO lending_runninginstallment
    (institution_id, loan_id, revision, starts_on, due_on, earns, earned_before, collected, opening)
  SELECT %(i)s, id, revision, starts_on, due_on, earns, earned_before, collected, opening FROM fresh ORDER BY id
  ON CONFLICT (institution_id, loan_id) DO UPDATE SET revision = excluded.revision, starts_on = excluded.starts_on,
    due_on = excluded.due_on, earns = excluded.earns, earned_before = excluded.earned_before,
    collected = excluded.collected, opening = excluded.opening
),
late AS MATERIALIZED (
  SELECT b.id, m.owed FROM book b CROSS JOIN LATERAL (
    SELECT coalesce(sum(n.moratory - n.paid_moratory - n.waived_moratory
      + CASE WHEN n.principal > n.paid_principal AND coalesce(n.moratory_through, n.due_on) < %(on)s THEN
          round((n.principal - n.paid_principal) * round((power(1 + b.moratory_tea::float8,
            (%(on)s::date - coalesce(n.moratory_through, n.due_on)) / 360.0::float8) - 1)::numeric, 10))
        ELSE 0 END), 0)::bigint AS owed
    FROM lending_installment n WHERE n.institution_id = %(i)s AND n.loan_id = b.id AND n.due_on <= %(on)s
      AND (n.settled_on IS NULL OR n.settled_on > %(on)s)
  ) m WHERE b.days_late > 0
),
stood AS (
  SELECT b.*, m.owed AS moratory, greatest(b.principal - coalesce(f.opening, b.opening), 0) AS overdue,
    coalesce(f.earned_before, b.earned_before) - coalesce(f.collected, b.collected) + b.taken_back AS waiting,
    coalesce(f.earns, b.earns) AS earning, %(on)s::date - coalesce(f.starts_on, b.starts_on) AS gone,
    coalesce(f.due_on, b.due_on) - coalesce(f.starts_on, b.starts_on) AS days
  FROM book b LEFT JOIN fresh f ON f.id = b.id LEFT JOIN late m ON m.id = b.id OFFSET 0
),
classed AS (
  SELECT s.*, greatest({rules.class_sql("s.credit_type", "s.days_late")}, s.least)::int2 AS loan_class,
    CASE WHEN s.is_judicial THEN s.principal ELSE {past_due} END AS past_due,
    ((2 * s.earning * s.gone + s.days) / (2 * s.days))::bigint AS accrued, coalesce(d.sbs_class, 0) AS debtor_class
  FROM stood s LEFT JOIN lending_debtorday d ON d.institution_id = %(i)s AND d."on" = %(on)s
    AND d.applicant_id = s.applicant_id OFFSET 0
),
final AS MATERIALIZED (
  SELECT c.*, {provision} AS provision
  FROM (SELECT classed.*, greatest(loan_class, debtor_class) AS sbs_class FROM classed OFFSET 0) c
),
written AS (
  INSERT INTO lending_dailyloanstate (institution_id, "on", loan_id, credit_type, situation, principal, overdue,
    past_due, accrued, receivable, moratory, days_late, loan_class, sbs_class, provision)
  SELECT %(i)s, %(on)s, id, credit_type, CASE WHEN is_judicial THEN 2 WHEN is_refinanced THEN 1 ELSE 0 END, principal,
    overdue, past_due, accrued, waiting + accrued, coalesce(moratory, 0), days_late, loan_class, sbs_class, provision
  FROM final ORDER BY id
),
changed AS (
  UPDATE lending_loan l SET days_late = f.days_late, sbs_class = f.sbs_class, provision = f.provision,
    closed_through = %(on)s
  FROM final f WHERE l.institution_id = %(i)s AND l.id = f.id AND l.id = ANY (ARRAY(SELECT id FROM final
    WHERE (days_late, sbs_class, provision) IS DISTINCT FROM (was_late, was_class, was_provision)))
  RETURNING 1
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
SELECT (SELECT count(*) FROM final), (SELECT count(*) FROM changed)
"""  # noqa: S608  (rules and constants, no input)


# What the chunks found, added up.
SUMMARY = f"""
WITH parts AS (DELETE FROM lending_portfolioday WHERE institution_id = %(i)s AND "on" = %(on)s RETURNING *)
INSERT INTO lending_portfolioday ({_GROUP}, {_SUMS})
SELECT {_GROUP}, sum({_SUMS.replace(", ", "), sum(")}) FROM parts GROUP BY {_GROUP}
"""  # noqa: S608  (constants)
