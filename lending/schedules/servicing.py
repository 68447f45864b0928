"""A schedule under what happens to it: payments, prepayments, new rates, new dates, charges, payoff.

Without any `repayment` every installment is taken as paid on its day. With them, only what they pay is
paid: installments fall due, moratory interest runs from the first day late on the principal overdue (never
on interest, never as a lump sum), and money goes to the oldest installment first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _

from lending.interest import DAYS_IN_YEAR
from lending.schedules.calendar import share_of_year
from lending.schedules.periods import Period, drawn_between, scaled_rate
from lending.schedules.plan import NOTHING_CARRIED, Carried, Line, Planner
from lending.schedules.rows import Schedule
from lending.schedules.terms import Amortization, Fee, FeeWhen, InvalidTerms, LoanTerms


class EventKind(StrEnum):
    REPAYMENT = "repayment"
    PREPAYMENT = "prepayment"
    RATE_CHANGE = "rate_change"
    RESCHEDULE = "reschedule"
    CHARGE = "charge"
    PAYOFF = "payoff"
    WAIVER = "waiver"


class PrepaymentStrategy(StrEnum):
    REDUCE_AMOUNT = "reduce_installment_amount"
    REDUCE_NUMBER = "reduce_number_of_installments"
    ADVANCE = "advance_installments"  # pays what comes next as scheduled; saves no interest


PARTS: Final = ("penalties", "fees", "insurance", "interest", "principal")
FORGIVABLE: Final = PARTS[:4]
LINE_FIELD: Final = {part: "moratory" if part == "penalties" else part for part in PARTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens to a loan on a day; which fields count depends on the kind."""

    kind: EventKind
    on: date
    amount: Decimal | None = None  # repayment, prepayment, charge, waiver; payoff: what was paid, not what is needed
    strategy: PrepaymentStrategy | None = None  # repayment, prepayment: instead of the loan's own
    annual_rate: Decimal | None = None  # rate_change; reschedule may change it too
    installments: int | None = None  # reschedule
    first_due_on: date | None = None  # reschedule
    grace_on_principal: int = 0  # reschedule
    part: str | None = None  # waiver: what is forgiven, never principal


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicingRules:
    """What the contract says of late, extra and early money."""

    allocation_order: tuple[str, ...] = PARTS
    prepayment_strategy: PrepaymentStrategy | None = None  # prepayments: fewer installments; excess: in advance
    moratory_rate: Decimal = Decimal(0)  # effective, a year

    def __post_init__(self) -> None:
        if sorted(self.allocation_order) != sorted(PARTS):
            raise InvalidTerms("allocation_order", _("El orden de pago nombra una vez cada parte"))
        if not 0 <= self.moratory_rate <= 100:
            raise InvalidTerms("moratory_rate_pct", _("La tasa moratoria va de 0 a 10,000 por ciento"))


@dataclass(frozen=True, slots=True)
class Payment:
    """Where the money of a repayment, prepayment or payoff went, in soles."""

    on: date
    amount: Decimal
    penalties: Decimal
    fees: Decimal
    insurance: Decimal
    interest: Decimal
    principal: Decimal
    advance: Decimal  # kept for installments not yet due, or over; negative where kept money was used


@dataclass(frozen=True, slots=True)
class ServicedSchedule:
    """The schedule as it ended up, and where each payment went."""

    schedule: Schedule
    payments: tuple[Payment, ...]


@dataclass(slots=True)
class Due:
    """A line of the past: what of it is unpaid, paid and forgiven, and since when it costs moratory interest."""

    line: Line
    unpaid: dict[str, int]
    late_from: date
    paid: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    waived: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    settled_on: date | None = None

    @classmethod
    def of(cls, line: Line) -> "Due":
        return cls(line, {part: getattr(line, LINE_FIELD[part]) for part in PARTS}, line.due_on)

    def settle(self, day: date) -> None:
        """Marks the day on which nothing is left to pay."""
        if not self.settled_on and not any(self.unpaid.values()):
            self.settled_on = day


@dataclass(slots=True)
class _Money:
    """An amount on its way into its parts."""

    on: date
    left: int
    paid: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))

    def pay(self, part: str, owed: int) -> int:
        """Pays up to `owed` and returns what was paid."""
        amount = min(self.left, owed)
        self.left -= amount
        self.paid[part] += amount
        return amount


def service_loan(terms: LoanTerms, events: Sequence[Event], rules: ServicingRules | None = None) -> ServicedSchedule:
    """The schedule after the events, taken in order of their days. Raises InvalidTerms."""
    life = Life(terms, rules or ServicingRules(), tracks=any(event.kind is EventKind.REPAYMENT for event in events))
    for event in sorted(events, key=lambda event: event.on):
        life.happen(event)
    return life.finished()


class Life:
    """A loan on its way: lines already due, lines still planned, and what is unpaid.

    A loan of the book is `live`: its events were accepted once, and money that no longer finds a debt (because
    an earlier payment came to light) is kept for the borrower instead of refused.
    """

    def __init__(self, terms: LoanTerms, rules: ServicingRules, *, tracks: bool, live: bool = False) -> None:
        self.rules = rules
        self.tracks = tracks
        self.live = live
        self.first = self.planner = Planner(terms)
        self.balance = self.planner.opening
        self.periods: list[Period] = list(self.planner.periods)
        self.level = self.planner.level(self.periods, self.balance)
        self.parts = self.planner.planned(self.periods, self.balance)
        self.offset = 0  # installments before the last reschedule
        self.carried = NOTHING_CARRIED
        self.carried_days = 0
        self.fewer = False
        self.rate_changed = False
        self.past = self.planner.down_payment_lines()
        self.future: list[Line] = []
        self.dues: list[Due] = []  # with something unpaid
        self.settled: list[Due] = []
        self.credit = 0
        self.payments: list[Payment] = []
        self.uses: list[Payment] = []  # of money kept, by the installments it paid
        self.plan_again()
        self.installment = self.planner.installment(self.level, self.future)

    def happen(self, event: Event) -> None:
        if event.on < self.first.terms.disbursed_on:
            raise InvalidTerms("events", _("Nada ocurre antes del desembolso"))
        self.advance_to(event.on)
        settles = (EventKind.REPAYMENT, EventKind.PAYOFF, EventKind.WAIVER)
        refused = not self.future and not (self.dues and event.kind in settles)
        if refused and not (self.live and event.kind in (*settles, EventKind.PREPAYMENT)):
            raise InvalidTerms("events", _("El préstamo ya terminó el %(day)s") % {"day": event.on.isoformat()})
        try:
            getattr(self, f"on_{event.kind.value}")(event)
        except InvalidTerms as error:  # of the terms the event asks for, not the loan's own
            inside = error.field not in ("events", "moratory_rate_pct")
            raise InvalidTerms(f"events.{error.field}" if inside else error.field, error.message) from error

    # What happens

    def on_repayment(self, event: Event) -> None:
        money = _Money(event.on, self.amount_of(event))
        whole = money.left
        self.pay_dues(money)
        strategy = event.strategy or self.rules.prepayment_strategy or PrepaymentStrategy.ADVANCE
        self.pay_early(money, strategy)
        self.keep(money)
        self.record(money, whole)

    def on_prepayment(self, event: Event) -> None:
        money = _Money(event.on, self.amount_of(event))
        whole = money.left
        self.pay_dues(money)
        strategy = event.strategy or self.rules.prepayment_strategy or PrepaymentStrategy.REDUCE_NUMBER
        self.pay_early(money, strategy)
        self.keep(money)
        self.record(money, whole)

    def on_payoff(self, event: Event) -> None:
        if event.amount is not None:
            self.pay_off_with(event)
            return
        late = sum(sum(due.unpaid.values()) for due in self.late_dues(event.on))
        money = _Money(event.on, late)
        self.pay_dues(money)
        if self.future:
            money.left = sum(self.owed_at(event.on))
            self.close_period(money, "payoff")
        used = min(self.credit, sum(money.paid.values()))
        self.credit -= used
        money.left = -used
        self.record(money, sum(money.paid.values()) - used)

    def pay_off_with(self, event: Event) -> None:
        """What was paid to leave nothing, with what was kept; where it is short, the rest goes on."""
        whole = self.minor(event.amount)
        money = _Money(event.on, whole + self.credit)
        self.pay_dues(money)
        self.pay_early(money, PrepaymentStrategy.REDUCE_NUMBER, "payoff")
        used, self.credit = self.credit, money.left
        money.left -= used
        self.record(money, whole)

    def on_waiver(self, event: Event) -> None:
        """Forgives up to an amount of one part of what is due, the oldest first; never principal."""
        if event.part not in FORGIVABLE:
            raise InvalidTerms("events", _("Elige uno de: %(options)s") % {"options": ", ".join(FORGIVABLE)})
        left = self.amount_of(event)
        for due in self.late_dues(event.on):
            forgiven = min(left, due.unpaid[event.part])
            due.unpaid[event.part] -= forgiven
            due.waived[event.part] += forgiven
            left -= forgiven
        self.sort_out(event.on)

    def on_rate_change(self, event: Event) -> None:
        if event.annual_rate is None:
            raise InvalidTerms("events", _("Falta la tasa nueva"))
        self.carry_to(event.on)
        terms = replace(self.planner.terms, annual_rate=event.annual_rate)
        self.planner.terms = terms
        self.periods = [period.at(terms) for period in self.periods]
        self.rate_changed = True
        self.plan_level()

    def on_charge(self, event: Event) -> None:
        self.carried = replace(self.carried, fees=self.carried.fees + self.amount_of(event))
        self.plan_again()

    def on_reschedule(self, event: Event) -> None:
        """What is still owed becomes a new plan from this day; what was overdue joins it."""
        self.refuse_pending(event.on)
        self.carry_to(event.on)
        self.take_back_overdue(event.on)
        if not self.balance:
            raise InvalidTerms("events", _("Ya no queda capital por reprogramar"))
        old = self.planner
        irregular = old.terms.amortization is Amortization.IRREGULAR
        count = event.installments or len(self.periods)
        owed, multiple = old.money(self.balance), old.terms.rounding_multiple
        fee = Fee(FeeWhen.PER_INSTALLMENT, amount=old.money(old.fee_per_installment))
        terms = replace(
            old.terms, principal=owed, disbursed_on=event.on, installments=count,
            annual_rate=old.terms.annual_rate if event.annual_rate is None else event.annual_rate,
            first_due_on=event.first_due_on, seed_day=None, interest_free=0, grace_on_interest=0,
            grace_on_principal=event.grace_on_principal, fees=(fee,), tranches=(), plan=(),
            down_payment=Decimal(0), rounding_multiple=None if multiple and multiple > owed else multiple,
            amortization=Amortization.EQUAL_INSTALLMENTS if irregular else old.terms.amortization,
        )  # fmt: skip
        self.offset = max((line.n for line in self.past), default=0)
        self.rate_changed = self.rate_changed or terms.annual_rate != old.terms.annual_rate
        self.planner = Planner(terms)
        self.periods = list(self.planner.periods)
        self.plan_level()

    # Time

    def advance_to(self, day: date) -> None:
        """Lets every installment due by `day` fall due, and credit pay it."""
        while self.future and self.future[0].due_on <= day:
            line = self.future.pop(0)
            self.periods.pop(0)
            self.parts = self.parts[1:]
            self.balance = line.outstanding
            self.carried, self.carried_days = Carried(interest=line.waiting), 0
            self.past.append(line)
            if not self.tracks:
                continue
            self.dues.append(Due.of(line))
            if self.credit:
                money = _Money(line.due_on, self.credit)
                self.pay_dues(money)
                used, self.credit = self.credit - money.left, money.left
                money.left = -used
                self.uses.append(self.payment(money, 0))
            self.sort_out(line.due_on)

    def carry_to(self, day: date) -> None:
        """Ends the running period on `day` without a payment: what it cost waits for the next installment."""
        before, after = self.periods[0].split(day, self.planner.terms)
        interest, insurance = self.planner.accrued(self.balance, before)
        carried = self.carried
        self.carried = Carried(
            carried.interest + interest, carried.insurance + insurance, carried.fees, carried.earned + interest
        )
        self.balance += drawn_between([before], self.planner.tranches)
        self.carried_days += before.days
        self.periods[0] = after

    # Money

    def amount_of(self, event: Event) -> int:
        if event.amount is None or not event.amount.is_finite() or event.amount <= 0:
            raise InvalidTerms("events", _("El monto debe ser mayor que cero"))
        return self.minor(event.amount)

    def minor(self, amount: Decimal | None) -> int:
        unit = self.first.unit
        if amount is None or not amount.is_finite() or amount < 0 or amount * unit != int(amount * unit):
            raise InvalidTerms("events", _("El monto no lleva más decimales que la moneda"))
        return int(amount * unit)

    def late_dues(self, day: date) -> list[Due]:
        """Unpaid installments, with the moratory interest of their days late added."""
        for due in self.dues:
            days = (day - due.late_from).days
            if days > 0 and due.unpaid["principal"]:
                rate = scaled_rate(self.rules.moratory_rate, share_of_year(days, DAYS_IN_YEAR), "moratory_rate_pct")
                moratory = self.planner.at_rate(due.unpaid["principal"], rate)
                due.unpaid["penalties"] += moratory
                due.line.moratory += moratory
            due.late_from = max(day, due.late_from)
        return self.dues

    def pay_dues(self, money: _Money) -> None:
        """The oldest installment first, each in the order of the contract."""
        for due in self.late_dues(money.on):
            for part in self.rules.allocation_order:
                paid = money.pay(part, due.unpaid[part])
                due.unpaid[part] -= paid
                due.paid[part] += paid
        self.sort_out(money.on)

    def sort_out(self, day: date) -> None:
        """Sets apart the lines of which nothing is left to pay."""
        for due in self.dues:
            due.settle(day)
        self.settled += [due for due in self.dues if due.settled_on]
        self.dues = [due for due in self.dues if not due.settled_on]

    def pay_early(self, money: _Money, strategy: PrepaymentStrategy, kind: str = "prepayment") -> None:
        """Money over what is due: kept for the next installments, or to the principal with interest to the day."""
        if not money.left or not self.future:
            return
        if strategy is PrepaymentStrategy.ADVANCE:
            return
        before = self.owed_at(money.on)[3]
        self.close_period(money, kind)
        self.planner.flat_base = self.planner.flat_base * self.balance // max(before, 1)
        if not self.future:
            return
        if strategy is PrepaymentStrategy.REDUCE_NUMBER:
            self.fewer = True
            self.plan_again()
        else:
            self.plan_level()

    def keep(self, money: _Money) -> None:
        """What is over waits for the installments to come."""
        self.credit += money.left if self.tracks else 0

    def owed_at(self, day: date) -> tuple[int, int, int, int]:
        """Fees, insurance, interest and principal to leave nothing on `day`."""
        before, _after = self.periods[0].split(day, self.planner.terms)
        interest, insurance = self.planner.accrued(self.balance, before)
        carried = self.carried
        balance = self.balance + drawn_between([before], self.planner.tranches)
        return carried.fees, carried.insurance + insurance, carried.interest + interest, balance

    def close_period(self, money: _Money, kind: str) -> None:
        """Pays fees, insurance, interest to the day and then principal; the running period ends here."""
        owed = self.owed_at(money.on)
        before, after = self.periods[0].split(money.on, self.planner.terms)
        fees, insurance, interest, principal = (
            money.pay(part, amount) for part, amount in zip(PARTS[1:], owed, strict=True)
        )
        self.balance = owed[3] - principal
        days = before.days + self.carried_days
        line = Line(0, money.on, days, principal, interest, insurance, fees, self.balance, kind=kind)
        line.earned = owed[2] - self.carried.interest + self.carried.earned
        self.past.append(line)
        due = Due.of(line)
        due.paid, due.unpaid = due.unpaid, due.paid
        due.settled_on = money.on
        self.settled.append(due)
        self.carried = Carried(owed[2] - interest, owed[1] - insurance, owed[0] - fees)
        self.carried_days = 0
        self.periods[0] = after
        if not self.balance:
            self.refuse_pending(money.on)
            self.future, self.periods = [], []

    def refuse_pending(self, day: date) -> None:
        """Raises InvalidTerms while a tranche is still to come: ending or replacing the plan would lose it."""
        if self.planner.pending(day) and not self.live:
            raise InvalidTerms("events", _("Falta entregar una parte del préstamo; eso va antes"))

    def take_back_overdue(self, day: date) -> None:
        """Overdue principal returns to the balance; overdue interest, insurance and fees wait for the new plan."""
        self.late_dues(day)
        carried = {"interest": self.carried.interest, "insurance": self.carried.insurance, "fees": self.carried.fees}
        for due in self.dues:
            for part in ("interest", "insurance", "fees"):
                carried[part] += due.unpaid[part]
                setattr(due.line, part, getattr(due.line, part) - due.unpaid[part])
                due.unpaid[part] = 0
            principal = due.unpaid["principal"]
            self.balance += principal
            due.line.principal -= principal
            due.unpaid["principal"] = 0
            for line in self.past[self.past.index(due.line) :]:
                line.outstanding += principal
        self.sort_out(day)
        self.carried = Carried(**carried, earned=self.carried.earned)

    def record(self, money: _Money, whole: int) -> None:
        self.payments.append(self.payment(money, whole))

    def payment(self, money: _Money, whole: int) -> Payment:
        soles = self.first.money
        paid = {part: soles(amount) for part, amount in money.paid.items()}
        return Payment(money.on, soles(whole), advance=soles(money.left), **paid)

    # The plan

    def plan_level(self) -> None:
        """A new level installment (or equal parts) for what is left, over all the periods left."""
        self.fewer = False
        self.level = self.planner.level(self.periods, self.balance, self.carried)
        self.parts = self.planner.planned(self.periods, self.balance)
        self.plan_again()

    def plan_again(self) -> None:
        """The lines still to come, at the level (or parts) in force."""
        self.future = self.planner.lines(
            self.periods, self.balance, self.level, carried=self.carried, planned=self.parts,
            stop_when_paid=self.fewer,
        )  # fmt: skip
        self.periods = self.periods[: len(self.future)]
        self.parts = self.parts[: len(self.future)]
        for line in self.future:
            line.n += self.offset
        if self.future:
            self.future[0].days += self.carried_days

    def finished(self) -> ServicedSchedule:
        schedule = self.first.schedule([*self.past, *self.future], self.installment, rate_changed=self.rate_changed)
        return ServicedSchedule(schedule, tuple(self.payments))
