"""The pages anybody may read: landing, simulator, prices and rights."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.clock import today
from accounts.formats import format_money, format_percent
from accounts.tenancy.scope import institution_scope
from lending.matching import loan_terms
from lending.models import Parameter, ProductVersion
from lending.schedules import build_schedule
from lending.selectors.products import product_terms
from lending.tests.factories import ProductFactory, ProductVersionFactory

PAGES = ("landing", "tariff", "complaints", "data_use", "score_explained")


def text_of(response) -> str:
    """What a reader sees, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


@pytest.fixture
def landing(institution) -> str:
    return reverse("lending:landing", args=[institution.slug])


@pytest.mark.parametrize("name", PAGES)
def test_pages_open_without_an_account(name, institution, products, anonymous_client):
    response = anonymous_client.get(reverse(f"lending:{name}", args=[institution.slug]))
    assert response.status_code == 200
    assert institution.name in response.content.decode()


@pytest.mark.parametrize("name", PAGES)
def test_pages_open_before_anything_is_published(name, institution, anonymous_client):
    Parameter.objects.all().delete()
    assert anonymous_client.get(reverse(f"lending:{name}", args=[institution.slug])).status_code == 200


def test_landing_links_complaints_book_tariff_and_rights(landing, institution, products, anonymous_client):
    page = anonymous_client.get(landing).content.decode()
    for name in ("complaints", "tariff", "data_use", "score_explained"):
        assert f'href="{reverse(f"lending:{name}", args=[institution.slug])}"' in page


def test_the_simulator_agrees_to_the_cent_with_the_contract(landing, products, anonymous_client):
    version = products["enterprise"]
    page = text_of(anonymous_client.get(landing, {"segment": "enterprise", "amount": "3000", "term_months": "12"}))
    contract = build_schedule(
        loan_terms(
            product_terms(version),
            amount=Decimal(3000),
            term_months=12,
            tea=version.tea_max,
            disbursed_on=today() + timedelta(days=version.disbursement_days),
        )
    )
    for figure in (contract.installment, contract.totals.interest, contract.totals.insurance, contract.totals.total):
        assert format_money(figure) in page
    assert format_percent(contract.tcea) in page
    for row in contract.rows:
        assert f"{row.outstanding:,.2f}" in page


def test_the_simulator_swaps_its_answer_alone(institution, products, anonymous_client):
    address = reverse("lending:simulator", args=[institution.slug])
    asked = {"segment": "farm", "amount": "2000", "term_months": "9"}
    response = anonymous_client.get(address, asked, headers={"HX-Request": "true"})
    page = response.content.decode()
    assert "<html" not in page
    assert 'hx-swap-oob="true"' in page
    assert "Tu cuota cada mes" in page
    assert 'name="amount"' not in page  # somebody may be typing in it
    assert "segment=farm" in page
    assert "amount=2000" in page


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("300", "Prestamos de S/ 500 a S/ 15,000"),
        ("99999", "Prestamos de S/ 500 a S/ 15,000"),
        ("", "Escribe cuánto necesitas"),
        ("tres mil", "sin letras"),
        ("3.000", "¿Quieres decir 3000 o 3.00?"),
        ("-5", "no puede ser negativo"),
        ("NaN", "sin letras"),
        ("1" + "0" * 18, "demasiado grande"),
        ("😀", "debe ser un número"),
        ("9" * 5000, "demasiado largo"),
    ],
)
def test_an_amount_that_cannot_be_lent_is_explained(landing, products, anonymous_client, typed, told):
    response = anonymous_client.get(landing, {"segment": "household", "amount": typed, "term_months": "12"})
    assert response.status_code == 200
    page = text_of(response)
    assert told in page
    assert page.startswith("Error: ")
    assert "Solicitar este crédito" not in page


def test_a_product_asked_for_by_name_explains_its_own_range(landing, products, anonymous_client):
    product = products["household"].product
    page = text_of(anonymous_client.get(landing, {"product": product.code, "amount": "90000"}))
    assert f"{product.name} presta de S/ 500 a S/ 15,000" in page


@pytest.mark.parametrize("asked", [{"term_months": "600"}, {"term_months": "x"}, {"segment": "x"}, {"product": "x"}])
def test_tampered_choices_fall_back_to_what_is_on_offer(landing, products, anonymous_client, asked):
    response = anonymous_client.get(landing, {"amount": "3000", **asked})
    assert response.status_code == 200
    assert "Tu cuota cada mes" in response.content.decode()


def test_a_product_that_lends_the_amount_answers(landing, institution, products, anonymous_client):
    larger = ProductFactory(institution=institution, segment="household", code="grande", name="Casa Grande")
    ProductVersionFactory(
        institution=institution, product=larger, amount_min=Decimal(20000), amount_max=Decimal(60000), term_max=60
    )
    page = text_of(anonymous_client.get(landing, {"segment": "household", "amount": "30000", "term_months": "36"}))
    assert "Casa Grande a su tasa más alta" in page
    assert "De S/ 500 a S/ 60,000" in page


@pytest.mark.parametrize("how", [ProductVersion.Amortization.BULLET, ProductVersion.Amortization.HARVEST])
def test_other_ways_of_paying_are_named(landing, institution, products, anonymous_client, how):
    ProductVersion.objects.filter(pk=products["farm"].pk).update(amortization=how)
    page = text_of(anonymous_client.get(landing, {"segment": "farm", "amount": "2000", "term_months": "9"}))
    assert ("Pagas una sola vez" if how == "bullet" else "Pagas a la cosecha") in page
    assert ("Antes, cada mes (solo interés)" in page) == (how == "harvest")


def test_without_a_legal_cap_nothing_is_simulated(landing, products, cap, anonymous_client):
    cap.delete()
    Parameter.objects.filter(code="usury_cap_tea").delete()
    page = text_of(anonymous_client.get(landing, {"amount": "3000"}))
    assert "no está cargada la tasa máxima legal" in page
    assert "Solicitar este crédito" not in page


def test_the_rate_shown_never_passes_the_legal_cap(landing, products, cap, anonymous_client):
    cap.value = Decimal("0.50")
    cap.save()
    assert "TEA 50.00%" in text_of(anonymous_client.get(landing, {"amount": "3000", "term_months": "12"}))


def test_drafts_and_other_institutions_products_are_not_shown(
    landing, institution, other_institution, products, anonymous_client
):
    ProductVersionFactory(institution=institution, status=ProductVersion.Status.DRAFT, summary="Todavía no")
    ProductVersionFactory(institution=other_institution, summary="De otra casa")
    page = anonymous_client.get(landing).content.decode()
    assert "Todavía no" not in page
    assert "De otra casa" not in page


def test_an_unknown_institution_is_not_found(products, anonymous_client):
    assert anonymous_client.get("/i/no-existe/").status_code == 404


def test_the_tariff_shows_every_charge(institution, products, anonymous_client):
    with institution_scope(institution.pk):
        ProductVersion.objects.filter(pk=products["farm"].pk).update(fee_upfront=Decimal(90))
    page = text_of(anonymous_client.get(reverse("lending:tariff", args=[institution.slug])))
    assert "25.00% – 60.00%" in page
    assert "S/ 90.00" in page
    assert "114.13%" in page
    assert "Ejemplo: S/ 7,500 a 12 meses" in page


def test_the_landing_asks_the_database_a_fixed_number_of_times(
    landing, institution, products, anonymous_client, django_assert_max_num_queries
):
    for _ in range(5):
        ProductVersionFactory(institution=institution)
    with django_assert_max_num_queries(12):
        anonymous_client.get(landing)


def test_a_first_visit_is_light(landing, products, anonymous_client):
    import gzip

    assert len(gzip.compress(anonymous_client.get(landing).content)) < 10_000
