"""Forms around a contract: the signature, the insurance the borrower prefers, and who else answers for the loan."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import MoneyInput
from lending.forms_fields import AmountFormField
from lending.models import Applicant, Guarantee


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


class PersonForm(forms.Form):
    """Somebody by their document."""

    document_type = forms.ChoiceField(label=_("Documento"), choices=Applicant.DocumentType.choices)
    document_number = forms.CharField(
        label=_("Número de documento"), max_length=12,
        widget=forms.TextInput({"class": "input-num", "autocomplete": "off", "inputmode": "numeric"}),
    )  # fmt: skip


class GuaranteeForm(PersonForm):
    """Who answers for a loan, how, and up to what."""

    kind = forms.ChoiceField(label=_("Cómo responde"), choices=Guarantee.Kind.choices)
    limit = AmountFormField(
        label=_("Hasta qué monto"), help_text=_("Vacío: por todo el crédito."), required=False,
        widget=MoneyInput(),
    )  # fmt: skip
