import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import ProgrammingError, connections
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from accounts import outbox
from accounts.models import OutboxEvent
from accounts.relay import Relay
from accounts.tenancy.scope import NoInstitutionScope, institution_scope
from accounts.tests.waiting import wait_until

EVENT, TASK = "lending.application.submitted", "lending.tasks.assess_applications"


def publish(institution, event=EVENT):
    with institution_scope(institution.pk):
        return outbox.publish(event, institution)


def open_events(institution):
    with institution_scope(institution.pk):
        return OutboxEvent.objects.filter(done_at=None).count()


@contextmanager
def running(relay):
    """The relay at work in a thread of its own."""
    relays = []

    def work():
        relays.append(relay())
        relays[0].run()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert wait_until(lambda: relays, 5)
        yield relays[0]
    finally:
        relays[0].stop()
        thread.join(10)
        assert not thread.is_alive()


# --- the outbox ---------------------------------------------------------------------------------------------------


def test_an_event_is_open_until_its_consumer_closes_it(institution):
    event = outbox.publish(EVENT, institution, note="x")
    assert (event.done_at, event.payload) == (None, {"note": "x"})
    assert outbox.complete(EVENT, [institution.pk]) == 1
    assert outbox.complete(EVENT, [institution.pk]) == 0


def test_what_nobody_consumes_is_born_closed(institution):
    assert outbox.publish("lending.offer.chosen", institution).done_at


def test_an_event_needs_a_scope(database):
    with pytest.raises(NoInstitutionScope):
        outbox.publish(EVENT, OutboxEvent())


# --- claiming -----------------------------------------------------------------------------------------------------


@pytest.mark.transactional
def test_one_task_for_each_institution_and_consumer(institution, other_institution):
    for _ in range(3):
        publish(institution)
    publish(institution, "lending.application.assessed")
    publish(other_institution)
    sent = []
    relay = Relay(send=sent.append)
    relay.claim()
    relay.deliver()
    assert sorted(sent) == sorted(
        [
            (institution.pk, TASK),
            (institution.pk, "lending.tasks.notify_applicants"),
            (other_institution.pk, TASK),
        ]
    )
    relay.claim()
    relay.deliver()
    assert len(sent) == 3  # not again at once


@pytest.mark.transactional
def test_what_stays_open_is_sent_again(institution, settings):
    event = publish(institution)
    sent = []
    relay = Relay(send=sent.append)
    relay.claim()
    with institution_scope(institution.pk):
        long_ago = timezone.now() - timedelta(seconds=settings.OUTBOX_REPUBLISH_SECONDS + 1)
        OutboxEvent.objects.filter(pk=event.pk).update(published_at=long_ago)
    relay.claim()
    with institution_scope(institution.pk):
        assert OutboxEvent.objects.get(pk=event.pk).attempts == 2
        outbox.complete(EVENT, [institution.pk])
        OutboxEvent.objects.filter(pk=event.pk).update(published_at=long_ago)
    relay.unsent.clear()
    relay.claim()
    assert not relay.unsent


@pytest.mark.transactional
def test_what_the_broker_refuses_stays_owed(institution):
    publish(institution)
    broker = {"down": True}
    sent = []

    def send(errand):
        if broker["down"]:
            raise BrokerError("no broker")
        sent.append(errand)

    relay = Relay(send=send)
    relay.claim()
    with pytest.raises(BrokerError):
        relay.deliver()
    broker["down"] = False
    relay.claim()  # finds nothing new: what is owed is remembered
    relay.deliver()
    assert sent == [(institution.pk, TASK)]


# --- running ------------------------------------------------------------------------------------------------------


@pytest.mark.transactional
def test_a_commit_wakes_it(institution, monkeypatch):
    monkeypatch.setattr("accounts.relay.POLL_SECONDS", 60.0)
    sent = []
    with running(lambda: Relay(send=sent.append)) as relay:
        assert wait_until(lambda: relay.connection.connection is not None, 5)
        publish(institution)
        assert wait_until(lambda: sent == [(institution.pk, TASK)], 10)


@pytest.mark.transactional
def test_without_a_notification_it_looks_by_itself(institution, monkeypatch):
    monkeypatch.setattr("accounts.relay.POLL_SECONDS", 0.1)
    sent = []
    with running(lambda: Relay(send=sent.append)) as relay:
        assert wait_until(lambda: relay.connection.connection is not None, 5)
        monkeypatch.setattr("accounts.outbox.CHANNEL", "nobody_listens")
        publish(institution)
        assert wait_until(lambda: sent, 10)


@pytest.mark.transactional
def test_it_outlives_a_broker_that_is_down(institution):
    attempts = []

    def send(errand):
        attempts.append(errand)
        if len(attempts) < 3:
            raise BrokerError("no broker")

    publish(institution)
    with running(lambda: Relay(send=send)):
        assert wait_until(lambda: len(attempts) == 3, 15)


@pytest.mark.transactional
def test_it_outlives_a_lost_database_connection(institution, servers, fresh_database, monkeypatch):
    monkeypatch.setattr("accounts.relay.POLL_SECONDS", 60.0)
    ours = f"FROM pg_stat_activity WHERE usename = 'lend_system' AND datname = '{fresh_database}'"
    sent = []
    with running(lambda: Relay(send=sent.append)):
        assert wait_until(lambda: servers.postgres.query(f"SELECT pid {ours} AND state = 'idle'"), 10)
        first = servers.postgres.query(f"SELECT pid, pg_terminate_backend(pid) {ours}")
        publish(institution)
        assert wait_until(lambda: sent, 10)
        assert servers.postgres.query(f"SELECT pid {ours}") != [(pid,) for pid, _ in first]
    assert open_events(institution) == 1  # the relay closes nothing


@pytest.mark.transactional
def test_stopping_ends_it_at_once(institution, monkeypatch):
    monkeypatch.setattr("accounts.relay.POLL_SECONDS", 60.0)
    with running(lambda: Relay(send=lambda errand: None)) as relay:
        assert wait_until(lambda: relay.connection.connection is not None, 5)


@pytest.mark.transactional
def test_it_sees_the_outbox_and_nothing_else(institution):
    publish(institution)
    with connections["system"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_outboxevent")
        assert cursor.fetchone() == (1,)
        with pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute("SELECT count(*) FROM lending_application")
