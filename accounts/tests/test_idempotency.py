"""One key, one act: asked twelve times at once it is done once, and everybody gets the same answer."""

import threading

import pytest
from django.db import connection, transaction

from accounts import idempotency
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState
from accounts.models import IdempotencyKey, OutboxEvent
from accounts.outbox import publish
from accounts.tenancy.scope import institution_scope

ENDPOINT = "applications.submit"
BODY = idempotency.request_hash(b'{"amount": "3000.00"}')


def post(actor, institution, key="k-1", body=BODY):
    """A request that moves something: (was it the first?, answer)."""
    first = idempotency.begin(actor, ENDPOINT, key, body)
    if first is not None:
        return False, (first.status, first.body)
    event = publish("accounts.test.posted", institution)
    answer = (201, {"id": str(event.pk)})
    idempotency.finish(actor, ENDPOINT, key, *answer)
    return True, answer


def test_a_repeated_request_gets_the_first_answer(institution, officer):
    first, answer = post(officer, institution)
    again, replay = post(officer, institution)
    assert (first, again) == (True, False)
    assert replay == answer
    assert OutboxEvent.objects.count() == 1


def test_another_body_under_the_same_key_is_refused(institution, officer):
    post(officer, institution)
    with pytest.raises(InvalidInput) as refused:
        post(officer, institution, body=idempotency.request_hash(b"{}"))
    assert (refused.value.status, refused.value.code) == (422, "idempotency_mismatch")
    assert OutboxEvent.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 101])
def test_a_key_has_1_to_100_characters(institution, officer, key):
    with pytest.raises(InvalidInput):
        post(officer, institution, key=key)


def test_keys_of_other_clients_endpoints_and_institutions_are_others(institution, other_institution, actor_as):
    one, two = actor_as("officer"), actor_as("officer")
    program = Actor(kind="client", institution_id=institution.pk, client_id="11")
    assert post(one, institution)[0]
    assert post(two, institution)[0]
    assert post(program, institution)[0]
    assert idempotency.begin(one, "another.endpoint", "k-1", BODY) is None
    with institution_scope(other_institution.pk):
        assert post(one, institution)[0]
    assert IdempotencyKey.objects.count() == 4


def test_an_answer_is_kept_once(institution, officer):
    post(officer, institution)
    with pytest.raises(InvalidState):
        idempotency.finish(officer, ENDPOINT, "k-1", 201, {})


@pytest.mark.transactional
def test_a_failed_first_attempt_leaves_the_key_free(institution, actor_as):
    actor = actor_as("officer")
    with institution_scope(institution.pk):
        post(actor, institution)
        transaction.set_rollback(True)
    with institution_scope(institution.pk):
        assert post(actor, institution)[0]
        assert OutboxEvent.objects.count() == 1


@pytest.mark.transactional
@pytest.mark.parametrize("round_", range(3))
def test_twelve_at_once_make_one_posting_and_eleven_replays(institution, actor_as, round_):
    actor = actor_as("officer")
    barrier = threading.Barrier(12)
    outcomes = []

    def request():
        try:
            barrier.wait(timeout=30)
            with institution_scope(institution.pk):
                outcome = post(actor, institution)
            outcomes.append(outcome)
        except Exception as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=request) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(first for first, _ in outcomes) == [False] * 11 + [True]
    assert len({str(answer) for _, answer in outcomes}) == 1
    with institution_scope(institution.pk):
        assert OutboxEvent.objects.count() == 1
        with pytest.raises(InvalidInput):
            post(actor, institution, body=idempotency.request_hash(b"other"))
