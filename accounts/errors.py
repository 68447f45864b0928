"""What a service may refuse, in words for the person who asked. `portal.errors_http` turns each into a status."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """A refusal: nothing was changed. `message` is shown to the person, `code` is stable for programs."""

    status = 400
    code = "refused"
    default_message: Any = _("No se pudo completar. Inténtalo otra vez.")

    def __init__(self, message: Any = None, *, code: str | None = None) -> None:
        self.message = message if message is not None else self.default_message
        self.code = code or self.code
        super().__init__(str(self.message))


class NotFound(DomainError):
    """There is no such thing, or it belongs to another institution: both look the same."""

    status, code = 404, "not_found"
    default_message = _("No encontramos lo que buscas.")


class NotAllowed(DomainError):
    """The actor lacks the right."""

    status, code = 403, "not_allowed"
    default_message = _("Tu cuenta no tiene permiso para hacer esto.")


class InvalidState(DomainError):
    """The thing exists but is not in a state that allows the act."""

    status, code = 409, "invalid_state"


class InvalidInput(DomainError):
    """Bad input; `fields` maps a field to its messages, in the order they should be read."""

    status, code = 422, "invalid_input"
    default_message = _("Hay respuestas por corregir.")

    def __init__(
        self,
        message: Any = None,
        *,
        fields: Mapping[str, Sequence[Any]] | None = None,
        code: str | None = None,
    ) -> None:
        self.fields = {name: [str(text) for text in texts] for name, texts in (fields or {}).items()}
        super().__init__(message, code=code)


class Unavailable(DomainError):
    """Something the act needs is missing or down; trying later may work."""

    status, code = 503, "unavailable"
    default_message = _("El servicio no está disponible en este momento. Inténtalo en unos minutos.")
