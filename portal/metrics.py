"""Figures for Prometheus, for this machine or whoever holds METRICS_TOKEN; everybody else finds nothing here."""

import ipaddress
import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django_prometheus.exports import ExportToDjangoView

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def metrics(request: HttpRequest) -> HttpResponse:
    """The registry in Prometheus' text format; 404 for those it is not meant for."""
    if not (_from_here(request) or _has_token(request)):
        return HttpResponseNotFound()
    return ExportToDjangoView(request)


def _from_here(request: HttpRequest) -> bool:
    """Whether the caller itself is on this machine: a proxy beside us speaks for others."""
    if any(request.META.get(name) for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_token(request: HttpRequest) -> bool:
    given = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ").encode()
    expected = settings.METRICS_TOKEN.encode()
    return bool(expected) and secrets.compare_digest(given, expected)
