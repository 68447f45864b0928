"""Repayment periods and the fixed rates that interest and insurance follow in each."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from django.utils.translation import gettext as _

from lending.interest import RATE_SCALE, divide, effective_rate, fix_rate, nominal_rate, scaled
from lending.schedules.calendar import counted_days, counted_years, due_dates, starts_regular
from lending.schedules.terms import Amortization, InvalidTerms, LoanTerms, RateType, RepayUnit

Drawing = tuple[date, int]  # a tranche in minor units


class Period(NamedTuple):
    """One repayment period: what it counts for interest, and its rates as scaled whole numbers."""

    n: int
    starts_on: date
    due_on: date
    days: int
    years: Decimal
    months: Decimal  # for the insurance, whose rate is monthly
    rate: int
    insurance_rate: int

    def split(self, day: date, terms: LoanTerms) -> tuple["Period", "Period"]:
        """The parts before and after `day`, each with its own rates."""
        used = min((day - self.starts_on).days, self.days)
        return self._part(self.starts_on, day, used, terms), self._part(day, self.due_on, self.days - used, terms)

    def at(self, terms: LoanTerms) -> "Period":
        """The same period at the rates of other terms."""
        if terms.gives_costs:  # the insurance goes on as the plan has it
            return self._replace(rate=interest_rate(terms, self.n, self.years))
        return self._part(self.starts_on, self.due_on, self.days, terms)

    def _part(self, start: date, end: date, days: int, terms: LoanTerms) -> "Period":
        share = Decimal(days) / self.days if self.days else Decimal(0)
        years, months = self.years * share, self.months * share
        rates = self._given(share) if terms.gives_costs else (
            interest_rate(terms, self.n, years), _insurance_rate(terms, months)
        )  # fmt: skip
        return self._replace(
            starts_on=start, due_on=end, days=days, years=years, months=months, rate=rates[0], insurance_rate=rates[1]
        )

    def _given(self, share: Decimal) -> tuple[int, int]:
        """Rates of a part of a period whose costs were given: interest grows with its days, insurance is by day."""
        if share == 1:
            return self.rate, self.insurance_rate
        rate = scaled(effective_rate(Decimal(self.rate) / RATE_SCALE, share))
        return rate, int((self.insurance_rate * share).to_integral_value())


def periods_of(terms: LoanTerms, *, first_number: int = 1) -> list[Period]:
    """Every repayment period with its days and fixed rates."""
    periods = []
    alike: dict[object, tuple[Decimal, Decimal, int, int]] = {}
    start = terms.disbursed_on
    by_months = terms.repay_unit is RepayUnit.MONTHS and terms.amortization is not Amortization.IRREGULAR
    regular, calendar = by_months and starts_regular(terms), not terms.days_in_year
    free, of_thirty = terms.interest_free, terms.days_in_month is not None
    for n, due in enumerate(due_dates(terms), start=first_number):
        if due < start:  # two dates moved onto one working day leave an empty period between them
            due = start
        months = terms.repay_every if regular or (by_months and n > first_number) else None
        days = counted_days(start, due, terms, months=months) if of_thirty else (due - start).days
        kind: object = days  # alike: the same rates
        if months is None or calendar or free:
            kind = (days, months or start, n <= free, start if calendar else None)
        if kind not in alike:
            years = counted_years(start, due, terms, months=months)
            insured = Decimal(days) / 30 if months is None else Decimal(months)
            alike[kind] = (years, insured, interest_rate(terms, n, years), _insurance_rate(terms, insured))
        periods.append(Period(n, start, due, days, *alike[kind]))
        start = due
    return _as_given(periods, terms) if terms.gives_costs else periods


def _as_given(periods: list[Period], terms: LoanTerms) -> list[Period]:
    """The periods at the rates that the plan's own costs amount to."""
    unit = 10**terms.decimals
    balance, found = int(terms.principal * unit), []
    for period, payment in zip(periods, terms.plan, strict=True):
        rate, insured = (
            divide(int((cost or 0) * unit) * RATE_SCALE, max(balance, 1))
            for cost in (payment.interest, payment.insurance)
        )
        found.append(period._replace(rate=rate, insurance_rate=insured))
        balance -= int((payment.amount or 0) * unit)
    return found


def drawn_between(periods: Sequence[Period], tranches: Sequence[Drawing]) -> int:
    """Tranches that fall inside the periods."""
    return sum(amount for day, amount in tranches if periods[0].starts_on <= day < periods[-1].due_on)


def rate_between(terms: LoanTerms, start: date, end: date, n: int) -> int:
    """Scaled interest rate for part of period `n`."""
    return interest_rate(terms, n, counted_years(start, end, terms, months=None))


def interest_rate(terms: LoanTerms, n: int, years: Decimal) -> int:
    """Scaled rate of `years` in installment `n`; the first ones may be free of interest."""
    if n <= terms.interest_free:
        return 0
    if terms.rate_type is RateType.EFFECTIVE:
        return scaled_rate(terms.annual_rate, years)
    return scaled(nominal_rate(terms.annual_rate, years))


def scaled_rate(annual: Decimal, years: Decimal, field: str = "annual_rate_pct") -> int:
    """Scaled effective rate of `years`. Raises InvalidTerms naming the field where it outgrows all digits."""
    try:
        return scaled(effective_rate(annual, years))
    except InvalidOperation as error:
        raise InvalidTerms(field, _("La tasa es demasiado alta para un plazo tan largo")) from error


def _insurance_rate(terms: LoanTerms, months: Decimal) -> int:
    return scaled(fix_rate(terms.insurance.monthly_rate * months)) if terms.insurance else 0
