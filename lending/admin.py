"""What operators keep of this floor: legal values, added and never changed, and the national calendar."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin import Kept, ReadOnly, operators
from lending.models import Holiday, Parameter
from lending.services.legal_values import add_legal_value


class LegalValueForm(forms.ModelForm):
    """A value with its norm and days."""

    class Meta:
        model = Parameter
        fields = ("code", "currency", "value", "norm", "valid_from", "valid_to")

    def clean_value(self) -> Any:
        if self.cleaned_data["value"] <= 0:
            raise forms.ValidationError(
                _("Escribe un valor mayor que cero; una tasa va como fracción: 1.1413 es 114.13 %.")
            )
        return self.cleaned_data["value"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("valid_to") and data.get("valid_from") and data["valid_to"] < data["valid_from"]:
            self.add_error("valid_to", _("El último día no puede ser anterior al primero."))
        return data


@admin.register(Parameter, site=operators)
class ParameterAdmin(Kept):
    form = LegalValueForm
    list_display = ("code", "currency", "value", "valid_from", "valid_to", "norm", "is_demo")
    list_filter = ("code", "currency")
    ordering = ("code", "currency", "-valid_from")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: Any, obj: Parameter, form: Any, change: bool) -> None:
        obj.pk = add_legal_value(actor=request.actor, **form.cleaned_data).pk
        obj._state.adding = False


@admin.register(Holiday, site=operators)
class HolidayAdmin(ReadOnly):
    list_display = ("day", "name")
    ordering = ("-day",)
