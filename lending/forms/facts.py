"""From an entry of the dictionary of facts to the form field that asks it."""

from decimal import Decimal
from typing import Any

from django import forms

from accounts.forms import ChoiceCards, CountInput, MoneyInput
from lending.facts import Fact, Kind
from lending.forms.fields import DurationField, NumberField, YesNoField, is_long, options_of
from lending.forms_fields import AmountFormField


def field_for(fact: Fact, segment: str) -> forms.Field:
    """The field that asks a fact; it is required when the forms insist on an answer."""
    common: dict[str, Any] = {
        "label": fact.label,
        "help_text": fact.hint,
        "required": fact.insisted,
        "error_messages": {"required": fact.missing_message},
    }
    if fact.kind is Kind.MONEY:
        return AmountFormField(
            subject=fact.subject,
            min_value=Decimal(fact.low),
            max_value=Decimal(fact.high),
            widget=MoneyInput(suffix=fact.suffix),
            **common,
        )
    if fact.kind is Kind.YESNO:
        return YesNoField(**common)
    if fact.kind is Kind.DURATION:
        return DurationField(fact=fact, **common)
    if fact.kind in (Kind.CHOICE, Kind.MONTH):
        return _choice(fact, segment, common)
    whole = fact.kind in (Kind.INTEGER, Kind.SHARE)
    attrs = {} if whole else {"inputmode": "decimal"}
    return NumberField(fact=fact, whole=whole, widget=CountInput(suffix=fact.suffix, attrs=attrs), **common)


def _choice(fact: Fact, segment: str, common: dict[str, Any]) -> forms.Field:
    select = is_long(fact)
    common["error_messages"] |= {"invalid_choice": fact.missing_message}
    return forms.TypedChoiceField(
        choices=options_of(fact, segment, select=select),
        coerce=int if fact.kind is Kind.MONTH else str,
        empty_value=None,
        widget=forms.Select() if select else ChoiceCards(),
        **common,
    )
