"""The quick walk through very many level schedules: float additions over columns that stay in cache.

A float at or above 2^52 holds whole numbers only: adding 2^52 rounds, and the bits then count like an integer.
So one addition and one subtraction take the place of rounding, flooring and converting. Products are raised by
more than a float's error and by less than what separates two products of céntimos and ten-decimal rates:
halves go up, and nothing else moves. Where that is not certain, the careful way of
`lending.schedules.arrays` decides.
"""

from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lending.interest import DAYS_IN_YEAR, RATE_SCALE, period_rate, scaled

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

TEA_SCALE: Final = 10**8  # rates go in as whole hundred-millionths, as the database keeps them
WHOLE: Final = 2.0**52
_WHOLE_BITS: Final = int(np.float64(WHOLE).view(np.int64))
# 1e-10 and one step of a float: 1.66e-16 above. céntimos x rate is a whole number that a float holds exactly; scaled
# by this it lies above the exact quotient, even after rounding (1.11e-16): never on a half. And it stays below the
# next possible quotient, 1e-10 further, up to 360,000 céntimos.
RAISED: Final = float(np.nextafter(1e-10, 1))
LARGEST_INTEREST: Final = 3.6e5 * RATE_SCALE  # of one period
# Scaled beforehand, a rate is rounded once more: it takes two steps of a float, 2.95e-16, and halves what is certain.
_RAISED_TWICE: Final = float(np.nextafter(RAISED, 1))
_LARGEST_INSURANCE: Final = 1.9e5 * RATE_SCALE
LARGEST_PRINCIPAL: Final = 2**45
_WIDEST: Final = 16  # lengths of period from the shortest to the longest; wider calendars are compressed
_MONTHS: Final = np.arange(28, 32)  # the lengths of months


class Walk:
    """Walks of `installments` periods over up to `width` loans at a time, in one set of buffers."""

    def __init__(self, installments: int, width: int) -> None:
        self.days = np.empty((installments, width), np.int64)
        self.rates = np.empty((installments, width))
        self.floats = np.empty((3, width))

    def schedules(
        self, principal: Int64, tea: Int64, insurance: Int64, starts: Int64, due: Int64, level: Int64, parts: Int64
    ) -> NDArray[np.bool_]:
        """Fills `level` [n] and `parts` [4, m, n] and tells for which loans [n] they are certain.

        `starts` [n] and `due` [m, n] are days since 1970, or [1] and [m, 1]; `insurance` is [2, n] where the first
        period has a rate of its own; the rest as in `level_schedules`.
        """
        rates, highest = self._rates(tea, starts, due)
        charges = np.atleast_2d(insurance.astype(np.float64))
        most = charges[0] if len(charges) == 1 else charges.max(axis=0)
        certain = self._levels(principal, rates, charges, level)
        certain &= (principal * highest < LARGEST_INTEREST) & (principal * most < _LARGEST_INSURANCE)
        certain &= principal < LARGEST_PRINCIPAL
        certain &= level > principal * ((highest + most) / RATE_SCALE) + 2  # every installment pays principal
        self._amortize(principal, rates, charges, level, parts)
        if len(due) > 1:
            certain &= parts[3, -2] >= 0
        return certain

    def _rates(self, tea: Int64, starts: Int64, due: Int64) -> tuple[list[Float64], Float64]:
        """Rates of each period in units of 1e-10, m times [n], and the rate of the longest one [n]."""
        if due.shape[1] > 1:
            return self._monthly_rates(tea, starts, due) or self._other_rates(tea, starts, due)
        days = np.diff(due[:, 0], prepend=starts)
        lengths, places = np.unique(days, return_inverse=True)
        table = list(np.ascontiguousarray(_rate_table(tea, lengths).T))
        return [table[place] for place in places], table[-1]

    def _monthly_rates(self, tea: Int64, starts: Int64, due: Int64) -> tuple[list[Float64], Float64] | None:
        """The same for periods of whole months, row by row in cache; None where there are others."""
        count = len(tea)
        table = _rate_table(tea, _MONTHS)
        entries, rates, index = table.ravel(), self.rates[:, :count], self.days[0, :count]
        first = np.arange(0, count * len(_MONTHS), len(_MONTHS)) - _MONTHS[0]
        before = starts
        for row, day in enumerate(due):
            np.subtract(day, before, out=index)
            if index.min() < _MONTHS[0] or index.max() > _MONTHS[-1]:
                return None
            index += first
            np.take(entries, index, out=rates[row], mode="clip")
            before = day
        return list(rates), table[:, -1]

    def _other_rates(self, tea: Int64, starts: Int64, due: Int64) -> tuple[list[Float64], Float64]:
        count = len(tea)
        days = self.days[:, :count]
        np.subtract(due[0], starts, out=days[0])
        np.subtract(due[1:], due[:-1], out=days[1:])
        shortest, longest = int(days.min()), int(days.max())
        lengths = np.arange(shortest, longest + 1)
        if longest - shortest >= _WIDEST:
            lengths, places = np.unique(days, return_inverse=True)
            days[...] = places.reshape(days.shape)
            shortest = 0
        table = _rate_table(tea, lengths)
        days += np.arange(0, count * len(lengths), len(lengths)) - shortest
        rates = self.rates[:, :count]
        for row, index in enumerate(days):
            np.take(table.ravel(), index, out=rates[row], mode="clip")
        return list(rates), table[:, -1]

    def _levels(self, principal: Int64, rates: list[Float64], charges: Float64, level: Int64) -> NDArray[np.bool_]:
        """Level installments: principal over the sum of 1 / growth, summed from the last one back."""
        once = {id(rate): rate for rate in rates}
        worth, step = self.floats[:2, : len(principal)]
        worth[...] = 0
        charged = charges[-1] + RATE_SCALE
        alike = len(once) < len(rates) and len(charges) == 1  # periods that share their rates
        discounts = {key: RATE_SCALE / (rate + charged) for key, rate in once.items()} if alike else {}
        for place in range(len(rates) - 1, -1, -1):
            rate = rates[place]
            worth += 1
            if alike:
                worth *= discounts[id(rate)]
                continue
            np.add(rate, charged if place else charges[0] + RATE_SCALE, out=step)
            step *= 1 / RATE_SCALE
            worth /= step
        exact = principal / worth
        whole = np.floor(exact)
        level[...] = np.floor(exact + 0.5)
        return np.abs(exact - whole - 0.5) >= 1e-8 + exact * 1e-12

    def _amortize(self, principal: Int64, rates: list[Float64], charges: Float64, level: Int64, parts: Int64) -> None:
        """Fills principal, interest, insurance and outstanding from a level installment, the last one in full."""
        above, balance, product = self.floats[:, : len(principal)]
        np.add(principal, WHOLE, out=above)
        left, bits = above.view(np.int64), product.view(np.int64)
        insured = bool(charges.any())
        last = len(rates) - 1
        paid, interest, insurance, outstanding = parts
        charges = charges * _RAISED_TWICE
        if not insured:
            insurance[...] = 0
        for row, rate in enumerate(rates):
            np.subtract(above, WHOLE, out=balance)
            np.multiply(balance, rate, out=product)
            product *= RAISED
            product += WHOLE
            np.subtract(bits, _WHOLE_BITS, out=interest[row])
            if insured:
                np.multiply(balance, charges[-1] if row else charges[0], out=product)
                product += WHOLE
                np.subtract(bits, _WHOLE_BITS, out=insurance[row])
            if row == last:
                np.subtract(left, _WHOLE_BITS, out=paid[row])
                outstanding[row] = 0
                return
            np.subtract(level, interest[row], out=paid[row])
            if insured:
                paid[row] -= insurance[row]
            left -= paid[row]
            np.subtract(left, _WHOLE_BITS, out=outstanding[row])


def _rate_table(tea: Int64, lengths: Int64) -> Float64:
    """Rates for each loan and length of period [n, lengths], 1e-10; near an edge the exact Decimal decides."""
    table = np.multiply.outer(np.log1p(tea / TEA_SCALE), lengths / DAYS_IN_YEAR)
    np.expm1(table, out=table)
    table *= RATE_SCALE
    whole = np.rint(table)
    table -= whole
    np.abs(table, out=table)
    for place in np.flatnonzero(table.ravel() > 0.499):
        loan, length = divmod(int(place), len(lengths))
        if table[loan, length] > 0.5 - max(1e-5, whole[loan, length] * 1e-13):
            whole[loan, length] = scaled(period_rate(Decimal(int(tea[loan])) / TEA_SCALE, int(lengths[length])))
    return whole
