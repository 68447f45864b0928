"""How fast evidence is kept: sealing over 100 institutions, verification, and what an entry costs.

AYNI_AUDIT_ENTRIES=1000000 repeats it at full size; the limits are rates, so they hold at any. They are held
against processor seconds of one thread, so that a busy machine changes nothing; both clocks are printed.
"""

import os
import sys
import time
from statistics import median

import psutil
import pytest
from django.db import connections

from accounts import audit
from accounts.actors import Actor
from accounts.audit import checkpoints, sealer
from accounts.audit.verify import verify
from accounts.outbox import publish
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import InstitutionFactory

pytestmark = [pytest.mark.long, pytest.mark.transactional, pytest.mark.usefixtures("outbox")]

ENTRIES = int(os.environ.get("AYNI_AUDIT_ENTRIES", "100000"))
LENDERS = 100
SEALED_PER_SECOND = 1_500
VERIFIED_PER_SECOND = 1_000_000 / 15
FACTS = {
    "amount": "12000.00",
    "term_months": 18,
    "outcome": "approve",
    "reason_codes": ["capacity", "history"],
    "model": "MC-1.2",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}


@pytest.fixture
def written(database):
    """Many entries of 100 institutions, all waiting for their seal."""
    actor = Actor.system("figures")
    began = time.monotonic()
    for lender in [InstitutionFactory() for _ in range(LENDERS)]:
        with institution_scope(lender.pk):
            audit.record_many(actor, "lending.application.assessed", [(lender, FACTS)] * (ENTRIES // LENDERS))
    took = time.monotonic() - began
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE accounts_auditentry; ANALYZE accounts_auditpending")
    return took


class Clock:
    """Wall and processor seconds, of this process and of the system connection's server process together."""

    def __init__(self):
        with connections["system"].cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")  # what helpers do would go uncounted
            cursor.execute("SELECT pg_backend_pid()")
            self.server = psutil.Process(cursor.fetchone()[0])
        self.start()

    def start(self):
        self.wall, self.cpu = time.monotonic(), self.spent()

    def spent(self):
        times = self.server.cpu_times()
        return time.process_time() + times.user + times.system

    def read(self):
        return time.monotonic() - self.wall, self.spent() - self.cpu


def say(text):
    sys.stdout.write(f"\n{text}\n")


def test_sealing_and_verification_keep_up(written, capsys):
    clock = Clock()
    assert sealer.seal_all() == ENTRIES
    sealing = clock.read()
    checkpoints.make()
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE accounts_auditseal")
    steps = {}
    clock.start()
    outcome = verify(progress=lambda name, done, total: steps.setdefault(name, clock.read()))
    chains, whole = steps["authorship"], clock.read()
    with capsys.disabled():
        say(f"{ENTRIES} entries of {LENDERS} institutions, wall (processor) seconds: written {written:.1f}")
        for name, (wall, cpu) in {"sealed": sealing, "chains verified": chains, "all verified": whole}.items():
            say(f"  {name} {wall:.1f} ({cpu:.1f}): {ENTRIES / wall:,.0f}/s ({ENTRIES / cpu:,.0f}/s)")
    assert outcome.ok
    assert outcome.entries == ENTRIES
    assert ENTRIES / sealing[1] >= SEALED_PER_SECOND
    assert ENTRIES / chains[1] >= VERIFIED_PER_SECOND


def test_an_entry_costs_little_beside_what_it_records(institution, capsys):
    """A business transaction of ten statements with and without its entry, turn by turn in one run."""
    actor = Actor.system("figures", institution_id=institution.pk)

    def act(recorded: bool) -> float:
        began = time.perf_counter()
        with institution_scope(institution.pk):
            for _ in range(10):
                publish("accounts.test.figure", institution)
            if recorded:
                audit.record(actor, "lending.application.assessed", institution, **FACTS)
        return time.perf_counter() - began

    for _ in range(20):
        act(recorded=True)
    pairs = [(act(recorded=False), act(recorded=True)) for _ in range(400)]
    without, with_entry = (median(times) for times in zip(*pairs, strict=True))
    share = with_entry / without - 1
    with capsys.disabled():
        say(f"a transaction {without * 1000:.2f} ms, with its entry {with_entry * 1000:.2f} ms: {share:.1%} more")
    assert share < 0.15
