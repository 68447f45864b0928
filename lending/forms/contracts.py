"""Forms around a contract: the signature, and the insurance the borrower prefers."""

from django import forms
from django.utils.translation import gettext_lazy as _


class SignForm(forms.Form):
    """The code that was sent, on exactly what is shown (`sha256`)."""

    sha256 = forms.CharField(widget=forms.HiddenInput(), max_length=64)
    read = forms.BooleanField(
        label=_("Leí la hoja resumen y el cronograma, y estoy de acuerdo"),
        error_messages={"required": _("Marca que leíste y estás de acuerdo para poder firmar")},
    )
    code = forms.CharField(
        label=_("Código de seis cifras"),
        max_length=20,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "one-time-code", "class": "input input-num"}),
        error_messages={"required": _("Escribe el código que llegó al celular o correo")},
    )


class InsuranceForm(forms.Form):
    """The borrower's own policy in place of the group's."""

    insurer = forms.CharField(label=_("Aseguradora"), max_length=120, required=False)
    policy = forms.CharField(label=_("Número de tu póliza"), max_length=60, required=False)
