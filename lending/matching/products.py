"""What is matched to whom: a product's terms, a person's profile, the institution's policy, the price."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, Final

from lending.affordability import Affordability, CapacityPolicy
from lending.money import ZERO, least_own_part
from lending.reasons import BLOCK, INFO, Reason
from lending.schedules import Amortization, Fee, FeeWhen, Insurance, InsuranceBase, LoanTerms

LARGEST_RETURN_BOUND: Final = Decimal("0.05")
TEA_STEP: Final = Decimal("0.0001")  # offered rates are whole hundredths of a percent: 36.90 %


class ProductAmortization(StrEnum):
    """How a product is paid back."""

    EQUAL_INSTALLMENTS = "equal_installments"
    BULLET = "bullet"  # one payment, at the end
    HARVEST = "harvest"  # interest each month, principal when the crop is sold


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductTerms:
    """The published terms of one product. Rates are fractions, money is soles; empty sets mean everyone."""

    product_id: Any
    name: str
    segment: str
    amount_min: Decimal
    amount_max: Decimal
    term_min: int  # months
    term_max: int
    tea_min: Decimal
    tea_max: Decimal
    amortization: ProductAmortization = ProductAmortization.EQUAL_INSTALLMENTS
    insurance_monthly_rate: Decimal = ZERO
    insurance_base: InsuranceBase = InsuranceBase.OPENING_BALANCE
    fee_upfront: Decimal = ZERO  # kept back at disbursement
    down_payment_min: Decimal = ZERO  # share of the price that the buyer pays; amounts are what is lent beside it
    disbursement_days: int = 2
    regions: frozenset[str] = frozenset()
    sectors: frozenset[str] = frozenset()
    crops: frozenset[str] = frozenset()
    score_min: int = 300
    age_min: int = 18
    age_max: int = 75  # years of age when the last installment falls due
    activity_months_min: int = 0
    creditors_max: int | None = None
    amount_step: Decimal = Decimal(100)  # smaller amounts are tried on this grid
    institution_id: Any = None  # for offers of several institutions side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicantProfile:
    """What matching knows of a person; None is unanswered, and is left for a person to verify."""

    segment: str
    amount: Decimal
    term_months: int
    on: date  # the business day of the answer; disbursement is counted from it
    affordability: Affordability
    score: int | None = None
    pd: Decimal | None = None
    region: str | None = None
    age: int | None = None
    sector: str | None = None
    crop: str | None = None
    activity_months: int | None = None
    creditors: int | None = None
    harvest_month: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingPolicy:
    """How an institution prices and bounds its offers. Yearly fractions of the amount lent.

    The price is the rate at which a loan pays its costs after expected losses, the borrower's own risk
    included: (1 + funding + operating + margin) / (1 - pd x loss given default) - 1, rounded to a hundredth
    of a percent, inside the product's range and under the legal cap. A higher pd never lowers it.
    """

    usury_cap: Decimal | None  # the legal limit of TEA on the day; None blocks every offer
    funding: Decimal = Decimal("0.09")
    operating: Decimal = Decimal("0.15")
    margin: Decimal = Decimal("0.05")
    loss_given_default: Decimal = Decimal("0.60")
    capacity: CapacityPolicy = field(default_factory=CapacityPolicy)
    return_bound: Decimal = ZERO  # how much dearer an offer may be and yet go first for what it returns
    good_share: Decimal = Decimal("0.40")  # an installment up to this share of the surplus is good news


def price(pd: Decimal | None, product: ProductTerms, policy: MatchingPolicy) -> Decimal:
    """TEA of a product for someone's probability of default; an unknown one costs the most.

    Raises ValueError when the legal cap is missing or below the product's range.
    """
    if policy.usury_cap is None or policy.usury_cap < product.tea_min:
        raise ValueError("no price under the legal cap")
    highest = min(product.tea_max, policy.usury_cap)
    survives = ZERO if pd is None else 1 - min(max(pd, ZERO), Decimal(1)) * policy.loss_given_default
    if survives <= 0:
        return highest
    costs = 1 + policy.funding + policy.operating + policy.margin
    rate = (costs / survives - 1).quantize(TEA_STEP, rounding=ROUND_HALF_UP)
    return max(product.tea_min, min(rate, highest))


def own_part_reason(product: ProductTerms, amount: Decimal) -> Reason:
    """What the buyer pays of the price, for a product that asks it."""
    own = least_own_part(amount, product.down_payment_min)
    return Reason("own_part", INFO, {"own": own, "own_share": product.down_payment_min})


def disbursement_day(product: ProductTerms, on: date) -> date:
    """The day the money is counted from, for an answer given `on`: simulator, offer and contract alike."""
    return on + timedelta(days=product.disbursement_days)


def loan_terms(
    product: ProductTerms, *, amount: Decimal, term_months: int, tea: Decimal, disbursed_on: date
) -> LoanTerms:
    """The terms of a loan of this product. Raises lending.schedules.InvalidTerms."""
    once = product.amortization is ProductAmortization.BULLET
    level = product.amortization is ProductAmortization.EQUAL_INSTALLMENTS
    insurance = Insurance(product.insurance_monthly_rate, InsuranceBase(product.insurance_base))
    return LoanTerms(
        principal=amount,
        annual_rate=tea,
        installments=1 if once else term_months,
        repay_every=term_months if once else 1,
        disbursed_on=disbursed_on,
        amortization=Amortization.EQUAL_INSTALLMENTS if level else Amortization.BULLET,
        insurance=insurance if product.insurance_monthly_rate else None,
        fees=(Fee(FeeWhen.UPFRONT_DEDUCTED, amount=product.fee_upfront),) if product.fee_upfront else (),
    )


def publication_problems(product: ProductTerms, usury_cap: Decimal | None) -> list[Reason]:
    """Why these terms may not be published under the legal cap of the day; empty when they may."""
    if usury_cap is None:
        return [Reason("cap_missing", BLOCK)]
    if product.tea_max > usury_cap:
        return [Reason("tea_above_cap", BLOCK, {"tea": product.tea_max, "cap": usury_cap})]
    return []
