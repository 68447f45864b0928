"""A backup that leaves rows out would only be noticed on the day it is needed."""

import subprocess

import pytest

from accounts.tests.factories import MembershipFactory
from portal.local.postgres import wheel_binaries


@pytest.fixture
def both(institution, other_institution):
    return MembershipFactory(institution=institution), MembershipFactory(institution=other_institution)


@pytest.mark.transactional
def test_a_backup_holds_every_institutions_rows_and_only_a_superuser_can_make_it(both, servers, fresh_database):
    def dump(role, *options):
        return subprocess.run(
            [
                wheel_binaries() / "pg_dump",
                "--data-only",
                "--table=accounts_membership",
                *options,
                servers.paths.database_url(role, fresh_database),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

    full = dump("postgres")
    assert full.returncode == 0, full.stderr
    lines = full.stdout.split("FROM stdin;\n")[1].split("\n\\.")[0].splitlines()
    assert len(lines) == 2
    for role in ("lend_app", "lend_owner"):
        partial = dump(role)
        assert partial.returncode != 0
        assert "row-level security" in partial.stderr
    # What the notes forbid: it succeeds and holds nothing.
    silent = dump("lend_owner", "--enable-row-security")
    assert silent.returncode == 0
    assert silent.stdout.split("FROM stdin;\n")[1].startswith("\\.")
