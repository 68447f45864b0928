"""A whole Ayni for a test module: servers, web, worker, relay and sealer of its own, to use and to break.

It starts from a copy of a prepared folder (migrated, seeded, models trained), which is made once and kept
until the code that makes it changes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from portal.local import reset
from portal.local.demo import DEMO_SETTINGS
from portal.local.keeper import USERS_LOCK
from portal.local.paths import CHECKOUT, Paths, local_folder
from portal.local.postgres import PostgresServer
from portal.local.processes import FileLock, last_lines, wait_until
from portal.local.redis import RedisServer
from portal.local.site import Site, local_environment, manage
from portal.tests import machine

Unblocked = Callable[[], AbstractContextManager[None]]
READY_SECONDS = 90
PROGRAMS = ("web", "worker", "relay", "sealer")
PREPARED_BY = ("accounts", "scoring", "lending")  # what the prepared folder is made with …
NOT_PREPARED_BY = {"tests", "views", "api", "selectors", "templatetags", "forms"}  # … and what has no part in it


class LiveAyni:
    """One running product. `programs` are web, worker, relay and sealer; servers are handled apart."""

    def __init__(self, home: Path, env: Mapping[str, str] | None, unblocked: Unblocked) -> None:
        self.paths = Paths(home, home)
        self.unblocked = unblocked
        self.postgres = PostgresServer(self.paths)
        self.redis = RedisServer(self.paths)
        self.site = Site(self.paths, env=DEMO_SETTINGS | dict(env or {}), web_workers=1, task_workers=1)

    # -- life

    def start_all(self) -> None:
        """Servers and programs; returns once the site says that it is ready."""
        self.redis.start()
        self.postgres.start()
        self.site.start(*PROGRAMS)
        self.wait_for(self.site.ready, READY_SECONDS, "the site to be ready")

    def stop_all(self) -> None:
        """Everything stopped, nothing left running."""
        self.site.close()
        self.postgres.stop()
        self.redis.stop()
        shutil.rmtree(self.paths.runtime, ignore_errors=True)

    def start(self, program: str) -> None:
        """Start a stopped or killed program."""
        self.site.start(program)

    def stop(self, program: str) -> None:
        """End a program as a deployment does: asked, then forced."""
        self.site.stop(program)

    def kill(self, program: str) -> None:
        """`kill -9`."""
        self.site.kill(program)

    def stop_redis(self) -> None:
        self.redis.stop()

    def start_redis(self) -> None:
        self.redis.start()

    def restart_postgres(self, *, crash: bool = False) -> None:
        """Stop and start PostgreSQL; a `crash` is a `kill -9`, after which it recovers by itself."""
        if crash:
            self.postgres.kill()
        self.postgres.stop()
        self.postgres.start()

    # -- use

    @property
    def url(self) -> str:
        """Where it answers, with a slash at the end."""
        return self.site.url

    @property
    def env(self) -> dict[str, str]:
        """The environment of its processes."""
        return self.site.env

    @property
    def outbox(self) -> Path:
        """Mail and messages it has written."""
        return self.paths.outbox

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The finished `manage.py` command, with its output; fails the test on an exit status, unless told."""
        done = subprocess.run(
            manage(*arguments), env=self.env, cwd=CHECKOUT, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def query(self, statement: str) -> list[tuple]:
        """Rows read (or changed behind the product's back) as superuser."""
        return self.postgres.query(statement, self.paths.database)

    @contextmanager
    def orm(self) -> Iterator[None]:
        """Django's models of this test process read and write its database."""
        with self.unblocked(), machine.connected_to(self.paths.database, str(self.paths.runtime)):
            yield

    def log(self, program: str, lines: int = 40) -> str:
        """The end of a program's log."""
        return last_lines(self.paths.logs / f"{program}.log", lines)

    def wait_for(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Return as soon as `condition` holds; fails the test, with the logs, when it does not in time.

        Meanwhile programs that end by themselves are started again, as the demo does; killed ones are not.
        """

        def holds() -> object:
            self.site.watch()
            return condition()

        if not wait_until(holds, seconds, every=0.1):
            logs = "\n".join(f"-- {name}\n{self.log(name, 15)}" for name in self.site.programs)
            raise AssertionError(f"waited {seconds} s for {what}\n{logs}")


@contextmanager
def live_ayni(env: Mapping[str, str] | None = None, unblocked: Unblocked = nullcontext) -> Iterator[LiveAyni]:
    """A running copy of the prepared folder, gone at the end; `unblocked` lets the test's own process use databases."""
    home, hold = new_home()
    live = LiveAyni(home, env, unblocked)
    try:
        copy_home(prepare(), live.paths)
        live.start_all()
        yield live
    finally:
        live.stop_all()
        hold.release()
        forget(home)


def new_home() -> tuple[Path, FileLock]:
    """An empty folder and the lock that says it is in use; what a killed run left is forgotten."""
    folder = local_folder() / "test"
    one_at_a_time = FileLock(folder / "locks" / "live.lock")
    one_at_a_time.take()
    try:
        for left in folder.glob("live-*"):
            if not reset.in_use(left):
                forget(left)
        home = Path(tempfile.mkdtemp(prefix="live-", dir=folder))
        home.chmod(0o755)
        hold = FileLock(home / "locks" / USERS_LOCK)
        hold.share()
    finally:
        one_at_a_time.release()
    return home, hold


def prepare() -> Path:
    """The prepared folder of this code; the first process to ask makes it, the others wait."""
    home = local_folder() / "test" / f"prepared-{code_hash()}"
    lock = FileLock(local_folder() / "test" / "locks" / "prepared.lock")
    lock.take()
    try:
        if not (home / "done").exists():
            for outdated in home.parent.glob("prepared-*"):
                forget(outdated)
            make(home)
    finally:
        lock.release()
    return home


def make(home: Path) -> None:
    """Migrate and seed as `make demo` does."""
    home.mkdir(parents=True)
    place = Paths(home, home)
    postgres, redis = PostgresServer(place, durable=False), RedisServer(place, durable=False)
    redis.start()
    try:
        postgres.start()
        postgres.create_database(place.database)
        env = local_environment(place, **DEMO_SETTINGS)
        for command in (("migrate", "--verbosity", "0", "--skip-checks"), ("seed_demo",)):
            done = subprocess.run(manage(*command), env=env, cwd=CHECKOUT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        (home / "done").touch()
    finally:
        postgres.stop()
        redis.stop()


def copy_home(prepared: Path, place: Paths) -> None:
    """The data, keys and files of `prepared` for another folder."""
    source = Paths(prepared, prepared)
    PostgresServer(place).place()
    pairs = [(source.postgres.resolve(), place.postgres.resolve())]
    pairs += [(folder, place.home / folder.name) for folder in (source.keys, source.media, source.outbox)]
    for old, new in pairs:
        if old.exists():
            new.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", f"{old}/.", str(new)], check=True)


def forget(home: Path) -> None:
    """As `make reset` does for one folder."""
    env = os.environ | {"AYNI_LOCAL": str(home)}
    subprocess.run([sys.executable, "-m", "portal.local.reset"], cwd=CHECKOUT, env=env, check=True, capture_output=True)
    shutil.rmtree(home)


def code_hash() -> str:
    """Changes when the code that migrates and seeds does."""
    digest = hashlib.sha256(machine.migrations_hash().encode())
    for app in PREPARED_BY:
        for path in sorted((CHECKOUT / app).rglob("*.py")):
            if not NOT_PREPARED_BY & set(path.relative_to(CHECKOUT).parts):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
