"""Forms of the register of security incidents."""

import re

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import ChoiceCards
from accounts.models import SecurityIncident
from lending.services.incidents import LONGEST_TEXT

INSTANT = {"type": "datetime-local"}


class IncidentForm(forms.Form):
    """What is known of an incident."""

    mark_optional = True

    title = forms.CharField(
        label=_("Qué pasó, en una línea"), max_length=120, error_messages={"required": _("Di en una línea qué pasó")}
    )
    severity = forms.ChoiceField(
        label=_("Gravedad"),
        choices=SecurityIncident.Severity.choices,
        widget=ChoiceCards(),
        error_messages={"required": _("Elige la gravedad")},
    )
    known_at = forms.DateTimeField(
        label=_("Cuándo lo supiste"),
        help_text=_("Desde ese momento corre el plazo para avisar."),
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs=INSTANT),
    )
    occurred_at = forms.DateTimeField(
        label=_("Cuándo pasó"), required=False, widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs=INSTANT)
    )
    description = forms.CharField(
        label=_("Descripción"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 5}),
        error_messages={"required": _("Describe qué pasó y cómo lo supiste")},
    )
    data_kinds = forms.CharField(label=_("Qué datos"), max_length=200, required=False)
    people = forms.IntegerField(label=_("Cuántas personas"), min_value=0, initial=0)
    measures = forms.CharField(
        label=_("Medidas tomadas"), max_length=LONGEST_TEXT, required=False, widget=forms.Textarea({"rows": 3})
    )


class AuthorityForm(forms.Form):
    """The receipt of the notice to the authority."""

    reference = forms.CharField(
        label=_("Número de registro en la autoridad"),
        max_length=80,
        error_messages={"required": _("Escribe el número de registro que te dio la autoridad")},
    )


class PeopleForm(forms.Form):
    """The notice to the people."""

    mark_optional = True

    text = forms.CharField(
        label=_("Aviso para las personas"),
        help_text=_("Qué pasó, qué hiciste y qué pueden hacer."),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 5}),
        error_messages={"required": _("Explica qué pasó, qué hiciste y qué puede hacer la persona")},
    )
    numbers = forms.CharField(
        label=_("Números de solicitud de las personas afectadas"),
        help_text=_("Separados por comas. Vacío: todas las personas."),
        max_length=4_000,
        required=False,
    )

    def clean_numbers(self) -> list[int]:
        typed = self.cleaned_data["numbers"]
        if re.search(r"[^\d\s,;]", typed, re.ASCII) or any(len(part) > 9 for part in re.findall(r"\d+", typed)):
            raise forms.ValidationError(_("Escribe solo números separados por comas"))
        return [int(part) for part in re.findall(r"\d+", typed)]
