import json
import time
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.errors import InvalidState, NotAllowed, NotFound, Unavailable
from accounts.models import AuditEntry
from accounts.step_up import ConfirmationRequired
from accounts.tenancy.scope import NoInstitutionScope, institution_scope
from accounts.tests.factories import UserFactory
from scoring import registry
from scoring.features import ProhibitedFact
from scoring.model_files import dump_model, load_model
from scoring.models import Dataset, Score, ScoringModel
from scoring.services import ScoreRequest, promote_model, score_applications, train_segment_model
from scoring.serving import LiveModel
from scoring.tests.factories import register_model
from scoring.tests.samples import applicant, live_model, small_training

Status = ScoringModel.Status


@pytest.fixture(autouse=True)
def _fresh_cache():
    registry._loaded.cache_clear()


@pytest.fixture
def shared(institution):
    return register_model("household")


def request(**facts):
    return ScoreRequest(uuid4(), applicant("household", **facts))


def events(event, institution):
    with institution_scope(institution.pk):
        return [entry for entry in AuditEntry.objects.all() if json.loads(entry.body)["event"] == event]


# --- scoring ----------------------------------------------------------------------------------------------------


def test_a_batch_is_scored_in_order_and_frozen(institution, shared):
    rows = [request(), request(worst_delay_days=90), request(savings_balance=None)]
    scored = score_applications("household", rows)
    assert [row.application_id for row in scored] == [row.application_id for row in rows]
    for result in scored:
        kept = Score.objects.get(pk=result.score_id)
        assert kept.score == result.score == kept.base_points + sum(reason["points"] for reason in kept.reasons)
        assert (kept.model_id, kept.model_sha256) == (shared.pk, shared.sha256)
        assert kept.pd == result.pd
        assert 0 < result.pd < 1
    assert scored[1].score < scored[0].score


def test_frozen_inputs_and_model_give_the_score_again(institution, shared):
    (result,) = score_applications("household", [request(assets_value=None)])
    kept = Score.objects.get(pk=result.score_id)
    live = load_model(registry.read_file(shared.file), kept.model_sha256)
    values = [float("nan") if kept.inputs[name] is None else kept.inputs[name] for name in live.tables.names]
    again = live.score_values(values)
    assert (again.score, Decimal(again.pd).quantize(Decimal("1e-8"))) == (kept.score, kept.pd)
    assert kept.inputs["assets_to_amount"] is None


def test_scoring_twice_keeps_the_first_score_whatever_the_facts_are_now(institution, shared):
    row = request()
    (first,) = score_applications("household", [row])
    changed = ScoreRequest(row.application_id, applicant("household", worst_delay_days=150))
    assert score_applications("household", [changed, row]) == [first, first]
    assert Score.objects.count() == 1


def test_another_attempt_is_another_score(institution, shared):
    row = request()
    (first,) = score_applications("household", [row])
    again = ScoreRequest(row.application_id, applicant("household", worst_delay_days=150), attempt=2)
    (second,) = score_applications("household", [again])
    assert second.score_id != first.score_id
    assert second.attempt == 2
    assert second.score < first.score


def test_a_scored_application_keeps_its_score_after_another_model_takes_over(institution, shared):
    row = request()
    before = score_applications("household", [row])
    shared.status = Status.RETIRED
    shared.save()
    assert score_applications("household", [row]) == before


def test_a_score_can_be_neither_changed_nor_deleted(institution, shared):
    (result,) = score_applications("household", [request()])
    for act in (
        lambda: Score.objects.filter(pk=result.score_id).update(score=850),
        lambda: Score.objects.filter(pk=result.score_id).delete(),
    ):
        with pytest.raises(Exception, match=r"permission denied|kept"), transaction.atomic():
            act()


def test_seven_queries_score_any_number(institution, shared, django_assert_max_num_queries):
    score_applications("household", [request()])
    with django_assert_max_num_queries(7):  # a savepoint and its release among them
        score_applications("household", [request() for _ in range(50)])


def test_other_institutions_do_not_see_the_score(institution, other_institution, shared):
    row = request()
    (first,) = score_applications("household", [row])
    with institution_scope(other_institution.pk):
        assert not Score.objects.filter(pk=first.score_id).exists()
        (theirs,) = score_applications("household", [row])
    assert theirs.score_id != first.score_id


def test_without_a_scope_nothing_is_scored(database, shared):
    from accounts.tests.fixtures import no_scope

    with no_scope(), pytest.raises(NoInstitutionScope):
        score_applications("household", [request()])


def test_an_institutions_own_champion_goes_before_the_shared_one(institution, other_institution, shared):
    own = register_model("household", institution)
    assert score_applications("household", [request()])[0].model_id == own.pk
    with institution_scope(other_institution.pk):
        assert score_applications("household", [request()])[0].model_id == shared.pk


def test_without_a_champion_there_is_a_clear_refusal(institution):
    register_model("household", status=Status.CANDIDATE)
    with pytest.raises(Unavailable, match="modelo de puntaje aprobado"):
        score_applications("household", [request()])
    assert not Score.objects.exists()


def test_a_prohibited_fact_is_refused_and_nothing_is_kept(institution, shared):
    with pytest.raises(ProhibitedFact):
        score_applications("household", [request(), request(sex="F")])
    assert not Score.objects.exists()


def test_a_model_file_with_one_byte_changed_is_not_used(institution, shared):
    content = bytearray(registry.read_file(shared.file))
    content[5_000] ^= 1
    default_storage.delete(shared.file)
    default_storage.save(shared.file, ContentFile(bytes(content)))
    with pytest.raises(Unavailable, match="cambió desde que se registró"):
        score_applications("household", [request()])


def test_a_model_file_that_is_gone_is_a_clear_refusal(institution, shared):
    default_storage.delete(shared.file)
    with pytest.raises(Unavailable, match=r"T-1"):
        score_applications("household", [request()])


def test_the_model_is_read_once_per_process(institution, shared, monkeypatch):
    score_applications("household", [request()])
    monkeypatch.setattr(registry, "read_file", lambda name: pytest.fail("read again"))
    score_applications("household", [request()])


# --- training and promotion -------------------------------------------------------------------------------------


@pytest.fixture
def candidate(institution):
    return register_model("household", institution, status=Status.CANDIDATE)


def promoted(model, actor, reason="Ordena mejor que el anterior"):
    return promote_model(model_id=model.pk, actor=actor, reason=reason)


def test_training_registers_a_candidate_with_its_lineage(platform):
    model = train_segment_model(segment="farm", actor=Actor.system("test"), rows=1_500)
    assert (model.status, model.name, model.institution) == (Status.CANDIDATE, "CA-1", None)
    assert {"auc", "auc_low", "auc_high", "gini", "ks", "brier", "ece", "auc_gap", "pd_error"} <= set(model.metrics)
    assert model.dataset.source["seed"] == 1
    assert model.dataset.rows == 1_500
    loaded = registry.live_model(model)
    assert isinstance(loaded, LiveModel)
    assert loaded.metadata["data_sha256"] == model.dataset.sha256
    (entry,) = events("scoring.model.trained", platform)
    assert model.sha256 in entry.body


def test_training_the_same_again_registers_nothing_new(platform):
    first, again = (train_segment_model(segment="farm", actor=Actor.system("test"), rows=1_500) for _ in range(2))
    assert first == again
    assert Dataset.objects.count() == 1
    other = train_segment_model(segment="farm", actor=Actor.system("test"), rows=1_500, seed=2)
    assert (other.name, other.dataset.version) == ("CA-2", 2)


def test_only_analysts_train_and_only_for_their_institution(institution, other_institution, officer, analyst):
    for actor, where in ((officer, institution), (analyst, other_institution), (analyst, None)):
        with pytest.raises(NotAllowed):
            train_segment_model(segment="farm", actor=actor, rows=1_500, institution=where)


def test_promotion_retires_the_champion_before_and_is_audited(institution, validator, candidate):
    before = register_model("household", institution)
    now = promoted(candidate, validator)
    before.refresh_from_db()
    assert (now.status, now.promoted_by_id, before.status) == (Status.CHAMPION, validator.user_id, Status.RETIRED)
    assert now.promoted_at <= timezone.now()
    (entry,) = events("scoring.model.promoted", institution)
    assert str(before.pk) in entry.body


def test_promoting_twice_changes_nothing(institution, validator, candidate):
    first = promoted(candidate, validator)
    again = promoted(candidate, validator)
    assert again.promoted_at == first.promoted_at
    assert len(events("scoring.model.promoted", institution)) == 1


def test_a_promotion_is_undone_by_promoting_the_one_before(institution, validator, candidate):
    before = register_model("household", institution)
    promoted(candidate, validator)
    promoted(before, validator, "El nuevo rechaza de más")
    candidate.refresh_from_db()
    assert candidate.status == Status.RETIRED
    assert registry.champion("household", institution.pk) == before


def test_who_trained_a_model_cannot_put_it_in_force(institution, actor_as):
    both = actor_as("analyst", "validator")
    model = register_model("household", institution, status=Status.CANDIDATE, trained_by_id=both.user_id)
    with pytest.raises(NotAllowed, match="otra persona"):
        promoted(model, both)
    model.refresh_from_db()
    assert model.status == Status.CANDIDATE


@pytest.mark.parametrize("role", ["analyst", "officer", "manager", "auditor"])
def test_other_roles_cannot_promote(role, request, candidate):
    with pytest.raises(NotAllowed):
        promoted(candidate, request.getfixturevalue(role))


def test_the_system_cannot_promote(institution, candidate):
    with pytest.raises(NotAllowed):
        promoted(candidate, Actor.system("test", institution_id=institution.pk))


def test_shared_models_are_promoted_by_the_platform_alone(institution, platform, validator):
    model = register_model("farm", status=Status.CANDIDATE)
    with pytest.raises(NotAllowed):
        promoted(model, validator)
    operator = Actor.for_user(UserFactory(is_operator=True))
    assert promoted(model, operator).status == Status.CHAMPION
    assert len(events("scoring.model.promoted", platform)) == 1
    assert not events("scoring.model.promoted", institution)


def test_another_institutions_model_looks_as_if_it_did_not_exist(other_institution, validator):
    with institution_scope(other_institution.pk):
        theirs = register_model("household", other_institution, status=Status.CANDIDATE)
    with pytest.raises(NotFound):
        promoted(theirs, validator)


def test_a_session_confirmed_long_ago_promotes_nothing(validator, candidate):
    with pytest.raises(ConfirmationRequired):
        promoted(candidate, replace(validator, confirmed_at=time.time() - 3600))
    candidate.refresh_from_db()
    assert candidate.status == ScoringModel.Status.CANDIDATE
    promoted(candidate, replace(validator, confirmed_at=time.time()))


def test_a_reason_is_needed(validator, candidate):
    with pytest.raises(InvalidState, match="por qué"):
        promoted(candidate, validator, "  ")


def test_a_model_no_better_than_chance_is_refused(institution, validator):
    model = register_model("household", institution, status=Status.CANDIDATE)
    model.metrics["auc_low"] = 0.49
    model.save()
    with pytest.raises(InvalidState, match="azar"):
        promoted(model, validator)


def test_a_model_whose_file_was_changed_is_refused(institution, validator, candidate):
    default_storage.delete(candidate.file)
    default_storage.save(candidate.file, ContentFile(b"something else"))
    with pytest.raises(Unavailable):
        promoted(candidate, validator)
    candidate.refresh_from_db()
    assert candidate.status == Status.CANDIDATE


def test_a_file_changed_after_it_was_loaded_is_refused_too(institution, validator, candidate):
    registry.live_model(candidate)
    default_storage.delete(candidate.file)
    with pytest.raises(Unavailable):
        promoted(candidate, validator)


def test_tables_that_are_not_the_boosters_are_refused(institution, validator):
    trained, _, _ = small_training("household")
    tables = replace(trained.tables, base=trained.tables.base - 1.0)
    forged = dump_model(replace(live_model("household"), tables=tables), trained.booster)
    with pytest.raises(Unavailable, match="tablas"):
        promoted(register_model("household", institution, Status.CANDIDATE, forged), validator)


def test_the_database_allows_one_champion_per_segment(institution, candidate):
    register_model("household", institution)
    with pytest.raises(Exception, match="one_champion_per_segment"), transaction.atomic():
        ScoringModel.objects.filter(pk=candidate.pk).update(status=Status.CHAMPION)


# --- commands ---------------------------------------------------------------------------------------------------


@pytest.mark.transactional
def test_train_and_promote_from_the_command_line(platform, capsys):
    call_command("train_model", "--synthetic", "household", "--rows", "1500", "--seed", "3", "--json")
    trained = json.loads(capsys.readouterr().out)
    assert {
        *("model", "algorithm", "dataset", "splits", "auc", "auc_low", "auc_high", "gini", "ks", "pr_auc"),
        *("brier", "log_loss", "ece", "seconds", "trained_rows", "seed", "sha256"),
    } <= set(trained)
    operator = UserFactory(is_operator=True)
    call_command("promote_model", trained["name"], "--as", operator.email, "--reason", "Primer modelo", "--json")
    assert json.loads(capsys.readouterr().out)["status"] == "champion"
    assert registry.champion("household").sha256 == trained["sha256"]


def test_promote_model_names_what_is_wrong(platform):
    with pytest.raises(CommandError, match="--as"):
        call_command("promote_model", "HG-9", "--reason", "x")
    operator = UserFactory(is_operator=True)
    with pytest.raises(CommandError, match="Known: none yet"):
        call_command("promote_model", "HG-9", "--reason", "x", "--as", operator.email)


def test_train_model_says_when_rows_are_too_few(platform):
    with pytest.raises(CommandError, match="too few"):
        call_command("train_model", "--synthetic", "household", "--rows", "150")
