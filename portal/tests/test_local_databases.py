"""What a test can rely on: unprivileged roles, rolled back or private databases, a Redis of its own."""

import threading

import pytest
from django.core.cache import cache
from django.core.management import load_command_class
from django.db import connection, connections

from portal.local.paths import paths


@pytest.mark.django_db
def test_tests_run_as_the_serving_role():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == ("lend_app", False, False)


@pytest.mark.transactional
def test_a_transactional_test_commits_for_all_aliases_and_threads():
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE remark (words text)")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO remark VALUES ('allin')")
    seen = []

    def look():
        with connection.cursor() as cursor:
            cursor.execute("SELECT words FROM remark")
            seen.extend(cursor.fetchall())
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [("allin",)]


@pytest.mark.transactional
def test_what_another_transactional_test_committed_is_gone():
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('remark')")
        assert cursor.fetchone() == (None,)


def test_every_process_of_a_run_has_its_own_database_queues_and_files(servers, settings):
    own = paths()
    assert servers.paths == own
    assert settings.CACHES["default"]["LOCATION"] == own.redis_url()
    assert own.celery_broker_url() == settings.CELERY_BROKER_URL
    assert str(own.media) == settings.MEDIA_ROOT
    assert connection.settings_dict["NAME"] == own.database


@pytest.mark.django_db
@pytest.mark.parametrize("attempt", [1, 2])
def test_the_cache_is_empty_when_a_test_starts(attempt):
    assert cache.get("seen") is None
    cache.set("seen", attempt)
    assert cache.get("seen") == attempt


def test_migrate_runs_as_the_owner_unless_told_otherwise():
    parser = load_command_class("portal", "migrate").create_parser("manage.py", "migrate")
    assert parser.parse_args([]).database == "owner"
    assert parser.parse_args(["--database", "default"]).database == "default"
