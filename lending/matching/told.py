"""Why very many people are offered what they are, or nothing: the reasons of `match`, as flags."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lending.matching.batch import UNKNOWN, Applicants, BestOffers
from lending.matching.products import ProductAmortization, ProductTerms, own_part_reason
from lending.money import from_centimos, to_centimos
from lending.reasons import BAD, BLOCK, GOOD, INFO, Reason

# Flags of an offer, in the order they are told.
CHEAPEST, LOWEST_COST, LESS_THAN_ASKED, PRODUCT_MAXIMUM, LONGER, SINGLE_PAYMENT, FEE = (1 << bit for bit in range(7))
NOTHING_LEFT, NOT_AFFORDABLE, NONE_OPEN = "nothing_left", "not_affordable_now", "no_product_fits"
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Told:
    """Flags and the installment's share of the surplus in per cent (-1 unknown), int16[n, top] each."""

    flags: NDArray[np.int16]
    share: NDArray[np.int16]


def tell(people: Applicants, products: Sequence[ProductTerms], best: BestOffers) -> Told:
    """The reasons of all offers at once."""
    place = np.maximum(best.product, 0)
    maximum = np.array([to_centimos(one.amount_max) for one in products], np.int64)[place]
    shortest = np.array([one.term_min for one in products], np.int64)[place]
    fees = np.array([to_centimos(one.fee_upfront) for one in products], np.int64)[place]
    once = np.array([one.amortization is ProductAmortization.BULLET for one in products])[place]
    level = np.array([one.amortization is ProductAmortization.EQUAL_INSTALLMENTS for one in products])[place]
    harvest = np.array([one.amortization is ProductAmortization.HARVEST for one in products])[place]
    by_harvest = harvest & (people.harvest_month > 0)[:, None]
    wanted, term = people.amount[:, None], people.term_months[:, None]
    smaller = best.amount < wanted
    capped = smaller & (best.amount >= maximum)
    several = (best.offers > 1)[:, None]
    first = np.zeros(best.product.shape, bool)
    cost = np.where(smaller | (best.product == UNKNOWN), np.iinfo(np.int64).max, best.total - best.amount + fees)
    np.put_along_axis(first, cost.argmin(axis=1)[:, None], True, axis=1)
    full = first & ~smaller & several
    none_full = smaller[:, :1] & several
    first_shown = np.zeros_like(first)
    first_shown[:, 0] = True
    flags = np.zeros(best.product.shape, np.int16)
    for flag, holds in (
        (CHEAPEST, full),
        (LOWEST_COST, first_shown & none_full),
        (LESS_THAN_ASKED, smaller & ~capped),
        (PRODUCT_MAXIMUM, capped),
        (LONGER, (best.term_months > np.maximum(term, shortest)) & ~by_harvest),
        (SINGLE_PAYMENT, once),
        (FEE, fees > 0),
    ):
        flags |= np.where(holds, flag, 0).astype(np.int16)
    share = np.full(best.product.shape, UNKNOWN, np.int16)
    if people.surplus is not None:
        surplus = people.surplus[:, None]
        known = (surplus > 0) & level & (best.product != UNKNOWN)
        exact = best.installment * _PERCENT * 2 + surplus  # half up
        share = np.where(known, exact // np.maximum(2 * surplus, 1), UNKNOWN).astype(np.int16)
    flags[best.product == UNKNOWN] = 0
    return Told(flags, share)


def offer_reasons(
    told: Told, best: BestOffers, products: Sequence[ProductTerms], person: int, slot: int
) -> list[Reason]:
    """The reasons of one offer in words' reach."""
    flags, product = int(told.flags[person, slot]), products[int(best.product[person, slot])]
    amount = from_centimos(int(best.amount[person, slot]))
    params: dict[str, Any] = {"amount": amount, "maximum_amount": amount, "months": int(best.term_months[person, slot])}
    found = []
    share = int(told.share[person, slot])
    if share != UNKNOWN:
        found.append(Reason("installment_share", GOOD if share <= 40 else INFO, {"share": share}))
    for flag, code, tone, names in (
        (CHEAPEST, "cheapest", GOOD, ()),
        (LOWEST_COST, "lowest_cost", GOOD, ()),
        (LESS_THAN_ASKED, "less_than_asked", BAD, ("amount",)),
        (PRODUCT_MAXIMUM, "product_maximum", BAD, ("maximum_amount",)),
        (LONGER, "longer_than_asked", BAD, ("months",)),
        (SINGLE_PAYMENT, "single_payment", INFO, ()),
    ):
        if flags & flag:
            found.append(Reason(code, tone, {name: params[name] for name in names}))
    if flags & FEE:
        found.append(Reason("fee", BAD, {"fee": product.fee_upfront, "received": amount - product.fee_upfront}))
    else:
        found.append(Reason("no_fee", GOOD))
    if product.down_payment_min:
        found.append(own_part_reason(product, amount))
    return found


def no_offer_reason(people: Applicants, best: BestOffers, person: int) -> Reason | None:
    """Why somebody gets nothing; None for who gets something."""
    if best.offers[person]:
        return None
    if people.room[person] <= 0:
        return Reason(NOTHING_LEFT, BLOCK)
    if best.open[person]:
        room = from_centimos(int(people.room[person]))
        return Reason(NOT_AFFORDABLE, BLOCK, {"room": Decimal(room)})
    return Reason(NONE_OPEN, INFO)
