"""A loan as of a day: every line with what was paid and forgiven of it, and what it would take to leave nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from lending.schedules.servicing import (
    FORGIVABLE,
    LINE_FIELD,
    PARTS,
    Due,
    Event,
    Life,
    Payment,
    ServicingRules,
)
from lending.schedules.terms import LoanTerms

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """One line of the plan, in soles. `moratory` is charged up to `moratory_through`."""

    place: int
    n: int
    kind: str
    due_on: date
    days: int
    principal: Decimal
    interest: Decimal
    insurance: Decimal
    fees: Decimal
    moratory: Decimal
    paid_principal: Decimal = ZERO
    paid_interest: Decimal = ZERO
    paid_insurance: Decimal = ZERO
    paid_fees: Decimal = ZERO
    paid_moratory: Decimal = ZERO
    waived_interest: Decimal = ZERO
    waived_insurance: Decimal = ZERO
    waived_fees: Decimal = ZERO
    waived_moratory: Decimal = ZERO
    earned: Decimal = ZERO
    outstanding: Decimal
    moratory_through: date | None = None
    settled_on: date | None = None

    @property
    def total(self) -> Decimal:
        return self.principal + self.interest + self.insurance + self.fees + self.moratory

    def unpaid_of(self, part: str) -> Decimal:
        """What is left to pay of one part."""
        left: Decimal = getattr(self, part) - getattr(self, f"paid_{part}")
        return left if part == "principal" else left - getattr(self, f"waived_{part}")

    @property
    def unpaid(self) -> Decimal:
        """What is left to pay of it."""
        return sum(map(self.unpaid_of, LINE_FIELD.values()), ZERO)


@dataclass(frozen=True, slots=True)
class Payoff:
    """What leaves nothing on a day: what is due, and the principal with interest to the day."""

    penalties: Decimal
    fees: Decimal
    insurance: Decimal
    interest: Decimal
    principal: Decimal
    from_advance: Decimal  # paid with money kept from before

    @property
    def total(self) -> Decimal:
        """New money needed."""
        owed = self.penalties + self.fees + self.insurance + self.interest + self.principal
        return owed - self.from_advance


@dataclass(frozen=True)
class LoanState:
    """How a loan stands at the end of `on`."""

    on: date
    lines: tuple[LineState, ...]
    payments: tuple[Payment, ...]  # of the repayments, prepayments and payoffs, in order
    uses: tuple[Payment, ...]  # of money kept in advance, by the installments it paid
    principal: Decimal  # outstanding, due or not
    advance: Decimal
    installment: Decimal
    payoff: Payoff

    def due_of(self, part: str) -> Decimal:
        """Unpaid of one part (principal, interest, insurance, fees, moratory) of what has fallen due."""
        return sum((line.unpaid_of(part) for line in self.lines if line.due_on <= self.on), ZERO)

    @cached_property
    def due(self) -> Decimal:
        """Unpaid of what has fallen due, moratory interest to the day included."""
        return sum((line.unpaid for line in self.lines if line.due_on <= self.on), ZERO)

    @cached_property
    def owed(self) -> Decimal:
        """The most a payment as scheduled can be: all that is unpaid, due or to come, less what was paid in advance."""
        return max(sum((line.unpaid for line in self.lines), ZERO) - self.advance, ZERO)

    @cached_property
    def next_due_on(self) -> date | None:
        """The day of the oldest line not settled."""
        return next((line.due_on for line in self.lines if not line.settled_on), None)

    @property
    def days_late(self) -> int:
        return max((self.on - self.next_due_on).days, 0) if self.next_due_on else 0

    @property
    def is_over(self) -> bool:
        """Whether everything is paid or forgiven."""
        return self.next_due_on is None

    def total(self, name: str) -> Decimal:
        """The sum of one figure over the lines."""
        return sum((getattr(line, name) for line in self.lines), ZERO)


def state_of(terms: LoanTerms, events: Sequence[Event], rules: ServicingRules, on: date) -> LoanState:
    """How a loan of the book stands at the end of `on`, after the events until then. Raises InvalidTerms.

    Events of one day are taken in the order given.
    """
    life = Life(terms, rules, tracks=True, live=True)
    for event in sorted(events, key=lambda event: event.on):
        life.happen(event)
    life.advance_to(on)
    life.late_dues(on)
    drawn = drawn_on(life, on)
    unpaid = {part: sum(due.unpaid[part] for due in life.dues) for part in PARTS}
    owed = dict(unpaid)
    if life.future:
        for part, amount in zip(PARTS[1:], life.owed_at(on), strict=True):
            owed[part] += amount
    money = life.first.money
    payoff = Payoff(
        **{part: money(amount) for part, amount in owed.items()},
        from_advance=money(min(life.credit, sum(owed.values()))),
    )
    return LoanState(
        on=on,
        lines=tuple(_lines(life)),
        payments=tuple(life.payments),
        uses=tuple(life.uses),
        principal=money((life.balance + drawn if life.future else 0) + unpaid["principal"]),
        advance=money(life.credit),
        installment=money(life.planner.installment(life.level, life.future)) if life.future else ZERO,
        payoff=payoff,
    )


def drawn_on(life: Life, on: date) -> int:
    """Tranches handed over in the running period, until `on`."""
    if not life.future:
        return 0
    start = life.periods[0].starts_on
    return sum(amount for day, amount in life.planner.tranches if start <= day <= on)


def _lines(life: Life) -> list[LineState]:
    tracked = {id(due.line): due for due in (*life.settled, *life.dues)}
    money = life.first.money
    return [
        LineState(
            place=place, n=line.n, kind=line.kind, due_on=line.due_on, days=line.days,
            principal=money(line.principal), interest=money(line.interest), insurance=money(line.insurance),
            fees=money(line.fees), moratory=money(line.moratory), earned=money(line.earned),
            outstanding=money(line.outstanding), **_paid(tracked.get(id(line)), money),
        )
        for place, line in enumerate([*life.past, *life.future])
    ]  # fmt: skip


def _paid(due: Due | None, money: Callable[[int], Decimal]) -> dict[str, Any]:
    """What was paid and forgiven of a line of the past; nothing of one to come."""
    if due is None:
        return {}
    return {
        **{f"paid_{LINE_FIELD[part]}": money(amount) for part, amount in due.paid.items()},
        **{f"waived_{LINE_FIELD[part]}": money(due.waived[part]) for part in FORGIVABLE},
        "moratory_through": due.late_from,
        "settled_on": due.settled_on,
    }
