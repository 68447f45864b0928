"""The scope in Python: loud when it is missing, never another institution's, whatever goes wrong inside."""

import random
import threading
from contextvars import copy_context

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Membership
from accounts.tenancy.scope import (
    NoInstitutionScope,
    ScopeChangeRefused,
    current_institution_id,
    current_scope,
    institution_scope,
    person_scope,
)
from accounts.tenancy.streams import ScopedStream
from accounts.tests.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.transactional


@pytest.fixture
def both(institution, other_institution):
    """A membership in each of two institutions: (mine, theirs)."""
    return MembershipFactory(institution=institution), MembershipFactory(institution=other_institution)


def visible():
    """Institutions whose memberships plain SQL shows on this connection now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT institution_id FROM accounts_membership")
        return {row[0] for row in cursor.fetchall()}


def fail_in_the_database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT no_such_column FROM accounts_membership")


def test_a_missing_scope_is_an_error_not_an_empty_page(both):
    with pytest.raises(NoInstitutionScope, match="institution_scope"):
        Membership.objects.count()
    with pytest.raises(NoInstitutionScope), transaction.atomic():
        Membership.objects.all()
    with pytest.raises(NoInstitutionScope):
        Membership(user=UserFactory(), roles=[]).save()


def test_a_missing_transaction_is_an_error(both, monkeypatch):
    with institution_scope(both[0].institution_id):
        queryset = Membership.objects.all()
        in_force = copy_context()

    def outside_the_transaction():
        return Membership.objects.count()

    with pytest.raises(NoInstitutionScope, match="transaction"):
        in_force.run(outside_the_transaction)
    assert list(queryset) == []  # evaluated too late: the database shows nothing


def test_the_scope_fills_and_finds_its_own_rows(both):
    mine, theirs = both
    with institution_scope(mine.institution_id):
        assert current_institution_id() == mine.institution_id
        assert [row.pk for row in Membership.objects.all()] == [mine.pk]
        fresh = Membership.objects.create(user=UserFactory(), roles=[])
        assert fresh.institution_id == mine.institution_id
    with institution_scope(theirs.institution_id):
        assert [row.pk for row in Membership.objects.all()] == [theirs.pk]


def test_two_clients_one_connection(both):
    for _ in range(3):
        for row in both:
            with institution_scope(row.institution_id):
                assert visible() == {row.institution_id}
            assert visible() == set()


def test_an_open_transaction_never_changes_its_institution(both):
    mine, theirs = both
    with institution_scope(mine.institution_id):
        with pytest.raises(ScopeChangeRefused), institution_scope(theirs.institution_id):
            pass
        assert visible() == {mine.institution_id}
        with institution_scope(mine.institution_id):  # the same one again is no change
            assert visible() == {mine.institution_id}
        assert visible() == {mine.institution_id}


def test_a_scope_inside_an_open_transaction_is_restored_on_the_way_out(both):
    mine = both[0]
    with transaction.atomic():
        assert visible() == set()
        with institution_scope(mine.institution_id):
            assert visible() == {mine.institution_id}
            with transaction.atomic():  # a savepoint that is released keeps its settings …
                assert visible() == {mine.institution_id}
        assert visible() == set()  # … so the scope puts them back itself
        with pytest.raises(ZeroDivisionError), institution_scope(mine.institution_id):
            1 / 0  # noqa: B018
        assert visible() == set()


def test_a_rolled_back_savepoint_keeps_the_scope(both):
    mine = both[0]
    with institution_scope(mine.institution_id):
        with pytest.raises(DatabaseError), transaction.atomic():
            fail_in_the_database()
        assert visible() == {mine.institution_id}
        with transaction.atomic():
            Membership.objects.create(user=UserFactory(), roles=[])
            transaction.set_rollback(True)
        assert visible() == {mine.institution_id}
        assert Membership.objects.count() == 1


def test_a_database_error_inside_a_scope_inside_a_savepoint_leaves_nothing(both):
    mine = both[0]
    with transaction.atomic():
        with pytest.raises(DatabaseError), transaction.atomic(), institution_scope(mine.institution_id):
            fail_in_the_database()
        assert visible() == set()
        assert current_scope().institution_id is None


def test_a_broken_connection_does_not_carry_the_scope_over(both, superuser):
    def lose_it():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            superuser.run("SELECT pg_terminate_backend(%s)", cursor.fetchone()[0])
        visible()

    with pytest.raises(DatabaseError), institution_scope(both[0].institution_id):
        lose_it()
    connection.close_if_unusable_or_obsolete()
    assert current_scope().institution_id is None
    assert visible() == set()


def test_a_person_sees_their_own_memberships_everywhere_and_nobody_elses(both):
    mine, theirs = both
    with person_scope(mine.user_id), transaction.atomic():
        assert visible() == {mine.institution_id}
    with institution_scope(theirs.institution_id, user_id=mine.user_id):
        assert visible() == {mine.institution_id, theirs.institution_id}
        assert [row.pk for row in Membership.objects.all()] == [theirs.pk]  # Python still filters by the scope
    with transaction.atomic():
        assert visible() == set()


# --- threads ----------------------------------------------------------------------------------------------------


def in_thread(target):
    """What `target` returned or raised, in a thread with a connection of its own."""
    outcome = []

    def run():
        try:
            outcome.append(target())
        except Exception as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]


def test_a_thread_starts_without_a_scope(both):
    with institution_scope(both[0].institution_id):
        assert in_thread(visible) == set()
        assert isinstance(in_thread(Membership.objects.count), NoInstitutionScope)


def test_a_thread_with_a_copied_context_works_in_the_same_scope(both):
    mine = both[0]

    def work():
        with institution_scope(current_scope().institution_id):
            return visible()

    with institution_scope(mine.institution_id):
        context = copy_context()
        assert in_thread(lambda: context.run(work)) == {mine.institution_id}


def test_threads_at_once_see_their_own_rows_only(both):
    """Random scopes, savepoints and errors on eight connections."""
    wrong = []

    def work(seed):
        dice = random.Random(seed)
        for _ in range(60):
            mine = dice.choice(both).institution_id
            try:
                with institution_scope(mine):
                    if visible() != {mine}:
                        wrong.append(mine)
                    with transaction.atomic():
                        if dice.random() < 0.3:
                            raise ZeroDivisionError
                        if visible() != {mine}:
                            wrong.append(mine)
            except ZeroDivisionError:
                pass
            if visible() != set():
                wrong.append("no scope")

    threads = [threading.Thread(target=lambda seed=seed: (work(seed), connection.close())) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- streams ----------------------------------------------------------------------------------------------------


def lines():
    for row in Membership.objects.order_by("pk").iterator():
        yield f"{row.institution_id}\n"


def test_a_stream_shows_its_rows_after_the_request_and_lends_its_scope_to_nobody(both):
    mine = both[0]
    with institution_scope(mine.institution_id):
        Membership.objects.create(user=UserFactory(), roles=[])
        stream = ScopedStream(lines)
    first = next(stream)
    assert first == f"{mine.institution_id}\n"
    assert current_scope().institution_id is None  # between chunks the server's thread has no scope
    assert [first, *stream] == [f"{mine.institution_id}\n"] * 2
    assert not connection.in_atomic_block


def test_a_stream_that_is_left_half_read_ends_its_transaction(both):
    with institution_scope(both[0].institution_id):
        stream = ScopedStream(lines)
    next(stream)
    stream.close()
    assert not connection.in_atomic_block
    assert visible() == set()


def test_a_stream_needs_a_scope_and_a_transaction_of_its_own(both):
    with pytest.raises(NoInstitutionScope):
        ScopedStream(lines)
    with institution_scope(both[0].institution_id):
        stream = ScopedStream(lines)
    with transaction.atomic(), pytest.raises(ScopeChangeRefused):
        next(stream)
