"""Figures for Prometheus, for this machine or whoever holds METRICS_TOKEN; everybody else finds nothing here."""

import ipaddress
import secrets
from collections.abc import Iterator

from django.conf import settings
from django.db import Error
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from accounts.audit.sealer import waiting
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from scoring.models import Alarm

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


class Evidence(Collector):
    """How many audit entries wait for their seal and for how long; alarm above 300 seconds.

    Says nothing in a process without the `system` connection, or while the database is away.
    """

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            found = waiting()
        except Error:
            return
        if found is not None:
            yield GaugeMetricFamily("ayni_audit_unsealed_entries", "Audit entries without a seal.", found.count)
            yield GaugeMetricFamily(
                "ayni_audit_unsealed_seconds", "Age of the oldest audit entry without a seal.", found.seconds
            )

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing, so that registering asks no database."""
        return iter(())


class Models(Collector):
    """Open alarms of the models in force, by institution, segment, kind and level; what is quiet is not told.

    Says nothing while the database is away.
    """

    def collect(self) -> Iterator[GaugeMetricFamily]:
        labels = ["institution", "segment", "kind", "level"]
        family = GaugeMetricFamily("ayni_model_alarms", "Open alarms of models in force.", labels=labels)
        try:
            for institution in Institution.objects.filter(is_active=True).exclude(kind=Institution.Kind.PLATFORM):
                with institution_scope(institution.pk):
                    found = Alarm.objects.filter(closed_at=None).order_by().values_list("segment", "kind", "level")
                    for segment, kind, level, count in found.annotate(count=Count("pk")):
                        family.add_metric([institution.slug, segment, kind, level], count)
        except Error:
            return
        yield family

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing, so that registering asks no database."""
        return iter(())


REGISTRY.register(Evidence())
REGISTRY.register(Models())


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
