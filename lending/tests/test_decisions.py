import threading
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import Error, IntegrityError, connections, transaction

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, Membership, OutboxEvent
from accounts.tenancy.scope import institution_scope
from lending.models import Application, Assessment, Decision, Offer, Parameter, ReviewRequest
from lending.parameters import add_working_days
from lending.services.decisions import (
    choose_offer,
    decide_application,
    propose_decision,
    request_review,
    unmask_document_number,
    verify_facts,
)
from lending.tests.factories import LendingPolicyFactory, ProductVersionFactory, applicant_of

Status = Application.Status
WHY = "Visita conforme con lo declarado."
NO = {"outcome": "decline", "reason_codes": ["income_not_confirmed"], "rationale": WHY}


def events():
    return list(AuditEntry.objects.order_by("at_us", "id").values_list("event", flat=True))


@pytest.fixture
def propose(referred, officer):
    def make(**word):
        return propose_decision(
            application_id=referred.pk, actor=officer, **{"outcome": "approve", "rationale": WHY, **word}
        )

    return make


def decide(proposal, actor, agree=True, **word):
    return decide_application(proposal_id=proposal.pk, actor=actor, agree=agree, **{"rationale": WHY, **word})


# --- proposing ----------------------------------------------------------------------------------------------------


def test_an_officer_proposes(propose, referred, officer, approver):
    proposal = propose(second_signer_id=approver.user_id)
    referred.refresh_from_db()
    assert referred.status == Status.PROPOSED
    assert referred.assigned_to_id == officer.user_id
    assert (proposal.stage, proposal.amount, proposal.changed_terms) == ("proposal", Decimal(6000), False)
    assert events()[-1] == "lending.decision.proposed"


def test_other_terms_are_told_apart(propose):
    assert propose(amount=Decimal(4000)).changed_terms


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ({"outcome": "maybe"}, "outcome"),
        ({"rationale": "ok"}, "rationale"),
        ({"outcome": "decline"}, "reason_codes"),
        ({"outcome": "decline", "reason_codes": ["ugly_hat"]}, "reason_codes"),
        ({"reason_codes": ["payments_late"]}, "reason_codes"),
        ({"amount": Decimal(0)}, "amount"),
        ({"amount": Decimal(900_000)}, "amount"),
        ({"term_months": 500}, "amount"),
    ],
)
def test_a_word_that_can_not_stand_is_refused(propose, referred, word, field):
    with pytest.raises(InvalidInput) as refusal:
        propose(**word)
    assert field in refusal.value.fields
    assert not Decision.objects.filter(stage="proposal").exists()


def test_a_second_signer_can_decide_and_is_somebody_else(propose, officer, cashier):
    for wrong in (officer.user_id, cashier.user_id, 10**9):
        with pytest.raises(InvalidInput) as refusal:
            propose(second_signer_id=wrong)
        assert list(refusal.value.fields) == ["second_signer"]


def test_proposing_twice_is_refused(propose):
    propose()
    with pytest.raises(InvalidState):
        propose()


def test_only_officers_propose(referred, approver, applicant):
    for actor in (approver, applicant):
        with pytest.raises(NotAllowed):
            propose_decision(application_id=referred.pk, actor=actor, outcome="approve", rationale=WHY)


def test_nobody_works_on_their_own_application(institution, assessed, actor_as):
    officer = actor_as("officer", "applicant")
    own = assessed("household", actor=officer, amount=Decimal(6000), term_months=18)
    with pytest.raises(NotAllowed):
        propose_decision(application_id=own.pk, actor=officer, outcome="approve", rationale=WHY)


def test_another_institutions_case_is_not_found(referred, other_institution, actor_as):
    stranger = actor_as("officer", at=other_institution)
    with institution_scope(other_institution.pk), pytest.raises(NotFound):
        propose_decision(application_id=referred.pk, actor=stranger, outcome="approve", rationale=WHY)


# --- deciding -----------------------------------------------------------------------------------------------------


def test_another_person_approves_and_the_offers_are_priced_that_day(propose, referred, approver):
    before = set(Offer.objects.values_list("pk", flat=True))
    decision = decide(propose(amount=Decimal(4000), term_months=12), approver)

    referred.refresh_from_db()
    assert referred.status == Status.APPROVED
    assert referred.decided_at
    assert referred.decide_by is None
    assert (decision.decided_by_id, decision.changed_terms) == (approver.user_id, True)
    assert set(Offer.objects.filter(pk__in=before).values_list("status", flat=True)) == {"withdrawn"}
    offer = Offer.objects.get(status="open")
    assert (offer.decision_id, offer.amount, offer.term_months) == (decision.pk, Decimal(4000), 12)
    assert offer.disbursement_on >= today()
    assert OutboxEvent.objects.filter(name="lending.application.decided").count() == 1
    assert events()[-1] == "lending.application.decided"


def test_a_person_may_approve_what_the_program_found_too_much(institution, assessed, officer, approver):
    application = assessed("household", amount=Decimal(9000), term_months=6, facts={"monthly_income": Decimal(1700)})
    assert application.status == Status.REFERRED
    proposal = propose_decision(application_id=application.pk, actor=officer, outcome="approve", rationale=WHY)
    decide(proposal, approver)
    assert Offer.objects.get(status="open").amount == Decimal(9000)


def test_the_proposer_never_decides(propose, officer):
    Membership.objects.filter(user_id=officer.user_id).update(roles=["officer", "approver"])
    both = type(officer).for_membership(Membership.objects.get(user_id=officer.user_id))
    proposal = propose()
    with pytest.raises(NotAllowed) as refusal:
        decide(proposal, both)
    assert refusal.value.code == "four_eyes"


def test_the_database_refuses_it_too(propose, officer, approver):
    proposal = propose()
    final = {
        "application_id": proposal.application_id,
        "assessment_id": proposal.assessment_id,
        "proposal": proposal,
        "stage": "final",
        "outcome": "approve",
    }
    with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic():
        Decision.objects.create(**final, decided_by_id=officer.user_id, proposed_by_id=officer.user_id)
    with pytest.raises(IntegrityError, match="proposer_within"), transaction.atomic():  # a false name for the proposer
        Decision.objects.create(**final, decided_by_id=officer.user_id, proposed_by_id=approver.user_id)
    with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic():
        Decision.objects.create(**final, decided_by_id=officer.user_id)


def test_a_decision_is_never_rewritten(propose):
    proposal = propose()
    with pytest.raises(Error, match="permission denied"), transaction.atomic():
        Decision.objects.filter(pk=proposal.pk).update(outcome="decline")


def test_declining_tells_the_applicant_why(propose, referred, approver):
    decision = decide(propose(**NO), approver)
    referred.refresh_from_db()
    assert referred.status == Status.DECLINED
    assert decision.reason_codes == ["income_not_confirmed"]
    assert not Offer.objects.filter(status="open").exists()


def test_disagreeing_gives_the_case_back(propose, referred, approver):
    decision = decide(propose(), approver, agree=False)
    referred.refresh_from_db()
    assert referred.status == Status.REFERRED
    assert referred.decide_by
    assert decision.outcome == "refer"
    assert not OutboxEvent.objects.filter(name="lending.application.decided").exists()
    assert propose().pk != decision.proposal_id


def test_a_referral_is_the_committees_to_answer(propose, referred, approver):
    proposal = propose(outcome="refer")
    with pytest.raises(InvalidInput):
        decide(proposal, approver)
    decide(proposal, approver, outcome="approve", amount=Decimal(5000))
    referred.refresh_from_db()
    assert referred.status == Status.APPROVED
    assert Offer.objects.get(status="open").amount == Decimal(5000)


def test_the_second_person_can_not_turn_a_proposal_round(propose, approver):
    with pytest.raises(InvalidInput):
        decide(propose(), approver, outcome="decline", reason_codes=["payments_late"])


def test_deciding_again_returns_the_decision(propose, approver, actor_as):
    proposal = propose()
    first = decide(proposal, approver)
    assert decide(proposal, approver).pk == first.pk
    with pytest.raises(InvalidState):
        decide(proposal, actor_as("approver"))
    assert OutboxEvent.objects.filter(name="lending.application.decided").count() == 1


@pytest.mark.parametrize("role", ["officer", "manager", "auditor", "applicant"])
def test_only_approvers_decide(propose, actor_as, role):
    with pytest.raises(NotAllowed):
        decide(propose(), actor_as(role))


def test_an_unknown_proposal_is_not_found(referred, approver):
    policy_decision = Decision.objects.get(application=referred)
    with pytest.raises(NotFound):
        decide(policy_decision, approver)


@pytest.mark.transactional
def test_two_approvers_at_once_decide_once(institution, assessed, officer, actor_as):
    with institution_scope(institution.pk):
        application = assessed("household", amount=Decimal(6000), term_months=18)
        proposal = propose_decision(application_id=application.pk, actor=officer, outcome="approve", rationale=WHY)
    barrier, refusals = threading.Barrier(2), []

    def work(actor):
        barrier.wait()
        try:
            with institution_scope(institution.pk):
                decide(proposal, actor)
        except InvalidState as refusal:
            refusals.append(refusal)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=[actor_as("approver")]) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert len(refusals) == 1
    with institution_scope(institution.pk):
        assert Decision.objects.filter(stage="final").count() == 1
        assert Offer.objects.filter(status="open").count() == 1


# --- verifying facts ----------------------------------------------------------------------------------------------


def test_verified_facts_stand_beside_the_declared_ones(referred, officer):
    declared = dict(referred.facts)
    verify_facts(application_id=referred.pk, actor=officer, facts={"household_expenses": "1,300.00"})

    referred.refresh_from_db()
    assert referred.facts == declared
    assert referred.verified_facts == {"household_expenses": "1300.00"}
    table = Assessment.objects.get(application=referred, attempt=2).affordability
    spent = next(row for row in table["rows"] if row["code"] == "household_expenses")
    assert (spent["declared"], spent["verified"]) == ("-1100.00", "-1300.00")
    assert "lending.application.facts_verified" in events()


def test_verifying_the_same_again_changes_nothing(referred, officer):
    for _ in range(2):
        verify_facts(application_id=referred.pk, actor=officer, facts={"household_expenses": Decimal(1300)})
    assert Assessment.objects.count() == 2


def test_a_verified_fact_can_be_taken_back(referred, officer):
    verify_facts(application_id=referred.pk, actor=officer, facts={"household_expenses": Decimal(1300)})
    verify_facts(application_id=referred.pk, actor=officer, facts={"household_expenses": None})
    referred.refresh_from_db()
    assert referred.verified_facts == {}


@pytest.mark.parametrize("facts", [{"household_expenses": "mucho"}, {"hectares": 2}, {"amount": Decimal(1)}])
def test_facts_that_can_not_be_are_refused(referred, officer, facts):
    with pytest.raises(InvalidInput):
        verify_facts(application_id=referred.pk, actor=officer, facts=facts)


def test_only_officers_verify(referred, approver):
    with pytest.raises(NotAllowed):
        verify_facts(application_id=referred.pk, actor=approver, facts={})


# --- asking a person to look --------------------------------------------------------------------------------------


@pytest.fixture
def declined(institution, ready, assessed):
    LendingPolicyFactory(institution=institution, decline_below=850, approve_from=850)
    actor = applicant_of(institution)
    application = assessed("household", actor=actor, amount=Decimal(2000), facts={"worst_delay_days": 120})
    assert application.status == Status.DECLINED
    return application, actor


def test_a_declined_person_is_heard(declined):
    application, actor = declined
    review = request_review(application_id=application.pk, actor=actor, message="Fue por una operación.")
    application.refresh_from_db()
    assert application.status == Status.REFERRED
    assert application.decide_by
    assert review.due_on == add_working_days(today(), 10)
    assert events()[-1] == "lending.application.review_requested"
    assert OutboxEvent.objects.filter(name="lending.application.review_requested").count() == 1
    assert "operación" not in "".join(AuditEntry.objects.values_list("body", flat=True))


def test_asking_twice_is_one_request(declined):
    application, actor = declined
    first = request_review(application_id=application.pk, actor=actor)
    assert request_review(application_id=application.pk, actor=actor).pk == first.pk
    assert ReviewRequest.objects.count() == 1


def test_the_last_word_closes_the_request(declined, officer, approver):
    application, actor = declined
    request_review(application_id=application.pk, actor=actor)
    decide(propose_decision(application_id=application.pk, actor=officer, **NO), approver)
    assert ReviewRequest.objects.get().closed_by_id == approver.user_id
    with pytest.raises(InvalidState):
        request_review(application_id=application.pk, actor=actor)


def test_only_who_applied_asks(declined, officer, institution):
    application, _actor = declined
    for other in (officer, applicant_of(institution)):
        with pytest.raises(NotFound):
            request_review(application_id=application.pk, actor=other)


def test_the_number_of_days_comes_from_the_norm(declined):
    application, actor = declined
    Parameter.objects.filter(code="review_working_days").update(value=3)
    assert request_review(application_id=application.pk, actor=actor).due_on == add_working_days(today(), 3)


def test_holidays_and_weekends_are_no_working_days(db):
    assert add_working_days(date(2026, 12, 7), 1) == date(2026, 12, 10)  # 8 and 9 December are holidays
    assert add_working_days(date(2026, 11, 27), 1) == date(2026, 11, 30)


# --- choosing an offer --------------------------------------------------------------------------------------------


@pytest.fixture
def approved(institution, ready, assessed):
    actor = applicant_of(institution)
    ProductVersionFactory(institution=institution)
    application = assessed("household", actor=actor, amount=Decimal(2000))
    return application, actor, list(Offer.objects.order_by("rank"))


def test_choosing_one_withdraws_the_others(approved):
    _application, actor, offers = approved
    chosen = choose_offer(offer_id=offers[1].pk, actor=actor)
    assert (chosen.status, bool(chosen.chosen_at)) == ("chosen", True)
    assert dict(Offer.objects.values_list("pk", "status"))[offers[0].pk] == "withdrawn"
    assert events()[-1] == "lending.offer.chosen"


def test_choosing_again_returns_it_and_another_is_refused(approved):
    _application, actor, offers = approved
    choose_offer(offer_id=offers[0].pk, actor=actor)
    assert choose_offer(offer_id=offers[0].pk, actor=actor).status == "chosen"
    with pytest.raises(InvalidState):
        choose_offer(offer_id=offers[1].pk, actor=actor)
    assert events().count("lending.offer.chosen") == 1


def test_an_expired_offer_is_refused(approved):
    _application, actor, offers = approved
    Offer.objects.update(valid_until=today() - timedelta(days=1))
    with pytest.raises(InvalidState) as refusal:
        choose_offer(offer_id=offers[0].pk, actor=actor)
    assert refusal.value.code == "offer_expired"


def test_offers_of_a_case_nobody_approved_are_not_for_choosing(institution, ready, assessed):
    actor = applicant_of(institution)
    assessed("household", actor=actor, amount=Decimal(6000), term_months=18)
    with pytest.raises(InvalidState):
        choose_offer(offer_id=Offer.objects.get().pk, actor=actor)


def test_somebody_elses_offer_is_not_found(approved, institution, officer, other_institution):
    *_, offers = approved
    for stranger in (applicant_of(institution), officer):
        with pytest.raises(NotFound):
            choose_offer(offer_id=offers[0].pk, actor=stranger)
    theirs = applicant_of(other_institution)
    with institution_scope(other_institution.pk), pytest.raises(NotFound):
        choose_offer(offer_id=offers[0].pk, actor=theirs)


# --- the document number ------------------------------------------------------------------------------------------


def test_unmasking_is_evidence(referred, officer, auditor):
    number = unmask_document_number(application_id=referred.pk, actor=officer)
    assert number == referred.applicant.document_number
    assert events()[-1] == "lending.applicant.unmasked"
    with pytest.raises(NotAllowed):
        unmask_document_number(application_id=referred.pk, actor=auditor)
