"""The cash desk: find the loan, take the money, print the receipt, sum up the day, take a payment back."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access, step_up
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed
from accounts.formats import format_money
from accounts.http import InstitutionRequest
from lending.forms.loans import PAY, PAYOFF, STRATEGIES, FindForm, PaymentForm, RefundForm, ReversalForm
from lending.forms.refusals import show_refusal
from lending.models import PrepaymentRequest, Repayment
from lending.money import ZERO
from lending.presentation import loan_code, receipt_code
from lending.selectors.loan_list import loans_found
from lending.selectors.loan_overview import Overview, loan_overview, receipts_of_day
from lending.selectors.loans import loan_for
from lending.selectors.prepayments import open_request
from lending.services.repayments import (
    pay_off_loan,
    prepay_loan,
    record_repayment,
    refund_advance,
    reverse_repayment,
)
from lending.views.desk.loans import head, list_line
from lending.views.loan_papers import receipt_of, receipt_page

COUNTER = "ventanilla"  # whose references the counter's are


@never_cache
@require_safe
@access.require("lending.record_repayment")
def cash_desk(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Find whose loan it is, and what this cashier took in today."""
    form = FindForm(request.GET)
    form.is_valid()
    text = form.cleaned_data.get("q", "")
    receipts = receipts_of_day(request.actor.user_id, today()) if request.actor.user_id else []
    posted = [one for one in receipts if one.status == Repayment.Status.POSTED]
    amount, tax = (sum((getattr(one, name) for one in posted), ZERO) for name in ("amount", "itf"))
    context = {
        "form": form,
        "text": text,
        "found": [list_line(request, row, "desk_payment") for row in loans_found(request.actor, text)],
        "receipts": [
            {
                "url": reverse("lending:desk_receipt", args=[slug, one.pk]),
                "code": receipt_code(request.institution, one.number),
                "loan": loan_code(request.institution, one.loan.number),
                "name": one.loan.applicant.full_name,
                "at": one.received_at,
                "amount": one.amount,
                "itf": one.itf,
                "reversed": one.status == Repayment.Status.REVERSED,
            }
            for one in receipts
        ],
        "kpis": [
            {"label": _("Recibos de hoy"), "value": len(posted)},
            {"label": _("Cobrado en efectivo"), "value": format_money(amount)},
            {"label": _("ITF cobrado"), "value": format_money(tax)},
            {"label": _("Efectivo que debes tener"), "value": format_money(amount + tax)},
        ],
    }
    return render(request, "lending/desk/cash.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.record_repayment")
def payment(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Take money for a loan. A form sent twice is one payment: it carries its own reference."""
    loan = loan_for(request.actor, loan_id)
    page = loan_overview(loan, today())
    asked = open_request(loan_id)
    form = PaymentForm(request.POST if request.method == "POST" else None, initial=asked_for(page, asked))
    if request.method == "POST" and form.is_valid():
        try:
            posted = take(request, loan_id, form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal, also={"strategy": "what", "external_ref": "token"})
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, _("Pago registrado. Entrega el recibo."))
            return redirect("lending:desk_receipt", slug, posted.pk)
    context = {**head(request, page), "form": form, "asked": due_lines(page), "request_made": asked}
    return render(request, "lending/desk/payment.html", context, status=422 if form.errors else 200)


def take(request: InstitutionRequest, loan_id: UUID, data: dict[str, Any]) -> Repayment:
    """The service that what was typed calls for."""
    how = {
        "loan_id": loan_id,
        "actor": request.actor,
        "amount": data["amount"],
        "on": data["on"],
        "provider": COUNTER,
        "external_ref": data["token"],
    }
    if data["what"] == PAY:
        return record_repayment(**how)
    if data["what"] == PAYOFF:
        return pay_off_loan(**how)
    return prepay_loan(**how, strategy=STRATEGIES[data["what"]])


def asked_for(page: Overview, asked: PrepaymentRequest | None = None) -> dict[str, Any]:
    """What they asked for beforehand, or what most people come to pay: what is due, or else the next installment."""
    initial: dict[str, Any] = {"what": PAY, "token": str(uuid4()), "on": today()}
    if page.state is None:
        return initial
    if asked is not None:
        what = next((name for name, strategy in STRATEGIES.items() if strategy == asked.choice), PAY)
        return {**initial, "amount": asked.amount, "what": what}
    line = page.next_line
    amount = page.state.due or (line.unpaid - page.state.advance if line else ZERO)
    return {**initial, "amount": max(min(amount, page.state.owed), ZERO) or None}


def due_lines(page: Overview) -> list[dict[str, Any]]:
    """What the cashier says aloud: due today, next installment, what leaves nothing."""
    if page.state is None:
        return []
    due = {"label": _("Vencido y por pagar hoy"), "value": format_money(page.state.due), "strong": True}
    lines: list[dict[str, Any]] = [due]
    line = page.next_line
    if line and line.due_on > page.on:
        words = _("Próxima cuota, el %(day)s") % {"day": line.due_on.strftime("%d/%m/%Y")}
        lines.append({"label": words, "value": format_money(line.unpaid)})
    if page.state.advance:
        lines.append({"label": _("Ya pagado por adelantado"), "value": format_money(page.state.advance)})
    lines.append({"label": _("Para cancelar todo hoy"), "value": format_money(page.state.payoff.total), "total": True})
    return lines


@never_cache
@require_safe
@access.require("lending.view_loans")
def receipt(request: InstitutionRequest, slug: str, repayment_id: UUID) -> HttpResponse:
    """A receipt to print, for the borrower."""
    found = receipt_of(repayment_id)
    loan_for(request.actor, found.loan_id)
    return receipt_page(request, found, desk=True)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.reverse_repayment")
@step_up.required
def reverse_payment(request: InstitutionRequest, slug: str, repayment_id: UUID) -> HttpResponse:
    """Take a payment back, with the reason; somebody else than who received it."""
    found = receipt_of(repayment_id)
    loan = loan_for(request.actor, found.loan_id)
    form = ReversalForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            reverse_repayment(repayment_id=repayment_id, actor=request.actor, reason=form.cleaned_data["reason"])
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except (InvalidState, NotAllowed) as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, _("Extornado. Lo que siguió se calculó otra vez sin ese pago."))
            return redirect("lending:desk_loan", slug, loan.pk)
    context = {
        **head(request, loan_overview(loan, today())),
        "form": form,
        "receipt": found,
        "receipt_code": receipt_code(request.institution, found.number),
    }
    return render(request, "lending/desk/reversal.html", context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.reverse_repayment")
@step_up.required
def refund(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Give back what a loan that is over has in advance; somebody else than who took it in."""
    loan = loan_for(request.actor, loan_id)
    form = RefundForm(request.POST if request.method == "POST" else None, initial={"method": "transfer"})
    if request.method == "POST" and form.is_valid():
        try:
            given = refund_advance(loan_id=loan_id, actor=request.actor, method=form.cleaned_data["method"])
        except (InvalidState, NotAllowed) as refusal:
            form.add_error(None, str(refusal.message))
        else:
            text = _("Devuelto: %(amount)s.") % {"amount": format_money(given)}
            messages.success(request, text if given else _("No hay nada por devolver."))
            return redirect("lending:desk_loan", slug, loan.pk)
    if not loan.advance and request.method != "POST":
        messages.info(request, _("No hay nada por devolver."))
        return redirect("lending:desk_loan", slug, loan.pk)
    context = {**head(request, loan_overview(loan, today())), "form": form, "amount": loan.advance}
    return render(request, "lending/desk/refund.html", context, status=422 if form.errors else 200)
