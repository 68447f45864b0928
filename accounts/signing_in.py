"""What signing up and in leaves behind: evidence in the platform's chain, and no stranger's password."""

from typing import Any

import structlog
from allauth.account import signals as account_signals
from allauth.account.authentication import get_authentication_records
from allauth.mfa import signals as second_step_signals
from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import audit
from accounts.actors import Actor
from accounts.models import User
from accounts.platform import platform_scope

logger = structlog.get_logger(__name__)


def record(request: HttpRequest, user: User, event: str, **facts: Any) -> None:
    """Write `event` about the person into the platform's chain; they themselves are the actor."""
    with platform_scope() as platform:
        ip = request.META.get("REMOTE_ADDR")
        audit.record(Actor.for_user(user, institution_id=platform.pk, ip=ip), event, user, **facts)


@receiver(account_signals.user_signed_up)
def signed_up(request: HttpRequest, user: User, **_: Any) -> None:
    record(request, user, "accounts.person.signed_up", by="phone" if user.phone else "email")


@receiver(account_signals.user_logged_in)
def signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    methods = [one["method"] for one in get_authentication_records(request, user)]
    record(request, user, "accounts.person.signed_in", methods=sorted(set(methods)))


@receiver(user_login_failed)
def sign_in_failed(request: HttpRequest | None = None, **_: Any) -> None:
    """A line in the log, without what was typed: a chain of evidence is not for strangers to fill."""
    logger.warning("sign_in_failed", ip=request.META.get("REMOTE_ADDR") if request else None)


@receiver([account_signals.password_changed, account_signals.password_set, account_signals.password_reset])
def password_changed(request: HttpRequest, user: User, **_: Any) -> None:
    record(request, user, "accounts.person.password_changed")


@receiver(account_signals.email_changed)
def email_changed(request: HttpRequest, user: User, **_: Any) -> None:
    record(request, user, "accounts.person.email_changed")


@receiver(second_step_signals.authenticator_added)
def second_step_added(request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    if authenticator.type == "totp":
        record(request, user, "accounts.second_step.set_up")


@receiver(second_step_signals.authenticator_removed)
def second_step_removed(request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    if authenticator.type == "totp":
        record(request, user, "accounts.second_step.removed")


@receiver(second_step_signals.authentication_failed)
def second_step_failed(request: HttpRequest, user: User, **_: Any) -> None:
    record(request, user, "accounts.second_step.failed")


@receiver(account_signals.email_confirmed)
def forget_stranger_password(request: HttpRequest, email_address: Any, **_: Any) -> None:
    """The first entry by code proves whose address it is; a password set before that may be somebody else's."""
    user = email_address.user
    records = get_authentication_records(request, user)
    by_code = bool(records) and records[-1]["method"] == "code"
    if by_code and user.last_login is None and user.has_usable_password():
        user.set_unusable_password()
        user.save(update_fields=["password"])
