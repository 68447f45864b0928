"""Paying early: what each way would do, what the borrower asks for, and the choice itself; at home and at the desk."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState
from accounts.formats import format_day, format_money
from accounts.http import InstitutionRequest
from lending.forms.loans import AskForm, EarlyForm, EffectForm
from lending.forms.refusals import show_refusal
from lending.models import Loan, PrepaymentRequest
from lending.money import ZERO
from lending.parameters import term
from lending.presentation import loan_code
from lending.schedules.servicing import Event, EventKind, PrepaymentStrategy
from lending.schedules.state import LoanState
from lending.schedules.terms import InvalidTerms
from lending.selectors.loan_overview import Overview, loan_overview
from lending.selectors.loans import facts_of, loan_for
from lending.selectors.prepayments import choices_waiting, requests_waiting
from lending.services.prepayments import ask_prepayment, check_amount, withdraw_prepayment
from lending.services.repayments import choose_prepayment
from lending.views.desk.loans import head
from lending.views.loan_parts import early_facts
from lending.views.loans import own_loan

PER_PAGE = 25


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def mine(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """What paying early would do, each way; and, after a payment, the choice itself."""
    return _page(request, own_loan(request, loan_id), desk=False)


@require_POST
@access.signed_in
def ask_mine(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Leave word of what the next payment above what is due should do."""
    return _ask(request, own_loan(request, loan_id), desk=False)


@require_POST
@access.signed_in
def withdraw_mine(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Take it back."""
    return _withdraw(request, own_loan(request, loan_id), desk=False)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.note_prepayment")
def desk(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """The same beside the borrower, or on the phone with them."""
    return _page(request, loan_for(request.actor, loan_id), desk=True)


@require_POST
@access.require("lending.note_prepayment")
def ask_desk(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Write the borrower's word down."""
    return _ask(request, loan_for(request.actor, loan_id), desk=True)


@require_POST
@access.require("lending.note_prepayment")
def withdraw_desk(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Take it back for them."""
    return _withdraw(request, loan_for(request.actor, loan_id), desk=True)


@require_safe
@access.require("lending.view_loans")
def listing(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Choices whose days run, and requests whose money has not come; the first to run out before the others."""
    undecided = request.GET.get("view") != "asked"
    days = term("prepayment_choice_days")
    choices, asked = choices_waiting(days), requests_waiting()
    page = Paginator(choices if undecided else asked, PER_PAGE).get_page(request.GET.get("page"))
    name = "desk_early" if request.actor.can("lending.note_prepayment") else "desk_loan"
    labels = dict(PrepaymentRequest.Choice.choices)
    rows = [
        {
            "url": reverse(f"lending:{name}", args=[slug, row["loan_id"]]),
            "code": loan_code(request.institution, row["loan__number"]),
            "name": row["loan__applicant__full_name"],
            "amount": format_money(row["amount"]),
            "day": format_day(row["on"] if undecided else row["asked_on"]),
            "choice": _("Sin elegir") if undecided else labels[row["choice"]],
            "left": (days - (today() - row["on"]).days) if undecided else (row["valid_until"] - today()).days,
        }
        for row in page
    ]
    views = [
        {"label": _("Por elegir"), "url": "?view=choose", "count": choices.count(), "current": undecided},
        {"label": _("Pedidos por pagar"), "url": "?view=asked", "count": asked.count(), "current": not undecided},
    ]
    context = {"rows": rows, "views": views, "page": page, "undecided": undecided, "days": days}
    context["query"] = "view=choose" if undecided else "view=asked"
    return render(request, "lending/desk/prepayments.html", context)


# --- for both -----------------------------------------------------------------------------------------------------


def _page(request: InstitutionRequest, loan: Loan, *, desk: bool, ask: AskForm | None = None) -> HttpResponse:
    page = loan_overview(loan, today())
    effect = EffectForm(request.POST if request.method == "POST" and ask is None else None)
    if effect.is_bound:
        answer = _choose(request, page, effect, desk=desk)
        if answer is not None:
            return answer
    form = EarlyForm(request.GET if "amount" in request.GET else None)
    ways = _ways(form, page) if form.is_bound and form.is_valid() else []
    status = 422 if effect.errors or form.errors or (ask and ask.errors) else 200
    context = {
        **_frame(request, page, desk=desk), **early_facts(page), "form": form, "effect_form": effect, "ask_form": ask,
        "ways": ways, "amount": form.cleaned_data.get("amount") if ways else None,
        "is_active": loan.status == Loan.Status.ACTIVE,
    }  # fmt: skip
    return render(request, "lending/loans/early.html", context, status=status)


def _frame(request: InstitutionRequest, page: Overview, *, desk: bool) -> dict[str, Any]:
    door = "desk_early" if desk else "my_early"
    args = [request.institution.slug, page.loan.pk]
    frame: dict[str, Any] = {
        "desk": desk,
        "shell": "desk_base.html" if desk else "base.html",
        "code": loan_code(request.institution, page.loan.number),
        "loan": page.loan,
        "loan_url": reverse(f"lending:{'desk' if desk else 'my'}_loan", args=args),
        "early_url": early_url(request, page.loan, desk=desk),
        "urls": {name: reverse(f"lending:{door}_{name}", args=args) for name in ("ask", "withdraw")},
    }
    return {**head(request, page), **frame} if desk else frame


def _choose(request: InstitutionRequest, page: Overview, form: EffectForm, *, desk: bool) -> HttpResponse | None:
    """The choice after a payment; None where the form must be shown again."""
    if page.to_choose is None:
        messages.info(request, _("No hay un pago anticipado sobre el que elegir."))
        return redirect(_frame(request, page, desk=desk)["loan_url"])
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
            text = _("Elección registrada: el cronograma nuevo está abajo.") if desk else ""
            messages.success(request, text or _("Listo: tu cronograma nuevo está abajo."))
            return redirect(_frame(request, page, desk=desk)["loan_url"])
    return None


def _ask(request: InstitutionRequest, loan: Loan, *, desk: bool) -> HttpResponse:
    form = AskForm(request.POST)
    if form.is_valid():
        try:
            asked = ask_prepayment(loan_id=loan.pk, actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
        else:
            text = _("Pedido guardado hasta el %(day)s. Se aplica solo, con el pago en la caja o en el banco.")
            messages.success(request, text % {"day": format_day(asked.valid_until)})
            return redirect(early_url(request, loan, desk=desk))
    return _page(request, loan, desk=desk, ask=form)


def _withdraw(request: InstitutionRequest, loan: Loan, *, desk: bool) -> HttpResponse:
    gone = withdraw_prepayment(loan_id=loan.pk, actor=request.actor)
    messages.success(request, _("Retiraste el pedido.") if gone else _("No había un pedido por retirar."))
    return redirect(early_url(request, loan, desk=desk))


def early_url(request: InstitutionRequest, loan: Loan, *, desk: bool) -> str:
    return reverse("lending:desk_early" if desk else "lending:my_loan_early", args=[request.institution.slug, loan.pk])


def _ways(form: EarlyForm, page: Overview) -> list[dict[str, Any]]:
    """What each choice would leave: the installment, how many, when it ends, what is saved."""
    amount, now = form.cleaned_data["amount"], page.state
    if now is None or page.loan.status != Loan.Status.ACTIVE:
        form.add_error("amount", _("Este crédito no está en pago."))
        return []
    try:
        check_amount(amount, now)
    except InvalidInput as refusal:
        show_refusal(form, refusal)
        return []
    facts = facts_of(page.loan)
    ways = []
    for choice, label in PrepaymentRequest.Choice.choices:
        early = choice != PrepaymentRequest.Choice.ADVANCE
        kind = EventKind.PREPAYMENT if early else EventKind.REPAYMENT
        event = Event(kind=kind, on=page.on, amount=amount, strategy=PrepaymentStrategy(choice))
        try:
            then = facts.after([*facts.events(), event], now.on)
        except InvalidTerms as error:
            form.add_error("amount", error.message)
            return []
        left = [line for line in then.lines if not line.settled_on and line.n]
        ways.append(
            {
                "choice": choice,
                "label": label,
                "installment": left[0].total if left else ZERO,
                "next_on": left[0].due_on if left else None,
                "count": len(left),
                "ends_on": then.lines[-1].due_on,
                "saved": _cost(now) - _cost(then),
            }
        )
    return ways


def _cost(state: LoanState) -> Decimal:
    """Interest and insurance over the whole loan."""
    return state.total("interest") + state.total("insurance")
