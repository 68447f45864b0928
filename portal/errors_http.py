"""Domain errors become answers, once: 404, 403, 409, 422 or 503, as a page or as JSON."""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotFound,
    HttpResponseServerError,
    JsonResponse,
)
from django.shortcuts import render
from django.utils.translation import gettext as _
from redis import RedisError

from accounts.errors import DomainError, InvalidInput, NotAllowed, NotFound, Unavailable
from accounts.step_up import ConfirmationRequired, to_confirmation

logger = structlog.get_logger(__name__)


class DomainErrorMiddleware:
    """Runs after ATOMIC_REQUESTS has undone the view, so a refused act leaves nothing behind."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, RedisError):  # rate limits of signing in, mostly: nothing was done
            exception = Unavailable()
        if not isinstance(exception, DomainError):
            return None
        if isinstance(exception, NotAllowed):
            refused(request, exception.code)
        if "/api/" in request.path:
            return JsonResponse(error_document(exception), status=exception.status)
        if isinstance(exception, ConfirmationRequired):
            return to_confirmation(request)
        return render(
            request,
            f"errors/{exception.status}.html",
            {"message": exception.message},
            status=exception.status,
        )


class DemoPagesMiddleware:
    """Shows the product's own pages in the demo, where DEBUG would show Django's; the log keeps the traceback."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not settings.DEMO:
            return response
        # Django's technical pages come as these classes; the product's own are plain responses.
        if isinstance(response, HttpResponseNotFound):
            return not_found(request, Http404())
        if isinstance(response, HttpResponseServerError):
            return server_error(request)
        return response


def refused(request: HttpRequest, code: str) -> None:
    """A line in the log for each right that was refused; who and from where is bound to it by the request's own."""
    logger.warning("access_refused", code=code, method=request.method, path=request.path)


def error_document(error: DomainError) -> dict[str, object]:
    """The error as the API answers it: a stable code, a message to show, and fields where there are any."""
    document: dict[str, object] = {"code": error.code, "message": str(error.message)}
    if isinstance(error, InvalidInput) and error.fields:
        document["fields"] = error.fields
    return document


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that came back without its token: nothing was changed, and the page says how to go on."""
    refused(request, "csrf")
    return render(request, "errors/csrf.html", status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a request that no page of ours would send."""
    return answer(request, 400, "bad_request", _("No entendimos lo que llegó."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, raised as Django's PermissionDenied by a library."""
    refused(request, "permission_denied")
    return answer(request, 403, NotAllowed.code, str(NotAllowed.default_message))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: no such address, or nothing behind it."""
    return answer(request, 404, NotFound.code, "")


def too_many_requests(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """429: a rate limit of signing in was reached."""
    return answer(request, 429, "too_many_requests", "")


def server_error(request: HttpRequest) -> HttpResponse:
    """500: the page asks nothing of the database, which may be what failed."""
    return answer(request, 500, "server_error", "")


def answer(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    """The error page, or its JSON where a program asked; an empty `message` leaves the page's own words."""
    if "/api/" in request.path:
        return JsonResponse({"code": code, "message": message or _("No se pudo completar.")}, status=status)
    return render(request, f"errors/{status}.html", {"message": message}, status=status)
