"""What can be wrong with a machine or its configuration, and how to mend it."""

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from portal.local.paths import LONGEST_SOCKET_PATH, NoRuntimeFolder, Paths

OK, WRONG, NOTE = "ok", "wrong", "note"
TRIED = ((3, 11), (3, 12))
FREE_BYTES = 2_000_000_000
MIGRATE = "run `make demo`, or `manage.py migrate`"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's answer. A note is no fault: something optional is not there."""

    name: str
    status: str
    found: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def examine(paths: Paths, embedded: bool) -> Iterator[Finding]:
    """Every finding, in the order in which one would mend them."""
    checks: list[Callable[[], Finding]] = [python, lambda: disk(data_folder(paths, embedded)), messages]
    if embedded:
        checks += [chromium, lambda: sockets(paths)]
    checks += [keys, database, roles, migrations, lambda: evidence(embedded), queues, models, scanner]
    for check in checks:
        yield check()


def python() -> Finding:
    """A version that the tests run on."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in TRIED:
        return Finding("Python", OK, version)
    return Finding("Python", NOTE, f"{version}; 3.11 and 3.12 are tried", "`make PYTHON=/path/to/python3.12 setup`")


def data_folder(paths: Paths, embedded: bool) -> Path:
    """Where this machine keeps what it is given: the demo's folder, or in production the file store."""
    from django.conf import settings

    return paths.home if embedded else Path(settings.MEDIA_ROOT)


def disk(home: Path) -> Finding:
    """Room for the data."""
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free for {home}"
    if free >= FREE_BYTES and os.access(place, os.W_OK):
        return Finding("disk", OK, found)
    return Finding("disk", WRONG, found, "free 2 GB, or set AYNI_LOCAL (in production MEDIA_ROOT) to a writable folder")


def sockets(paths: Paths) -> Finding:
    """A folder short enough for the servers' sockets."""
    try:
        length = len(os.fsencode(paths.postgres_socket))
    except NoRuntimeFolder as error:
        return Finding("sockets", WRONG, str(error), "set TMPDIR to a writable folder with a short name")
    found = f"{paths.runtime} ({length} of {LONGEST_SOCKET_PATH} bytes)"
    if length <= LONGEST_SOCKET_PATH:
        return Finding("sockets", OK, found)
    return Finding("sockets", WRONG, found, f"remove {paths.runtime_link}")


def messages() -> Finding:
    """Translations compiled, and not older than their source."""
    from django.conf import settings

    sources = [po for folder in settings.LOCALE_PATHS for po in Path(folder).rglob("*.po")]
    stale = [po for po in sources if not (mo := po.with_suffix(".mo")).exists() or is_older(mo, po)]
    if stale:
        return Finding("translations", WRONG, f"not compiled: {', '.join(map(str, stale))}", "run `make messages`")
    return Finding("translations", OK, f"{len(sources)} compiled")


def is_older(file: Path, other: Path) -> bool:
    return file.stat().st_mtime < other.stat().st_mtime


def chromium() -> Finding:
    """Only the browser tests need it."""
    if found := shutil.which("chromium") or shutil.which("chromium-browser"):
        return Finding("Chromium", OK, found)
    return Finding("Chromium", NOTE, "not installed; browser tests are skipped", "Debian: `apt install chromium`")


def keys() -> Finding:
    """Key files that are there and that nobody else can read."""
    from django.conf import settings

    for variable in ("FIELD_KEYS_FILE", "AUDIT_SIGNING_KEY_FILE"):
        name = getattr(settings, variable)
        if not name or not Path(name).is_file():
            return Finding("keys", WRONG, f"{variable} names no file ({name!r})", f"set {variable} to the key file")
        if Path(name).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return Finding("keys", WRONG, f"others may read {name}", f"chmod 600 {name}")
    return Finding("keys", OK, "field keys and signing key are there")


def database() -> Finding:
    """A connection for every role that is configured."""
    from django.db import Error, connections

    versions = set()
    for alias in connections:
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SHOW server_version")
                versions.add(cursor.fetchone()[0])
        except Error as error:
            words = str(error).strip().splitlines()[0]
            return Finding("database", WRONG, f"{alias}: {words}", "check DATABASE_URL and its siblings, or unset them")
    return Finding("database", OK, f"PostgreSQL {', '.join(versions)} as {', '.join(connections)}")


def roles() -> Finding:
    """No serving role that row-level security would not hold."""
    from django.db import Error, connections

    from accounts.tenancy.checks import privilege_problems

    serving = [alias for alias in connections if alias != "owner"]
    try:
        problems = [f"{alias}: {words}" for alias in serving for words in privilege_problems(alias)]
    except Error:
        return Finding("roles", WRONG, "the database cannot be asked", "mend the database first")
    if problems:
        return Finding("roles", WRONG, "; ".join(problems), "serve as lend_app (accounts/tenancy/roles.sql makes it)")
    return Finding("roles", OK, f"{', '.join(serving)} are unprivileged")


def migrations() -> Finding:
    """Every migration applied."""
    from django.db import Error, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return Finding("migrations", WRONG, "the database cannot be asked", MIGRATE)
    if plan:
        return Finding("migrations", WRONG, f"{len(plan)} not applied, first {plan[0][0]}", MIGRATE)
    return Finding("migrations", OK, "all applied")


def evidence(embedded: bool) -> Finding:
    """Audit entries sealed within five minutes; a demo that has been stopped leaves some for the next time."""
    from django.db import Error

    from accounts.audit.sealer import waiting

    try:
        found = waiting()
    except Error:
        return Finding("audit", WRONG, "the database cannot be asked", MIGRATE)
    if found is None:
        return Finding("audit", NOTE, "not known here: DATABASE_SYSTEM_URL is not set", "ask where the sealer runs")
    if found.alarming:
        words = f"{found.count} entries wait for their seal, the oldest for {found.seconds / 60:.0f} minutes"
        return Finding("audit", NOTE if embedded else WRONG, words, "start `manage.py seal_audit`")
    return Finding("audit", OK, f"{found.count} entries wait for their seal")


def queues() -> Finding:
    """Redis, for queues and cache."""
    import redis
    from django.conf import settings
    from django.core.cache import cache

    from portal.health import queue_client

    try:
        version = queue_client().info("server")["redis_version"]
        cache.get("doctor")
    except (redis.RedisError, OSError) as error:
        return Finding("Redis", WRONG, f"{settings.CELERY_BROKER_URL}: {error}", "check REDIS_URL, or unset it")
    return Finding("Redis", OK, f"{version}, for queues and cache")


def models() -> Finding:
    """A champion for every segment."""
    from django.db import Error

    from portal.health import OK as READY
    from portal.health import model

    try:
        words = model()
    except Error:
        return Finding("models", WRONG, "the database cannot be asked", MIGRATE)
    if words == READY:
        return Finding("models", OK, "a champion for every segment")
    found, _, mend = words.partition(": ")
    return Finding("models", WRONG, found, f"run `make demo`, or {mend.removeprefix('run ')}")


def scanner() -> Finding:
    """The antivirus for uploads, where one is set."""
    from django.conf import settings

    from accounts import malware

    if not malware.is_set():
        return Finding("antivirus", NOTE, "none: uploads are not scanned", "set CLAMD to clamd's socket or host:port")
    try:
        words = malware.ask(b"doctor")
    except OSError as error:
        return Finding("antivirus", WRONG, f"{settings.CLAMD}: {error}", "start clamd, or correct CLAMD")
    return Finding("antivirus", OK if words.endswith("OK") else WRONG, f"{settings.CLAMD}: {words}")
