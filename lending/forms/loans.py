"""Forms around a loan: handing money over, taking it in, taking it back, paying early."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.clock import today
from accounts.formats import format_money
from accounts.forms import ChoiceCards, MoneyInput
from lending.forms_fields import AmountFormField
from lending.models import Disbursement, PrepaymentRequest, Product
from lending.money import ZERO
from lending.schedules.servicing import PrepaymentStrategy

FARTHEST_PAYOFF: Final = timedelta(days=60)
PAY, LOWER, SHORTER, UNDECIDED, PAYOFF = "pay", "lower", "shorter", "undecided", "payoff"
STRATEGIES: Final = {
    LOWER: PrepaymentStrategy.REDUCE_AMOUNT.value,
    SHORTER: PrepaymentStrategy.REDUCE_NUMBER.value,
    UNDECIDED: None,
}
MONEY_WAYS: Final = [(one.value, one.label) for one in Disbursement.Method if one != Disbursement.Method.INTERNAL]
EFFECTS: Final = (
    (PrepaymentStrategy.REDUCE_AMOUNT.value, _("Bajar mis cuotas, con el mismo plazo")),
    (PrepaymentStrategy.REDUCE_NUMBER.value, _("Terminar antes, con la misma cuota")),
)


class DayField(forms.DateField):
    """A day as people write it, 21/11/2026."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.DateInput({"inputmode": "numeric", "class": "input input-num"}, "%d/%m/%Y"))
        options.setdefault("error_messages", {"invalid": _("Escribe la fecha como 21/11/2026")})
        super().__init__(**options)


class LoanFilters(forms.Form):
    """Filters of the list of loans; they live in the address."""

    q = forms.CharField(label=_("Número, documento o nombre"), required=False, max_length=80)
    product = forms.ModelChoiceField(
        label=_("Producto"), required=False, queryset=Product.unscoped.none(), empty_label=_("Todos")
    )
    view = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["product"].queryset = Product.objects.order_by("name")  # type: ignore[attr-defined]


class DisbursementForm(forms.Form):
    """How the money should reach the borrower."""

    method = forms.ChoiceField(label=_("Cómo se entrega"), choices=MONEY_WAYS, widget=ChoiceCards())
    account = forms.CharField(
        label=_("Cuenta o celular de destino"),
        help_text=_("Si no es efectivo. Guardamos solo las cuatro últimas cifras."),
        max_length=40,
        required=False,
    )

    price = AmountFormField(
        label=_("Precio de lo que compra"), subject=_("El precio"), help_text=_("Como dice la proforma del vendedor."),
        required=False, widget=MoneyInput(),
    )  # fmt: skip
    own_receipt = forms.CharField(label=_("Recibo de la cuota inicial"), max_length=60, required=False)

    def __init__(self, *args: Any, own: Decimal | None = None, principal: Decimal = ZERO, **options: Any) -> None:
        """`own`: what the borrower pays the seller at least of the price; the form asks nothing of it without."""
        super().__init__(*args, **options)
        if not own:
            del self.fields["price"], self.fields["own_receipt"]
            return
        self.fields["own_receipt"].help_text = _(
            "El número del recibo del vendedor por lo que el titular pagó: el precio menos %(lent)s, al menos %(own)s."
        ) % {"lent": format_money(principal), "own": format_money(own)}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        digits = [char for char in data.get("account", "") if char.isdigit()]
        if data.get("method") not in (None, Disbursement.Method.CASH) and len(digits) < 6:
            self.add_error("account", _("Escribe el número de cuenta o de celular al que va el dinero"))
        return data


class HandOverForm(forms.Form):
    """What the one who pays out writes down."""

    external_ref = forms.CharField(
        label=_("Número de operación"), help_text=_("Del banco o del recibo de caja."), max_length=60, required=False
    )


class PaymentForm(forms.Form):
    """Money at the counter; `token` makes a form that was sent twice one payment."""

    amount = AmountFormField(label=_("Monto que recibes"), subject=_("El monto"), widget=MoneyInput())
    what = forms.ChoiceField(
        label=_("Qué es"),
        choices=[
            (PAY, _("Pago de cuotas")),
            (PAYOFF, _("Cancelación: paga todo y termina")),
            (LOWER, _("Pago anticipado para bajar la cuota")),
            (SHORTER, _("Pago anticipado para terminar antes")),
            (UNDECIDED, _("Pago anticipado; el titular elige después")),
        ],
        widget=ChoiceCards(),
        initial=PAY,
    )
    on = DayField(
        label=_("Fecha del pago"), help_text=_("Hoy, salvo que se descubra un pago de antes."), required=False
    )
    token = forms.CharField(max_length=40, widget=forms.HiddenInput())


class ReversalForm(forms.Form):
    """Why a payment is taken back."""

    reason = forms.CharField(
        label=_("Motivo del extorno"),
        help_text=_("Queda en el registro y en el recibo."),
        max_length=200,
        widget=forms.Textarea({"rows": 2}),
        error_messages={"required": _("Escribe el motivo")},
    )


class GiveUpForm(forms.Form):
    """Why nothing more of a loan is handed over."""

    reason = forms.CharField(
        label=_("Motivo"),
        help_text=_("Por ejemplo, el titular ya no necesita el resto. Queda en el registro."),
        max_length=200,
        widget=forms.Textarea({"rows": 2}),
        error_messages={"required": _("Escribe el motivo")},
    )


class RefundForm(forms.Form):
    """How money paid in advance goes back."""

    method = forms.ChoiceField(
        label=_("Cómo se devuelve"),
        choices=MONEY_WAYS,
        widget=ChoiceCards(),
        error_messages={"required": _("Elige cómo se devuelve")},
    )


class FindForm(forms.Form):
    """Whose loan it is, at the cash desk."""

    q = forms.CharField(label=_("Número de crédito, DNI o nombre"), required=False, max_length=80)


class EffectForm(forms.Form):
    """What a prepayment does to the plan: the borrower's right to say (Ley 29571 art. 86)."""

    strategy = forms.ChoiceField(
        label=_("Qué quieres que pase"),
        choices=EFFECTS,
        widget=ChoiceCards(),
        error_messages={"required": _("Elige una de las dos")},
    )


class EarlyForm(forms.Form):
    """How much somebody thinks of paying early, to see what it would do."""

    amount = AmountFormField(label=_("Cuánto quieres pagar"), subject=_("El monto"), widget=MoneyInput())


class AskForm(EarlyForm):
    """What the borrower wants of a payment that has not come yet."""

    choice = forms.ChoiceField(
        label=_("Qué quieres que pase"),
        choices=PrepaymentRequest.Choice.choices,
        error_messages={"required": _("Elige qué quieres que pase con tu pago.")},
    )


class PayoffForm(forms.Form):
    """The day somebody thinks of paying everything."""

    on = DayField(label=_("Qué día piensas pagar"), required=False)

    def clean_on(self) -> Any:
        on = self.cleaned_data["on"]
        if on and not today() <= on <= today() + FARTHEST_PAYOFF:
            raise forms.ValidationError(_("Elige un día desde hoy hasta dentro de 60 días"))
        return on


class BankFileForm(forms.Form):
    """A file of payments, and who collected them."""

    provider = forms.CharField(label=_("Banco o billetera"), max_length=40)
    file = forms.FileField(
        label=_("Archivo"),
        widget=forms.FileInput({"class": "input", "accept": ".csv,.xlsx"}),
        error_messages={"required": _("Elige el archivo"), "empty": _("El archivo está vacío")},
    )
