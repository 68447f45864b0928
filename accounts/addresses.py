"""Which institution an address names: `/i/<slug>/…` everywhere, or nothing at all on its own domain.

    path("<institution:slug>", include("lending.urls"))

Reversing gives `/i/qori/apply/` on the platform's host and `/apply/` on Qori's own.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.http.request import split_domain_port

from accounts.models.institution import Institution

ADDRESS = re.compile(r"^/i/(?P<slug>[-a-z0-9]+)(?:/|$)")
# The platform's own pages on every host: no institution's scope is open there.
PLATFORM = re.compile(r"^/(?:accounts|admin|oversight|demo|static|csp-report|styleguide)(?:/|$)")

_own_domain: ContextVar[str] = ContextVar("ayni_own_domain", default="")


@contextmanager
def own_domain_of(institution: Institution | None) -> Iterator[None]:
    """Within, the addresses of `institution` are written without its name."""
    token = _own_domain.set(institution.slug if institution else "")
    try:
        yield
    finally:
        _own_domain.reset(token)


class InstitutionConverter:
    """`i/<slug>/`, or the empty text on the institution's own domain."""

    regex = r"(?:i/[-a-z0-9]+/)?"

    def to_python(self, value: str) -> str:
        slug = value.removeprefix("i/").rstrip("/") or _own_domain.get()
        if not slug:
            raise ValueError("this host belongs to no institution")
        return slug

    def to_url(self, value: str) -> str:
        if not value:
            raise ValueError("no institution named")
        return "" if value == _own_domain.get() else f"i/{value}/"


def on_the_way_to(request: HttpRequest) -> Institution | None:
    """The institution that a person who is signing in came from: by `next`, or by the sign-in under way."""
    if not request.path_info.startswith("/accounts/"):
        return None
    under_way = request.session.get("account_login") or {}  # where allauth keeps a sign-in between its pages
    back = request.GET.get("next") or request.POST.get("next") or under_way.get("redirect_url")
    address = ADDRESS.match(back or request.session.get("two_step_next") or "")
    return _lenders().filter(slug=address["slug"]).first() if address else None


def host_of(request: HttpRequest) -> str:
    """The host without its port, in lower case."""
    return split_domain_port(request.get_host())[0]


def institutions_named(request: HttpRequest) -> tuple[Institution | None, Institution | None]:
    """(the institution whose pages these are, the institution whose own domain this is).

    Raises Http404 for an unknown or closed institution, and for another one's pages on an own domain.
    """
    address = ADDRESS.match(request.path_info)
    host = host_of(request)
    found = list(_lenders().filter(Q(slug=address["slug"]) | Q(domain=host) if address else Q(domain=host)))
    owner = next((one for one in found if one.domain == host), None)
    if address:
        named = next((one for one in found if one.slug == address["slug"]), None)
        if named is None or (owner and owner != named):
            raise Http404
        return named, owner
    return (None if PLATFORM.match(request.path_info) else owner), owner


def _lenders() -> QuerySet[Institution]:
    """Open institutions; the platform's own is reached by no address."""
    return Institution.objects.filter(is_active=True).exclude(kind=Institution.Kind.PLATFORM)
