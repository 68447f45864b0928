"""Fields that understand what people type where Django's would not, with refusals that say how to mend it.

What was typed is shown again untouched. Every field cleans to the value as it was asked; `Fact.kept` turns
it into the value as it is kept.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.forms import ChoiceCards, CountInput
from lending.facts import Fact, Kind
from lending.money import NotAnAmount, parse_amount

LONGEST_TYPED: Final = 60


class NumberField(forms.Field):
    """A number that is no money: hectares, people, days. `whole` refuses decimals. Limits are inclusive."""

    widget = CountInput
    default_error_messages = {
        "whole": _("%(subject)s debe ser un número entero, sin decimales"),
        "range": "%(message)s",
    }

    def __init__(self, *, fact: Fact, whole: bool, **options: Any) -> None:
        self.fact, self.whole = fact, whole
        super().__init__(**options)

    def to_python(self, value: Any) -> Decimal | int | None:
        if value in self.empty_values or not str(value).strip():
            return None
        try:
            number = parse_amount(str(value), subject=str(self.fact.subject))
        except NotAnAmount as error:
            raise ValidationError(error.message, code=error.code) from error
        if not self.whole:
            return number
        if number != number.to_integral_value():
            raise ValidationError(self.error_messages["whole"], code="whole", params={"subject": self.fact.subject})
        return int(number)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and not self.fact.low <= value <= self.fact.high:
            raise ValidationError(self.fact.range_message(self.fact.low, self.fact.high), code="range")


class DurationBoxes(forms.MultiWidget):
    """A stretch of time in two boxes, years and months; gives `years-months` as typed."""

    template_name = "django/forms/widgets/date_boxes.html"
    use_fieldset = True
    boxes = (("years", _("Años")), ("months", _("Meses")))

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        box = {"inputmode": "numeric", "class": "box-2", "autocomplete": "off"}
        super().__init__({name: forms.TextInput(box) for name, _label in self.boxes}, dict(attrs or {}))

    def decompress(self, value: Any) -> list[str]:
        if isinstance(value, int):
            return [str(value // 12), str(value % 12)]
        years, _dash, months = str(value or "").partition("|")
        return [years, months]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        years, months = (str(part or "").strip() for part in super().value_from_datadict(data, files, name))
        return f"{years}|{months}" if years or months else ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        for subwidget, (_name, label) in zip(context["widget"]["subwidgets"], self.boxes, strict=True):
            subwidget["box_label"] = label
        return context


class DurationField(forms.Field):
    """Years and months, either of which may stay empty; cleans to whole months."""

    widget = DurationBoxes
    default_error_messages = {
        "not_whole": _("%(subject)s se escribe en números enteros, por ejemplo 2 años y 6 meses"),
    }

    def __init__(self, *, fact: Fact, **options: Any) -> None:
        self.fact = fact
        super().__init__(**options)

    def to_python(self, value: Any) -> int | None:
        if value in self.empty_values:
            return None
        if isinstance(value, int):
            return value
        years, _dash, months = str(value).partition("|")
        parts = [part.strip() or "0" for part in (years, months)]
        if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
            raise ValidationError(
                self.error_messages["not_whole"], code="not_whole", params={"subject": self.fact.subject}
            )
        return int(parts[0]) * 12 + int(parts[1])

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and not self.fact.low <= value <= self.fact.high:
            high = int(self.fact.high)
            raise ValidationError(
                _("%(subject)s no puede pasar de %(years)s años"),
                code="range",
                params={"subject": self.fact.subject, "years": high // 12},
            )


class YesNoField(forms.TypedChoiceField):
    """Sí or No as two cards; cleans to a bool, None when unanswered."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            choices=[("yes", _("Sí")), ("no", _("No"))],
            coerce=lambda code: code == "yes",
            empty_value=None,
            widget=ChoiceCards(),
            **options,
        )

    def prepare_value(self, value: Any) -> Any:
        return {True: "yes", False: "no"}.get(value, value)


def options_of(fact: Fact, segment: str, *, select: bool) -> list[tuple[str, Any]]:
    """A choice's options; a list box begins with an empty line."""
    options: list[tuple[str, Any]] = list(fact.options(segment).items())
    return [("", _("Elige")), *options] if select else options


def is_long(fact: Fact) -> bool:
    """Whether the options are too many for cards."""
    return fact.kind is Kind.MONTH or len(fact.choices) > 10
