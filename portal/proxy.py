"""Whose address a request comes from when our own proxy stands before us."""

import contextlib
import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class ForwardedAddressMiddleware:
    """With BEHIND_PROXY, REMOTE_ADDR is what the proxy saw: the last of X-Forwarded-For, the only one it wrote.

    Rate limits, consents and evidence read REMOTE_ADDR. Anything that is no address leaves it as it is.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.BEHIND_PROXY:
            last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            with contextlib.suppress(ValueError):
                request.META["REMOTE_ADDR"] = str(ipaddress.ip_address(last))
        return self.get_response(request)
