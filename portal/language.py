"""Which language a page speaks: what was chosen, here or on another phone, else Spanish.

The phone's own preference is not a choice.
"""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import translation

from accounts.models import User

COOKIE = settings.LANGUAGE_COOKIE_NAME


class LanguageMiddleware:
    """`?lang=en` on any page keeps the choice, in a cookie and with the person, and returns to the same page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.known = {code for code, _ in settings.LANGUAGES}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.get("lang")
        if asked in self.known and request.method == "GET":
            query = request.GET.copy()
            query.pop("lang")
            address = f"{request.path}?{query.urlencode()}" if query else request.path
            if not request.path.startswith("//"):
                self.remember(request.user, asked)
                answer = HttpResponseRedirect(address)
                answer.set_cookie(
                    COOKIE,
                    asked,
                    max_age=365 * 24 * 3600,
                    samesite="Lax",
                    secure=settings.SESSION_COOKIE_SECURE,
                )
                return answer
        kept = request.COOKIES.get(COOKIE)
        if kept not in self.known and request.user.is_authenticated:
            kept = request.user.language
        language = kept if kept in self.known else settings.LANGUAGE_CODE
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
            return response

    def remember(self, user: User | AnonymousUser, language: str) -> None:
        if isinstance(user, User) and user.language != language:
            user.language = language
            user.save(update_fields=["language"])
