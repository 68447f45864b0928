"""Keys change hands: everything sealed moves to the newest key, an interrupted run is repeated, the old key goes."""

import json
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import crypto, rotation
from accounts.actors import Actor
from accounts.audit.subjects import subject_hash
from accounts.models import AuditEntry, SubjectKey, User
from accounts.services.people import set_up_second_step
from lending.models import Applicant, Document
from lending.services.complaints import file_complaint
from lending.services.documents import add_document, open_document
from lending.tests import walk
from lending.tests.test_complaints import sheet

pytestmark = pytest.mark.django_db


class Keys:
    """A key file that a person edits."""

    def __init__(self, path: Path) -> None:
        self.path, self.serial = path, 0

    def write(self, *keys: str) -> None:
        self.serial += 1
        document = json.loads(self.path.read_text()) if self.path.exists() else crypto.new_key_document()
        self.path.write_text(json.dumps({**document, "encryption": list(keys)}))
        import os

        os.utime(self.path, ns=(self.serial, self.serial))  # two writes within one tick are two versions


@pytest.fixture
def keys(settings: Any, tmp_path: Path) -> Keys:
    settings.FIELD_KEYS_FILE = str(tmp_path / "keys.json")
    settings.MEDIA_ROOT = settings.OUTBOX_ROOT = str(tmp_path)
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def sealed(keys: Keys, institution: Any, assessed: Any, actor_as: Any) -> dict[str, Any]:
    """Sealed things of every kind, under an old key."""
    old = Fernet.generate_key().decode()
    keys.write(old)
    person = actor_as("applicant")
    application = assessed("household", actor=person)
    paper = add_document(application_id=application.pk, actor=person, kind="income", upload=walk.photo())
    file_complaint(actor=person, sheet=sheet())
    pseudonym = subject_hash(application.applicant_id, "algo")
    secret = set_up_second_step(user=User.objects.get(pk=person.user_id), actor=Actor.system("test"))
    return {
        "old": old, "person": person, "paper": paper.pk, "pseudonym": pseudonym, "secret": secret,
        "number": application.applicant.document_number, "applicant": application.applicant_id,
    }  # fmt: skip


def stored_tokens() -> list[bytes]:
    """Every sealed value as it lies in the database and in the store."""
    found: list[bytes] = []
    with connection.cursor() as cursor:
        for model, column in rotation.sealed_columns():
            cursor.execute(f"SELECT {column} FROM {model._meta.db_table} WHERE length({column}) > 0")
            found += [bytes(value) if not isinstance(value, str) else value.encode() for (value,) in cursor.fetchall()]
    for name in Document.objects.values_list("stored_name", flat=True):
        with default_storage.open(name) as stored:
            found.append(stored.read())
    for one in Authenticator.objects.all():
        found += [str(one.data[name]).encode() for name in ("secret", "seed") if name in one.data]
    return found


def test_after_a_rotation_the_old_key_is_not_needed(sealed, keys, capsys):
    new = Fernet.generate_key().decode()
    keys.write(new, sealed["old"])
    before = Document.objects.get().stored_name
    assert not any(crypto.is_newest(token) for token in stored_tokens())
    call_command("rotate_keys", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["unreadable"], report["rewritten"] > 8) == (0, True)
    keys.write(new)
    assert all(crypto.is_newest(token) for token in stored_tokens())
    assert Applicant.objects.get(pk=sealed["applicant"]).document_number == sealed["number"]
    assert subject_hash(sealed["applicant"], "algo") == sealed["pseudonym"]
    content, _kind = open_document(document_id=sealed["paper"], actor=sealed["person"])
    assert content[:2] == b"\xff\xd8"
    assert not default_storage.exists(before)
    held = Authenticator.objects.get(user_id=sealed["person"].user_id, type="totp")
    assert crypto.decrypt(held.data["secret"].encode()).decode() == sealed["secret"]
    assert AuditEntry.objects.filter(event="accounts.keys.rotated").count() == 1


def test_a_second_run_changes_nothing(sealed, keys):
    keys.write(Fernet.generate_key().decode(), sealed["old"])
    first = rotation.rotate_everything()
    names = set(Document.objects.values_list("stored_name", flat=True))
    second = rotation.rotate_everything()
    assert second.rewritten == 0
    assert second.current >= first.rewritten
    assert set(Document.objects.values_list("stored_name", flat=True)) == names


def test_an_interrupted_run_is_repeated(sealed, keys, monkeypatch):
    new = Fernet.generate_key().decode()
    keys.write(new, sealed["old"])
    monkeypatch.setattr(rotation, "BATCH", 1)
    seen = 0

    def stop(count: int) -> None:
        nonlocal seen
        seen += count
        if seen >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotation.rotate_everything(stop)
    newest = [crypto.is_newest(token) for token in stored_tokens()]
    assert any(newest)
    assert not all(newest)
    assert rotation.rotate_everything().unreadable == []
    keys.write(new)
    assert all(crypto.is_newest(token) for token in stored_tokens())


def test_what_no_key_opens_is_named_and_the_old_keys_are_kept(sealed, keys):
    stranger = Fernet(Fernet.generate_key())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_subjectkey SET key = %s", [stranger.encrypt(b"x" * 32)])
    keys.write(Fernet.generate_key().decode(), sealed["old"])
    with pytest.raises(CommandError, match="keep the old keys: 1 values open with none of them: accounts_subjectkey"):
        call_command("rotate_keys")
    assert SubjectKey.objects.count() == 1


def test_every_sealed_column_is_found():
    found = {f"{model._meta.label}.{column}" for model, column in rotation.sealed_columns()}
    assert {"lending.Applicant.document_number", "accounts.SubjectKey.key", "accounts.Complaint.detail"} <= found
    assert {model._meta.label for model in rotation.file_models()} >= {"lending.Document", "lending.Contract"}
