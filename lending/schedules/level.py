"""The common loan, fast: equal installments on a declining balance, in whole céntimos.

Plain integers, half up. A float only guesses the level installment; where it comes near a rounding edge the
exact Decimal decides. `Planner` takes this road when nothing unusual was agreed.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from lending.interest import RATE_SCALE

_HALF: Final = RATE_SCALE // 2

LevelRow = tuple[int, int, int, int]  # principal, interest, insurance and what is left, in céntimos


def level_installment(balance: int, rates: Sequence[int], insurance_rates: Sequence[int]) -> int:
    """The installment, insurance inside, that pays `balance` off: balance = sum of level / growth.

    Rates are of each period, in units of 1e-10.
    """
    discount, worth = 1.0, 0.0
    for rate, insurance in zip(rates, insurance_rates, strict=True):
        discount /= 1.0 + (rate + insurance) * 1e-10
        worth += discount
    guess = balance / worth if worth else 0.0
    if abs(guess % 1.0 - 0.5) < 1e-8 + guess * 1e-14 * len(rates):
        return exact_level(balance, [rate + insurance for rate, insurance in zip(rates, insurance_rates, strict=True)])
    return int(guess + 0.5)


def exact_level(balance: int, charges: Sequence[int | Decimal]) -> int:
    """The level installment in Decimal; `charges` are interest and insurance of each period, 1e-10."""
    with localcontext(prec=34):
        growth, worth = Decimal(1), Decimal(0)
        for charge in charges:
            growth *= 1 + Decimal(charge) / RATE_SCALE
            worth += 1 / growth
        return int((balance / worth).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def level_rows(balance: int, rates: Sequence[int], insurance_rates: Sequence[int], level: int) -> list[LevelRow]:
    """The installments of a loan; the last one pays what is left."""
    rows: list[LevelRow] = []
    for rate, insurance_rate in zip(rates, insurance_rates, strict=True):
        interest = (balance * rate + _HALF) // RATE_SCALE
        insurance = (balance * insurance_rate + _HALF) // RATE_SCALE
        principal = level - interest - insurance
        if not 0 <= principal <= balance:
            principal = max(0, min(principal, balance))
        balance -= principal
        rows.append((principal, interest, insurance, balance))
    if balance:
        principal, interest, insurance, left = rows[-1]
        rows[-1] = (principal + left, interest, insurance, 0)
    return rows
