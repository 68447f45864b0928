"""The one model field for money: Decimal soles in Python, bigint céntimos in the database."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.expressions import Combinable, register_combinable_fields
from django.utils.translation import gettext_lazy as _

from lending.forms_fields import AmountFormField
from lending.money import from_centimos, to_centimos


class MoneyField(models.Field):
    """Soles with two decimals, stored as whole céntimos.

    Filters, `F() + F()`, `Sum`, `Min` and `Max` speak Decimal soles too. A float, or a third decimal, is
    refused: ValidationError when cleaned, TypeError or ValueError when saved or filtered unclean.
    """

    description = _("Monto en soles")
    empty_strings_allowed = False
    default_error_messages = {"invalid": _("Escribe un monto en soles, con dos decimales como máximo")}

    def get_internal_type(self) -> str:
        return "BigIntegerField"

    def to_python(self, value: Any) -> Decimal | None:
        if value is None:
            return None
        try:
            return from_centimos(to_centimos(_exact(value)))
        except (TypeError, ValueError, InvalidOperation) as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        return None if value is None else from_centimos(value)

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return to_centimos(_exact(value))

    def value_to_string(self, obj: models.Model) -> str:
        value = self.value_from_object(obj)
        return "" if value is None else f"{value:.2f}"

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": AmountFormField, **kwargs})


def _exact(value: Any) -> Any:
    """Text, as fixtures hold it, becomes Decimal; everything else stays for `to_centimos` to judge."""
    return Decimal(value) if isinstance(value, str) else value


register_combinable_fields(MoneyField, Combinable.ADD, MoneyField, MoneyField)
register_combinable_fields(MoneyField, Combinable.SUB, MoneyField, MoneyField)
