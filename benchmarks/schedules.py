"""Schedules and yearly costs: the product against plain Decimal loops and a pyxirr loop, in one run.

`manage.py benchmark schedules` calls `run`. Medians of interleaved rounds, in processor seconds of one thread unless
a name says otherwise; ratios matter, absolute figures give a feel. Both Decimal loops keep their powers
(`benchmarks/decimal_schedule.py`). `decimal_loop` is the loop one writes from the norm, from terms to dated rows;
`build_schedule` and `arrays_from_terms` begin there too. `lean_loop` is the least a Decimal loop can do, due dates
given; `arrays` are given them as well, `integer_rows` the rates of the periods, `level_columns` these and what
installments of one are worth.

`build_schedule` works everything out and keeps the due dates of a day and the factors of a rate beside powers; its
rows become Decimals when they are read, which `schedule_read` does. `schedule_first` has nothing kept but powers.

`arrays` takes loans of any day into memory that is used again, as work in batches does; `arrays_fresh` asks the system
for new memory each time, `arrays_same_day` takes a batch paid out on one day, and `arrays_two_cores` shares the work
and is timed by the clock.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from pyxirr import xirr

from benchmarks.decimal_schedule import level_schedule, plain_schedule
from lending.interest import RATE_SCALE
from lending.schedules import Insurance, LoanTerms, build_schedule
from lending.schedules.arrays import TEA_SCALE, LevelSchedules, due_days, level_schedules, yearly_costs
from lending.schedules.level import level_installment, level_rows
from lending.schedules.periods import periods_of
from lending.schedules.usual import calendar_of, factors_of, level_columns

INSTALLMENTS = 24
INSURANCE = Decimal("0.00075")
SAMPLE = 500  # loans of the slow sides; their time per loan does not depend on how many there are


def run(loans: int = 100_000, rounds: int = 5, seed: int = 20261121) -> dict[str, Any]:
    """Microseconds per loan of every way, the ratios, and how many rows or yearly costs differ."""
    book = _book(loans, seed)
    same_day = {**book, "disbursed": book["disbursed"][:1], "due": book["due"][:, :1]}
    sample = range(0, loans, max(1, loans // SAMPLE))
    terms = [_terms(book, loan) for loan in sample]
    dates = [[due.astype(date) for due in book["due"][:, loan]] for loan in sample]
    whole = [build_schedule(each) for each in terms]
    flows = [_flows(schedule) for schedule in whole]
    rates = [_rates(each) for each in terms]
    factors = [(int(each.principal * 100), _factors(each)) for each in terms]
    exact = level_book(book)
    memory = np.zeros((4, INSTALLMENTS, loans), np.int64)
    days_memory = np.zeros((INSTALLMENTS, loans), "datetime64[D]")

    def from_terms() -> LevelSchedules:
        due = due_days(book["disbursed"], INSTALLMENTS, into=days_memory)
        return level_book({**book, "due": due}, into=memory)

    sides: dict[str, tuple[int, Callable[[], Any]]] = {
        "decimal_loop": (len(terms), lambda: [
            plain_schedule(each.principal, each.annual_rate, each.disbursed_on, INSTALLMENTS, INSURANCE)
            for each in terms
        ]),
        "lean_loop": (len(terms), lambda: [
            level_schedule(each.principal, each.annual_rate, each.disbursed_on, dues, INSURANCE)
            for each, dues in zip(terms, dates, strict=True)
        ]),
        "integer_rows": (len(terms), lambda: [
            level_rows(balance, interest, insurance, level_installment(balance, interest, insurance))
            for balance, interest, insurance in rates
        ]),
        "level_columns": (len(terms), lambda: [level_columns(*each) for each in factors]),
        "build_schedule": (len(terms), lambda: [build_schedule(each) for each in terms]),
        "schedule_read": (len(terms), lambda: [_read(build_schedule(each)) for each in terms]),
        "arrays": (loans, lambda: level_book(book, into=memory)),
        "arrays_fresh": (loans, lambda: level_book(book)),
        "arrays_same_day": (loans, lambda: level_book(same_day, into=memory)),
        "arrays_from_terms": (loans, from_terms),
        "arrays_two_cores": (loans, lambda: level_book(book, into=memory, threads=2)),
        "pyxirr_loop": (len(terms), lambda: [xirr(days, amounts) for days, amounts in flows]),
        "newton": (loans, lambda: cost_book(book, exact)),
    }  # fmt: skip
    loads = [os.getloadavg()[0]]
    medians = _measure(sides, rounds)
    medians |= _measure({"schedule_first": (len(terms), lambda: [_first(each) for each in terms])}, rounds)
    loads.append(os.getloadavg()[0])
    costs = cost_book(book, exact)
    return {
        "loans": loans,
        "installments": INSTALLMENTS,
        "rounds": rounds,
        "load": [round(load, 2) for load in loads],
        "microseconds_per_loan": {name: round(value, 3) for name, value in medians.items()},
        "ratios": {
            **{
                f"{name}_over_{loop}": round(medians[loop] / medians[name], 1)
                for loop, names in (
                    (
                        "decimal_loop",
                        (
                            "arrays_from_terms",
                            "arrays",
                            "arrays_same_day",
                            "build_schedule",
                            "schedule_first",
                            "schedule_read",
                        ),
                    ),
                    (
                        "lean_loop",
                        (
                            "arrays",
                            "arrays_fresh",
                            "arrays_same_day",
                            "arrays_two_cores",
                            "level_columns",
                            "integer_rows",
                        ),
                    ),
                )
                for name in names
            },
            "newton_over_pyxirr": round(medians["pyxirr_loop"] / medians["newton"], 1),
        },
        "rows_that_differ": _differing_rows(sides["lean_loop"][1](), whole, exact, sample)
        + sum(
            (row.due_on, row.principal, row.interest, row.insurance, row.outstanding)
            != (plain.due_on, plain.principal, plain.interest, plain.insurance, plain.outstanding)
            for schedule, rows in zip(whole, sides["decimal_loop"][1](), strict=True)
            for row, plain in zip(schedule.rows, rows, strict=True)
        ),
        "largest_tcea_difference": max(
            abs((1 + _rate_of(flow)) ** (360 / 365) - 1 - costs[loan]) for flow, loan in zip(flows, sample, strict=True)
        ),
    }


def _rate_of(flow: Any) -> float:
    rate = xirr(*flow)
    if rate is None:
        raise ValueError("pyxirr finds no rate for these payments")
    return rate


def level_book(book: dict[str, Any], **ways: Any) -> LevelSchedules:
    """The schedules of a whole book."""
    columns = (book[name] for name in ("principal", "tea", "disbursed", "due", "insurance"))
    return level_schedules(*columns, **ways)


def cost_book(book: dict[str, Any], schedules: LevelSchedules) -> Any:
    """The yearly costs of a whole book."""
    return yearly_costs(book["principal"], schedules.total, schedules.days, book["tea"] / TEA_SCALE)


def _measure(sides: dict[str, tuple[int, Callable[[], Any]]], rounds: int) -> dict[str, float]:
    """Median microseconds per loan of each side, the sides taking turns."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _round in range(rounds):
        for name, (count, work) in sides.items():
            gc.collect()
            clock = time.perf_counter if name.endswith("two_cores") else time.process_time
            start = clock()
            work()
            times[name].append((clock() - start) / count * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def _book(loans: int, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    disbursed = np.datetime64("2024-01-01") + random.integers(0, 1000, loans).astype("timedelta64[D]")
    return {
        "principal": random.integers(30_000, 4_000_000, loans),
        "tea": random.integers(2_000, 11_000, loans) * (TEA_SCALE // 10_000),
        "disbursed": disbursed,
        "due": due_days(disbursed, INSTALLMENTS),
        "insurance": np.full(loans, int(INSURANCE * RATE_SCALE)),
    }


def _terms(book: dict[str, Any], loan: int) -> LoanTerms:
    return LoanTerms(
        principal=Decimal(int(book["principal"][loan])).scaleb(-2),
        annual_rate=Decimal(int(book["tea"][loan])) / TEA_SCALE,
        installments=INSTALLMENTS,
        disbursed_on=book["disbursed"][loan].astype(date),
        insurance=Insurance(INSURANCE),
    )


def _rates(terms: LoanTerms) -> tuple[int, list[int], list[int]]:
    periods = periods_of(terms)
    return int(terms.principal * 100), [period.rate for period in periods], [p.insurance_rate for p in periods]


def _factors(terms: LoanTerms) -> Any:
    return factors_of(terms.annual_rate, INSURANCE, tuple(period.days for period in periods_of(terms)), 1, True)


def _first(terms: LoanTerms) -> Any:
    calendar_of.cache_clear()
    factors_of.cache_clear()
    return build_schedule(terms)


def _read(schedule: Any) -> Any:
    return schedule.rows, schedule.totals


def _flows(schedule: Any) -> tuple[list[date], list[float]]:
    days = [schedule.terms.disbursed_on, *(row.due_on for row in schedule.rows)]
    return days, [-float(schedule.terms.principal), *(float(row.total) for row in schedule.rows)]


def _differing_rows(plain: Any, whole: Any, arrays: LevelSchedules, sample: range) -> int:
    differing = 0
    columns = (arrays.principal, arrays.interest, arrays.insurance, arrays.outstanding)
    for rows, schedule, loan in zip(plain, whole, sample, strict=True):
        for place, (_due, principal, interest, insurance, _total, outstanding) in enumerate(rows):
            row = schedule.rows[place]
            parts = (principal, interest, insurance, outstanding)
            cents = [int(part * 100) for part in parts]
            differing += parts != (row.principal, row.interest, row.insurance, row.outstanding)
            differing += cents != [int(column[place, loan]) for column in columns]
    return differing
