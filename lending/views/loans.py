"""A borrower's own loan: what is next, what is owed, what was paid, what paying early would do, and the papers."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.clock import today
from accounts.errors import InvalidState, NotFound, Unavailable
from accounts.formats import format_money
from accounts.http import InstitutionRequest
from lending.models import Loan, Restructure
from lending.money import ZERO
from lending.presentation import loan_code
from lending.schedules.state import LoanState
from lending.selectors.contracts import owner_of
from lending.selectors.loan_overview import Overview, loan_overview
from lending.selectors.loans import loan_for
from lending.services.refinancing import prepare_contract
from lending.views import loan_parts
from lending.views.loan_papers import certificate_page, payoff_page, receipt_of, receipt_page


def own_loan(request: InstitutionRequest, loan_id: UUID) -> Loan:
    """A loan of the person's own. Raises NotFound."""
    loan = loan_for(request.actor, loan_id)
    owner = owner_of(loan.contract) if loan.contract else None
    if request.actor.user_id not in (loan.applicant.user_id, owner):
        raise NotFound
    return loan


@never_cache
@require_safe
@access.signed_in
def show(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """The loan at a glance, then everything about it."""
    page = loan_overview(own_loan(request, loan_id), today())
    return render(request, "lending/my/loan.html", context_of(request, page))


def context_of(request: InstitutionRequest, page: Overview) -> dict[str, Any]:
    """What every page about one's own loan shows."""
    loan, state = page.loan, page.state
    return {
        "page": page,
        "loan": loan,
        "code": loan_code(request.institution, loan.number),
        "loan_url": reverse("lending:my_loan", args=[request.institution.slug, loan.pk]),
        "tags": loan_parts.status_tags(page)[:2],
        "state": state,
        "next_line": page.next_line,
        "next_amount": max(page.next_line.unpaid - state.advance, ZERO) if state and page.next_line else None,
        "paid_share": _share(state) if state else None,
        "owed": [
            {"label": _("Te falta de capital"), "value": format_money(state.principal)},
            {"label": _("Por pagar hoy"), "value": format_money(state.due)},
            {"label": _("Para cancelar hoy"), "value": format_money(state.payoff.total)},
        ]
        if state
        else [],
        "plan": loan_parts.plan_table(page),
        "payments": loan_parts.payment_rows(page, request.institution, door="my"),
        "is_paid": loan.status == Loan.Status.PAID,
        "is_active": loan.status == Loan.Status.ACTIVE,
        **loan_parts.early_facts(page),
    }


def _share(state: LoanState) -> dict[str, Any]:
    """How much of the principal is paid back."""
    whole = state.total("principal")
    paid = whole - state.principal
    return {"paid": paid, "whole": whole}


@never_cache
@require_safe
@access.signed_in
def payoff(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """What leaves nothing on a day, today by default."""
    loan = own_loan(request, loan_id)
    return payoff_page(request, loan, desk=False)


@never_cache
@require_safe
@access.signed_in
def receipt(request: InstitutionRequest, slug: str, repayment_id: UUID) -> HttpResponse:
    """The receipt of a payment of one's own."""
    found = receipt_of(repayment_id)
    own_loan(request, found.loan_id)
    return receipt_page(request, found, desk=False)


@never_cache
@require_safe
@access.signed_in
def certificate(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """The payoff certificate of one's own loan."""
    own_loan(request, loan_id)
    return certificate_page(request, loan_id, desk=False)


@require_POST
@access.signed_in
def refinancing_contract(request: InstitutionRequest, slug: str, restructure_id: UUID) -> HttpResponse:
    """The contract of one's own refinancing, as of today, to read and sign."""
    row = Restructure.objects.filter(pk=restructure_id).first()
    if row is None:
        raise NotFound
    own_loan(request, row.loan_id)
    try:
        made = prepare_contract(restructure_id=restructure_id, actor=request.actor)
    except (InvalidState, Unavailable) as refusal:
        messages.error(request, str(refusal.message))
        return redirect("lending:my_loan", slug, row.loan_id)
    return redirect("lending:my_contract", slug, made.pk)
