"""Plain ways to a schedule in Decimal, powers kept; written apart from lending.schedules, from the formulas alone.

`plain_schedule` is the per-row loop as one writes it from the norm: dates, rate of each period from a kept power,
the equal installment, and rows of amounts rounded to the céntimo. `level_schedule` is the least that such a loop can
do: due dates given, each rounding written out, bare tuples. The tests hold the product against both, and
`benchmarks/schedules.py` measures how much the product gains on each.
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import cache

CENT = Decimal("0.01")
TEN_DECIMALS = Decimal("1E-10")

DecimalRow = tuple[date, Decimal, Decimal, Decimal, Decimal, Decimal]


@cache
def rate_of_days(tea: Decimal, days: int) -> Decimal:
    """(1 + tea)^(days/360) - 1, at ten decimals."""
    with localcontext(Context(prec=50)):
        return ((1 + tea) ** (Decimal(days) / 360) - 1).quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP)


def level_schedule(
    principal: Decimal, tea: Decimal, disbursed_on: date, due_dates: Sequence[date], insurance: Decimal
) -> list[DecimalRow]:
    """Rows (due, principal, interest, insurance, total, outstanding) with a level total.

    `insurance` is a monthly rate on the opening balance. The last row pays whatever is left.
    """
    rates = []
    start = disbursed_on
    for due in due_dates:
        rates.append(rate_of_days(tea, (due - start).days))
        start = due
    growth, worth = Decimal(1), Decimal(0)
    for rate in rates:
        growth /= 1 + rate + insurance
        worth += growth
    level = (principal / worth).quantize(CENT, rounding=ROUND_HALF_UP)
    balance = principal
    rows = []
    for due, rate in zip(due_dates, rates, strict=True):
        interest = (balance * rate).quantize(CENT, rounding=ROUND_HALF_UP)
        charge = (balance * insurance).quantize(CENT, rounding=ROUND_HALF_UP)
        paid = balance if due is due_dates[-1] else max(min(level - interest - charge, balance), Decimal(0))
        balance -= paid
        rows.append((due, paid, interest, charge, paid + interest + charge, balance))
    return rows


@dataclass(frozen=True)
class Installment:
    """One row of `plain_schedule`, in soles."""

    n: int
    due_on: date
    days: int
    principal: Decimal
    interest: Decimal
    insurance: Decimal
    total: Decimal
    outstanding: Decimal


def plain_schedule(
    principal: Decimal, tea: Decimal, disbursed_on: date, installments: int, insurance: Decimal
) -> list[Installment]:
    """The rows of a loan from its terms; `insurance` is a monthly rate on the opening balance."""
    due_dates = [add_month(disbursed_on, n) for n in range(1, installments + 1)]
    starts = [disbursed_on, *due_dates[:-1]]
    days = [(due - start).days for start, due in zip(starts, due_dates, strict=True)]
    level = equal_installment(principal, [rate_of_days(tea, length) + insurance for length in days])
    balance, rows = principal, []
    for n, (due, length) in enumerate(zip(due_dates, days, strict=True), start=1):
        interest = rounded(balance * rate_of_days(tea, length))
        charge = rounded(balance * insurance)
        paid = balance if n == installments else min(max(level - interest - charge, Decimal(0)), balance)
        balance -= paid
        rows.append(Installment(n, due, length, paid, interest, charge, paid + interest + charge, balance))
    return rows


def equal_installment(principal: Decimal, rates: Sequence[Decimal]) -> Decimal:
    """C with the sum of C / growth equal to the principal."""
    growth, worth = Decimal(1), Decimal(0)
    for rate in rates:
        growth *= 1 + rate
        worth += 1 / growth
    return rounded(principal / worth)


def rounded(amount: Decimal) -> Decimal:
    """To the céntimo, halves up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def add_month(start: date, months: int) -> date:
    """The same day some months later, or the last of that month."""
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
