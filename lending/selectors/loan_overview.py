"""A loan with all its page needs, read with as many queries however much happened; and the cashier's day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db.models import Q

from lending.models import Disbursement, Loan, Repayment, Restructure
from lending.schedules import Schedule, build_schedule
from lending.schedules.contract import read_request
from lending.schedules.state import LineState, LoanState
from lending.selectors.history import history_of
from lending.selectors.loan_page import MatrixRow, ScheduleRow, loan_matrix, payments_of, schedule_rows
from lending.selectors.loans import loan_state

ENDED: Final = frozenset({Loan.Status.PAID, Loan.Status.REFINANCED, Loan.Status.CANCELLED})


@dataclass(frozen=True)
class Overview:
    """`state` is None until the loan is paid out; `schedule` is then what was agreed."""

    loan: Loan
    on: date
    schedule: Schedule | None
    state: LoanState | None
    matrix: Sequence[MatrixRow]
    lines: Sequence[ScheduleRow]
    payments: Sequence[Repayment]
    disbursements: Sequence[Disbursement]
    restructures: Sequence[Restructure]
    history: Sequence[dict[str, Any]] = field(default_factory=list)

    @property
    def asked(self) -> Disbursement | None:
        """The disbursement that waits for its second signature."""
        return next((one for one in self.disbursements if one.status == Disbursement.Status.REQUESTED), None)

    @property
    def changing(self) -> list[Restructure]:
        """Changes that wait for their second signature."""
        return [one for one in self.restructures if one.status == Restructure.Status.REQUESTED]

    @property
    def to_sign(self) -> Restructure | None:
        """The refinancing that was authorised and waits for the borrower's signature."""
        return next((one for one in self.restructures if one.status == Restructure.Status.AUTHORISED), None)

    @property
    def next_line(self) -> LineState | None:
        """The oldest line that is not settled."""
        return next((line for line in self.state.lines if not line.settled_on), None) if self.state else None

    @property
    def to_choose(self) -> Repayment | None:
        """The newest prepayment about whose effect the borrower has not spoken."""
        posted = [one for one in self.payments if one.status == Repayment.Status.POSTED]
        early = [one for one in posted if one.kind == Repayment.Kind.PREPAYMENT and not one.strategy]
        return max(early, key=lambda one: (one.on, one.pk), default=None)


def loan_overview(loan: Loan, on: date, *, with_history: bool = False) -> Overview:
    """The loan as of `on`, or as of its last day once it is over."""
    payments = payments_of(loan)
    disbursements = list(
        Disbursement.objects.filter(loan_id=loan.pk).select_related("requested_by", "paid_by").order_by("n", "pk")
    )
    restructures = list(
        Restructure.objects.filter(loan_id=loan.pk).select_related("requested_by", "approved_by").order_by("-on", "-pk")
    )
    state = schedule = None
    if loan.disbursed_on is None:
        schedule = build_schedule(read_request(loan.terms)[0])
    else:
        over = loan.closed_on if loan.status in ENDED else None
        state = loan_state(loan, over or on)
    subjects = [loan.pk, *(one.pk for one in (*payments, *disbursements, *restructures))]
    if loan.contract_id:
        subjects.append(loan.contract_id)
    return Overview(
        loan=loan,
        on=on,
        schedule=schedule,
        state=state,
        matrix=loan_matrix(loan, state) if state else [],
        lines=schedule_rows(state) if state else [],
        payments=payments,
        disbursements=disbursements,
        restructures=restructures,
        history=history_of(*subjects) if with_history else [],
    )


def receipts_of_day(user_id: int, on: date) -> list[Repayment]:
    """What a cashier took in on a day, newest first, reversed ones among them."""
    at_desk = {"channel": Repayment.Channel.CASH, "received_by_id": user_id}
    found = Repayment.objects.filter(received_at__date=on, **at_desk)
    return list(found.select_related("loan__applicant").order_by("-number"))


def own_loans(user_id: int) -> list[Loan]:
    """A person's own loans here, the ones in payment first."""
    mine = Q(applicant__user_id=user_id) | Q(contract__application__owner_id=user_id)
    return list(Loan.objects.filter(mine).select_related("product").order_by("status", "-number"))
