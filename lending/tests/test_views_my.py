"""The applicant's answer: progress, offers, reasons, and what follows."""

import html
import re
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.actors import Actor
from accounts.formats import format_money, format_percent
from accounts.models import AuditEntry, Membership
from accounts.tenancy.scope import institution_scope
from lending.models import Application, LendingPolicy, Offer, Opportunity, ProductVersion, ReviewRequest
from lending.services.assessments import assess_waiting
from lending.services.decisions import decide_application, propose_decision
from lending.tests.factories import ProductVersionFactory, applicant_of, submitted

HX = {"HX-Request": "true"}


def body(response) -> str:
    return html.unescape(response.content.decode())


def text_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", body(response)).split())


@pytest.fixture
def person(institution) -> Actor:
    return applicant_of(institution)


@pytest.fixture
def phone(person, client_as):
    return client_as(person)


@pytest.fixture
def easy(institution) -> LendingPolicy:
    """A policy under which the program itself approves."""
    return LendingPolicy.objects.create(number=1, approve_from=301, decline_below=300, pd_max=Decimal("0.99"))


@pytest.fixture
def strict(institution) -> LendingPolicy:
    """A policy under which the program itself declines: no risk is small enough."""
    return LendingPolicy.objects.create(number=1, pd_max=Decimal(0))


@pytest.fixture
def careful(institution) -> LendingPolicy:
    """A policy under which a person looks at every case."""
    return LendingPolicy.objects.create(number=1, automatic_limit=Decimal(1))


def answered(institution, person: Actor, segment: str = "household", **changes) -> Application:
    application = submitted(institution, segment, actor=person, **changes)
    assess_waiting(institution_id=institution.pk)
    application.refresh_from_db()
    return application


def page_of(institution, application: Application, name: str = "my_application", *more) -> str:
    return reverse(f"lending:{name}", args=[institution.slug, application.pk, *more])


# --- waiting ----------------------------------------------------------------------------------------------------


def test_waiting_shows_progress_and_looks_again_by_itself(institution, ready, person, phone):
    application = submitted(institution, actor=person)
    page = body(phone.get(page_of(institution, application)))
    assert f'hx-get="{page_of(institution, application, "my_progress")}?seen=1"' in page
    assert 'hx-trigger="load delay:2s"' in page
    assert "Toca «Actualizar»" in page
    assert ">Actualizar</a>" in page


def test_looks_grow_rarer_and_stop_with_the_answer(institution, ready, easy, person, phone):
    application = submitted(institution, actor=person)
    progress = page_of(institution, application, "my_progress")
    delays = [
        re.search(r"load delay:(\d+)s", body(phone.get(progress, {"seen": seen}, headers=HX)))[1]
        for seen in ("1", "15", "30", "400", "x" * 90, "-1")
    ]
    assert delays == ["2", "4", "8", "30", "2", "2"]
    assert "no hace falta que esperes" in text_of(phone.get(progress, {"seen": "30"}, headers=HX)).lower()
    assess_waiting(institution_id=institution.pk)
    fragment = body(phone.get(progress, {"seen": "3"}, headers=HX))
    assert "hx-trigger" not in fragment
    assert "<html" not in fragment
    assert "<title>Tus opciones de crédito – Caja Qori</title>" in fragment
    assert "autofocus" in fragment


def test_progress_without_script_leads_to_the_page(institution, ready, person, phone):
    application = submitted(institution, actor=person)
    response = phone.get(page_of(institution, application, "my_progress"))
    assert response["Location"] == page_of(institution, application)


# --- offers -----------------------------------------------------------------------------------------------------


@pytest.fixture
def approved(institution, ready, easy, person) -> Application:
    """An approved application with three offers."""
    ProductVersionFactory(institution=institution, segment="household", fee_upfront=Decimal(90), disbursement_days=1)
    ProductVersionFactory(institution=institution, segment="household", tea_min=Decimal("0.45"), term_min=18)
    ProductVersionFactory(institution=institution, segment="household", amount_min=Decimal(9000))
    return answered(institution, person)


def test_offers_come_cheapest_first_with_their_four_figures(institution, approved, phone):
    page = text_of(phone.get(page_of(institution, approved)))
    offers = list(Offer.objects.filter(application=approved).order_by("rank"))
    assert len(offers) == 3
    places = []
    for offer in offers:
        card = f"{offer.product_version.product.name} Cuota fija"
        places.append(page.index(card))
        shown = page[page.index(card) :]
        for figure in (
            format_money(offer.net_disbursed),
            f"{format_money(offer.installment)} × {offer.installments}",
            format_percent(offer.tcea),
            format_money(offer.total),
        ):
            assert figure in shown
    assert places == sorted(places)
    assert page.count("Menor costo total") == 1
    assert f"Valen hasta el {offers[0].valid_until:%d/%m/%Y}" in page


@pytest.mark.parametrize("sort", ["cost", "payment", "speed", "nonsense"])
def test_offers_are_sorted_by_link(institution, approved, phone, sort):
    page = text_of(phone.get(page_of(institution, approved), {"sort": sort}))
    keys = {
        "payment": lambda one: (one.installment, one.rank),
        "speed": lambda one: (one.disbursement_on, one.rank),
    }
    offers = sorted(Offer.objects.filter(application=approved), key=keys.get(sort, lambda one: one.rank))
    places = [page.index(f". {offer.product_version.product.name}") for offer in offers]
    assert places == sorted(places)


def test_the_score_its_reasons_and_a_human_review_are_there(institution, approved, phone):
    page = text_of(phone.get(page_of(institution, approved)))
    score = approved.assessments.get().score
    assert f"{score.score} de 850" in page
    assert "Lo que más te ayudó" in page
    assert "Un programa calculó tu puntaje" in page
    assert "Pedir revisión de una persona" in page
    assert "1 crédito no calza con tu pedido" in page
    assert "S/ 9,000; tu pedido es de S/ 3,000" in page
    assert page.count("Otros créditos son para otro fin") == 1


def test_advice_names_an_action_and_its_effect(institution, ready, easy, person, phone):
    application = answered(
        institution, person, facts={"savings_balance": Decimal(0), "creditors": 3, "total_debt": Decimal(2000)}
    )
    page = text_of(phone.get(page_of(institution, application)))
    score = application.assessments.get().score
    advised = [one for one in score.reasons if one.get("action")]
    assert advised
    assert f"tu puntaje subiría cerca de {advised[0]['action']['points']} punto" in page


def test_all_reasons_add_up_and_the_data_are_shown(institution, approved, phone):
    page = text_of(phone.get(page_of(institution, approved, "my_reasons")))
    score = approved.assessments.get().score
    assert score.base_points + sum(one["points"] for one in score.reasons) == score.score
    assert str(score.base_points) in page
    assert "S/ 3,200.00 por mes" in page
    assert score.model.name in page


def test_the_schedule_agrees_with_the_offer_and_prints(institution, approved, phone):
    offer = Offer.objects.filter(application=approved).order_by("rank").first()
    page = body(phone.get(page_of(institution, approved, "my_offer", offer.pk)))
    assert page.count('<th scope="row">') == offer.installments + 1
    assert format_money(offer.total).replace(" ", "\u00a0") in page
    assert "data-print" in page


def test_choosing_withdraws_the_others_and_is_evidence(institution, approved, phone):
    offer = Offer.objects.filter(application=approved).order_by("rank").first()
    address = page_of(institution, approved, "my_choose", offer.pk)
    for _ in range(2):
        assert phone.post(address)["Location"] == page_of(institution, approved)
    statuses = list(Offer.objects.filter(application=approved).order_by("rank").values_list("status", flat=True))
    assert statuses == ["chosen", "withdrawn", "withdrawn"]
    assert AuditEntry.objects.filter(event="lending.offer.chosen").count() == 1
    page = text_of(phone.get(page_of(institution, approved)))
    assert "ya elegiste tu crédito" in page
    assert "Elegir " not in page


def test_choosing_an_expired_offer_says_so(institution, approved, phone):
    offer = Offer.objects.filter(application=approved).first()
    Offer.objects.filter(pk=offer.pk).update(status=Offer.Status.EXPIRED)
    response = phone.post(page_of(institution, approved, "my_choose", offer.pk))
    assert response.status_code == 409
    assert "Esta oferta venció" in body(response)


def test_an_offer_of_another_application_is_not_found(institution, approved, person, phone):
    other = answered(institution, applicant_of(institution))
    offer = Offer.objects.filter(application=other).first()
    for name in ("my_offer", "my_choose"):
        assert phone.post(page_of(institution, approved, name, offer.pk)).status_code in (404, 405)


@pytest.mark.parametrize("how", [ProductVersion.Amortization.HARVEST, ProductVersion.Amortization.BULLET])
def test_other_ways_of_paying_are_told_on_the_card(institution, ready, easy, products, person, phone, how):
    ProductVersion.objects.filter(pk=products["farm"].pk).update(amortization=how, age_max=99)
    application = answered(institution, person, "farm")
    offer = Offer.objects.filter(application=application).first()
    page = text_of(phone.get(page_of(institution, application)))
    assert f"{format_money(offer.installment)} × 1" in page
    assert ("Pagas a la cosecha" if how == "harvest" else "Pagas una vez, al final") in page
    assert ("Antes pagas solo interés" in page) == (how == "harvest")


# --- other answers ----------------------------------------------------------------------------------------------


def test_declined_uses_the_same_page_with_reasons_and_a_way_on(institution, ready, strict, person, phone):
    application = answered(institution, person, facts={"savings_balance": Decimal(0), "creditors": 3})
    assert application.status == "declined"
    page = text_of(phone.get(page_of(institution, application)))
    assert "por ahora no podemos ofrecerte este crédito" in page
    assert "El riesgo de atraso calculado pasa el límite de la entidad" in page
    assert "Lo que puede subir tu puntaje" in page
    assert "Pedir revisión de una persona" in page
    assert "Elegir " not in page


def test_where_nothing_fits_the_programmes_of_others_are_told(
    institution, other_institution, ready, strict, person, phone
):
    terms = {"segment": "household", "organiser": "Estado", "summary": "…", "valid_from": date(2026, 1, 1)}
    for lender, code in ((institution, "propia"), (other_institution, "ajena")):
        with institution_scope(lender.pk):
            Opportunity.objects.create(lender=lender, code=code, name=f"Programa {code}", **terms)
    with institution_scope(institution.pk):
        Opportunity.objects.create(lender=institution, code="lejos", name="Programa lejos", regions=["25"], **terms)
    application = answered(institution, person, amount=Decimal(90000))
    page = body(phone.get(reverse("lending:my_application", args=["qori", application.pk])))
    assert "Programa propia" in page
    assert "Programa ajena" not in page
    assert "Programa lejos" not in page


def test_asking_for_a_person_takes_one_click(institution, ready, strict, person, phone):
    application = answered(institution, person)
    for _ in range(2):
        assert phone.post(page_of(institution, application, "my_review")).status_code == 302
    review = ReviewRequest.objects.get()
    page = text_of(phone.get(page_of(institution, application)))
    assert "una persona está evaluando tu solicitud" in page
    assert f"te responde a más tardar el {review.due_on:%d/%m/%Y}" in page


def test_referred_says_until_when_and_shows_what_would_fit(institution, ready, careful, person, phone):
    application = answered(institution, person)
    page = text_of(phone.get(page_of(institution, application)))
    assert "una persona está evaluando tu solicitud" in page
    assert "Son referenciales" in page
    assert "Elegir " not in page
    assert "Tendrás la decisión a más tardar" in page


def test_a_persons_reasons_are_shown_when_they_declined(institution, ready, careful, person, phone, officer, approver):
    application = answered(institution, person)
    proposal = propose_decision(
        application_id=application.pk, actor=officer, outcome="decline", rationale="No se confirmó el ingreso.",
        reason_codes=["income_not_confirmed"],
    )  # fmt: skip
    decide_application(proposal_id=proposal.pk, actor=approver, agree=True, rationale="De acuerdo con el analista.")
    page = text_of(phone.get(page_of(institution, application)))
    assert "No pudimos confirmar tus ingresos. Guarda boletas" in page
    assert "Libro de reclamaciones" in page
    assert "Pedir revisión de una persona" not in page


def test_refusing_the_program_leaves_no_score(institution, ready, person, phone):
    application = answered(institution, person, consents={"automated": False})
    page = text_of(phone.get(page_of(institution, application)))
    assert "Pediste que no te evalúe un programa" in page
    assert "de 850" not in page


def test_withdrawing_asks_once(institution, approved, phone):
    address = page_of(institution, approved, "my_withdraw")
    assert "¿Retirar la solicitud" in body(phone.get(address))
    assert phone.post(address).status_code == 302
    assert "Retiraste esta solicitud" in text_of(phone.get(page_of(institution, approved)))


# --- whose ------------------------------------------------------------------------------------------------------

GETS = ("my_application", "my_progress", "my_reasons", "my_withdraw")
POSTS = ("my_review", "my_withdraw")


@pytest.mark.parametrize("who", ["applicant", "officer", "auditor", "cashier"])
def test_an_answer_is_its_owners_alone(institution, approved, client_as, who):
    stranger = client_as(who)
    offer = Offer.objects.filter(application=approved).first()
    for name in GETS:
        assert stranger.get(page_of(institution, approved, name), headers=HX).status_code == 404
    for name in POSTS:
        assert stranger.post(page_of(institution, approved, name)).status_code == 404
    assert stranger.get(page_of(institution, approved, "my_offer", offer.pk)).status_code == 404
    assert stranger.post(page_of(institution, approved, "my_choose", offer.pk)).status_code == 404


def test_another_institution_knows_nothing_of_it(institution, other_institution, approved, phone):
    for name in GETS:
        assert phone.get(page_of(other_institution, approved, name), headers=HX).status_code == 404


def test_an_anonymous_visitor_is_asked_to_sign_in(institution, approved, anonymous_client):
    for name in GETS:
        assert anonymous_client.get(page_of(institution, approved, name)).status_code == 302


def test_the_list_shows_ones_own(institution, approved, person, phone):
    answered(institution, applicant_of(institution))
    page = text_of(phone.get(reverse("lending:my_home", args=[institution.slug])))
    assert f"QT-{approved.number}" in page
    assert page.count("QT-") == page.count(f"QT-{approved.number}")
    assert Membership.objects.filter(user_id=person.user_id).exists()


def test_somebody_without_applications_is_shown_the_way(institution, client_as):
    page = text_of(client_as("applicant").get(reverse("lending:my_home", args=[institution.slug])))
    assert "Todavía no tienes solicitudes aquí" in page


def test_the_answer_asks_the_database_a_fixed_number_of_times(
    institution, approved, phone, django_assert_max_num_queries
):
    with django_assert_max_num_queries(19):
        phone.get(page_of(institution, approved))
    with django_assert_max_num_queries(14):
        phone.get(reverse("lending:my_home", args=[institution.slug]))
