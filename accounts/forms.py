"""How forms look: the project's renderer and the widgets that its templates know.

Use them with plain Django fields and `{{ field.as_field_group }}`; templates/django/forms/ does the rest.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting
from django.utils.translation import gettext_lazy as _


class AyniRenderer(TemplatesSetting):
    """Renders every form with the site's own templates (`FORM_RENDERER`)."""


class AffixInput(forms.TextInput):
    """A text box between words: `S/ [ 912 ] por semana`.

    `slider=(low, high, step)` adds a range that script shows and keeps in step with the box.
    """

    template_name = "django/forms/widgets/affix.html"

    def __init__(
        self,
        *,
        prefix: Any = "",
        suffix: Any = "",
        slider: tuple[int, int, int] | None = None,
        slider_label: Any = "",
        attrs: Mapping[str, Any] | None = None,
    ) -> None:
        self.prefix, self.suffix, self.slider, self.slider_label = prefix, suffix, slider, slider_label
        super().__init__({"autocomplete": "off", **(attrs or {})})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"].update(prefix=self.prefix, suffix=self.suffix)
        if self.slider:
            low, high, step = self.slider
            digits = "".join(char for char in str(value or "") if char.isdigit() or char == ".")
            context["widget"]["slider"] = {
                "low": low,
                "high": high,
                "step": step,
                "value": digits or low,
                "label": self.slider_label or _("Mover para cambiar la cifra"),
            }
        return context


class MoneyInput(AffixInput):
    """Soles: `S/ [ 912 ] por semana`. What was typed stays as it was typed."""

    def __init__(self, *, prefix: Any = "S/", attrs: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(prefix=prefix, attrs={"inputmode": "decimal", **(attrs or {})}, **options)


class CountInput(AffixInput):
    """A whole number with its unit: `[ 6 ] años`."""

    def __init__(self, *, attrs: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(attrs={"inputmode": "numeric", "class": "input-num", **(attrs or {})}, **options)


class _Cards:
    """Options as cards: `details` puts a line under an option's label, `in_row` sets short ones side by side."""

    def __init__(
        self,
        *,
        details: Mapping[Any, Any] | None = None,
        in_row: bool = False,
        attrs: Mapping[str, Any] | None = None,
        choices: Any = (),
    ) -> None:
        self.details, self.in_row = dict(details or {}), in_row
        super().__init__(attrs=attrs, choices=choices)  # type: ignore[call-arg]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)  # type: ignore[misc]
        context["widget"]["in_row"] = self.in_row
        return context

    def create_option(self, name: str, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **options)  # type: ignore[misc]
        option["detail"] = self.details.get(str(value), self.details.get(value, ""))
        return option


class ChoiceCards(_Cards, forms.RadioSelect):
    """One of several, as cards with radio buttons."""


class CheckCards(_Cards, forms.CheckboxSelectMultiple):
    """Any of several, as cards with check boxes."""


class DateBoxes(forms.MultiWidget):
    """A date in three boxes: day, month, year. Goes with a plain DateField; what was typed stays.

    `birthday=True` lets the browser fill in the person's own.
    """

    template_name = "django/forms/widgets/date_boxes.html"
    use_fieldset = True
    boxes = (("day", _("Día"), 2), ("month", _("Mes"), 2), ("year", _("Año"), 4))

    def __init__(self, *, birthday: bool = False, attrs: Mapping[str, Any] | None = None) -> None:
        widgets: dict[str, forms.Widget | type[forms.Widget]] = {
            name: forms.TextInput(
                {
                    "inputmode": "numeric",
                    "maxlength": digits,
                    "class": f"box-{digits}",
                    "autocomplete": f"bday-{name}" if birthday else "off",
                }
            )
            for name, _label, digits in self.boxes
        }
        super().__init__(widgets, dict(attrs or {}))

    def decompress(self, value: Any) -> list[str]:
        if isinstance(value, date):
            return [str(value.day), str(value.month), str(value.year)]
        year, month, day = [*str(value or "").split("-", 2), "", "", ""][:3]
        return [day, month, year]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str:  # type: ignore[override]
        """`year-month-day` as typed, empty when nothing was; the field says whether that is a day."""
        day, month, year = (
            str(part or "").strip().replace("-", "")[:10] for part in super().value_from_datadict(data, files, name)
        )
        return f"{year}-{month}-{day}" if day or month or year else ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        for subwidget, (_name, label, _digits) in zip(context["widget"]["subwidgets"], self.boxes, strict=True):
            subwidget["box_label"] = label
        return context


class PhotoInput(forms.FileInput):
    """A document or photo; script makes large photos smaller before they are sent, where the browser can."""

    def __init__(self, *, accept: str = "image/*,application/pdf", attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__({"accept": accept, "data-shrink": True, **(attrs or {})})
