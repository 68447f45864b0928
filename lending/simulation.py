"""What a loan would cost before anybody asks who the borrower is. Pure.

The figures are those of `lending.schedules` on `lending.matching.loan_terms`, as in offers and contracts, at
the highest rate the product may charge: nobody's answer is dearer than what the simulator showed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from django.utils.translation import gettext as _

from accounts.errors import InvalidInput, Unavailable
from lending.matching import MatchingPolicy, ProductTerms, disbursement_day, loan_terms, price
from lending.money import format_soles
from lending.schedules import Schedule, build_schedule

USUAL_TERMS: Final = (1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 60, 72, 84, 96, 120)
MOST_TERMS: Final = 5


@dataclass(frozen=True, slots=True)
class CostRange:
    """The lowest and highest yearly cost of a product over its amounts, terms and rates. Fractions."""

    lowest: Decimal
    highest: Decimal


def simulate(product: ProductTerms, *, amount: Decimal, term_months: int, on: date, policy: MatchingPolicy) -> Schedule:
    """The schedule at the product's highest legal rate, disbursed as an answer given on `on` would be.

    Raises InvalidInput (`amount`, `term_months`) outside the product's range, and Unavailable while the legal
    cap of the period is not loaded or lies below the product's rates.
    """
    errors = {}
    if not product.amount_min <= amount <= product.amount_max:
        errors["amount"] = [amount_out_of_range(product.name, product.amount_min, product.amount_max)]
    if not product.term_min <= term_months <= product.term_max:
        errors["term_months"] = [
            _("%(product)s se paga en %(low)s a %(high)s meses")
            % {"product": product.name, "low": product.term_min, "high": product.term_max}
        ]
    if errors:
        raise InvalidInput(fields=errors)
    return build_schedule(
        loan_terms(
            product,
            amount=amount,
            term_months=term_months,
            tea=highest_rate(product, policy),
            disbursed_on=disbursement_day(product, on),
        )
    )


def highest_rate(product: ProductTerms, policy: MatchingPolicy) -> Decimal:
    """The TEA nobody is charged more than. Raises Unavailable without a legal cap to hold it under."""
    try:
        return price(None, product, policy)
    except ValueError as error:
        raise Unavailable(
            _("Todavía no está cargada la tasa máxima legal de este periodo, y sin ella no podemos ofrecer créditos."),
            code="cap_missing",
        ) from error


def amount_out_of_range(name: str, low: Decimal, high: Decimal) -> str:
    """The refusal of an amount, with what the product does lend."""
    return _("%(product)s presta de %(low)s a %(high)s: escribe un monto entre esos dos") % {
        "product": name,
        "low": format_soles(low),
        "high": format_soles(high),
    }


@lru_cache(maxsize=256)
def cost_range(product: ProductTerms, on: date, policy_cap: Decimal) -> CostRange:
    """From the cheapest rate on the largest, longest loan to the dearest on the smallest, shortest one."""
    day = disbursement_day(product, on)
    ends = [
        (product.tea_min, product.amount_max, product.term_max),
        (min(product.tea_max, policy_cap), product.amount_min, product.term_min),
    ]
    costs = [
        build_schedule(loan_terms(product, amount=amount, term_months=term, tea=tea, disbursed_on=day)).tcea
        for tea, amount, term in ends
    ]
    return CostRange(min(costs), max(costs))


def terms_on_offer(shortest: int, longest: int) -> list[int]:
    """Up to five usual terms inside the range, always with its longest one."""
    usual = [term for term in USUAL_TERMS if shortest <= term < longest]
    while len(usual) >= MOST_TERMS:
        usual.pop(0)
    return [*usual, longest]


def nearest(wanted: int, offered: Sequence[int]) -> int:
    """The offered term closest to the one wanted, the shorter one when two are."""
    return min(offered, key=lambda term: (abs(term - wanted), term))
