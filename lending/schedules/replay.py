"""Payments on the plans of very many loans at once, in int64 céntimos: what `state_of` finds, to the cent.

For loans of which nothing but repayments is known, each kept for the next installments, in the usual order of parts.
The n-th payment of every loan is posted in one round; lines and payments stand one loan after the other.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lending.interest import RATE_SCALE
from lending.schedules.arrays import Int64, rates_of
from lending.schedules.servicing import LINE_FIELD, PARTS

NEVER: Final = int(np.datetime64("9999-12-31", "D").astype(np.int64))  # a day that has not come
_HALF: Final = RATE_SCALE // 2
_SHIFT: Final = 22  # bits for a day beside the number of its loan
_FROM: Final = 1 << (_SHIFT - 1)


@dataclass(slots=True)
class Plans:
    """The lines of n loans: loan i has those from `starts[i]` to `starts[i + 1]`, days since 1970 rising."""

    starts: Int64  # [n + 1]
    due: Int64
    principal: Int64
    interest: Int64
    insurance: Int64
    fees: Int64

    @property
    def loan(self) -> Int64:
        """The loan of each line."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


@dataclass(slots=True)
class Payments:
    """What was paid, by loan and day: loan i has those from `starts[i]` to `starts[i + 1]`."""

    starts: Int64  # [n + 1]
    day: Int64
    amount: Int64


@dataclass(slots=True)
class Replay:
    """How the loans stand; `paid` and the days by line, `parts` by payment, `advance` by loan."""

    paid: dict[str, Int64]  # of each part
    moratory: Int64  # charged until `through`
    through: Int64  # NEVER for lines to come
    settled: Int64  # NEVER for what is not
    fallen: Int64  # [n]: the first line to come
    parts: dict[str, Int64]
    advance: Int64  # [n]


def replay(plans: Plans, payments: Payments, moratory: Int64, on: int) -> Replay:
    """How n loans stand at the end of day `on`. `moratory`: yearly rates in hundred-millionths [n].

    Principal times the moratory rate of the longest delay must stay under 2^62 / 1e10.
    """
    return _Rounds(plans, payments, moratory, on).run()


class _Rounds:
    def __init__(self, plans: Plans, payments: Payments, moratory: Int64, on: int) -> None:
        self.plans, self.payments, self.rates, self.on = plans, payments, moratory, on
        lines, loans = len(plans.due), len(plans.starts) - 1
        self.owed = {part: getattr(plans, part) for part in PARTS[1:]} | {"penalties": np.zeros(lines, np.int64)}
        self.unpaid = {part: values.copy() for part, values in self.owed.items()}
        self.through = plans.due.copy()
        self.settled = np.full(lines, NEVER)
        self.head = plans.starts[:-1].copy()  # the oldest line that is not settled
        self.fallen = self.head.copy()  # the first line to come
        self.credit = np.zeros(loans, np.int64)
        self.parts = {part: np.zeros(len(payments.day), np.int64) for part in (*PARTS, "advance")}
        self.calendar = (plans.loan << _SHIFT) + plans.due + _FROM

    def run(self) -> Replay:
        counts = np.diff(self.payments.starts)
        loan_of = np.repeat(np.arange(len(counts)), counts)
        fallen = self._fallen(loan_of, self.payments.day)
        for turn in range(int(counts.max(initial=0))):
            loans = np.flatnonzero(counts > turn)
            at = self.payments.starts[loans] + turn
            self._fall_due(loans, fallen[at])
            self._pay(loans, at)
        everyone = np.arange(len(counts))
        self._fall_due(everyone, self._fallen(everyone, np.full(len(counts), self.on)))
        self._end()
        paid = {LINE_FIELD[part]: self.owed[part] - self.unpaid[part] for part in PARTS}
        return Replay(paid, self.owed["penalties"], self.through, self.settled, self.fallen, self.parts, self.credit)

    def _fallen(self, loans: Int64, days: Int64) -> Int64:
        """The first line that is still to come on a day."""
        return np.searchsorted(self.calendar, (loans << _SHIFT) + days + _FROM, "right")

    def _fall_due(self, loans: Int64, until: Int64) -> None:
        """Lines before `until` fall due; money that was kept pays them on their days."""
        going = self.credit[loans] > 0
        some, ends = loans[going], until[going]
        while some.size:
            going = (self.credit[some] > 0) & (self.fallen[some] < ends)
            some, ends = some[going], ends[going]
            line = self.fallen[some]
            left = self.credit[some]
            for part in PARTS[1:]:
                left = left - self._settle(part, line, left)
            self.credit[some] = left
            whole = self._whole(line)
            self.settled[line[whole]] = self.plans.due[line[whole]]
            self.head[some] = line + whole
            self.fallen[some] = line + 1
        self.fallen[loans] = until

    def _pay(self, loans: Int64, at: Int64) -> None:
        """One payment of each of these loans: to the oldest line first, and what is over is kept."""
        day, left = self.payments.day[at], self.payments.amount[at].copy()
        line, end, going = self.head[loans], self.fallen[loans], np.arange(len(loans))
        while True:
            open_ = line < end
            if not open_.all():
                line, end, going = line[open_], end[open_], going[open_]
            if not going.size:
                break
            here = day[going]
            self._charge(loans[going], line, here)
            money = left[going]
            for part in PARTS:
                paid = self._settle(part, line, money)
                self.parts[part][at[going]] += paid
                money = money - paid
            left[going] = money
            whole = self._whole(line) & (self.settled[line] == NEVER)
            self.settled[line[whole]] = here[whole]
            first = whole & (self.head[loans[going]] == line)
            self.head[loans[going[first]]] += 1
            line = line + 1
        self.credit[loans] += left
        self.parts["advance"][at] = left

    def _charge(self, loans: Int64, line: Int64, day: Int64) -> None:
        """Moratory interest on the principal overdue, from where it was charged to `day`."""
        days = day - self.through[line]
        owed = self.unpaid["principal"][line]
        late = (days > 0) & (owed > 0) & (self.rates[loans] > 0)
        if late.any():
            charge = (owed[late] * rates_of(self.rates[loans[late]], days[late]) + _HALF) // RATE_SCALE
            self.owed["penalties"][line[late]] += charge
            self.unpaid["penalties"][line[late]] += charge
        self.through[line] = np.maximum(day, self.through[line])

    def _settle(self, part: str, line: Int64, money: Int64) -> Int64:
        paid = np.minimum(money, self.unpaid[part][line])
        self.unpaid[part][line] -= paid
        return paid

    def _whole(self, line: Int64) -> NDArray[np.bool_]:
        whole = self.unpaid[PARTS[0]][line] == 0
        for part in PARTS[1:]:
            whole &= self.unpaid[part][line] == 0
        return whole

    def _end(self) -> None:
        """Moratory interest to the last day; lines that ask for nothing are settled as they fall due."""
        due, loan = self.plans.due, self.plans.loan
        come = due <= self.on
        nothing = np.flatnonzero(come & (sum(self.owed[part] for part in PARTS[1:]) == 0))
        self.settled[nothing] = self.through[nothing] = due[nothing]
        late = np.flatnonzero(come & (self.settled == NEVER))
        self._charge(loan[late], late, np.full(late.size, self.on))
        self.through[~come] = NEVER
