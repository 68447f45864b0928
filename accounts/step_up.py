"""Confirming who one is once more, right before an act that can't be taken back: paying out, promoting, exporting.

Twice, as with rights: the view asks before the form is shown, the service refuses whoever reaches it otherwise.

    @step_up.required                       # around the view, under the guard of accounts.access
    def disburse(request, slug, loan_id): ...

    actor.require("lending.disburse_loan")  # in the service
    step_up.check(actor)

Whoever has an authenticator confirms with a fresh code of it, anybody else with the password.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from accounts.access import page_to_return_to
from accounts.actors import Actor
from accounts.errors import NotAllowed

VALID_SECONDS: Final = 10 * 60


class ConfirmationRequired(NotAllowed):
    """The person must confirm who they are and do it again; `portal.errors_http` leads them there."""

    code = "confirmation_required"
    default_message = _("Antes de hacer esto, confirma que eres tú con un código nuevo.")


def confirmed_at(request: HttpRequest) -> float:
    """When this session last proved who the person is (epoch seconds); 0 when it never did.

    With a second step only the second step counts.
    """
    records = get_authentication_records(request, request.user)
    by_app = [one["at"] for one in records if one["method"] == "mfa"]
    return max(by_app or [one["at"] for one in records], default=0.0)


def is_fresh(at: float) -> bool:
    """Whether a confirmation of that instant still counts."""
    return time.time() - at < VALID_SECONDS


def check(actor: Actor) -> None:
    """Raise ConfirmationRequired when a session stands behind the actor and its confirmation is old.

    Commands, programs and the system have no session: the shell, the client's secret and the code answer.
    """
    if actor.confirmed_at is not None and not is_fresh(actor.confirmed_at):
        raise ConfirmationRequired


def required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A decorator for views: asks for the confirmation before the page or the act, then comes back."""

    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        check(request.actor)
        return view(request, *args, **kwargs)

    return guarded


def to_confirmation(request: HttpRequest) -> HttpResponse:
    """Send the person to confirm, and back to the page they were on."""
    from accounts.two_step import has_authenticator

    page = "mfa_reauthenticate" if has_authenticator(request.user) else "account_reauthenticate"  # type: ignore[arg-type]
    address = f"{reverse(page)}?{urlencode({'next': page_to_return_to(request)})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
