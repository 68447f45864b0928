"""The complaints book for everybody: write a sheet without an account, keep the copy, look for the answer."""

from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access, limits
from accounts.clock import today
from accounts.errors import InvalidInput
from accounts.formats import mask_document
from accounts.http import InstitutionRequest
from accounts.models import Complaint
from lending.forms.complaints import ComplaintForm, FindComplaintForm
from lending.forms.refusals import show_refusal
from lending.parameters import Parameter, parameter
from lending.selectors.complaints import complaint_by_code
from lending.services.complaints import file_complaint

FILED: Final = "complaints_filed"  # in the session: whose copies this browser may see
REMEMBERED: Final = 20


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def book(request: InstitutionRequest, slug: str) -> HttpResponse:
    """What the book is, and its sheet to fill in."""
    person = request.user if request.user.is_authenticated else None
    initial = {"full_name": person.full_name, "email": person.email or ""} if person else {}
    if request.GET.get("reference"):
        initial["reference"] = request.GET["reference"][:40]
    form = ComplaintForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST":
        limits.count(request, f"complaint-{request.institution.pk}", most=30, seconds=3600)
        if form.is_valid():
            try:
                complaint = file_complaint(actor=request.actor, sheet=form.sheet())
            except InvalidInput as refusal:
                show_refusal(form, refusal)
            else:
                filed = request.session.get(FILED, [])
                request.session[FILED] = [*filed, str(complaint.pk)][-REMEMBERED:]
                return redirect("lending:complaint_copy", slug, complaint.pk)
    days = parameter(Parameter.Code.COMPLAINT_DAYS, today())
    context = {"form": form, "days": int(days.value) if days else None}
    return render(request, "lending/complaints/book.html", context, status=422 if form.errors else 200)


@never_cache
@require_safe
def copy(request: InstitutionRequest, slug: str, complaint_id: UUID) -> HttpResponse:
    """The copy of a sheet, to print: for the browser that filed it and for the person's account."""
    complaint = Complaint.objects.filter(pk=complaint_id).first()
    mine = complaint is not None and (
        str(complaint_id) in request.session.get(FILED, [])
        or (complaint.user_id is not None and complaint.user_id == request.user.pk)
    )
    if not mine and not request.user.is_authenticated:
        return access.to_sign_in(request)
    if complaint is None or not mine:
        raise Http404
    return render(request, "lending/complaints/copy.html", sheet_context(complaint))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def find(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Where a sheet stands, for whoever knows its number and the document of who filed it."""
    form = FindComplaintForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        limits.count(request, f"complaint-find-{request.institution.pk}", most=20, seconds=600)
        if form.is_valid():
            complaint = complaint_by_code(**form.cleaned_data)
            if complaint:
                return render(request, "lending/complaints/copy.html", sheet_context(complaint))
            form.add_error(None, _("Ninguna hoja tiene ese número y ese documento. Revísalos."))
    return render(request, "lending/complaints/find.html", {"form": form}, status=422 if form.errors else 200)


def sheet_context(complaint: Complaint, *, masked: bool = False) -> dict[str, Any]:
    """A sheet as pages show it; masked, with the middle of document numbers hidden."""
    numbers = {name: complaint.consumer.get(name, "") for name in ("document_number", "guardian_document")}
    return {
        "sheet": complaint,
        "amount": complaint.amount_claimed and complaint.amount_claimed / 100,
        **{name: mask_document(number) if masked else number for name, number in numbers.items()},
    }
