from datetime import timedelta
from decimal import Decimal
from fnmatch import fnmatch
from typing import Any

import pytest
from celery import current_app
from celery.signals import worker_process_init
from django.utils import timezone

from accounts import outbox
from accounts.models import Institution
from accounts.tenancy.celery import HEADER
from accounts.tenancy.scope import NoInstitutionScope
from lending import tasks
from lending.models import Application
from lending.services import assessments
from lending.services.applications import start_application
from lending.tests import factories

Status = Application.Status


def run(task: Any, institution: Institution, header: int | None = None) -> Any:
    """The task as a worker runs it: with its message's header."""
    headers = {HEADER: institution.pk if header is None else header}
    return task.apply(kwargs={"institution_id": institution.pk}, headers=headers, throw=True)


def test_every_route_leads_to_a_task_with_a_queue():
    current_app.loader.import_default_modules()
    for task in outbox.routes().values():
        assert task in current_app.tasks
        assert any(fnmatch(task, pattern) for pattern in current_app.conf.task_routes), task


def test_the_task_assesses_everything_that_waits(institution, ready, monkeypatch):
    monkeypatch.setattr(assessments, "BATCH", 2)
    for _ in range(5):
        factories.submitted(institution, amount=Decimal(2000))
    run(tasks.assess_applications, institution)
    assert not Application.objects.filter(status=Status.SUBMITTED).exists()


def test_a_task_runs_for_the_institution_its_message_names(institution, other_institution, ready):
    factories.submitted(institution, amount=Decimal(2000))
    with pytest.raises(NoInstitutionScope):
        run(tasks.assess_applications, institution, header=other_institution.pk)
    assert Application.objects.get().status == Status.SUBMITTED


def test_running_it_again_changes_nothing(institution, ready):
    factories.submitted(institution, amount=Decimal(2000))
    for _ in range(2):
        run(tasks.assess_applications, institution)
        run(tasks.notify_applicants, institution)
    assert Application.objects.get().assessments.count() == 1
    assert Application.objects.get().notifications.count() == 1


def test_what_is_over_is_ended_hourly(institution, applicant, monkeypatch):

    draft = start_application(actor=applicant, segment="farm")
    Application.objects.update(draft_until=timezone.now() - timedelta(days=1))
    sent = []
    monkeypatch.setattr(tasks.current_app, "send_task", lambda name, **how: sent.append((name, how["headers"])))
    tasks.expire_everywhere.apply(throw=True)
    assert ("lending.tasks.expire_institution", {HEADER: institution.pk}) in sent

    run(tasks.expire_institution, institution)
    draft.refresh_from_db()
    assert draft.status == Status.WITHDRAWN
    assert current_app.conf.beat_schedule["expire"]["task"] in current_app.tasks


def test_a_worker_with_a_role_that_sees_past_the_policies_ends(database, monkeypatch):

    monkeypatch.setattr("accounts.tenancy.checks.privilege_problems", lambda alias="default": ["is a superuser"])
    with pytest.raises(SystemExit, match="superuser"):
        worker_process_init.send(sender=None)
