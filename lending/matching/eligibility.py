"""Whether a product is open to a person at all, rule by rule."""

from collections.abc import Callable, Iterator
from typing import Final

from lending.matching.products import (
    ApplicantProfile,
    MatchingPolicy,
    ProductAmortization,
    ProductTerms,
    disbursement_day,
)
from lending.reasons import BLOCK, VERIFY, Reason

# Where nothing is worked out: a loan for others, one that nobody may be offered, and ages no advice mends.
NOT_THEIRS: Final = frozenset({"other_segment", "cap_missing", "rate_above_cap", "age_above"})
Rule = Callable[[ApplicantProfile, ProductTerms], Iterator[Reason]]


def eligibility(profile: ApplicantProfile, product: ProductTerms, policy: MatchingPolicy) -> list[Reason]:
    """What stands in the way (tone block) and what a person must still check (tone verify).

    Cheap rules only, so that a large catalogue is pruned before any amount is worked out. Another segment
    is the whole answer; everything else is told together.
    """
    if product.segment != profile.segment:
        return [Reason("other_segment", BLOCK, {"segment": product.segment})]
    reasons = list(_legal(product, policy))
    for rule in RULES:
        reasons.extend(rule(profile, product))
    return reasons


def _legal(product: ProductTerms, policy: MatchingPolicy) -> Iterator[Reason]:
    if policy.usury_cap is None:
        yield Reason("cap_missing", BLOCK)
    elif product.tea_min > policy.usury_cap:
        yield Reason("rate_above_cap", BLOCK, {"tea": product.tea_min, "cap": policy.usury_cap})


def _region(profile: ApplicantProfile, product: ProductTerms) -> Iterator[Reason]:
    yield from _one_of(profile.region, product.regions, "region", "regions")


def _sector(profile: ApplicantProfile, product: ProductTerms) -> Iterator[Reason]:
    yield from _one_of(profile.sector, product.sectors, "sector", "sectors")


def _crop(profile: ApplicantProfile, product: ProductTerms) -> Iterator[Reason]:
    yield from _one_of(profile.crop, product.crops, "crop", "crops")


def _one_of(value: str | None, served: frozenset[str], name: str, plural: str) -> Iterator[Reason]:
    if not served:
        return
    if value is None:
        yield Reason(f"verify_{name}", VERIFY)
    elif value not in served:
        yield Reason(f"{name}_not_served", BLOCK, {plural: sorted(served)})


def _amount(profile: ApplicantProfile, product: ProductTerms) -> Iterator[Reason]:
    if profile.amount < product.amount_min:
        yield Reason("amount_too_low", BLOCK, {"minimum_amount": product.amount_min, "asked": profile.amount})


def _score(profile: ApplicantProfile, product: ProductTerms) -> Iterator[Reason]:
    if profile.score is None:
        yield Reason("verify_score", VERIFY)
    elif profile.score < product.score_min:
        yield Reason(
            "score_low",
            BLOCK,
            {"minimum": product.score_min, "score": profile.score, "gap": product.score_min - profile.score},
        )


def _age(profile: ApplicantProfile, product: ProductTerms) -> Iterator[Reason]:
    """The age at the end is judged here for the shortest term; longer ones are left out of the grid."""
    if profile.age is None:
        yield Reason("verify_age", VERIFY)
    elif profile.age < product.age_min:
        yield Reason("age_below", BLOCK, {"minimum": product.age_min})
    elif longest_term_at_age(profile.age, product) < product.term_min:
        yield Reason("age_above", BLOCK, {"maximum": product.age_max})


def longest_term_at_age(age: int | None, product: ProductTerms) -> int:
    """Months until the product's highest age, as far as whole years of age can tell; never above its term."""
    if age is None:
        return product.term_max
    return min(product.term_max, (product.age_max - age) * 12)


def _activity(profile: ApplicantProfile, product: ProductTerms) -> Iterator[Reason]:
    if not product.activity_months_min:
        return
    if profile.activity_months is None:
        yield Reason("verify_activity", VERIFY)
    elif profile.activity_months < product.activity_months_min:
        yield Reason(
            "activity_short",
            BLOCK,
            {
                "minimum": product.activity_months_min,
                "months": profile.activity_months,
                "gap": product.activity_months_min - profile.activity_months,
            },
        )


def _creditors(profile: ApplicantProfile, product: ProductTerms) -> Iterator[Reason]:
    if product.creditors_max is None:
        return
    if profile.creditors is None:
        yield Reason("verify_creditors", VERIFY)
    elif profile.creditors > product.creditors_max:
        yield Reason(
            "creditors_many",
            BLOCK,
            {
                "maximum": product.creditors_max,
                "count": profile.creditors,
                "gap": profile.creditors - product.creditors_max,
            },
        )


def _harvest(profile: ApplicantProfile, product: ProductTerms) -> Iterator[Reason]:
    if product.amortization is not ProductAmortization.HARVEST:
        return
    if profile.harvest_month is None:
        yield Reason("verify_harvest", VERIFY)
    elif not harvest_terms(profile, product):
        yield Reason(
            "harvest_out_of_term",
            BLOCK,
            {"month": profile.harvest_month, "shortest": product.term_min, "longest": product.term_max},
        )


def harvest_terms(profile: ApplicantProfile, product: ProductTerms) -> list[int]:
    """Terms, in months, that end in the month of a coming harvest and lie in the product's range."""
    if profile.harvest_month is None:
        return []
    start = disbursement_day(product, profile.on).month
    first = (profile.harvest_month - start) % 12 or 12
    return [term for term in range(first, product.term_max + 1, 12) if term >= product.term_min]


RULES: tuple[Rule, ...] = (_region, _sector, _crop, _amount, _score, _age, _activity, _creditors, _harvest)
