"""The plain way to a schedule: one Decimal multiplication and rounding per row, powers kept.

Written apart from lending.schedules, from the formulas alone. The tests hold the product against it, and
`benchmarks/schedules.py` measures how much the product gains on it.
"""

from calendar import monthrange
from collections.abc import Sequence
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


def monthly_dates(disbursed_on: date, installments: int) -> list[date]:
    """Due dates each month, back to the day of disbursement after short months."""
    dates = []
    for number in range(1, installments + 1):
        years, month = divmod(disbursed_on.month - 1 + number, 12)
        year = disbursed_on.year + years
        dates.append(date(year, month + 1, min(disbursed_on.day, monthrange(year, month + 1)[1])))
    return dates


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
