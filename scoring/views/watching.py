"""Whether the models in force still fit: alarms, what has moved, what was predicted and what came."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.formats import format_number
from accounts.http import InstitutionRequest
from scoring.drift import SCORE
from scoring.features import FEATURES
from scoring.models import Alarm, MonitoringReport
from scoring.services.monitoring import watch_models
from scoring.views import drawings
from scoring.views.drawings import figure, share
from scoring.views.navigation import with_navigation


@require_safe
@access.require("scoring.view_models")
def watching_page(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Open alarms, and the last look at each model."""
    alarms = Alarm.objects.filter(closed_at=None).select_related("model").order_by("level", "-opened_at")
    reports: dict[str, MonitoringReport] = {}
    for one in MonitoringReport.objects.select_related("model").order_by("segment", "-on", "-created_at"):
        reports.setdefault(one.segment, one)
    return render(
        request,
        "scoring/watching.html",
        with_navigation(
            request,
            "watching",
            alarms=[_alarm(one) for one in alarms],
            reports=[_report(one) for one in reports.values()],
            may_look=request.actor.can("scoring.watch_models"),
        ),
    )


@require_POST
@access.require("scoring.watch_models")
def look(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Look now instead of waiting for Monday."""
    reports = watch_models(institution=request.institution, actor=request.actor)
    if reports:
        messages.success(request, _("Miramos los modelos en uso con lo que hay hasta hoy."))
    else:
        messages.info(request, _("Ningún modelo está en uso todavía."))
    return redirect("scoring:watching", slug)


def _alarm(one: Alarm) -> dict[str, Any]:
    named = label(one.segment, one.subject)
    sentences = {
        Alarm.Kind.PSI: _("%(what)s se reparte distinto que al entrenar: índice %(value)s, desde %(limit)s preocupa."),
        Alarm.Kind.MISSING: _("%(what)s falta en %(value)s más de las solicitudes que al entrenar."),
        Alarm.Kind.RANGE: _("%(what)s tiene %(value)s de valores que no se vieron al entrenar."),
        Alarm.Kind.REALISED: _("De los créditos de %(what)s incumplió %(value)s; se había previsto %(limit)s."),
        Alarm.Kind.FAIRNESS: _("%(what)s: se aprueba %(value)s veces lo que en el grupo más aprobado."),
    }
    as_share = one.kind in (Alarm.Kind.MISSING, Alarm.Kind.RANGE, Alarm.Kind.REALISED)
    show = share if as_share else figure
    return {
        "kind": one.get_kind_display(),
        "level": one.get_level_display(),
        "tag": one.level,
        "segment": one.get_segment_display(),
        "model": one.model,
        "since": one.opened_at,
        "text": sentences[Alarm.Kind(one.kind)] % {"what": named, "value": show(one.value), "limit": show(one.limit)},
    }


def label(segment: str, subject: str) -> str:
    """A feature, or a group as `fact: group`, in words; the prediction for none; anything else as it is."""
    if subject == SCORE:
        return _("La probabilidad prevista")
    fact, between, group = subject.partition(": ")
    if between:
        return f"{fact_words(fact)}: {group}"
    found = next((one for one in FEATURES[segment] if one.name == subject), None)
    return str(found.label) if found else subject


def fact_words(name: str) -> str:
    """A fact that makes groups, in words; as it is where it is not known here."""
    return {"age": _("edad"), "region": _("departamento")}.get(name, name)


def _report(one: MonitoringReport) -> dict[str, Any]:
    found = one.found
    return {
        "report": one,
        "segment": one.get_segment_display(),
        "applications": format_number(one.applications),
        "mean_pd": share(found.get("mean_pd")),
        "has_reference": found.get("has_reference"),
        "drift": [
            {
                "label": label(one.segment, row["subject"]),
                "psi": figure(row["psi"]),
                "noise": figure(row["psi_noise"]),
                "kind": "bad" if row["psi"] >= 0.25 else "warn" if row["psi"] >= 0.10 else "ok",
                "sure": row["psi"] > row["psi_noise"],
                "missing": f"{share(row['missing_before'])} → {share(row['missing'])}",
                "beyond": share(row["beyond"]),
            }
            for row in found["drift"][:15]
        ],
        "vintages": drawings.vintages(found["vintages"], predicted="predicted", seen="seen"),
        "fairness": [
            {
                "name": fact_words(name),
                "rows": [
                    [
                        group["group"],
                        format_number(group["rows"]),
                        share(group["share"]),
                        f"{share(group['low'])} – {share(group['high'])}",
                    ]
                    for group in groups
                ],
            }
            for name, groups in found["fairness"].items()
            if groups
        ],
    }
