"""Forms of the portfolio and of collections. They read and explain; the services judge."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import ChoiceCards, MoneyInput
from lending.forms_fields import AmountFormField
from lending.models import ContactNote
from lending.selectors.portfolio import Slice

PERIODS: Final = (("12", _("Últimos 12 meses")), ("24", _("Últimos 24 meses")), ("6", _("Últimos 6 meses")))
ORDER_WORDS: Final = (("days", _("Más días de atraso")), ("balance", _("Saldo mayor")), ("contact", _("Sin contacto")))


class PortfolioFilters(forms.Form):
    """Filters of the portfolio; they live in the address, and what is not known is as if it were not there."""

    branch = forms.ChoiceField(label=_("Agencia"), required=False)
    product = forms.TypedChoiceField(label=_("Producto"), required=False, empty_value=None)
    months = forms.ChoiceField(label=_("Periodo"), required=False, choices=PERIODS)

    def __init__(self, *args: Any, branches: Sequence[str], products: dict[Any, str], **options: Any) -> None:
        super().__init__(*args, **options)
        branch: Any = self.fields["branch"]
        branch.choices = [("", _("Todas")), *[(name, name) for name in branches if name]]
        product: Any = self.fields["product"]
        product.choices = [("", _("Todos")), *[(str(key), name) for key, name in products.items()]]

    @property
    def part(self) -> Slice:
        """The part of the book they ask for."""
        self.is_valid()
        return Slice(self.cleaned_data.get("branch") or "", self.cleaned_data.get("product") or None)

    @property
    def period(self) -> int:
        self.is_valid()
        return int(self.cleaned_data.get("months") or PERIODS[0][0])


class WorklistFilters(forms.Form):
    """Filters of the collector's worklist; they live in the address."""

    q = forms.CharField(label=_("Código o nombre"), required=False, max_length=80)
    branch = forms.CharField(label=_("Agencia"), required=False, max_length=60)
    order = forms.ChoiceField(label=_("Ordenar por"), required=False, choices=ORDER_WORDS)
    view = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput())


class ContactForm(forms.Form):
    """What came of speaking to a borrower; a promise says how much and by when."""

    channel = forms.ChoiceField(label=_("Cómo"), choices=ContactNote.Channel.choices, widget=ChoiceCards(in_row=True))
    result = forms.ChoiceField(label=_("Qué resultó"), choices=ContactNote.Result.choices, widget=ChoiceCards())
    promised = AmountFormField(
        label=_("Cuánto prometió pagar"),
        subject=_("El monto"),
        help_text=_("Solo si prometió pagar."),
        required=False,
        widget=MoneyInput(),
    )
    promised_on = forms.DateField(
        label=_("Hasta qué día"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    note = forms.CharField(
        label=_("Nota"),
        help_text=_("Lo que ayude a la próxima persona que llame. La persona puede pedir leerla."),
        required=False,
        max_length=400,
        widget=forms.Textarea({"rows": 2}),
    )
    next_on = forms.DateField(
        label=_("Volver a llamar el"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )


class CancelPromiseForm(forms.Form):
    """Taking a promise back, with the reason."""

    reason = forms.CharField(
        label=_("Por qué se anula"),
        max_length=200,
        error_messages={"required": _("Escribe por qué se anula la promesa")},
    )
