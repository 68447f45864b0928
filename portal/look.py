"""Institutions' colours as stylesheets that may be cached for ever, and the living style guide."""

import re
from functools import lru_cache

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import branding
from accounts.errors import InvalidInput
from accounts.models import Institution
from portal import styleguide as guide

FOR_EVER = "public, max-age=31536000, immutable"
FOR_NOW = "public, max-age=300"


@require_safe
def brand_stylesheet(request: HttpRequest, slug: str) -> HttpResponse:
    """One institution's four colour tokens, light and dark."""
    institution = Institution.objects.filter(slug=slug, is_active=True).only("brand_color").first()
    if institution is None:
        raise Http404
    try:
        css = branding.stylesheet(institution.brand_color)
    except InvalidInput:  # an older colour that would be refused today
        css = ""
    return _stylesheet(request, css)


@require_safe
def brands_stylesheet(request: HttpRequest) -> HttpResponse:
    """The tokens of every open institution, scoped in classes, for pages that list several."""
    open_ones = Institution.objects.filter(is_active=True).exclude(kind=Institution.Kind.PLATFORM)
    return _stylesheet(request, branding.marks_stylesheet(open_ones.values_list("slug", "brand_color")))


def _stylesheet(request: HttpRequest, css: str) -> HttpResponse:
    """Cached for ever under the address that carries its own hash, briefly under any other."""
    version = branding.version(css)
    response = HttpResponse(css, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = FOR_EVER if request.GET.get("v") == version else FOR_NOW
    response["ETag"] = f'"{version}"'
    return response


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component in both colour schemes, with the line that calls it. Only while developing."""
    _only_here()
    return render(request, "styleguide/page.html", guide.context())


@require_safe
def scheme_stylesheet(request: HttpRequest) -> HttpResponse:
    """The tokens of both schemes as classes, so that the style guide shows them side by side."""
    _only_here()
    return HttpResponse(_scheme_rules(), content_type="text/css; charset=utf-8")


@lru_cache(maxsize=1)
def _scheme_rules() -> str:
    found = finders.find("css/portal.css")
    if not isinstance(found, str):
        raise Http404
    with open(found, encoding="utf-8") as file:
        light, dark = re.findall(r":root \{(.*?)\n *\}", file.read(), re.DOTALL)[:2]
    frame = "color: var(--ink); background: var(--bg);"
    return (
        f".scheme-light {{ color-scheme: light; {light}\n{frame} }}\n"
        f".scheme-dark {{ color-scheme: dark; {dark}\n{frame} }}\n"
    )


def _only_here() -> None:
    if not (settings.DEBUG or settings.DEMO):
        raise Http404
