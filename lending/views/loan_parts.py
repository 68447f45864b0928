"""Finished cells of a loan, the same for the borrower and for the desk."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.clock import today
from accounts.formats import ABSENT, format_day, format_money, format_number, format_percent
from lending.models import Disbursement, Loan, Repayment
from lending.presentation import receipt_code, schedule_columns, schedule_rows, schedule_totals
from lending.selectors.loan_overview import Overview
from lending.selectors.loan_page import ScheduleRow
from lending.selectors.prepayments import open_request
from lending.services.repayments import choice_until

STATUS_KINDS: Final = {
    Loan.Status.APPROVED: "warn",
    Loan.Status.ACTIVE: "info",
    Loan.Status.PAID: "ok",
    Loan.Status.CHARGED_OFF: "bad",
}
LINE_KINDS: Final = {
    "down_payment": gettext_lazy("Inicial"),
    "prepayment": gettext_lazy("Anticipado"),
    "payoff": gettext_lazy("Cancelación"),
}
ALLOCATED: Final = {
    "penalties": gettext_lazy("moratorio"),
    "fees": gettext_lazy("comisiones"),
    "insurance": gettext_lazy("seguro"),
    "interest": gettext_lazy("interés"),
    "principal": gettext_lazy("capital"),
    "advance": gettext_lazy("adelanto"),
}


def status_tags(page: Overview) -> list[dict[str, str]]:
    """State, and anything that should not be overlooked."""
    loan = page.loan
    tags = [{"text": loan.get_status_display(), "kind": STATUS_KINDS.get(Loan.Status(loan.status), "")}]
    if page.state and loan.status == Loan.Status.ACTIVE:
        tags.append(late_tag(page.state.days_late))
    if page.asked:
        tags.append({"text": _("Desembolso por autorizar"), "kind": "warn", "sign": "people"})
    if page.changing:
        tags.append({"text": _("Cambio por autorizar"), "kind": "warn", "sign": "people"})
    if loan.is_refinanced:
        tags.append({"text": _("Refinanciado"), "kind": "warn"})
    if loan.is_rescheduled:
        tags.append({"text": _("Reprogramado"), "kind": ""})
    return tags


def late_tag(days: int) -> dict[str, str]:
    if not days:
        return {"text": _("Al día"), "kind": "ok"}
    text = ngettext("%(count)s día de atraso", "%(count)s días de atraso", days) % {"count": days}
    return {"text": text, "kind": "warn" if days <= 8 else "bad", "sign": "clock"}


def plan_table(page: Overview) -> dict[str, Any]:
    """The plan: as agreed before the money is out, with what is paid of each line afterwards."""
    if page.schedule:
        return {
            "columns": schedule_columns(page.schedule),
            "rows": schedule_rows(page.schedule),
            "foot": [schedule_totals(page.schedule)],
        }
    assert page.state is not None
    columns: list[Any] = [
        _("N.º"), _("Vence"), (_("Cuota"), "r"), _("Estado"), (_("Capital"), "r"), (_("Interés"), "r"),
        (_("Seguro y otros"), "r"), (_("Moratorio"), "r"), (_("Pagado"), "r"), (_("Saldo"), "r"),
    ]  # fmt: skip
    return {"columns": columns, "rows": [_line(row) for row in page.lines], "foot": []}


def _line(row: ScheduleRow) -> list[str]:
    line = row.line
    amounts = (line.principal, line.interest, line.insurance + line.fees, line.moratory, row.paid, line.outstanding)
    return [
        str(line.n) if line.n else str(LINE_KINDS.get(line.kind, ABSENT)),
        format_day(line.due_on),
        format_number(line.total, 2),
        line_words(row),
        *(format_number(amount, 2) for amount in amounts),
    ]


def line_words(row: ScheduleRow) -> str:
    """Where one line stands."""
    if row.line.settled_on:
        return _("Pagada el %(day)s") % {"day": format_day(row.line.settled_on)}
    if row.status == "late":
        count = row.days_late
        return ngettext("Vencida hace %(count)s día", "Vencida hace %(count)s días", count) % {"count": count}
    return _("Vence hoy") if row.status == "due" else _("Por vencer")


def matrix_table(page: Overview) -> dict[str, Any]:
    """The summary matrix in finished cells."""
    columns: list[Any] = [_("En soles"), *((name, "r") for name in (
        _("Original"), _("Pagado"), _("Condonado"), _("Castigado"), _("Por pagar"), _("Vencido"),
    ))]  # fmt: skip
    names = ("original", "paid", "waived", "written_off", "outstanding", "overdue")
    lines = [[str(row.label), *(_amount(getattr(row, name)) for name in names)] for row in page.matrix]
    return {"columns": columns, "rows": lines[:-1], "foot": lines[-1:]}


def payment_rows(page: Overview, institution: Any, *, door: str) -> list[dict[str, Any]]:
    """What came in, newest first, with where it went and its receipt."""
    return [
        {
            "payment": one,
            "code": receipt_code(institution, one.number),
            "url": reverse(f"lending:{door}_receipt", args=[institution.slug, one.pk]),
            "day": format_day(one.on),
            "amount": format_money(one.amount),
            "kind": one.get_kind_display(),
            "channel": one.get_channel_display(),
            "went": went(one),
            "reversed": one.status == Repayment.Status.REVERSED,
        }
        for one in page.payments
    ]


def went(repayment: Repayment) -> str:
    """`capital 154.20, interés 45.80`, or the words for a payment taken back."""
    if repayment.status == Repayment.Status.REVERSED:
        return _("Extornado: %(reason)s") % {"reason": repayment.reversal_reason}
    order = list(ALLOCATED)
    parts = sorted(repayment.allocations.all(), key=lambda one: order.index(one.part) if one.part in order else 9)
    return ", ".join(f"{ALLOCATED.get(one.part, one.part)} {format_number(one.amount, 2)}" for one in parts) or ABSENT


def key_facts(page: Overview) -> list[dict[str, str]]:
    """The figures at the head of a loan."""
    loan, state = page.loan, page.state
    facts = [
        {"label": _("Monto"), "value": format_money(loan.principal)},
        {"label": _("TEA"), "value": format_percent(loan.tea)},
        {"label": _("Cuota"), "value": f"{format_money(loan.installment)} × {loan.installments}"},
    ]
    if state is None:
        first = format_day(loan.first_due_on) if loan.first_due_on else ABSENT
        return [*facts, {"label": _("Primera cuota"), "value": first}]
    facts.append({"label": _("Saldo capital"), "value": format_money(state.principal)})
    if loan.status == Loan.Status.ACTIVE:
        facts.append({"label": _("Por pagar hoy"), "value": format_money(state.due)})
    if state.advance:
        facts.append({"label": _("Pagado por adelantado"), "value": format_money(state.advance)})
    return facts


def asked_words(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Disbursements as lines of a timeline."""
    return [
        {
            "when": format_day(one.on),
            "title": f"{format_money(one.amount)} · {one.get_method_display()} {one.account}".strip(),
            "text": _("%(status)s. Pidió %(who)s%(paid)s.")
            % {
                "status": one.get_status_display(),
                "who": one.requested_by or _("el sistema"),
                "paid": _("; entregó %(who)s") % {"who": one.paid_by} if one.paid_by else "",
            }
            + _own_words(one),
        }
        for one in rows
    ]


def _own_words(one: Disbursement) -> str:
    """What the borrower paid of the price, where the loan buys something."""
    if one.price is None:
        return ""
    text = _(" Cuota inicial de %(own)s sobre un precio de %(price)s, recibo %(receipt)s.")
    return text % {"own": format_money(one.own_part), "price": format_money(one.price), "receipt": one.own_receipt}


def early_facts(page: Overview) -> dict[str, Any]:
    """The prepayment to choose about, while its days last, and what was asked of the next one."""
    early = page.to_choose
    until = choice_until(early) if early else None
    asked = open_request(page.loan.pk) if page.loan.status == Loan.Status.ACTIVE else None
    return {"early": early if until and until >= today() else None, "choose_until": until, "asked": asked}


def _amount(value: Decimal) -> str:
    return format_number(value, 2) if value else ABSENT
