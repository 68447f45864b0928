"""Papers about a loan, the same at the desk and at home: receipt, payoff quote, payoff certificate."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.clock import today
from accounts.errors import InvalidState, NotFound
from accounts.formats import format_money
from accounts.http import InstitutionRequest
from lending.forms.loans import PayoffForm
from lending.models import Loan, Repayment
from lending.presentation import loan_code, receipt_code
from lending.selectors.loan_overview import loan_overview
from lending.selectors.loans import loan_state
from lending.services.certificates import issue_certificate
from lending.services.repayments import choice_until
from lending.views.contracts import pdf_response
from lending.views.loan_parts import went


def receipt_of(repayment_id: UUID) -> Repayment:
    """A payment with its loan and where it went. Raises NotFound."""
    found = (
        Repayment.objects.filter(pk=repayment_id)
        .select_related("loan__applicant", "loan__product", "received_by")
        .prefetch_related("allocations")
        .first()
    )
    if found is None:
        raise NotFound
    return found


def receipt_page(request: InstitutionRequest, found: Repayment, *, desk: bool) -> HttpResponse:
    """The receipt for whichever door asked."""
    page = loan_overview(found.loan, today())
    line = page.next_line
    door = "desk_loan" if desk else "my_loan"
    context = {
        "receipt": found,
        "code": receipt_code(request.institution, found.number),
        "loan": found.loan,
        "loan_code": loan_code(request.institution, found.loan.number),
        "went": went(found),
        "handed": format_money(found.amount + found.itf),
        "balance": format_money(page.state.principal) if page.state else "",
        "next_line": line,
        "to_choose": choice_until(found)
        if found.kind == Repayment.Kind.PREPAYMENT and not found.strategy and found.status == Repayment.Status.POSTED
        else None,
        "desk": desk,
        "shell": "desk_base.html" if desk else "base.html",
        "back_url": reverse(f"lending:{door}", args=[request.institution.slug, found.loan_id]),
        "may_reverse": desk
        and found.status == Repayment.Status.POSTED
        and request.actor.can("lending.reverse_repayment")
        and found.received_by_id != request.actor.user_id,
    }
    return render(request, "lending/loans/receipt.html", context)


def payoff_page(request: InstitutionRequest, loan: Loan, *, desk: bool) -> HttpResponse:
    """The payoff quote for whichever door asked: what is due, and the principal with interest to that day."""
    form = PayoffForm(request.GET if "on" in request.GET else None)
    refused = form.is_bound and not form.is_valid()
    on = (form.cleaned_data["on"] if form.is_bound and not refused else None) or today()
    door = "desk_loan" if desk else "my_loan"
    if loan.status != Loan.Status.ACTIVE:
        messages.info(request, _("Este crédito no está en pago: no hay nada que cancelar."))
        return redirect(f"lending:{door}", request.institution.slug, loan.pk)
    payoff = loan_state(loan, on).payoff
    parts = [
        (_("Capital"), payoff.principal),
        (_("Interés hasta ese día"), payoff.interest),
        (_("Seguro"), payoff.insurance),
        (_("Comisiones"), payoff.fees),
        (_("Interés moratorio"), payoff.penalties),
        (_("Ya pagado por adelantado"), -payoff.from_advance),
    ]
    lines: list[dict[str, Any]] = [{"label": label, "value": format_money(value)} for label, value in parts if value]
    lines.append({"label": _("Para cancelar todo"), "value": format_money(payoff.total), "total": True})
    context = {
        "loan": loan,
        "code": loan_code(request.institution, loan.number),
        "form": form if form.is_bound else PayoffForm(initial={"on": on}),
        "on": on,
        "lines": lines,
        "total": payoff.total,
        "desk": desk,
        "shell": "desk_base.html" if desk else "base.html",
        "back_url": reverse(f"lending:{door}", args=[request.institution.slug, loan.pk]),
    }
    return render(request, "lending/loans/payoff.html", context, status=422 if refused else 200)


def certificate_page(request: InstitutionRequest, loan_id: UUID, *, desk: bool) -> HttpResponse:
    """The certificate for whichever door asked; a loan not paid yet is said so on its page."""
    door = "desk_loan" if desk else "my_loan"
    try:
        paper = issue_certificate(loan_id=loan_id, actor=request.actor)
    except InvalidState as refusal:
        messages.error(request, str(refusal.message))
        return redirect(f"lending:{door}", request.institution.slug, loan_id)
    if "pdf" in request.GET:
        return pdf_response(paper.pdf(), f"constancia-{paper.loan}")
    context = {
        "paper": paper,
        "desk": desk,
        "shell": "desk_base.html" if desk else "base.html",
        "back_url": reverse(f"lending:{door}", args=[request.institution.slug, loan_id]),
    }
    return render(request, "lending/loans/certificate.html", context)
