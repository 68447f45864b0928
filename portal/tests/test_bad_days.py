"""Bad days, for real: killed workers, an absent Redis, a PostgreSQL that restarts.

Whatever happens, every answer arrives, late at worst, exactly once.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.db import connection
from django.db.models import Count, Sum

from accounts.clock import today
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from lending.models import Loan, PortfolioDay
from lending.services.closing import statements
from lending.tests.factories import applicant_of, submitted
from portal.local.paths import CHECKOUT, SUPERUSER
from portal.local.site import manage
from portal.tests.live import LiveAyni

LIVE_ENV = {"OUTBOX_REPUBLISH_SECONDS": "3"}
LOANS = 30_000  # two chunks
LATE = 90.0  # seconds; in the demo's own settings thirty more

Submit = Callable[[int], list[UUID]]


@pytest.fixture
def submit(live_ayni: LiveAyni, settings: Any) -> Iterator[Submit]:
    """`submit(5)`: that many people send an application to Caja Qantu, all in one transaction."""
    settings.FIELD_KEYS_FILE = str(live_ayni.paths.keys / "fields.json")

    def send(count: int) -> list[UUID]:
        with live_ayni.orm():
            qantu = Institution.objects.get(slug="qantu")
            with institution_scope(qantu.pk):
                return [submitted(qantu, actor=applicant_of(qantu), amount=Decimal(1500)).pk for _ in range(count)]

    yield send
    for program in ("worker", "relay"):
        if program not in live_ayni.site.children:
            live_ayni.start(program)


def listed(keys: list[UUID]) -> str:
    return ", ".join(f"'{key}'" for key in keys)


def count(live: LiveAyni, table: str, keys: list[UUID], extra: str = "", column: str = "application_id") -> int:
    return live.query(f"SELECT count(*) FROM {table} WHERE {column}::text IN ({listed(keys)}) {extra}")[0][0]


def all_told(live: LiveAyni, keys: list[UUID]) -> bool:
    """Everybody has an answer and a message, and nothing is left to do."""
    waiting = count(live, "lending_application", keys, "AND status = 'submitted'", "id")
    unsent = len(keys) - count(live, "lending_notification", keys, "AND sent_at IS NOT NULL")
    still_open = count(live, "accounts_outboxevent", keys, "AND done_at IS NULL", "subject_id")
    return waiting == unsent == still_open == 0


def exactly_once(live: LiveAyni, keys: list[UUID]) -> None:
    """One assessment, score, decision, event and message each; no offer twice; the evidence whole."""
    once = len(keys)
    assert count(live, "lending_assessment", keys) == once
    assert count(live, "scoring_score", keys) == once
    assert count(live, "lending_decision", keys) == once
    assert count(live, "accounts_outboxevent", keys, "AND name = 'lending.application.assessed'", "subject_id") == once
    assert count(live, "lending_notification", keys) == once
    offers = live.query(
        "SELECT count(*), count(DISTINCT (application_id, product_version_id)) FROM lending_offer"
        f" WHERE application_id IN ({listed(keys)})"
    )[0]
    assert offers[0] == offers[1] >= once
    events = live.query(
        "SELECT event, count(*) FROM accounts_auditentry"
        f" WHERE subject_id IN ({listed(keys)}) AND event = 'lending.application.assessed' GROUP BY 1"
    )
    assert events == [("lending.application.assessed", once)]
    sent = [live.outbox / "mail" / name for name in messages(live)]
    texts = [json.loads(path.read_text())["text"] for path in sent]
    assert all(sum(str(key) in text for text in texts) == 1 for key in keys)


def messages(live: LiveAyni) -> list[str]:
    return [path.name for path in (live.outbox / "mail").glob("*.json")]


def processes(live: LiveAyni) -> dict[str, int]:
    """Who runs: a program that outlives the day keeps its process."""
    return {name: live.site.children[name].process.pid for name in ("worker", "relay", "sealer")}


@contextmanager
def results_held(live: LiveAyni) -> Iterator[None]:
    """A worker gets as far as storing what it worked out, and waits there."""
    holder = psycopg2.connect(live.paths.database_url(SUPERUSER))
    try:
        holder.cursor().execute("LOCK TABLE lending_assessment IN EXCLUSIVE MODE")
        yield
    finally:
        holder.close()


@contextmanager
def nothing_summed_up(live: LiveAyni) -> Iterator[None]:
    """A close on two connections does all its chunks on one; the other waits."""
    holder = psycopg2.connect(live.paths.database_url(SUPERUSER))
    try:
        holder.cursor().execute("LOCK TABLE lending_portfolioflow IN EXCLUSIVE MODE")
        yield
    finally:
        holder.close()


def in_the_middle(live: LiveAyni) -> bool:
    """Whether a worker has claimed, scored, and is about to store."""
    return bool(
        live.query(
            "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'lend_app'"
            " AND l.relation = 'lending_assessment'::regclass AND l.mode = 'RowExclusiveLock' AND NOT l.granted"
        )
    )


def test_a_worker_killed_during_scoring_delays_the_answer_and_doubles_nothing(live_ayni, submit):
    with results_held(live_ayni):
        keys = submit(12)
        live_ayni.wait_for(lambda: in_the_middle(live_ayni), 60, "the worker to work out the answers")
        live_ayni.kill("worker")
    assert count(live_ayni, "lending_application", keys, "AND status = 'submitted'", "id") == 12
    assert count(live_ayni, "lending_assessment", keys) == count(live_ayni, "scoring_score", keys) == 0

    live_ayni.start("worker")
    live_ayni.wait_for(lambda: all_told(live_ayni, keys), LATE, "everybody's answer")
    exactly_once(live_ayni, keys)


@pytest.mark.long
def test_ten_seconds_without_redis(live_ayni, submit):
    before = processes(live_ayni)
    live_ayni.stop_redis()
    back_at = time.monotonic() + 10
    keys = submit(5)
    live_ayni.wait_for(lambda: time.monotonic() >= back_at, 15, "ten seconds to pass")
    assert count(live_ayni, "lending_application", keys, "AND status = 'submitted'", "id") == 5
    live_ayni.start_redis()
    keys += submit(5)

    live_ayni.wait_for(lambda: all_told(live_ayni, keys), LATE, "everybody's answer")
    exactly_once(live_ayni, keys)
    assert processes(live_ayni) == before


@pytest.mark.long
@pytest.mark.parametrize("crash", [False, True], ids=["restart", "crash"])
def test_postgresql_restarts_in_the_middle_of_the_work(live_ayni, submit, crash):
    before = processes(live_ayni)
    with results_held(live_ayni):
        keys = submit(12)
        live_ayni.wait_for(lambda: in_the_middle(live_ayni), 60, "the worker to work out the answers")
        live_ayni.restart_postgres(crash=crash)
    keys += submit(5)

    live_ayni.wait_for(lambda: all_told(live_ayni, keys), LATE, "everybody's answer")
    exactly_once(live_ayni, keys)
    assert processes(live_ayni) == before


@pytest.mark.long
def test_a_killed_relay_forgets_nothing(live_ayni, submit):
    live_ayni.kill("relay")
    keys = submit(3)
    live_ayni.start("relay")

    live_ayni.wait_for(lambda: all_told(live_ayni, keys), LATE, "everybody's answer")
    exactly_once(live_ayni, keys)


@pytest.mark.long
def test_a_queue_that_was_lost_is_filled_again(live_ayni, submit):
    """Redis loses everything it held: the relay comes back to what is still open."""
    live_ayni.stop("worker")
    keys = submit(3)
    live_ayni.wait_for(
        lambda: count(live_ayni, "accounts_outboxevent", keys, "AND published_at IS NOT NULL", "subject_id") == 3,
        20,
        "the relay to send the task",
    )
    live_ayni.redis.flush(0)
    live_ayni.start("worker")

    live_ayni.wait_for(lambda: all_told(live_ayni, keys), LATE, "everybody's answer")
    exactly_once(live_ayni, keys)


@pytest.mark.long
def test_postgresql_crashes_in_the_middle_of_a_close(live_ayni):
    """Chunks do not wait for the disk: what is lost of one is lost with its mark, and nothing else is."""
    yesterday = today() - timedelta(days=1)
    live_ayni.manage("generate_portfolio", "--institution", "cierre", "--loans", str(LOANS))
    with live_ayni.orm():
        institution = Institution.objects.get(slug="cierre")
    command = manage("close_of_business", "--institution", "cierre", "--connections", "2")
    with nothing_summed_up(live_ayni):
        closing = subprocess.Popen(command, env=live_ayni.env, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)
        done = "SELECT count(*) FROM lending_closechunk HAVING bool_and(done_at IS NOT NULL)"
        live_ayni.wait_for(lambda: live_ayni.query(done), 60, "all chunks to be done")
        live_ayni.restart_postgres(crash=True)
    assert "goes on where it stopped" in closing.communicate(timeout=60)[1]
    assert closing.returncode == 1
    assert not live_ayni.query(
        "SELECT 1 FROM lending_closerun WHERE finished_at IS NOT NULL AND progress ? 'states'"
        f" AND institution_id = {institution.pk}"
    )

    live_ayni.manage("close_of_business", "--institution", "cierre")
    with live_ayni.orm(), institution_scope(institution.pk), connection.cursor() as cursor:
        cursor.execute(statements.DIFFERENCES, {"i": institution.pk, "on": yesterday})
        assert cursor.fetchall() == []
        closed = PortfolioDay.objects.filter(on=yesterday).aggregate(Sum("loans"), Sum("principal"))
        owing = Loan.objects.filter(status=Loan.Status.ACTIVE, principal_outstanding__gt=0)
        assert closed == owing.aggregate(loans__sum=Count("pk"), principal__sum=Sum("principal_outstanding"))


@pytest.mark.long
def test_the_evidence_of_those_days_is_whole(live_ayni):
    live_ayni.wait_for(
        lambda: not live_ayni.query("SELECT 1 FROM accounts_auditpending"), 30, "the sealer to seal everything"
    )
    report = json.loads(live_ayni.manage("verify_audit", "--json").stdout)
    assert report["ok"]
