"""The file of an existing book."""

from datetime import timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.clock import today


class PortfolioFileForm(forms.Form):
    """A filled-in template and the day it stands at."""

    file = forms.FileField(
        label=_("Archivo CSV o XLSX"),
        help_text=_("Con las tablas de la plantilla: clientes, creditos, pagos y, si quieres, cronograma."),
        error_messages={"required": _("Elige un archivo"), "empty": _("El archivo está vacío")},
    )
    on = forms.DateField(
        label=_("Día de la cartera"),
        help_text=_("Los saldos y pagos son hasta el final de este día."),
        initial=lambda: today() - timedelta(days=1),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": _("Elige el día"), "invalid": _("Escribe una fecha, como 31/03/2026")},
    )
