"""Level schedules and their yearly cost for very many loans at once, in int64 céntimos.

The same rules as `build_schedule` for effective rates on 360 days, equal installments and insurance on the
opening balance: daily interest, actual days. Where a float comes too near a rounding edge, the exact Decimal
decides, so that not one cent differs. Arrays run period by period, `[m, n]` for m installments of n loans.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lending.interest import DAYS_IN_YEAR, RATE_SCALE, period_rate, scaled
from lending.schedules.level import exact_level
from lending.schedules.walk import TEA_SCALE, Float64, Int64, Walk

Days = NDArray[Any]  # datetime64[D]

CHUNK: Final = 12_288  # loans worked at a time: their columns stay in the processor's cache
_LONGEST_MONTH: Final = 31
_HALF: Final = RATE_SCALE // 2
_LARGEST_PRODUCT: Final = 2**63 - 2 * RATE_SCALE  # half a céntimo is added, and a float rounds by a thousand
_EXACT_IN_FLOATS: Final = 6e15  # under 2^53, and interest under 600,000 céntimos
_NEWTON_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class LevelSchedules:
    """Schedules of n loans in céntimos; the parts are int64[m, n], `installment` int64[n]."""

    installment: Int64
    principal: Int64
    interest: Int64
    insurance: Int64
    outstanding: Int64
    disbursed_on: Days  # [n], or [1] where all share their dates
    due: Days  # [m, n] or [m, 1]

    @property
    def total(self) -> Int64:
        """What each installment asks for, int64[m, n]."""
        return self.principal + self.interest + self.insurance

    @property
    def days(self) -> NDArray[np.int16]:
        """Length of each period, [m, n] or [m, 1]."""
        return _days(self.disbursed_on, self.due)


def due_days(disbursed_on: Days, installments: int, into: Days | None = None, first: Days | None = None) -> Days:
    """Monthly due dates, datetime64[D] of shape [m, n], back to the seed day after short months.

    `into`: memory for them, as in `level_schedules`. `first`: agreed first dates [n], NaT for the usual one.
    """
    disbursed = disbursed_on.astype("datetime64[D]")
    months, seeds = _month_and_day(disbursed)
    if first is not None:
        given = ~np.isnat(first)
        month, day = _month_and_day(np.where(given, first, disbursed))
        cut_short = (day == _month_and_day((month + 1).astype("datetime64[D]") - 1)[1]) & (day < seeds)
        months = np.where(given, month - 1, months)
        seeds = np.where(given & ~cut_short, day, seeds)
    due = np.empty((installments, len(disbursed)), "datetime64[D]") if into is None else into
    if not due.size:
        return due
    dates = due.view(np.int64)
    earliest = months.min()
    calendar = np.arange(earliest, months.max() + installments + 1)
    starts = calendar.astype("datetime64[D]").astype(np.int64)
    last = (calendar + 1).astype("datetime64[D]").astype(np.int64) - 1
    days = np.minimum(starts[:, None] + np.arange(_LONGEST_MONTH), last[:, None]).ravel()
    places = (months - earliest).astype(np.int64) * _LONGEST_MONTH + seeds
    for row in range(installments):
        places += _LONGEST_MONTH
        np.take(days, places, out=dates[row], mode="clip")
    return due


def _month_and_day(days: Days) -> tuple[Days, Int64]:
    """The month of each day, and its place in it from 0."""
    months = days.astype("datetime64[M]")
    return months, (days - months.astype("datetime64[D]")).astype(np.int64)


def level_schedules(
    principal: Int64, tea: Int64, disbursed_on: Days, due: Days, insurance: Int64 | None = None,
    into: Int64 | None = None, threads: int = 1,
) -> LevelSchedules:  # fmt: skip
    """Schedules of n loans with m installments each, equal to `build_schedule` to the cent.

    `principal`: céntimos [n]. `tea`: hundred-millionths [n]. `disbursed_on`: datetime64[D] [n], and `due` [m, n]
    rising; or one day [1] and `due` [m, 1] where all loans share their dates. `insurance`: rate of a whole month
    on the opening balance, in units of 1e-10 [n]; or [2, n], where that of the first period is another. `into`:
    memory for the parts, int64[4, m, n]; whoever works batch after batch saves a quarter of the time by giving the
    same again. `threads`: cores to work on. Raises ValueError for values that would not fit 64 bits.
    """
    count, installments = principal.shape[0], due.shape[0]
    charge = np.zeros(count, np.int64) if insurance is None else insurance
    _check(principal, tea, charge)
    disbursed_on, due = disbursed_on.astype("datetime64[D]"), due.astype("datetime64[D]", copy=False)
    starts, ends = disbursed_on.view(np.int64), due.view(np.int64)
    shared = due.shape[1] == 1
    parts = np.empty((4, installments, count), np.int64) if into is None else into
    installment = np.empty(count, np.int64)
    certain = np.empty(count, np.bool_)

    def walked(chunks: Sequence[slice]) -> None:
        walk = Walk(installments, min(CHUNK, count))
        for chunk in chunks:
            dates = (starts, ends) if shared else (starts[chunk], ends[:, chunk])
            certain[chunk] = walk.schedules(
                principal[chunk], tea[chunk], charge[..., chunk], *dates, installment[chunk], parts[:, :, chunk]
            )

    chunks = list(_chunks(count))
    if threads == 1:
        walked(chunks)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(walked, [chunks[first::threads] for first in range(threads)]))
    rest = np.flatnonzero(~certain)
    for chunk in _chunks(rest.size):
        places = rest[chunk]
        days = _days(disbursed_on, due) if shared else _days(disbursed_on[places], due[:, places])
        carefully = _carefully(principal[places], tea[places], charge[..., places], days)
        installment[places], parts[:, :, places] = carefully
    paid, interest, charges, outstanding = parts
    return LevelSchedules(installment, paid, interest, charges, outstanding, disbursed_on, due)


def _carefully(principal: Int64, tea: Int64, insurance: Int64, days: NDArray[np.int16]) -> tuple[Int64, Int64]:
    """Installments [n] and parts [4, m, n] of loans the quick walk is not certain of."""
    rates = period_rates(tea, days)
    first, *others = np.atleast_2d(insurance)
    charges = [first, *(others or [first]) * (len(days) - 1)]
    parts = np.empty((4, len(days), len(principal)), np.int64)
    level = _levels(principal, rates, charges)
    _amortize(principal, rates, charges, level, list(parts))
    return level, parts


def _days(disbursed_on: Days, due: Days) -> NDArray[np.int16]:
    return np.diff(np.vstack([disbursed_on, due]), axis=0).astype(np.int16)


def yearly_costs(received: Int64, payments: Int64, days: NDArray[np.int16], guess: Float64) -> Float64:
    """TCEA of n loans as fractions [n]: what was received [n] against payments [m, n], `days` apart [m, n].

    Newton on the logarithm, from `guess` (fractions, the TEA say). Raises ValueError where it does not settle.
    """
    costs = np.empty(received.shape[0])
    for chunk in _chunks(received.shape[0]):
        costs[chunk] = _newton(
            received[chunk].astype(np.float64),
            payments[:, chunk].astype(np.float64),
            days if days.shape[1] == 1 else days[:, chunk],
            guess[chunk],
        )
    return costs


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def _check(principal: Int64, tea: Int64, insurance: Int64) -> None:
    if principal.size == 0:
        raise ValueError("at least one loan")
    if principal.min() <= 0 or tea.min() < 0 or insurance.min() < 0:
        raise ValueError("principal must be positive, rates must not be negative")


def period_rates(tea: Int64, days: NDArray[np.int16]) -> list[Float64]:
    """Period rates in units of 1e-10, m times [n]: worked out once for each length of period that occurs."""
    lengths, place = _lengths(days)
    logs = np.log1p(tea / TEA_SCALE)
    exact = np.expm1(logs * (lengths[:, None] / DAYS_IN_YEAR)) * RATE_SCALE
    table = np.floor(exact + 0.5)
    doubtful = np.abs(exact - np.floor(exact) - 0.5) < np.maximum(1e-5, exact * 1e-13)
    for row, column in zip(*np.nonzero(doubtful), strict=True):
        table[row, column] = scaled(period_rate(Decimal(int(tea[column])) / TEA_SCALE, int(lengths[row])))
    if days.shape[1] == 1:
        return [table[place[length]] for length in days[:, 0]]
    return list(_spread(table, place, days))


def rates_of(tea: Int64, days: Int64) -> Int64:
    """The rate of so many days at each yearly rate (hundred-millionths), in units of 1e-10; all [n]."""
    exact = np.expm1(np.log1p(tea / TEA_SCALE) * (days / DAYS_IN_YEAR)) * RATE_SCALE
    whole = np.floor(exact + 0.5).astype(np.int64)
    for place in np.flatnonzero(np.abs(exact - np.floor(exact) - 0.5) < np.maximum(1e-5, exact * 1e-13)):
        whole[place] = scaled(period_rate(Decimal(int(tea[place])) / TEA_SCALE, int(days[place])))
    return whole


def _lengths(days: NDArray[np.int16]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The lengths of period that occur, and the place of each among them."""
    lengths = np.flatnonzero(np.bincount(days.ravel()))
    place = np.zeros(int(lengths[-1]) + 1, np.intp)
    place[lengths] = np.arange(len(lengths))
    return lengths, place


def _spread(table: Float64, place: NDArray[np.intp], days: NDArray[np.int16]) -> Float64:
    """`table` [lengths, n] laid out by period [m, n]."""
    width = table.shape[1]
    index = np.take(place * width, days)
    index += np.arange(width)
    return np.take(table, index, mode="clip")


def _levels(principal: Int64, rates: list[Float64], charges: list[Int64]) -> Int64:
    """Level installments [n]: principal over the sum of 1 / growth."""
    discount = np.ones(principal.shape[0])
    worth = np.zeros(principal.shape[0])
    step = np.empty(principal.shape[0])
    for rate, charge in zip(rates, charges, strict=True):
        np.add(rate, charge, out=step)
        step *= 1 / RATE_SCALE
        step += 1
        discount /= step
        worth += discount
    exact = principal / worth
    levels = np.floor(exact + 0.5).astype(np.int64)
    doubtful = np.abs(exact - np.floor(exact) - 0.5) < 1e-8 + exact * 1e-12
    for loan in np.flatnonzero(doubtful):
        both = [int(rate[loan]) + int(charge[loan]) for rate, charge in zip(rates, charges, strict=True)]
        levels[loan] = exact_level(int(principal[loan]), both)
    return levels


def _amortize(principal: Int64, rates: list[Float64], charges: list[Int64], level: Int64, parts: list[Int64]) -> None:
    """Fills principal, interest, insurance and outstanding [m, n] from a level installment.

    Where every product of a balance and a rate is a whole number that a float holds exactly, floats do the
    work: they are twice as fast, and multiplying by 1e-10 cannot carry such a product over a whole number.
    """
    highest = max(float(column.max()) for column in (*rates, *charges))
    product = float(principal.max()) * highest
    if product > _LARGEST_PRODUCT and (principal * np.maximum.reduce([*rates, *charges])).max() > _LARGEST_PRODUCT:
        raise ValueError("principal or rate too large for 64 bits")
    kind = np.float64 if product < _EXACT_IN_FLOATS else np.int64
    balance: NDArray[Any] = principal.astype(kind)
    steady: NDArray[Any] = level.astype(kind)
    insured = any(each.any() for each in charges)
    interest: NDArray[Any] = np.empty_like(balance)
    charge: NDArray[Any] = np.zeros_like(balance)
    paid: NDArray[Any] = np.empty_like(balance)
    last = len(rates) - 1
    for row, (rate, insurance) in enumerate(zip(rates, charges, strict=True)):
        _charge(balance, rate.astype(kind, copy=False), interest)
        if insured:
            _charge(balance, insurance.astype(kind, copy=False), charge)
        if row == last:
            paid[...] = balance
        else:
            np.subtract(steady, interest, out=paid)
            paid -= charge
            np.maximum(paid, 0, out=paid)
            np.minimum(paid, balance, out=paid)
        balance -= paid
        for part, values in zip(parts, (paid, interest, charge, balance), strict=True):
            part[row] = values


def _charge(balance: NDArray[Any], rate: NDArray[Any], out: NDArray[Any]) -> None:
    """balance x rate in whole céntimos, half up."""
    np.multiply(balance, rate, out=out)
    out += _HALF
    if out.dtype == np.int64:
        out //= RATE_SCALE
    else:
        out *= 1 / RATE_SCALE
        np.floor(out, out=out)


def _newton(received: Float64, payments: Float64, days: NDArray[np.int16], guess: Float64) -> Float64:
    """Rates at which the payments are worth what was received; Horner from the last payment backwards."""
    lengths, place = _lengths(days)
    width = received.shape[0]
    years = (lengths / DAYS_IN_YEAR)[:, None]
    log_rate = np.log1p(guess)
    for _step in range(_NEWTON_STEPS):
        table = np.exp(-log_rate * years)
        shared = days.shape[1] == 1
        discounts = [table[place[length]] for length in days[:, 0]] if shared else _spread(table, place, days)
        value = np.zeros(width)
        slope = np.zeros(width)
        for row in range(len(payments) - 1, -1, -1):
            value += payments[row]
            value *= discounts[row]
            slope *= discounts[row]
            slope -= value * (days[row] / DAYS_IN_YEAR)
        change = (value - received) / slope
        log_rate -= change
        if np.abs(change).max() < 1e-11:
            return np.expm1(log_rate)
    raise ValueError("no yearly rate fits some of these payments")
