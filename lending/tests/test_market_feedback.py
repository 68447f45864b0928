"""What a lender hears of its offers between lenders, and until when a national request is kept."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.urls import reverse

from accounts import crypto, rotation
from accounts.clock import today
from accounts.errors import InvalidInput, NotFound
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope, person_scope
from accounts.tests.fixtures import OutsideClient, no_scope
from lending.models import Loan, MarketConsent, MarketEcho, MarketOffer, MarketRequest, MarketRetention, Parameter
from lending.selectors import matching_report as report
from lending.services import market
from lending.tests.loans import active_loan
from lending.tests.test_key_rotation import Keys
from lending.tests.test_market import STEPS, answered, lenders, person, publish, sent  # noqa: F401  (fixtures)

START = today() - timedelta(days=1)
COUNTED = ("offers", "chosen", "declined", "expired", "open")


def seen_by(lender) -> tuple:
    with institution_scope(lender.pk):
        line = asdict(report.offers_in_all(START, national=True))
        return tuple(line[name] for name in COUNTED)


def offer_of(request, lender) -> MarketOffer:
    return MarketOffer.objects.get(request_id=request.pk, lender_id=lender.pk)


class TestWhatALenderHears:
    def test_each_counts_its_own_offers_and_what_became_of_them(self, lenders, person, platform):  # noqa: F811
        first, second = lenders
        request = answered(person, lenders, platform)
        assert seen_by(first) == seen_by(second) == (1, 0, 0, 0, 1)
        chosen = market.choose_market_offer(request_id=request.pk, offer_id=offer_of(request, second).pk, actor=person)
        assert seen_by(second) == (1, 1, 0, 0, 0)
        assert seen_by(first) == (1, 0, 1, 0, 0)
        with institution_scope(second.pk):
            assert MarketEcho.objects.get().application_id == chosen.chosen_application

    def test_nothing_leads_from_a_count_to_its_person(self, lenders, person, platform):  # noqa: F811
        first, second = lenders
        request = answered(person, lenders, platform)
        offer = offer_of(request, first)
        market.choose_market_offer(request_id=request.pk, offer_id=offer_of(request, second).pk, actor=person)
        with institution_scope(first.pk):
            echo = MarketEcho.objects.get()
            assert echo.pk != offer.pk
            assert echo.application_id is None
            said = {str(getattr(echo, field.attname)) for field in echo._meta.local_concrete_fields}
            assert said.isdisjoint({str(one) for one in (request.pk, offer.pk, person.user_id, offer.amount)})
            assert not AuditEntry.objects.exists()

    def test_an_offer_let_go_expired_and_so_it_stays(self, lenders, person, platform):  # noqa: F811
        first, second = lenders
        request = answered(person, lenders, platform)
        with institution_scope(first.pk):
            MarketEcho.objects.update(valid_until=today() - timedelta(days=1))
        market.choose_market_offer(request_id=request.pk, offer_id=offer_of(request, second).pk, actor=person)
        assert seen_by(first) == (1, 0, 0, 1, 0)

    def test_places_are_among_the_lenders_own(self, lenders, person, platform):  # noqa: F811
        publish(lenders[0], tea_min=Decimal("0.60"))
        request = answered(person, lenders, platform)
        ranks = [offer.rank for offer in MarketOffer.objects.filter(request_id=request.pk, lender_id=lenders[0].pk)]
        assert sorted(ranks) == [2, 3]
        with institution_scope(lenders[0].pk):
            assert [line.name for line in report.offers_by_place(START, national=True)] == ["1", "2"]
            assert sum(line.offers for line in report.offers_by_product(START, national=True)) == 2

    def test_a_rating_is_counted_by_the_lender_whose_offer_it_is(self, lenders, person, platform):  # noqa: F811
        first, second = lenders
        request = answered(person, lenders, platform)
        for rating in (2, 4):
            market.rate_market_offer(
                request_id=request.pk, offer_id=offer_of(request, first).pk, actor=person, rating=rating
            )
        with institution_scope(first.pk):
            assert report.offers_in_all(START, national=True).rating == 4
        with institution_scope(second.pk):
            assert report.offers_in_all(START, national=True).rating is None
        with pytest.raises(InvalidInput):
            market.rate_market_offer(
                request_id=request.pk, offer_id=offer_of(request, first).pk, actor=person, rating=6
            )
        with institution_scope(platform.pk):
            assert AuditEntry.objects.filter(event="lending.market.rated").count() == 2

    def test_nobody_rates_for_another(self, lenders, person, platform, actor_as):  # noqa: F811
        request = answered(person, lenders, platform)
        stranger, offer = actor_as("applicant"), offer_of(request, lenders[0])
        with person_scope(stranger.user_id), pytest.raises(NotFound):
            market.rate_market_offer(request_id=request.pk, offer_id=offer.pk, actor=stranger, rating=1)

    def test_the_manager_reads_it_and_the_other_lender_its_own(self, lenders, person, platform, manager):  # noqa: F811
        request = answered(person, lenders, platform)
        market.rate_market_offer(
            request_id=request.pk, offer_id=offer_of(request, lenders[0]).pk, actor=person, rating=3
        )
        browser = OutsideClient()
        browser.sign_in(_user(manager))
        page = browser.get(reverse("lending:desk_matching", args=[lenders[0].slug])).content.decode()
        assert "Entre entidades" in page
        assert "Eligieron otra" in page
        assert "3.0" in page

    def test_the_person_rates_on_the_page(self, lenders, person, platform):  # noqa: F811
        request = answered(person, lenders, platform)
        offer = offer_of(request, lenders[0])
        browser = OutsideClient()
        browser.sign_in(_user(person))
        address = reverse("market:rate", args=[request.pk, offer.pk])
        assert "Elige de 1 a 5" in browser.post(address, {"rating": "x"}, follow=True).content.decode()
        page = browser.post(address, {"rating": "5"}, follow=True).content.decode()
        assert "Calificaste esta oferta con 5 de 5" in page


class TestHowLoansTurnedOut:
    def test_by_product_and_place(self, institution):
        good, late, lost = (active_loan(institution) for _one in range(3))
        Loan.objects.filter(pk=late.pk).update(next_due_on=today() - timedelta(days=45))
        Loan.objects.filter(pk=lost.pk).update(status="charged_off", charged_off_on=today())
        Loan.objects.filter(pk=good.pk).update(status="paid", next_due_on=None)
        [place] = report.offers_by_place(START)
        assert (place.loans, place.paid, place.late, place.lost) == (3, 1, 1, 1)
        assert sum(line.loans for line in report.offers_by_product(START)) == 3

    def test_of_a_national_choice(self, institution):
        loan = active_loan(institution)
        made = {"made_on": today(), "valid_until": today(), "place": 1}
        version = loan.contract.product_version
        MarketEcho.objects.create(
            id=loan.pk, product_version=version, status="chosen", application=loan.contract.application, **made
        )
        MarketEcho.objects.create(id=loan.contract_id, product_version=version, **made)
        [line] = report.offers_by_product(START, national=True)
        assert (line.offers, line.chosen, line.loans) == (2, 1, 1)


class TestKeeping:
    def test_the_answers_are_sealed_in_the_table(self, lenders, person):  # noqa: F811
        request = sent(person, lenders)
        with connection.cursor() as cursor:
            cursor.execute("SELECT draft FROM lending_marketrequest WHERE id = %s", [request.pk])
            stored = cursor.fetchone()[0]
        assert STEPS["money"]["monthly_income"] not in stored
        request.refresh_from_db()
        assert request.draft["steps"]["money"]["answers"] == STEPS["money"]

    def test_a_new_key_takes_them_over(self, settings, tmp_path, lenders, person):  # noqa: F811
        settings.FIELD_KEYS_FILE, keys = str(tmp_path / "keys.json"), Keys(tmp_path / "keys.json")
        old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
        keys.write(old)
        request = market.start_market_request(actor=person, segment="household")
        market.save_market_step(
            request_id=request.pk, actor=person, step="money", answers=STEPS["money"], complete=True
        )
        keys.write(new, old)
        with no_scope():
            assert rotation.rotate_everything().unreadable == []
        keys.write(new)
        assert MarketRequest.objects.get(pk=request.pk).draft["steps"]["money"]["answers"] == STEPS["money"]
        keys.write(Fernet.generate_key().decode())
        with pytest.raises(crypto.Undecipherable):
            MarketRequest.objects.get(pk=request.pk)

    def test_it_is_erased_after_its_last_day_and_not_before(self, lenders, person, platform):  # noqa: F811
        request = answered(person, lenders, platform)
        days = int(Parameter.objects.get(code="market_days").value)
        assert request.kept_until == today() + timedelta(days=days)
        with no_scope():
            assert market.purge_market_requests() == 0
        with institution_scope(platform.pk):
            MarketRetention.objects.update(kept_until=today() - timedelta(days=1))
        with no_scope():
            assert [market.purge_market_requests() for _twice in range(2)] == [1, 0]
        for model in (MarketRequest, MarketOffer, MarketConsent):
            assert not model.objects.exists()
        with institution_scope(platform.pk):
            assert AuditEntry.objects.filter(event="lending.market.purged", subject_id=str(request.pk)).count() == 1
            assert not MarketRetention.objects.exists()
        assert seen_by(lenders[0]) == (1, 0, 0, 0, 1)  # a count of nobody stays

    def test_using_it_again_keeps_it_longer(self, lenders, person, platform):  # noqa: F811
        request = market.start_market_request(actor=person, segment="household")
        with institution_scope(platform.pk):
            MarketRetention.objects.update(kept_until=today() - timedelta(days=1))
        market.save_market_step(request_id=request.pk, actor=person, step="money", answers={}, complete=False)
        with no_scope():
            assert market.purge_market_requests() == 0

    def test_what_is_forgotten_is_not_listed_any_more(self, lenders, person, platform):  # noqa: F811
        request = sent(person, lenders)
        market.forget_market_request(request_id=request.pk, actor=person)
        with institution_scope(platform.pk):
            assert not MarketRetention.objects.exists()


def _user(actor):
    from accounts.models import User

    return User.objects.get(pk=actor.user_id)


class TestLists:
    """What pages ask of the database does not grow with what they show."""

    @staticmethod
    def counted(browser, address, limit, django_assert_max_num_queries) -> int:
        browser.get(address)
        with django_assert_max_num_queries(limit) as queries:
            assert browser.get(address).status_code == 200
        return len(queries)

    def test_of_a_persons_comparisons(self, lenders, person, platform, django_assert_max_num_queries):  # noqa: F811
        request = answered(person, lenders, platform)
        browser = OutsideClient()
        browser.sign_in(_user(person))
        counts = []
        for more in (0, 8):
            for number in range(more):
                MarketRequest.objects.create(user_id=person.user_id, segment="household", status="answered")
                publish(lenders[number % 2], tea_min=Decimal("0.40") + Decimal(number) / 100)
            if more:
                request = answered(person, lenders, platform)
                assert MarketOffer.objects.filter(request_id=request.pk).count() == 10
            counts.append(
                [
                    self.counted(browser, address, 24, django_assert_max_num_queries)
                    for address in (reverse("market:home"), reverse("market:request", args=[request.pk]))
                ]
            )
        assert counts[0] == counts[1]

    def test_of_the_report(self, institution, manager, django_assert_max_num_queries):
        browser = OutsideClient()
        browser.sign_in(_user(manager))
        address = reverse("lending:desk_matching", args=["qori"])
        counts = []
        for more in (1, 9):
            for _one in range(more):
                loan = active_loan(institution)
                MarketEcho.objects.create(
                    id=loan.pk, product_version=loan.contract.product_version, made_on=today(), valid_until=today(),
                    place=1,
                )  # fmt: skip
            counts.append(self.counted(browser, address, 30, django_assert_max_num_queries))
        assert counts[0] == counts[1]
