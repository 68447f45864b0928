"""From terms to rows: how principal, interest, insurance and fees fall due.

Works in minor units (céntimos) and scaled rates; Decimals are made at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

from django.utils.translation import gettext as _

from lending.interest import RATE_SCALE, divide
from lending.schedules.level import level_installment, level_rows
from lending.schedules.periods import Drawing, Period, drawn_between, periods_of, rate_between
from lending.schedules.rows import DOWN_PAYMENT, INSTALLMENT, Columns, Schedule, smallest_unit
from lending.schedules.terms import Amortization, FeeWhen, InsuranceBase, InterestMethod, InvalidTerms, LoanTerms
from lending.schedules.usual import usual_schedule

_PRECISION = 34


@dataclass(slots=True)
class Line:
    """A row in minor units, while it can still change."""

    n: int
    due_on: date
    days: int
    principal: int
    interest: int
    insurance: int
    fees: int
    outstanding: int
    moratory: int = 0
    kind: str = INSTALLMENT
    waiting: int = 0  # interest of this and earlier periods that a grace leaves for later
    earned: int = 0  # interest of its own period, whenever it falls due

    @property
    def total(self) -> int:
        return self.principal + self.interest + self.insurance + self.fees + self.moratory


@dataclass(frozen=True, slots=True)
class Carried:
    """Interest, insurance and fees of the past that fall due with the next installment."""

    interest: int = 0
    insurance: int = 0
    fees: int = 0
    earned: int = 0  # the part of the interest that belongs to the running period


NOTHING_CARRIED = Carried()


def build_schedule(terms: LoanTerms) -> Schedule:
    """The schedule of a loan that is paid as agreed.

    Principal adds up to what is owed exactly, the last installment absorbs the rounding, and no row is
    negative. Raises InvalidTerms.
    """
    usual = usual_schedule(terms)
    if usual is not None:
        return usual
    planner = Planner(terms)
    level = planner.level(planner.periods, planner.opening)
    lines = planner.lines(planner.periods, planner.opening, level)
    return planner.schedule([*planner.down_payment_lines(), *lines], planner.installment(level, lines))


class Planner:
    """The arithmetic of one loan's terms."""

    def __init__(self, terms: LoanTerms) -> None:
        self.terms = terms
        self.unit = 10**terms.decimals
        self.principal = int(terms.principal * self.unit)
        self.fees = self._fee_amounts()
        self.fee_per_installment = self.fees[FeeWhen.PER_INSTALLMENT]
        self.down_payment = self.share(self.principal, terms.down_payment)
        self.owed = self.principal - self.down_payment + self.fees[FeeWhen.UPFRONT_ADDED]
        self.tranches: list[Drawing] = [(part.on, int(part.amount * self.unit)) for part in terms.tranches[1:]]
        self.opening = self.owed - sum(amount for _day, amount in self.tranches)
        self.flat_base = self.owed
        self.periods = periods_of(terms)
        if self.tranches and self.tranches[-1][0] >= self.periods[-1].due_on:
            raise InvalidTerms("disbursements", _("Cada desembolso va antes de la última cuota"))

    @property
    def is_level(self) -> bool:
        """Whether installments are worked out from a level one, rather than from planned principal."""
        return (
            self.terms.amortization is Amortization.EQUAL_INSTALLMENTS
            and self.terms.interest_method is InterestMethod.DECLINING_BALANCE
        )

    @property
    def is_common(self) -> bool:
        """Whether lending.schedules.level says it all: level, nothing waits, nothing is drawn later."""
        terms = self.terms
        return (
            self.is_level
            and not (terms.grace_on_principal or terms.grace_on_interest or terms.half_even or self.tranches)
            and not self.insures_interest
            and (terms.insurance is None or terms.insurance.in_installment)
        )

    @property
    def insures_interest(self) -> bool:
        insurance = self.terms.insurance
        return insurance is not None and insurance.base is InsuranceBase.BALANCE_PLUS_INTEREST

    @property
    def level_holds_insurance(self) -> bool:
        return self.terms.insurance is not None and self.terms.insurance.in_installment

    def share(self, amount: int, fraction: Decimal) -> int:
        """`fraction` of `amount`, rounded as the terms say."""
        return int((amount * fraction).quantize(Decimal(1), rounding=self._rounding))

    def pending(self, day: date) -> bool:
        """Whether a tranche is handed over on that day or later."""
        return any(on >= day for on, _amount in self.tranches)

    def at_rate(self, amount: int, rate: int) -> int:
        return divide(amount * rate, RATE_SCALE, half_even=self.terms.half_even)

    def accrued(self, balance: int, period: Period) -> tuple[int, int]:
        """Interest and insurance of a period on its opening balance; flat interest is on the whole loan."""
        base = self.flat_base if self.terms.interest_method is InterestMethod.FLAT else balance
        interest = self.at_rate(base, period.rate)
        for day, amount in self.tranches:
            if period.starts_on <= day < period.due_on:
                interest += self.at_rate(amount, rate_between(self.terms, day, period.due_on, period.n))
        insured = balance + (interest if self.insures_interest else 0)
        return interest, self.at_rate(insured, period.insurance_rate)

    def down_payment_lines(self) -> list[Line]:
        if not self.down_payment:
            return []
        day = self.terms.disbursed_on
        return [Line(0, day, 0, self.down_payment, 0, 0, 0, self.opening, kind=DOWN_PAYMENT)]

    def lines(
        self,
        periods: Sequence[Period],
        balance: int,
        level: int,
        *,
        carried: Carried = NOTHING_CARRIED,
        planned: Sequence[int] | None = None,
        stop_when_paid: bool = False,
    ) -> list[Line]:
        """The installments of `periods` for an opening `balance`.

        `planned` is the principal of each where it is not worked out from the `level`. `stop_when_paid`
        leaves out what follows the last sol.
        """
        terms = self.terms
        if self.is_common and carried is NOTHING_CARRIED and not stop_when_paid:
            return self._common_lines(periods, balance, level)
        parts = self.planned(periods, balance) if planned is None else planned
        waiting = carried.interest
        insurance_carried, fees_carried = carried.insurance, carried.fees
        lines = []
        for place, period in enumerate(periods):
            interest, insurance = self.accrued(balance, period)
            balance += drawn_between([period], self.tranches)
            last = period is periods[-1]
            in_level = waiting * (place == 0) + interest
            if self.level_holds_insurance:
                in_level += insurance + insurance_carried
            principal = balance if last else self._principal(period, balance, level - in_level, parts[place])
            balance -= principal
            waiting += interest
            insurance += insurance_carried
            paid_interest = 0
            over = stop_when_paid and not balance and not self.pending(period.due_on)
            if period.n > terms.grace_on_interest or last or over:
                paid_interest, waiting = waiting, 0
            fees = self._fee(period) + fees_carried
            insurance_carried = fees_carried = 0
            line = Line(period.n, period.due_on, period.days, principal, paid_interest, insurance, fees, balance)
            line.waiting, line.earned = waiting, interest + carried.earned * (place == 0)
            lines.append(line)
            if over:
                break
        return lines

    def _common_lines(self, periods: Sequence[Period], balance: int, level: int) -> list[Line]:
        rates = [period.rate for period in periods]
        insurance_rates = [period.insurance_rate for period in periods]
        fee = self.fee_per_installment
        rows = level_rows(balance, rates, insurance_rates, level)
        return [
            Line(
                period.n, period.due_on, period.days, principal, interest, insurance, fee, outstanding, earned=interest
            )
            for period, (principal, interest, insurance, outstanding) in zip(periods, rows, strict=True)
        ]

    def _principal(self, period: Period, balance: int, by_level: int, planned: int) -> int:
        """Principal of an installment before the last: never negative, never above the balance."""
        if period.n <= self.terms.grace_on_principal:
            return 0
        return max(0, min(by_level if self.is_level else planned, balance))

    def planned(self, periods: Sequence[Period], balance: int) -> list[int]:
        """Principal of each period where it is fixed beforehand: equal parts, at the end, or by a plan.

        A plan is scaled to the balance it has to pay off.
        """
        terms = self.terms
        if self.is_level or terms.amortization is Amortization.BULLET:
            return [0] * len(periods)
        if terms.amortization is Amortization.IRREGULAR:
            parts = [self._plan_amount(period.n) for period in periods]
            whole = sum(parts)
            if len(periods) == len(self.periods) or not whole:
                return parts
            return [divide(part * balance, whole, half_even=terms.half_even) for part in parts]
        paying = sum(period.n > terms.grace_on_principal for period in periods)
        part = divide(balance, max(paying, 1), half_even=terms.half_even)
        if terms.interest_method is InterestMethod.FLAT and terms.rounding_multiple:
            interests = [self.at_rate(self.flat_base, period.rate) for period in periods]
            return [self._to_multiple(part + interest) - interest for interest in interests]
        return [self._to_multiple(part)] * len(periods)

    def _fee(self, period: Period) -> int:
        if self.terms.gives_costs:
            return int(self.terms.plan[period.n - 1].fees * self.unit)
        return self.fee_per_installment

    def _plan_amount(self, n: int) -> int:
        payment = self.terms.plan[n - 1]
        if payment.amount is not None:
            return int(payment.amount * self.unit)
        return self.share(self.owed, payment.share or Decimal(0))

    def level(self, periods: Sequence[Period], balance: int, carried: Carried = NOTHING_CARRIED) -> int:
        """The installment that pays `balance` off at its own due dates: balance = sum of level / growth.

        Includes the insurance unless it comes on top. Zero where installments are not level.
        """
        if not self.is_level:
            return 0
        if self.is_common and carried is NOTHING_CARRIED:
            rates = [period.rate for period in periods]
            level = level_installment(balance, rates, [period.insurance_rate for period in periods])
            return self._to_multiple(level)
        paying = [period for period in periods if period.n > self.terms.grace_on_principal] or list(periods[-1:])
        before = [period for period in periods if period.n < paying[0].n]
        with localcontext(prec=_PRECISION):
            owed = Decimal(balance + (drawn_between(before, self.tranches) if before else 0))
            growth, installments_worth = Decimal(1), Decimal(0)
            for period in paying:
                charge = Decimal(period.insurance_rate if self.level_holds_insurance else 0)
                if self.insures_interest:
                    charge += charge * period.rate / RATE_SCALE
                growth *= 1 + (period.rate + charge) / RATE_SCALE
                installments_worth += 1 / growth
                if period is periods[0]:
                    in_level = carried.insurance if self.level_holds_insurance else 0
                    owed += (carried.interest + in_level) / growth
                for day, amount in self.tranches:
                    if period.starts_on <= day < period.due_on:
                        rate = rate_between(self.terms, day, period.due_on, period.n)
                        owed += amount * (1 + Decimal(rate) / RATE_SCALE) / growth
            level = int((owed / installments_worth).quantize(Decimal(1), rounding=self._rounding))
        return self._to_multiple(level)

    def installment(self, level: int, lines: Sequence[Line]) -> int:
        """What one calls the installment: the level one, or the largest where they differ by design."""
        return level + self.fee_per_installment if level else max(line.total for line in lines)

    def money(self, minor: int) -> Decimal:
        return minor * smallest_unit(self.terms.decimals)

    def schedule(self, lines: Sequence[Line], installment: int, *, rate_changed: bool = False) -> Schedule:
        """The finished schedule of these lines."""
        columns = Columns(*(tuple(getattr(line, name) for line in lines) for name in Columns._fields))
        kept, added = self.fees[FeeWhen.UPFRONT_DEDUCTED], self.fees[FeeWhen.UPFRONT_ADDED]
        return Schedule(self.terms, columns, installment, kept + added, self.principal - kept, rate_changed)

    @property
    def _rounding(self) -> str:
        return ROUND_HALF_EVEN if self.terms.half_even else ROUND_HALF_UP

    def _fee_amounts(self) -> dict[FeeWhen, int]:
        """Fees by when they fall due; shares are of the principal."""
        amounts = dict.fromkeys(FeeWhen, 0)
        for fee in self.terms.fees:
            share = self.share(self.principal, fee.share or Decimal(0))
            amounts[fee.when] += share if fee.amount is None else int(fee.amount * self.unit)
        return amounts

    def _to_multiple(self, amount: int) -> int:
        """The nearest multiple the terms ask for, never zero."""
        if self.terms.rounding_multiple is None:
            return amount
        multiple = int(self.terms.rounding_multiple * self.unit)
        return max(multiple, divide(amount, multiple, half_even=self.terms.half_even) * multiple)
