"""Forms that propose changes of a loan. They read and explain; the services judge."""

from decimal import Decimal
from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import ChoiceCards, CountInput, MoneyInput
from lending.forms.desk import PercentField
from lending.forms.loans import DayField
from lending.forms_fields import AmountFormField
from lending.services.restructures import CHARGES

FORGIVEN: Final = (
    ("penalties", _("Interés moratorio")),
    ("interest", _("Interés")),
    ("fees", _("Comisiones y gastos")),
    ("insurance", _("Seguro")),
)


def amount(text: str) -> Decimal:
    """Soles from an event's text."""
    return Decimal(text)


def fraction(percent: str) -> Decimal:
    """A fraction from an event's percentage."""
    return Decimal(percent) / 100


class ReasonForm(forms.Form):
    """Why; every change says so."""

    reason = forms.CharField(
        label=_("Motivo"),
        help_text=_("Con sus hechos: qué pasó, qué mostró la persona, por qué conviene."),
        max_length=400,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"required": _("Escribe el motivo, con sus hechos")},
    )


class RescheduleForm(ReasonForm):
    field_order = ("installments", "first_due_on", "grace_on_principal", "reason")

    installments = forms.IntegerField(label=_("Cuántas cuotas"), min_value=1, max_value=600, widget=CountInput())
    first_due_on = DayField(label=_("Primera cuota"))
    grace_on_principal = forms.IntegerField(
        label=_("Primeras cuotas solo de interés"), min_value=0, max_value=24, initial=0, widget=CountInput()
    )


class RefinanceForm(ReasonForm):
    field_order = ("installments", "tea", "first_due_on", "reason")

    installments = forms.IntegerField(label=_("Cuántas cuotas"), min_value=1, max_value=600, widget=CountInput())
    tea = PercentField(label=_("TEA"))
    first_due_on = DayField(label=_("Primera cuota"), help_text=_("Vacío: en un mes."), required=False)


class RateForm(ReasonForm):
    field_order = ("tea", "reason")

    tea = PercentField(label=_("TEA nueva"))


class WaiverForm(ReasonForm):
    field_order = ("part", "amount", "reason")

    part = forms.ChoiceField(label=_("Qué se condona"), choices=FORGIVEN, widget=ChoiceCards())
    amount = AmountFormField(label=_("Cuánto"), subject=_("El monto"), widget=MoneyInput())


class ChargeForm(ReasonForm):
    field_order = ("concept", "amount", "reason")

    concept = forms.ChoiceField(label=_("Qué gasto"), choices=list(CHARGES.items()), widget=ChoiceCards())
    amount = AmountFormField(label=_("Cuánto"), subject=_("El monto"), widget=MoneyInput())
