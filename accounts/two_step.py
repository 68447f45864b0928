"""The second step of signing in: a code from an authenticator app, for every role but applicant.

Rights are what makes it necessary: whoever acts here with more than an applicant's rights must have passed
the second step in this session, not too long ago. Without an authenticator they are led to set one up.
"""

import re
import time
from collections.abc import Callable

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.access import page_to_return_to
from accounts.http import Request
from accounts.models import User
from accounts.selectors import memberships_of

VALID_SECONDS = 12 * 3600
IDLE_SECONDS = 30 * 60  # a screen left alone asks for a code again
NOTED_EVERY_SECONDS = 60
SEEN = "staff_seen_at"
NEXT = "two_step_next"
WITHOUT_RIGHTS = frozenset({"applicant"})
# Where one signs in and out, and what pages are drawn with.
OPEN = re.compile(r"^/(?:accounts|static|demo|csp-report|brands\.css|(?:i/[-a-z0-9]+/)?brand\.css)(?:/|$)")


class TwoStepMiddleware:
    """Stands behind InstitutionMiddleware, which says with which rights the person acts here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        if not request.user.is_authenticated or OPEN.match(request.path_info):
            return self.get_response(request)
        if not request.actor.roles - WITHOUT_RIGHTS or passed(request):
            return self.get_response(request)
        return self.lead(request, request.user)

    def lead(self, request: Request, user: User) -> HttpResponse:
        """To the code, or to setting up the authenticator; back to the same page afterwards."""
        if "/api/" in request.path:
            words = _("Ingresa con tu segundo paso para usar esta dirección.")
            return JsonResponse({"code": "two_step_required", "message": words}, status=403)
        back = request.session[NEXT] = page_to_return_to(request)
        page = "mfa_reauthenticate" if has_authenticator(user) else "mfa_activate_totp"
        address = f"{reverse(page)}?{urlencode({'next': back})}"
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": address})
        return HttpResponseRedirect(address)


def passed(request: HttpRequest) -> bool:
    """Whether this session has passed the second step within the last hours and was not left alone since."""
    now = time.time()
    records = get_authentication_records(request, request.user)
    at = max((record["at"] for record in records if record["method"] == "mfa"), default=0.0)
    seen = max(at, request.session.get(SEEN, 0.0))
    if at < now - VALID_SECONDS or seen < now - IDLE_SECONDS:
        return False
    if seen < now - NOTED_EVERY_SECONDS:
        request.session[SEEN] = now
    return True


def has_authenticator(user: User) -> bool:
    """Whether the person has an authenticator app set up."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def needs_second_step(user: User) -> bool:
    """Whether the person has more than an applicant's rights anywhere."""
    return bool(user.platform_roles) or any(
        set(membership.roles) - WITHOUT_RIGHTS for membership in memberships_of(user.pk)
    )
