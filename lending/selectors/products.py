"""What an institution lends, on which terms, and how it decides."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from lending.affordability import CapacityPolicy, StressPolicy
from lending.matching import MatchingPolicy, ProductAmortization, ProductTerms
from lending.models import CatalogueOffer, LendingPolicy, Parameter, ProductVersion
from lending.parameters import MORATORY_SHARE, parameter
from lending.policy import DecisionPolicy
from lending.schedules import InsuranceBase


def published_products(on: date | None = None) -> QuerySet[ProductVersion]:
    """The versions on offer now or, with `on`, on that day: one for each product at most."""
    versions = ProductVersion.objects.select_related("product").order_by("product__name")
    if on is None:
        return versions.filter(status=ProductVersion.Status.PUBLISHED)
    return versions.filter(published_on__lte=on).exclude(withdrawn_on__lte=on)


def product_terms(version: ProductVersion) -> ProductTerms:
    """The terms as matching and the simulator take them; `product_id` is the version's key."""
    return _terms(version, version.institution_id, version.product.name, version.product.segment)


def catalogue_terms(offer: CatalogueOffer) -> ProductTerms:
    """The same of published terms in the catalogue."""
    return _terms(offer, offer.lender_id, offer.name, offer.segment)


def _terms(version: ProductVersion | CatalogueOffer, institution_id: int, name: str, segment: str) -> ProductTerms:
    return ProductTerms(
        product_id=version.pk,
        institution_id=institution_id,
        name=name,
        segment=segment,
        amount_min=version.amount_min,
        amount_max=version.amount_max,
        term_min=version.term_min,
        term_max=version.term_max,
        tea_min=version.tea_min,
        tea_max=version.tea_max,
        amortization=ProductAmortization(version.amortization),
        insurance_monthly_rate=version.insurance_monthly_rate,
        insurance_base=InsuranceBase(version.insurance_base),
        fee_upfront=version.fee_upfront,
        down_payment_min=version.down_payment_min,
        disbursement_days=version.disbursement_days,
        regions=frozenset(version.regions),
        sectors=frozenset(version.sectors),
        crops=frozenset(version.crops),
        score_min=version.score_min,
        age_min=version.age_min,
        age_max=version.age_max,
        activity_months_min=version.activity_months_min,
        creditors_max=version.creditors_max,
    )


def usury_cap(on: date, currency: str = "PEN") -> Parameter | None:
    """The legal limit of TEA in force on a day; None while it is not loaded, which blocks every new offer."""
    return parameter(Parameter.Code.USURY_CAP_TEA, on, currency)


def moratory_cap(on: date, currency: str = "PEN") -> Decimal | None:
    """The highest legal moratory TEA on a day: as published, or its share of the usury cap; None without either."""
    published = parameter(Parameter.Code.MORATORY_CAP_TEA, on, currency)
    if published:
        return published.value
    cap = usury_cap(on, currency)
    return cap.value * MORATORY_SHARE if cap else None


def policy_in_force() -> LendingPolicy:
    """The institution's newest policy; the product's defaults, unsaved, before it has one."""
    return LendingPolicy.objects.order_by("-number").first() or LendingPolicy(number=0)


def stress_policy(policy: LendingPolicy | CatalogueOffer) -> StressPolicy:
    return StressPolicy(sales_drop=policy.income_stress, income_drop=policy.income_stress)


def matching_policy(policy: LendingPolicy, cap: Parameter | None) -> MatchingPolicy:
    return MatchingPolicy(
        usury_cap=cap.value if cap else None,
        capacity=capacity_policy(policy),
        return_bound=policy.return_bound,
    )


def capacity_policy(policy: LendingPolicy | CatalogueOffer) -> CapacityPolicy:
    return CapacityPolicy(policy.installment_to_surplus, policy.installment_to_stressed, policy.installments_to_income)


def decision_policy(policy: LendingPolicy) -> DecisionPolicy:
    return DecisionPolicy(
        approve_from=policy.approve_from,
        decline_below=policy.decline_below,
        pd_max=policy.pd_max,
        automatic_limit=Decimal(policy.automatic_limit),
        creditors_max=policy.creditors_max,
    )


def activity_months(segment: str, facts: Mapping[str, Any]) -> int | None:
    """How long the person has worked at what pays the loan, in months; None where unanswered."""
    if segment == "farm":
        years = facts.get("farming_years")
        return None if years is None else int(years) * 12
    months = facts.get("employment_months" if segment == "household" else "business_months")
    return None if months is None else int(months)
