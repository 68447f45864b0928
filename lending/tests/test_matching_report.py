"""What came of offers, trials of another rule, and what applicants say."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import User
from accounts.tenancy.scope import institution_scope
from accounts.tests.fixtures import OutsideClient
from lending.models import Application, Assessment, MatchingTrial, Offer, OfferFeedback
from lending.selectors import matching_report as report
from lending.services.decisions import choose_offer
from lending.services.expiry import expire_offers
from lending.services.feedback import decline_offers, rate_offers
from lending.services.policies import save_policy
from lending.services.trials import end_trial, start_trial
from lending.tests import factories
from scoring.arms import BUCKETS, bucket

START = today() - timedelta(days=1)
HALF, TWO = Decimal("0.5"), Decimal("0.02")


def own(actor, application):
    return Application.objects.get(pk=application.pk, owner_id=actor.user_id)


@pytest.fixture
def two_products(institution, ready):
    """A second product for households, so that there is something to choose between."""
    return factories.ProductVersionFactory(institution=institution, segment="household", tea_min=Decimal("0.40"))


def test_taken_turned_down_and_let_go_are_counted(institution, two_products, assessed, actor_as):
    people = [actor_as("applicant") for _person in range(3)]
    taken, refused, late = (assessed("household", actor=person) for person in people)
    best = Offer.objects.get(application_id=taken.pk, rank=1)
    choose_offer(offer_id=best.pk, actor=people[0])
    rate_offers(application_id=taken.pk, actor=people[0], rating=2)
    rate_offers(application_id=taken.pk, actor=people[0], rating=5, comment=" muy  clara ")
    decline_offers(application_id=refused.pk, actor=people[1])
    Offer.objects.filter(application_id=late.pk).update(valid_until=today() - timedelta(days=1))
    expire_offers(institution_id=institution.pk)
    total = report.offers_in_all(START)
    assert (total.chosen, total.declined, total.expired, total.open) == (
        1,
        2,
        2,
        0,
    )  # the second of the first: withdrawn
    assert total.taken == pytest.approx(1 / 5)
    assert total.rating == 5
    assert OfferFeedback.objects.get().comment == "muy clara"
    by_product = report.offers_by_product(START)
    assert sum(line.offers for line in by_product) == total.offers == 5
    assert {line.name: line.chosen for line in report.offers_by_place(START)}["1"] == 1
    assert own(people[1], refused).status == Application.Status.WITHDRAWN


def test_why_products_do_not_match(institution, ready, assessed):
    factories.ProductVersionFactory(institution=institution, segment="household", amount_min=Decimal(9000))
    assessed("household")
    assert report.why_not(START) == [("amount_too_low", 1, 1)]


def test_a_chosen_offer_cannot_be_turned_down_and_nobody_elses_be_rated(two_products, assessed, actor_as):
    person = actor_as("applicant")
    application = assessed("household", actor=person)
    choose_offer(offer_id=Offer.objects.get(application_id=application.pk, rank=1).pk, actor=person)
    with pytest.raises(InvalidState):
        decline_offers(application_id=application.pk, actor=person)
    with pytest.raises(InvalidInput):
        rate_offers(application_id=application.pk, actor=person, rating=6)
    with pytest.raises(NotFound):
        rate_offers(application_id=application.pk, actor=actor_as("applicant"), rating=3)
    assert not OfferFeedback.objects.exists()


def test_a_trial_ranks_its_share_by_its_own_rule_and_the_hash_stays(institution, two_products, manager, assessed):
    trial = start_trial(actor=manager, name="Lo que rinde", share=HALF, return_bound=TWO)
    with pytest.raises(InvalidState):
        start_trial(actor=manager, name="Otra", share=HALF, return_bound=TWO)
    for _application in range(6):
        assessed("household")
    for assessment in Assessment.objects.all():
        assert assessment.trial_id == trial.pk
        assert assessment.in_trial == (bucket(assessment.application_id, trial.pk) < HALF * BUCKETS)
    arms = {line.name: line.offers for line in report.offers_by_arm(START, trial.pk)}
    assert sum(arms.values()) == 12
    end_trial(trial_id=trial.pk, actor=manager)
    end_trial(trial_id=trial.pk, actor=manager)
    assert assessed("household").assessments.get().trial_id is None


def test_a_trial_stays_inside_the_bound_that_protects_people(institution, manager, officer):
    for wrong in ({"share": Decimal("0.6")}, {"share": Decimal(0)}, {"return_bound": Decimal("0.06")}, {"name": " "}):
        with pytest.raises(InvalidInput) as refusal:
            start_trial(actor=manager, **{"name": "x", "share": HALF, "return_bound": TWO, **wrong})
        assert set(refusal.value.fields) == set(wrong)
    with pytest.raises(NotAllowed):
        start_trial(actor=officer, name="x", share=HALF, return_bound=TWO)
    with pytest.raises(IntegrityError), transaction.atomic():
        MatchingTrial.objects.create(name="x", share=HALF, return_bound=Decimal("0.2"), started_by_id=manager.user_id)
    with pytest.raises(InvalidInput) as refusal:
        save_policy(actor=manager, return_bound=Decimal("0.06"))
    assert "return_bound" in refusal.value.fields


def test_the_manager_reads_the_report_and_the_applicant_the_rule(
    institution, two_products, manager, assessed, actor_as
):
    save_policy(actor=manager, return_bound=Decimal("0.03"))
    person = actor_as("applicant")
    application = assessed("household", actor=person)
    browser = OutsideClient()
    browser.sign_in(User.objects.get(pk=manager.user_id))
    page = browser.get(reverse("lending:desk_matching", args=["qori"])).content.decode()
    assert "no cuesta más de 3.00% sobre la más barata" in page
    started = browser.post(
        reverse("lending:desk_matching", args=["qori"]), {"name": "Prueba", "share": "50", "return_bound": "2"}
    )
    assert started.status_code == 302
    with institution_scope(institution.pk):
        assert MatchingTrial.objects.get().return_bound == TWO
    browser.sign_in(User.objects.get(pk=person.user_id))
    address = reverse("lending:my_application", args=["qori", application.pk])
    page = browser.get(address).content.decode()
    assert "si no te cuesta más de 3.00% sobre el más barato" in page
    browser.post(reverse("lending:my_rate", args=["qori", application.pk]), {"rating": "4"})
    assert "Calificaste estas ofertas con 4 de 5" in browser.get(address).content.decode()
    browser.post(reverse("lending:my_decline", args=["qori", application.pk]))
    assert set(Offer.objects.filter(application_id=application.pk).values_list("status", flat=True)) == {"declined"}
