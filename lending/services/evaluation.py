"""From facts and a score to what they allow: affordability, products, prices and a recommendation.

Reads the institution's terms and policy once for a whole batch; the rest is arithmetic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from uuid import UUID

from accounts.clock import today
from lending import facts as declared_facts
from lending.affordability import Affordability, assess
from lending.identity import age_on
from lending.matching import (
    ApplicantProfile,
    Match,
    MatchingPolicy,
    ProductAmortization,
    ProductTerms,
    disbursement_day,
    loan_terms,
    match,
    own_part_reason,
    price,
)
from lending.matching.eligibility import eligibility
from lending.models import Application, LendingPolicy, MatchingTrial, Offer, ProductVersion
from lending.policy import Outcome, Recommendation, decide
from lending.reasons import BLOCK, INFO, VERIFY, Reason
from lending.schedules import Schedule, build_schedule
from lending.selectors.products import (
    activity_months,
    decision_policy,
    matching_policy,
    product_terms,
    published_products,
    stress_policy,
    usury_cap,
)
from scoring.arms import BUCKETS, bucket

# Rules of prudence; all other rules say whom a product is for, or come from the law.
PERSON_MAY_OVERRULE: Final = frozenset({"score_low", "activity_short", "creditors_many", "harvest_out_of_term"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What an institution lends and how it decides, as of one day."""

    on: date
    policy: LendingPolicy
    versions: Mapping[UUID, ProductVersion]
    products: Sequence[ProductTerms]
    matching: MatchingPolicy
    trial: MatchingTrial | None = None

    def in_trial(self, application_id: UUID) -> bool:
        """Whether the trial's rule ranks this application's offers: the same answer whenever it is asked."""
        return self.trial is not None and bucket(application_id, self.trial.pk) < self.trial.share * BUCKETS

    def matching_for(self, application_id: UUID) -> MatchingPolicy:
        """The policy's rules, or the trial's."""
        if self.trial is None or not self.in_trial(application_id):
            return self.matching
        return replace(self.matching, return_bound=self.trial.return_bound)


@dataclass(frozen=True, slots=True)
class Risk:
    """A score as the lending floor needs it: the stored row, the points and the probability of default."""

    score_id: UUID
    score: int
    pd: Decimal


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was worked out for one application; nothing here is stored yet."""

    risk: Risk | None
    affordability: Affordability
    matches: Sequence[Match]
    recommendation: Recommendation


def terms_in_force(policy: LendingPolicy) -> Terms:
    """Published products, prices and limits of today, for the institution in scope."""
    on = today()
    versions = {version.pk: version for version in published_products(on)}
    return Terms(
        on=on,
        policy=policy,
        versions=versions,
        products=[product_terms(version) for version in versions.values()],
        matching=matching_policy(policy, usury_cap(on)),
        trial=MatchingTrial.objects.filter(ended_at=None).first(),
    )


def known_facts(application: Application) -> tuple[dict[str, Any], dict[str, Any]]:
    """Declared facts, and those an officer verified."""
    declared = declared_facts.from_json(application.facts or {})
    return declared, declared_facts.from_json(application.verified_facts)


def evaluate(application: Application, risk: Risk | None, terms: Terms, *, automated: bool = True) -> Evaluation:
    """Affordability, an answer for every product, and the policy's recommendation.

    `automated` is False for a person who did not agree to be scored: a person will assess them.
    """
    declared, verified = known_facts(application)
    affordability = assess(application.segment, declared, verified, stress_policy(terms.policy))
    matches = match(_profile(application, {**declared, **verified}, affordability, risk, terms.on), terms.products,
                    terms.matching_for(application.pk))  # fmt: skip
    creditors = {**declared, **verified}.get("creditors")
    recommendation = decide(
        risk.pd if risk else None,
        risk.score if risk else None,
        matches,
        affordability,
        decision_policy(terms.policy),
        creditors=creditors,
    )
    if not automated:
        others = [reason for reason in recommendation.reasons if reason.code != "score_missing"]
        recommendation = Recommendation(Outcome.REFER, (Reason("automated_refused", INFO), *others))
    return Evaluation(risk, affordability, matches, recommendation)


def unknown_case() -> Recommendation:
    """The recommendation for a case that could not be worked out: a person looks."""
    return Recommendation(Outcome.REFER, (Reason("could_not_assess", VERIFY),))


def offers_on_request(
    application: Application, risk: Risk | None, terms: Terms, amount: Decimal, months: int
) -> list[Offer]:
    """Offers for an amount and a term a person approved, at today's prices, the cheapest first; unsaved.

    A person may go beyond what the program found affordable or safe, never beyond a product's own range, the
    people it is made for, or the legal cap.
    """
    declared, verified = known_facts(application)
    facts = {**declared, **verified}
    affordability = assess(application.segment, declared, verified, stress_policy(terms.policy))
    asked = replace(_profile(application, facts, affordability, risk, terms.on), amount=amount, term_months=months)
    carried = []
    for product in terms.products:
        blocks = {reason.code for reason in eligibility(asked, product, terms.matching) if reason.tone == BLOCK}
        in_range = amount <= product.amount_max and product.term_min <= months <= product.term_max
        if blocks - PERSON_MAY_OVERRULE or not in_range:
            continue
        tea = price(risk.pd if risk else None, product, terms.matching)
        disbursed_on = disbursement_day(product, terms.on)
        schedule = build_schedule(
            loan_terms(product, amount=amount, term_months=months, tea=tea, disbursed_on=disbursed_on)
        )
        carried.append((schedule.totals.cost, str(product.product_id), schedule, product))
    offers = []
    for rank, (_cost, _key, schedule, product) in enumerate(sorted(carried, key=lambda row: row[:2]), start=1):
        reasons = []
        share = affordability.share_of_surplus(schedule.installment)
        if share is not None and product.amortization is ProductAmortization.EQUAL_INSTALLMENTS:
            percent = int((share * 100).to_integral_value(ROUND_HALF_UP))
            reasons.append(Reason("installment_share", INFO, {"share": percent}))
        if product.down_payment_min:
            reasons.append(own_part_reason(product, amount))
        offer = offer_of(schedule, months=months, rank=rank, reasons=reasons, terms=terms)
        offer.product_version = terms.versions[product.product_id]
        offers.append(offer)
    return offers


def offer_of(schedule: Schedule, *, months: int, rank: int, reasons: Sequence[Reason], terms: Terms) -> Offer:
    """An offer with the figures of its schedule; the caller sets whose it is and saves."""
    return Offer(
        rank=rank,
        amount=schedule.terms.principal,
        net_disbursed=schedule.totals.received,
        term_months=months,
        installments=len(schedule.rows),
        installment=schedule.installment,
        total=schedule.totals.total,
        total_interest=schedule.totals.interest,
        total_insurance=schedule.totals.insurance,
        tea=schedule.tea,
        tcea=schedule.tcea,
        first_due_on=schedule.rows[0].due_on,
        disbursement_on=schedule.terms.disbursed_on,
        reasons=[reason.as_json() for reason in reasons],
        valid_until=terms.on + timedelta(days=terms.policy.offer_days),
    )


def _profile(
    application: Application,
    facts: Mapping[str, Any],
    affordability: Affordability,
    risk: Risk | None,
    on: date,
) -> ApplicantProfile:
    applicant = application.applicant
    assert application.amount is not None  # nothing is submitted without
    assert application.term_months is not None
    return ApplicantProfile(
        segment=application.segment,
        amount=application.amount,
        term_months=application.term_months,
        on=on,
        affordability=affordability,
        score=risk.score if risk else None,
        pd=risk.pd if risk else None,
        region=facts.get("region"),
        age=age_on(applicant.birth_on, on) if applicant else None,
        sector=facts.get("sector"),
        crop=facts.get("crop"),
        activity_months=activity_months(application.segment, facts),
        creditors=facts.get("creditors"),
        harvest_month=facts.get("harvest_month"),
    )
