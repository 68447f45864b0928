"""How the loans of a file stand: their plans and payments as arrays, some tens of thousands of loans at a time.

What arrays cannot tell for certain (very large sums, very many installments for a few céntimos) is worked out loan by
loan by the code that services them; the rest agrees with it to the cent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from lending.ledger import accrued
from lending.money import format_money, from_centimos
from lending.portfolio_files import CellError
from lending.schedules.arrays import TEA_SCALE, Int64, due_days, level_schedules
from lending.schedules.contract import read_request
from lending.schedules.replay import NEVER, Payments, Plans, Replay, replay
from lending.schedules.servicing import LINE_FIELD, PARTS, Event, EventKind, PrepaymentStrategy, ServicingRules
from lending.schedules.state import LoanState, state_of
from lending.schedules.terms import MAX_YEAR, InvalidTerms
from lending.services.importing.book import NO_DAY, Book

CHUNK: Final = 20_000  # loans
_LONGEST_MONTH: Final = 31
_FITS: Final = 4e8  # soles' céntimos times a rate: with ten decimals inside 64 bits
_RATE_OF_INSURANCE: Final = 100  # millionths of a percent in units of 1e-10
_WHOLE: Final = 10**8  # all of it, in millionths of a percent


@dataclass(slots=True)
class Standing:
    """Loans `first` to `first + n` of the file: their lines, their payments, and what came of them."""

    first: int
    plans: Plans
    outstanding: Int64  # by line, of the plan
    days: Int64
    payments: Int64  # places in the file, by loan and day
    paid_for: Int64  # the loan (of the chunk) of each payment
    found: Replay
    level: Int64  # [n]: what is called the installment
    owed: Int64  # [n]: principal, due or not

    def __len__(self) -> int:
        return len(self.level)

    @property
    def next_due(self) -> Int64:
        """The day of the oldest line not settled [n]; NEVER where all is paid."""
        open_ = np.where(self.found.settled == NEVER, self.plans.due, NEVER)
        return np.minimum.reduceat(open_, self.plans.starts[:-1])

    @property
    def closed(self) -> Int64:
        """The day on which all was paid [n]; NEVER for loans that go on."""
        return np.maximum.reduceat(self.found.settled, self.plans.starts[:-1])

    def earned(self, on: int, paid_out: Int64) -> Int64:
        """Interest earned until `on` and not yet paid [n]: of lines due whole, of the running one by its days."""
        plans, starts = self.plans, self.plans.starts
        due = plans.due <= on
        whole = np.add.reduceat(np.where(due, plans.interest, 0) - self.found.paid["interest"], starts[:-1])
        running = self.found.fallen
        goes_on = running < starts[1:]
        line = np.where(goes_on, running, starts[:-1])
        since = np.where(line > starts[:-1], plans.due[line - 1], paid_out)
        length = np.maximum(plans.due[line] - since, 1)
        return whole + np.where(goes_on, accrued(plans.interest[line], on - since, length), 0)


def standings(book: Book) -> Iterator[Standing]:
    """Every loan worked out, in the order of the file; what does not go together is reported."""
    values = book.values
    order = np.lexsort((np.arange(len(book.paid)), values["day"].astype(np.int64), values["loan"]))
    ends = np.searchsorted(values["loan"][order], np.arange(len(book.loans) + 1))
    for first in range(0, len(book.loans), CHUNK):
        places = slice(first, min(first + CHUNK, len(book.loans)))
        yield _Chunk(book, places, order, ends).standing()


class _Chunk:
    def __init__(self, book: Book, places: slice, order: Int64, ends: Int64) -> None:
        self.book, self.first = book, places.start
        self.on = int(np.datetime64(book.on, "D").astype(np.int64))
        self.loans = {name: book.values[name][places] for name in (
            "amount", "count", "tea", "moratory", "insurance", "paid_out", "first", "balance", "has_balance", "given",
        )}  # fmt: skip
        self.paid_out = self.loans["paid_out"].astype(np.int64)
        bounds = ends[places.start : places.stop + 1]
        self.payments = order[bounds[0] : bounds[-1]]
        self.bounds = bounds - bounds[0]
        starts = np.concatenate([[0], np.cumsum(self.loans["count"])])
        self.plans = Plans(starts, *(np.zeros(starts[-1], np.int64) for _column in range(5)))
        self.outstanding = np.zeros(starts[-1], np.int64)
        self.level = np.zeros(len(self.paid_out), np.int64)

    def standing(self) -> Standing:
        careful = self._careful()
        plain = ~careful & ~self.loans["given"]
        self._plans_given()
        for count in np.unique(self.loans["count"][plain]):
            self._plan(np.flatnonzero(plain & (self.loans["count"] == count)), int(count))
        values, plans = self.book.values, self.plans
        day, amount = values["day"][self.payments].astype(np.int64), values["paid"][self.payments]
        found = replay(plans, Payments(self.bounds, day, amount), self.loans["moratory"], self.on)
        total = plans.principal + plans.interest + plans.insurance + plans.fees
        to_come = np.maximum.reduceat(np.where(plans.due > self.on, total, 0), plans.starts[:-1])
        self.level = np.where(self.loans["given"], to_come, self.level)
        self.level = np.where(found.fallen < plans.starts[1:], self.level, total[plans.starts[:-1]])
        states = {int(loan): self._state(int(loan)) for loan in np.flatnonzero(careful)}
        for loan, state in states.items():
            if state is not None:
                try:
                    self._take_over(loan, state, found)
                except OverflowError:
                    self._refuse_amounts(loan)
                    states[loan] = None
        unpaid = plans.principal - found.paid["principal"]
        standing = Standing(
            self.first, plans, self.outstanding, self._days(), self.payments,
            np.repeat(np.arange(len(self.level)), np.diff(self.bounds)), found, self.level,
            np.add.reduceat(unpaid, plans.starts[:-1]),
        )  # fmt: skip
        self._check_balances(standing, [loan for loan, state in states.items() if state is None])
        self._check_given(standing)
        return standing

    def _careful(self) -> NDArray[np.bool_]:
        """Loans that are worked out one by one."""
        loans, first = self.loans, self.loans["first"]
        given = first != NO_DAY
        longest = np.where(given, np.maximum((first - loans["paid_out"]).astype(np.int64), 0), 0) + _LONGEST_MONTH
        late = np.maximum(self.on - self.paid_out, 0)
        rate = np.maximum(_growth(loans["tea"], longest), _growth(loans["moratory"], late))
        rate = np.maximum(rate, loans["insurance"] / _WHOLE * (longest / 30))
        return (
            (loans["amount"] * np.maximum(rate, 1) >= _FITS)
            | (~loans["given"] & (loans["amount"] < loans["count"]))
            | (loans["insurance"] >= _WHOLE)
            | (first.astype("datetime64[Y]").astype(np.int64) + 1970 > MAX_YEAR)
        )

    def _plan(self, which: Int64, count: int) -> None:
        """Plans of the loans of so many installments."""
        loans = {name: values[which] for name, values in self.loans.items()}
        first = np.where(loans["first"] == NO_DAY, np.datetime64("NaT"), loans["first"])
        due = due_days(loans["paid_out"], count, first=first)
        insurance = _insurance(loans["insurance"], loans["paid_out"], due)
        found = level_schedules(loans["amount"], loans["tea"], loans["paid_out"], due, insurance)
        lines = self.plans.starts[which] + np.arange(count)[:, None]
        for into, part in (
            (self.plans.due, due.astype(np.int64)), (self.plans.principal, found.principal),
            (self.plans.interest, found.interest), (self.plans.insurance, found.insurance),
            (self.outstanding, found.outstanding),
        ):  # fmt: skip
            into[lines] = part
        self.level[which] = found.installment

    def _plans_given(self) -> None:
        """The installments that the file gives."""
        values, given = self.book.values, np.flatnonzero(self.loans["given"])
        start, stop = values["plan_starts"][self.first], values["plan_starts"][self.first + len(self.level)]
        counts = self.loans["count"][given]
        ends = np.cumsum(counts)
        lines = np.repeat(self.plans.starts[given] - (ends - counts), counts) + np.arange(ends[-1] if given.size else 0)
        for into, name in (
            (self.plans.due, "due"), (self.plans.principal, "capital"), (self.plans.interest, "interes"),
            (self.plans.insurance, "seguro"), (self.plans.fees, "comision"),
        ):  # fmt: skip
            into[lines] = values[f"plan_{name}"][start:stop].astype(np.int64)
        paid = np.cumsum(self.plans.principal[lines])
        before = np.repeat((paid - self.plans.principal[lines])[ends - counts], counts)
        self.outstanding[lines] = np.repeat(self.loans["amount"][given], counts) - (paid - before)

    def _days(self) -> Int64:
        """The length of each line's period."""
        starts, due = self.plans.starts, self.plans.due
        before = np.concatenate([[0], due[:-1]])
        before[starts[:-1]] = self.paid_out
        return due - before

    # One by one

    def _state(self, loan: int) -> LoanState | None:
        values, payments = self.book.values, self.payments[self.bounds[loan] : self.bounds[loan + 1]]
        events = [
            Event(
                kind=EventKind.REPAYMENT, on=values["day"][at].astype(date), amount=from_centimos(values["paid"][at]),
                strategy=PrepaymentStrategy.ADVANCE,
            )
            for at in payments
        ]  # fmt: skip
        try:
            agreed, _events, _rules = read_request(self.book.terms(self.first + loan))
            rate = Decimal(int(self.loans["moratory"][loan])) / TEA_SCALE
            return state_of(agreed, events, ServicingRules(moratory_rate=rate), self.book.on)
        except InvalidTerms as error:
            self.book.refuse_terms(self.first + loan, error)
        except (InvalidOperation, OverflowError):
            self._refuse_amounts(loan)
        return None

    def _refuse_amounts(self, loan: int) -> None:
        """A hundred years at the highest rates pass what can be counted."""
        message = _("Con estas tasas y fechas los montos son demasiado grandes: revísalas")
        self.book.refuse(self.first + loan, "monto", message)

    def _take_over(self, loan: int, state: LoanState, found: Replay) -> None:
        """What was worked out for one loan, into the arrays of all."""
        start = self.plans.starts[loan]
        for at, line in enumerate(state.lines, start):
            self.plans.due[at] = _day(line.due_on)
            self.outstanding[at] = _cents(line.outstanding)
            for part in PARTS[1:]:
                getattr(self.plans, part)[at] = _cents(getattr(line, part))
            for part in LINE_FIELD.values():
                found.paid[part][at] = _cents(getattr(line, f"paid_{part}"))
            found.moratory[at] = _cents(line.moratory)
            found.through[at], found.settled[at] = _day(line.moratory_through), _day(line.settled_on)
        found.fallen[loan] = start + sum(line.due_on <= state.on for line in state.lines)
        for at, payment in enumerate(state.payments, self.bounds[loan]):
            for part, amounts in found.parts.items():
                amounts[at] = _cents(getattr(payment, part))
        found.advance[loan] = _cents(state.advance)
        first = state.lines[0]
        self.level[loan] = _cents(state.installment or first.total - first.moratory)

    def _check_balances(self, standing: Standing, wrong: list[int]) -> None:
        differs = self.loans["has_balance"] & (standing.owed != self.loans["balance"])
        differs[wrong] = False
        message = _("El saldo no cuadra: con estos datos y pagos el capital pendiente es %(saldo)s")
        for loan in np.flatnonzero(differs):
            saldo = format_money(from_centimos(standing.owed[loan]))
            self.book.refuse(self.first + int(loan), "saldo", message % {"saldo": saldo})

    def _check_given(self, standing: Standing) -> None:
        """Payments of more than a loan's own installments ask for: one or the other is not right."""
        over = self.loans["given"] & (standing.next_due == NEVER) & (standing.found.advance > 0)
        message = _("Los pagos pasan en %(amount)s de lo que piden las cuotas del cronograma")
        for loan in np.flatnonzero(over):
            place = int(self.payments[self.bounds[loan + 1] - 1])
            amount = format_money(from_centimos(standing.found.advance[loan]))
            row = int(self.book.paid.rows[place])
            self.book.errors.append(CellError("pagos", row, "monto", message % {"amount": amount}))


def _insurance(monthly: Int64, paid_out: Any, due: Any) -> Int64:
    """Rates of the first period and of the others, 1e-10 [2, n]: a first one that is no month counts by its days."""
    rate = monthly * _RATE_OF_INSURANCE
    days = (due[0] - paid_out).astype(np.int64)
    by_days = (2 * rate * days + 30) // 60
    return np.stack([np.where(due[0] == due_days(paid_out, 1)[0], rate, by_days), rate])


def _growth(rate: Int64, days: Int64) -> NDArray[np.float64]:
    return np.expm1(np.log1p(rate / TEA_SCALE) * (days / 360))


def _cents(amount: Decimal) -> int:
    return int(amount.scaleb(2))


def _day(day: date | None) -> int:
    return NEVER if day is None else (day - date(1970, 1, 1)).days


def total_by(places: Any, amounts: Int64, count: int) -> Int64:
    """Sums of whole amounts by place [count]."""
    sums = np.zeros(count, np.int64)
    np.add.at(sums, places, amounts)
    return sums
