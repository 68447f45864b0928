"""What the supervisor and load balancers are told."""

import pytest
from django.test import Client

from portal import health


def test_alive_needs_no_database(client: Client):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert answer.json() == {"product": "ayni"}


@pytest.mark.django_db
def test_ready_names_what_is_missing(client: Client):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert {checks["database"], checks["migrations"], checks["broker"]} == {"ok"}
    assert checks["model"].startswith("no champion for enterprise, farm, household")


@pytest.mark.django_db
def test_a_dead_broker_is_unreachable_and_says_no_more(client: Client, settings):
    settings.CELERY_BROKER_URL = "redis+socket:///nowhere/redis.sock?virtual_host=0"
    health.queue_client.cache_clear()
    try:
        answer = client.get("/readyz")
    finally:
        health.queue_client.cache_clear()
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == "unreachable"
