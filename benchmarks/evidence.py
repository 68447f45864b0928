"""Evidence: sealing over 100 institutions, verification in SQL and offline, and what an entry costs a transaction.

`manage.py benchmark evidence [--size 1000000]` calls `run` in a database of its own; the size is the entries.
`cost` sends real applications with and without their entry, turn by turn, and compares medians.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import psutil
from django.db import connections
from django.test import override_settings

from accounts import audit
from accounts.actors import Actor
from accounts.audit import checkpoints, export, sealer
from accounts.audit.verify import verify
from accounts.clock import today
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from benchmarks.scratch import scratch_database
from lending.services import applications
from lending.tests import factories

SYSTEM = Actor.system("benchmark")
LENDERS, BATCH = 100, 10_000
FACTS = {
    "attempt": 1,
    "status": "approved",
    "recommendation": "approve",
    "reason_codes": ["capacity", "history"],
    "score": 712,
    "pd": "0.04213",
}


def run(size: int = 1_000_000) -> dict[str, Any]:
    """Seconds, rates and ratios beside their limits."""
    with tempfile.TemporaryDirectory() as folder, scratch_database(), published_to(Path(folder)):
        return {
            "entries": size,
            "load_before": round(os.getloadavg()[0], 2),
            **sealing(max(size // 500, 10)),
            **verifying(size, Path(folder)),
            **cost(),
            "load_after": round(os.getloadavg()[0], 2),
        }


@contextmanager
def published_to(folder: Path) -> Iterator[None]:
    """Checkpoints of the benchmark are nobody's evidence."""
    key = folder / "key"
    key.write_text(os.urandom(32).hex())
    place = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder / "held")}}
    from django.conf import settings

    storages = {**settings.STORAGES, "checkpoints": place}
    with override_settings(OUTBOX_ROOT=str(folder), AUDIT_SIGNING_KEY_FILE=str(key), STORAGES=storages):
        yield


def lender(number: int) -> Institution:
    return Institution.objects.create(slug=f"b-{number}", name=f"B {number}", legal_name=f"B {number}", kind="caja")


def write(institution: Institution, count: int) -> None:
    for start in range(0, count, BATCH):
        with institution_scope(institution.pk):
            rows = [(institution, FACTS)] * min(BATCH, count - start)
            audit.record_many(SYSTEM, "lending.application.assessed", rows)


def timed(act: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    found = act()
    return time.perf_counter() - began, found


def sealing(rounds: int) -> dict[str, Any]:
    """`rounds` entries of each of 100 institutions, sealed together."""
    for number in range(LENDERS):
        write(lender(number), rounds)
    seconds, count = timed(sealer.seal_all)
    return {"sealed": count, "sealed_per_second": round(count / seconds), "limit_sealed_per_second": 1_500}


def verifying(size: int, folder: Path) -> dict[str, Any]:
    """One institution's chain, verified by the database and by the package's own program."""
    large = lender(LENDERS)
    wrote, _none = timed(lambda: write(large, size))
    sealed, _count = timed(sealer.seal_all)
    checkpoints.make()
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE accounts_auditentry; ANALYZE accounts_auditseal")
    steps: dict[str, float] = {}
    with connections["system"].cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # what helpers do would go uncounted
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0])
    cpu_before = sum(server.cpu_times()[:2])
    cpu: dict[str, float] = {}

    def note(name: str, done: int, total: int) -> None:
        steps.setdefault(name, time.perf_counter() - began)
        cpu.setdefault(name, sum(server.cpu_times()[:2]) - cpu_before)

    began = time.perf_counter()
    whole, outcome = timed(lambda: verify(institution_id=large.pk, progress=note))
    assert outcome.ok, outcome.first_bad
    assert outcome.entries == size
    package = folder / "evidence.zip"
    packed, _made = timed(lambda: export.export(large, today(), today(), package))
    with zipfile.ZipFile(package) as archive:
        archive.extract("verify.py", folder)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    offline, done = timed(
        lambda: subprocess.run(
            [sys.executable, "-I", "-S", str(folder / "verify.py"), str(package)],
            capture_output=True, text=True, check=False,
        )
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    offline_cpu = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    per_million = 1_000_000 / size
    return {
        "write_seconds": round(wrote, 1),
        "seal_seconds": round(sealed, 1),
        "sql_seconds": round(steps["authorship"], 1),
        "sql_with_authorship_seconds": round(whole, 1),
        "sql_seconds_per_million": round(steps["authorship"] * per_million, 1),
        "sql_processor_seconds_per_million": round(cpu["authorship"] * per_million, 1),
        "limit_sql_seconds": 15,
        "export_seconds": round(packed, 1),
        "package_megabytes": round(package.stat().st_size / 1e6, 1),
        "offline_seconds": round(offline, 1),
        "offline_seconds_per_million": round(offline * per_million, 1),
        "offline_processor_seconds_per_million": round(offline_cpu * per_million, 1),
        "limit_offline_seconds": 60,
    }


def cost(pairs: int = 60) -> dict[str, Any]:
    """What its entries add to sending an application, the product's own service from validation to commit."""
    institution = lender(LENDERS + 1)

    def send() -> float:
        actor = factories.applicant_of(institution)
        with institution_scope(institution.pk):
            draft = applications.start_application(actor=actor, segment="household")
        said = {"application_id": draft.pk, "actor": actor, "declared": factories.declaration("household")}
        began = time.perf_counter()
        with institution_scope(institution.pk):
            applications.submit_application(**said, consents=factories.ALL_CONSENTS)
        return time.perf_counter() - began

    def without() -> float:
        with patch.object(audit, "record", lambda *act, **facts: uuid4()):
            return send()

    for _turn in range(5):
        send()
        without()
    took = [(without(), send()) for _turn in range(pairs)]
    bare, whole = (statistics.median(side) for side in zip(*took, strict=True))
    return {
        "transaction_ms": round(bare * 1000, 2),
        "transaction_with_entries_ms": round(whole * 1000, 2),
        "audit_share": round(whole / bare - 1, 4),
        "limit_audit_share": 0.15,
    }
