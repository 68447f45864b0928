"""The complaints book for staff: what runs out first, the answer, the export and the quarter."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit, step_up
from accounts.audit.looks import note_look
from accounts.clock import today
from accounts.errors import InvalidInput
from accounts.exports import csv_response, xlsx_response
from accounts.http import InstitutionRequest
from accounts.models import Complaint
from lending.deadlines import deadline_in_days
from lending.forms.complaints import AnswerComplaintForm, PeriodForm
from lending.forms.refusals import show_refusal
from lending.selectors.complaints import (
    VIEWS,
    book_headings,
    book_rows,
    complaint_counts,
    complaint_for,
    complaints,
    is_late,
    quarter_of,
    quarter_table,
)
from lending.services.complaints import answer_complaint, unmask_consumer
from lending.views.complaints import sheet_context

PER_PAGE = 25
QUARTERS = (1, 2, 3, 4)


@require_safe
@access.require("accounts.view_complaints")
def worklist(request: InstitutionRequest, slug: str) -> HttpResponse:
    """The sheets of a view, what runs out first in front."""
    view = request.GET.get("view", "open")
    view = view if view in VIEWS else "open"
    counts = complaint_counts()
    labels = {"open": _("Por responder"), "late": _("Vencidos"), "answered": _("Respondidos"), "all": _("Todos")}
    page = Paginator(complaints(view), PER_PAGE).get_page(request.GET.get("page"))
    year_start = today().replace(month=1, day=1)
    return render(
        request,
        "lending/desk/complaints.html",
        {
            "page": page,
            "rows": [_line(one) for one in page],
            "views": [
                {"label": labels[code], "url": f"?view={code}", "count": counts[code], "current": code == view}
                for code in VIEWS
            ],
            "view": labels[view],
            "query": f"view={view}",
            "form": PeriodForm(initial={"begins": year_start, "ends": today()}),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("accounts.view_complaints")
def sheet(request: InstitutionRequest, slug: str, complaint_id: UUID) -> HttpResponse:
    """One sheet, with the answer or the form for it."""
    complaint = complaint_for(request.actor, complaint_id)
    form = AnswerComplaintForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        request.actor.require("accounts.answer_complaints")
        if form.is_valid():
            try:
                answer_complaint(complaint_id=complaint_id, actor=request.actor, **form.cleaned_data)
            except InvalidInput as refusal:
                show_refusal(form, refusal)
            else:
                messages.success(request, _("Respuesta registrada. Se la enviamos a la persona."))
                return redirect("lending:desk_complaints", slug)
    note_look(request.actor, "accounts.complaint.opened", complaint)
    context = {**sheet_context(complaint, masked=True), **_line(complaint), "form": form}
    return render(request, "lending/desk/complaint.html", context, status=422 if form.errors else 200)


@require_POST
@access.require("accounts.answer_complaints")
def unmask(request: InstitutionRequest, slug: str, complaint_id: UUID) -> HttpResponse:
    """The sheet with the whole document numbers, once; the look is written down."""
    complaint = unmask_consumer(complaint_id=complaint_id, actor=request.actor)
    context = {**sheet_context(complaint), **_line(complaint), "form": AnswerComplaintForm(), "unmasked": True}
    return render(request, "lending/desk/complaint.html", context)


@require_safe
@access.require("accounts.view_complaints")
@step_up.required
def export(request: InstitutionRequest, slug: str) -> HttpResponseBase:
    """The sheets of a period as CSV or XLSX; who took them out is evidence."""
    form = PeriodForm(request.GET)
    if not form.is_valid():
        return render(request, "lending/desk/complaints_export.html", {"form": form}, status=422)
    begins, ends = form.cleaned_data["begins"], form.cleaned_data["ends"]
    kind = "xlsx" if request.GET.get("format") == "xlsx" else "csv"
    audit.record(
        request.actor, "accounts.complaint.exported", request.institution, begins=begins, ends=ends, format=kind
    )
    name = f"libro-{slug}-{begins}-{ends}"
    if kind == "xlsx":
        return xlsx_response(name, [(_("Libro"), book_headings(), book_rows(begins, ends))])
    return csv_response(name, book_headings(), lambda: book_rows(begins, ends))


@require_safe
@access.require("accounts.view_complaints")
def report(request: InstitutionRequest, slug: str) -> HttpResponseBase:
    """The quarter in figures, as the SBS asks for them."""
    year, quarter = _asked_quarter(request)
    found = quarter_of(year, quarter)
    headings, rows = quarter_table(found)
    if request.GET.get("format") == "xlsx":
        return xlsx_response(f"reclamos-{slug}-{year}-{quarter}", [(f"{year}-{quarter}", headings, rows)])
    context = {
        "quarter": found,
        "headings": [(heading, "r") if place else heading for place, heading in enumerate(headings)],
        "rows": rows[:-1],
        "foot": rows[-1:],
        "year": year,
        "number": quarter,
        "choices": [
            {"label": f"{one}-{part}", "url": f"?quarter={one}-{part}", "current": (one, part) == (year, quarter)}
            for one in range(today().year, today().year - 3, -1)
            for part in QUARTERS
        ],
    }
    return render(request, "lending/desk/complaints_report.html", context)


def _asked_quarter(request: InstitutionRequest) -> tuple[int, int]:
    """The year and quarter in the address; the current one where they can't be read."""
    year, _dash, quarter = request.GET.get("quarter", "").partition("-")
    if year.isascii() and year.isdigit() and 2000 <= int(year[:5]) <= today().year and quarter in ("1", "2", "3", "4"):
        return int(year), int(quarter)
    return today().year, (today().month + 2) // 3


def _line(one: Complaint) -> dict[str, Any]:
    """A sheet as the list shows it."""
    return {
        "pk": one.pk,
        "code": one.code,
        "name": one.consumer.get("full_name", ""),
        "kind": one.get_kind_display(),
        "topic": one.get_topic_display(),
        "filed_at": one.filed_at,
        "due_on": one.due_on,
        "late": is_late(one),
        "answered_at": one.answered_at,
        "resolution": one.get_resolution_display() if one.resolution else "",
        "deadline": None if one.answered_at else deadline_in_days(one.due_on),
    }
