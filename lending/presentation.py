"""Finished figures and sentences for the applicant's pages: templates only show them. Pure but for wording."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.errors import DomainError
from accounts.formats import format_day, format_money, format_number, format_percent
from lending.matching import MatchingPolicy, ProductTerms
from lending.money import ZERO, format_soles, least_own_part
from lending.reasons import BAD, BLOCK, GOOD, SEGMENTS, VERIFY, Reason
from lending.schedules import Amortization, Schedule
from lending.simulation import CostRange, simulate
from scoring.features import FEATURES

KINDS: Final = {GOOD: "ok", BAD: "warn", BLOCK: "bad", VERIFY: "warn"}


def shown_reason(reason: Reason) -> dict[str, str]:
    """A reason with what to do about it, and the sign it stands beside."""
    return {"text": f"{reason.text} {reason.advice}".strip(), "kind": KINDS.get(reason.tone, "mut")}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one loan costs, worded by how it is paid back."""

    payment_label: str
    payment: str
    tea: str
    lines: list[dict[str, Any]]  # label, value, total, strong
    summary: str  # what opens the schedule
    columns: list[tuple[str, str] | str]
    rows: list[list[str]]
    foot: list[list[str]]


def cost_of(schedule: Schedule, down_payment: Decimal = ZERO) -> Cost:
    """A schedule's figures in the order people need them: the payment, the yearly cost, the parts, the total.

    `down_payment` is the share of the price that the buyer must pay, where there is one.
    """
    totals = schedule.totals
    lines: list[dict[str, Any]] = []
    before = [row.total for row in schedule.rows[:-1]]
    if schedule.terms.amortization is Amortization.BULLET and before:
        lines.append({"label": _("Antes, cada mes (solo interés)"), "value": _between(before)})
    lines += [
        {"label": _("Costo anual con todo incluido (TCEA)"), "value": format_percent(schedule.tcea), "strong": True},
        {"label": _("Interés anual (TEA)"), "value": format_percent(schedule.tea)},
        {"label": _("Intereses"), "value": format_money(totals.interest)},
    ]
    if totals.insurance:
        lines.append({"label": _("Seguro de desgravamen"), "value": format_money(totals.insurance)})
    if totals.upfront_fees:
        lines += [
            {"label": _("Comisión, se descuenta al recibir"), "value": format_money(totals.upfront_fees)},
            {"label": _("Recibes en la mano"), "value": format_money(totals.received)},
        ]
    lines.append({"label": _("Pagarás en total"), "value": format_money(totals.total), "total": True})
    if down_payment:
        own = least_own_part(schedule.terms.principal, down_payment)
        lines += [
            {"label": _("Precio de lo que compras, al menos"), "value": format_money(schedule.terms.principal + own)},
            {"label": _("Aparte, cuota inicial al vendedor, al menos"), "value": format_money(own)},
        ]
    return Cost(
        payment_label=payment_label(schedule),
        payment=format_money(schedule.installment),
        tea=format_percent(schedule.tea),
        lines=lines,
        summary=ngettext("Ver la cuota", "Ver las %(count)s cuotas", len(schedule.rows))
        % {"count": len(schedule.rows)},
        columns=schedule_columns(schedule),
        rows=schedule_rows(schedule),
        foot=[schedule_totals(schedule)],
    )


def payment_label(schedule: Schedule) -> str:
    """What the largest figure is."""
    if len(schedule.rows) == 1:
        return _("Pagas una sola vez, el %(day)s") % {"day": format_day(schedule.last_due_on)}
    if schedule.terms.amortization is Amortization.BULLET:
        return _("Pagas a la cosecha, el %(day)s") % {"day": format_day(schedule.last_due_on)}
    return _("Tu cuota cada mes")


def schedule_columns(schedule: Schedule) -> list[tuple[str, str] | str]:
    """Heads of the schedule; the insurance has a column only where there is one."""
    heads: list[tuple[str, str] | str] = [
        _("N.º"),
        _("Vence"),
        (_("Cuota"), "r"),
        (_("Capital"), "r"),
        (_("Interés"), "r"),
    ]
    if schedule.totals.insurance:
        heads.append((_("Seguro"), "r"))
    return [*heads, (_("Saldo"), "r")]


def schedule_rows(schedule: Schedule) -> list[list[str]]:
    """The schedule, one list a row, in soles without their sign."""
    rows = []
    for row in schedule.rows:
        parts = [row.total, row.principal, row.interest]
        if schedule.totals.insurance:
            parts.append(row.insurance)
        shown = [format_number(part, 2) for part in (*parts, row.outstanding)]
        rows.append([str(row.n), format_day(row.due_on), *shown])
    return rows


def schedule_totals(schedule: Schedule) -> list[str]:
    """The foot of the schedule."""
    totals = schedule.totals
    parts = [totals.total, totals.principal, totals.interest]
    if totals.insurance:
        parts.append(totals.insurance)
    return [_("Total"), "", *(format_number(part, 2) for part in parts), ""]


def cost_range_shown(cost: CostRange) -> str:
    """`32.10 – 55.40%`."""
    return f"{format_percent(cost.lowest).removesuffix('%')} – {format_percent(cost.highest)}"


def price_example(product: ProductTerms, *, on: date, policy: MatchingPolicy) -> dict[str, str] | None:
    """A worked example in the middle of a product's range, as the tariff must show; None without a legal cap."""
    middle = (product.amount_min + product.amount_max) / 2
    amount = max(product.amount_min, (middle // 500) * 500)
    term = min(max(12, product.term_min), product.term_max)
    try:
        schedule = simulate(product, amount=amount, term_months=term, on=on, policy=policy)
    except DomainError:
        return None
    return {
        "amount": format_soles(amount),
        "term": ngettext("%(count)s mes", "%(count)s meses", term) % {"count": term},
        "label": payment_label(schedule),
        "payment": format_money(schedule.installment),
        "tea": format_percent(schedule.tea),
        "tcea": format_percent(schedule.tcea),
        "interest": format_money(schedule.totals.interest),
        "insurance": format_money(schedule.totals.insurance),
        "total": format_money(schedule.totals.total),
    }


def features_by_segment() -> list[dict[str, Any]]:
    """What the score looks at, segment by segment, in the model's own dictionary."""
    return [
        {"name": str(SEGMENTS[segment]).capitalize(), "labels": [str(one.label) for one in features]}
        for segment, features in FEATURES.items()
    ]


def _between(amounts: list[Decimal]) -> str:
    low, high = min(amounts), max(amounts)
    if low == high:
        return format_money(low)
    return _("%(low)s a %(high)s") % {"low": format_money(low), "high": format_money(high)}


def contract_code(institution: Any, number: int) -> str:
    """The number of a contract as people see it: `QT-CT1001`."""
    return f"{institution.number_prefix}-CT{number}"


def loan_code(institution: Any, number: int) -> str:
    """The number of a loan as people see it: `QT-C10001`."""
    return f"{institution.number_prefix}-C{number}"


def receipt_code(institution: Any, number: int) -> str:
    """The number of a receipt: `QT-R000123`."""
    return f"{institution.number_prefix}-R{number:06d}"


def application_code(institution: Any, application: Any) -> str:
    """The number people see and say: `QT-48213`."""
    return f"{institution.number_prefix}-{application.number}"
