"""The register of security incidents, for those who answer for it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.errors import InvalidInput, NotFound
from accounts.http import InstitutionRequest
from accounts.models import SecurityIncident
from lending.forms.incidents import AuthorityForm, IncidentForm, PeopleForm
from lending.forms.refusals import show_refusal
from lending.services.incidents import (
    CHANGEABLE,
    change_incident,
    close_incident,
    record_incident,
    tell_authority,
    tell_people,
)

SHOWN = 100


@require_safe
@access.require("accounts.view_incidents")
def register(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Open incidents first, the nearest end of the clock in front."""
    found = SecurityIncident.objects.order_by("-closed_at", "notify_by", "-number")[:SHOWN]
    return render(request, "lending/desk/incidents.html", {"rows": [line(one) for one in found]})


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("accounts.manage_incidents")
def new(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Write one down."""
    form = IncidentForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = record_incident(actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Incidente %(number)s registrado.") % {"number": made.number})
            return redirect("lending:desk_incident", slug, made.pk)
    return render(request, "lending/desk/incident_new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("accounts.view_incidents")
def show(request: InstitutionRequest, slug: str, incident_id: UUID) -> HttpResponse:
    """One incident, with what is still to be done."""
    one = _found(incident_id)
    initial = {name: getattr(one, name) for name in (*CHANGEABLE, "known_at")}
    form = IncidentForm(request.POST if request.method == "POST" else None, initial=initial)
    form.fields["known_at"].disabled = True
    if request.method == "POST":
        request.actor.require("accounts.manage_incidents")
        if form.is_valid():
            try:
                change_incident(incident_id=incident_id, actor=request.actor, **form.cleaned_data)
            except InvalidInput as refusal:
                show_refusal(form, refusal)
            else:
                messages.success(request, _("Incidente actualizado."))
                return redirect("lending:desk_incident", slug, incident_id)
    return _page(request, one, form=form)


@require_POST
@access.require("accounts.manage_incidents")
def act(request: InstitutionRequest, slug: str, incident_id: UUID, what: str) -> HttpResponse:
    """Tell the authority, tell the people, close."""
    one = _found(incident_id)
    forms: dict[str, type[Form]] = {"authority": AuthorityForm, "people": PeopleForm, "close": Form}
    services: dict[str, Any] = {"authority": tell_authority, "people": tell_people, "close": close_incident}
    if what not in services:
        raise NotFound
    form = forms[what](request.POST)
    if form.is_valid():
        try:
            services[what](incident_id=incident_id, actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Registrado."))
            return redirect("lending:desk_incident", slug, incident_id)
    return _page(request, one, **{what: form})


def _page(request: InstitutionRequest, one: SecurityIncident, **bound: Any) -> HttpResponse:
    initial = {name: getattr(one, name) for name in (*CHANGEABLE, "known_at")}
    failed = next((form for form in bound.values() if form is not None and form.errors), None)
    context = {
        **line(one),
        "one": one,
        "form": failed,
        "change_form": bound.get("form") or IncidentForm(initial=initial),
        "authority_form": bound.get("authority") or AuthorityForm(),
        "people_form": bound.get("people") or PeopleForm(),
        "may_act": one.closed_at is None and request.actor.can("accounts.manage_incidents"),
    }
    return render(request, "lending/desk/incident.html", context, status=422 if failed else 200)


def _found(incident_id: UUID) -> SecurityIncident:
    one = SecurityIncident.objects.filter(pk=incident_id).select_related("recorded_by").first()
    if one is None:
        raise NotFound
    return one


def line(one: SecurityIncident) -> dict[str, Any]:
    """An incident as the register shows it."""
    return {
        "pk": one.pk,
        "number": one.number,
        "title": one.title,
        "severity": one.get_severity_display(),
        "known_at": one.known_at,
        "people": one.people,
        "clock": _clock(one),
        "closed_at": one.closed_at,
    }


def _clock(one: SecurityIncident) -> dict[str, str]:
    """What is left of the hours to tell the authority."""
    if one.closed_at is not None:
        return {"text": _("Cerrado"), "kind": "ok", "sign": "check"}
    if one.notify_by is None:
        return {"text": _("Sin aviso obligatorio"), "kind": "", "sign": ""}
    if one.authority_told_at is not None:
        late = one.authority_told_at > one.notify_by
        text = _("Avisado fuera de plazo") if late else _("Autoridad avisada")
        return {"text": text, "kind": "bad" if late else "ok", "sign": "clock" if late else "check"}
    hours = int((one.notify_by - timezone.now()).total_seconds() // 3600)
    if hours < 0:
        return {"text": _("Venció el plazo de aviso"), "kind": "bad", "sign": "clock"}
    text = ngettext("Queda %(count)s hora para avisar", "Quedan %(count)s horas para avisar", hours) % {"count": hours}
    return {"text": text, "kind": "warn", "sign": "clock"}
