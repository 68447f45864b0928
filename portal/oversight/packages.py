"""Evidence packages as downloads, for auditors and for regulators."""

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from django import forms
from django.http import FileResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit import export
from accounts.clock import today
from accounts.models import Institution
from portal.oversight.chain import Window

LARGEST_DOWNLOAD = 200_000  # entries; more is a job for the command


class Period(forms.Form):
    """The days of a package, both included."""

    begins = forms.DateField(
        label=gettext_lazy("Desde"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
    )
    ends = forms.DateField(
        label=gettext_lazy("Hasta"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        begins, ends = cleaned.get("begins"), cleaned.get("ends")
        if begins and ends and ends < begins:
            self.add_error("ends", _("El último día no puede ser anterior al primero."))
        return cleaned


def package_of(window: Window, form: Period) -> FileResponse | None:
    """The package of the form's days, read through the window's role; None with the reason on the form."""
    begins, ends = form.cleaned_data["begins"], form.cleaned_data["ends"]
    if not window.covers(begins, ends):
        form.add_error(None, _("Tu mandato no alcanza a todos esos días."))
        return None
    with window.whole_chain() as using:
        return _package(window.institution, begins, ends, using, form)


def _package(institution: Institution, begins: date, ends: date, using: str, form: Period) -> FileResponse | None:
    count = export.entries_in(institution.pk, begins, ends, using)
    if not count:
        form.add_error(None, _("No hay eventos sellados en esos días."))
        return None
    if count > LARGEST_DOWNLOAD:
        form.add_error(
            None,
            _("Son %(count)s eventos: elige un período más corto, o pide a la plataforma el paquete completo.")
            % {"count": f"{count:,}"},
        )
        return None
    with tempfile.TemporaryDirectory(prefix="ayni-evidence-") as folder:
        path = Path(folder) / "evidence.zip"
        export.export(institution, begins, ends, path, using=using)
        file = path.open("rb")  # stays readable when the folder is gone
    name = f"{institution.slug}-{begins:%Y%m%d}-{ends:%Y%m%d}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")


def first_period() -> dict[str, date]:
    """This year so far."""
    return {"begins": today().replace(month=1, day=1), "ends": today()}
