"""What a schedule is: rows, totals, and the yearly rates they amount to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
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


@dataclass(frozen=True)
class Schedule:
    """A payment schedule; rates are fractions on a 360-day year, money is soles."""

    terms: LoanTerms
    rows: tuple[Row, ...]
    totals: Totals
    installment: Decimal  # the level installment; the largest one where they differ by design
    rate_changed: bool = False

    @cached_property
    def tcea(self) -> Decimal:
        """Yearly cost with interest, insurance and fees, to ten decimals."""
        return _yearly_rate(self, [row.total for row in self.rows], self.totals.received)

    @cached_property
    def tea(self) -> Decimal:
        """Effective annual rate on 360 days: as agreed, or what nominal or flat interest amounts to."""
        if _rate_is_stated(self.terms) and not self.rate_changed:
            return self.terms.annual_rate
        interest_alone = [row.principal + row.interest for row in self.rows]
        return _yearly_rate(self, interest_alone, self.totals.principal)

    @property
    def last_due_on(self) -> date:
        return self.rows[-1].due_on


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


def _yearly_rate(schedule: Schedule, payments: Sequence[Decimal], received: Decimal) -> Decimal:
    """Rate at which the payments are worth what was received, on the days the rows count."""
    terms = schedule.terms
    first = terms.tranches[0].amount if terms.tranches else terms.principal
    flows = [(0, float(terms.principal - received - first))]
    flows += [
        (counted_days(terms.disbursed_on, part.on, terms, months=None), -float(part.amount))
        for part in terms.tranches[1:]
    ]
    day = 0
    for row, payment in zip(schedule.rows, payments, strict=True):
        day += row.days
        flows.append((day, float(payment)))
    try:
        return internal_rate(flows, guess=float(terms.annual_rate))
    except NoRate as error:
        raise InvalidTerms("annual_rate_pct", _("Ninguna tasa anual corresponde a estos pagos")) from error
