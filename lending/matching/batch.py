"""Matching of very many people to many products on one day: the answers of `match`, as arrays.

Product by product over all people: cheap rules first, then price, then the amount and term that fit, then
schedules to the céntimo, and the best few offers of everybody are kept. All people of a batch share the day,
so a product's due dates are the same for everybody, and the sum of discounts up to each installment gives the
level installment of every term at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lending.affordability import CapacityPolicy, largest_installment
from lending.matching.level_batch import LevelOffers
from lending.matching.offers import Offers
from lending.matching.principal_batch import PrincipalOffers
from lending.matching.products import ApplicantProfile, MatchingPolicy, ProductAmortization, ProductTerms, price
from lending.matching.ranking import WEIGHED, expected_return, inside_bound
from lending.money import ZERO, to_centimos
from lending.reasons import CROPS, DEPARTMENTS, SECTORS, SEGMENTS
from lending.schedules.arrays import TEA_SCALE

UNKNOWN: Final = -1
PD_SCALE: Final = 10**8
_TEA_STEPS: Final = 10**4  # offered rates are whole hundredths of a percent
_CODES: Final[Mapping[str, Mapping[str, int]]] = {
    name: {code: place for place, code in enumerate(table)}
    for name, table in (("segment", SEGMENTS), ("region", DEPARTMENTS), ("sector", SECTORS), ("crop", CROPS))
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicants:
    """What matching knows of n people on one day: int64[n] each, -1 where unanswered.

    `room` is the largest installment the policy allows, in céntimos (0 where nothing is left or the income is
    unknown); `pd` is in units of 1e-8; codes are those of `coded`.
    """

    on: date
    segment: NDArray[np.int64]
    amount: NDArray[np.int64]
    term_months: NDArray[np.int64]
    room: NDArray[np.int64]
    campaign_cost: NDArray[np.int64]
    score: NDArray[np.int64]
    pd: NDArray[np.int64]
    region: NDArray[np.int64]
    age: NDArray[np.int64]
    sector: NDArray[np.int64]
    crop: NDArray[np.int64]
    activity_months: NDArray[np.int64]
    creditors: NDArray[np.int64]
    harvest_month: NDArray[np.int64]
    surplus: NDArray[np.int64] | None = None  # verified, céntimos a month; only for the words of the offers

    def __len__(self) -> int:
        return len(self.amount)

    def some(self, places: NDArray[np.intp]) -> "Applicants":
        """The people at these places."""
        names = [name for name in self.__slots__ if name not in ("on", "surplus")]
        return Applicants(on=self.on, **{name: getattr(self, name)[places] for name in names})

    @classmethod
    def from_profiles(cls, profiles: Sequence[ApplicantProfile], capacity: CapacityPolicy) -> "Applicants":
        """The profiles of one day as columns. Raises ValueError for several days."""
        days = {profile.on for profile in profiles}
        if len(days) != 1:
            raise ValueError("a batch has people of one day")
        plain = ("term_months", "score", "age", "activity_months", "creditors", "harvest_month")
        columns = {name: _column(getattr(profile, name) for profile in profiles) for name in plain}
        for name in ("segment", "region", "sector", "crop"):
            columns[name] = coded(name, [getattr(profile, name) for profile in profiles])
        return cls(
            on=days.pop(),
            amount=_column(to_centimos(profile.amount) for profile in profiles),
            room=_column(to_centimos(largest_installment(profile.affordability, capacity)) for profile in profiles),
            surplus=_column(to_centimos(profile.affordability.surplus_verified or ZERO) for profile in profiles),
            campaign_cost=_column(to_centimos(profile.affordability.campaign_cost) for profile in profiles),
            pd=_column(None if profile.pd is None else int(profile.pd * PD_SCALE) for profile in profiles),
            **columns,
        )


@dataclass(frozen=True, slots=True)
class BestOffers:
    """The best offers of n people, best first, [n, top]; `product` is a place in the products, -1 for none.

    Money in céntimos, `tea` in units of 1e-8, `tcea` a fraction. `offers` [n] counts every product that fits;
    `open` [n] tells whether any was open to the person at all, whatever they can pay.
    """

    product: NDArray[np.int64]
    amount: NDArray[np.int64]
    term_months: NDArray[np.int64]
    tea: NDArray[np.int64]
    installment: NDArray[np.int64]
    total: NDArray[np.int64]
    tcea: NDArray[np.float64]
    offers: NDArray[np.int64]
    open: NDArray[np.bool_]


def coded(name: str, values: Sequence[str | None]) -> NDArray[np.int64]:
    """Codes of segment, region, sector or crop as numbers; -1 where unanswered. Raises KeyError for others."""
    codes = _CODES[name]
    return _column(None if value is None else codes[value] for value in values)


def match_many(
    people: Applicants, products: Sequence[ProductTerms], policy: MatchingPolicy, top: int = 5
) -> BestOffers:
    """The `top` offers of everybody, ranked as `match` ranks them."""
    best = _Best(people.pd, max(top, WEIGHED) if policy.return_bound else top, policy)
    if policy.usury_cap is None:
        return best.finished(top)
    by_segment = {code: np.flatnonzero((people.segment == code) & (people.room > 0)) for code in set(people.segment)}
    groups = {code: (places, people.some(places)) for code, places in by_segment.items()}
    order = sorted(range(len(products)), key=lambda place: str(products[place].product_id))
    for turn, place in enumerate(order):
        product = products[place]
        group = groups.get(_CODES["segment"][product.segment])
        if group is None or product.tea_min > policy.usury_cap:
            continue
        places, candidates = group
        eligible = np.flatnonzero(_eligible(candidates, product))
        if eligible.size:
            best.open[places[eligible]] = True
            chosen = candidates.some(eligible)
            teas = prices(chosen.pd, product, policy)
            search = LevelOffers if product.amortization is ProductAmortization.EQUAL_INSTALLMENTS else PrincipalOffers
            offers = search(chosen, product, teas).best()
            best.add(turn, places[eligible], chosen.amount, offers)
    return best.finished(top, np.array(order, np.int64))


def prices(pd: NDArray[np.int64], product: ProductTerms, policy: MatchingPolicy) -> NDArray[np.int64]:
    """TEA for every probability of default (1e-8; -1 unknown), in units of 1e-8: `price` for all of them."""
    if policy.usury_cap is None:
        raise ValueError("no price without the legal cap")
    lowest, highest = (int(rate * TEA_SCALE) for rate in (product.tea_min, min(product.tea_max, policy.usury_cap)))
    costs = float(1 + policy.funding + policy.operating + policy.margin)
    survives = 1 - np.clip(pd, 0, PD_SCALE) / PD_SCALE * float(policy.loss_given_default)
    with np.errstate(divide="ignore"):
        exact = np.where(survives > 1e-12, costs / survives - 1, 1e6) * _TEA_STEPS
    steps = np.floor(exact + 0.5)
    teas = np.clip(steps * (TEA_SCALE // _TEA_STEPS), lowest, highest).astype(np.int64)
    teas[pd == UNKNOWN] = highest
    for place in np.flatnonzero((np.abs(exact - np.floor(exact) - 0.5) < 1e-6) & (pd != UNKNOWN)):
        teas[place] = int(price(Decimal(int(pd[place])) / PD_SCALE, product, policy) * TEA_SCALE)
    return teas


def _column(values: Any) -> NDArray[np.int64]:
    return np.array([UNKNOWN if value is None else value for value in values], np.int64)


def _eligible(people: Applicants, product: ProductTerms) -> NDArray[np.bool_]:
    """The rules of lending.matching.eligibility; what is unanswered does not stand in the way."""
    unknown_or = {
        "score": lambda values: values >= product.score_min,
        "age": lambda values: (values >= product.age_min) & ((product.age_max - values) * 12 >= product.term_min),
        "activity_months": lambda values: values >= product.activity_months_min,
    }
    fits = people.amount >= to_centimos(product.amount_min)
    for name, rule in unknown_or.items():
        values = getattr(people, name)
        fits &= (values == UNKNOWN) | rule(values)
    if product.creditors_max is not None:
        fits &= people.creditors <= product.creditors_max
    for name, served in (("region", product.regions), ("sector", product.sectors), ("crop", product.crops)):
        if served:
            allowed = [UNKNOWN, *(_CODES[name][code] for code in served)]
            fits &= np.isin(getattr(people, name), allowed)
    return fits


class _Best:
    """The best offers so far of everybody, kept sorted by what `match` ranks by."""

    def __init__(self, pd: NDArray[np.int64], top: int, policy: MatchingPolicy) -> None:
        count = len(pd)
        self.pd, self.top, self.policy = pd, top, policy
        self.first = np.full((top, count), np.inf)  # full amounts by cost, then smaller ones by TCEA
        self.second = np.full((top, count), np.inf)  # the TCEA of full amounts; the larger of smaller ones
        self.turn = np.full((top, count), UNKNOWN, np.int64)
        self.figures = {name: np.zeros((top, count), np.int64) for name in Offers.MONEY}
        self.tcea = np.zeros((top, count))
        self.offers = np.zeros(count, np.int64)
        self.open = np.zeros(count, np.bool_)

    def add(self, turn: int, places: NDArray[np.intp], wanted: NDArray[np.int64], offers: Offers) -> None:
        """Offers of one product, each into its place; ties go to the product whose turn came first."""
        places, wanted = places[offers.people], wanted[offers.people]
        self.offers[places] += 1
        tcea = np.round(offers.tcea, 10)
        shown = np.rint(tcea * 10_000)
        smaller = offers.amount < wanted
        first = np.where(smaller, _AFTER_FULL + shown, offers.cost)
        second = np.where(smaller, -offers.amount, shown)
        new: dict[str, Any] = {name: getattr(offers, name) for name in Offers.MONEY}
        turns = np.full(len(places), turn, np.int64)
        for slot in range(self.top):
            old_first, old_second = self.first[slot, places], self.second[slot, places]
            earlier = (second < old_second) | ((second == old_second) & (turns < self.turn[slot, places]))
            better = (first < old_first) | ((first == old_first) & earlier)
            if not better.any():
                continue
            columns = [(self.first, first), (self.second, second), (self.turn, turns), (self.tcea, tcea)]
            columns += [(self.figures[name], new[name]) for name in Offers.MONEY]
            where = places[better]
            for kept, coming in columns:
                pushed = kept[slot, where]
                kept[slot, where] = coming[better]
                coming[better] = pushed

    def finished(self, top: int, order: NDArray[np.int64] | None = None) -> BestOffers:
        """The first `top`, inside the policy's bound by what they return."""
        product = self.turn if order is None else np.where(self.turn == UNKNOWN, UNKNOWN, order[self.turn])
        figures: dict[str, Any] = {name: values for name, values in self.figures.items() if name != "cost"}
        figures |= {"product": product, "tcea": self.tcea}
        if self.policy.return_bound:
            slots = self._by_return()
            figures = {name: np.take_along_axis(values, slots, axis=0) for name, values in figures.items()}
        return BestOffers(
            offers=self.offers, open=self.open, **{name: values[:top].T for name, values in figures.items()}
        )

    def _by_return(self) -> NDArray[np.intp]:
        """The order of the slots [top, n]."""
        slots = np.broadcast_to(np.arange(self.top)[:, None], self.turn.shape)
        inside = (self.first < _AFTER_FULL) & (slots < WEIGHED)
        inside &= inside_bound(self.figures["cost"], self.figures["cost"][0], self.policy)
        returns = expected_return(self.figures["tea"], self.pd, self.policy)
        return np.lexsort((slots, np.where(inside, -returns, 0), ~inside), axis=0)


_AFTER_FULL: Final = 1e12  # above any cost in céntimos that an int64 schedule allows


def ranked(best: BestOffers, person: int) -> Iterator[int]:
    """Places of the products offered to one person, best first."""
    return (int(product) for product in best.product[person] if product != UNKNOWN)
