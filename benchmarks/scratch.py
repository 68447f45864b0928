"""A database of a benchmark's own, beside the product's on the same server; nothing of it stays."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command

from portal.local.paths import paths
from portal.local.postgres import PostgresServer
from portal.tests.machine import connected_to


@contextmanager
def scratch_database(name: str = "ayni_benchmark") -> Iterator[PostgresServer]:
    """Every connection leads to a fresh, migrated database; gives the server, for work as its superuser."""
    server = PostgresServer(paths())
    server.drop_database(name)
    server.create_database(name)
    try:
        with connected_to(name):
            call_command("migrate", database="owner", verbosity=0, interactive=False)
            yield server
    finally:
        server.drop_database(name)
