"""A borrower's own loan: what is next, what is owed, what was paid, what paying early would do, and the papers."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotFound, Unavailable
from accounts.formats import format_money
from accounts.http import InstitutionRequest
from lending.forms.loans import EFFECTS, EarlyForm, EffectForm
from lending.forms.refusals import show_refusal
from lending.models import Loan, Restructure
from lending.money import ZERO
from lending.presentation import loan_code
from lending.schedules.servicing import Event, EventKind, PrepaymentStrategy
from lending.schedules.state import LoanState
from lending.schedules.terms import InvalidTerms
from lending.selectors.contracts import owner_of
from lending.selectors.loan_overview import Overview, loan_overview
from lending.selectors.loans import facts_of, loan_for
from lending.services.refinancing import prepare_contract
from lending.services.repayments import choice_until, choose_prepayment
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
    early = page.to_choose
    until = choice_until(early) if early else None
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
        "early": early if until and until >= today() else None,
        "choose_until": until,
        "effect_form": EffectForm(),
    }


def _share(state: LoanState) -> dict[str, Any]:
    """How much of the principal is paid back."""
    whole = state.total("principal")
    paid = whole - state.principal
    return {"paid": paid, "whole": whole}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def early(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """What paying early would do, each way; and, after a payment, the choice itself."""
    loan = own_loan(request, loan_id)
    page = loan_overview(loan, today())
    if request.method == "POST":
        return _choose(request, page)
    form = EarlyForm(request.GET if "amount" in request.GET else None)
    ways: list[dict[str, Any]] = []
    if form.is_bound and form.is_valid():
        ways = _ways(form, page)
    context = {**context_of(request, page), "form": form, "ways": ways}
    return render(request, "lending/my/early.html", context, status=422 if form.is_bound and form.errors else 200)


def _choose(request: InstitutionRequest, page: Overview) -> HttpResponse:
    form = EffectForm(request.POST)
    slug = request.institution.slug
    if page.to_choose is None:
        messages.info(request, _("No hay un pago anticipado sobre el que elegir."))
        return redirect("lending:my_loan", slug, page.loan.pk)
    if form.is_valid():
        try:
            choose_prepayment(
                repayment_id=page.to_choose.pk, actor=request.actor, strategy=form.cleaned_data["strategy"]
            )
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, _("Listo: tu cronograma nuevo está abajo."))
            return redirect("lending:my_loan", slug, page.loan.pk)
    context = {**context_of(request, page), "form": EarlyForm(), "effect_form": form, "ways": []}
    return render(request, "lending/my/early.html", context, status=422)


def _ways(form: EarlyForm, page: Overview) -> list[dict[str, Any]]:
    """What each choice would leave: the installment, how many, when it ends, the interest saved."""
    amount, now = form.cleaned_data["amount"], page.state
    if now is None or page.loan.status != Loan.Status.ACTIVE:
        form.add_error("amount", _("Este crédito no está en pago."))
        return []
    if amount <= now.due:
        form.add_error("amount", _("Eso solo alcanza para lo vencido. Escribe un monto mayor."))
        return []
    if amount >= now.payoff.total:
        form.add_error("amount", _("Con eso terminas tu crédito: mira cuánto falta para cancelarlo."))
        return []
    facts = facts_of(page.loan)
    ways = []
    for strategy, label in EFFECTS:
        event = Event(kind=EventKind.PREPAYMENT, on=page.on, amount=amount, strategy=PrepaymentStrategy(strategy))
        try:
            then = facts.after([*facts.events(), event], now.on)
        except InvalidTerms as error:
            form.add_error("amount", error.message)
            return []
        left = [line for line in then.lines if not line.settled_on and line.n]
        ways.append(
            {
                "label": label,
                "installment": left[0].total if left else ZERO,
                "count": len(left),
                "ends_on": then.lines[-1].due_on,
                "saved": _cost_left(now) - _cost_left(then),
            }
        )
    return ways


def _cost_left(state: LoanState) -> Any:
    """Interest and insurance over the whole loan."""
    return state.total("interest") + state.total("insurance")


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
