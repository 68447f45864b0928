"""The simulator on a landing page: a GET form whose answer is always a page."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import ChoiceCards, MoneyInput
from lending.forms.steps import amount_range
from lending.forms_fields import AmountFormField
from lending.matching import ProductTerms
from lending.reasons import SEGMENTS
from lending.simulation import amount_out_of_range, nearest, terms_on_offer

USUAL_AMOUNT: Final = Decimal(3000)
USUAL_TERM: Final = 12
ORDER: Final = ("enterprise", "farm", "household")


class SimulatorForm(forms.Form):
    """For what, how much and for how long; `product` is the one that answers, `pinned` its code when it was asked for.

    Always bound: what is not asked takes usual values. A term the product does not offer becomes the nearest
    one, and `term_changed` says so; an amount outside its range is an error that names the range.
    """

    segment = forms.ChoiceField(label=_("¿Para qué es el crédito?"), widget=ChoiceCards(in_row=True))
    amount = AmountFormField(
        label=_("¿Cuánto necesitas?"),
        subject=_("El monto"),
        widget=MoneyInput(),
        error_messages={"required": _("Escribe cuánto necesitas, por ejemplo 3000")},
    )
    term_months = forms.ChoiceField(
        label=_("¿En cuántos meses quieres pagar?"), widget=ChoiceCards(in_row=True), required=False
    )

    def __init__(self, asked: Mapping[str, Any], products: Mapping[str, ProductTerms]) -> None:
        """`products` are the published terms by product code."""
        self.products = products
        segments = [code for code in ORDER if any(one.segment == code for one in products.values())]
        segment = asked.get("segment", "")
        code = str(asked.get("product", ""))
        if code in products and segment in ("", products[code].segment):
            segment = products[code].segment
        segment = segment if segment in segments else segments[0]
        of_segment = {key: one for key, one in products.items() if one.segment == segment}
        self.term_changed = False
        self.low = min(one.amount_min for one in of_segment.values())
        self.high = max(one.amount_max for one in of_segment.values())
        amount = str(asked.get("amount", "")) if "amount" in asked else self._usual_amount()
        wanted = _whole(asked.get("term_months"))
        self.pinned = code if code in of_segment else ""
        self.code = self.pinned or self._fitting(of_segment, amount, wanted or USUAL_TERM)
        term, terms = self._term(wanted)
        super().__init__(
            {"segment": segment, "amount": amount, "term_months": str(term), "product": self.code}, auto_id="sim_%s"
        )
        self.fields["segment"].choices = [(one, SEGMENTS[one].capitalize()) for one in segments]  # type: ignore[attr-defined]
        self.fields["term_months"].choices = [(str(one), str(one)) for one in terms]  # type: ignore[attr-defined]
        self.fields["amount"].help_text = amount_range(self.low, self.high)

    @property
    def product(self) -> ProductTerms:
        """The published terms that answer."""
        return self.products[self.code]

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if not self.product.amount_min <= amount <= self.product.amount_max:
            raise forms.ValidationError(
                amount_out_of_range(self.product.name, self.product.amount_min, self.product.amount_max),
                code="out_of_range",
            )
        return amount

    def clean_term_months(self) -> int:
        return int(self.cleaned_data["term_months"])

    def _usual_amount(self) -> str:
        return f"{min(max(USUAL_AMOUNT, self.low), self.high):.2f}".removesuffix(".00")

    def _fitting(self, of_segment: Mapping[str, ProductTerms], typed: str, term: int) -> str:
        """The first product that lends the amount for the term, else the amount, else the first."""
        try:
            amount = self.base_fields["amount"].to_python(typed) or Decimal(0)
        except forms.ValidationError:
            amount = Decimal(0)
        lends = [code for code, one in of_segment.items() if one.amount_min <= amount <= one.amount_max]
        fits = [code for code in lends if of_segment[code].term_min <= term <= of_segment[code].term_max]
        return next(iter([*fits, *lends, *of_segment]))

    def _term(self, wanted: int | None) -> tuple[int, Sequence[int]]:
        product = self.product
        terms = terms_on_offer(product.term_min, product.term_max)
        if wanted is None:
            return nearest(USUAL_TERM, terms), terms
        if product.term_min <= wanted <= product.term_max:
            return wanted, sorted({*terms, wanted})
        self.term_changed = True
        return nearest(wanted, terms), terms


def _whole(typed: Any) -> int | None:
    text = str(typed or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None
