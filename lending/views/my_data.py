"""A person's own data here: what is held, who saw it, their permissions, their requests, and the download."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit
from accounts.consent import consent_texts
from accounts.errors import InvalidInput
from accounts.http import PersonRequest, Request
from accounts.models import Complaint, Consent, DataRequest, Institution, User
from lending.deadlines import deadline_in_days
from lending.forms.data_rights import DataRequestForm
from lending.forms.refusals import show_refusal
from lending.models import Applicant
from lending.selectors.held import Look, Section, held_of, looks_at
from lending.selectors.portable import portable_document, portable_tables
from lending.services.consents import change_consent
from lending.services.data_rights import make_data_request, withdraw_data_request
from lending.views.my_data_paper import my_data_pdf

SHOWN_LOOKS = 15
MOST_LOOKS = 2_000  # in a download
FORMS = ("json", "csv", "pdf")


@never_cache
@require_safe
@access.signed_in
def home(request: PersonRequest, slug: str) -> HttpResponse:
    """Everything at a glance."""
    assert request.institution is not None
    sections = held_of(request.user.pk)
    applicants = _rows(sections, Applicant)
    looks = looks_at(sections, request.user.pk)
    context = {
        "applicant": applicants[0] if applicants else None,
        "sections": [
            (str(one.title), str(one.source), str(len(one.rows)))
            for one in sections
            if one.label != "lending.Applicant"
        ],
        "columns": [_("Qué guardamos"), _("De dónde salió"), (_("Registros"), "r")],
        "looks": looks[:SHOWN_LOOKS],
        "more_looks": max(len(looks) - SHOWN_LOOKS, 0),
        "consents": _consents(request, applicants),
        "requests": [_request_line(one) for one in _rows(sections, DataRequest)],
        "complaints": _rows(sections, Complaint),
        "kinds": DataRequest.Kind.choices,
        "anything": bool(sections),
    }
    return render(request, "lending/my/data.html", context)


@never_cache
@require_safe
@access.signed_in
def download(request: PersonRequest, slug: str, form: str) -> HttpResponse:
    """The same to take away, in one of `FORMS`. Raises Http404 for any other form."""
    if form not in FORMS or request.institution is None:
        raise Http404
    institution, user = request.institution, request.user
    sections = held_of(user.pk)
    audit.record(request.actor, "accounts.data.downloaded", user, format=form)
    return copy_of(
        institution, form, sections, looks_at(sections, user.pk, limit=MOST_LOOKS), user, f"mis-datos-{slug}"
    )


def copy_of(
    institution: Institution, form: str, sections: list[Section], looks: list[Look], user: User | None, name: str
) -> HttpResponse:
    """What is held as a file: `json` and `csv` for programs, `pdf` to read."""
    if form == "pdf":
        full_name = user.full_name if user else next((row.full_name for row in _rows(sections, Applicant)), "")
        content, kind = my_data_pdf(institution, full_name, sections, looks), "application/pdf"
    else:
        document = portable_document(institution, sections, looks, user)
        if form == "csv":
            content, kind, form = portable_tables(document), "application/zip", "zip"
        else:
            text = json.dumps(document, ensure_ascii=False, indent=1, default=str)
            content, kind = text.encode(), "application/json"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "no-store, private"}
    return HttpResponse(content, content_type=kind, headers=headers)


@require_POST
@access.signed_in
def consent(request: Request, slug: str) -> HttpResponse:
    """Take one permission back, or give it again."""
    granted = request.POST.get("granted") == "1"
    try:
        change_consent(actor=request.actor, purpose=request.POST.get("purpose", ""), granted=granted)
    except InvalidInput as refusal:
        messages.error(request, next(iter(refusal.fields.values()), [refusal.message])[0])
    else:
        messages.success(
            request, _("Permiso dado.") if granted else _("Permiso retirado. Ya no usamos tus datos para eso.")
        )
    return redirect("lending:my_data", slug)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def ask(request: Request, slug: str, kind: str) -> HttpResponse:
    """Ask for something about one's own data. Raises Http404 for an unknown kind."""
    if kind not in DataRequest.Kind.values:
        raise Http404
    form = DataRequestForm(request.POST if request.method == "POST" else None, kind=kind)
    if request.method == "POST" and form.is_valid():
        try:
            made = make_data_request(actor=request.actor, kind=kind, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request,
                _("Recibimos tu pedido %(number)s. Te respondemos a más tardar el %(day)s.")
                % {"number": made.number, "day": f"{made.due_on:%d/%m/%Y}"},
            )
            return redirect("lending:my_data", slug)
    context = {"form": form, "kind": kind, "title": DataRequest.Kind(kind).label}
    return render(request, "lending/my/data_request.html", context, status=422 if form.errors else 200)


@require_POST
@access.signed_in
def withdraw(request: Request, slug: str, request_id: UUID) -> HttpResponse:
    """Take a request back."""
    withdraw_data_request(request_id=request_id, actor=request.actor)
    messages.success(request, _("Retiraste tu pedido."))
    return redirect("lending:my_data", slug)


def _rows(sections: list[Section], model: Any) -> list[Any]:
    return next((one.rows for one in sections if one.label == model._meta.label), [])


def _consents(request: Request, applicants: list[Applicant]) -> list[dict[str, Any]]:
    """Each permission with the answer that stands: yes only where it is yes for every application."""
    assert request.institution is not None
    keys = [one.pk for one in applicants if one.purged_at is None]
    standing: dict[str, list[Consent]] = {}
    for one in Consent.objects.filter(subject_id__in=keys, withdrawn_at__isnull=True).order_by("given_at"):
        standing.setdefault(one.purpose, []).append(one)
    return [
        {
            "purpose": text.purpose,
            "title": text.title,
            "body": text.body,
            "necessary": text.necessary,
            "granted": all(one.granted for one in standing[text.purpose]),
            "since": max(one.given_at for one in standing[text.purpose]),
        }
        for text in consent_texts(request.institution)
        if text.purpose in standing
    ]


def _request_line(one: DataRequest) -> dict[str, Any]:
    """A request as its author sees it."""
    return {
        "pk": one.pk,
        "number": one.number,
        "kind": one.get_kind_display(),
        "requested_at": one.requested_at,
        "due_on": one.due_on,
        "deadline": None if one.answered_at else deadline_in_days(one.due_on),
        "outcome": one.get_outcome_display() if one.outcome else "",
        "answer": one.answer,
        "effect": one.get_effect_display() if one.effect else "",
        "purge_on": one.purge_on,
        "extension_reason": one.extension_reason,
        "is_open": one.answered_at is None,
    }
