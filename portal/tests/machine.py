"""The databases and the Redis of a test run.

Servers of their own under `$AYNI_LOCAL/test`, started by the first test that needs them. Each process of
the run takes a slot: a number held by a file lock, so that parallel workers and parallel runs stay apart.
Its database is a clone of a template that the owner has migrated; the template is kept until a migration
changes. Tests that commit get a clone for themselves instead of a flush, which the owner's tables and the
append-only triggers would refuse. Clones live in memory where there is enough: one is a thousand files, made
and forgotten hundreds of times in a run.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

from portal.local.paths import CHECKOUT, local_folder, memory_folder, paths
from portal.local.postgres import ROLES_SQL, PostgresServer, make_private, server_account
from portal.local.processes import FileLock
from portal.local.servers import Servers
from portal.local.site import PRODUCTION_VARIABLES

TEMPLATE = "test_ayni_template_"
TEMPLATES_KEPT = 3
IN_MEMORY = "test_ayni_memory"  # the tablespace of clones
LEAST_MEMORY = 1 << 30  # bytes free


def take_slot() -> FileLock:
    """Take the lowest free slot for this process and point the settings to it; keep what is returned."""
    for name in PRODUCTION_VARIABLES:
        os.environ.pop(name, None)
    for slot in count():
        lock = FileLock(local_folder() / "test" / "locks" / f"slot-{slot}.lock")
        if lock.take(wait=False):
            os.environ["AYNI_TEST_SLOT"] = str(slot)
            prepare_files(paths().files)
            return lock
        lock.release()
    raise AssertionError("unreachable")


def prepare_files(folder: Path) -> None:
    """Forget the files of an earlier run; keys may stay."""
    for name in ("media", "outbox", "static"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "static").mkdir(parents=True)
    os.environ["STATIC_ROOT"] = str(folder / "static")


def suit_settings() -> None:
    """The few settings that differ from production in a test: plain HTTP, cheap passwords, unhashed file names."""
    from django.conf import settings

    settings.SECURE_SSL_REDIRECT = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": storage}
    settings.WHITENOISE_AUTOREFRESH = False


def start_servers() -> Servers:
    """The servers of the run, answering."""
    return Servers(paths(), durable=False).attach()


def make_template(servers: Servers) -> str:
    """The name of the migrated template; the first process to ask makes it, the others wait."""
    name = f"{TEMPLATE}{migrations_hash()}"
    lock = FileLock(servers.paths.locks / "template.lock")
    lock.take()
    try:
        found = servers.postgres.query(
            f"SELECT datname, datistemplate FROM pg_database WHERE datname LIKE '{TEMPLATE}%' ORDER BY oid DESC"
        )
        if (name, True) in found:
            return name
        for outdated, _ in found[TEMPLATES_KEPT - 1 :]:
            drop_template(servers.postgres, outdated)
        drop_template(servers.postgres, name)  # a half-made one
        servers.postgres.create_database(name)
        memory = tablespace_in_memory(servers)
        move(servers.postgres, name, memory)
        migrate(name)
        move(servers.postgres, name, memory and "pg_default")  # where it is kept
        servers.postgres.query(f'ALTER DATABASE "{name}" IS_TEMPLATE true')
    finally:
        lock.release()
    return name


@cache
def tablespace_in_memory(servers: Servers) -> str | None:
    """The tablespace of clones, made anew if the machine has restarted; None where there is too little memory."""
    folder = memory_folder(servers.paths.home)
    if folder is None or shutil.disk_usage(folder.parent).free < LEAST_MEMORY:
        return None
    lock = FileLock(servers.paths.locks / "memory.lock")
    lock.take()
    try:
        found = servers.postgres.query(f"SELECT oid FROM pg_tablespace WHERE spcname = '{IN_MEMORY}'")
        if found and any(folder.glob("PG_*")):
            return IN_MEMORY
        for (oid,) in found:
            for (name,) in servers.postgres.query(f"SELECT datname FROM pg_database WHERE dattablespace = {oid}"):
                servers.postgres.drop_database(name)
            servers.postgres.query(f"DROP TABLESPACE {IN_MEMORY}")
        shutil.rmtree(folder, ignore_errors=True)
        make_private(folder, server_account())
        servers.postgres.query(f"CREATE TABLESPACE {IN_MEMORY} LOCATION '{folder}'")
    finally:
        lock.release()
    return IN_MEMORY


def drop_template(postgres: PostgresServer, name: str) -> None:
    if postgres.query(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        postgres.query(f'ALTER DATABASE "{name}" IS_TEMPLATE false')
        postgres.drop_database(name)


def move(postgres: PostgresServer, database: str, tablespace: str | None) -> None:
    if tablespace:
        postgres.query(f'ALTER DATABASE "{database}" SET TABLESPACE {tablespace}')


def migrate(database: str) -> None:
    """Migrate `database` as its owner."""
    from django.core.management import call_command

    with connected_to(database):
        call_command("migrate", database="owner", verbosity=0, interactive=False)


def migrations_hash() -> str:
    """Changes when a migration does, ours or an installed app's, or what migrations are made with."""
    from django.apps import apps

    ours = [path for app in ("accounts/tenancy", "accounts/audit") for path in (CHECKOUT / app).rglob("*.py")]
    theirs = [path for app in apps.get_app_configs() for path in (Path(app.path) / "migrations").rglob("*.py")]
    digest = hashlib.sha256(ROLES_SQL.read_bytes())
    for path in sorted(ours) + sorted(theirs):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def cloned_database(servers: Servers, template: str, name: str) -> Iterator[str]:
    """All aliases connected to a fresh clone of `template`, dropped at the end."""
    servers.postgres.drop_database(name)
    servers.postgres.create_database(name, template, tablespace_in_memory(servers))
    try:
        with connected_to(name):
            yield name
    finally:
        servers.postgres.drop_database(name)


@contextmanager
def connected_to(database: str, host: str | None = None) -> Iterator[None]:
    """Every alias, in every thread, connects to `database`; open connections of this thread are closed.

    With a `host` (a socket folder) it is a database of other servers than this run's.
    """
    from django.db import connections

    settings = connections.settings
    before = {alias: (settings[alias]["NAME"], settings[alias]["OPTIONS"]) for alias in connections}
    connections.close_all()
    try:
        for alias, (_, options) in before.items():
            other = options | {"host": host} if host else options
            settings[alias] |= {"NAME": database, "OPTIONS": other}
        yield
    finally:
        connections.close_all()
        for alias, (name, options) in before.items():
            settings[alias] |= {"NAME": name, "OPTIONS": options}
