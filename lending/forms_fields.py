"""Form fields that understand what people type."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from lending.money import NotAnAmount, format_soles, parse_amount


class AmountFormField(forms.Field):
    """Soles as people write them; cleans to Decimal with two decimals, or None when left empty.

    What was typed is shown again untouched when it is refused. `subject` begins the error messages
    ("El gasto del hogar"); `min_value` and `max_value` are inclusive Decimals.
    """

    widget = forms.TextInput
    default_error_messages = {
        "out_of_range": _("%(subject)s va de %(low)s a %(high)s"),
        "too_low": _("%(subject)s debe ser de %(low)s o más"),
        "too_high": _("%(subject)s debe ser de %(high)s o menos"),
    }

    def __init__(
        self,
        *,
        min_value: Decimal | None = None,
        max_value: Decimal | None = None,
        subject: Any = None,
        **kwargs: Any,
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.subject = subject or _("El monto")
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Decimal | None:
        if value in self.empty_values:
            return None
        try:
            return parse_amount(str(value), subject=self.subject)
        except NotAnAmount as error:
            raise ValidationError(error.message, code=error.code) from error

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is None:
            return
        too_low = self.min_value is not None and value < self.min_value
        too_high = self.max_value is not None and value > self.max_value
        if not (too_low or too_high):
            return
        code = "too_low" if too_low else "too_high"
        if self.min_value is not None and self.max_value is not None:
            code = "out_of_range"
        raise ValidationError(
            self.error_messages[code],
            code=code,
            params={
                "subject": self.subject,
                "low": None if self.min_value is None else format_soles(self.min_value),
                "high": None if self.max_value is None else format_soles(self.max_value),
            },
        )

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return f"{value:.2f}".removesuffix(".00")
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(data) != self.to_python(self.prepare_value(initial))
        except ValidationError:
            return True

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "inputmode": "decimal", "autocomplete": "off"}
