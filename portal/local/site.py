"""The processes that serve one Ayni: web, worker, beat, relay, sealer."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from portal.local.paths import CHECKOUT, Paths
from portal.local.processes import spawn, stop, wait_until

PRODUCTION_VARIABLES = (
    *("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_REGULATOR_URL", "DATABASE_SYSTEM_URL", "REDIS_URL"),
    *("CELERY_BROKER_URL", "MEDIA_ROOT", "OUTBOX_ROOT", "EMAIL_URL", "DEMO", "DEBUG", "AYNI_TEST_SLOT"),
)
STOP_SECONDS = 10.0
STEADY_SECONDS = 60.0  # a program that ran so long starts again without delay
LONGEST_DELAY = 30.0


@dataclass(frozen=True)
class Program:
    """What is run, and the signal that ends it at once when its parent has gone."""

    command: tuple[str, ...]
    at_once: int = signal.SIGTERM


@dataclass
class Child:
    """One running program, how often it failed in a row, and when it may start again."""

    process: subprocess.Popen[str]
    started: float
    failures: int = 0
    again_at: float | None = None


def manage(*arguments: str) -> tuple[str, ...]:
    """The command line of a `manage.py` command."""
    return (sys.executable, str(CHECKOUT / "manage.py"), *arguments)


def local_environment(paths: Paths, **extra: str) -> dict[str, str]:
    """The environment for children: the embedded servers of `paths`, whatever this shell points to."""
    env = {name: value for name, value in os.environ.items() if name not in PRODUCTION_VARIABLES}
    # One core each: the arithmetic libraries would otherwise start a thread per core in every process.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    ours = {"AYNI_LOCAL": str(paths.home), "AYNI_ATTACHED": "1", "PYTHONUNBUFFERED": "1"}
    return env | threads | ours | extra


class Site:
    """Starts, watches and stops the programs; `url` is where the web process answers.

    The listening socket is opened here and inherited, so that no other program can take the port while
    the web process restarts.
    """

    def __init__(
        self,
        paths: Paths,
        port: int = 0,
        env: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda text: None,
        web_workers: int = 2,
        task_workers: int = 2,
    ) -> None:
        self.paths = paths
        self.say = say
        self.socket = listening_socket(port)
        self.port: int = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.env = local_environment(paths, **{"SITE_URL": self.url, **(env or {})})
        self.programs = self._programs(web_workers, task_workers)
        self.children: dict[str, Child] = {}

    def start(self, *names: str) -> None:
        """Start the named programs, all without a name."""
        for name in names or tuple(self.programs):
            self._start(name)

    def stop(self, *names: str) -> None:
        """Ask the named programs to end, all without a name; together, then at once, then by force."""
        chosen = [name for name in (names or tuple(self.children)) if name in self.children]
        running = [self.children[name].process for name in chosen]
        for process in running:
            if process.poll() is None:
                process.terminate()
        wait_until(lambda: all(process.poll() is not None for process in running), STOP_SECONDS)
        for name in chosen:
            stop(self.children.pop(name).process, (self.programs[name].at_once, 2.0))

    def kill(self, name: str) -> None:
        """`kill -9` for one program and whatever it started."""
        stop(self.children.pop(name).process)

    def close(self) -> None:
        """Stop everything and give the port back."""
        self.stop()
        self.socket.close()

    def watch(self) -> None:
        """Start again what has ended by itself; later and later while it keeps failing."""
        now = time.monotonic()
        for name, child in list(self.children.items()):
            if child.process.poll() is None:
                continue
            if child.again_at is None:
                failures = child.failures + 1 if now - child.started < STEADY_SECONDS else 0
                delay = min(LONGEST_DELAY, 2.0**failures) if failures else 0.0
                child.failures, child.again_at = failures, now + delay
                how, log = exit_words(child.process.returncode), self.paths.logs / f"{name}.log"
                self.say(f"{name} ended ({how}); starting it again in {delay:.0f} s, see {log}")
            if now >= child.again_at:
                stop(child.process)  # its own children, should they have survived it
                self._start(name, child.failures)

    def ready(self) -> bool:
        """Whether our own page says that everything it needs is there."""
        try:
            with urllib.request.urlopen(f"{self.url}readyz", timeout=5) as answer:  # noqa: S310 - our own address
                return json.load(answer).get("product") == "ayni"
        except (OSError, ValueError):
            return False

    def _start(self, name: str, failures: int = 0) -> None:
        program = self.programs[name]
        process = spawn(
            program.command,
            log=self.paths.logs / f"{name}.log",
            env=self.env,
            cwd=CHECKOUT,
            death_signal=program.at_once,
            pass_fds=[self.socket.fileno()] if name == "web" else [],
        )
        self.children[name] = Child(process, time.monotonic(), failures)

    def _programs(self, web_workers: int, task_workers: int) -> dict[str, Program]:
        python = (sys.executable, "-m")
        web: Sequence[str] = (
            *("gunicorn", "portal.wsgi:application", "--bind", f"fd://{self.socket.fileno()}"),
            *("--workers", str(web_workers), "--worker-class", "gthread", "--threads", "4"),
            *("--timeout", "60", "--graceful-timeout", "5", "--no-control-socket", "--log-level", "warning"),
        )
        worker: Sequence[str] = (
            *("celery", "--app", "portal.celery", "worker", "--queues", "assessment,notification,training,default"),
            *("--concurrency", str(task_workers), "--hostname", f"ayni-{self.port}@%h", "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        )
        beat: Sequence[str] = (
            *("celery", "--app", "portal.celery", "beat", "--loglevel", "WARNING"),
            *("--schedule", str(self.paths.home / "celerybeat-schedule"), "--pidfile", ""),
        )
        return {
            "web": Program((*python, *web), at_once=signal.SIGQUIT),
            "worker": Program((*python, *worker), at_once=signal.SIGQUIT),
            "beat": Program((*python, *beat)),
            "relay": Program(manage("relay_outbox")),
            "sealer": Program(manage("seal_audit")),
        }


def listening_socket(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1; any free port for 0. Raises OSError when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def exit_words(status: int) -> str:
    """How a process ended, in words."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
