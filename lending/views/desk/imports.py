"""Products and opportunities from a file, on the desk."""

from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.errors import InvalidInput
from accounts.exports import csv_response
from accounts.http import Request
from lending.forms.refusals import show_refusal
from lending.imports.sheets import LARGEST_BYTES, SheetRefused
from lending.services.product_import import HEADINGS, import_products

EXAMPLES = (
    ("producto", "mi-negocio", "Mi Negocio", "negocio", "Mercadería y equipos", 500, 20000, 3, 24, 30, 85,
     "Cuota fija", 0.075, "", "", 2, "Cusco, Puno", "", "", 300, 18, 75, 6, 4, "", "", "", "", ""),
    ("oportunidad", "agroperu", "Fondo AgroPerú", "campo", "Crédito para pequeños productores organizados", "",
     30000, "", "", "", "", "", "", "", "", "", "", "", "papa, café", "", "", "", "", "", "Midagri y Agrobanco",
     "Pertenecer a una organización de productores", "https://www.agrobanco.com.pe", "2026-01-01", "2026-12-31"),
)  # fmt: skip


class ProductFileForm(forms.Form):
    """The file, and whether its products are offered at once."""

    file = forms.FileField(
        label=_("Archivo CSV o XLSX"),
        help_text=_("Hasta 5 MB. Se importa todo o nada; si algo está mal te decimos en qué celda."),
        error_messages={"required": _("Elige un archivo"), "empty": _("El archivo está vacío")},
    )
    publish = forms.BooleanField(label=_("Publicar los productos desde hoy"), required=False)

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload.size > LARGEST_BYTES:
            raise forms.ValidationError(_("El archivo pesa más de 5 MB: divídelo."))
        return upload


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.manage_products")
def import_file(request: Request, slug: str) -> HttpResponse:
    """The form, what was imported, or every cell that is wrong."""
    form = ProductFileForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            context["report"] = import_products(
                actor=request.actor, name=upload.name, content=upload.read(), publish=form.cleaned_data["publish"]
            )
        except SheetRefused as refusal:
            context["problems"] = refusal.problems
        except InvalidInput as refusal:
            show_refusal(form, refusal)
    refused = bool(form.errors or context.get("problems"))
    return render(request, "lending/desk/product_import.html", context, status=422 if refused else 200)


@require_safe
@access.require("lending.manage_products")
def template(request: Request, slug: str) -> HttpResponseBase:
    """A table with every heading and a product and an opportunity to copy."""
    return csv_response("productos-plantilla", list(HEADINGS), lambda: EXAMPLES)
