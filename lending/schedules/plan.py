"""From terms to rows: how principal, interest, insurance and fees fall due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from functools import cached_property

from django.utils.translation import gettext as _

from lending.interest import (
    DAYS_IN_YEAR,
    RATE_SCALE,
    NoRate,
    divide,
    effective_rate,
    fix_rate,
    internal_rate,
    nominal_rate,
    scaled,
)
from lending.schedules.calendar import counted_days, counted_years, due_dates, starts_regular
from lending.schedules.terms import (
    Amortization,
    FeeWhen,
    InsuranceBase,
    InterestMethod,
    InterestPeriod,
    InvalidTerms,
    LoanTerms,
    RateType,
    RepayUnit,
)

_PRECISION = 34


@dataclass(frozen=True, slots=True)
class Row:
    """One installment, in soles; `outstanding` is the principal owed once it is paid.

    `days` is what the period counts for interest. A down payment is row 0, on the day of disbursement.
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

    @cached_property
    def tcea(self) -> Decimal:
        """Yearly cost with interest, insurance and fees, to ten decimals."""
        return _yearly_rate(self, [row.total for row in self.rows], self.totals.received)

    @cached_property
    def tea(self) -> Decimal:
        """Effective annual rate on 360 days: as agreed, or what nominal or flat interest amounts to."""
        if _rate_is_stated(self.terms):
            return self.terms.annual_rate
        interest_alone = [row.principal + row.interest for row in self.rows]
        return _yearly_rate(self, interest_alone, self.totals.principal)

    @property
    def last_due_on(self) -> date:
        return self.rows[-1].due_on


@dataclass(frozen=True, slots=True)
class Period:
    """One repayment period with its fixed rates, scaled to whole numbers (lending.interest.RATE_SCALE)."""

    n: int
    starts_on: date
    due_on: date
    days: int
    rate: int
    insurance_rate: int


def build_schedule(terms: LoanTerms) -> Schedule:
    """The schedule of a loan that is paid as agreed.

    Principal adds up to what is owed exactly, the last installment absorbs the rounding, and no row is
    negative. Raises InvalidTerms.
    """
    return _Planner(terms).schedule()


class _Planner:
    """Works in minor units (céntimos) and scaled rates; gives Decimals at the end."""

    def __init__(self, terms: LoanTerms) -> None:
        self.terms = terms
        self.unit = 10**terms.decimals
        self.principal = int(terms.principal * self.unit)
        self.fees = self.fee_amounts()
        self.fee_per_installment = self.fees[FeeWhen.PER_INSTALLMENT]
        self.down_payment = self.share(self.principal, terms.down_payment)
        self.owed = self.principal - self.down_payment + self.fees[FeeWhen.UPFRONT_ADDED]
        self.tranches = [(part.on, int(part.amount * self.unit)) for part in terms.tranches[1:]]
        self.periods = periods_of(terms)

    def share(self, amount: int, fraction: Decimal) -> int:
        """`fraction` of `amount`, rounded as the terms say."""
        rounding = ROUND_HALF_EVEN if self.terms.half_even else ROUND_HALF_UP
        return int((amount * fraction).quantize(Decimal(1), rounding=rounding))

    def fee_amounts(self) -> dict[FeeWhen, int]:
        """Fees by when they fall due; shares are of the principal."""
        amounts = dict.fromkeys(FeeWhen, 0)
        for fee in self.terms.fees:
            share = self.share(self.principal, fee.share or Decimal(0))
            amounts[fee.when] += share if fee.amount is None else int(fee.amount * self.unit)
        return amounts

    def at_rate(self, amount: int, rate: int) -> int:
        return divide(amount * rate, RATE_SCALE, half_even=self.terms.half_even)

    def schedule(self) -> Schedule:
        terms = self.terms
        later = sum(amount for _day, amount in self.tranches)
        balance = self.owed - later
        level = self.level_installment()
        rows = []
        if self.down_payment:
            rows.append(self._row(0, terms.disbursed_on, 0, self.down_payment, 0, 0, 0, balance))
        waiting_interest = 0
        planned = self.planned_principal()
        for period in self.periods:
            drawn, drawn_interest = self.drawn_in(period)
            base = self.owed if terms.interest_method is InterestMethod.FLAT else balance
            accrued = self.at_rate(base, period.rate) + drawn_interest
            insured = balance + (accrued if self.insures_interest else 0)
            insurance = self.at_rate(insured, period.insurance_rate)
            balance += drawn
            principal = self.principal_of(period, balance, accrued, insurance, level, planned)
            balance -= principal
            waiting_interest += accrued
            interest = 0
            if period.n > terms.grace_on_interest or period is self.periods[-1]:
                interest, waiting_interest = waiting_interest, 0
            rows.append(
                self._row(
                    period.n,
                    period.due_on,
                    period.days,
                    principal,
                    interest,
                    insurance,
                    self.fee_per_installment,
                    balance,
                )
            )
        return self._finished(rows, level)

    @property
    def insures_interest(self) -> bool:
        insurance = self.terms.insurance
        return insurance is not None and insurance.base is InsuranceBase.BALANCE_PLUS_INTEREST

    def drawn_in(self, period: Period) -> tuple[int, int]:
        """Tranches handed over during the period and their interest up to its due date."""
        drawn = interest = 0
        for day, amount in self.tranches:
            if period.starts_on <= day < period.due_on:
                drawn += amount
                interest += self.at_rate(amount, rate_between(self.terms, day, period.due_on, period.n))
        return drawn, interest

    def principal_of(
        self, period: Period, balance: int, accrued: int, insurance: int, level: int, planned: Sequence[int]
    ) -> int:
        """Principal of one installment: never negative, never above the balance, all of it at the end."""
        terms = self.terms
        if period is self.periods[-1]:
            return balance
        if period.n <= terms.grace_on_principal or terms.amortization is Amortization.BULLET:
            return 0
        if terms.amortization is Amortization.EQUAL_INSTALLMENTS and (
            terms.interest_method is InterestMethod.DECLINING_BALANCE
        ):
            in_level = terms.insurance is not None and terms.insurance.in_installment
            principal = level - accrued - (insurance if in_level else 0)
        else:
            principal = planned[period.n - 1]
        return max(0, min(principal, balance))

    def planned_principal(self) -> list[int]:
        """Principal of each installment where it is fixed beforehand: equal parts, or a plan."""
        terms = self.terms
        if terms.amortization is Amortization.IRREGULAR:
            return [
                int(payment.amount * self.unit)
                if payment.amount is not None
                else self.share(self.owed, payment.share or Decimal(0))
                for payment in terms.plan
            ]
        paying = terms.installments - terms.grace_on_principal
        part = divide(self.owed, paying, half_even=terms.half_even)
        if terms.interest_method is InterestMethod.FLAT and terms.rounding_multiple:
            return [
                self.to_multiple(part + self.at_rate(self.owed, period.rate)) - self.at_rate(self.owed, period.rate)
                for period in self.periods
            ]
        return [self.to_multiple(part)] * terms.installments

    def level_installment(self) -> int:
        """The installment that pays the loan off at its own due dates: owed = sum of level / growth.

        Includes the insurance unless it comes on top. Zero for other amortizations.
        """
        terms = self.terms
        if terms.amortization is not Amortization.EQUAL_INSTALLMENTS or terms.interest_method is InterestMethod.FLAT:
            return 0
        paying = self.periods[terms.grace_on_principal :]
        in_level = terms.insurance is not None and terms.insurance.in_installment
        with localcontext(prec=_PRECISION):
            owed = Decimal(self.owed - sum(amount for _day, amount in self.tranches))
            growth = Decimal(1)
            installments_worth = Decimal(0)
            for period in paying:
                charge = Decimal(period.insurance_rate if in_level else 0)
                if self.insures_interest:
                    charge += charge * period.rate / RATE_SCALE
                growth *= 1 + (period.rate + charge) / RATE_SCALE
                installments_worth += 1 / growth
                for day, amount in self.tranches:
                    if period.starts_on <= day < period.due_on:
                        rate = rate_between(terms, day, period.due_on, period.n)
                        owed += amount * (1 + Decimal(rate) / RATE_SCALE) / growth
            owed += sum(amount for day, amount in self.tranches if day < paying[0].starts_on)
            rounding = ROUND_HALF_EVEN if terms.half_even else ROUND_HALF_UP
            level = int((owed / installments_worth).quantize(Decimal(1), rounding=rounding))
        return self.to_multiple(level)

    def to_multiple(self, amount: int) -> int:
        """The nearest multiple the terms ask for, never zero."""
        if self.terms.rounding_multiple is None:
            return amount
        multiple = int(self.terms.rounding_multiple * self.unit)
        return max(multiple, divide(amount, multiple, half_even=self.terms.half_even) * multiple)

    def _row(
        self,
        n: int,
        due_on: date,
        days: int,
        principal: int,
        interest: int,
        insurance: int,
        fees: int,
        outstanding: int,
    ) -> Row:
        total = principal + interest + insurance + fees
        money = self.money
        return Row(
            n,
            due_on,
            days,
            money(principal),
            money(interest),
            money(insurance),
            money(fees),
            money(0),
            money(total),
            money(outstanding),
        )

    def money(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-self.terms.decimals)

    def _finished(self, rows: Sequence[Row], level: int) -> Schedule:
        zero = self.money(0)
        received = self.money(self.principal - self.fees[FeeWhen.UPFRONT_DEDUCTED])
        totals = Totals(
            principal=sum((row.principal for row in rows), zero),
            interest=sum((row.interest for row in rows), zero),
            insurance=sum((row.insurance for row in rows), zero),
            fees=sum((row.fees for row in rows), zero),
            moratory=zero,
            total=sum((row.total for row in rows), zero),
            upfront_fees=self.money(self.fees[FeeWhen.UPFRONT_ADDED] + self.fees[FeeWhen.UPFRONT_DEDUCTED]),
            received=received,
        )
        installment = self.money(level + self.fee_per_installment) if level else max(row.total for row in rows if row.n)
        return Schedule(self.terms, tuple(rows), totals, installment)


def periods_of(terms: LoanTerms) -> list[Period]:
    """Every repayment period with its days and fixed rates."""
    periods = []
    start = terms.disbursed_on
    by_months = terms.repay_unit is RepayUnit.MONTHS and terms.amortization is not Amortization.IRREGULAR
    for n, due in enumerate(due_dates(terms), start=1):
        due = max(due, start)  # two dates moved onto one working day leave an empty period between them
        months = terms.repay_every if by_months and (n > 1 or starts_regular(terms)) else None
        days = counted_days(start, due, terms, months=months)
        years = counted_years(start, due, terms, months=months)
        rate = Decimal(0) if n <= terms.interest_free else _rate(terms, years)
        insured_months = Decimal(days) / 30 if months is None else Decimal(months)
        periods.append(Period(n, start, due, days, scaled(rate), _insurance_rate(terms, insured_months)))
        start = due
    return periods


def rate_between(terms: LoanTerms, start: date, end: date, n: int) -> int:
    """Scaled rate for part of period `n`."""
    if n <= terms.interest_free:
        return 0
    return scaled(_rate(terms, counted_years(start, end, terms, months=None)))


def _rate(terms: LoanTerms, years: Decimal) -> Decimal:
    if terms.rate_type is RateType.EFFECTIVE:
        return effective_rate(terms.annual_rate, years)
    return nominal_rate(terms.annual_rate, years)


def _insurance_rate(terms: LoanTerms, months: Decimal) -> int:
    return scaled(fix_rate(terms.insurance.monthly_rate * months)) if terms.insurance else 0


def _rate_is_stated(terms: LoanTerms) -> bool:
    """Whether the schedule charges exactly the agreed effective rate on a 360-day year."""
    return (
        terms.rate_type is RateType.EFFECTIVE
        and terms.interest_method is InterestMethod.DECLINING_BALANCE
        and terms.days_in_year == DAYS_IN_YEAR
        and not terms.interest_free
        and not terms.grace_on_interest
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
