"""One request, many lenders: what is compared, who may see it, and what a choice opens."""

import threading
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import ProgrammingError, connection, connections, transaction

from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.models import AuditEntry, Institution, OutboxEvent
from accounts.tenancy.scope import institution_scope, person_scope
from accounts.tests.factories import UserFactory
from accounts.tests.fixtures import no_scope
from lending.models import Application, CatalogueOffer, MarketConsent, MarketOffer, MarketRequest, ProductVersion
from lending.services import catalogue, market
from lending.services.policies import save_policy
from lending.services.products import withdraw_product
from lending.tests import factories

FACTS = {
    **factories.GOOD_HOUSEHOLD,
    "amount": Decimal(3000),
    "term_months": 12,
    "purpose": "home",
    "region": "08",
}
STEPS = {
    "request": {"amount": "3000", "term_months": "12", "purpose": "home"},
    "identity": {"region": "08", "birth_on": "1986-04-12"},
    "money": {"monthly_income": "3200", "household_expenses": "1100"},
}
OPEN, UNFIT, CHOSEN = MarketOffer.Status.OPEN, MarketOffer.Status.UNFIT, MarketOffer.Status.CHOSEN


def publish(where, **terms):
    version = factories.ProductVersionFactory(institution=where, **terms)
    with institution_scope(where.pk):
        catalogue.list_version(version)
    return version


@pytest.fixture
def lenders(institution, other_institution, champions, cap):
    """Two lenders that publish to households, the second one cheaper."""
    publish(institution, tea_min=Decimal("0.40"))
    publish(other_institution, tea_min=Decimal("0.20"), tea_max=Decimal("0.30"))
    return institution, other_institution


@pytest.fixture
def person(database):
    """Somebody with an account and no membership anywhere, as their requests find them."""
    user = UserFactory()
    with no_scope(), person_scope(user.pk):
        yield Actor.for_user(user)


def sent(person, lenders, facts=FACTS, **agreed):
    request = market.start_market_request(actor=person, segment="household")
    for step, answers in STEPS.items():
        market.save_market_step(request_id=request.pk, actor=person, step=step, answers=answers, complete=True)
    return market.submit_market_request(
        request_id=request.pk, actor=person, facts=facts, birth_on=date(1986, 4, 12), automated=True,
        lenders=dict.fromkeys((lender.pk for lender in lenders), True) | agreed.get("consents", {}),
    )  # fmt: skip


def answered(person, lenders, platform, **changes):
    request = sent(person, lenders, **changes)
    assert market.answer_market_requests(institution_id=platform.pk) == 1
    request.refresh_from_db()
    return request


def test_one_request_shows_the_offers_of_every_lender_agreed_to(lenders, person, platform):
    request = answered(person, lenders, platform)
    assert request.status == MarketRequest.Status.ANSWERED
    assert request.score
    assert request.reasons
    offers = list(MarketOffer.objects.filter(request_id=request.pk).order_by("rank"))
    assert [offer.lender_id for offer in offers] == [lenders[1].pk, lenders[0].pk]
    assert offers[0].total - offers[0].received < offers[1].total - offers[1].received
    assert offers[0].valid_until == today() + timedelta(days=15)
    assert MarketConsent.objects.filter(request_id=request.pk, granted=True).count() == 2
    assert OutboxEvent.unscoped.filter(name=market.SUBMITTED, done_at=None).count() == 0


def test_a_lender_without_consent_is_not_compared(lenders, person, platform):
    request = answered(person, lenders, platform, consents={lenders[1].pk: False})
    assert {offer.lender_id for offer in MarketOffer.objects.filter(request_id=request.pk)} == {lenders[0].pk}
    refused = MarketConsent.objects.get(request_id=request.pk, granted=False)
    assert refused.lender_id == lenders[1].pk
    assert len(refused.text_sha256) == 64


def test_without_any_consent_nothing_is_sent(lenders, person):
    with pytest.raises(InvalidInput) as refusal:
        sent(person, lenders, consents=dict.fromkeys((lender.pk for lender in lenders), False))
    assert "lenders" in refusal.value.fields


def test_what_does_not_match_says_why(lenders, person, platform):
    publish(lenders[0], amount_min=Decimal(9000))
    request = answered(person, lenders, platform)
    [unfit] = MarketOffer.objects.filter(request_id=request.pk, status=UNFIT)
    assert unfit.reasons[0]["code"] == "amount_too_low"
    assert unfit.rank is None


def test_choosing_opens_an_application_there_and_nowhere_else(lenders, person, platform):
    request = answered(person, lenders, platform)
    offer = MarketOffer.objects.get(request_id=request.pk, lender_id=lenders[1].pk)
    for _twice in range(2):
        chosen = market.choose_market_offer(request_id=request.pk, offer_id=offer.pk, actor=person)
    assert chosen.status == CHOSEN
    with institution_scope(lenders[1].pk):
        [application] = Application.objects.all()
        assert (application.pk, application.owner_id) == (chosen.chosen_application, person.user_id)
        assert (application.status, application.amount, application.term_months) == ("draft", 3000, 12)
        steps = application.draft["steps"]
        assert steps["money"] == {"answers": STEPS["money"], "complete": True}
        assert not steps["identity"]["complete"]
    with institution_scope(lenders[0].pk):
        assert not Application.objects.exists()
        assert not AuditEntry.objects.exists()
    other = MarketOffer.objects.get(request_id=request.pk, lender_id=lenders[0].pk)
    with pytest.raises(InvalidState):
        market.choose_market_offer(request_id=request.pk, offer_id=other.pk, actor=person)


def test_no_institution_and_no_other_person_reads_a_request_or_an_offer(lenders, person, platform):
    """Asked of the database itself, with plain SQL and every scope that a request or a task may have."""
    request = answered(person, lenders, platform)
    tables = ("lending_marketrequest", "lending_marketoffer", "lending_marketconsent")

    def counts():
        with connection.cursor() as cursor:
            found = []
            for table in tables:
                cursor.execute(f"SELECT count(*) FROM {table}")
                found.append(cursor.fetchone()[0])
        return found

    assert counts() == [1, 2, 2]
    with person_scope(None):
        for where in (*lenders, platform):
            with institution_scope(where.pk):
                assert counts() == [0, 0, 0]
                assert not MarketOffer.objects.exists()
    stranger = UserFactory()
    with person_scope(stranger.pk):
        assert counts() == [0, 0, 0]
        with pytest.raises(NotFound):
            market.choose_market_offer(request_id=request.pk, offer_id=request.pk, actor=Actor.for_user(stranger))
        with pytest.raises(ProgrammingError), transaction.atomic():
            MarketRequest.objects.create(user_id=person.user_id, segment="household")


def test_a_lender_writes_its_own_published_terms_only(lenders):
    institution, other = lenders
    theirs = CatalogueOffer.objects.get(lender=other)
    with institution_scope(institution.pk):
        assert CatalogueOffer.objects.filter(pk=theirs.pk).update(name="Otro") == 0
        with pytest.raises(ProgrammingError), transaction.atomic():
            CatalogueOffer.objects.filter(lender=institution).update(lender_id=other.pk)
    with no_scope():
        assert CatalogueOffer.objects.count() == 2  # anybody reads
        assert CatalogueOffer.objects.filter(pk=theirs.pk).delete()[0] == 0


def test_the_catalogue_follows_withdrawals_and_policy(institution, manager, champions, cap):
    version = publish(institution)
    save_policy(actor=manager, offer_days=7)
    assert CatalogueOffer.objects.get(pk=version.pk).offer_days == 7
    withdraw_product(product_id=version.product_id, actor=manager)
    assert CatalogueOffer.objects.get(pk=version.pk).withdrawn_on == today()
    assert ProductVersion.objects.get(pk=version.pk).status == "withdrawn"


def test_a_person_may_erase_everything(lenders, person, platform):
    request = answered(person, lenders, platform)
    market.forget_market_request(request_id=request.pk, actor=person)
    assert not MarketRequest.objects.exists()
    assert not MarketOffer.objects.exists()
    assert not MarketConsent.objects.exists()
    with institution_scope(platform.pk):
        assert AuditEntry.objects.filter(event="lending.market.forgotten").count() == 1


def test_a_request_that_cannot_be_worked_out_is_answered_once(lenders, person, platform, monkeypatch):
    monkeypatch.setattr(market, "match_lenders", lambda asked: 1 / 0)
    request = answered(person, lenders, platform)
    assert request.status == MarketRequest.Status.ANSWERED
    assert not MarketOffer.objects.exists()
    assert market.answer_market_requests(institution_id=platform.pk) == 0


def test_without_a_model_offers_are_made_at_their_dearest(lenders, person, platform, monkeypatch):
    monkeypatch.setattr(market.registry, "champion", lambda segment: 1 / 0)
    request = answered(person, lenders, platform)
    assert request.score is None
    offer = MarketOffer.objects.get(request_id=request.pk, lender_id=lenders[0].pk)
    assert (offer.status, offer.tea) == (OPEN, Decimal("0.60"))


def test_a_withdrawn_offer_can_no_longer_be_chosen(lenders, person, platform):
    request = answered(person, lenders, platform)
    offer = MarketOffer.objects.get(request_id=request.pk, lender_id=lenders[1].pk)
    with institution_scope(lenders[1].pk):
        CatalogueOffer.objects.filter(pk=offer.terms_id).update(withdrawn_on=today())
    with pytest.raises(InvalidState):
        market.choose_market_offer(request_id=request.pk, offer_id=offer.pk, actor=person)


@pytest.mark.parametrize("end", ["expired", "closed"])
def test_an_offer_past_its_days_or_of_a_closed_lender_can_no_longer_be_chosen(lenders, person, platform, end):
    request = answered(person, lenders, platform)
    offer = MarketOffer.objects.get(request_id=request.pk, lender_id=lenders[1].pk)
    if end == "expired":
        MarketOffer.objects.filter(pk=offer.pk).update(valid_until=today() - timedelta(days=1))
    else:
        Institution.objects.filter(pk=lenders[1].pk).update(is_active=False)
    with pytest.raises(InvalidState):
        market.choose_market_offer(request_id=request.pk, offer_id=offer.pk, actor=person)
    with institution_scope(lenders[1].pk):
        assert not Application.objects.exists()


def test_nothing_a_lender_can_read_names_a_request_or_anybodys_offer(lenders, person, platform):
    """Every row of every table that its scope reaches: audit, outbox, webhooks and exports read nothing else."""
    request = answered(person, lenders, platform)
    offers = {offer.lender_id: offer for offer in MarketOffer.objects.filter(request_id=request.pk)}
    market.choose_market_offer(request_id=request.pk, offer_id=offers[lenders[1].pk].pk, actor=person)
    secrets = [str(key) for key in (request.pk, request.facts_sha256, *(one.pk for one in offers.values()))]

    def told(where):
        found = []
        with person_scope(None), institution_scope(where.pk), connection.cursor() as cursor:
            cursor.execute(
                "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
                " AND relnamespace = current_schema()::regnamespace AND has_table_privilege(oid, 'SELECT')"
            )
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE ANY (%s)",
                               [[f"%{secret}%" for secret in secrets]])  # fmt: skip
                found += [table] * cursor.fetchone()[0]
        return found

    assert [told(lender) for lender in lenders] == [[], []]
    assert "accounts_auditentry" in told(platform)  # which the evidence goes to


@pytest.mark.transactional
def test_two_choices_at_once_open_one_application(lenders, person, platform):
    with transaction.atomic(), person_scope(person.user_id):
        request = answered(person, lenders, platform)
        offers = list(MarketOffer.objects.filter(request_id=request.pk))
    barrier, answers = threading.Barrier(len(offers)), []

    def choose(offer):
        try:
            barrier.wait()
            with transaction.atomic(), person_scope(person.user_id):
                market.choose_market_offer(request_id=request.pk, offer_id=offer.pk, actor=person)
            answers.append("chosen")
        except InvalidState:
            answers.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=choose, args=[offer]) for offer in offers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["chosen", "refused"]
    count = 0
    for lender in lenders:
        with institution_scope(lender.pk):
            count += Application.objects.count()
    assert count == 1
