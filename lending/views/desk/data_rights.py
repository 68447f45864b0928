"""Requests about personal data for those who answer them: what runs out first, the request, the answer."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.audit.looks import note_look
from accounts.errors import InvalidInput, NotFound
from accounts.http import InstitutionRequest
from accounts.models import DataRequest
from lending.deadlines import deadline_in_days
from lending.forms.data_rights import FIELDS, AnswerDataRequestForm, ExtendForm
from lending.forms.refusals import show_refusal
from lending.services.data_rights import answer_data_request, applicants_of, extend_data_request
from lending.services.purge import has_running_loan, kept_until

PER_PAGE = 25


@require_safe
@access.require("accounts.view_requests")
def worklist(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Open requests, what runs out first in front; or those already answered."""
    answered = request.GET.get("view") == "answered"
    found = DataRequest.objects.filter(answered_at__isnull=not answered)
    found = found.order_by("-answered_at") if answered else found.order_by("due_on", "number")
    page = Paginator(found.select_related("user"), PER_PAGE).get_page(request.GET.get("page"))
    open_count = DataRequest.objects.filter(answered_at__isnull=True).count()
    views = [
        {"label": _("Por responder"), "url": "?view=open", "count": open_count, "current": not answered},
        {"label": _("Respondidos"), "url": "?view=answered", "count": None, "current": answered},
    ]
    context = {"page": page, "rows": [line(one) for one in page], "views": views, "query": "view=answered" * answered}
    return render(request, "lending/desk/data_requests.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("accounts.view_requests")
def show(request: InstitutionRequest, slug: str, request_id: UUID) -> HttpResponse:
    """One request, with what granting it would do, and the form for the answer."""
    one = _found(request_id)
    form = AnswerDataRequestForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        request.actor.require("accounts.answer_requests")
        if form.is_valid():
            try:
                answer_data_request(request_id=request_id, actor=request.actor, **form.cleaned_data)
            except InvalidInput as refusal:
                show_refusal(form, refusal)
            else:
                messages.success(request, _("Respuesta registrada y hecha. Le avisamos a la persona."))
                return redirect("lending:desk_data", slug)
    note_look(request.actor, "accounts.data_request.opened", one)
    return _page(request, one, form, ExtendForm(), 422 if form.errors else 200)


@require_POST
@access.require("accounts.answer_requests")
def extend(request: InstitutionRequest, slug: str, request_id: UUID) -> HttpResponse:
    """Take as many days again, once."""
    one = _found(request_id)
    form = ExtendForm(request.POST)
    if form.is_valid():
        try:
            extend_data_request(request_id=request_id, actor=request.actor, reason=form.cleaned_data["reason"])
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Plazo ampliado. Le avisamos a la persona."))
            return redirect("lending:desk_data_request", slug, request_id)
    return _page(request, one, AnswerDataRequestForm(), form, 422)


def _page(request: InstitutionRequest, one: DataRequest, form: Any, extend_form: Any, status: int) -> HttpResponse:
    context = {
        **line(one),
        "one": one,
        "field": FIELDS.get(one.asked.get("field", ""), ""),
        "purpose": one.get_purpose_display() if one.purpose else "",
        "consequence": _consequence(one),
        "form": extend_form if extend_form.is_bound else form,
        "answer_form": form,
        "extend_form": extend_form,
    }
    return render(request, "lending/desk/data_request.html", context, status=status)


def _found(request_id: UUID) -> DataRequest:
    one = DataRequest.objects.filter(pk=request_id).select_related("user", "answered_by").first()
    if one is None:
        raise NotFound
    return one


def _consequence(one: DataRequest) -> str:
    """What granting an erasure would do today."""
    if one.kind != DataRequest.Kind.CANCEL or one.answered_at is not None:
        return ""
    applicants = list(applicants_of(one).filter(purged_at__isnull=True))
    if any(has_running_loan(applicant) for applicant in applicants):
        return _("Tiene un crédito vigente: sus datos hacen falta hasta que lo termine de pagar.")
    ends = [day for day in (kept_until(applicant) for applicant in applicants) if day]
    if not ends:
        return _("Nada obliga a conservarlos: se borran en el momento.")
    return _("La ley obliga a conservarlos hasta el %(day)s: se bloquean hoy y se borran ese día.") % {
        "day": f"{max(ends):%d/%m/%Y}"
    }


def line(one: DataRequest) -> dict[str, Any]:
    """A request as the list shows it."""
    return {
        "pk": one.pk,
        "number": one.number,
        "kind": one.get_kind_display(),
        "person": str(one.user) if one.user else "—",
        "requested_at": one.requested_at,
        "due_on": one.due_on,
        "deadline": None if one.answered_at else deadline_in_days(one.due_on),
        "outcome": one.get_outcome_display() if one.outcome else "",
        "effect": one.get_effect_display() if one.effect else "",
    }
