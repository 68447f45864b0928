"""When installments fall due, and how long each period counts."""

from calendar import isleap, monthrange
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from lending.schedules.terms import Amortization, InterestPeriod, LoanTerms, RepayUnit, WorkingDayRule

_FEBRUARY = 1
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def add_months(start: date, months: int, day: int | None = None) -> date:
    """The date `months` later, on `day` (the start's own by default) or the month's last day before it."""
    years, month = divmod(start.month - 1 + months, 12)
    return _day_of(start.year + years, month, day or start.day)


def _day_of(year: int, month: int, day: int) -> date:
    """The day of a month (0 is January), or the month's last one before it."""
    longest = 29 if month == _FEBRUARY and isleap(year) else _LENGTHS[month]
    return date(year, month + 1, day if day < longest else longest)


def due_dates(terms: LoanTerms) -> list[date]:
    """Due date of every installment, moved to working days as the rule says.

    Months are counted from the first due date and return to the seed day after a short month: 31 January,
    28 February, 31 March. A moved date does not move the ones after it.
    """
    days = nominal_due_dates(terms)
    return days if terms.working_day_rule is WorkingDayRule.NONE else [to_working_day(day, terms) for day in days]


def nominal_due_dates(terms: LoanTerms) -> list[date]:
    """Due dates before the working-day rule."""
    if terms.amortization is Amortization.IRREGULAR:
        return [payment.on for payment in terms.plan]
    first = first_due_date(terms)
    if terms.repay_unit is RepayUnit.MONTHS:
        day = seed_day(terms)
        start = first.year * 12 + first.month - 1
        months = range(start, start + terms.installments * terms.repay_every, terms.repay_every)
        return [_day_of(number // 12, number % 12, day) for number in months]
    step = timedelta(days=terms.repay_every * (7 if terms.repay_unit is RepayUnit.WEEKS else 1))
    return [first + n * step for n in range(terms.installments)]


def first_due_date(terms: LoanTerms) -> date:
    """The given first due date, or one period after disbursement."""
    if terms.first_due_on:
        return terms.first_due_on
    if terms.repay_unit is RepayUnit.MONTHS:
        return add_months(terms.disbursed_on, terms.repay_every, terms.seed_day)
    days = terms.repay_every * (7 if terms.repay_unit is RepayUnit.WEEKS else 1)
    return terms.disbursed_on + timedelta(days=days)


def starts_regular(terms: LoanTerms) -> bool:
    """Whether the first period is as long as the others: repay_every whole months."""
    usual = add_months(terms.disbursed_on, terms.repay_every, terms.seed_day)
    return terms.first_due_on in (None, usual)


def seed_day(terms: LoanTerms) -> int:
    """Day of the month that due dates return to.

    A first date on a month's last day, no later in it than the disbursement's own, was cut short by that
    month: disbursed on the 31st, due on 28 February, then 31 March.
    """
    if terms.seed_day:
        return terms.seed_day
    first = first_due_date(terms)
    last_of_month = monthrange(first.year, first.month)[1]
    return terms.disbursed_on.day if first.day == last_of_month < terms.disbursed_on.day else first.day


def to_working_day(day: date, terms: LoanTerms) -> date:
    """`day`, or the nearest working day after or before it, as the terms say; never before disbursement."""
    if terms.working_day_rule is WorkingDayRule.NONE:
        return day
    step = timedelta(days=1 if terms.working_day_rule is WorkingDayRule.NEXT else -1)
    moved = day
    while moved.weekday() in terms.rest_days or moved in terms.holidays:
        moved += step
        if moved <= terms.disbursed_on:
            return day
    return moved


@lru_cache(maxsize=64)
def peruvian_holidays(first_year: int, years: int = 60) -> frozenset[date]:
    """National holidays of Peru from a year on."""
    from holidays import country_holidays  # a large package, wanted by few schedules

    return frozenset(country_holidays("PE", years=range(first_year, first_year + years)))


def counted_days(start: date, end: date, terms: LoanTerms, *, months: int | None) -> int:
    """Days from `start` to `end` as the schedule shows them; `months` when it is that many whole ones."""
    if terms.days_in_month is None or terms.repay_unit is not RepayUnit.MONTHS:
        return (end - start).days
    if months is not None:
        return 30 * months
    whole, rest = months_and_days(start, end)
    return 30 * whole + rest


def counted_years(start: date, end: date, terms: LoanTerms, *, months: int | None) -> Decimal:
    """The period as a fraction of a year, which its interest rate is worked out from."""
    if terms.interest_period is InterestPeriod.SAME_AS_REPAYMENT:
        if terms.repay_unit is RepayUnit.MONTHS:
            whole, rest = (months, 0) if months is not None else months_and_days(start, end)
            return Decimal(30 * whole + rest) / 360
        if terms.repay_unit is RepayUnit.WEEKS:
            return Decimal((end - start).days) / (7 * 52)
    return year_fraction(start, end, counted_days(start, end, terms, months=months), terms.days_in_year)


def year_fraction(start: date, end: date, days: int, days_in_year: int | None) -> Decimal:
    """`days` over the year's length; with the calendar's own, each year counts by its share."""
    if days_in_year:
        return share_of_year(days, days_in_year)
    total = Decimal(0)
    while start < end:
        stop = min(end, date(start.year + 1, 1, 1))
        total += share_of_year((stop - start).days, 366 if isleap(start.year) else 365)
        start = stop
    return total


def months_and_days(start: date, end: date) -> tuple[int, int]:
    """Whole months from `start` to `end`, and the days left over."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, months) > end:
        months -= 1
    return months, (end - add_months(start, months)).days


@lru_cache(maxsize=4096)
def share_of_year(days: int, length: int) -> Decimal:
    """`days` of a year of `length` days."""
    return Decimal(days) / length
