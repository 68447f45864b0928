"""Guards for views. Services ask `actor.require(...)` as well: a guard turns people away at the door.

    @access.require("lending.view_applications")
    def queue(request, slug): ...

    class Queue(access.Requires, ListView):
        permission = "lending.view_applications"

    @access.signed_in                      # anybody with an account, member of the institution or not
    def start(request, slug): ...

Somebody who has not signed in is sent to do so and comes back to the same page; somebody who may not
gets a 403 page. Programs under /api/ get the answer of `portal.errors_http` instead.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.permissions import roles_allowed

View = Callable[..., HttpResponseBase]


def require(permission: str) -> Callable[[View], View]:
    """A decorator for views that only holders of `permission` may open; KeyError for an unknown one."""
    roles_allowed(permission)

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            request.actor.require(permission)  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return guard


def signed_in(view: View) -> View:
    """A decorator for views that need an account, whatever its rights."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        return view(request, *args, **kwargs)

    return guarded


class Requires:
    """The same guard for class-based views; `permission` names what is needed."""

    permission: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return require(self.permission)(super().dispatch)(request, *args, **kwargs)  # type: ignore[misc]


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send somebody to sign in and then back: to this page, or to the one whose form they had sent."""
    answer = redirect_to_login(page_to_return_to(request), resolve_url(settings.LOGIN_URL))
    if request.headers.get("HX-Request"):  # a fragment can't follow a redirect to a whole page
        return HttpResponse(status=204, headers={"HX-Redirect": answer.url})
    return answer


def page_to_return_to(request: HttpRequest) -> str:
    """The address of the page a person was on, safe to redirect to."""
    if request.method in ("GET", "HEAD") and not request.headers.get("HX-Request"):
        return request.get_full_path()
    before = request.headers.get("HX-Current-URL") or request.headers.get("Referer") or ""
    if url_has_allowed_host_and_scheme(before, {request.get_host()}, require_https=request.is_secure()):
        parts = urlsplit(before)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return "/"
