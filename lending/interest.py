"""Interest on a 360-day year, and the yearly cost (TCEA) of a set of payments.

Every period rate is fixed at ten decimals. That makes Decimal, integer and array arithmetic agree to the
cent: all of them multiply a balance by the same rate and round once.
"""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import lru_cache
from typing import Final

from lending.money import round_money

DAYS_IN_YEAR: Final = 360
RATE_PLACES: Final = 10
RATE_SCALE: Final = 10**RATE_PLACES
_RATE_STEP = Decimal(1).scaleb(-RATE_PLACES)
_CONTEXT = Context(prec=34, rounding=ROUND_HALF_UP)
_NEWTON_STEPS = 60
_WIDE_CONTEXT = Context(prec=140, rounding=ROUND_HALF_UP)
_LOWEST_LOG, _HIGHEST_LOG = -8.0, 250.0  # of ln(1 + yearly rate): nearly all lost, or a fee on a loan of a day
_LARGEST_EXPONENT = 600.0


class NoRate(ValueError):
    """No yearly rate equals these payments with what was received."""


def fix_rate(rate: Decimal) -> Decimal:
    """`rate` at ten decimals, half up."""
    return rate.quantize(_RATE_STEP, rounding=ROUND_HALF_UP, context=_CONTEXT)


@lru_cache(maxsize=65_536)
def effective_rate(annual: Decimal, years: Decimal) -> Decimal:
    """Rate of a period of `years` (a fraction) at an effective annual rate: (1 + annual)^years - 1."""
    if annual < 0 or years < 0:
        raise ValueError("rates and periods must not be negative")
    if not annual:
        return Decimal(0)
    with localcontext(_CONTEXT):
        return fix_rate((1 + annual) ** years - 1)


@lru_cache(maxsize=65_536)
def period_rate(tea: Decimal, days: int, days_in_year: int = DAYS_IN_YEAR) -> Decimal:
    """Rate of `days` at an effective annual rate `tea` (fractions): (1 + tea)^(days/360) - 1."""
    with localcontext(_CONTEXT):
        return effective_rate(tea, Decimal(days) / days_in_year)


@lru_cache(maxsize=65_536)
def nominal_rate(annual: Decimal, years: Decimal) -> Decimal:
    """Rate of a period of `years` (a fraction) at a nominal annual rate: annual x years."""
    if annual < 0 or years < 0:
        raise ValueError("rates and periods must not be negative")
    with localcontext(_CONTEXT):
        return fix_rate(annual * years)


def monthly_rate(tea: Decimal) -> Decimal:
    """TEM: the rate of 30 days."""
    return period_rate(tea, 30)


def annual_rate(tem: Decimal) -> Decimal:
    """TEA of a rate for 30 days, at ten decimals."""
    with localcontext(_CONTEXT):
        return fix_rate((1 + tem) ** 12 - 1)


def period_interest(balance: Decimal, tea: Decimal, days: int) -> Decimal:
    """Interest on `balance` soles over `days`, on a 360-day year.

    `tea` is a fraction. Rounds half up to 0.01. Raises ValueError on negatives.
    """
    if balance < 0 or tea < 0 or days < 0:
        raise ValueError("balance, tea and days must not be negative")
    with localcontext(_CONTEXT):
        return round_money(balance * period_rate(tea, days))


def scaled(rate: Decimal) -> int:
    """A ten-decimal rate as the whole number the integer arithmetic uses."""
    return int(rate.scaleb(RATE_PLACES))


def divide(numerator: int, denominator: int, *, half_even: bool = False) -> int:
    """numerator / denominator to the nearest whole, halves up (or to even). Both are not negative."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and (not half_even or quotient & 1)):
        return quotient + 1
    return quotient


def tcea(received: Decimal, payments: Sequence[tuple[int, Decimal]]) -> Decimal:
    """Yearly cost as a fraction: r such that received = sum of payment / (1 + r)^(days/360).

    `payments` are (days since disbursement, soles). To ten decimals. Raises NoRate when no rate fits.
    """
    flows = [(0, -float(received)), *((days, float(amount)) for days, amount in payments)]
    return internal_rate(flows)


def internal_rate(flows: Sequence[tuple[int, float]], guess: float = 0.4) -> Decimal:
    """Yearly rate at which `flows` (days, money; received negative, paid positive) are worth nothing.

    Newton on ln(1 + r), where a loan's value is a sum of exponentials: smooth, and monotone for ordinary
    loans. Falls back on bisection. To ten decimals, 360-day years. Raises NoRate.
    """
    times = [days / DAYS_IN_YEAR for days, _amount in flows]
    amounts = [amount for _days, amount in flows]
    if not any(amount > 0 for amount in amounts) or not any(amount < 0 for amount in amounts):
        raise NoRate("payments and disbursements are both needed")
    size = sum(abs(amount) for amount in amounts)
    if not any(time and amount for time, amount in zip(times, amounts, strict=True)):
        if abs(sum(amounts)) > 1e-9 * size:
            raise NoRate("all on one day, and not the same")
        return Decimal(0)  # given back on the day: any rate fits, and it cost nothing
    lowest = max(_LOWEST_LOG, -_LARGEST_EXPONENT / (max(times) or 1))
    log_rate = math.log1p(guess)
    for _step in range(_NEWTON_STEPS):
        value = slope = 0.0
        for time, amount in zip(times, amounts, strict=True):
            present = amount * math.exp(-log_rate * time)
            value += present
            slope -= time * present
        if slope == 0:
            break
        change = value / slope
        log_rate -= max(-2.0, min(2.0, change))
        if not lowest < log_rate < _HIGHEST_LOG:
            break
        if abs(change) < 1e-14 or abs(value) < 1e-15 * size:
            return _from_log(log_rate)
    return _from_log(_bisect(times, amounts, lowest))


def _bisect(times: Sequence[float], amounts: Sequence[float], low: float) -> float:
    def value(log_rate: float) -> float:
        return sum(amount * math.exp(-log_rate * time) for time, amount in zip(times, amounts, strict=True))

    high = _HIGHEST_LOG
    value_low = value(low)
    if value_low * value(high) > 0:
        raise NoRate("no yearly rate fits these payments")
    for _step in range(200):
        middle = (low + high) / 2
        if value(middle) * value_low > 0:
            low = middle
        else:
            high = middle
    return low


def _from_log(log_rate: float) -> Decimal:
    rate = Decimal(repr(math.expm1(log_rate)))
    return _WIDE_CONTEXT.quantize(rate, _RATE_STEP) + 0
