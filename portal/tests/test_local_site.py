"""The programs of a site: watched, started again, stopped, and gone with whoever started them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from portal.local.demo import Demo, LogLines
from portal.local.paths import CHECKOUT, Paths
from portal.local.processes import FileLock, command_of, spawn, stop, wait_until
from portal.local.site import Program, Site, listening_socket

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")
PARENT = (sys.executable, "-c", f"import subprocess, time; subprocess.Popen({list(SLEEPER)!r}); time.sleep(600)")
STUBBORN = (
    *(sys.executable, "-c"),
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
)
FAILING = (sys.executable, "-c", "raise SystemExit(3)")
KEEPS_ONE = """
import sys, time
from pathlib import Path
from portal.local.paths import Paths
from portal.local.site import Program, Site
site = Site(Paths(Path(sys.argv[1]), Path(sys.argv[1])))
site.programs = {"sleeper": Program((sys.executable, "-c", "import time; time.sleep(600)"))}
site.start()
print(site.children["sleeper"].process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def site(tmp_path: Path, said: list[str]) -> Iterator[Site]:
    """A site whose programs a test names itself."""
    site = Site(Paths(tmp_path, tmp_path), say=said.append)
    site.programs = {}
    yield site
    site.close()


def test_a_program_that_ends_is_started_again_and_said(site, said):
    site.programs["sleeper"] = Program(SLEEPER)
    site.start()
    first = site.children["sleeper"].process
    site.children["sleeper"].started -= 3600  # it has run long enough to start again at once
    first.kill()
    first.wait()
    site.watch()
    second = site.children["sleeper"].process
    assert second.pid != first.pid
    assert second.poll() is None
    assert said[0].startswith("sleeper ended (signal SIGKILL); starting it again in 0 s, see ")


def test_a_program_that_keeps_failing_starts_later_and_later(site, said):
    site.programs["failing"] = Program(FAILING)
    site.start()
    for _ in range(3):
        site.children["failing"].process.wait()
        site.watch()
        site.children["failing"].again_at = 0.0  # the wait is over
        site.watch()
    waits = [line.split(" again in ")[1].split(",")[0] for line in said]
    assert waits == ["2 s", "4 s", "8 s"]
    assert "exit status 3" in said[0]


def test_stopping_leaves_no_grandchild(site):
    site.programs["parent"] = Program(PARENT)
    site.start()
    parent = psutil.Process(site.children["parent"].process.pid)
    assert wait_until(parent.children, 10)
    child = parent.children()[0]
    site.stop()
    assert wait_until(lambda: not command_of(child.pid), 5)
    assert not site.children


def test_killing_takes_the_whole_group(site):
    site.programs["parent"] = Program(PARENT)
    site.start()
    parent = psutil.Process(site.children["parent"].process.pid)
    assert wait_until(parent.children, 10)
    child = parent.children()[0]
    site.kill("parent")
    assert wait_until(lambda: not command_of(child.pid), 5)


def test_a_deaf_program_is_stopped_by_force(tmp_path):
    log = tmp_path / "log"
    process = spawn(STUBBORN, log=log)
    assert wait_until(lambda: log.read_text() == "deaf\n", 10)
    stop(process, (signal.SIGTERM, 0.2))
    assert process.returncode == -signal.SIGKILL


def test_children_die_with_a_killed_parent(tmp_path):
    owner = subprocess.Popen(
        [sys.executable, "-c", KEEPS_ONE, str(tmp_path)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    assert command_of(child)
    owner.kill()
    owner.communicate()
    assert wait_until(lambda: not command_of(child), 5)


def test_children_hear_signals_that_their_parent_ignores(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = spawn(SLEEPER)
    finally:
        signal.signal(signal.SIGHUP, before)
    process.send_signal(signal.SIGHUP)
    assert process.wait(10) == -signal.SIGHUP


def test_a_busy_port_is_refused_and_the_demo_takes_the_next(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("AYNI_LOCAL", str(tmp_path))
    with listening_socket(0) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            listening_socket(port)
        site = Demo(port)._open_site()
    site.close()
    assert site.port > port
    assert f"Port {port} is taken by another program; using {site.port}." in capsys.readouterr().out


def test_a_second_demo_names_the_address_of_the_first(tmp_path):
    first = FileLock(tmp_path / "locks" / "demo.lock")
    assert first.take(wait=False)
    (tmp_path / "locks" / "demo.json").write_text(json.dumps({"url": "http://127.0.0.1:8017/", "pid": 1}))
    done = subprocess.run(
        [sys.executable, "manage.py", "demo"],
        cwd=CHECKOUT,
        env=os.environ | {"AYNI_LOCAL": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    first.release()
    assert done.returncode == 1
    assert "already running at http://127.0.0.1:8017/" in done.stdout


def test_only_complete_lines_are_shown(tmp_path):
    log = tmp_path / "log"
    lines = LogLines(log)
    assert lines.new() == []
    log.write_text("one\ntw")
    assert lines.new() == ["one"]
    with log.open("a") as file:
        file.write("o\n\nthree\n")
    assert lines.new() == ["two", "three"]
