"""`make demo` as people run it: ready, busy ports, a second one, and nothing left however it ends."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from portal.local.paths import CHECKOUT, Paths
from portal.local.processes import wait_until
from portal.local.site import PRODUCTION_VARIABLES, listening_socket
from portal.tests import live

pytestmark = pytest.mark.long
FIRST_START_SECONDS = 600  # migrates, seeds and trains; half a minute to two on two idle cores
NEXT_START_SECONDS = 120  # seconds, but a test run keeps the machine busy
READY = re.compile(r"^Ready: (http://127\.0\.0\.1:\d+/)$", re.MULTILINE)


class RunningDemo:
    """One `manage.py demo` and what it printed."""

    def __init__(self, home: Path, port: int = 0) -> None:
        self.home = home
        self.output = home / "printed.txt"
        env = {name: value for name, value in os.environ.items() if name not in PRODUCTION_VARIABLES}
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", "--port", str(port or free_port())],
                cwd=CHECKOUT,
                env=env | {"AYNI_LOCAL": str(home)},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Whoever runs these tests under nohup hands down a SIGHUP that is ignored.
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            )

    @property
    def printed(self) -> str:
        return self.output.read_text()

    def wait_until_ready(self, seconds: float = NEXT_START_SECONDS) -> str:
        """Its address."""
        wait_until(lambda: READY.search(self.printed) or self.process.poll() is not None, seconds)
        found = READY.search(self.printed)
        assert found, self.printed
        return found[1]

    def family(self) -> list[psutil.Process]:
        """Everything it runs, the servers included."""
        own = psutil.Process(self.process.pid).children(recursive=True)
        names = (str(self.home), str(Paths(self.home, self.home).runtime))
        named = [
            p for p in psutil.process_iter(["cmdline"]) if any(n in " ".join(p.info["cmdline"] or []) for n in names)
        ]
        return own + named


def new_home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ayni-demo-"))
    folder.chmod(0o755)
    yield folder
    live.forget(folder)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A local folder that keeps its data from one test to the next, as a checkout does."""
    yield from new_home()


@pytest.fixture
def other_home() -> Iterator[Path]:
    """That of another checkout."""
    yield from new_home()


@pytest.fixture
def start_demo(home: Path) -> Iterator[Callable[..., RunningDemo]]:
    """Starts demos that end with the test, whatever becomes of it."""
    started: list[RunningDemo] = []

    def start(where: Path = home, port: int = 0) -> RunningDemo:
        started.append(RunningDemo(where, port))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.terminate()
        running.process.wait(60)


@pytest.fixture
def demo(start_demo) -> RunningDemo:
    """One in the folder of this module."""
    return start_demo()


def free_port() -> int:
    with closing(listening_socket(0)) as listener:
        return listener.getsockname()[1]


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read().decode()


def test_first_start_is_ready_with_pages_and_sign_ins(demo):
    address = demo.wait_until_ready(FIRST_START_SECONDS)
    assert '"ready": true' in fetch(f"{address}readyz")
    assert "Ayni" in fetch(address)
    assert re.search(r"@\S+", demo.printed)
    for step in ("Starting PostgreSQL and Redis", "Bringing the database up to date", "Preparing example data"):
        assert step in demo.printed


def test_a_second_demo_of_the_same_checkout_says_where_the_first_is(demo, home):
    address = demo.wait_until_ready()
    done = subprocess.run(
        [sys.executable, "manage.py", "demo"],
        cwd=CHECKOUT,
        env=os.environ | {"AYNI_LOCAL": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"already running at {address}" in done.stdout


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_is_left_however_it_ends(demo, signum):
    demo.wait_until_ready()
    family = demo.family()
    assert len(family) > 10
    demo.process.send_signal(signum)
    demo.process.wait(30)
    _, left = psutil.wait_procs(family, timeout=15)
    assert not left
    if signum != signal.SIGKILL:
        assert demo.process.returncode == 0, demo.printed


def test_the_data_is_kept_and_a_crashed_worker_comes_back(demo, home):
    demo.wait_until_ready()
    assert "AUC" not in demo.printed, "the models were trained again"
    worker = next(p for p in demo.family() if "celery" in p.cmdline() and "worker" in p.cmdline())
    worker.kill()
    assert wait_until(lambda: "worker ended (signal SIGKILL); starting it again" in demo.printed, 10)
    assert wait_until(
        lambda: any("worker" in p.cmdline() for p in demo.family() if p.pid != worker.pid and p.is_running()), 20
    )


def test_a_busy_port_is_said_and_the_next_one_answers(start_demo):
    with closing(listening_socket(0)) as busy:
        taken = busy.getsockname()[1]
        demo = start_demo(port=taken)
        address = demo.wait_until_ready()
        assert f"Port {taken} is taken by another program" in demo.printed
        assert '"ready": true' in fetch(f"{address}readyz")


def test_two_checkouts_run_side_by_side(other_home, demo, start_demo):
    address = demo.wait_until_ready()
    other = start_demo(other_home)
    assert wait_until(lambda: "Bringing the database up to date" in other.printed, 60), other.printed
    assert '"ready": true' in fetch(f"{address}readyz")
    other.process.send_signal(signal.SIGINT)
    assert other.process.wait(30) == 0, other.printed
    assert '"ready": true' in fetch(f"{address}readyz")
