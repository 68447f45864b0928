"""Spreadsheets of applicants: uploaded, scored in the background, downloaded."""

from uuid import UUID

from django.contrib import messages
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.errors import InvalidInput, NotFound
from accounts.http import InstitutionRequest
from accounts.views.forms import show_refusal
from scoring.features import reader
from scoring.forms import BatchForm
from scoring.models import ScoredFile, Segment
from scoring.services.files import KEPT, upload_file, visible_file
from scoring.views.navigation import with_navigation

PER_PAGE = 20
KIND = {"waiting": "info", "running": "info", "done": "ok", "failed": "bad"}


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("scoring.score_file")
def file_list(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Files and their results, and a form for another."""
    form = BatchForm(initial={"segment": "household"})
    if request.method == "POST":
        form = BatchForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                upload_file(
                    upload=form.cleaned_data["file"],
                    segment=form.cleaned_data["segment"],
                    key=form.cleaned_data["key"],
                    actor=request.actor,
                    institution=request.institution,
                )
            except InvalidInput as refusal:
                show_refusal(form, refusal)
            else:
                messages.success(request, _("Recibimos la planilla. El resultado aparecerá en esta página."))
                return redirect("scoring:files", slug)
    known = [
        {
            "words": words,
            "names": ", ".join(sorted(reader(code).columns - set(reader(code).signals))),
        }
        for code, words in Segment.choices
    ]
    return render(
        request,
        "scoring/files.html",
        with_navigation(request, "files", form=form, known=known, days=KEPT.days, **_rows(request)),
        status=422 if form.errors else 200,
    )


@require_safe
@access.require("scoring.score_file")
def file_progress(request: InstitutionRequest, slug: str) -> HttpResponse:
    """The list alone, while something is going on."""
    if not request.headers.get("HX-Request"):
        return redirect("scoring:files", slug)
    return render(request, "scoring/_files.html", _rows(request))


def _rows(request: InstitutionRequest) -> dict[str, object]:
    page = Paginator(
        ScoredFile.objects.select_related("model", "uploaded_by").order_by("-created_at"), PER_PAGE
    ).get_page(request.GET.get("page"))
    rows = [{"file": one, "kind": KIND[one.status]} for one in page]
    going = any(one.status in (ScoredFile.Status.WAITING, ScoredFile.Status.RUNNING) for one in page)
    return {"rows": rows, "page": page, "going": going}


@never_cache
@require_safe
@access.require("scoring.score_file")
def download(request: InstitutionRequest, slug: str, file_id: UUID) -> HttpResponseBase:
    """A result, while it is kept."""
    row = visible_file(file_id)
    if not row.result:
        raise NotFound(_("Ese resultado no está, o ya se borró."))
    name = f"{slugify(row.name.rpartition('.')[0]) or 'resultado'}-puntajes.csv"
    response = FileResponse(default_storage.open(row.result, "rb"), as_attachment=True, filename=name)
    response["Content-Type"] = "text/csv; charset=utf-8"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
