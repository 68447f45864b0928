import pytest

from accounts.tests.evidence import Superuser


@pytest.fixture
def superuser(servers, fresh_database) -> Superuser:
    """The database's superuser, in a test with a database of its own."""
    return Superuser(servers, fresh_database)


@pytest.fixture
def outbox(settings, tmp_path):
    """A folder of this test's own for what is published and sent."""
    settings.OUTBOX_ROOT = str(tmp_path)
    return tmp_path
