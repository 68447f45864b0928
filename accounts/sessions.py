"""Where a person is signed in, as they see it, and ending it from elsewhere."""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts import messages
from accounts.errors import NotFound
from accounts.models import User
from accounts.signing_in import record

BROWSERS: Final = ("Edg/", "OPR/", "Firefox/", "Chrome/", "Safari/")
SYSTEMS: Final = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")
NAMES: Final = {"Edg": "Edge", "OPR": "Opera", "Mac OS": "Mac"}


@dataclass(frozen=True, slots=True)
class Place:
    """One browser that is signed in."""

    key: int
    device: str
    ip: str
    since: datetime
    is_this: bool


def places(request: HttpRequest, user: User) -> list[Place]:
    """Every browser of this person that is signed in, this one first, then the newest."""
    found = [
        Place(one.pk, device(one.user_agent), one.ip, one.created_at, one.session_key == request.session.session_key)
        for one in UserSession.objects.purge_and_list(user)
    ]
    return sorted(found, key=lambda one: (not one.is_this, -one.since.timestamp()))


def sign_out_elsewhere(request: HttpRequest, user: User, key: int | None = None) -> int:
    """End the session of that key, or all but this one; returns how many. Raises NotFound for somebody else's."""
    others = UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key)
    ending = list(others if key is None else others.filter(pk=key))
    if key is not None and not ending:
        raise NotFound
    get_adapter().end_sessions(ending)
    if ending:
        record(request, user, "accounts.person.sessions_ended", count=len(ending))
    return len(ending)


def end_all(user_id: int) -> None:
    """Sign the person out everywhere at once: what their sessions have proved no longer holds."""
    get_adapter().end_sessions(UserSession.objects.filter(user_id=user_id))


def second_step_was_reset(user: User) -> None:
    """Sign the person out everywhere and tell them, once the reset is committed."""
    end_all(user.pk)
    transaction.on_commit(partial(_tell_of_reset, user), robust=True)


def _tell_of_reset(user: User) -> None:
    text = _(
        "Se reinició el segundo paso de tu cuenta de Ayni. En tu próximo ingreso activarás otro. Si no lo pediste,"
        " avisa a tu entidad ahora."
    )
    key = f"second-step-reset-{user.pk}-{int(time.time())}"
    if user.email:
        messages.send_mail(user.email, _("Tu segundo paso se reinició"), text, key)
    elif user.phone:
        messages.send_sms(user.phone, text, key)


def device(user_agent: str) -> str:
    """`Firefox, Android`: what a person recognises of the long text that browsers send."""
    marks = (next((mark.rstrip("/") for mark in known if mark in user_agent), "") for known in (BROWSERS, SYSTEMS))
    return ", ".join(NAMES.get(mark, mark) for mark in marks if mark)
