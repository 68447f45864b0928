"""Tasks name their institution in the message, and a worker refuses those that do not."""

import threading

import pytest
from celery import shared_task
from celery.contrib.testing.worker import start_worker
from django.db import connection

from accounts.models import OutboxEvent
from accounts.outbox import publish
from accounts.tenancy.celery import HEADER
from accounts.tenancy.scope import NoInstitutionScope, current_scope, institution_scope
from portal.celery import app

pytestmark = pytest.mark.transactional

log: list[tuple] = []
attempts: dict[str, int] = {}


def visible():
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT institution_id FROM accounts_outboxevent ORDER BY 1")
        return [row[0] for row in cursor.fetchall()]


@shared_task(name="portal.tests.look")
def look(institution_id):
    """What the task sees before, inside and after its scope."""
    before = (visible(), current_scope().institution_id)
    with institution_scope(institution_id):
        inside = visible()
    log.append((institution_id, before, inside, visible()))


@shared_task(name="portal.tests.falter", bind=True, max_retries=2, default_retry_delay=0)
def falter(self, institution_id, name):
    """Fails inside its scope twice and then succeeds; each attempt writes."""
    attempts[name] = attempts.get(name, 0) + 1
    try:
        with institution_scope(institution_id):
            publish("accounts.test.written", OutboxEvent(pk=name))
            if attempts[name] < 3:
                raise ZeroDivisionError
    except ZeroDivisionError as error:
        raise self.retry(exc=error) from error
    log.append((institution_id, name))


@shared_task(name="portal.tests.pass_on")
def pass_on(institution_id):
    """Sends another task from inside its own scope."""
    with institution_scope(institution_id):
        look.delay(institution_id)


@pytest.fixture
def planted(institution, other_institution):
    for lender in (institution, other_institution):
        with institution_scope(lender.pk):
            publish("accounts.test.planted", lender)
    log.clear()
    attempts.clear()
    return institution, other_institution


@pytest.fixture
def worker(planted):
    """A real worker in a thread of this process, taking messages from this run's Redis."""
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30, queues=["default"]):
        yield


def until(condition, seconds=30):
    waiting = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        waiting.wait(0.05)
    raise AssertionError(f"it did not happen in time; so far: {log}")


# --- the base task ----------------------------------------------------------------------------------------------


def test_a_message_without_an_institution_is_refused(planted):
    with pytest.raises(NoInstitutionScope, match="message None"):
        look.apply([planted[0].pk], throw=True)
    assert log == []


def test_a_message_of_another_institution_is_refused(planted):
    mine, theirs = planted
    with pytest.raises(NoInstitutionScope):
        look.apply([theirs.pk], headers={HEADER: mine.pk}, throw=True)
    with pytest.raises(NoInstitutionScope):
        look.apply(kwargs={"institution_id": theirs.pk}, headers={HEADER: mine.pk}, throw=True)


def test_a_task_sees_its_own_institution_and_only_inside_its_scope(planted):
    mine = planted[0]
    look.apply([mine.pk], headers={HEADER: mine.pk}, throw=True)
    assert log == [(mine.pk, ([], None), [mine.pk], [])]


def test_the_institution_in_scope_travels_in_the_header(planted):
    from accounts.tenancy.celery import send_institution

    mine, theirs = planted
    headers = {}
    send_institution(headers=headers)
    assert headers == {HEADER: None}
    with institution_scope(mine.pk):
        send_institution(headers=headers)
        assert headers == {HEADER: mine.pk}
        named = {HEADER: theirs.pk}
        send_institution(headers=named)  # the relay names it itself
        assert named == {HEADER: theirs.pk}


# --- through the broker -----------------------------------------------------------------------------------------


def test_tasks_in_turn_on_one_worker_see_their_own_institution(planted, worker):
    for lender in (*planted, *planted):
        with institution_scope(lender.pk):
            look.delay(lender.pk)
    until(lambda: len(log) == 4)
    assert [entry[0] for entry in log] == [lender.pk for lender in (*planted, *planted)]
    for institution_id, before, inside, after in log:
        assert (before, inside, after) == (([], None), [institution_id], [])


def test_a_retried_task_keeps_its_institution_and_leaves_no_half_done_work(planted, worker):
    mine, theirs = planted
    with institution_scope(mine.pk):
        falter.delay(mine.pk, "a")
    with institution_scope(theirs.pk):
        falter.delay(theirs.pk, "b")
    until(lambda: len(log) == 2)
    assert attempts == {"a": 3, "b": 3}
    for lender in planted:
        with institution_scope(lender.pk):
            assert OutboxEvent.objects.filter(name="accounts.test.written").count() == 1


def test_a_task_sent_from_a_task_keeps_the_institution(planted, worker):
    mine = planted[0]
    pass_on.apply_async([mine.pk], headers={HEADER: mine.pk})
    until(lambda: log)
    assert log[0][0] == mine.pk
    assert log[0][2] == [mine.pk]
