import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.utils import timezone

from accounts import messages
from accounts.models import OutboxEvent, User
from accounts.tenancy.scope import institution_scope
from lending.models import Application, Notification
from lending.services import notifications
from lending.services.decisions import request_review
from lending.services.notifications import notify_waiting
from lending.tests.factories import applicant_of

ASSESSED = "lending.application.assessed"


@pytest.fixture
def sent(monkeypatch):
    """What was handed to the gateways: (channel, recipient, text, key)."""
    handed = []
    monkeypatch.setattr(messages, "send_sms", lambda to, text, key: handed.append(("sms", to, text, key)))
    monkeypatch.setattr(messages, "send_mail", lambda to, subject, text, key: handed.append(("mail", to, text, key)))
    return handed


@pytest.fixture
def answered(institution, assessed):
    actor = applicant_of(institution, phone="+51987654321", email="maria@ejemplo.pe")
    return assessed("household", actor=actor, amount=Decimal(2000)), actor


def open_events():
    return OutboxEvent.objects.filter(done_at=None).count()


def test_a_person_is_told_once_by_each_channel(institution, answered, sent, settings):
    application, _actor = answered
    assert notify_waiting(institution_id=institution.pk) == 2
    assert notify_waiting(institution_id=institution.pk) == 0

    assert sorted((channel, to) for channel, to, *_ in sent) == [("mail", "maria@ejemplo.pe"), ("sms", "+51987654321")]
    text = next(text for channel, _, text, _ in sent if channel == "sms")
    assert f"QT-{application.number}" in text
    assert "fue aprobada" in text
    assert f"{settings.SITE_URL}/i/{institution.slug}/my/{application.pk}/" in text
    assert open_events() == 0


def test_the_text_follows_the_answer(institution, assessed, sent):
    assessed("household", amount=Decimal(6000), term_months=18)
    notify_waiting(institution_id=institution.pk)
    assert "una persona está evaluando" in sent[0][2]


def test_who_asked_for_a_review_is_told_until_when(institution, answered, sent):
    application, actor = answered
    request_review(application_id=application.pk, actor=actor)
    notify_waiting(institution_id=institution.pk)
    assert any("pedido de revisión" in text for _, _, text, _ in sent)


def test_it_is_written_in_the_persons_language(institution, assessed, sent):
    actor = applicant_of(institution, language="en")
    User.objects.filter(pk=actor.user_id).update(language="en")
    assessed("household", actor=actor, amount=Decimal(2000))
    notify_waiting(institution_id=institution.pk)
    row = Notification.objects.get()
    assert row.subject


def test_without_the_permission_nobody_is_written_to(institution, assessed, sent):
    assessed("household", amount=Decimal(2000), consents={"contact": False})
    assert notify_waiting(institution_id=institution.pk) == 0
    assert not sent
    assert open_events() == 0


def test_an_unproven_mobile_of_an_account_is_not_written_to(institution, assessed, sent):
    actor = applicant_of(institution, phone="+51911222333", phone_verified=False)
    assessed("household", actor=actor, amount=Decimal(2000), phone="987654321")
    notify_waiting(institution_id=institution.pk)
    assert [channel for channel, *_ in sent] == ["mail"]


def test_a_gateway_that_is_down_is_tried_again_with_the_same_key(institution, answered, sent, monkeypatch):
    def down(to, text, key):
        keys.append(key)
        raise messages.NotDelivered

    keys = []
    monkeypatch.setattr(messages, "send_sms", down)
    assert notify_waiting(institution_id=institution.pk) == 1
    assert open_events() == 1
    assert notify_waiting(institution_id=institution.pk) == 0  # not at once

    Notification.objects.update(claimed_at=timezone.now() - notifications.CLAIM_LASTS - timedelta(seconds=1))
    monkeypatch.setattr(messages, "send_sms", lambda to, text, key: keys.append(key))
    assert notify_waiting(institution_id=institution.pk) == 1
    assert len(set(keys)) == 1
    assert len(keys) == 2
    assert open_events() == 0


def test_what_is_refused_for_good_is_not_tried_again(institution, answered, sent, monkeypatch):
    def refused(to, text, key):
        raise messages.Undeliverable

    monkeypatch.setattr(messages, "send_sms", refused)
    notify_waiting(institution_id=institution.pk)
    assert Notification.objects.get(channel="sms").failed_at
    assert open_events() == 0


def test_after_many_attempts_it_is_given_up(institution, answered, sent, monkeypatch):
    def down(to, text, key):
        raise messages.NotDelivered

    monkeypatch.setattr(messages, "send_sms", down)
    monkeypatch.setattr(notifications, "MOST_ATTEMPTS", 1)
    notify_waiting(institution_id=institution.pk)
    assert Notification.objects.get(channel="sms").failed_at


def test_a_worker_that_died_between_handing_over_and_marking_causes_no_second_message(
    institution, answered, monkeypatch, settings, tmp_path
):
    settings.OUTBOX_ROOT = str(tmp_path)

    def die(*args, **kwargs):
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(notifications, "mark_notification", die)
        with pytest.raises(SystemExit):
            notify_waiting(institution_id=institution.pk)
    Notification.objects.update(claimed_at=timezone.now() - timedelta(hours=1))
    notify_waiting(institution_id=institution.pk)

    assert len(messages.written_messages()) == 2
    assert open_events() == 0


def test_recipients_and_words_are_sealed(institution, answered, sent):

    notify_waiting(institution_id=institution.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT recipient, body FROM lending_notification")
        assert not any("987654321" in recipient or "QT-" in body for recipient, body in cursor.fetchall())


def test_another_institutions_people_are_left_alone(institution, other_institution, answered, sent):
    assert notify_waiting(institution_id=other_institution.pk) == 0
    assert not sent


@pytest.mark.transactional
def test_four_workers_at_once_send_each_message_once(institution, assessed, sent):
    for _ in range(5):
        assessed("household", amount=Decimal(2000), actor=applicant_of(institution))
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        try:
            notify_waiting(institution_id=institution.pk)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]

    keys = [key for *_, key in sent]
    assert len(keys) == len(set(keys)) == 5
    with institution_scope(institution.pk):
        assert open_events() == 0
        assert Application.objects.count() == 5


@pytest.mark.transactional
def test_what_one_worker_has_claimed_another_passes_over(institution, assessed):
    assessed("household", amount=Decimal(2000))
    with institution_scope(institution.pk):
        notifications.write_notifications()
    seen = []

    def look():
        with institution_scope(institution.pk):
            seen.append(notifications.claim_notification())
        connections.close_all()

    with institution_scope(institution.pk):
        assert notifications.claim_notification()
        other = threading.Thread(target=look)
        other.start()
        other.join(15)  # while the first worker's transaction is still open
        assert seen == [None]
    look()
    assert seen == [None, None]
