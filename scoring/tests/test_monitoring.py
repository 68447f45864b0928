"""Looking at the models in force: what rings, what stops ringing, what starts a retraining."""

import json
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.core.management import call_command

from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import NotAllowed
from accounts.tenancy.scope import institution_scope
from scoring import groups
from scoring.features import reader
from scoring.models import Alarm, MonitoringReport, TrainingRun
from scoring.services import ScoreRequest, score_applications
from scoring.services.datasets import dataset_of_outcomes
from scoring.services.monitoring import retrain_on_drift, retrain_on_schedule, watch_models
from scoring.synthetic import borrowers
from scoring.tests.factories import lived_through, register_model

Kind = Alarm.Kind


@pytest.fixture
def champion(institution):
    return register_model("household", institution)


@pytest.fixture
def system(institution):
    return Actor.system("test", institution_id=institution.pk)


def apply(count=150, seed=11, **changed):
    """Synthetic people who apply today; `changed` columns replace theirs."""
    frame = borrowers("household", count, seed).assign(**changed)
    names = [name for name in frame if name in reader("household").columns]
    rows = [
        {name: value for name, value in row.items() if value == value and value is not None}
        for row in frame[names].to_dict("records")
    ]
    keys = [ScoreRequest(uuid4(), row) for row in rows]
    score_applications("household", keys)
    return [one.application_id for one in keys]


def rung(kind=None):
    found = Alarm.objects.filter(closed_at=None)
    return {one.subject for one in (found.filter(kind=kind) if kind else found)}


def test_the_people_it_was_made_for_ring_nothing(institution, champion, system):
    apply(300)
    (report,) = watch_models(institution=institution, actor=system)
    assert report.applications == 300
    assert {one["subject"] for one in report.found["drift"]} == set(champion.reference)
    assert rung() == set()


def test_other_people_ring_and_stop_when_they_are_gone(institution, champion, system):
    apply(200, past_loans=np.nan, total_debt=90_000.0)
    watch_models(institution=institution, actor=system)
    assert "past_loans" in rung(Kind.MISSING)
    assert rung(Kind.PSI)
    grave = Alarm.objects.get(kind=Kind.MISSING, subject="past_loans")
    assert grave.level == "bad"
    later = today() + timedelta(days=120)  # nobody applied in that window
    watch_models(institution=institution, actor=system, on=later)
    assert rung() == set()
    assert Alarm.objects.get(pk=grave.pk).closed_at is not None


def test_a_second_look_renews_and_doubles_nothing(institution, champion, system):
    apply(200, past_loans=np.nan)
    watch_models(institution=institution, actor=system)
    before = Alarm.objects.count()
    watch_models(institution=institution, actor=system)
    assert (Alarm.objects.count(), MonitoringReport.objects.count()) == (before, 1)


def test_few_applications_prove_nothing(institution, champion, system):
    apply(40, past_loans=np.nan)
    watch_models(institution=institution, actor=system)
    assert rung() == set()


def test_more_default_than_predicted_rings_by_vintage(institution, champion, system):
    lived_through(champion, 800, worse=0.30)
    (report,) = watch_models(institution=institution, actor=system)
    assert [one["period"] for one in report.found["vintages"]] == ["2025Q1", "2025Q2"]
    assert rung(Kind.REALISED) == {"2025Q1", "2025Q2"}


def test_default_as_predicted_does_not(institution, champion, system):
    lived_through(champion, 800)
    watch_models(institution=institution, actor=system)
    assert rung(Kind.REALISED) == set()


def test_a_group_that_is_hardly_served_rings(institution, champion, system, monkeypatch):
    good = apply(150, seed=4, worst_delay_days=0.0, monthly_income=9_000.0)
    bad = apply(150, seed=5, worst_delay_days=120.0, monthly_income=900.0)
    labels = dict.fromkeys(good, "costa") | dict.fromkeys(bad, "sierra")
    monkeypatch.setitem(groups._sources, "region", lambda keys: {key: labels[key] for key in keys})
    (report,) = watch_models(institution=institution, actor=system)
    assert rung(Kind.FAIRNESS) == {"region: sierra"}
    assert {one["group"]: one["rows"] for one in report.found["fairness"]["region"]} == {"costa": 150, "sierra": 150}


def test_a_model_that_left_is_nobodys_worry(institution, champion, system):
    apply(200, past_loans=np.nan)
    watch_models(institution=institution, actor=system)
    champion.status = "retired"
    champion.save()
    assert watch_models(institution=institution, actor=system) == []
    assert rung() == set()


def test_others_do_not_see_or_ring_it(institution, other_institution, champion, system, manager):
    apply(200, past_loans=np.nan)
    watch_models(institution=institution, actor=system)
    with institution_scope(other_institution.pk):
        assert not Alarm.objects.exists()
        assert not MonitoringReport.objects.exists()
    with pytest.raises(NotAllowed):
        watch_models(institution=institution, actor=manager)


def test_drift_starts_a_run_where_own_loans_suffice(institution, champion, system):
    apply(200, past_loans=np.nan, total_debt=90_000.0)
    watch_models(institution=institution, actor=system)
    assert retrain_on_drift(institution=institution, actor=system) == []
    lived_through(champion, 800, worse=0.1)
    watch_models(institution=institution, actor=system)
    (run,) = retrain_on_drift(institution=institution, actor=system)
    assert (run.trigger, run.segment, run.started_by_id) == (TrainingRun.Trigger.DRIFT, "household", None)


def test_the_calendar_starts_one_only_when_there_is_news(institution, champion, system, analyst):
    assert retrain_on_schedule(institution=institution, actor=system) == []
    lived_through(champion, 800, worse=0.1)
    dataset_of_outcomes(segment="household", actor=analyst, institution=institution)
    assert retrain_on_schedule(institution=institution, actor=system) == []
    lived_through(champion, 400, worse=0.1, seed=9)
    (run,) = retrain_on_schedule(institution=institution, actor=system)
    assert run.trigger == TrainingRun.Trigger.SCHEDULE


def test_a_look_from_the_command_line(institution, champion, capsys):
    apply(120)
    call_command("watch_models", "--institution", institution.slug, "--on", str(today()), "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["reports"][0]["applications"] == 120
