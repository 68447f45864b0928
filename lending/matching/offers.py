"""What a product's search over many people gives back, and what its searches share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from lending.interest import RATE_SCALE, fix_rate, scaled
from lending.matching.products import ProductTerms, disbursement_day
from lending.money import to_centimos
from lending.schedules.arrays import TEA_SCALE, due_days, period_rates, yearly_costs
from lending.schedules.terms import InsuranceBase

if TYPE_CHECKING:
    from lending.matching.batch import Applicants

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Share = Callable[[Int64, Any], Int64]
_HALF: Final = RATE_SCALE // 2
_FITS: Final = 2**63 - RATE_SCALE


def month_share(amount: Int64, rate: Any) -> Int64:
    """Céntimos of an amount at a month's rate in units of 1e-10."""
    return (amount * rate + _HALF) // RATE_SCALE


def long_share(amount: Int64, rate: Any) -> Int64:
    """The same at the rate of years, which on a large loan passes 64 bits on the way."""
    if amount.size and int(amount.max()) * int(np.max(rate)) >= _FITS:
        return ((amount.astype(object) * rate + _HALF) // RATE_SCALE).astype(np.int64)
    return month_share(amount, rate)


@dataclass(frozen=True, slots=True)
class Offers:
    """Offers of one product; `people` are the places of those who get one, the rest runs alongside.

    Céntimos, months, TEA in units of 1e-8, TCEA as a fraction.
    """

    MONEY: ClassVar[tuple[str, ...]] = ("amount", "term_months", "tea", "installment", "total", "cost")

    people: NDArray[np.intp]
    amount: Int64
    term_months: Int64
    tea: Int64
    installment: Int64
    total: Int64
    cost: Int64
    tcea: Float64


class Search:
    """One product against its eligible people: dates, rates and charges that everybody shares."""

    def __init__(self, people: "Applicants", product: ProductTerms, teas: Int64) -> None:
        self.people = people
        self.product = product
        self.teas = teas
        self.fee = to_centimos(product.fee_upfront)
        self.smallest, largest = to_centimos(product.amount_min), to_centimos(product.amount_max)
        self.step = to_centimos(product.amount_step)
        self.wanted = np.minimum(people.amount, largest)
        self.longest = np.full(len(people), product.term_max)
        known = people.age >= 0
        self.longest[known] = np.minimum(product.term_max, (product.age_max - people.age[known]) * 12)
        self.earliest = np.minimum(np.maximum(people.term_months, product.term_min), self.longest)
        self.plus_interest = product.insurance_base == InsuranceBase.BALANCE_PLUS_INTEREST
        self.disbursed = np.array([disbursement_day(product, people.on)], dtype="datetime64[D]")
        self.due = due_days(self.disbursed, product.term_max)

    def days(self) -> NDArray[np.int16]:
        """Days of each monthly period [term_max, 1]."""
        return np.diff(np.vstack([self.disbursed, self.due]), axis=0).astype(np.int16)

    def insurance_rate(self, months: int = 1) -> int:
        """Rate of a period of whole months, in units of 1e-10."""
        return scaled(fix_rate(self.product.insurance_monthly_rate * months))

    def charges(
        self, balance: Int64, rate: Int64, insurance_rate: int, share: Share = month_share
    ) -> tuple[Int64, Int64]:
        """Interest and insurance of a period in céntimos; rates in units of 1e-10."""
        interest = share(balance, rate)
        insured = balance + interest if self.plus_interest else balance
        return interest, share(insured, insurance_rate)

    def offers(
        self, people: NDArray[np.intp], amount: Int64, terms: Int64, installment: Int64, payments: Int64,
        days: NDArray[Any],
    ) -> Offers:  # fmt: skip
        """Offers from payments [m, n] that lie `days` [m, 1 or n] apart."""
        received = amount - self.fee
        total = payments.sum(axis=0)
        tea = self.teas[people]
        tcea = yearly_costs(received, payments, days, tea / TEA_SCALE)
        return Offers(people, amount, terms, tea, installment, total, total - received, tcea)

    def rates(self, teas: Int64) -> list[Int64]:
        """Rates of the monthly periods, term_max times [n]."""
        return [rate.astype(np.int64) for rate in period_rates(teas, self.days())]

    def none(self) -> Offers:
        empty = np.array([], np.int64)
        return Offers(empty.astype(np.intp), empty, empty, empty, empty, empty, empty, np.array([]))
