"""Champion, challenger and back: who may, what decides, what is kept."""

import json
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotAllowed
from accounts.models import AuditEntry, User
from accounts.tenancy.scope import institution_scope
from scoring import registry
from scoring.arms import bucket, challenger_decides
from scoring.models import Score, ScoringModel, ShadowScore
from scoring.services import (
    ScoreRequest,
    challenge_model,
    promote_model,
    rollback_promotion,
    score_applications,
    withdraw_challenger,
)
from scoring.tests.factories import register_model
from scoring.tests.samples import applicant

Status = ScoringModel.Status
WHY = "Distingue mejor"


@pytest.fixture(autouse=True)
def _fresh_cache():
    registry._loaded.cache_clear()


@pytest.fixture
def champion(institution):
    return register_model("household", institution)


@pytest.fixture
def candidate(institution, analyst):
    return register_model("household", institution, Status.CANDIDATE, trained_by_id=analyst.user_id)


def again(model):
    return ScoringModel.objects.get(pk=model.pk)


def requests(count):
    return [ScoreRequest(uuid4(), applicant("household")) for _ in range(count)]


# --- going back ---------------------------------------------------------------------------------------------------


def test_one_call_puts_the_replaced_model_back(champion, candidate, validator, institution):
    promote_model(model_id=candidate.pk, actor=validator, reason=WHY)
    back = rollback_promotion(model_id=candidate.pk, actor=validator, reason="Rechaza de más")
    assert back == champion
    assert (again(champion).status, again(candidate).status) == (Status.CHAMPION, Status.RETIRED)
    events = [json.loads(entry.body)["event"] for entry in AuditEntry.objects.all()]
    assert events.count("scoring.model.rolled_back") == 1


def test_without_a_predecessor_an_institution_falls_back_to_the_shared_model(institution, champion, validator):
    with pytest.raises(InvalidState, match="no reemplazó a ninguno"):
        rollback_promotion(model_id=champion.pk, actor=validator, reason=WHY)
    shared = register_model("household")
    assert rollback_promotion(model_id=champion.pk, actor=validator, reason=WHY) is None
    assert registry.champion("household", institution.pk) == shared


def test_only_a_model_in_force_is_undone_and_only_by_a_validator(champion, candidate, analyst, validator):
    with pytest.raises(InvalidState, match="no está en uso"):
        rollback_promotion(model_id=candidate.pk, actor=validator, reason=WHY)
    with pytest.raises(NotAllowed):
        rollback_promotion(model_id=champion.pk, actor=analyst, reason=WHY)


def test_who_trained_the_replaced_model_cannot_bring_it_back(institution, actor_as, validator):
    both = actor_as("analyst", "validator")
    first = register_model("household", institution, trained_by_id=both.user_id)
    second = register_model("household", institution, Status.CANDIDATE)
    promote_model(model_id=second.pk, actor=validator, reason=WHY)
    with pytest.raises(NotAllowed, match="otra persona"):
        rollback_promotion(model_id=second.pk, actor=both, reason=WHY)
    assert (again(first).status, again(second).status) == (Status.RETIRED, Status.CHAMPION)


# --- competing ----------------------------------------------------------------------------------------------------


def test_an_analyst_lets_a_model_look_on_but_not_decide(champion, candidate, analyst, validator):
    assert challenge_model(model_id=candidate.pk, actor=analyst, reason=WHY).status == Status.CHALLENGER
    with pytest.raises(NotAllowed):
        challenge_model(model_id=candidate.pk, actor=analyst, reason=WHY, traffic=10)
    assert challenge_model(model_id=candidate.pk, actor=validator, reason=WHY, traffic=10).traffic == 10
    with pytest.raises(InvalidInput):
        challenge_model(model_id=candidate.pk, actor=validator, reason=WHY, traffic=60)


def test_the_trainer_cannot_give_their_model_live_cases(champion, institution, actor_as):
    both = actor_as("analyst", "validator")
    own = register_model("household", institution, Status.CANDIDATE, trained_by_id=both.user_id)
    with pytest.raises(NotAllowed, match="otra persona"):
        challenge_model(model_id=own.pk, actor=both, reason=WHY, traffic=5)


def test_a_segment_has_one_challenger(champion, candidate, institution, validator):
    other = register_model("household", institution, Status.CANDIDATE)
    challenge_model(model_id=candidate.pk, actor=validator, reason=WHY, traffic=20)
    challenge_model(model_id=other.pk, actor=validator, reason=WHY)
    assert (again(candidate).status, again(candidate).traffic) == (Status.CANDIDATE, 0)
    with pytest.raises(Exception, match="one_challenger_per_segment"), transaction.atomic():
        ScoringModel.objects.filter(pk=candidate.pk).update(status=Status.CHALLENGER)


def test_a_model_in_force_does_not_compete_with_itself(champion, validator):
    with pytest.raises(InvalidState, match="consigo mismo"):
        challenge_model(model_id=champion.pk, actor=validator, reason=WHY)


def test_a_challenger_that_looks_on_decides_nothing_and_its_scores_are_kept(champion, candidate, analyst):
    challenge_model(model_id=candidate.pk, actor=analyst, reason=WHY)
    scored = score_applications("household", requests(20))
    assert {one.model_id for one in scored} == {champion.pk}
    shadows = ShadowScore.objects.all()
    assert {one.model_id for one in shadows} == {candidate.pk}
    assert {one.application_id for one in shadows} == {one.application_id for one in scored}


def test_live_cases_are_split_by_hash_and_stay_on_their_side(champion, candidate, validator):
    challenge_model(model_id=candidate.pk, actor=validator, reason=WHY, traffic=30)
    asked = requests(60)
    scored = score_applications("household", asked)
    for one in scored:
        mine = challenger_decides(one.application_id, candidate.pk, 30)
        assert one.model_id == (candidate.pk if mine else champion.pk)
        shadow = ShadowScore.objects.get(application_id=one.application_id)
        assert shadow.model_id == (champion.pk if mine else candidate.pk)
    once_more = score_applications("household", [ScoreRequest(row.application_id, row.facts, 2) for row in asked])
    assert [one.model_id for one in once_more] == [one.model_id for one in scored]


def test_the_hash_is_even_stable_and_other_for_each_experiment():
    keys = [UUID(int=number) for number in range(20_000)]
    experiment = UUID("0190a1b2-0000-7000-8000-000000000001")
    share = sum(challenger_decides(key, experiment, 30) for key in keys) / len(keys)
    assert share == pytest.approx(0.30, abs=0.012)  # 3.7 standard errors
    assert bucket(keys[1], experiment) == 7440  # written down once: the split of live cases never moves
    both = sum(
        challenger_decides(key, experiment, 30) and challenger_decides(key, UUID(int=9), 30) for key in keys
    ) / len(keys)
    assert both == pytest.approx(0.09, abs=0.008)
    assert not any(challenger_decides(key, experiment, 0) for key in keys)


def test_a_challenger_that_cannot_be_used_holds_nobody_up(champion, candidate, validator):
    challenge_model(model_id=candidate.pk, actor=validator, reason=WHY, traffic=50)
    ScoringModel.objects.filter(pk=candidate.pk).update(file="models/gone.ayni", sha256="f" * 64)
    registry._loaded.cache_clear()
    scored = score_applications("household", requests(5))
    assert {one.model_id for one in scored} == {champion.pk}
    assert not ShadowScore.objects.exists()


def test_ending_a_comparison_keeps_what_was_said(champion, candidate, validator, analyst):
    challenge_model(model_id=candidate.pk, actor=validator, reason=WHY, traffic=50)
    score_applications("household", requests(4))
    withdraw_challenger(model_id=candidate.pk, actor=analyst, reason="Ya se vio")
    score_applications("household", requests(4))
    assert ShadowScore.objects.count() == 4
    assert Score.objects.count() == 8
    assert again(candidate).status == Status.CANDIDATE


def test_shadow_scores_can_be_neither_changed_nor_deleted(champion, candidate, analyst):
    challenge_model(model_id=candidate.pk, actor=analyst, reason=WHY)
    score_applications("household", requests(1))
    for act in (lambda: ShadowScore.objects.update(score=850), lambda: ShadowScore.objects.all().delete()):
        with pytest.raises(Exception, match=r"permission denied|kept"), transaction.atomic():
            act()


def test_an_institutions_challenger_never_scores_for_another(
    champion, candidate, institution, other_institution, analyst
):
    challenge_model(model_id=candidate.pk, actor=analyst, reason=WHY)
    register_model("household")
    with institution_scope(other_institution.pk):
        score_applications("household", requests(3))
        assert not ShadowScore.objects.exists()


# --- commands -----------------------------------------------------------------------------------------------------


def test_challenge_withdraw_and_roll_back_from_the_command_line(champion, candidate, validator, institution, capsys):
    email = User.objects.get(pk=validator.user_id).email
    common = ("promote_model", candidate.name, "--institution", institution.slug, "--as", email, "--reason", "Prueba")
    call_command(*common, "--challenge", "25", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["traffic"]) == ("challenger", 25)
    call_command(*common, "--withdraw", "--json")
    assert json.loads(capsys.readouterr().out)["status"] == "candidate"
    call_command(*common, "--json")
    assert json.loads(capsys.readouterr().out)["status"] == "champion"
    call_command(*common, "--rollback", "--json")
    assert json.loads(capsys.readouterr().out)["name"] == champion.name
    with pytest.raises(CommandError, match="De 0 a 50"):
        call_command(*common, "--challenge", "80")


def test_the_trainer_is_refused_on_the_command_line_too(champion, institution, actor_as):
    both = actor_as("analyst", "validator")
    own = register_model("household", institution, Status.CANDIDATE, trained_by_id=both.user_id)
    email = User.objects.get(pk=both.user_id).email
    with pytest.raises(CommandError, match="otra persona"):
        call_command("promote_model", own.name, "--institution", institution.slug, "--as", email, "--reason", "Sí")
    with pytest.raises(CommandError, match="--as"):
        call_command("promote_model", own.name, "--institution", institution.slug, "--reason", "Sí")


def test_the_system_neither_challenges_nor_undoes(champion, candidate, institution):
    system = Actor.system("test", institution_id=institution.pk)
    for act in (challenge_model, rollback_promotion, withdraw_challenger):
        with pytest.raises(NotAllowed):
            act(model_id=candidate.pk, actor=system, reason=WHY)
