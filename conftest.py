"""What every test may use. The environment is set before Django reads its settings."""

import os
from collections.abc import Iterator
from itertools import count

import django
import pytest

from portal.local.servers import Servers
from portal.tests import machine

SLOT = machine.take_slot()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()  # so that the conftests below may import models
machine.suit_settings()

pytest_plugins = ["accounts.tests.fixtures"]

_running: list[Servers] = []
_clones = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse the marks that would flush tables: a test that commits is `transactional`."""
    for item in items:
        database = item.get_closest_marker("django_db")
        commits = item.get_closest_marker("transactional")
        if database and (commits or database.kwargs.get("transaction")):
            raise pytest.UsageError(f"{item.nodeid}: mark a test that commits `transactional` alone, without django_db")


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
