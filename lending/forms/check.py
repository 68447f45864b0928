"""The few answers of a self-check: a GET form that keeps nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import ChoiceCards
from lending.facts import FACTS
from lending.forms.facts import field_for
from lending.forms.simulator import ORDER
from lending.forms.steps import StepForm
from lending.reasons import SEGMENTS

NEEDED: Final = {
    "household": ("monthly_income",),
    "enterprise": ("monthly_sales", "sector"),
    "farm": ("crop", "hectares"),
}
FREE: Final = {"household": (), "enterprise": (), "farm": ("harvest_month",)}
COMMON: Final = ("household_expenses", "other_installments", "region")


class CheckForm(StepForm):
    """What for, how much, for how long, and what comes in and goes out. Only the first four must be answered.

    `asked` is what the address carries. Where it answers for another kind of credit than it asks about now, the
    form waits for answers instead of complaining.
    """

    def __init__(self, asked: Mapping[str, Any], segments: Sequence[str]) -> None:
        offered = [one for one in ORDER if one in segments]
        segment = str(asked.get("segment", ""))
        segment = segment if segment in offered else offered[0]
        answered = "amount" in asked and asked.get("of", segment) == segment
        data = {name: asked[name] for name in asked} | {"segment": segment}
        super().__init__(data if answered else None, segment=segment, initial=data, auto_id="check_%s")
        self.fields["segment"] = forms.ChoiceField(
            label=_("¿Para qué es el crédito?"),
            widget=ChoiceCards(in_row=True),
            choices=[(one, SEGMENTS[one].capitalize()) for one in offered],
        )
        needed = ("amount", "term_months", *NEEDED[segment])
        for name in (*needed, *FREE[segment], *COMMON):
            field = field_for(FACTS[name], segment)
            field.required = name in needed
            if isinstance(field, forms.ChoiceField):
                given: Any = field.choices
                field.widget = forms.Select()
                field.choices = [("", _("Elige")), *(one for one in given if one[0])]
            self.fields[name] = field

    @property
    def kind(self) -> str:
        """The segment the questions are of, for the template, which would find the field first."""
        return self.segment
