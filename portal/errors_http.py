"""Domain errors become answers, once: 404, 403, 409, 422 or 503, as a page or as JSON."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.errors import DomainError, InvalidInput


class DomainErrorMiddleware:
    """Runs after ATOMIC_REQUESTS has undone the view, so a refused act leaves nothing behind."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        if "/api/" in request.path:
            return JsonResponse(error_document(exception), status=exception.status)
        return render(
            request,
            f"errors/{exception.status}.html",
            {"message": exception.message},
            status=exception.status,
        )


def error_document(error: DomainError) -> dict[str, object]:
    """The error as the API answers it: a stable code, a message to show, and fields where there are any."""
    document: dict[str, object] = {"code": error.code, "message": str(error.message)}
    if isinstance(error, InvalidInput) and error.fields:
        document["fields"] = error.fields
    return document


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that came back without its token: nothing was changed, and the page says how to go on."""
    message = _("Por seguridad no recibimos el formulario. Vuelve a la página anterior, recárgala y envíalo otra vez.")
    return render(request, "errors/403.html", {"message": message}, status=403)
