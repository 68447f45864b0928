"""Using the embedded servers: `attach()` finds or starts them, `release()` lets them stop after the last user."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from portal.local.keeper import KEEPER_LOCK, STATE, USERS_LOCK
from portal.local.paths import CHECKOUT, Paths
from portal.local.postgres import PostgresServer, ServerFailed, remember
from portal.local.processes import FileLock, spawn, wait_until
from portal.local.redis import RedisServer

START_SECONDS = 120
STOP_SECONDS = 45


class Servers:
    """This process's hold on the servers of one `Paths`."""

    def __init__(self, paths: Paths, *, durable: bool = True) -> None:
        self.paths = paths
        self.durable = durable
        self.postgres = PostgresServer(paths, durable=durable)
        self.redis = RedisServer(paths, durable=durable)
        self._users: FileLock | None = None

    def attach(self, progress: Callable[[str], object] = lambda text: None) -> "Servers":
        """Return once both servers answer, starting them if need be. Raises ServerFailed."""
        if self._users is None:
            users = FileLock(self.paths.locks / USERS_LOCK)
            users.share()  # waits for servers that are just being stopped
            self._users = users
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if not self.kept():
                progress("starting PostgreSQL and Redis")
                self._start_keeper()
            elif time.monotonic() > deadline:
                self.release()
                raise ServerFailed(f"the servers did not start within {START_SECONDS} s; see {self.paths.logs}")
            time.sleep(0.02)
        return self

    def release(self) -> None:
        """Give up the hold. The last one waits until the servers have stopped."""
        if self._users is None:
            return
        users, self._users = self._users, None
        last = users.take(wait=False)
        state = self.state()
        if self.kept() and (last or state.get("state") == "stopping"):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(state["pid"], signal.SIGTERM)  # it would notice by itself, a moment later
            wait_until(lambda: not self.kept(), STOP_SECONDS)
        users.release()

    def ready(self) -> bool:
        """Whether both servers are kept, complete and answering now."""
        return self.state().get("state") == "ready" and self.kept() and self.redis.answers() and self.postgres.answers()

    def kept(self) -> bool:
        """Whether a keeper is alive."""
        lock = FileLock(self.paths.locks / KEEPER_LOCK)
        try:
            return not lock.share(wait=False)
        finally:
            lock.release()

    def state(self) -> dict:
        """What the keeper last said of itself."""
        try:
            return json.loads((self.paths.locks / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _start_keeper(self) -> None:
        runtime = self.paths.runtime
        remember(self.paths.runtime_link, runtime)
        command: list[str | Path] = [sys.executable, "-m", "portal.local.keeper", "--home", self.paths.home]
        command += ["--runtime", runtime, "--database", self.paths.database]
        command += [] if self.durable else ["--fast"]
        keeper = spawn(command, log=self.paths.logs / "keeper.log", cwd=CHECKOUT, death_signal=None)
        wait_until(lambda: self.state().get("pid") == keeper.pid or keeper.poll() is not None, START_SECONDS)
        wait_until(lambda: self.state().get("state") != "starting" or keeper.poll() is not None, START_SECONDS)
        if self.state().get("pid") == keeper.pid and self.state().get("state") == "failed":
            message = self.state().get("message", "")
            self.release()
            raise ServerFailed(message)
