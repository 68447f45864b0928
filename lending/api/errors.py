"""Every refusal of the API has one shape: {"code", "message", "fields"?}, in the caller's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from accounts.errors import DomainError, InvalidInput

MESSAGES = {
    400: _("No pudimos leer lo que enviaste. Revisa que sea JSON bien formado."),
    401: _("Falta identificarse: inicia sesión o envía un token."),
    403: _("Tu cuenta no tiene permiso para hacer esto."),
    404: _("No encontramos lo que buscas."),
    405: _("Esta dirección no admite ese método."),
    415: _("Envía JSON, o un formulario con archivo para los documentos."),
    429: _("Demasiados pedidos seguidos. Espera un momento."),
}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """The response to `error`, or None to let an unforeseen one surface as a 500."""
    if isinstance(error, DomainError):
        set_rollback()
        return Response(document(error), status=error.status)
    if isinstance(error, exceptions.ValidationError):
        set_rollback()
        refused = InvalidInput(fields=flatten(error.detail))
        return Response(document(refused), status=refused.status)
    response = exception_handler(error, context)
    if response is None:
        return None
    code = getattr(error, "default_code", "refused")
    message = str(getattr(error, "detail", ""))
    if response.status_code in MESSAGES and response.status_code != 401:
        message = str(MESSAGES[response.status_code])
    response.data = {"code": code, "message": message or str(MESSAGES[401])}
    return response


def document(error: DomainError) -> dict[str, Any]:
    """The error in the API's one shape."""
    found: dict[str, Any] = {"code": error.code, "message": str(error.message)}
    if isinstance(error, InvalidInput) and error.fields:
        found["fields"] = error.fields
    return found


def flatten(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Nested serializer errors as {"facts.monthly_income": ["…"]}."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            where = f"{prefix}.{name}" if prefix else str(name)
            found.update(flatten(inner, where))
        return found
    texts = detail if isinstance(detail, list) else [detail]
    return {prefix or "non_field_errors": [str(text) for text in texts]}
