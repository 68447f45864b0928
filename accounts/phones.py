"""Peruvian mobiles: written in many ways, kept as +519XXXXXXXX. Pure."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MOBILE = re.compile(r"(?:(?:\+|00)?51)?(9\d{8})")
NOT_A_MOBILE = _("Escribe un celular del Perú: nueve cifras que empiezan con 9, por ejemplo 987 654 321.")


def normalise_mobile(text: str) -> str | None:
    """`+51987654321` from `987 654 321`, `+51 987-654-321` and the like; None when it is no Peruvian mobile."""
    found = MOBILE.fullmatch(re.sub(r"[\s().-]", "", text))
    return f"+51{found[1]}" if found else None


def show_mobile(phone: str) -> str:
    """`987 654 321`, as people write it; any other number as it is."""
    local = phone.removeprefix("+51")
    return f"{local[:3]} {local[3:6]} {local[6:]}" if MOBILE.fullmatch(phone) else phone


def mask_mobile(phone: str) -> str:
    """`••• ••• 321`: enough for its owner to know which one."""
    return f"••• ••• {phone[-3:]}"


class MobileField(forms.CharField):
    """A form field that gives the normalised mobile, or the empty text."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", _("Celular"))
        options.setdefault("help_text", _("Nueve cifras, por ejemplo 987 654 321."))
        options.setdefault("max_length", 40)
        options.setdefault("widget", forms.TextInput({"type": "tel", "autocomplete": "tel", "inputmode": "tel"}))
        options.setdefault("error_messages", {"required": _("Escribe tu celular.")})
        super().__init__(**options)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        phone = normalise_mobile(text)
        if phone is None:
            raise ValidationError(NOT_A_MOBILE, code="not_a_mobile")
        return phone
