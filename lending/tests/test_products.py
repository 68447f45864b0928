import json
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import Error, transaction

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, Institution
from accounts.tenancy.scope import institution_scope
from lending.models import LendingPolicy, Parameter, Product, ProductVersion
from lending.parameters import end_of_period, legal_values, parameter
from lending.selectors.products import policy_in_force, published_products, usury_cap
from lending.services.products import (
    create_product,
    publish_product,
    save_policy,
    save_product_terms,
    withdraw_product,
)
from lending.tests.factories import set_usury_cap

TERMS = {
    "summary": "Para lo que necesites",
    "amount_min": Decimal(500),
    "amount_max": Decimal(10000),
    "term_min": 3,
    "term_max": 24,
    "tea_min": Decimal("0.30"),
    "tea_max": Decimal("0.80"),
    "amortization": "equal_installments",
}


def last_entry():

    entry = AuditEntry.objects.latest("at_us")
    return entry.event, json.loads(entry.body)["facts"]


@pytest.fixture
def product(institution, manager):
    return create_product(actor=manager, name="Crédito Familiar", segment="household")


@pytest.fixture
def draft(product, manager):
    return save_product_terms(product_id=product.pk, actor=manager, **TERMS)


def test_a_product_has_a_code_of_its_own(product, manager):
    assert product.code == "credito-familiar"
    assert last_entry()[0] == "lending.product.created"
    with pytest.raises(InvalidInput) as refusal:
        create_product(actor=manager, name="Credito  familiar", segment="farm")
    assert list(refusal.value.fields) == ["code"]


@pytest.mark.parametrize("word", [{"name": " "}, {"name": "x" * 90}, {"segment": "boat"}])
def test_a_nameless_product_is_refused(institution, manager, word):
    with pytest.raises(InvalidInput):
        create_product(actor=manager, **{"name": "Algo", "segment": "farm", **word})


def test_saving_terms_keeps_one_draft_and_says_what_changed(draft, product, manager):
    assert (draft.number, draft.status) == (1, "draft")
    again = save_product_terms(product_id=product.pk, actor=manager, tea_max=Decimal("0.75"))
    assert again.pk == draft.pk
    event, facts = last_entry()
    assert event == "lending.product.terms_saved"
    assert facts["changed"] == {"tea_max": {"from": "0.80000000", "to": "0.75"}}


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"amount_max": Decimal(100)}, "amount_max"),
        ({"amount_min": Decimal(0)}, "amount_min"),
        ({"term_max": 1}, "term_max"),
        ({"tea_max": Decimal("0.10")}, "tea_max"),
        ({"tea_min": Decimal("-0.1")}, "tea_min"),
        ({"regions": ["99"]}, "regions"),
        ({"crops": ["gold"]}, "crops"),
        ({"score_min": 900}, "score_min"),
        ({"term_max": 361}, "term_max"),
        ({"term_max": 121, "amortization": "bullet"}, "term_max"),
        ({"fee_upfront": Decimal(400)}, "fee_upfront"),
        ({"disbursement_days": 91}, "disbursement_days"),
        ({"age_min": 12}, "age_min"),
        ({"insurance_monthly_rate": Decimal("0.5")}, "insurance_monthly_rate"),
        ({"amortization": "whenever"}, "amortization"),
        ({"prepayment_fee": 10}, "prepayment_fee"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_field(product, manager, terms, field):
    with pytest.raises(InvalidInput) as refusal:
        save_product_terms(product_id=product.pk, actor=manager, **{**TERMS, **terms})
    assert field in refusal.value.fields


def test_publishing_needs_the_legal_cap_of_the_day(draft, manager):
    with pytest.raises(InvalidInput) as refusal:
        publish_product(version_id=draft.pk, actor=manager)
    assert refusal.value.code == "cannot_publish"
    assert "tasa máxima" in str(refusal.value.message)
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_publishing_above_the_cap_is_refused_with_both_rates(draft, manager):
    set_usury_cap("0.7999")
    with pytest.raises(InvalidInput) as refusal:
        publish_product(version_id=draft.pk, actor=manager)
    assert "80.00%" in str(refusal.value.message)
    assert "79.99%" in str(refusal.value.message)


def test_publishing_offers_it_from_today(draft, manager, cap):
    published = publish_product(version_id=draft.pk, actor=manager)
    assert (published.status, published.published_on) == ("published", today())
    assert list(published_products()) == [published]
    assert list(published_products(today() - timedelta(days=1))) == []
    assert last_entry()[0] == "lending.product.published"
    publish_product(version_id=draft.pk, actor=manager)
    assert AuditEntry.objects.filter(event="lending.product.published").count() == 1


def test_new_terms_take_the_place_of_the_old_ones(draft, product, manager, cap):
    publish_product(version_id=draft.pk, actor=manager)
    newer = save_product_terms(product_id=product.pk, actor=manager, tea_max=Decimal("0.70"))
    assert (newer.number, newer.amount_max) == (2, Decimal(10000))
    publish_product(version_id=newer.pk, actor=manager)

    assert [version.number for version in published_products()] == [2]
    _event, facts = last_entry()
    assert facts["changed"] == {"tea_max": {"from": "0.80000000", "to": "0.70000000"}}
    assert facts["replaces"] == str(draft.pk)
    with pytest.raises(InvalidState):
        publish_product(version_id=draft.pk, actor=manager)


def test_terms_change_from_the_day_they_are_published(draft, product, manager, cap):
    publish_product(version_id=draft.pk, actor=manager, on=today() - timedelta(days=10))
    newer = save_product_terms(product_id=product.pk, actor=manager, tea_max=Decimal("0.70"))
    publish_product(version_id=newer.pk, actor=manager)
    assert [version.number for version in published_products(today() - timedelta(days=1))] == [1]
    assert [version.number for version in published_products(today())] == [2]


def test_nothing_is_published_for_a_day_to_come(draft, manager, cap):
    with pytest.raises(InvalidInput):
        publish_product(version_id=draft.pk, actor=manager, on=today() + timedelta(days=1))


def test_only_a_cooperative_may_charge_affiliation(draft, product, manager, institution, cap):
    save_product_terms(product_id=product.pk, actor=manager, fee_upfront=Decimal(90))
    with pytest.raises(InvalidInput) as refusal:
        publish_product(version_id=draft.pk, actor=manager)
    assert "prohibido" in str(refusal.value.message)
    Institution.objects.filter(pk=institution.pk).update(kind="coopac")
    assert publish_product(version_id=draft.pk, actor=manager).status == "published"


def test_withdrawing_ends_it(draft, product, manager, cap):
    publish_product(version_id=draft.pk, actor=manager)
    for _ in range(2):
        withdraw_product(product_id=product.pk, actor=manager)
    assert not published_products().exists()
    assert AuditEntry.objects.filter(event="lending.product.withdrawn").count() == 1


@pytest.mark.parametrize("role", ["officer", "approver", "auditor", "applicant"])
def test_only_managers_touch_products_and_policy(draft, product, actor_as, role):
    actor = actor_as(role)
    for act in (
        lambda: create_product(actor=actor, name="Otro", segment="farm"),
        lambda: save_product_terms(product_id=product.pk, actor=actor, **TERMS),
        lambda: publish_product(version_id=draft.pk, actor=actor),
        lambda: withdraw_product(product_id=product.pk, actor=actor),
        lambda: save_policy(actor=actor, approve_from=700),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_another_institutions_product_is_not_found(draft, product, other_institution, actor_as):
    theirs = actor_as("manager", at=other_institution)
    with institution_scope(other_institution.pk):
        for act in (
            lambda: save_product_terms(product_id=product.pk, actor=theirs, **TERMS),
            lambda: publish_product(version_id=draft.pk, actor=theirs),
            lambda: withdraw_product(product_id=product.pk, actor=theirs),
        ):
            with pytest.raises(NotFound):
                act()
    assert Product.objects.count() == ProductVersion.objects.count() == 1


# --- policy -------------------------------------------------------------------------------------------------------


def test_a_policy_is_a_new_version_that_says_what_changed(institution, manager):
    first = save_policy(actor=manager, approve_from=660)
    second = save_policy(actor=manager, pd_max=Decimal("0.2"))
    assert (first.number, second.number) == (1, 2)
    assert (policy_in_force().approve_from, policy_in_force().pd_max) == (660, Decimal("0.2"))
    assert last_entry() == (
        "lending.policy.saved",
        {"number": 2, "changed": {"pd_max": {"from": "0.25000000", "to": "0.2"}}},
    )
    save_policy(actor=manager, approve_from=660)
    assert LendingPolicy.objects.count() == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"approve_from": 500, "decline_below": 600}, "decline_below"),
        ({"pd_max": Decimal(2)}, "pd_max"),
        ({"approve_from": 900}, "approve_from"),
        ({"offer_days": 0}, "offer_days"),
        ({"decision_hours": None}, "decision_hours"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(institution, manager, values, field):
    with pytest.raises(InvalidInput) as refusal:
        save_policy(actor=manager, **values)
    assert list(refusal.value.fields) == [field]


# --- the law ------------------------------------------------------------------------------------------------------


def test_the_published_caps_are_loaded_with_their_norm(db):

    assert usury_cap(date(2026, 10, 31)).value == Decimal("1.1413")
    assert usury_cap(date(2025, 4, 30)).value == Decimal("1.1298")
    assert usury_cap(date(2026, 5, 1), "USD").value == Decimal("0.9984")
    assert usury_cap(date(2026, 11, 1)) is None
    assert usury_cap(date(2021, 4, 30)) is None
    assert all(row.norm for row in Parameter.objects.all())


def test_every_period_ends_where_the_next_begins(db):
    caps = sorted((row["valid_from"], row["valid_to"]) for row in legal_values()
                  if row["code"] == "usury_cap_tea" and row["currency"] == "PEN")  # fmt: skip
    assert all(end + timedelta(days=1) == start for (_, end), (start, _) in pairwise(caps))
    assert all(end == end_of_period(start) for start, end in caps)


def test_the_moratory_cap_is_fifteen_percent_of_it(db):

    day = date(2026, 6, 1)
    assert parameter("moratory_cap_tea", day).value == usury_cap(day).value * Decimal("0.15")


def test_the_database_keeps_published_versions_one_to_a_product(draft, product, manager, cap):
    publish_product(version_id=draft.pk, actor=manager)
    with pytest.raises(Error, match="one_published_version"), transaction.atomic():
        ProductVersion.objects.create(product=product, number=2, status="published", **TERMS)
