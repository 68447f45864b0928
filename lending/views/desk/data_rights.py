"""Requests about personal data for those who answer them: what runs out first, the request, the answer."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit, step_up
from accounts.audit.looks import note_look
from accounts.errors import InvalidInput, NotFound
from accounts.http import InstitutionRequest
from accounts.models import BureauCorrection, DataRequest
from lending.deadlines import deadline_in_days
from lending.forms.data_rights import (
    FIELDS,
    AnswerDataRequestForm,
    BureauForm,
    CorrectionForm,
    CounterRequestForm,
    ExtendForm,
)
from lending.forms.refusals import show_refusal
from lending.selectors.held import held_of, held_of_applicant, looks_at
from lending.services.corrections import add_bureau, record_correction_sent
from lending.services.data_rights import answer_data_request, applicants_of, extend_data_request, file_data_request
from lending.services.purge import has_running_loan, kept_until
from lending.views.my_data import FORMS, MOST_LOOKS, copy_of

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
    unsent = BureauCorrection.objects.filter(sent_at__isnull=True).order_by("due_on", "pk")
    views = [
        {"label": _("Por responder"), "url": "?view=open", "count": open_count, "current": not answered},
        {"label": _("Respondidos"), "url": "?view=answered", "count": None, "current": answered},
    ]
    context = {
        "page": page,
        "rows": [line(one) for one in page],
        "views": views,
        "query": "view=answered" * answered,
        "unsent": [
            {"request": one.request, "bureau": one.bureau, "deadline": deadline_in_days(one.due_on)}
            for one in unsent.select_related("request")[:PER_PAGE]
        ],
    }
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


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("accounts.file_requests")
def new(request: InstitutionRequest, slug: str, kind: str = "") -> HttpResponse:
    """Write down what somebody at the counter asks: first which right, then who and what. Raises NotFound."""
    if kind and kind not in DataRequest.Kind.values:
        raise NotFound
    if not kind:
        return render(request, "lending/desk/data_request_new.html", {"kinds": DataRequest.Kind.choices})
    form = CounterRequestForm(request.POST if request.method == "POST" else None, kind=kind)
    if request.method == "POST" and form.is_valid():
        try:
            made = file_data_request(actor=request.actor, kind=kind, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request,
                _("Pedido %(number)s registrado. Se responde a más tardar el %(day)s.")
                % {"number": made.number, "day": f"{made.due_on:%d/%m/%Y}"},
            )
            may_read = request.actor.can("accounts.view_requests")
            return redirect("lending:desk_data" if may_read else "lending:desk_data_new", slug)
    context = {"form": form, "kind": kind, "title": DataRequest.Kind(kind).label}
    return render(request, "lending/desk/data_request_new.html", context, status=422 if form.errors else 200)


@never_cache
@require_safe
@access.require("accounts.answer_requests")
@step_up.required
def copy(request: InstitutionRequest, slug: str, request_id: UUID, form: str) -> HttpResponse:
    """The copy of a granted request made at the counter, to hand over; each one is evidence. Raises NotFound."""
    one = _found(request_id)
    person = applicants_of(one).filter(purged_at__isnull=True).first()
    if one.effect != DataRequest.Effect.DELIVERED or person is None or form not in FORMS:
        raise NotFound
    sections = held_of(one.user_id) if one.user_id else held_of_applicant(person)
    audit.record(request.actor, "accounts.data_request.copied", one, number=one.number, format=form)
    looks = looks_at(sections, one.user_id, limit=MOST_LOOKS)
    return copy_of(request.institution, form, sections, looks, one.user, f"datos-pedido-{one.number}")


@require_POST
@access.require("accounts.answer_requests")
def correction(request: InstitutionRequest, slug: str, correction_id: int) -> HttpResponse:
    """Say that a bureau was told of a correction (`reference`), or name another one (`bureau`)."""
    adding = "bureau" in request.POST
    form = (BureauForm if adding else CorrectionForm)(request.POST)
    done: Any = add_bureau if adding else record_correction_sent
    found = BureauCorrection.objects.filter(pk=correction_id).first()
    if found is None:
        raise NotFound
    try:
        if form.is_valid():
            done(correction_id=correction_id, actor=request.actor, **form.cleaned_data)
            words = _("Agregamos la central de riesgos.") if adding else _("Consta el envío.")
            messages.success(request, words)
    except InvalidInput as refusal:
        show_refusal(form, refusal)
    if form.errors:
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    return redirect("lending:desk_data_request", slug, found.request_id)


def _page(request: InstitutionRequest, one: DataRequest, form: Any, extend_form: Any, status: int) -> HttpResponse:
    context = {
        **line(one),
        "one": one,
        "field": FIELDS.get(one.asked.get("field", ""), ""),
        "purpose": one.get_purpose_display() if one.purpose else "",
        "applicant": applicants_of(one).filter(purged_at__isnull=True).first(),
        "consequence": _consequence(one),
        "corrections": list(one.corrections.select_related("sent_by").order_by("pk")),
        "correction_form": CorrectionForm(),
        "bureau_form": BureauForm(),
        "copies": FORMS if one.effect == DataRequest.Effect.DELIVERED else (),
        "form": extend_form if extend_form.is_bound else form,
        "answer_form": form,
        "extend_form": extend_form,
    }
    return render(request, "lending/desk/data_request.html", context, status=status)


def _found(request_id: UUID) -> DataRequest:
    one = DataRequest.objects.filter(pk=request_id).select_related("user", "answered_by", "filed_by").first()
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
        "person": str(one.user) if one.user else _("Sin cuenta"),
        "channel": one.get_channel_display(),
        "requested_at": one.requested_at,
        "due_on": one.due_on,
        "deadline": None if one.answered_at else deadline_in_days(one.due_on),
        "outcome": one.get_outcome_display() if one.outcome else "",
        "effect": one.get_effect_display() if one.effect else "",
    }
