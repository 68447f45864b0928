"""Retraining as a run of steps: what each finds, what stops it, how it goes on."""

import json
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.actors import Actor
from accounts.errors import InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, Membership, OutboxEvent
from accounts.tenancy.scope import institution_scope
from scoring import registry
from scoring.features import feature_names
from scoring.models import Dataset, ScoringModel, TrainingRun
from scoring.services import promote_model, runs
from scoring.services.datasets import dataset_of_outcomes, load_table
from scoring.services.runs import STEPS, do_step, resume_run, run_now, start_run, take_waiting
from scoring.services.training import train_on_dataset
from scoring.tests.factories import lived_through, register_model

Status = TrainingRun.Status


@pytest.fixture(autouse=True)
def _fresh_cache():
    registry._loaded.cache_clear()


@pytest.fixture
def champion(institution):
    return register_model("household", institution)


@pytest.fixture
def lived(champion):
    return lived_through(champion, worse=0.15)


def begin(institution, actor, **how):
    parameters = {"free": False, "splits": "holdout30", **how.pop("parameters", {})}
    run = start_run(segment="household", actor=actor, institution=institution, parameters=parameters, **how)
    assert take_waiting(institution.pk) == [run.pk]
    return run


def run_model(run):
    return again(run).model_id


def again(run):
    return TrainingRun.objects.get(pk=run.pk)


def test_from_own_loans_to_a_proposal(institution, lived, champion, analyst, validator):
    run = begin(institution, analyst)
    ended = run_now(institution_id=institution.pk, run_id=run.pk)
    assert (ended.status, ended.error, set(ended.steps)) == (Status.DONE, "", set(STEPS))
    found = {name: step["found"] for name, step in ended.steps.items()}
    assert (found["check"]["rows"], found["check"]["defaults"]) == (len(lived), int(lived.sum()))
    assert found["compare"]["rows"] == pytest.approx(0.3 * len(lived), abs=2)
    assert found["compare"]["champion_saw_rows"] is False
    (judged,) = found["propose"]["judged"]
    assert (judged["name"], judged["log_loss"]) == (ended.model.name, pytest.approx(found["train"]["log_loss"]))
    named = judged["model"] if not judged["failed"] else None
    assert (found["propose"]["act"], found["propose"]["model"]) == ("challenge" if named else "leave", named)
    model = ended.model
    assert (model.status, model.trained_by_id, model.algorithm) == (
        ScoringModel.Status.CANDIDATE, analyst.user_id, "additive-xgboost",
    )  # fmt: skip
    assert model.dataset.name == "outcomes-household"
    assert set(model.reference) == {"", *feature_names("household")}
    assert promote_model(model_id=model.pk, actor=validator, reason="Es mejor").status == "champion"


def test_the_model_learns_from_frozen_features_alone(institution, lived, champion, analyst):
    dataset = dataset_of_outcomes(segment="household", actor=analyst, institution=institution)
    roles = {name: column["role"] for name, column in dataset.profile["columns"].items()}
    assert roles["pd"] == roles["group"] == roles["application_id"] == "excluded"
    assert roles["decided_on"] == "as_of"
    assert {name for name, role in roles.items() if role == "feature"} <= {
        name for name in roles if name.startswith("feature.")
    }
    assert len(load_table(dataset).frame) == len(lived)
    assert dataset_of_outcomes(segment="household", actor=analyst, institution=institution) == dataset


def test_the_free_model_shows_what_transparency_costs(institution, lived, analyst):
    run = begin(institution, analyst, parameters={"free": True})
    for step in ("check", "train", "evaluate"):
        assert do_step(institution_id=institution.pk, run_id=run.pk, step=step)
    found = again(run).steps["evaluate"]["found"]
    assert found["gap"] == pytest.approx(found["free_auc"] - found["auc"])
    assert found["wide"] is (found["gap"] > 0.01)


def test_a_simpler_candidate_of_the_same_rows_is_judged_too(institution, lived, analyst):
    dataset = dataset_of_outcomes(segment="household", actor=analyst, institution=institution)
    card = train_on_dataset(dataset=dataset, actor=analyst, algorithm="scorecard", splits="holdout30")
    other = train_on_dataset(dataset=dataset, actor=analyst, algorithm="scorecard", splits="holdout30", seed=2)
    run = begin(institution, analyst, dataset=dataset)
    found = run_now(institution_id=institution.pk, run_id=run.pk).steps["propose"]["found"]
    assert {one["model"] for one in found["judged"]} == {str(card.pk), str(run_model(run))}
    assert str(other.pk) not in json.dumps(found)  # measured on other rows


def test_a_second_click_is_the_same_run(institution, analyst):
    first = start_run(segment="household", actor=analyst, institution=institution)
    assert start_run(segment="household", actor=analyst, institution=institution) == first
    assert start_run(segment="farm", actor=analyst, institution=institution) != first
    assert OutboxEvent.objects.filter(name=runs.STARTED, done_at=None).count() == 2
    entries = [json.loads(entry.body)["event"] for entry in AuditEntry.objects.all()]
    assert entries.count("scoring.run.started") == 2


def test_taking_a_run_closes_its_event_and_takes_it_once(institution, analyst):
    run = begin(institution, analyst)
    assert take_waiting(institution.pk) == []
    assert not OutboxEvent.objects.filter(name=runs.STARTED, done_at=None).exists()
    assert again(run).status == Status.RUNNING


def test_too_few_loans_end_the_run_with_words(institution, champion, analyst):
    run = begin(institution, analyst)
    ended = run_now(institution_id=institution.pk, run_id=run.pk)
    assert ended.status == Status.FAILED
    assert "hacen falta 200" in ended.error
    assert ended.steps == {}


def test_a_killed_worker_leaves_a_run_that_goes_on_where_it_was(institution, lived, analyst, monkeypatch):
    run = begin(institution, analyst)
    do_step(institution_id=institution.pk, run_id=run.pk, step="check")
    dataset = again(run).dataset_id
    TrainingRun.objects.filter(pk=run.pk).update(doing="train", moved_at=timezone.now())  # and then it died
    assert not do_step(institution_id=institution.pk, run_id=run.pk, step="train")  # in other hands, as far as we know
    assert take_waiting(institution.pk) == []
    TrainingRun.objects.update(moved_at=timezone.now() - timedelta(hours=1))
    assert take_waiting(institution.pk) == [run.pk]
    checked = []
    monkeypatch.setitem(runs._DOING, "check", lambda *_: checked.append(1) or {})
    ended = run_now(institution_id=institution.pk, run_id=run.pk)
    assert (ended.status, ended.dataset_id, checked) == (Status.DONE, dataset, [])


def test_an_unexpected_error_is_kept_in_plain_words_and_the_run_can_go_on(institution, lived, analyst, monkeypatch):
    run = begin(institution, analyst)
    working = runs._DOING["train"]
    monkeypatch.setitem(runs._DOING, "train", lambda *_: 1 / 0)
    do_step(institution_id=institution.pk, run_id=run.pk, step="check")
    with pytest.raises(ZeroDivisionError):
        do_step(institution_id=institution.pk, run_id=run.pk, step="train")
    assert (again(run).status, again(run).error) == (Status.FAILED, "Un error inesperado detuvo este paso.")
    assert not do_step(institution_id=institution.pk, run_id=run.pk, step="evaluate")
    monkeypatch.setitem(runs._DOING, "train", working)
    resume_run(run_id=run.pk, actor=analyst)
    assert take_waiting(institution.pk) == [run.pk]
    assert run_now(institution_id=institution.pk, run_id=run.pk).status == Status.DONE


def test_only_a_stopped_run_is_resumed_and_only_one_is_open(institution, analyst, officer):
    run = begin(institution, analyst)
    with pytest.raises(InvalidState, match="no está detenido"):
        resume_run(run_id=run.pk, actor=analyst)
    TrainingRun.objects.update(status=Status.FAILED)
    start_run(segment="household", actor=analyst, institution=institution)
    with pytest.raises(InvalidState, match="otro"):
        resume_run(run_id=run.pk, actor=analyst)
    with pytest.raises(NotAllowed):
        resume_run(run_id=run.pk, actor=officer)


def test_an_analyst_who_left_trains_nothing_more(institution, lived, analyst):
    run = begin(institution, analyst)
    Membership.objects.filter(pk=analyst.membership_id).update(is_active=False)
    ended = run_now(institution_id=institution.pk, run_id=run.pk)
    assert (ended.status, ended.model) == (Status.FAILED, None)


def test_another_institution_neither_sees_nor_trains_on_it(institution, other_institution, lived, analyst, actor_as):
    run = begin(institution, analyst)
    stranger = actor_as("analyst", at=other_institution)
    with institution_scope(other_institution.pk):
        with pytest.raises(NotFound):
            resume_run(run_id=run.pk, actor=stranger)
        assert take_waiting(other_institution.pk) == []
        assert not do_step(institution_id=other_institution.pk, run_id=run.pk, step="check")
    dataset = dataset_of_outcomes(segment="household", actor=analyst, institution=institution)
    with pytest.raises(NotFound):
        start_run(segment="household", actor=stranger, institution=other_institution, dataset=dataset)
    with pytest.raises(NotAllowed):
        start_run(segment="household", actor=stranger, institution=institution)


def test_a_shared_run_is_the_platforms(platform, operator):
    with pytest.raises(NotAllowed):
        start_run(segment="household", actor=operator, institution=None)
    system = Actor.system("test")
    with pytest.raises(InvalidState, match="conjunto de datos"):
        start_run(segment="household", actor=system, institution=None)


def test_a_dataset_that_cannot_be_read_ends_the_run(institution, lived, analyst):
    dataset = dataset_of_outcomes(segment="household", actor=analyst, institution=institution)
    run = begin(institution, analyst, dataset=dataset)
    do_step(institution_id=institution.pk, run_id=run.pk, step="check")
    default_storage.delete(dataset.file)
    default_storage.save(dataset.file, ContentFile(b"not parquet"))
    ended = run_now(institution_id=institution.pk, run_id=run.pk)
    assert ended.status == Status.FAILED
    assert Dataset.objects.count() == 2
