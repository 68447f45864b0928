"""Checkpoints in their second place: the file store and regulators' mailboxes."""

import json
from datetime import UTC, datetime

import pytest

from accounts.audit import checkpoints, copies, sealer
from accounts.audit.verify import verify
from accounts.messages import NotDelivered
from accounts.models import AuditCheckpoint
from accounts.tests.evidence import act

pytestmark = [pytest.mark.transactional, pytest.mark.usefixtures("outbox")]


@pytest.fixture
def mails(monkeypatch):
    """What was handed to the mail server, as (to, subject, text)."""
    sent = []
    monkeypatch.setattr(copies, "send_mail", lambda to, subject, text, dedupe_key: sent.append((to, subject, text)))
    return sent


def sealed_day(institution, monkeypatch, day):
    """A checkpoint signed on that day of March 2026, published."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 3, day, 15, tzinfo=UTC)

    act(institution)
    sealer.seal_all()
    monkeypatch.setattr(checkpoints, "datetime", Clock)
    return checkpoints.make()


def test_each_checkpoint_is_copied_once_and_never_replaced(institution, monkeypatch):
    for day in (1, 2):
        sealed_day(institution, monkeypatch, day)
    assert copies.copy_missing() == 2
    assert copies.copy_missing() == 0
    sealed_day(institution, monkeypatch, 3)
    assert copies.copy_missing() == 1
    assert copies.newest_copy() == checkpoints.read(checkpoints.path_of(3))


def test_the_first_of_each_day_is_mailed_and_can_be_held(institution, monkeypatch, settings, mails, tmp_path):
    settings.CHECKPOINT_MAIL_TO = ["supervisora@sbs.example"]
    for day in (1, 1, 2):
        sealed_day(institution, monkeypatch, day)
    copies.mail_missing()
    copies.mail_missing()
    assert [(to, subject) for to, subject, _text in mails] == [
        ("supervisora@sbs.example", "Punto de control 1 de Ayni"),
        ("supervisora@sbs.example", "Punto de control 3 de Ayni"),
    ]
    held = checkpoints.parsed(mails[1][2].partition("\n\n")[2])
    held.check()
    assert json.loads(held.statement)["number"] == 3


def test_a_store_that_fails_does_not_hold_up_sealing_and_is_tried_again(institution, monkeypatch, settings, mails):
    settings.CHECKPOINT_MAIL_TO = ["supervisora@sbs.example"]
    sealed_day(institution, monkeypatch, 1)
    courier = copies.Courier()
    monkeypatch.setattr(copies, "copy_missing", lambda: (_ for _ in ()).throw(OSError("no route")))
    courier.deliver()
    assert (courier.delivered, mails) == (0, [])
    monkeypatch.undo()
    courier.deliver()
    assert courier.delivered == 0, "not before a minute has passed"
    courier.next_try = None
    monkeypatch.setattr(copies, "send_mail", lambda *a, **k: (_ for _ in ()).throw(NotDelivered()))
    courier.deliver()
    assert courier.delivered == 0
    monkeypatch.setattr(copies, "send_mail", lambda *a, **k: mails.append(a))
    courier.next_try = None
    courier.deliver()
    courier.deliver()
    assert (courier.delivered, len(mails)) == (1, 1)


def test_the_copy_shows_what_the_database_and_the_folder_have_lost(institution, monkeypatch, superuser):
    ids = act(institution, 4)
    sealer.seal_all()
    checkpoints.make()
    copies.copy_missing()
    checkpoints.path_of(1).unlink()
    with superuser.behind_their_backs():
        superuser.run("DELETE FROM accounts_auditcheckpoint")
        superuser.delete(str(ids[3]), seals=True)
    assert not AuditCheckpoint.objects.exists()
    found = verify().first_bad
    assert (found.seq, found.reason) == (4, "cut_off")
