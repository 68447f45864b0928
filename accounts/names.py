"""How people are called."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class NameForm(forms.Form):
    """A person's name, in one box: names are not always a first and a last one."""

    full_name = forms.CharField(
        label=_("Tu nombre y apellidos"),
        max_length=120,
        widget=forms.TextInput({"autocomplete": "name"}),
        error_messages={"required": _("Escribe tu nombre y apellidos.")},
    )

    def clean_full_name(self) -> str:
        name = " ".join(self.cleaned_data["full_name"].split())
        if not any(char.isalpha() for char in name):
            raise forms.ValidationError(_("Escribe tu nombre con letras."))
        return name


class NamedPerson(NameForm):
    """What every sign-up asks; the base that allauth's form is built on."""

    def signup(self, request: HttpRequest, user: Any) -> None:
        """Nothing to add: the adapter has saved the name."""
