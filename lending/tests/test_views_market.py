"""Self-check and national requests as a browser without script finds them."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.tenancy.scope import institution_scope, person_scope
from accounts.tests.factories import UserFactory
from accounts.tests.fixtures import OutsideClient
from lending.facts import FACTS
from lending.models import Application, MarketOffer, MarketRequest, Opportunity
from lending.services.market import answer_market_requests
from lending.tests.test_market import lenders, publish  # noqa: F401  (fixtures)

# ruff: noqa: F811

ASKED = {
    "segment": "household",
    "of": "household",
    "amount": "3000",
    "term_months": "12",
    "monthly_income": "3200",
    "household_expenses": "1100",
    "region": "08",
}
HOUSE = {
    "employment": "employee", "employment_months_0": "5", "employment_months_1": "0", "housing": "owned",
    "assets_value": "40000",
}  # fmt: skip
MONEY = {
    "monthly_income": "3200", "household_expenses": "1100", "dependants": "1", "other_income": "0",
    "savings_balance": "2500", "has_debts": "no", "had_loans": "no",
}  # fmt: skip


@pytest.fixture
def anybody(database):
    return OutsideClient()


def words(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_self_check_says_what_is_within_reach_and_keeps_nothing(lenders, anybody):
    answer = anybody.get("/check/", ASKED)
    page = words(answer)
    assert answer.status_code == 200
    assert "Hay 2 créditos que te alcanzan" in page
    assert page.index("Edpyme Wayra") < page.index("Caja Qori")  # cheaper
    assert "TEA 60.00%" in page  # an unknown risk costs the most
    with institution_scope(lenders[0].pk):
        assert not Application.objects.exists()
    own = words(anybody.get(reverse("lending:check", args=["qori"]), ASKED))
    assert "Hay 1 crédito que te alcanza" in own
    assert "Wayra" not in own


def test_what_would_help_is_said_where_nothing_fits(lenders, anybody):
    page = words(anybody.get("/check/", {**ASKED, "monthly_income": "1500", "household_expenses": "1480"}))
    assert "Por ahora ninguno te alcanza" in page
    assert "Qué ayudaría" in page
    assert "Terminar una deuda" in page
    refusals = page[page.index("no calzan con tu pedido") :]
    assert refusals.count("soles más de ingreso al mes, o menos en otras cuotas") == 2  # beside each product


@pytest.mark.parametrize("typed", ["", "x", "-1", "1e9", "9" * 21, "NaN", "\0", "３０００", "ñ" * 500, "'; --"])
def test_rubbish_is_answered_in_words_and_nothing_is_kept(lenders, anybody, typed):
    asked = dict.fromkeys([*FACTS, "of", "segment"], typed)
    for segment in ("household", "farm", typed):
        answer = anybody.get("/check/", {**asked, "segment": segment})
        assert answer.status_code == 200
        assert not answer.wsgi_request.session.keys()


def test_another_kind_of_credit_asks_its_own_questions_without_complaining(lenders, anybody):
    publish(lenders[0], segment="farm")
    page = words(anybody.get("/check/", {**ASKED, "segment": "farm"}))
    assert 'name="hectares"' in page
    assert "error-text" not in page


def test_a_letter_in_a_number_is_explained(lenders, anybody):
    page = words(anybody.get("/check/", {**ASKED, "amount": "tres mil"}))
    assert "errors" in page
    assert 'value="tres mil"' in page


def test_programmes_of_others_stand_beside_the_offers(lenders, anybody):
    with institution_scope(lenders[0].pk):
        Opportunity.objects.create(
            lender=lenders[0], code="agroperu", name="Fondo AgroPerú", organiser="Agrobanco", segment="household",
            summary="Crédito a tasa fija para pequeños productores.", valid_from="2026-01-01", regions=["08"],
        )  # fmt: skip
    assert "Fondo AgroPerú" in words(anybody.get("/check/", ASKED))
    assert "Fondo AgroPerú" not in words(anybody.get("/check/", {**ASKED, "region": "15"}))


def test_answers_are_taken_along_only_when_asked(lenders, client_as_person, institution):
    kept = client_as_person.post(reverse("lending:check_keep", args=["qori"]), ASKED)
    assert kept.status_code == 302
    assert "amount=3000" in kept["Location"]
    asked = {"segment": "household", "amount": "3000", "term_months": "12", "purpose": "home"}
    client_as_person.post(reverse("lending:apply", args=["qori"]), asked)
    application = Application.objects.get()
    assert application.draft["steps"]["money"]["answers"]["monthly_income"] == "3200"
    assert application.draft["steps"]["identity"]["answers"] == {"region": "08"}
    assert not application.draft["steps"]["money"]["complete"]


@pytest.fixture
def client_as_person(database):
    user = UserFactory()
    browser = OutsideClient()
    browser.sign_in(user)
    browser.user = user
    return browser


def test_the_whole_way_from_one_request_to_an_application_at_one_lender(lenders, client_as_person, platform):
    browser = client_as_person
    answer = browser.post("/requests/start/", {"segment": "household"})
    where = answer["Location"]
    request_id = where.split("/")[2]
    pages = {
        "request": {"amount": "3000", "term_months": "12", "purpose": "home"},
        "identity": {"region": "08", "birth_on_day": "12", "birth_on_month": "4", "birth_on_year": "1986"},
        "activity": HOUSE,
        "money": MONEY,
    }
    for name, typed in pages.items():
        page = browser.get(f"/requests/{request_id}/{name}/")
        assert page.status_code == 200
        answer = browser.post(f"/requests/{request_id}/{name}/", typed)
        assert answer.status_code == 302, words(answer)[:6000]
    page = words(browser.get(f"/requests/{request_id}/lenders/"))
    assert "Comparar con Caja Qori" in page
    assert "checked" not in page
    refused = browser.post(f"/requests/{request_id}/lenders/", {"automated": "on"})
    assert refused.status_code == 422
    sent = {"automated": "on", **{f"lender_{one.pk}": "on" for one in lenders}}
    assert browser.post(f"/requests/{request_id}/lenders/", sent).status_code == 302
    assert "Comparamos tus respuestas" in words(browser.get(f"/requests/{request_id}/"))
    with person_scope(None):
        assert answer_market_requests(institution_id=platform.pk) == 1
    page = words(browser.get(f"/requests/{request_id}/"))
    assert "2 entidades pueden prestarte" in page
    assert page.index("1. Edpyme Wayra") < page.index("2. Caja Qori")
    with person_scope(browser.user.pk):
        [first, _second] = MarketOffer.objects.order_by("rank")
    cuotas = words(browser.get(f"/requests/{request_id}/offers/{first.pk}/"))
    assert f"{first.installment:,.2f}" in cuotas
    chosen = browser.post(f"/requests/{request_id}/offers/{first.pk}/choose/")
    assert chosen["Location"].startswith("/i/wayra/apply/")
    assert browser.get(chosen["Location"], follow=True).status_code == 200
    with institution_scope(lenders[1].pk):
        application = Application.objects.get()
        assert application.amount == Decimal(3000)
    assert "Elegiste Edpyme Wayra" in words(browser.get(f"/requests/{request_id}/"))


def test_somebody_elses_request_is_not_found(lenders, client_as_person):
    other = UserFactory()
    with person_scope(other.pk):
        request = MarketRequest.objects.create(user_id=other.pk, segment="household")
    assert client_as_person.get(f"/requests/{request.pk}/").status_code == 404
    assert client_as_person.post(f"/requests/{request.pk}/forget/").status_code == 404
