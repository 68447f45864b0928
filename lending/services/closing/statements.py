"""The close as SQL: one statement for each step and chunk, made from the rules of the day.

A loan is worked out when its span ends, when it was touched, when its debtor's class moved, or when acts booked after
the day must be taken back by their ledger entries; every other one stands as it stood, its interest a day older. In a
`whole` close all are. Money is whole céntimos; `sum(bigint)` is numeric and is cast back. Parameters: `i` institution,
`on` day, `before` the day closed last and `ends` the days from it to the day before `on`, `since` and `until` the keys
of a chunk (the last one left out).
"""

from typing import Final

from lending.buckets import BOUNDS, bucket_sql
from lending.ledger import ACCRUED, PRINCIPAL
from lending.provisions import RiskRules
from lending.selectors.risk import SPAN_DAYS, STATES_ON

_GROUP: Final = (
    'institution_id, "on", product_id, branch, officer_id, credit_type, currency, sbs_class, bucket, is_refinanced,'
    " is_judicial"
)
_SUMS: Final = (
    "loans, principal, overdue, accrued, receivable, suspended, provision, weighted_tea, daily_receivable,"
    " daily_suspended"
)
NEVER: Final = "DATE '9999-12-31'"
EPOCH: Final = "DATE '2000-01-01'"
_PRINCIPAL: Final = ", ".join(f"'{code}'" for code in PRINCIPAL)

# Only rows of one institution's keys are read, never a whole table: so no seqscan. Fresh rows have no statistics: a
# nested loop over what looks like one row would take minutes, so keys go over as arrays. Expressions that are used
# again stand behind OFFSET 0, or PostgreSQL would work them out at every use.
_STEPS: Final = {"enable_seqscan": "off", "jit": "off", "work_mem": "'64MB'", "random_page_cost": "1.1"}
_DEBTORS: Final = {"enable_nestloop": "off"}
_CHUNKS: Final = {**_STEPS, "enable_nestloop": "off"}
_PLACES: Final = {"enable_indexscan": "off", "enable_bitmapscan": "off"}


def _set(values: dict[str, str]) -> str:
    return "; ".join(f"SET LOCAL {name} = {value}" for name, value in values.items())


PLANNED: Final = _set(_STEPS)
DEBTORS_PLANNED: Final = _set(_DEBTORS)
# A chunk's commit need not reach the disk before the next begins: what a crash loses of it is lost with its note, and
# the steps that follow reach the disk after it.
TUNING: Final = _set({**_CHUNKS, "synchronous_commit": "off"})
UNTUNED: Final = _set(dict.fromkeys(_CHUNKS, "DEFAULT"))

# The bounds of the close before are `known`, the last of them `counted`; what came behind is counted off. The last
# chunk has no end: loans paid out meanwhile fall into it.
CHUNKS = """
INSERT INTO lending_closechunk (institution_id, "on", n, since, until, classed, own, debtor, stands, loans)
SELECT %(i)s, %(on)s, row_number() OVER (ORDER BY until), coalesce(lag(until) OVER (ORDER BY until),
  '00000000-0000-0000-0000-000000000000'), until, '{}', '{}', '{}', '{}', 0
FROM (
  SELECT unnest(%(known)s::uuid[]) AS until
  UNION ALL SELECT id FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM lending_loan
    WHERE institution_id = %(i)s AND id > %(counted)s) numbered
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
    """Of a refinanced loan `l`: the class below which it cannot be, one better for so many punctual months.

    An array, with the last day on which that holds, counted from EPOCH; NULL while punctual months stand still.
    """
    started = " ".join(f"WHEN '{code}' THEN {rule.refinanced_class}" for code, rule in rules.types.items())
    steps = " ".join(f"WHEN '{code}' THEN {rule.refinanced_months}" for code, rule in rules.types.items())
    return f"""(CASE WHEN l.is_refinanced THEN (
      SELECT ARRAY[greatest(0, greatest(CASE l.credit_type {started} END, coalesce(
          (SELECT s.sbs_class FROM lending_latestspan p JOIN lending_loanspan s ON s.institution_id = %(i)s
              AND s.loan_id = p.loan_id AND s."on" = p."on"
            WHERE p.institution_id = %(i)s AND p.loan_id = l.refinances_id AND p."on" < l.disbursed_on), 0))
        - q.better), CASE WHEN q.since < %(on)s THEN
          (q.since + make_interval(months => (q.better + 1) * q.step))::date - 1 - {EPOCH} END]
      FROM (SELECT p.since, p.step,
          (extract(year FROM p.age)::int * 12 + extract(month FROM p.age)::int) / p.step AS better
        FROM (SELECT max.since, age(%(on)s, max.since) AS age, CASE l.credit_type {steps} END AS step
          FROM (SELECT coalesce(max(CASE
              WHEN (n.settled_on IS NULL OR n.settled_on > %(on)s) AND n.due_on < %(on)s THEN %(on)s
              WHEN n.settled_on > n.due_on AND n.settled_on <= %(on)s THEN n.settled_on END), l.disbursed_on) AS since
            FROM lending_installment n WHERE n.institution_id = %(i)s AND n.loan_id = l.id) max) p) q) END)"""  # noqa: S608  (rules, no input)


# How loan `l` stood on the day: its row, or with acts booked later (`x`) what the books and the lines say.
_LATER: Final = "LEFT JOIN later x ON x.loan_id = l.id"
_ALIVE: Final = "(l.status = 'active' OR x.loan_id IS NOT NULL)"
_OUTSTANDING: Final = (
    "(CASE WHEN l.status = 'charged_off' THEN 0 ELSE l.principal_outstanding END + coalesce(x.principal, 0))"
)
_OLDEST: Final = """CASE WHEN x.loan_id IS NULL THEN l.next_due_on ELSE (
      SELECT min(n.due_on) FROM lending_installment n WHERE n.institution_id = %(i)s AND n.loan_id = l.id
        AND (n.settled_on IS NULL OR n.settled_on > %(on)s)) END"""
_ENDED: Final = "institution_id = %(i)s AND through = ANY (%(ends)s::date[])"
_TOUCHED: Final = "SELECT DISTINCT loan_id FROM lending_loanchange WHERE institution_id = %(i)s"


def debtors(rules: RiskRules, *, whole: bool) -> str:
    """Debtors whose class may move tonight: the worst of their loans, and no further from other creditors than allowed.

    Classes that moved go to the chunks, with those of the debtor's loans that are worked out anyway.
    """
    share = " ".join(f"WHEN '{code}' THEN {rule.alignment_share}" for code, rule in rules.types.items())
    levels = " ".join(f"WHEN '{code}' THEN {rule.alignment_levels}" for code, rule in rules.types.items())
    days = "greatest(%(on)s::date - next_due_on, 0)"
    candidates = " OR c.id IN (SELECT loan_id FROM ".join(("", "ended)", "touched)", "later)"))
    changed = "c.applicant_id IN (SELECT applicant_id FROM changed WHERE moves)"
    worked_out = "true" if whole else changed + candidates
    return f"""
WITH {_later()}
ended AS MATERIALIZED (
  SELECT loan_id, situation <> 0 OR {rules.class_sql("credit_type", days)} <> loan_class AS moves
  FROM lending_loanspan WHERE {_ENDED}
),
touched AS MATERIALIZED ({_TOUCHED}),
moved AS MATERIALIZED (
  SELECT l.applicant_id FROM lending_loan l WHERE l.institution_id = %(i)s AND l.id = ANY (ARRAY(
    SELECT loan_id FROM ended WHERE moves UNION SELECT loan_id FROM later))
  UNION SELECT l.applicant_id FROM lending_loan l
  WHERE l.institution_id = %(i)s AND {"true" if whole else "l.id = ANY (ARRAY(SELECT loan_id FROM touched))"}
    AND (l.is_refinanced OR l.next_due_on <= %(on)s::date - {rules.least_days()}
      OR EXISTS (SELECT FROM lending_debtorspan d WHERE d.institution_id = %(i)s AND d.applicant_id = l.applicant_id
        AND d.through = {NEVER})
      OR EXISTS (SELECT FROM lending_externalclass e WHERE e.institution_id = %(i)s
        AND e.applicant_id = l.applicant_id AND e."on" <= %(on)s AND e.sbs_class > 0))
  UNION SELECT applicant_id FROM lending_externalclass
  WHERE institution_id = %(i)s AND "on" > %(before)s::date AND "on" <= %(on)s
),
loans AS MATERIALIZED (
  SELECT l.id, l.applicant_id, l.credit_type, {_least_class(rules)} AS least,
    greatest(%(on)s::date - ({_OLDEST}), 0) AS days
  FROM lending_loan l {_LATER}
  WHERE l.institution_id = %(i)s AND l.applicant_id = ANY (ARRAY(SELECT applicant_id FROM moved))
    AND l.disbursed_on <= %(on)s AND {_ALIVE} AND {_OUTSTANDING} > 0
),
classed AS MATERIALIZED (
  SELECT o.id, o.applicant_id, greatest({rules.class_sql("o.credit_type", "o.days")}, o.least[1])::int2 AS own,
    {EPOCH} + o.least[2] AS stands,
    e.sbs_class AS external, CASE WHEN e.share >= (CASE o.credit_type {share} END)
      THEN e.sbs_class - (CASE o.credit_type {levels} END) END AS aligned
  FROM loans o LEFT JOIN LATERAL (
    SELECT x.sbs_class, x.share FROM lending_externalclass x
    WHERE x.institution_id = %(i)s AND x.applicant_id = o.applicant_id AND x."on" <= %(on)s
    ORDER BY x."on" DESC LIMIT 1) e ON true
),
found AS MATERIALIZED (
  SELECT applicant_id, max(own) AS own, max(external) AS external, greatest(max(own), max(aligned)) AS sbs_class
  FROM classed GROUP BY applicant_id
),
standing AS MATERIALIZED (
  SELECT applicant_id, own_class, external_class, sbs_class FROM lending_debtorspan
  WHERE institution_id = %(i)s AND through = {NEVER} AND applicant_id = ANY (ARRAY(SELECT applicant_id FROM moved))
),
changed AS MATERIALIZED (
  SELECT coalesce(f.applicant_id, s.applicant_id) AS applicant_id, f.own, f.external,
    coalesce(f.sbs_class, 0) AS sbs_class, coalesce(f.sbs_class, 0) <> coalesce(s.sbs_class, 0) AS moves
  FROM found f FULL JOIN standing s ON s.applicant_id = f.applicant_id
  WHERE (f.own, f.external, f.sbs_class) IS DISTINCT FROM (s.own_class, s.external_class, s.sbs_class)
),
closed AS (
  UPDATE lending_debtorspan SET through = %(before)s
  WHERE institution_id = %(i)s AND through = {NEVER} AND applicant_id = ANY (ARRAY(SELECT applicant_id FROM changed))
),
opened AS (
  INSERT INTO lending_debtorspan (institution_id, applicant_id, "on", through, own_class, external_class, sbs_class)
  SELECT %(i)s, applicant_id, %(on)s, {NEVER}, own, external, sbs_class FROM changed WHERE sbs_class > 0
  ORDER BY applicant_id
),
theirs AS (
  SELECT width_bucket(c.id, %(bounds)s::uuid[]) AS n, c.id, c.own, f.sbs_class, c.stands
  FROM classed c JOIN found f ON f.applicant_id = c.applicant_id
  WHERE {worked_out}
),
given AS (
  UPDATE lending_closechunk k SET classed = t.ids, own = t.own, debtor = t.debtor, stands = t.stands
  FROM (SELECT n, array_agg(id) AS ids, array_agg(own) AS own, array_agg(sbs_class) AS debtor,
      array_agg(stands) AS stands FROM theirs GROUP BY n) t
  WHERE k.institution_id = %(i)s AND k."on" = %(on)s AND k.n = t.n
)
SELECT count(*) FROM changed
"""  # noqa: S608  (rules and constants, no input)


_SPAN: Final = (
    "product_id, branch, officer_id, currency, tea, credit_type, situation, principal, overdue, past_due, next_due_on,"
    " accrued_first, receivable_first, daily, line_from, line_due, line_interest, loan_class, sbs_class, provision"
)


_WITHIN: Final = "AND loan_id >= %(since)s AND loan_id < %(until)s"
_EVERYONE: Final = """UNION SELECT l.id FROM lending_loan l
    WHERE l.institution_id = %(i)s AND l.id >= %(since)s AND l.id < %(until)s AND l.status = 'active'"""


def _others(*, whole: bool) -> str:
    """Loans of the chunk that are worked out whether or not their span ended."""
    return f"""
{_later(_WITHIN)}
touched AS MATERIALIZED ({_TOUCHED} {_WITHIN}),
classed AS MATERIALIZED (
  SELECT d.* FROM lending_closechunk k
  CROSS JOIN LATERAL unnest(k.classed, k.own, k.debtor, k.stands) d (loan_id, own, debtor, stands)
  WHERE k.institution_id = %(i)s AND k.id = %(key)s
),
others AS MATERIALIZED (
  SELECT loan_id FROM touched UNION SELECT loan_id FROM classed UNION SELECT loan_id FROM later
  {_EVERYONE if whole else ""}
)"""  # noqa: S608  (constants)


def standing(*, whole: bool) -> str:
    """Where the newest spans are of loans that are worked out before these end: `cut` ends them."""
    return f"""
WITH {_others(whole=whole)}
SELECT array_agg((SELECT s.ctid FROM lending_loanspan s
  WHERE s.institution_id = %(i)s AND s."on" = p."on" AND s.loan_id = p.loan_id))
FROM lending_latestspan p WHERE p.institution_id = %(i)s AND p.loan_id = ANY (ARRAY(SELECT loan_id FROM others))
"""  # noqa: S608  (constants)


# By place, whatever statistics say: a book that was first closed a minute ago has none, and any index would be taken.
CUT: Final = f"""
{_set(_PLACES)};
UPDATE lending_loanspan SET through = %(before)s
WHERE institution_id = %(i)s AND ctid = ANY (%(places)s::tid[]) AND through >= %(on)s;
{_set(dict.fromkeys(_PLACES, "DEFAULT"))}
"""  # noqa: S608  (constants)


def states(rules: RiskRules, *, whole: bool) -> str:
    """Everything of one chunk: spans that ended, the spans that begin, in key order, and what that does to the sums."""
    past_due = rules.past_due_sql("s.credit_type", "s.principal", "s.lagging", "s.days_late")
    provision = rules.provision_sql(
        "s.credit_type", "s.sbs_class", "s.principal", "s.recognised_guarantee", "s.guarantee_kind"
    )
    step = rules.next_change_sql("s.credit_type", "s.days_late", [low for low, _high in BOUNDS.values()])
    as_it_was = "false" if whole else "o.line_due > %(on)s AND t.loan_id IS NULL AND x.loan_id IS NULL"
    left_out = "" if whole else f'UNION ALL SELECT -1, "on", {_SPAN} FROM old'  # noqa: S608  (constants)
    return f"""
WITH {_others(whole=whole)},
old AS MATERIALIZED (SELECT loan_id, "on", {_SPAN} FROM lending_loanspan WHERE {_ENDED} {_WITHIN}),
book AS (
  SELECT l.id, l.product_id, l.branch, l.officer_id, l.currency, l.tea, l.credit_type, l.recognised_guarantee,
    l.guarantee_kind, l.judicial_on, x.loan_id IS NOT NULL AS is_taken_back,
    CASE WHEN l.judicial_on <= %(on)s THEN 2 WHEN l.is_refinanced THEN 1 ELSE 0 END AS situation,
    {_OUTSTANDING} AS principal, {_OLDEST} AS next_due_on, coalesce(x.interest, 0) AS taken_back,
    coalesce(d.own, o.loan_class, 0)::int2 AS loan_class, coalesce(d.debtor, o.sbs_class, 0)::int2 AS sbs_class,
    d.stands, o.overdue, o.receivable_first - o.accrued_first AS waiting, o.line_from, o.line_due, o.line_interest,
    CASE WHEN {as_it_was} THEN NULL ELSE (
      SELECT ARRAY[coalesce(max(due_on) FILTER (WHERE due_on <= %(on)s), l.disbursed_on) - {EPOCH},
        coalesce(min(due_on) FILTER (WHERE due_on > %(on)s), {NEVER}) - {EPOCH},
        coalesce((array_agg(earned ORDER BY place) FILTER (WHERE due_on > %(on)s))[1], 0),
        coalesce(sum(earned) FILTER (WHERE due_on <= %(on)s), 0)::bigint,
        coalesce(sum(paid_interest + waived_interest), 0)::bigint,
        coalesce(sum(n.principal) FILTER (WHERE due_on > %(on)s), 0)::bigint]
      FROM lending_installment n WHERE n.institution_id = %(i)s AND n.loan_id = l.id) END AS fresh
  FROM lending_loan l {_LATER}
  LEFT JOIN old o ON o.loan_id = l.id LEFT JOIN touched t ON t.loan_id = l.id LEFT JOIN classed d ON d.loan_id = l.id
  WHERE l.institution_id = %(i)s AND l.id = ANY (ARRAY(SELECT loan_id FROM old UNION SELECT loan_id FROM others))
    AND l.disbursed_on <= %(on)s AND {_ALIVE} AND {_OUTSTANDING} > 0 OFFSET 0
),
stood AS (
  SELECT b.*, greatest(%(on)s::date - next_due_on, 0) AS days_late,
    CASE WHEN fresh IS NULL THEN overdue ELSE greatest(principal - fresh[6], 0) END AS lagging,
    CASE WHEN fresh IS NULL THEN waiting ELSE fresh[4] - fresh[5] + taken_back END AS held,
    coalesce({EPOCH} + fresh[1]::int, line_from) AS starts, coalesce({EPOCH} + fresh[2]::int, line_due) AS ends,
    coalesce(fresh[3], line_interest) AS earns
  FROM book b OFFSET 0
),
earning AS (
  SELECT s.*, %(on)s::date - starts AS gone, earns / (ends - starts) AS each, (earns %% (ends - starts))::int AS rest
  FROM stood s OFFSET 0
),
final AS MATERIALIZED (
  SELECT id AS loan_id, %(on)s::date AS "on", product_id, branch, officer_id, currency, tea, credit_type, situation,
    principal, lagging AS overdue, CASE WHEN situation = 2 THEN principal ELSE {past_due} END AS past_due, next_due_on,
    each * gone + least(gone, rest) AS accrued_first,
    held + each * gone + least(gone, rest) AS receivable_first, each + (gone < rest)::int AS daily,
    starts AS line_from, CASE WHEN is_taken_back THEN %(on)s::date ELSE ends END AS line_due, earns AS line_interest,
    loan_class, sbs_class, {provision} AS provision,
    CASE WHEN is_taken_back THEN %(on)s::date ELSE least(%(on)s::date + {SPAN_DAYS - 1}, ends - 1,
      CASE WHEN gone < rest THEN starts + rest END, next_due_on + {step} - 1,
      CASE WHEN stands < %(on)s THEN %(on)s::date ELSE stands END,
      CASE WHEN judicial_on > %(on)s THEN judicial_on - 1 END) END AS through
  FROM earning s
),
written AS (
  INSERT INTO lending_loanspan (institution_id, loan_id, "on", {_SPAN}, through)
  SELECT %(i)s, loan_id, "on", {_SPAN}, through FROM final ORDER BY loan_id
),
pointed AS (
  INSERT INTO lending_latestspan (institution_id, loan_id, "on") SELECT %(i)s, loan_id, "on" FROM final ORDER BY loan_id
  ON CONFLICT (institution_id, loan_id) DO UPDATE SET "on" = excluded."on"
),
seen AS (
  DELETE FROM lending_loanchange WHERE institution_id = %(i)s {_WITHIN} AND loan_id NOT IN (
    SELECT id FROM lending_loan WHERE institution_id = %(i)s AND disbursed_on > %(on)s
      AND id = ANY (ARRAY(SELECT loan_id FROM touched)))
),
moved AS (
  SELECT 1 AS sign, "on", {_SPAN} FROM final {left_out}
),
parts AS (
  INSERT INTO lending_portfolioday ({_GROUP}, {_SUMS})
  SELECT %(i)s, %(on)s, product_id, branch, officer_id, credit_type, currency, sbs_class,
    {bucket_sql('greatest("on" - next_due_on, 0)')}, situation = 1, situation = 2, {_summed("sign * ")}
  FROM moved m GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
)
SELECT count(*) FROM final
"""  # noqa: S608  (rules and constants, no input)


def _summed(sign: str = "", first: str = "_first") -> str:
    """The sums of PortfolioDay over spans as of the day; `sign` takes some of them away."""
    gone = 'daily * (%(on)s::date - "on")' if first else "0"
    receivable = f"{sign}(receivable{first} + {gone})"
    return f"""sum({sign}1)::bigint, sum({sign}principal)::bigint,
    coalesce(sum({sign}past_due) FILTER (WHERE situation <> 2), 0)::bigint,
    sum({sign}(accrued{first} + {gone}))::bigint,
    coalesce(sum({receivable}) FILTER (WHERE past_due = 0), 0)::bigint,
    coalesce(sum({receivable}) FILTER (WHERE past_due > 0), 0)::bigint,
    sum({sign}provision)::bigint, sum({sign}principal * tea) / 100,
    coalesce(sum({sign}daily) FILTER (WHERE past_due = 0), 0)::bigint,
    coalesce(sum({sign}daily) FILTER (WHERE past_due > 0), 0)::bigint"""


# The sums of the day closed last, as many days older, and what the chunks changed in them.
SUMMARY = f"""
WITH parts AS (DELETE FROM lending_portfolioday WHERE institution_id = %(i)s AND "on" = %(on)s RETURNING *)
INSERT INTO lending_portfolioday ({_GROUP}, {_SUMS})
SELECT {_GROUP}, sum({_SUMS.replace(", ", "), sum(")})
FROM (
  SELECT {_GROUP}, {_SUMS} FROM parts
  UNION ALL SELECT {_GROUP.replace('"on"', "%(on)s")}, loans, principal, overdue,
    accrued + (daily_receivable + daily_suspended) * %(days)s, receivable + daily_receivable * %(days)s,
    suspended + daily_suspended * %(days)s, provision, weighted_tea, daily_receivable, daily_suspended
  FROM lending_portfolioday WHERE institution_id = %(i)s AND "on" = %(carried)s
) found
GROUP BY {_GROUP} HAVING sum(loans) <> 0 OR sum(principal) <> 0
"""  # noqa: S608  (constants)

_SPANS_SUMMED: Final = f"""
SELECT %(i)s::bigint AS institution_id, %(on)s::date AS "on", product_id, branch, officer_id, credit_type, currency,
  sbs_class, {bucket_sql("days_late")} AS bucket, situation = 1 AS is_refinanced, situation = 2 AS is_judicial,
  {_summed(first="")}
FROM {STATES_ON} s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""  # noqa: S608  (constants)

# What the sums of the day and the sum of its spans do not agree on.
DIFFERENCES = f"""
WITH spans AS ({_SPANS_SUMMED}), kept AS (
  SELECT {_GROUP}, {_SUMS} FROM lending_portfolioday WHERE institution_id = %(i)s AND "on" = %(on)s
)
(SELECT * FROM spans EXCEPT SELECT * FROM kept) UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM spans)
"""  # noqa: S608  (constants)
RECOUNTED = f"INSERT INTO lending_portfolioday ({_GROUP}, {_SUMS}) {_SPANS_SUMMED}"
