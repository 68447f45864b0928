"""What every regulator's page shares: the mandate, the database role that enforces it, and the log of looks.

Supervised data is read through the `regulator` connection alone, where the policies compare each row with the
mandates in force. Each look is an entry in the platform's chain: who, which institution, which page and filters.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from accounts import access, audit
from accounts.clock import today
from accounts.errors import NotFound
from accounts.http import PersonRequest
from accounts.models import Institution, RegulatorMandate
from accounts.platform import platform_scope
from accounts.tenancy.scope import regulator_scope
from portal.oversight.chain import REGULATOR, Window

LOOKED = "portal.oversight.looked"
View = Callable[..., HttpResponseBase]
# (words, icon, address name, beginning of the paths that mark the current one)
ITEMS = (
    (gettext_lazy("Entidades"), "home", "portal:oversight", "/oversight/lenders/"),
    (gettext_lazy("Comparar"), "money", "portal:oversight_compare", "/oversight/compare/"),
    (gettext_lazy("Modelos"), "chart", "portal:oversight_models", "/oversight/models/"),
    (gettext_lazy("Mis consultas"), "clock", "portal:oversight_looks", "/oversight/looks/"),
)


class Supervised(PersonRequest):
    """For annotations: a regulator's request; `window` is theirs on the institution of the address."""

    window: Window


def across(page: str) -> Callable[[View], View]:
    """A decorator for pages over all supervised institutions: regulators only, within their scope, logged."""

    def guard(view: View) -> View:
        @never_cache
        @access.require("portal.view_oversight")
        @wraps(view)
        def guarded(request: PersonRequest, **kwargs: Any) -> HttpResponseBase:
            if REGULATOR not in connections:
                raise ImproperlyConfigured("DATABASE_REGULATOR_URL is not set: supervised data is read through it")
            with regulator_scope(request.user.pk):
                answer = view(request, **kwargs)
            if answer.status_code < 400:
                note_look(request, page, kwargs)
            return answer

        return guarded

    return guard


def supervised(page: str) -> Callable[[View], View]:
    """The same for pages of one institution, named `slug` in the address; 404 without a mandate over it."""

    def guard(view: View) -> View:
        @across(page)
        @wraps(view)
        def within(request: Supervised, slug: str, **kwargs: Any) -> HttpResponseBase:
            running = mandated(request.user.pk, slug)
            request.window = Window(running[0].institution, REGULATOR, running)
            return view(request, **kwargs)

        return within

    return guard


def mandates(regulator_id: int) -> list[RegulatorMandate]:
    """The mandates in force today, each with its institution, by name, as the regulator's role sees them."""
    running = RegulatorMandate.objects.using(REGULATOR).running_on(today()).filter(regulator_id=regulator_id)
    return list(running.select_related("institution").order_by("institution__name"))


def mandated(regulator_id: int, slug: str) -> tuple[RegulatorMandate, ...]:
    """The mandates in force over the institution of that address. Raises NotFound where there is none."""
    found = tuple(one for one in mandates(regulator_id) if one.institution.slug == slug)
    if not found:
        raise NotFound
    return found


def note_look(request: PersonRequest, page: str, where: Mapping[str, Any]) -> None:
    """Write the look down. Filters are kept as codes and days; free text a person typed is not."""
    window = getattr(request, "window", None)
    filters = {
        name: value for name in request.GET if name in KEPT_FILTERS and CODE.fullmatch(value := request.GET[name])
    }
    with platform_scope() as platform:
        audit.record(
            request.actor,
            LOOKED,
            window.institution if window else platform,
            page=page,
            filters=filters or None,
            about={name: str(value) for name, value in where.items() if name != "slug"} or None,
        )


CODE = re.compile(r"[\w.:+-]{1,64}")  # a code, a day, a number: what filters may hold in the log
KEPT_FILTERS = frozenset(
    {
        "dimension",
        "which",
        "area",
        "begins",
        "ends",
        "page",
        "kind",
        "product",
        "model",
        "since",
        "until",
        "by",
        "group",
        "what",
        "format",
    }
)


def page(request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """A page in the supervision shell; `lender` is the institution it is about, if it is about one."""
    window = getattr(request, "window", None)
    shell: dict[str, Any] = {
        "addresses": ADDRESSES,
        "desk_items": navigation(request),
        "desk_subtitle": _("Supervisión"),
        "lender": window.institution if window else None,
    }
    if window:
        shell["lender_views"] = lender_views(request, window.institution)
    return render(request, template, {**shell, **context}, status=status)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Items for components/_desk_nav.html."""
    items = []
    for words, icon, name, begins in ITEMS:
        url = reverse(name)
        current = request.path == url or request.path.startswith(begins)
        items.append({"label": words, "icon": icon, "url": url, "count": None, "current": current})
    return items


# Names of addresses for the partials that auditors' pages share.
ADDRESSES = {
    "home": "portal:supervised",
    "verify": "portal:supervised_verify",
    "checkpoint": "portal:supervised_checkpoint",
    "object": "portal:supervised_object",
    "evidence": "portal:supervised_evidence",
    "changes": "portal:supervised_changes",
}
# (words, address name); each takes the institution's slug
LENDER_VIEWS = (
    (gettext_lazy("Registro"), "portal:supervised"),
    (gettext_lazy("Trato justo"), "portal:supervised_fairness"),
    (gettext_lazy("Cambios"), "portal:supervised_changes"),
    (gettext_lazy("Versiones"), "portal:supervised_versions"),
)


def lender_views(request: HttpRequest, institution: Institution) -> list[dict[str, Any]]:
    """The pages about one institution, as tabs."""
    found = []
    for words, name in LENDER_VIEWS:
        url = reverse(name, args=[institution.slug])
        found.append({"label": words, "url": url, "current": request.path == url})
    return found
