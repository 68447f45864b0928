"""What every test may use. The environment is set before Django reads its settings."""

import os
import shutil
from collections.abc import Iterator
from itertools import count

import django.conf
import pytest

from portal.local.servers import Servers
from portal.tests import live, machine

if django.conf.settings.configured:  # by a variable of the shell, before this process had a database of its own
    raise pytest.UsageError("unset DJANGO_SETTINGS_MODULE and --ds: this file sets it")
SLOT = machine.take_slot()
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()  # so that the conftests below may import models
del os.environ["DJANGO_SETTINGS_MODULE"]  # parallel workers shall not read the settings with our slot
machine.suit_settings()

pytest_plugins = ["accounts.tests.fixtures", "accounts.tests.evidence"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOW_TO_GET_CHROMIUM = "Chromium is not installed (Debian: apt install chromium)"
CHROMIUM_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
BROWSER_FIXTURES = {"browser", "context", "page", "new_context"}
# Half a minute and more each, the longest first: one of them begun last would leave the other processes idle. The
# two that begin prepare different things, a product to start from and the migrated database.
LONG_FILES = (
    *("test_regulator.py", "test_algorithms.py", "test_loan.py", "test_permissions_walk.py", "test_applicant.py"),
    *("test_bad_days.py", "test_officer.py", "test_people.py", "test_borrower.py", "test_runs.py"),
    *("test_portfolio.py", "test_real_people.py", "test_training.py", "test_oversight_pages.py"),
)

_running: list[Servers] = []
_clones = count(1)
_skipped_in_browser: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; refuse the marks that would flush tables; mark what needs a browser, skip it without one."""
    places = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
    for item in items:
        database = item.get_closest_marker("django_db")
        commits = item.get_closest_marker("transactional")
        if database and (commits or database.kwargs.get("transaction")):
            raise pytest.UsageError(f"{item.nodeid}: mark a test that commits `transactional` alone, without django_db")
        if BROWSER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason=HOW_TO_GET_CHROMIUM))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and "browser" in report.keywords:
        _skipped_in_browser.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With AYNI_REQUIRE_BROWSER a skipped browser test is a failure."""
    if _skipped_in_browser and os.environ.get("AYNI_REQUIRE_BROWSER"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the browser tests that were skipped, and say how to have them run."""
    if _skipped_in_browser:
        terminalreporter.section("browser tests that were skipped")
        for name in _skipped_in_browser:
            terminalreporter.line(name)
        terminalreporter.line(f"{HOW_TO_GET_CHROMIUM}." if not CHROMIUM else "Chromium is installed; see the reasons.")
        if os.environ.get("AYNI_REQUIRE_BROWSER"):
            terminalreporter.line("AYNI_REQUIRE_BROWSER is set, so this run has failed.")


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The PostgreSQL and the Redis of this run; the last process out stops them."""
    running = machine.start_servers()
    _running.append(running)
    yield running
    _running.remove(running)
    running.release()


@pytest.fixture(scope="session")
def template_database(servers: Servers, django_test_environment: None, django_db_blocker) -> str:
    """The name of the migrated database that others are cloned from."""
    with django_db_blocker.unblock():
        return machine.make_template(servers)


@pytest.fixture(scope="session")
def django_db_setup(servers: Servers, template_database: str, django_db_blocker) -> Iterator[None]:
    """This process's database, where `default` is the serving role; tests roll back."""
    with (
        django_db_blocker.unblock(),
        machine.cloned_database(servers, template_database, servers.paths.database),
    ):
        django_db_blocker.block()
        yield
        django_db_blocker.restore()


@pytest.fixture
def fresh_database(servers: Servers, template_database: str, django_db_blocker) -> Iterator[str]:
    """A clone for this test alone: commits are real, every alias and thread sees them. Gives its name."""
    name = f"{servers.paths.database}_{next(_clones)}"
    with django_db_blocker.unblock(), machine.cloned_database(servers, template_database, name):
        yield name


@pytest.fixture(autouse=True)
def _transactional(request: pytest.FixtureRequest) -> None:
    """`@pytest.mark.transactional` is the same as asking for `fresh_database`."""
    if request.node.get_closest_marker("transactional"):
        request.getfixturevalue("fresh_database")


@pytest.fixture(autouse=True)
def _empty_redis() -> None:
    """No rate limit, lock or queued task of another test."""
    for running in _running:
        slot = running.paths.slot
        running.redis.flush(2 * slot, 2 * slot + 1)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    """Debian's Chromium, without a sandbox for root and without calls home."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright keeps a loop in this thread from here on
    return browser_type_launch_args | {"executable_path": CHROMIUM, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="module")
def live_ayni(request: pytest.FixtureRequest, django_db_blocker) -> Iterator[live.LiveAyni]:
    """The whole product, running, for this module alone; `LIVE_ENV` in the module adds to its environment."""
    env = getattr(request.module, "LIVE_ENV", None)
    with live.live_ayni(env, django_db_blocker.unblock) as running:
        yield running
