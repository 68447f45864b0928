"""The keeper: a small process that runs the servers for as long as anybody uses them.

Whoever uses the servers shares a file lock (`portal.local.servers.attach`), which the kernel gives back
even after `kill -9`. Once the keeper gets that lock for itself nobody is left, and it stops the servers
while it holds the lock, so that a newcomer waits and then starts a new keeper. The servers in turn die
with the keeper. A server that dies alone is started again.
"""

import argparse
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from portal.local.paths import Paths
from portal.local.postgres import PostgresServer, ServerFailed, remember
from portal.local.processes import FileLock
from portal.local.redis import RedisServer

LOOK_SECONDS = 0.25
MOST_RESTARTS = 5  # in ten minutes, of servers that do not stay up
STATE, KEEPER_LOCK, USERS_LOCK = "servers.json", "keeper.lock", "users.lock"


class Keeper:
    """Starts both servers, watches them, stops them after the last user."""

    def __init__(self, paths: Paths, *, durable: bool) -> None:
        self.paths = paths
        self.postgres = PostgresServer(paths, durable=durable)
        self.redis = RedisServer(paths, durable=durable)
        self.stopping = False
        self.restarts: list[float] = []

    def run(self) -> int:
        """Serve until nobody is left or a signal says stop. Returns the exit status."""
        alone = FileLock(self.paths.locks / KEEPER_LOCK)
        if not alone.take(wait=False):
            return 0  # another one was quicker
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, self._stop)
        users = FileLock(self.paths.locks / USERS_LOCK)
        try:
            self.write_state("starting")
            self.redis.start()
            self.postgres.start()
            self.postgres.create_database(self.paths.database)
            self.write_state("ready")
            while not self.stopping and not users.take(wait=False):
                time.sleep(LOOK_SECONDS)
                self.revive()
            self.write_state("stopping")
        except ServerFailed as error:
            self.write_state("failed", str(error))
            say(f"failed: {error}")
            return 1
        finally:
            self.postgres.stop()
            self.redis.stop()
            with suppress(OSError):
                self.paths.runtime.rmdir()
            say("stopped")
        self.write_state("stopped")
        return 0

    def revive(self) -> None:
        """Start again what has died."""
        for server in (self.postgres, self.redis):
            if server.exited():
                now = time.monotonic()
                self.restarts = [at for at in self.restarts if now - at < 600] + [now]
                if len(self.restarts) > MOST_RESTARTS:
                    raise ServerFailed(f"the servers do not stay up; see {self.paths.logs}")
                say(f"{type(server).__name__} died; starting it again")
                server.start()
                self.write_state("ready")

    def write_state(self, state: str, message: str = "") -> None:
        """Tell those who wait, in one piece."""
        facts = {"state": state, "pid": os.getpid(), "restarts": len(self.restarts), "message": message}
        file = self.paths.locks / STATE
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(facts), encoding="utf-8")
        draft.replace(file)

    def _stop(self, *_: object) -> None:
        self.stopping = True


def say(text: str) -> None:
    """One line for the keeper's log."""
    sys.stdout.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} keeper: {text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, required=True, help="the folder of the sockets")
    parser.add_argument("--database", required=True)
    parser.add_argument("--fast", action="store_true", help="do not wait for the disk (tests)")
    options = parser.parse_args()
    os.umask(0o077)
    remember(options.home / "run", options.runtime)
    return Keeper(Paths(options.home, options.home, options.database), durable=not options.fast).run()


if __name__ == "__main__":
    sys.exit(main())
