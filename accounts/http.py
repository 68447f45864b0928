"""The request as views see it, once the address has been resolved."""

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from accounts.actors import Actor
    from accounts.models import Institution, Membership, User


class Request(HttpRequest):
    """For annotations: what `InstitutionMiddleware` adds to every request."""

    institution: "Institution | None"
    membership: "Membership | None"
    actor: "Actor"


class PersonRequest(Request):
    """For views behind a guard of `accounts.access`: somebody has signed in."""

    user: "User"


class InstitutionRequest(Request):
    """For views under an institution's address."""

    institution: "Institution"
