"""Help for tests about evidence: acts to audit, a superuser who tampers, commands as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.conf import settings

from accounts import audit
from accounts.actors import Actor
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope

TABLES = ("accounts_auditentry", "accounts_auditseal", "accounts_auditpending", "accounts_auditcheckpoint")


def act(institution: Institution, count: int = 1, **facts: Any) -> list[UUID]:
    """`count` acts of the system in one institution, committed when no transaction is open."""
    actor = Actor.system("test", institution_id=institution.pk)
    with institution_scope(institution.pk):
        return [audit.record(actor, "accounts.test.done", institution, step=n, **facts) for n in range(1, count + 1)]


class Superuser:
    """Somebody with all rights over one database, at the psql prompt."""

    def __init__(self, servers: Any, database: str) -> None:
        self.servers, self.database = servers, database

    def run(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """One statement, committed; its rows."""
        connection = self.servers.postgres.connect(self.database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    @contextmanager
    def behind_their_backs(self) -> Iterator[None]:
        """With the triggers of all evidence switched off, and on again afterwards as they were."""
        for table in TABLES:
            self.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        try:
            yield
        finally:
            for table, trigger in self.run(
                "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
                " WHERE NOT tgisinternal AND tgrelid = ANY (%s::regclass[])",
                list(TABLES),
            ):
                self.run(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")

    def edit(self, entry_id: str, old: str, new: str) -> None:
        """Replace some text in an entry's body."""
        self.run("UPDATE accounts_auditentry SET body = replace(body, %s, %s) WHERE id = %s", old, new, entry_id)

    def delete(self, *entry_ids: str, seals: bool = False) -> None:
        """Delete entries, and their seals if asked."""
        if seals:
            self.run("DELETE FROM accounts_auditseal WHERE entry_id = ANY (%s::uuid[])", list(entry_ids))
        self.run("DELETE FROM accounts_auditentry WHERE id = ANY (%s::uuid[])", list(entry_ids))

    def swap(self, institution_id: int, one: int, other: int) -> None:
        """Let two seals of a chain change places."""
        for seq, place in ((one, -1), (other, one), (-1, other)):
            self.run(
                "UPDATE accounts_auditseal SET seq = %s WHERE institution_id = %s AND seq = %s",
                place,
                institution_id,
                seq,
            )

    def rehash(self, institution_id: int) -> None:
        """Number and hash a whole chain anew, as somebody would who knows the formula."""
        seals = self.run(
            "SELECT s.id, e.body FROM accounts_auditseal s JOIN accounts_auditentry e ON e.id = s.entry_id"
            " WHERE s.institution_id = %s ORDER BY s.seq",
            institution_id,
        )
        self.run("UPDATE accounts_auditseal SET seq = -seq WHERE institution_id = %s", institution_id)
        previous = b"\x00" * 32
        for seq, (key, body) in enumerate(seals, start=1):
            ((digest,),) = self.run(
                "UPDATE accounts_auditseal SET seq = %s, prev_hash = %s,"
                " hash = sha256(%s || convert_to(%s, 'UTF8')) WHERE id = %s RETURNING hash",
                seq,
                psycopg2.Binary(previous),
                psycopg2.Binary(previous),
                f"{seq}:{body}",
                key,
            )
            previous = bytes(digest)


def manage(servers: Any, database: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` as a process of its own against `database`."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=process_environment(servers, database, **environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def process_environment(servers: Any, database: str, **more: str) -> dict[str, str]:
    """Variables that point a process to `database`, with this test's keys and folders."""
    addresses = {
        "DATABASE_URL": "lend_app",
        "DATABASE_OWNER_URL": "lend_owner",
        "DATABASE_REGULATOR_URL": "lend_regulator",
        "DATABASE_SYSTEM_URL": "lend_system",
        "DATABASE_FAIRNESS_URL": "lend_fairness",
    }
    return {
        **os.environ,
        **{name: servers.paths.database_url(role, database) for name, role in addresses.items()},
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_KEYS_FILE": str(settings.FIELD_KEYS_FILE),
        "AUDIT_SIGNING_KEY_FILE": str(settings.AUDIT_SIGNING_KEY_FILE),
        "OUTBOX_ROOT": str(settings.OUTBOX_ROOT),
        "CHECKPOINT_STORAGE_OPTIONS": json.dumps(settings.STORAGES["checkpoints"]["OPTIONS"]),
        "REDIS_URL": settings.REDIS_URL,
        **more,
    }


@pytest.fixture
def superuser(servers: Any, fresh_database: str) -> Superuser:
    """The database's superuser, in a test with a database of its own."""
    return Superuser(servers, fresh_database)


@pytest.fixture
def outbox(settings: Any, tmp_path: Path) -> Path:
    """A folder of this test's own for what is published and sent."""
    settings.OUTBOX_ROOT = str(tmp_path)
    settings.STORAGES = {
        **settings.STORAGES,
        "checkpoints": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "elsewhere")},
        },
    }
    return tmp_path
