"""The book from and to others: an existing one comes in, reports go to the SBS."""

import io
from datetime import date

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.errors import InvalidInput, NotFound
from accounts.exports import csv_response
from accounts.http import Request
from lending.forms.portfolio_import import PortfolioFileForm
from lending.forms.refusals import show_refusal
from lending.models import PortfolioImport
from lending.portfolio_files import write_template
from lending.selectors.sbs_reports import closed_days, headings, rows
from lending.services.importing import upload_portfolio
from lending.services.sbs_reports import make_report

SHOWN_ERRORS = 200
KINDS = {"waiting": "", "running": "warn", "done": "ok", "failed": "bad"}


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.import_portfolio")
def import_page(request: Request, slug: str) -> HttpResponse:
    """Upload a book; below, what became of the last files."""
    form = PortfolioFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            upload_portfolio(upload=form.cleaned_data["file"], actor=request.actor, on=form.cleaned_data["on"])
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request, _("Recibimos el archivo. Lo revisamos entero: actualiza la página para ver cómo va.")
            )
            return redirect("lending:desk_import", slug)
    names = ("table", "row", "column", "message")
    found = [
        {
            "file": one,
            "kind": KINDS[one.status],
            "errors": [dict(zip(names, error, strict=True)) for error in one.errors[:SHOWN_ERRORS]],
            "more": one.error_count - len(one.errors[:SHOWN_ERRORS]),
        }
        for one in PortfolioImport.objects.order_by("-created_at")[:10]
    ]
    status = 422 if form.errors else 200
    return render(request, "lending/desk/portfolio_import.html", {"form": form, "found": found}, status=status)


@require_safe
@access.require("lending.import_portfolio")
def import_template(request: Request, slug: str, kind: str) -> FileResponse:
    """The empty template with an example in each table."""
    file, name = io.BytesIO(), f"cartera.{kind}"
    write_template(file, name)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=name)


@require_safe
@access.require("lending.export_reports")
def reports(request: Request, slug: str) -> HttpResponse:
    """The days that are closed, each with its reports."""
    return render(request, "lending/desk/reports.html", {"days": closed_days(60)})


@require_safe
@access.require("lending.export_reports")
def report_file(request: Request, slug: str, report: str, on: str) -> HttpResponseBase:
    """A report of a closed day as CSV."""
    try:
        day = date.fromisoformat(on)
        make_report(report=report, on=day, actor=request.actor)
    except (ValueError, InvalidInput) as error:
        raise NotFound(_("Ese día no está cerrado. Elige uno de la lista.")) from error
    return csv_response(f"{report}-{slug}-{day}", headings(report), lambda: rows(report, day))
