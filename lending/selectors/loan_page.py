"""What a loan's page shows: the summary matrix, the schedule with its state, payments, history, certificate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import InvalidState
from lending.models import Disbursement, Loan, Repayment, Restructure
from lending.money import ZERO
from lending.schedules.state import LineState, LoanState

PARTS: Final = {
    "principal": gettext_lazy("Capital"),
    "interest": gettext_lazy("Interés compensatorio"),
    "insurance": gettext_lazy("Seguro"),
    "fees": gettext_lazy("Comisiones y gastos"),
    "moratory": gettext_lazy("Interés moratorio"),
}


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One part of a loan, in soles: `original` − `paid` − `waived` − `written_off` = `outstanding`."""

    part: str
    label: str
    original: Decimal
    paid: Decimal
    waived: Decimal
    written_off: Decimal
    outstanding: Decimal
    overdue: Decimal


def loan_matrix(loan: Loan, state: LoanState) -> list[MatrixRow]:
    """Every part of the loan and, last, their sum. `state` is `lending.selectors.loans.loan_state`."""
    rows = []
    for part, label in PARTS.items():
        original, paid = state.total(part), state.total(f"paid_{part}")
        waived = ZERO if part == "principal" else state.total(f"waived_{part}")
        left = original - paid - waived
        overdue = sum((line.unpaid_of(part) for line in state.lines if line.due_on < state.on), ZERO)
        written_off = left if loan.status == Loan.Status.CHARGED_OFF else ZERO
        rows.append(MatrixRow(part, str(label), original, paid, waived, written_off, left - written_off, overdue))
    columns = ("original", "paid", "waived", "written_off", "outstanding", "overdue")
    sums = {column: sum((getattr(row, column) for row in rows), ZERO) for column in columns}
    return [*rows, MatrixRow("total", _("Total"), **sums)]


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A line of the plan with where it stands: paid, late, partial, due (today) or coming."""

    line: LineState
    status: str
    days_late: int

    @property
    def paid(self) -> Decimal:
        return self.line.total - self.line.unpaid


def schedule_rows(state: LoanState) -> list[ScheduleRow]:
    """The whole plan as of the state's day."""
    return [ScheduleRow(line, _status(line, state.on), _days_late(line, state.on)) for line in state.lines]


def _status(line: LineState, on: date) -> str:
    if line.settled_on:
        return "paid"
    if line.due_on < on:
        return "late"
    if line.due_on == on:
        return "due"
    return "partial" if line.total != line.unpaid else "coming"


def _days_late(line: LineState, on: date) -> int:
    """Days from the due date until it was settled, or until today."""
    return max(((line.settled_on or on) - line.due_on).days, 0)


def payments_of(loan: Loan) -> list[Repayment]:
    """Every payment, the newest first, reversed ones too; `allocations` and who received them are at hand."""
    return list(
        Repayment.objects.filter(loan_id=loan.pk)
        .select_related("received_by", "reversed_by")
        .prefetch_related("allocations")
        .order_by("-on", "-pk")
    )


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a loan, for its history."""

    at: datetime
    on: date
    what: str  # disbursement, repayment, reversal, restructure
    label: str
    amount: Decimal | None
    who: Any
    row: Disbursement | Repayment | Restructure


def history_of(
    payments: Sequence[Repayment], disbursements: Sequence[Disbursement], restructures: Sequence[Restructure]
) -> list[Happening]:
    """Everything in the order it was recorded, the newest first."""
    found = [
        Happening(row.paid_at, row.on, "disbursement", _("Desembolso"), row.amount, row.paid_by, row)
        for row in disbursements
        if row.paid_at
    ]
    for row in payments:
        found.append(
            Happening(row.received_at, row.on, "repayment", row.get_kind_display(), row.amount, row.received_by, row)
        )
        if row.reversed_at:
            found.append(
                Happening(row.reversed_at, row.on, "reversal", _("Extorno"), -row.amount, row.reversed_by, row)
            )
    found += [
        Happening(row.created_at, row.on, "restructure", row.get_kind_display(), None, row.requested_by, row)
        for row in restructures
        if row.status == Restructure.Status.APPLIED
    ]
    return sorted(found, key=lambda row: row.at, reverse=True)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a payoff certificate (constancia de no adeudo) says."""

    loan: Loan
    borrower: str
    document: str  # masked
    amount: Decimal
    disbursed_on: date
    closed_on: date
    paid: Decimal
    last_receipt: int | None


def payoff_certificate(loan: Loan) -> Certificate:
    """The facts that certify a paid loan. Raises InvalidState while something is owed."""
    if loan.status != Loan.Status.PAID or loan.closed_on is None or loan.disbursed_on is None:
        raise InvalidState(_("La constancia de no adeudo se entrega cuando el crédito está cancelado."))
    posted = Repayment.objects.filter(loan_id=loan.pk, status=Repayment.Status.POSTED)
    amounts = list(posted.order_by("pk").values_list("amount", "number"))
    return Certificate(
        loan=loan,
        borrower=loan.applicant.full_name,
        document=loan.applicant.masked_document,
        amount=loan.principal,
        disbursed_on=loan.disbursed_on,
        closed_on=loan.closed_on,
        paid=sum((amount for amount, _number in amounts), ZERO) - loan.refunded,
        last_receipt=max((number for _amount, number in amounts), default=None),
    )
