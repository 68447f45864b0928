import re

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tenancy.scope import institution_scope
from accounts.tests.evidence import act
from scoring.models import Alarm
from scoring.tests.factories import register_model

pytestmark = pytest.mark.transactional


def test_this_machine_reads_the_figures(client: Client):
    client.get("/healthz")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert b"django_http_requests_before_middlewares_total" in answer.content


@pytest.mark.parametrize(
    "elsewhere",
    [{"REMOTE_ADDR": "203.0.113.9"}, {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, {"REMOTE_ADDR": ""}],
    ids=["other machine", "through a proxy", "unknown"],
)
def test_nobody_else_does(client: Client, elsewhere):
    assert client.get("/metrics", **elsewhere).status_code == 404


def test_a_token_opens_it_from_elsewhere(client: Client, settings):
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer ", **elsewhere).status_code == 404
    settings.METRICS_TOKEN = "secreto"
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer secreto", **elsewhere).status_code == 200
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer otro", **elsewhere).status_code == 404


def test_entries_that_wait_for_their_seal_are_a_figure(client: Client, institution, superuser):
    act(institution, 3)
    superuser.run("UPDATE accounts_auditpending SET queued_at = now() - interval '400 seconds'")
    text = client.get("/metrics").content.decode()
    assert "ayni_audit_unsealed_entries 3.0" in text
    age = re.search(r"ayni_audit_unsealed_seconds (\d+)", text)
    assert age
    assert 400 <= int(age[1]) < 460


def test_alarms_of_models_are_a_figure_by_institution(client: Client, institution, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    with institution_scope(institution.pk):
        model = register_model("household", institution)
        for subject in ("past_loans", "total_debt"):
            Alarm.objects.create(
                model=model, segment="household", kind="psi", level="bad", subject=subject, value=0.4, limit=0.1
            )
        Alarm.objects.create(
            model=model, segment="household", kind="psi", level="bad", value=0.4, limit=0.1, closed_at=timezone.now()
        )
    labels = f'institution="{institution.slug}",kind="psi",level="bad",segment="household"'
    assert f"ayni_model_alarms{{{labels}}} 2.0" in client.get("/metrics").content.decode()
