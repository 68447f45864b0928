import logging
import threading
from decimal import Decimal

import pytest
from django.db import OperationalError, connections

from accounts.errors import InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, OutboxEvent
from accounts.tenancy.scope import institution_scope
from lending.models import Application, Assessment, Decision, LendingPolicy, Offer
from lending.services import assessments
from lending.services.assessments import assess_waiting, reassess_application
from lending.tests import factories
from scoring import services as scoring_services
from scoring.models import Score, ScoringModel

Status = Application.Status


@pytest.mark.parametrize("segment", ["household", "enterprise", "farm"])
def test_a_good_case_is_scored_matched_and_approved(assessed, segment):
    application = assessed(segment, amount=Decimal(2000), term_months=6 if segment == "farm" else 12)

    assert application.status == Status.APPROVED
    assert application.decided_at
    assert application.decide_by is None
    assessment = Assessment.objects.get(application=application)
    score = Score.objects.get(application_id=application.pk)
    assert assessment.score_id == score.pk
    assert score.base_points + sum(reason["points"] for reason in score.reasons) == score.score
    assert {answer["eligible"] for answer in assessment.matches} == {True, False}  # the other segments' products too
    assert [reason["code"] for reason in assessment.reasons] == assessment.reason_codes
    decision = Decision.objects.get(application=application)
    assert (decision.stage, decision.outcome, decision.decided_by_id) == ("policy", "approve", None)


def test_an_offer_agrees_to_the_cent_with_its_schedule(assessed):
    application = assessed("household", amount=Decimal(2000), term_months=12)
    offer = Offer.objects.get(application=application)

    assert offer.total == offer.amount + offer.total_interest + offer.total_insurance
    assert (offer.amount, offer.net_disbursed, offer.term_months, offer.installments) == (2000, 2000, 12, 12)
    assert offer.tcea > offer.tea
    assert offer.rank == 1


def test_a_poor_case_is_declined_with_reasons_and_without_offers(institution, ready):
    factories.LendingPolicyFactory(institution=institution, decline_below=850, approve_from=850)
    application = factories.submitted(institution, facts={"worst_delay_days": 120, "creditors": 5, "total_debt": 9000})

    assess_waiting(institution_id=institution.pk)

    application.refresh_from_db()
    assert application.status == Status.DECLINED
    assert not Offer.objects.filter(application=application).exists()
    assert "score_too_low" in Assessment.objects.get(application=application).reason_codes


def test_above_the_automatic_limit_a_person_looks_within_the_promised_hours(assessed):
    application = assessed("household", amount=Decimal(6000), term_months=18)

    assert application.status == Status.REFERRED
    assert application.decided_at is None
    hours = (application.decide_by - application.assessed_at).total_seconds() / 3600
    assert round(hours) == LendingPolicy.objects.get().decision_hours


def test_a_program_offers_nothing_above_its_own_limit(institution, ready):
    factories.ProductVersionFactory(institution=institution, amount_max=Decimal(1500))
    application = factories.submitted(institution, amount=Decimal(5500), term_months=18)

    assess_waiting(institution_id=institution.pk)

    application.refresh_from_db()
    assert application.status == Status.APPROVED
    assert [offer.amount for offer in Offer.objects.filter(application=application)] == [Decimal(1500)]


def test_who_refused_the_automatic_score_is_seen_by_a_person(institution, ready):
    application = factories.submitted(institution, consents={"automated": False}, amount=Decimal(2000))

    assess_waiting(institution_id=institution.pk)

    application.refresh_from_db()
    assessment = Assessment.objects.get(application=application)
    assert application.status == Status.REFERRED
    assert assessment.score_id is None
    assert assessment.reason_codes[0] == "automated_refused"
    assert assessment.affordability["surplus"]["verified"]
    assert not Score.objects.filter(application_id=application.pk).exists()


def test_without_a_legal_cap_nothing_is_offered(institution, champions):
    factories.ProductVersionFactory(institution=institution)
    application = factories.submitted(institution, amount=Decimal(2000))

    assess_waiting(institution_id=institution.pk)

    assessment = Assessment.objects.get(application=application)
    assert assessment.matches[0]["reasons"][0]["code"] == "cap_missing"
    assert not Offer.objects.filter(application=application).exists()


def test_without_a_model_in_force_a_person_looks(institution, products):
    application = factories.submitted(institution, amount=Decimal(2000))

    assess_waiting(institution_id=institution.pk)

    application.refresh_from_db()
    assert application.status == Status.REFERRED
    assert "score_missing" in Assessment.objects.get(application=application).reason_codes


def test_a_changed_model_file_scores_nobody(institution, ready):
    ScoringModel.objects.update(sha256="f" * 64)
    application = factories.submitted(institution, amount=Decimal(2000))

    assess_waiting(institution_id=institution.pk)

    application.refresh_from_db()
    assert application.status == Status.REFERRED
    assert not Score.objects.exists()


def test_assessing_is_announced_audited_and_ends_the_submission(assessed):
    application = assessed("household", amount=Decimal(2000))

    events = dict(OutboxEvent.objects.values_list("name", "done_at"))
    assert events["lending.application.submitted"] is not None
    assert events["lending.application.assessed"] is None
    assert AuditEntry.objects.filter(event="lending.application.assessed", subject_id=str(application.pk)).count() == 1


def test_assessing_again_finds_nothing_to_do(institution, assessed):
    assessed("household", amount=Decimal(2000))

    assert assess_waiting(institution_id=institution.pk) == 0
    assert Assessment.objects.count() == Decision.objects.count() == 1


def test_another_institution_is_left_alone(institution, other_institution, ready):
    theirs = factories.submitted(other_institution, amount=Decimal(2000))

    assert assess_waiting(institution_id=institution.pk) == 0

    with institution_scope(other_institution.pk):
        theirs.refresh_from_db()
        assert theirs.status == Status.SUBMITTED


def test_a_batch_takes_a_fixed_number_of_statements(institution, ready, django_assert_max_num_queries):
    for _ in range(2):
        factories.submitted(institution, amount=Decimal(2000))
    assess_waiting(institution_id=institution.pk)
    for _ in range(12):
        factories.submitted(institution, amount=Decimal(2000))

    with django_assert_max_num_queries(34):
        assert assess_waiting(institution_id=institution.pk) == 12


# --- a bad case ---------------------------------------------------------------------------------------------------


def refuse(monkeypatch, place, name, culprit):
    """Let the named function raise for one application only."""
    real = getattr(place, name)

    def raising(first, *args, **kwargs):
        subjects = args[0] if name == "score_applications" else [first]
        keys = {getattr(one, "application_id", getattr(one, "pk", None)) for one in subjects}
        if culprit.pk in keys:
            raise ZeroDivisionError("a value nobody expected")
        return real(first, *args, **kwargs)

    monkeypatch.setattr(place, name, raising)


@pytest.mark.parametrize(
    ("place", "name"), [(scoring_services, "score_applications"), (assessments, "evaluate")], ids=["score", "evaluate"]
)
def test_a_bad_case_goes_to_a_person_and_holds_up_nobody(institution, ready, monkeypatch, caplog, place, name):
    bad, *good = (factories.submitted(institution, amount=Decimal(2000)) for _ in range(4))
    refuse(monkeypatch, place, name, bad)

    with caplog.at_level(logging.ERROR):
        assert assess_waiting(institution_id=institution.pk) == 4

    states = dict(Application.objects.values_list("pk", "status"))
    assert states == {bad.pk: Status.REFERRED, **{one.pk: Status.APPROVED for one in good}}
    assert Assessment.objects.get(application=bad).reason_codes == ["could_not_assess"]
    assert str(bad.pk) in caplog.text


def test_what_the_database_refuses_is_kept_out_of_the_batch(institution, ready, monkeypatch):
    bad, good = (factories.submitted(institution, amount=Decimal(2000)) for _ in range(2))
    real = assessments.offer_of

    def too_large(schedule, **kwargs):
        offer = real(schedule, **kwargs)
        offer.installments = 10**9 if too_large.first else offer.installments
        too_large.first = not too_large.first
        return offer

    too_large.first = True  # in the batch, and again when the cases are taken one by one
    monkeypatch.setattr(assessments, "offer_of", too_large)

    assess_waiting(institution_id=institution.pk)

    states = dict(Application.objects.values_list("pk", "status"))
    assert states == {bad.pk: Status.REFERRED, good.pk: Status.APPROVED}


def test_a_lost_connection_blames_nobody(institution, ready, monkeypatch):
    application = factories.submitted(institution, amount=Decimal(2000))

    def gone(*args, **kwargs):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(assessments, "evaluate", gone)

    with pytest.raises(OperationalError):
        assess_waiting(institution_id=institution.pk)
    application.refresh_from_db()
    assert application.status == Status.SUBMITTED


# --- again, by an officer -----------------------------------------------------------------------------------------


def test_an_officer_works_the_case_out_again(referred, officer):
    reassess_application(application_id=referred.pk, actor=officer)

    assert list(Assessment.objects.order_by("attempt").values_list("attempt", flat=True)) == [1, 2]
    assert Score.objects.count() == 2
    assert set(Offer.objects.values_list("status", "assessment__attempt")) == {("withdrawn", 1), ("open", 2)}
    referred.refresh_from_db()
    assert referred.status == Status.REFERRED
    assert AuditEntry.objects.filter(event="lending.application.reassessed").count() == 1


def test_who_may_not_reassess_is_refused(referred, approver):
    with pytest.raises(NotAllowed):
        reassess_application(application_id=referred.pk, actor=approver)


def test_a_decided_case_is_not_worked_out_again(assessed, officer):
    application = assessed("household", amount=Decimal(2000))
    with pytest.raises(InvalidState):
        reassess_application(application_id=application.pk, actor=officer)


def test_another_institutions_case_is_not_found(referred, other_institution, actor_as):
    stranger = actor_as("officer", at=other_institution)
    with institution_scope(other_institution.pk), pytest.raises(NotFound):
        reassess_application(application_id=referred.pk, actor=stranger)


# --- races --------------------------------------------------------------------------------------------------------


@pytest.mark.transactional
def test_four_workers_at_once_assess_each_case_once(institution, ready):
    for _ in range(12):
        factories.submitted(institution, amount=Decimal(2000))
    barrier, claimed, failures = threading.Barrier(4), [], []

    def work():
        barrier.wait()
        try:
            claimed.append(assess_waiting(institution_id=institution.pk, limit=5))
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    while left := assess_waiting(institution_id=institution.pk):
        claimed.append(left)

    assert not failures  # nobody ran into another's work
    assert sum(claimed) == 12
    with institution_scope(institution.pk):
        assert Application.objects.filter(status=Status.APPROVED).count() == 12
        assert Assessment.objects.count() == Decision.objects.count() == Offer.objects.count() == 12
        assert OutboxEvent.objects.filter(name="lending.application.assessed").count() == 12
        assert not OutboxEvent.objects.filter(name="lending.application.submitted", done_at=None).exists()
