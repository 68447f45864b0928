"""`make demo`: one foreground process that starts everything, says when it is ready and stops everything."""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from portal.local.paths import CHECKOUT, Paths, paths
from portal.local.postgres import ServerFailed
from portal.local.processes import FileLock, die_with_parent, last_lines, spawn, stop, wait_until
from portal.local.servers import Servers
from portal.local.site import Site, local_environment, manage

DEMO_SETTINGS = {"DEMO": "1", "DEBUG": "1"}
PORTS_TRIED = 50
READY_SECONDS = 120.0
HEARTBEAT_SECONDS = 5.0
SIGN_INS = "sign-ins.txt"  # written by `seed_demo`


class Stopped(BaseException):
    """A signal asked us to stop."""


class StepFailed(RuntimeError):
    """A preparing step failed; the message says how to see why."""


class Demo:
    """The supervisor behind `manage.py demo`."""

    def __init__(self, port: int) -> None:
        self.began = time.monotonic()
        self.port = port
        self.paths: Paths = paths(test=False)
        self.facts = self.paths.locks / "demo.json"
        self.site: Site | None = None
        self.servers = Servers(self.paths)

    def run(self) -> int:
        """Serve until a signal; returns the exit status."""
        parent = os.getppid()
        if os.environ.pop("AYNI_STOP_WITH_PARENT", ""):
            die_with_parent(signal.SIGTERM, parent)  # `make` itself may be killed
        alone = FileLock(self.paths.locks / "demo.lock")
        if not alone.take(wait=False):
            self.say(f"A demo of this checkout is already running{self._address()}. Stop that one first.")
            return 1
        listen_for_signals()
        try:
            self._serve()
        except Stopped as stopped:
            self.say(f"Stopping ({stopped}) …")
        except (ServerFailed, StepFailed) as error:
            self.say(f"error: {error}")
            return 1
        finally:
            for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(signum, signal.SIG_IGN)  # stopping takes seconds and ends by itself
            if self.site:
                self.site.close()
            self.servers.release()
            self.facts.unlink(missing_ok=True)
            alone.release()
        self.say("Stopped. The data stays; `make demo` goes on with it, `make reset` forgets it.")
        return 0

    def _serve(self) -> None:
        self.say("Starting PostgreSQL and Redis …")
        self.servers.attach()
        self.site = self._open_site()
        self.facts.write_text(json.dumps({"url": self.site.url, "pid": os.getpid()}), encoding="utf-8")
        self.step("Bringing the database up to date", "migrate", "--verbosity", "0", "--skip-checks")
        if (CHECKOUT / "lending" / "management" / "commands" / "seed_demo.py").exists():
            self.step("Preparing example data and models", "seed_demo")
        self.say("Starting web, worker, beat, relay and sealer …")
        self.site.start()
        if not wait_until(self._ready, READY_SECONDS, every=0.1):
            raise StepFailed(
                f"the site did not become ready; {self.paths.logs / 'web.log'} ends:\n"
                f"{last_lines(self.paths.logs / 'web.log')}"
            )
        self._announce()
        restarts = self.servers.state().get("restarts", 0)
        while True:
            time.sleep(0.3)
            self.site.watch()
            now = self.servers.state().get("restarts", 0)
            if now != restarts:
                self.say(f"A database server died and was started again, see {self.paths.logs / 'keeper.log'}")
                restarts = now

    def step(self, title: str, *command: str) -> None:
        """Run one command, showing each line it prints; raises StepFailed."""
        self.say(f"{title} …")
        began = shown = time.monotonic()
        log = self.paths.logs / f"{command[0]}.log"
        log.unlink(missing_ok=True)
        process = spawn(manage(*command), log=log, env=local_environment(self.paths, **DEMO_SETTINGS), cwd=CHECKOUT)
        lines = LogLines(log)
        try:
            while True:
                running = process.poll() is None
                for line in lines.new():
                    self.say(f"  {line}")
                    shown = time.monotonic()
                if not running:
                    break
                if time.monotonic() - shown > HEARTBEAT_SECONDS:
                    self.say(f"  … {time.monotonic() - began:.0f} s")
                    shown = time.monotonic()
                time.sleep(0.05)
        finally:
            stop(process, (signal.SIGTERM, 5.0))
        if process.returncode != 0:
            raise StepFailed(f"`manage.py {' '.join(command)}` failed; {log} ends:\n{last_lines(log)}")

    def say(self, text: str) -> None:
        """One line with the elapsed time; a closed terminal is no reason to fail."""
        with suppress(OSError, ValueError):
            sys.stdout.write(f"[{time.monotonic() - self.began:6.1f} s] {text}\n")
            sys.stdout.flush()

    def _open_site(self) -> Site:
        for port in range(self.port, self.port + PORTS_TRIED):
            try:
                site = Site(self.paths, port, DEMO_SETTINGS, self.say)
            except OSError:
                continue
            if port != self.port:
                self.say(f"Port {self.port} is taken by another program; using {port}.")
            return site
        raise StepFailed(f"no port is free between {self.port} and {self.port + PORTS_TRIED - 1}; set PORT")

    def _ready(self) -> bool:
        if self.site is None:
            return False
        self.site.watch()
        return self.site.ready()

    def _announce(self) -> None:
        if self.site is None:
            return
        with suppress(OSError, ValueError):
            sign_ins = self.paths.files / SIGN_INS
            if sign_ins.exists():
                sys.stdout.write("\n" + sign_ins.read_text(encoding="utf-8").rstrip() + "\n")
            sys.stdout.write(f"\nLogs: {self.paths.logs}. Ctrl-C stops everything.\n\nReady: {self.site.url}\n")
            sys.stdout.flush()

    def _address(self) -> str:
        try:
            return f" at {json.loads(self.facts.read_text(encoding='utf-8'))['url']}"
        except (OSError, ValueError, KeyError):
            return " (it is still starting)"


class LogLines:
    """The complete lines a growing file gained since last asked."""

    def __init__(self, path: Path) -> None:
        self.path, self.seen = path, 0

    def new(self) -> list[str]:
        try:
            with self.path.open("rb") as file:
                file.seek(self.seen)
                text = file.read()
        except OSError:
            return []
        complete = text[: text.rfind(b"\n") + 1]
        self.seen += len(complete)
        return [line for line in complete.decode(errors="replace").splitlines() if line.strip()]


def listen_for_signals() -> None:
    """Stop on Ctrl-C, `kill` and a closed terminal; under `nohup` the last one is no reason."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, stop_on_signal)


def stop_on_signal(signum: int, frame: FrameType | None) -> None:
    """Leave what we are doing, wherever we are."""
    raise Stopped(signal.Signals(signum).name)
