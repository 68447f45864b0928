"""The nightly close against two bare INSERT … SELECTs of days late, class and provision, in one run.

`manage.py benchmark close` calls `run`; alone: `python -m benchmarks.close [loans] [rounds]`. Both bare sides are
chunked by key and resumable as the product is, under the same policies, and write a table with the same key; they have
no accrual, debtor, running line, journal or summary. They differ in where the days late come from:

- `bare_from_loans` reads `loan.next_due_on`, which the services keep with every payment: no installment is touched.
- `bare_from_installments` finds each loan's oldest installment due and unsettled, in one ordered read of an index.

Before each night borrowers pay what is due, so that the book does not go bad while it is measured. At the end another
institution's pages are asked for, first alone and then while a close runs. Needs the product's own databases.
"""

import json
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.db import connection, connections, transaction

from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Institution
from accounts.services.institutions import create_institution
from accounts.tenancy.scope import institution_scope
from benchmarks import pages
from benchmarks.machine import comparable, measured, peak_megabytes
from lending.models import CloseRun, Loan
from lending.selectors.risk import risk_rules
from lending.services.closing import close_day
from lending.services.closing.run import CHUNK_LOANS
from lending.services.closing.statements import CHUNKS
from lending.services.generation import generate_portfolio

SYSTEM = Actor.system("benchmark")
NEIGHBOUR_LOANS = 2_000
QUIET_SECONDS = 20
# Days late of loan `l`, and what must be joined for them. Lines by range of keys, as few as are due: of the ways that
# were tried (the oldest of all unsettled lines, DISTINCT ON, a LATERAL look-up a loan) none takes less.
BARE = {
    "bare_from_loans": ("greatest(%(on)s::date - l.next_due_on, 0)", ""),
    "bare_from_installments": ("coalesce(%(on)s::date - n.due_on, 0)", """LEFT JOIN (
      SELECT loan_id, min(due_on) AS due_on FROM lending_installment
      WHERE institution_id = %(i)s AND loan_id >= %(since)s AND loan_id < %(until)s AND settled_on IS NULL
        AND due_on <= %(on)s GROUP BY loan_id) n ON n.loan_id = l.id"""),
}  # fmt: skip
BARE_TABLE = """
CREATE TABLE IF NOT EXISTS benchmark_close_state (institution_id bigint, "on" date, loan_id uuid, days_late integer,
  sbs_class smallint, provision bigint, PRIMARY KEY (institution_id, "on", loan_id));
CREATE TABLE IF NOT EXISTS benchmark_close_chunk (LIKE lending_closechunk INCLUDING ALL);
GRANT SELECT, INSERT, UPDATE, DELETE ON benchmark_close_state, benchmark_close_chunk TO lend_app;
TRUNCATE benchmark_close_state, benchmark_close_chunk
"""
# Every loan that owes today's installment pays it, but one in thirty.
PAY = """
WITH paid AS (
  UPDATE lending_installment n SET paid_principal = n.principal, paid_interest = n.interest,
    paid_insurance = n.insurance, settled_on = n.due_on
  FROM lending_loan l
  WHERE n.institution_id = %(i)s AND n.due_on = %(on)s AND n.settled_on IS NULL AND l.institution_id = %(i)s
    AND l.id = n.loan_id AND l.next_due_on = n.due_on AND l.status = 'active' AND l.number %% 30 <> 0
  RETURNING n.loan_id, n.place, n.principal, n.interest
), loans AS (
  UPDATE lending_loan l SET principal_outstanding = l.principal_outstanding - p.principal, revision = l.revision + 1,
    next_due_on = (SELECT n.due_on FROM lending_installment n WHERE n.institution_id = %(i)s AND n.loan_id = l.id
                   AND n.place = p.place + 1),
    status = CASE WHEN l.principal_outstanding = p.principal THEN 'paid' ELSE 'active' END,
    closed_on = CASE WHEN l.principal_outstanding = p.principal THEN %(on)s::date END
  FROM paid p WHERE l.institution_id = %(i)s AND l.id = p.loan_id
  RETURNING l.product_id, l.is_refinanced, p.principal, p.interest
), sums AS (
  SELECT product_id, gen_random_uuid() AS journal, sum(principal) FILTER (WHERE NOT is_refinanced) AS current,
    sum(principal) FILTER (WHERE is_refinanced) AS refinanced, sum(interest) AS interest
  FROM loans GROUP BY product_id
)
INSERT INTO lending_ledgerentry (institution_id, journal, "on", account, currency, amount, event, product_id)
SELECT %(i)s, journal, %(on)s, v.account, 'PEN', v.amount, 'benchmark.paid', product_id
FROM sums CROSS JOIN LATERAL (VALUES ('1401', -coalesce(current, 0)), ('1404', -coalesce(refinanced, 0)),
  ('1408', -interest), ('1103', coalesce(current, 0) + coalesce(refinanced, 0) + interest)) v (account, amount)
"""


def run(loans: int = 100_000, rounds: int = 3, seed: int = 20261126, keep: bool = False) -> dict[str, Any]:
    """Loans a second of both sides on one and two connections, their ratios, and the machine beside each."""
    month_end = today().replace(day=1) - timedelta(days=1)
    first = month_end - timedelta(days=2 * rounds + 2)  # the last but one is left for the pages
    institution, neighbour = _book(loans, seed, first), pages.book(NEIGHBOUR_LOANS)
    pages.latencies(neighbour, lambda: True)  # pages that do not open say so before the long part
    sides: dict[str, list[dict[str, Any]]] = {f"{side}_{count}": [] for side in (*BARE, "close") for count in (1, 2)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    opening = measured(lambda: _close(institution, first, 1), backend)
    active, day, voided = _active(institution), first, 0
    steps: dict[str, Any] = {}
    for _round in range(rounds):
        for count in (1, 2):
            day += timedelta(days=1)
            _pay(institution, day)
            alone = backend if count == 1 else None  # on two, the work is done on connections of their own
            found = {}
            for side in BARE:
                _empty_bare()
                found[side] = measured(lambda: _bare(institution, day, count, side), alone)  # noqa: B023
            found["close"] = measured(lambda: _close(institution, day, count), alone)  # noqa: B023
            fair = comparable(*found.values())
            voided += not fair
            for side, one in found.items():
                sides[f"{side}_{count}"].append({**one, "comparable": fair})
            steps = _steps(institution, day)
    medians = {
        name: statistics.median(
            [one["seconds"] for one in found if one["comparable"]] or [one["seconds"] for one in found]
        )
        for name, found in sides.items()
    }
    figures = {
        "loans": loans, "active": active, "chunk": CHUNK_LOANS, "rounds": rounds, "voided": voided,
        "loans_per_second": {name: round(active / seconds) for name, seconds in medians.items()},
        "ratios": {
            **{
                f"close_over_{side}_{count}": round(medians[f"{side}_{count}"] / medians[f"close_{count}"], 3)
                for side in BARE for count in (1, 2)
            },
            **{f"close_over_{side}_1_processor": _processor(sides[f"{side}_1"], sides["close_1"]) for side in BARE},
            **{
                f"{side}_two_connections_over_one": round(medians[f"{side}_1"] / medians[f"{side}_2"], 3)
                for side in (*BARE, "close")
            },
        },
        "first_close": opening, "runs": sides, "steps_of_the_last": steps,
        "pages_of_another_institution": _pages_meanwhile(institution, neighbour, month_end - timedelta(days=1)),
        "month_end_2": _month_end(institution, month_end),
        "peak_megabytes": peak_megabytes(),
    }  # fmt: skip
    if not keep:
        forget(institution)
    return figures


def _processor(bare: list[dict[str, Any]], close: list[dict[str, Any]]) -> float | None:
    """The same ratio by processor seconds, which other programs on the machine disturb less."""
    both = [statistics.median(one["processor"] for one in side) for side in (bare, close)]
    return round(both[0] / both[1], 3) if all(both) else None


def _book(loans: int, seed: int, on: date) -> Institution:
    institution = create_institution(
        actor=SYSTEM, slug=f"medida-{loans}", name=f"Medida {loans}", legal_name=f"Medida {loans}", kind="edpyme",
        is_fictional=True,
    )  # fmt: skip
    with institution_scope(institution.pk):
        there = Loan.objects.count()
        closed = CloseRun.objects.exists()
    if not there:
        generate_portfolio(institution=institution, actor=SYSTEM, loans=loans, seed=seed, on=on)
    elif closed:
        raise SystemExit(f"{institution.slug} was closed already; forget it first: benchmarks.close.forget")
    with connections["owner"].cursor() as cursor:
        cursor.execute(BARE_TABLE)
    _analyse("lending_loan", "lending_installment", "lending_applicant")
    return institution


def _analyse(*tables: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(tables)}")


def forget(institution: Institution) -> None:
    """Remove what a measurement left, past the triggers that keep evidence: as owner, in one transaction."""
    tables = [
        "closechunk",
        "closerun",
        "portfolioday",
        "loanspan",
        "latestspan",
        "debtorspan",
        "installment",
        "loan",
        "loanchange",
        "applicant",
        "productversion",
        "product",
    ]
    owner = connections["owner"]
    with institution_scope(institution.pk), transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute("ALTER TABLE lending_ledgerentry DISABLE TRIGGER evidence_is_kept")
        cursor.execute("DELETE FROM lending_ledgerentry WHERE institution_id = %s", [institution.pk])
        cursor.execute("ALTER TABLE lending_ledgerentry ENABLE ALWAYS TRIGGER evidence_is_kept")
        for table in tables:
            cursor.execute(f"DELETE FROM lending_{table} WHERE institution_id = %s", [institution.pk])  # noqa: S608
        cursor.execute("DELETE FROM accounts_outboxevent WHERE institution_id = %s", [institution.pk])
        cursor.execute("DROP TABLE IF EXISTS benchmark_close_state, benchmark_close_chunk")


def _active(institution: Institution) -> int:
    with institution_scope(institution.pk):
        return Loan.objects.filter(status=Loan.Status.ACTIVE).count()


def _steps(institution: Institution, on: date) -> dict[str, float]:
    with institution_scope(institution.pk):
        return {name: note["seconds"] for name, note in CloseRun.objects.get(on=on).progress.items()}


def _pay(institution: Institution, on: date) -> None:
    with institution_scope(institution.pk), connection.cursor() as cursor:
        cursor.execute(PAY, {"i": institution.pk, "on": on})


def _close(institution: Institution, on: date, count: int) -> None:
    """The close of a day as on the morning after it: only the newest one reminds borrowers."""
    with patch("lending.services.reminders.today", lambda: on):
        close_day(institution_id=institution.pk, actor=SYSTEM, on=on, connections=count)


def _month_end(institution: Institution, on: date) -> dict[str, Any]:
    """The night in which vintages, roll rates and the proof of all sums come on top."""
    _pay(institution, on)
    return {**measured(lambda: _close(institution, on, 2)), "steps": _steps(institution, on)}


def _pages_meanwhile(institution: Institution, other: Institution, on: date) -> dict[str, Any]:
    """Milliseconds of another institution's pages, alone and while a close runs on two connections."""
    _pay(institution, on)
    alone = pages.latencies(other, pages.for_seconds(QUIET_SECONDS))
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(_closing_apart, institution, on)
        meanwhile = pages.latencies(other, closing.done)
        closing.result()
    return {"loans": NEIGHBOUR_LOANS, "alone": alone, "during_a_close": meanwhile}


def _closing_apart(institution: Institution, on: date) -> None:
    try:
        _close(institution, on, 2)
    finally:
        connection.close()


def _empty_bare() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("TRUNCATE benchmark_close_state, benchmark_close_chunk")


def _bare(institution: Institution, on: date, count: int, side: str) -> None:
    values = {"i": institution.pk, "on": on, "size": CHUNK_LOANS, "known": [], "counted": str(UUID(int=0))}
    rules = risk_rules(on)
    days, lines = BARE[side]
    columns = "l.id, l.credit_type, l.principal_outstanding AS owed, l.recognised_guarantee, l.guarantee_kind"
    provision = rules.provision_sql(
        "b.credit_type", "b.sbs_class", "b.owed", "b.recognised_guarantee", "b.guarantee_kind"
    )
    chunk = f"""
        INSERT INTO benchmark_close_state SELECT %(i)s, %(on)s, b.id, b.days, b.sbs_class, {provision}
        FROM (SELECT {columns}, {rules.class_sql("l.credit_type", days)} AS sbs_class, {days} AS days
              FROM lending_loan l {lines} WHERE l.institution_id = %(i)s AND l.id >= %(since)s AND l.id < %(until)s
                AND l.status = 'active') b
        ORDER BY b.id
    """  # noqa: S608  (rules, no input)

    def work() -> None:
        try:
            while True:
                with institution_scope(institution.pk), connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT id, since, until FROM benchmark_close_chunk WHERE done_at IS NULL ORDER BY n LIMIT 1"
                        " FOR UPDATE SKIP LOCKED"
                    )
                    claimed = cursor.fetchone()
                    if claimed is None:
                        return
                    cursor.execute(chunk, {**values, "since": claimed[1], "until": claimed[2]})
                    cursor.execute("UPDATE benchmark_close_chunk SET done_at = now() WHERE id = %s", [claimed[0]])
        finally:
            if count > 1:
                connection.close()

    with institution_scope(institution.pk), connection.cursor() as cursor:
        cursor.execute(CHUNKS.replace("lending_closechunk", "benchmark_close_chunk"), values)
    if count == 1:
        work()
        return
    with ThreadPoolExecutor(count) as pool:
        for worker in [pool.submit(copy_context().run, work) for _n in range(count)]:
            worker.result()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(*map(int, sys.argv[1:])), indent=2, default=str) + "\n")
