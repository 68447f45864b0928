"""The answer for every product: eligible or not, at what amount, term and price, ranked, with reasons."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any, Final

from lending.affordability import Affordability, CapacityPolicy, largest_installment, room_by_income
from lending.matching.eligibility import NOT_THEIRS, eligibility, harvest_terms, longest_term_at_age
from lending.matching.products import (
    ApplicantProfile,
    MatchingPolicy,
    ProductAmortization,
    ProductTerms,
    disbursement_day,
    loan_terms,
    own_part_reason,
    price,
)
from lending.matching.ranking import WEIGHED, expected_return, inside_bound
from lending.money import CENT, ZERO, round_money, to_centimos
from lending.reasons import BAD, BLOCK, GOOD, INFO, VERIFY, Reason
from lending.schedules import InvalidTerms, Schedule, build_schedule

logger = logging.getLogger(__name__)
LARGEST_TCEA: Final = 10_000  # a fraction; what an offer can hold
_SCALE = 10**8  # TEA and probability of default as whole numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One product's answer to one person; the figures are None unless eligible. Soles and fractions."""

    product_id: Any
    eligible: bool
    reasons: tuple[Reason, ...]
    rank: int | None = None  # 1 is the cheapest in total
    amount: Decimal | None = None
    received: Decimal | None = None  # after what is kept back
    term_months: int | None = None
    tea: Decimal | None = None
    installment: Decimal | None = None
    tcea: Decimal | None = None
    total: Decimal | None = None
    schedule: Schedule | None = None
    institution_id: Any = None

    @property
    def blocks(self) -> tuple[Reason, ...]:
        """Why it is a no."""
        return tuple(reason for reason in self.reasons if reason.tone == BLOCK)

    @property
    def to_verify(self) -> tuple[Reason, ...]:
        """What was not answered and a person has to check."""
        return tuple(reason for reason in self.reasons if reason.tone == VERIFY)

    def as_json(self) -> dict[str, Any]:
        """For storage: money and rates as text, no schedule (it is worked out again from the terms)."""
        figures = {
            "amount": self.amount, "received": self.received, "tea": self.tea,
            "installment": self.installment, "tcea": self.tcea, "total": self.total,
        }  # fmt: skip
        return {
            "product_id": str(self.product_id),
            "eligible": self.eligible,
            "rank": self.rank,
            "term_months": self.term_months,
            **{name: None if value is None else str(value) for name, value in figures.items()},
            "reasons": [reason.as_json() for reason in self.reasons],
        }


def match(profile: ApplicantProfile, products: Sequence[ProductTerms], policy: MatchingPolicy) -> list[Match]:
    """An answer for every product: offers by rank, then the others in the given order.

    The amount asked for is tried first at the term asked for, then at the shortest longer term that is
    affordable, then the largest smaller amount. Offers of the full amount come first, the one that costs
    least over what is received before the others, unless the policy weighs its return (`ranking`); then the
    smaller ones, by TCEA as shown and by amount.
    """
    return match_lenders([Asked(profile, products, policy)])


@dataclass(frozen=True, slots=True)
class Asked:
    """A person before one lender: what it holds against them, its products, its rules."""

    profile: ApplicantProfile
    products: Sequence[ProductTerms]
    policy: MatchingPolicy


def match_lenders(asked: Sequence[Asked]) -> list[Match]:
    """The answers of several lenders to one person, ranked together; a lender's weights count only when it is alone."""
    answers = [_answer_or_none(one.profile, product, one.policy) for one in asked for product in one.products]
    profile = asked[0].profile
    offers = sorted((answer for answer in answers if answer.eligible), key=lambda offer: _cost(profile, offer))
    if len(asked) == 1:
        offers = _weighed(profile, offers, asked[0].policy)
    ranked = [replace(offer, rank=rank) for rank, offer in enumerate(offers, start=1)]
    days = {product.product_id: product.disbursement_days for one in asked for product in one.products}
    return [*_compared(profile, ranked, days), *(answer for answer in answers if not answer.eligible)]


def _answer_or_none(profile: ApplicantProfile, product: ProductTerms, policy: MatchingPolicy) -> Match:
    """The answer; terms that cannot be worked out are a case for a person and never take other offers along."""
    try:
        return _answer(profile, product, policy)
    except (InvalidTerms, ArithmeticError):
        logger.exception("product %s could not be matched", product.product_id)
        return _no(product, [Reason("could_not_assess", VERIFY)])


def _answer(profile: ApplicantProfile, product: ProductTerms, policy: MatchingPolicy) -> Match:
    reasons = eligibility(profile, product, policy)
    blocks = {reason.code for reason in reasons if reason.tone == BLOCK}
    if blocks & NOT_THEIRS:
        return _no(product, reasons)
    if not profile.affordability.is_known:
        return _no(product, [*reasons, Reason("income_unknown", VERIFY)])
    tea = price(profile.pd, product, policy)
    if blocks:
        changed = _Search(_advised(profile, product, blocks), product, policy.capacity, tea)
        return _no(product, [*reasons, *changed.too_dear()])
    search = _Search(profile, product, policy.capacity, tea)
    schedule = search.best() if search.room > 0 else None
    if schedule is None:
        return _no(product, [*reasons, *search.too_dear()])
    if schedule.tcea >= LARGEST_TCEA:
        raise OverflowError(f"a yearly cost of {schedule.tcea}")
    term = search.term_of(schedule)
    return Match(
        product_id=product.product_id,
        institution_id=product.institution_id,
        eligible=True,
        reasons=(*_own_reasons(profile, product, policy, schedule, term), *reasons),
        amount=round_money(schedule.terms.principal),
        received=schedule.totals.received,
        term_months=term,
        tea=schedule.tea,
        installment=schedule.installment,
        tcea=schedule.tcea,
        total=schedule.totals.total,
        schedule=schedule,
    )


def _advised(profile: ApplicantProfile, product: ProductTerms, blocks: set[str]) -> ApplicantProfile:
    """The person who did what the advice on these blocks says, as far as the amount and the term depend on it."""
    return replace(
        profile,
        amount=max(profile.amount, product.amount_min),
        harvest_month=None if "harvest_out_of_term" in blocks else profile.harvest_month,
    )


def nothing_left(affordability: Affordability, capacity: CapacityPolicy) -> Reason:
    """Why there is no room for any installment."""
    by_debts = room_by_income(affordability, capacity)
    if (affordability.surplus_verified or ZERO) <= 0:
        return Reason("nothing_left", BLOCK)
    if (affordability.surplus_stressed or ZERO) <= 0:
        return Reason("nothing_left_in_bad_months", BLOCK)
    if by_debts is None or by_debts > 0:  # less than a céntimo is left
        return Reason("nothing_left", BLOCK)
    income = affordability.net_income or ZERO
    share = affordability.other_installments / income if income > 0 else Decimal(1)
    limit = capacity.installments_to_income
    return Reason("over_indebted", BLOCK, {"share": _percent(share), "limit": _percent(limit)})


def _percent(share: Decimal) -> int:
    return int((share * 100).to_integral_value(ROUND_HALF_UP))


def _no(product: ProductTerms, reasons: Sequence[Reason]) -> Match:
    return Match(
        product_id=product.product_id, institution_id=product.institution_id, eligible=False, reasons=tuple(reasons)
    )


class _Search:
    """The amount and term of one product that a person can pay back, at a fixed price."""

    def __init__(
        self, profile: ApplicantProfile, product: ProductTerms, capacity: CapacityPolicy, tea: Decimal
    ) -> None:
        self.profile = profile
        self.product = product
        self.capacity = capacity
        self.tea = tea
        self.room = largest_installment(profile.affordability, capacity)
        self.disbursed_on = disbursement_day(product, profile.on)
        self.level = product.amortization is ProductAmortization.EQUAL_INSTALLMENTS
        self.wanted = min(profile.amount, product.amount_max)
        self.terms = self.feasible_terms()

    def feasible_terms(self) -> list[int]:
        """Terms from the one asked for (or the nearest) upwards; harvest terms where the crop sets them."""
        longest = longest_term_at_age(self.profile.age, self.product)
        if self.product.amortization is ProductAmortization.HARVEST and self.profile.harvest_month:
            terms = [term for term in harvest_terms(self.profile, self.product) if term <= longest]
            return [term for term in terms if term >= self.profile.term_months] or terms[-1:]
        first = min(max(self.profile.term_months, self.product.term_min), longest)
        return list(range(first, longest + 1))

    def build(self, amount: Decimal, term: int) -> Schedule:
        return build_schedule(
            loan_terms(self.product, amount=amount, term_months=term, tea=self.tea, disbursed_on=self.disbursed_on)
        )

    @staticmethod
    def term_of(schedule: Schedule) -> int:
        return schedule.terms.installments * schedule.terms.repay_every

    def fits(self, schedule: Schedule) -> bool:
        """Whether every payment stays inside the room the policy gives."""
        if self.level:
            return schedule.installment <= self.room
        regular = [row.total for row in schedule.rows[:-1]]
        over_the_term = self.room * self.term_of(schedule)
        own_money = _campaign_money(schedule, self.profile.affordability)
        return max(regular, default=ZERO) <= self.room and schedule.totals.total - own_money <= over_the_term

    def best(self) -> Schedule | None:
        """Full amount at the first term that fits; otherwise the largest smaller amount."""
        if not self.terms:
            return None
        return self.shortest(self.wanted) or self.largest_smaller()

    def shortest(self, amount: Decimal) -> Schedule | None:
        """`amount` at the shortest of the terms that fits."""
        first = self.build(amount, self.terms[0])
        if self.fits(first) or len(self.terms) == 1:
            return first if self.fits(first) else None
        if not self.level:
            return next(filter(self.fits, (self.build(amount, term) for term in self.terms[1:])), None)
        if not self.fits(self.build(amount, self.terms[-1])):
            return None
        found = _first_true(lambda place: self.fits(self.build(amount, self.terms[place])), 1, len(self.terms) - 1)
        return self.build(amount, self.terms[found])

    def largest_smaller(self) -> Schedule | None:
        """The largest amount below the one wanted that fits, on the product's grid, at its shortest term."""
        best: Decimal | None = None
        for term in self.terms[-1:] if self.level else self.terms:
            amount = self.largest_at(term)
            if amount is not None and (best is None or amount > best):
                best = amount
        return None if best is None else self.shortest(best)

    def largest_at(self, term: int) -> Decimal | None:
        if not self.fits(self.build(self.product.amount_min, term)):
            return None
        step = self.product.amount_step
        low = int((self.product.amount_min / step).to_integral_value(ROUND_CEILING))
        high = int((self.wanted / step).to_integral_value(ROUND_DOWN))
        if high < low or not self.fits(self.build(low * step, term)):
            return self.product.amount_min
        too_much = _first_true(lambda count: not self.fits(self.build(count * step, term)), low + 1, high + 1)
        return (too_much - 1) * step

    def too_dear(self) -> list[Reason]:
        """Why not even the smallest loan is within what the person can pay, and how far it is; empty where it is."""
        if not self.terms:
            return [Reason("age_above", BLOCK, {"maximum": self.product.age_max})]
        installment = min(map(self.needed, self.terms[-1:] if self.level else self.terms))
        if self.room > 0 and installment <= self.room:
            return []
        affordability, capacity = self.profile.affordability, self.capacity
        missing = [
            installment / capacity.installment_to_surplus - (affordability.surplus_verified or ZERO),
            (installment / capacity.installment_to_stressed - (affordability.surplus_stressed or ZERO))
            / (affordability.income_kept or 1),
        ]
        by_income = room_by_income(affordability, capacity)
        if by_income is not None:
            missing.append((installment - by_income) / capacity.installments_to_income)
        far = Reason(
            "not_affordable",
            BLOCK,
            {
                "installment": installment,
                "room": self.room,
                "missing": int(max(missing).to_integral_value(ROUND_CEILING)),
            },
        )
        return [far] if self.room > 0 else [nothing_left(affordability, capacity), far]

    def needed(self, term: int) -> Decimal:
        """The room that the smallest loan asks for over a term, soles a month."""
        smallest = self.build(self.product.amount_min, term)
        if self.level:
            return smallest.installment
        own_money = _campaign_money(smallest, self.profile.affordability)
        monthly = (smallest.totals.total - own_money) / self.term_of(smallest)
        regular = max((row.total for row in smallest.rows[:-1]), default=ZERO)
        return max(regular, monthly.quantize(CENT, rounding=ROUND_CEILING))


def _campaign_money(schedule: Schedule, affordability: Affordability) -> Decimal:
    """The part of the loan that stands in for the farm's own money in the campaign.

    The table already charges the whole campaign to the harvest; what the loan pays of it need not be
    earned twice.
    """
    return min(schedule.totals.received, affordability.campaign_cost)


def _first_true(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Smallest number of low..high for which `holds`, which turns true once; `high` is taken to hold."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _cost(profile: ApplicantProfile, offer: Match) -> tuple[bool, Decimal, Decimal, str]:
    """What offers are ranked by; see `match`."""
    schedule = offer.schedule
    assert schedule is not None  # offers have one
    smaller = schedule.terms.principal < profile.amount
    cost, tcea = schedule.totals.cost, round(schedule.tcea, 4)  # as people see it
    if smaller:
        return smaller, tcea, -schedule.terms.principal, str(offer.product_id)
    return smaller, cost, tcea, str(offer.product_id)


def _weighed(profile: ApplicantProfile, offers: list[Match], policy: MatchingPolicy) -> list[Match]:
    """The offers, those inside the policy's bound by what they return; see `ranking`."""
    head = [offer for offer in offers if offer.amount == profile.amount][:WEIGHED]
    if not (policy.return_bound and head):
        return offers
    pd = -1 if profile.pd is None else int(profile.pd * _SCALE)
    cheapest = to_centimos(_full_cost(head[0]))
    inside = [offer for offer in head if inside_bound(to_centimos(_full_cost(offer)), cheapest, policy)]
    teas = [int((offer.tea or ZERO) * _SCALE) for offer in inside]
    returns = dict(zip(map(id, inside), expected_return(teas, pd, policy), strict=True))
    return [*sorted(inside, key=lambda offer: -returns[id(offer)]), *offers[len(inside) :]]


def _own_reasons(
    profile: ApplicantProfile, product: ProductTerms, policy: MatchingPolicy, schedule: Schedule, term: int
) -> list[Reason]:
    reasons = [_share_reason(profile, product, policy, schedule, term)]
    amount = schedule.terms.principal
    if amount < min(profile.amount, product.amount_max):
        reasons.append(Reason("less_than_asked", BAD, {"amount": amount}))
    elif amount < profile.amount:
        reasons.append(Reason("product_maximum", BAD, {"maximum_amount": amount}))
    nearest = min(max(profile.term_months, product.term_min), longest_term_at_age(profile.age, product))
    by_harvest = product.amortization is ProductAmortization.HARVEST and profile.harvest_month is not None
    if by_harvest:
        reasons.append(Reason("after_harvest", GOOD, {"month": profile.harvest_month}))
        if term != profile.term_months:
            reasons.append(Reason("until_harvest", INFO, {"months": term}))
    elif term > nearest:
        reasons.append(Reason("longer_than_asked", BAD, {"months": term}))
    elif term != profile.term_months:
        reasons.append(Reason("term_differs", INFO, {"months": term}))
    if product.amortization is ProductAmortization.BULLET:
        reasons.append(Reason("single_payment", INFO))
    if product.fee_upfront:
        reasons.append(Reason("fee", BAD, {"fee": product.fee_upfront, "received": schedule.totals.received}))
    else:
        reasons.append(Reason("no_fee", GOOD))
    if product.down_payment_min:
        reasons.append(own_part_reason(product, amount))
    days = product.disbursement_days
    speed = {0: "money_same_day", 1: "money_in_one_day"}.get(days, "money_in_days")
    reasons.append(Reason(speed, INFO, {"days": days}))
    return reasons


def _share_reason(
    profile: ApplicantProfile, product: ProductTerms, policy: MatchingPolicy, schedule: Schedule, term: int
) -> Reason:
    surplus = profile.affordability.surplus_verified or ZERO
    if product.amortization is ProductAmortization.EQUAL_INSTALLMENTS:
        code, share = "installment_share", schedule.installment / surplus
    else:
        own_money = _campaign_money(schedule, profile.affordability)
        code, share = "campaign_share", (schedule.totals.total - own_money) / (surplus * term)
    return Reason(code, GOOD if share <= policy.good_share else INFO, {"share": _percent(share)})


def _compared(profile: ApplicantProfile, offers: Sequence[Match], days: dict[Any, int]) -> list[Match]:
    """The offers with what sets one apart from the others, where there are others."""
    if len(offers) < 2:
        return list(offers)
    added: dict[int, list[Reason]] = {place: [] for place in range(len(offers))}
    full = [place for place, offer in enumerate(offers) if offer.amount == profile.amount]
    cheapest = min(full, key=lambda place: _full_cost(offers[place]), default=0)
    added[cheapest].append(Reason("cheapest" if full else "lowest_cost", GOOD))
    for place in full[: full.index(cheapest)] if full else ():
        dearer = _full_cost(offers[place]) - _full_cost(offers[cheapest])
        added[place].append(Reason("dearer_than_cheapest", INFO, {"cost": dearer}))
    _mark(added, [offer.tea for offer in offers], "lowest_rate", GOOD, lambda place: {"tea": offers[place].tea})
    _mark(added, [offer.installment for offer in offers], "lowest_installment", GOOD)
    _mark(added, [days[offer.product_id] for offer in offers], "fastest", GOOD)
    _mark(added, [-(offer.tcea or ZERO) for offer in offers], "highest_cost", BAD)
    return [
        replace(offer, reasons=(*offer.reasons[:1], *added[place], *offer.reasons[1:]))
        for place, offer in enumerate(offers)
    ]


def _full_cost(offer: Match) -> Decimal:
    assert offer.schedule is not None  # offers have one
    return offer.schedule.totals.cost


def _mark(
    added: dict[int, list[Reason]],
    values: Sequence[Any],
    code: str,
    tone: str,
    params: Callable[[int], dict[str, Any]] = lambda _place: {},
) -> None:
    """Adds the reason to the one offer whose value is lower than every other's."""
    lowest = min(values)
    if values.count(lowest) == 1:
        place = values.index(lowest)
        added[place].append(Reason(code, tone, params(place)))
