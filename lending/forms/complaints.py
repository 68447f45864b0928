"""Forms of the complaints book. They read and explain; the service judges."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import ChoiceCards, MoneyInput
from accounts.models import Complaint
from lending.forms_fields import AmountFormField
from lending.models import Applicant
from lending.services.complaints import LONGEST_TEXT, Sheet

REQUIRED = {"required": _("Responde esta pregunta.")}
# As the norm defines them (DS 011-2011-PCM, art. 3).
DEFINITIONS = {
    "reclamo": _(
        "No estás de acuerdo con el producto o el servicio: un cobro, una tasa, una respuesta a tu solicitud."
    ),
    "queja": _("No te atendieron bien, aunque el producto esté en orden."),
}


class ComplaintForm(forms.Form):
    """A sheet of the book, in the order the norm gives."""

    mark_optional = True

    full_name = forms.CharField(
        label=_("Nombres y apellidos"),
        max_length=120,
        widget=forms.TextInput({"autocomplete": "name"}),
        error_messages={"required": _("Escribe tus nombres y apellidos, como están en tu documento")},
    )
    document_type = forms.ChoiceField(
        label=_("Documento"), choices=Applicant.DocumentType.choices, widget=ChoiceCards(in_row=True), initial="dni"
    )
    document_number = forms.CharField(
        label=_("Número de documento"),
        max_length=20,
        widget=forms.TextInput({"autocomplete": "off", "class": "input-num"}),
        error_messages={"required": _("Escribe el número de tu documento")},
    )
    email = forms.CharField(
        label=_("Correo"),
        help_text=_("Ahí te enviamos una copia hoy y la respuesta después."),
        max_length=254,
        required=False,
        widget=forms.EmailInput({"autocomplete": "email"}),
    )
    phone = forms.CharField(
        label=_("Celular"),
        max_length=20,
        required=False,
        widget=forms.TextInput({"autocomplete": "tel-national", "inputmode": "tel", "class": "input-num"}),
    )
    address = forms.CharField(
        label=_("Dirección"),
        help_text=_("Si no tienes correo, la respuesta llega aquí."),
        max_length=160,
        required=False,
        widget=forms.TextInput({"autocomplete": "street-address"}),
    )
    guardian_name = forms.CharField(
        label=_("Padre, madre o apoderado"),
        help_text=_("Solo si la persona es menor de edad."),
        max_length=120,
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    guardian_document = forms.CharField(
        label=_("DNI del padre, madre o apoderado"),
        max_length=20,
        required=False,
        widget=forms.TextInput({"autocomplete": "off", "class": "input-num"}),
    )
    good = forms.ChoiceField(
        label=_("¿Es por un producto o por un servicio?"),
        choices=Complaint.Good.choices,
        widget=ChoiceCards(
            in_row=True, details={"product": _("Un crédito o una solicitud"), "service": _("La atención que recibiste")}
        ),
        error_messages=REQUIRED,
    )
    topic = forms.ChoiceField(
        label=_("Motivo"),
        choices=[("", _("Elige un motivo")), *Complaint.Topic.choices],
        error_messages={"required": _("Elige el motivo")},
    )
    reference = forms.CharField(
        label=_("Número de tu solicitud o crédito"),
        max_length=40,
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    amount = AmountFormField(label=_("Monto reclamado"), required=False, widget=MoneyInput())
    kind = forms.ChoiceField(
        label=_("¿Reclamo o queja?"),
        choices=Complaint.Kind.choices,
        widget=ChoiceCards(details=DEFINITIONS),
        error_messages=REQUIRED,
    )
    detail = forms.CharField(
        label=_("¿Qué pasó?"),
        help_text=_("Cuenta cuándo, dónde y con quién."),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 5}),
        error_messages={"required": _("Cuenta qué pasó")},
    )
    request = forms.CharField(
        label=_("¿Qué pides?"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"required": _("Escribe qué pides")},
    )

    def sheet(self) -> Sheet:
        """What was written, from a valid form."""
        return Sheet(**self.cleaned_data)


class FindComplaintForm(forms.Form):
    """A sheet's number and the document of who filed it."""

    code = forms.CharField(
        label=_("Número de la hoja"),
        help_text=_("Por ejemplo 000000001-2026."),
        max_length=20,
        widget=forms.TextInput({"autocomplete": "off", "class": "input-num"}),
        error_messages={"required": _("Escribe el número de la hoja")},
    )
    document_number = forms.CharField(
        label=_("Número de documento"),
        max_length=20,
        widget=forms.TextInput({"autocomplete": "off", "class": "input-num"}),
        error_messages={"required": _("Escribe el número de tu documento")},
    )


class AnswerComplaintForm(forms.Form):
    """The institution's answer."""

    resolution = forms.ChoiceField(
        label=_("Se resuelve"),
        choices=Complaint.Resolution.choices,
        widget=ChoiceCards(),
        error_messages={"required": _("Elige a favor de quién se resuelve")},
    )
    answer = forms.CharField(
        label=_("Respuesta"),
        help_text=_("La persona la recibe tal cual: explica qué encontraste y qué harás."),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 8}),
        error_messages={"required": _("Escribe la respuesta: la persona la recibirá tal cual")},
    )


class PeriodForm(forms.Form):
    """From a day to a day, for an export."""

    begins = forms.DateField(label=_("Desde"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    ends = forms.DateField(label=_("Hasta"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("begins") and data.get("ends") and data["ends"] < data["begins"]:
            self.add_error("ends", _("El último día es anterior al primero"))
        return data
