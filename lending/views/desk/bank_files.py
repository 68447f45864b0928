"""Payments that a bank or wallet collected: its file, and what came of each row."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts import access
from accounts.errors import InvalidInput
from accounts.formats import format_money
from accounts.http import InstitutionRequest
from lending.forms.loans import BankFileForm
from lending.forms.refusals import show_refusal
from lending.models import BankFile
from lending.services.bank_files import import_bank_file

NEWEST: Final = 10
COLUMNS: Final = {
    "loan": gettext_lazy("crédito"),
    "on": gettext_lazy("fecha"),
    "amount": gettext_lazy("monto"),
    "reference": gettext_lazy("referencia"),
    "external_ref": gettext_lazy("referencia"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.import_bank_file")
def bank_files(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Send a file; below, the newest ones with the rows that are to be mended."""
    form = BankFileForm(request.POST, request.FILES) if request.method == "POST" else BankFileForm()
    if form.is_bound and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            file = import_bank_file(
                actor=request.actor, name=upload.name, content=upload.read(), provider=form.cleaned_data["provider"]
            )
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            words = _("%(posted)s pagos registrados por %(amount)s; %(refused)s filas por corregir.")
            values = {"posted": file.posted, "amount": format_money(file.amount), "refused": file.refused}
            (messages.warning if file.refused else messages.success)(request, words % values)
            return redirect("lending:desk_bank_files", slug)
    files = BankFile.objects.order_by("-imported_at")[:NEWEST]
    context = {"form": form, "files": [_shown(file) for file in files]}
    return render(request, "lending/desk/bank_files.html", context, status=422 if form.errors else 200)


def _shown(file: BankFile) -> dict[str, Any]:
    errors = [{**one, "column": COLUMNS.get(one["field"], "")} for one in file.errors]
    names = ("name", "provider", "imported_at", "posted", "refused", "amount")
    return {**{name: getattr(file, name) for name in names}, "errors": errors}
