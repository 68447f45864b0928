"""What a schedule is: rows, totals, and the yearly rates they amount to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from itertools import repeat
from operator import add, mul
from typing import NamedTuple

from django.utils.translation import gettext as _

from lending.interest import DAYS_IN_YEAR, NoRate, internal_rate
from lending.schedules.calendar import counted_days
from lending.schedules.terms import InterestMethod, InterestPeriod, InvalidTerms, LoanTerms, RateType, RepayUnit

INSTALLMENT = "installment"
DOWN_PAYMENT = "down_payment"


class Row(NamedTuple):
    """One payment, in soles; `outstanding` is the principal owed once it is paid.

    `days` is what the period counts for interest. Payments outside the installments (`kind` down_payment,
    prepayment, payoff) have n = 0.
    """

    n: int
    due_on: date
    days: int
    principal: Decimal
    interest: Decimal
    insurance: Decimal
    fees: Decimal
    moratory: Decimal
    total: Decimal
    outstanding: Decimal
    kind: str = INSTALLMENT


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of the rows, and what was handed over and kept back on the day of disbursement."""

    principal: Decimal
    interest: Decimal
    insurance: Decimal
    fees: Decimal
    moratory: Decimal
    total: Decimal  # everything the rows ask for
    upfront_fees: Decimal  # kept back or financed at disbursement
    received: Decimal  # what the borrower takes home

    @property
    def cost(self) -> Decimal:
        """What the loan costs over what was received."""
        return self.total - self.received


class Columns(NamedTuple):
    """The rows of a schedule as they are worked out: whole minor units (céntimos), int or float, column by column."""

    n: tuple[int, ...]
    due_on: tuple[date, ...]
    days: tuple[int, ...]
    principal: tuple[float, ...]
    interest: tuple[float, ...]
    insurance: tuple[float, ...]
    fees: tuple[float, ...]
    moratory: tuple[float, ...]
    outstanding: tuple[float, ...]
    kind: tuple[str, ...]

    @property
    def parts(self) -> tuple[tuple[float, ...], ...]:
        """What a payment is made of: principal, interest, insurance, fees and moratory interest."""
        return self[3:8]

    @property
    def total(self) -> list[float]:
        found = list(self.principal)
        for part in self.parts[1:]:
            if any(part):
                found = list(map(add, found, part))
        return found


@dataclass(frozen=True)
class Schedule:
    """A payment schedule; rates are fractions on a 360-day year, money is soles.

    Rows and totals are made when they are first read: who only wants the installment or the yearly cost needs none.
    """

    terms: LoanTerms
    columns: Columns
    level: int  # in minor units, as what follows
    upfront: int = 0  # fees kept back or financed at disbursement
    received: int = 0
    rate_changed: bool = False

    def money(self, minor: float) -> Decimal:
        return int(minor) * smallest_unit(self.terms.decimals)

    @property
    def installment(self) -> Decimal:
        """The level installment; the largest one where they differ by design."""
        return self.money(self.level)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        unit = smallest_unit(self.terms.decimals)

        def money(column: Sequence[float]) -> Iterable[Decimal]:
            return map(mul, map(int, column), repeat(unit)) if any(column) else repeat(0 * unit)

        columns = self.columns
        amounts = map(money, (*columns.parts, columns.total, columns.outstanding))
        values = zip(columns.n, columns.due_on, columns.days, *amounts, columns.kind)  # noqa: B905  (noughts never end)
        return tuple(map(tuple.__new__, repeat(Row), values))  # what Row(…) does, without a call for each

    @cached_property
    def totals(self) -> Totals:
        parts = [sum(part) for part in self.columns.parts]
        return Totals(*[self.money(part) for part in (*parts, sum(parts), self.upfront, self.received)])

    @cached_property
    def tcea(self) -> Decimal:
        """Yearly cost with interest, insurance and fees, to ten decimals."""
        return _yearly_rate(self, self.columns.total, self.received)

    @cached_property
    def tea(self) -> Decimal:
        """Effective annual rate on 360 days: as agreed, or what nominal or flat interest amounts to."""
        if _rate_is_stated(self.terms) and not self.rate_changed:
            return self.terms.annual_rate
        columns = self.columns
        interest_alone = list(map(add, columns.principal, columns.interest))
        return _yearly_rate(self, interest_alone, int(sum(columns.principal)))

    @property
    def last_due_on(self) -> date:
        return self.columns.due_on[-1]


@cache
def smallest_unit(decimals: int) -> Decimal:
    """What one minor unit is worth: 0.01 at two decimals."""
    return Decimal(1).scaleb(-decimals)


def _rate_is_stated(terms: LoanTerms) -> bool:
    """Whether the schedule charges exactly the agreed effective rate on a 360-day year."""
    return (
        terms.rate_type is RateType.EFFECTIVE
        and terms.interest_method is InterestMethod.DECLINING_BALANCE
        and terms.days_in_year == DAYS_IN_YEAR
        and not terms.interest_free
        and not terms.grace_on_interest
        and not terms.gives_costs
        and (
            terms.interest_period is InterestPeriod.DAILY
            or (terms.repay_unit is RepayUnit.MONTHS and terms.days_in_month == 30)
        )
    )


def _yearly_rate(schedule: Schedule, payments: Sequence[float], received: int) -> Decimal:
    """Rate at which the payments are worth what was received (minor units), on the days the rows count."""
    terms, unit = schedule.terms, 10**schedule.terms.decimals
    first = terms.tranches[0].amount if terms.tranches else terms.principal
    flows = [(0, float(terms.principal - schedule.money(received) - first))]
    flows += [(_costs_from(part.on, schedule), -float(part.amount)) for part in terms.tranches[1:]]
    day = 0
    for days, payment in zip(schedule.columns.days, payments, strict=True):
        day += days
        flows.append((day, payment / unit))
    try:
        return internal_rate(flows, guess=float(terms.annual_rate))
    except NoRate as error:
        raise InvalidTerms("annual_rate_pct", _("Ninguna tasa anual corresponde a estos pagos")) from error


def _costs_from(drawn_on: date, schedule: Schedule) -> int:
    """The day, as the rows count them, from which a tranche costs interest: until the end of its period, as it does
    there. Counted forward, months of thirty days come to another day."""
    day = 0
    for due_on, days in zip(schedule.columns.due_on, schedule.columns.days, strict=True):
        day += days
        if drawn_on < due_on:
            return max(day - counted_days(drawn_on, due_on, schedule.terms, months=None), 0)
    return day
