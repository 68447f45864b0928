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
from lending.money import format_soles
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
        widget=MoneyInput(attrs={"aria-describedby": "sim_amount_helptext sim_amount_error"}),
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
        lending = [self.pinned] if self.pinned else self._lending(of_segment, amount)
        term, terms = self._term([products[one] for one in lending], wanted)
        self.code = next(
            (one for one in lending if products[one].term_min <= term <= products[one].term_max), lending[0]
        )
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
            raise forms.ValidationError(self._out_of_range(amount), code="out_of_range")
        return amount

    def _out_of_range(self, amount: Decimal) -> str:
        """What is lent instead: by the product asked for, or by all of them."""
        if self.pinned or self.low <= amount <= self.high:
            return amount_out_of_range(self.product.name, self.product.amount_min, self.product.amount_max)
        return _("Prestamos de %(low)s a %(high)s: escribe un monto entre esos dos") % {
            "low": format_soles(self.low),
            "high": format_soles(self.high),
        }

    def clean_term_months(self) -> int:
        return int(self.cleaned_data["term_months"])

    def _usual_amount(self) -> str:
        return f"{min(max(USUAL_AMOUNT, self.low), self.high):.2f}".removesuffix(".00")

    def _lending(self, of_segment: Mapping[str, ProductTerms], typed: str) -> list[str]:
        """Products that lend the amount, the everyday ones (the smallest amounts) first; all when none does."""
        try:
            amount = self.base_fields["amount"].to_python(typed) or Decimal(0)
        except forms.ValidationError:
            amount = Decimal(0)
        codes = sorted(of_segment, key=lambda code: (of_segment[code].amount_min, of_segment[code].name))
        return [code for code in codes if of_segment[code].amount_min <= amount <= of_segment[code].amount_max] or codes

    def _term(self, lending: Sequence[ProductTerms], wanted: int | None) -> tuple[int, Sequence[int]]:
        """The term to work with and those on offer, over all products that lend the amount."""
        terms = terms_on_offer(min(one.term_min for one in lending), max(one.term_max for one in lending))
        if wanted is None:
            return nearest(USUAL_TERM, terms), terms
        if any(one.term_min <= wanted <= one.term_max for one in lending):
            return wanted, sorted({*terms, wanted})
        self.term_changed = True
        return nearest(wanted, terms), terms


def _whole(typed: Any) -> int | None:
    text = str(typed or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None
