"""The usual loan at once: equal monthly installments at an effective rate, by the days of each month.

Most loans are that, and a simulator, an offer or a search through amounts and terms asks for very many one by one.
What only depends on the days (due dates, lengths) or on rate and lengths (rates of the periods, what installments of
one are worth) is worked out once and kept; the rest is one loop of float additions that round like whole numbers, as
in `lending.schedules.walk`, whose bounds say when that is certain. Everything else, and whatever is not certain, goes
through `Planner`: the same cents.
"""

from datetime import date
from decimal import Decimal
from functools import lru_cache
from operator import sub
from typing import Final, NamedTuple

from lending.interest import RATE_SCALE, fix_rate, scaled
from lending.schedules.calendar import due_dates, share_of_year, starts_regular
from lending.schedules.periods import scaled_rate
from lending.schedules.rows import INSTALLMENT, Columns, Schedule
from lending.schedules.terms import (
    Amortization,
    InsuranceBase,
    InterestMethod,
    InterestPeriod,
    LoanTerms,
    RateType,
    RepayUnit,
    WorkingDayRule,
)
from lending.schedules.walk import LARGEST_INTEREST, LARGEST_PRINCIPAL, RAISED, WHOLE

Amounts = tuple[float, ...]
_NOTHING: Final = Decimal(0)


class Factors(NamedTuple):
    """What loans alike in everything but their amount share."""

    rates: tuple[tuple[float, float], ...]  # of each period: interest and insurance, in units of 1e-10
    highest: tuple[float, float]
    worth: float  # of installments of 1


def usual_schedule(terms: LoanTerms) -> Schedule | None:
    """The schedule of a usual loan; None for another one, and where floats are not certain of a céntimo."""
    if not _is_usual(terms):
        return None
    every, principal = terms.repay_every, int(terms.principal * 10**terms.decimals)
    due, days, regular = calendar_of(terms.disbursed_on, terms.first_due_on, terms.seed_day, every, terms.installments)
    insured = terms.insurance.monthly_rate if terms.insurance else _NOTHING
    found = level_columns(principal, factors_of(terms.annual_rate, insured, days, every, regular))
    if found is None:
        return None
    level, interest, insurance, left = found
    count = len(due)
    nothing = (0,) * count
    columns = Columns(
        tuple(range(1, count + 1)), due, days, tuple(map(sub, (principal, *left), left)), interest, insurance,
        nothing, nothing, left, (INSTALLMENT,) * count,
    )  # fmt: skip
    return Schedule(terms, columns, level, received=principal)


def level_columns(principal: int, factors: Factors) -> tuple[int, Amounts, Amounts, Amounts] | None:
    """The level installment, and of each period interest, insurance and what is left: whole numbers.

    None where floats are not certain, or where an installment pays no principal.
    """
    balance, (rate, insured) = float(principal), factors.highest
    if principal >= LARGEST_PRINCIPAL or balance * max(rate, insured) >= LARGEST_INTEREST:
        return None
    exact = balance / factors.worth
    if abs(exact % 1.0 - 0.5) < 1e-8 + exact * 1e-14 * len(factors.rates):
        return None
    level = float(int(exact + 0.5))
    if level <= balance * (rate + insured) / RATE_SCALE + 2.0:
        return None
    interests, insurances, left = [], [], []
    for rate, insured in factors.rates:
        interest = balance * rate * RAISED + WHOLE - WHOLE
        insurance = balance * insured * RAISED + WHOLE - WHOLE
        balance -= level - interest - insurance
        interests.append(interest)
        insurances.append(insurance)
        left.append(balance)
    if len(left) > 1 and left[-2] < 0:
        return None
    left[-1] = 0.0  # the last installment pays what is left
    return int(level), tuple(interests), tuple(insurances), tuple(left)


@lru_cache(maxsize=16_384)
def factors_of(annual_rate: Decimal, monthly: Decimal, days: tuple[int, ...], months: int, regular: bool) -> Factors:
    """Of periods of so many days. `monthly` is the insurance's rate: it counts whole `months`, and by days where the
    first period is not `regular`."""
    known = {length: scaled_rate(annual_rate, share_of_year(length, 360)) for length in set(days)}
    whole, first = (scaled(fix_rate(monthly * share)) for share in (months, Decimal(days[0]) / 30))
    insured = [whole if regular else first, *[whole] * (len(days) - 1)]
    rates = tuple((float(known[length]), float(rate)) for length, rate in zip(days, insured, strict=True))
    worth = 0.0
    for pair in reversed(rates):
        worth = (worth + 1.0) / (1.0 + sum(pair) / RATE_SCALE)
    return Factors(rates, max(rates), worth)


@lru_cache(maxsize=4_096)
def calendar_of(
    disbursed_on: date, first_due_on: date | None, seed_day: int | None, every: int, count: int
) -> tuple[tuple[date, ...], tuple[int, ...], bool]:
    """Due dates, lengths of the periods in days, and whether the first one is as long as the others."""
    terms = LoanTerms(
        principal=Decimal(1), annual_rate=_NOTHING, installments=count, disbursed_on=disbursed_on,
        first_due_on=first_due_on, seed_day=seed_day, repay_every=every,
    )  # fmt: skip
    due = tuple(due_dates(terms))
    starts = (disbursed_on, *due[:-1])
    return due, tuple((end - start).days for start, end in zip(starts, due, strict=True)), starts_regular(terms)


def _is_usual(terms: LoanTerms) -> bool:
    insurance = terms.insurance
    return (
        terms.amortization is Amortization.EQUAL_INSTALLMENTS
        and terms.repay_unit is RepayUnit.MONTHS
        and terms.rate_type is RateType.EFFECTIVE
        and terms.interest_method is InterestMethod.DECLINING_BALANCE
        and terms.interest_period is InterestPeriod.DAILY
        and terms.working_day_rule is WorkingDayRule.NONE
        and terms.days_in_year == 360
        and terms.days_in_month is None
        and terms.rounding_multiple is None
        and not (terms.fees or terms.tranches or terms.down_payment or terms.half_even)
        and not (terms.grace_on_principal or terms.grace_on_interest or terms.interest_free)
        and (insurance is None or (insurance.base is InsuranceBase.OPENING_BALANCE and insurance.in_installment))
    )
