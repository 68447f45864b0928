"""`manage.py doctor` names what is wrong and how to mend it."""

import json
import os
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections

from accounts.tests.evidence import act
from portal.local import doctor
from portal.local.paths import paths


def finding(name: str) -> doctor.Finding:
    return {found.name: found for found in doctor.examine(paths(), embedded=True)}[name]


@pytest.mark.transactional
def test_a_sound_machine_lacks_only_the_models():
    wrong = [found.name for found in doctor.examine(paths(), embedded=True) if found.status == doctor.WRONG]
    assert wrong == ["models"]
    assert finding("models").found == "no champion for enterprise, farm, household"
    assert "train_model" in finding("models").mend


@pytest.mark.transactional
def test_json_answer_and_exit_status(servers):
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=out)
    assert ended.value.code == 1
    answer = json.loads(out.getvalue())
    assert answer["ok"] is False
    assert {"name", "status", "found", "mend"} == set(answer["checks"][0])


@pytest.mark.transactional
def test_a_privileged_serving_role_is_named(servers, fresh_database, monkeypatch):
    role = f"{fresh_database}_strong"  # not lend_app, which other processes of this run serve as
    servers.postgres.query(f"CREATE ROLE {role} LOGIN BYPASSRLS")
    servers.postgres.query(f"GRANT CONNECT ON DATABASE {fresh_database} TO {role}")
    monkeypatch.setitem(connections.settings["default"], "USER", role)
    connections["default"].close()
    try:
        found = finding("roles")
    finally:
        connections["default"].close()
        servers.postgres.query(f"DROP OWNED BY {role}", fresh_database)
        servers.postgres.query(f"DROP ROLE {role}")
    assert found.status == doctor.WRONG
    assert "default: has BYPASSRLS" in found.found


@pytest.mark.transactional
def test_a_missing_migration_is_named(servers, fresh_database):
    servers.postgres.query("DELETE FROM django_migrations WHERE app = 'lending'", fresh_database)
    found = finding("migrations")
    assert found.status == doctor.WRONG
    assert "first lending" in found.found


def test_readable_keys_are_wrong(settings, tmp_path):
    key = tmp_path / "key"
    key.write_text("secret")
    settings.FIELD_KEYS_FILE = settings.AUDIT_SIGNING_KEY_FILE = str(key)
    key.chmod(0o644)
    assert doctor.keys().mend == f"chmod 600 {key}"
    key.chmod(0o600)
    assert doctor.keys().status == doctor.OK
    key.unlink()
    assert doctor.keys().status == doctor.WRONG


def test_messages_older_than_their_source_are_wrong(settings, tmp_path):
    settings.LOCALE_PATHS = [tmp_path]
    source, compiled = tmp_path / "django.po", tmp_path / "django.mo"
    source.touch()
    assert doctor.messages().status == doctor.WRONG
    compiled.touch()
    os.utime(source, (1, 1))
    assert doctor.messages().status == doctor.OK
    os.utime(compiled, (0, 0))
    assert doctor.messages().mend == "run `make messages`"


def test_a_full_disk_and_a_missing_browser_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "FREE_BYTES", 10**18)
    assert doctor.disk(tmp_path / "not-yet").status == doctor.WRONG
    monkeypatch.setenv("PATH", "")
    assert doctor.chromium().status == doctor.NOTE


@pytest.mark.transactional
def test_a_sealer_that_sleeps_is_named(servers, fresh_database, institution):
    assert finding("audit").status == doctor.OK
    act(institution, 2)
    servers.postgres.query("UPDATE accounts_auditpending SET queued_at = now() - interval '9 minutes'", fresh_database)
    assert finding("audit").status == doctor.NOTE  # a stopped demo
    found = doctor.evidence(embedded=False)
    assert (found.status, found.found) == (doctor.WRONG, "2 entries wait for their seal, the oldest for 9 minutes")
    assert "seal_audit" in found.mend


def test_a_missing_antivirus_is_noted_and_a_silent_one_is_wrong(settings):
    settings.CLAMD = ""
    assert doctor.scanner().status == "note"
    settings.CLAMD = "/nowhere/clamd"
    assert doctor.scanner().status == "wrong"
