"""Changing a loan otherwise than by payment: one person proposes, another decides."""

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, step_up
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound, Unavailable
from accounts.formats import format_day, format_money, format_percent
from accounts.http import InstitutionRequest
from lending.forms import changes as forms_of
from lending.forms.refusals import show_refusal
from lending.models import Restructure
from lending.money import ZERO
from lending.schedules import build_schedule
from lending.schedules.contract import read_event
from lending.schedules.state import LoanState
from lending.schedules.terms import InvalidTerms
from lending.selectors.loan_overview import Overview, loan_overview
from lending.selectors.loans import facts_of, loan_for
from lending.services import restructures
from lending.services.refinancing import prepare_contract, terms_of
from lending.views.desk.loans import head

Kind = Restructure.Kind
# kind in the address: its form, its service, what it does in one sentence
CHANGES: Final[dict[str, tuple[type[forms.Form], Callable[..., Restructure], Any]]] = {
    Kind.RESCHEDULE: (
        forms_of.RescheduleForm,
        restructures.reschedule_loan,
        gettext_lazy("Lo que se debe pasa a un plan nuevo, con la misma tasa. El capital vencido entra en él."),
    ),
    Kind.REFINANCE: (
        forms_of.RefinanceForm,
        restructures.refinance_loan,
        gettext_lazy(
            "Un crédito nuevo paga este, con su interés hasta ese día, cuando el titular firma su contrato. Queda"
            " marcado como refinanciado. Quien responde por este también se nombra en ese contrato, y lo firma antes."
        ),
    ),
    Kind.RATE_CHANGE: (
        forms_of.RateForm,
        restructures.change_rate,
        gettext_lazy("Cambia la tasa de lo que falta. El contrato la fija: solo a favor del titular."),
    ),
    Kind.WAIVER: (
        forms_of.WaiverForm,
        restructures.waive,
        gettext_lazy("Perdona parte de lo que se debe. El capital no se condona."),
    ),
    Kind.CHARGE: (
        forms_of.ChargeForm,
        restructures.add_charge,
        gettext_lazy("Un gasto de terceros que la ley permite trasladar; va en la próxima cuota."),
    ),
    Kind.CHARGE_OFF: (
        forms_of.ReasonForm,
        restructures.charge_off_loan,
        gettext_lazy("Para un crédito perdido y provisionado por completo. La persona lo sigue debiendo."),
    ),
    Kind.UNDO_CHARGE_OFF: (
        forms_of.ReasonForm,
        restructures.undo_charge_off,
        gettext_lazy("Devuelve el crédito a los vigentes, mientras nada se haya recuperado."),
    ),
    Kind.JUDICIAL: (
        forms_of.ReasonForm,
        restructures.move_to_judicial,
        gettext_lazy("Para un crédito con atraso que se demandó. El cierre del día lo pasa a la cuenta 1406."),
    ),
    Kind.UNDO_JUDICIAL: (
        forms_of.ReasonForm,
        restructures.undo_judicial,
        gettext_lazy("La demanda se retiró o no se presentó: el cierre del día lo devuelve a su cuenta."),
    ),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.propose_restructure")
def propose(request: InstitutionRequest, slug: str, loan_id: UUID, change: str) -> HttpResponse:
    """The form of one kind of change."""
    if change not in CHANGES:
        raise Http404
    loan = loan_for(request.actor, loan_id)
    form_class, service, words = CHANGES[change]
    form = form_class(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row = service(loan_id=loan_id, actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except (InvalidState, NotAllowed, Unavailable) as refusal:
            form.add_error(None, str(refusal.message))
        else:
            applied = row.status == Restructure.Status.APPLIED
            text = _("Quedó aplicado.") if applied else _("Quedó propuesto. Ahora lo decide otra persona.")
            messages.success(request, text)
            return redirect("lending:desk_loan", slug, loan_id)
    context = {
        **head(request, loan_overview(loan, today())),
        "form": form,
        "kind": change,
        "title": Kind(change).label,
        "words": words,
    }
    return render(request, "lending/desk/change_new.html", context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD"])
@access.require("lending.view_loans")
def show(request: InstitutionRequest, slug: str, restructure_id: UUID) -> HttpResponse:
    """What is proposed, and what it would make of the loan."""
    row = Restructure.objects.select_related("requested_by", "approved_by").filter(pk=restructure_id).first()
    if row is None:
        raise NotFound
    page = loan_overview(loan_for(request.actor, row.loan_id), today())
    is_open = row.status == Restructure.Status.REQUESTED
    to_sign = row.status == Restructure.Status.AUTHORISED
    own = row.requested_by_id == request.actor.user_id
    context = {
        **head(request, page),
        "row": row,
        "lines": change_lines(row),
        "after": _after(page, row) if is_open or to_sign else [],
        "may_approve": is_open and not own and request.actor.can("lending.approve_restructure"),
        "to_sign": to_sign,
        "signs_here": to_sign and request.actor.can("lending.make_contract"),
        "is_refinancing": row.kind == Kind.REFINANCE,
        "may_reject": (is_open or to_sign) and (own or request.actor.can("lending.approve_restructure")),
        "own": own,
        "is_open": is_open,
    }
    return render(request, "lending/desk/change.html", context)


@require_POST
@access.require("lending.approve_restructure")
@step_up.required
def approve(request: InstitutionRequest, slug: str, restructure_id: UUID) -> HttpResponse:
    """The second signature: the change takes effect."""
    try:
        row = restructures.approve_restructure(restructure_id=restructure_id, actor=request.actor)
    except (InvalidState, InvalidInput, Unavailable) as refusal:
        messages.error(request, str(next(iter(getattr(refusal, "fields", {}).values()), [refusal.message])[0]))
        return redirect("lending:desk_change", slug, restructure_id)
    if row.status == Restructure.Status.AUTHORISED:
        messages.success(request, _("Autorizado. Rige cuando el titular firme su contrato, en su cuenta o en agencia."))
        return redirect("lending:desk_change", slug, restructure_id)
    messages.success(request, _("Autorizado y aplicado."))
    return redirect("lending:desk_loan", slug, row.loan_id)


@require_POST
@access.require("lending.make_contract")
def contract(request: InstitutionRequest, slug: str, restructure_id: UUID) -> HttpResponse:
    """The contract of an authorised refinancing, as of today, for the borrower to read and sign beside an officer."""
    try:
        made = prepare_contract(restructure_id=restructure_id, actor=request.actor)
    except (InvalidState, Unavailable) as refusal:
        messages.error(request, str(refusal.message))
        return redirect("lending:desk_change", slug, restructure_id)
    return redirect("lending:desk_contract", slug, made.pk)


@require_POST
@access.require("lending.view_loans")
def reject(request: InstitutionRequest, slug: str, restructure_id: UUID) -> HttpResponse:
    """Turn a proposal down, or take one's own back."""
    row = restructures.reject_restructure(restructure_id=restructure_id, actor=request.actor)
    messages.success(request, _("La propuesta no se aplica."))
    return redirect("lending:desk_loan", slug, row.loan_id)


def change_lines(row: Restructure) -> list[dict[str, Any]]:
    """What a change says, in words and figures."""
    event = row.event
    found: list[tuple[Any, str]] = [(_("Qué cambia"), row.get_kind_display()), (_("Fecha"), format_day(row.on))]
    if event.get("installments"):
        found.append((_("Cuotas"), str(event["installments"])))
    if event.get("first_due_date"):
        found.append((_("Primera cuota"), "/".join(reversed(event["first_due_date"].split("-")))))
    if event.get("annual_rate_pct"):
        found.append((_("TEA"), format_percent(forms_of.fraction(event["annual_rate_pct"]))))
    if event.get("grace_on_principal_installments"):
        found.append((_("Cuotas solo de interés"), str(event["grace_on_principal_installments"])))
    if event.get("part"):
        found.append((_("Se condona"), str(dict(forms_of.FORGIVEN).get(event["part"], event["part"]))))
    if event.get("concept"):
        found.append((_("Gasto"), str(restructures.CHARGES.get(event["concept"], event["concept"]))))
    if event.get("amount"):
        found.append((_("Monto"), format_money(forms_of.amount(event["amount"]))))
    found += [(_("Motivo"), row.reason), (_("Propone"), str(row.requested_by or ""))]
    if row.approved_by:
        found.append((_("Autoriza"), str(row.approved_by)))
    return [{"label": label, "value": value} for label, value in found]


def _after(page: Overview, row: Restructure) -> list[dict[str, Any]]:
    """The figures before and after, where the change is one of the plan."""
    if page.state is not None and row.kind == Kind.REFINANCE:
        return _after_refinancing(page.state, row, page.on)
    if page.state is None or row.kind not in (Kind.RESCHEDULE, Kind.RATE_CHANGE, Kind.WAIVER, Kind.CHARGE):
        return []
    facts = facts_of(page.loan)
    event = read_event({**row.event, "date": page.on.isoformat()})
    try:
        then = facts.after([*facts.events(), event], page.state.on)
    except InvalidTerms:
        return []
    return [_standing(_("Hoy"), page.state), _standing(_("Después"), then)]


def _standing(label: str, state: LoanState) -> dict[str, Any]:
    left = [line for line in state.lines if not line.settled_on]
    return {
        "label": label,
        "due": state.due,
        "installment": state.installment,
        "count": len(left),
        "ends_on": state.lines[-1].due_on,
        "total": sum(line.unpaid for line in left),
    }


def _after_refinancing(state: LoanState, row: Restructure, on: date) -> list[dict[str, Any]]:
    """The loan as it stands, and the new one if it were signed today."""
    try:
        schedule = build_schedule(terms_of(row, state.payoff.total, on))
    except InvalidTerms:
        return []
    new = {
        "label": _("Crédito nuevo, si firma hoy"),
        "due": ZERO,
        "installment": schedule.installment,
        "count": len(schedule.rows),
        "ends_on": schedule.rows[-1].due_on,
        "total": schedule.totals.total,
    }
    return [_standing(_("Hoy"), state), new]
