"""Regulators' pages: institutions under mandate, and the evidence of each."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit, step_up
from accounts.errors import NotFound
from accounts.http import PersonRequest
from accounts.models import AuditEntry, Institution
from accounts.platform import platform_scope
from portal.oversight import chain, history, institutions, versions
from portal.oversight.audit_views import (
    PER_PAGE,
    VERIFY_EVERY_SECONDS,
    EntryFilters,
    bounded_verification,
    outcome_facts,
    panel,
)
from portal.oversight.chain import Window
from portal.oversight.packages import Period, first_period, package_of
from portal.oversight.supervision import LOOKED, Supervised, across, mandates, page, supervised

VERIFIED = "portal.oversight.verified"
EXPORTED = "portal.oversight.evidence_exported"


@require_safe
@across("institutions")
def home(request: PersonRequest) -> HttpResponse:
    """The institutions under this regulator's mandates in force, with the state of each one's chain."""
    running = mandates(request.user.pk)
    return page(
        request,
        "portal/oversight/home.html",
        {"mandates": running, "lines": institutions.lines(running), "until": institutions.earliest_end(running)},
    )


@require_safe
@across("looks")
def looks(request: PersonRequest) -> HttpResponse:
    """The regulator's own looks and verifications, as the log keeps them."""
    with platform_scope() as platform:
        kept = AuditEntry.objects.filter(
            actor_user_id=request.user.pk, event__in=[LOOKED, VERIFIED, EXPORTED]
        ).order_by("-at_us")
        found = Paginator(kept, PER_PAGE).get_page(request.GET.get("page"))
        lines = chain.entry_lines(found, Window(platform))
    names = dict(Institution.objects.values_list("pk", "name"))
    for line in lines:
        line["lender"] = names.get(int(line["subject_id"])) if line["subject_id"] != str(platform.pk) else None
    return page(request, "portal/oversight/looks.html", {"lines": lines, "page": found, "query": ""})


# --- one institution's evidence ---------------------------------------------------------------------------------


class NumberedFilters(EntryFilters):
    """Regulators see staff by number: their role reads no names."""

    actor = forms.IntegerField(label=gettext_lazy("Quién (número)"), required=False, min_value=1)


@require_safe
@supervised("chain")
def chain_page(request: Supervised) -> HttpResponse:
    """The chain's state, its checkpoints, and the entries that fit the filters in the address."""
    form = NumberedFilters(request.GET)
    form.is_valid()
    filters = {name: str(value) if name == "actor" else value for name, value in form.cleaned_data.items() if value}
    window = request.window
    found = Paginator(chain.entries_matching(window, filters), PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    state, lines = chain.chain_state(window, own_check(request, window)), chain.checkpoint_lines(window)
    return page(
        request,
        "portal/oversight/chain.html",
        {
            "form": form,
            "filtered": bool(filters),
            "page": found,
            "query": query.urlencode(),
            "entries": chain.entry_lines(found, window),
            "state": state,
            "panel": panel(state, lines),
            "checkpoints": lines,
        },
        status=422 if form.errors else 200,
    )


def own_check(request: PersonRequest, window: Window) -> chain.LastCheck | None:
    """The regulator's own last verification of this chain, which the platform's chain keeps."""
    with platform_scope():
        mine = AuditEntry.objects.filter(
            subject_id=str(window.institution.pk), event=VERIFIED, actor_user_id=request.user.pk
        )
        return chain.check_told_by(mine)


@require_safe
@supervised("object")
def object_page(request: Supervised, subject_type: str, subject_id: str) -> HttpResponse:
    """Everything that was recorded about one object, oldest first."""
    window = request.window
    found = Paginator(chain.history_of(window, subject_type, subject_id), PER_PAGE).get_page(request.GET.get("page"))
    if not found.paginator.count:
        raise NotFound
    entries = chain.entry_lines(found, window)
    return page(
        request,
        "portal/oversight/object.html",
        {"title": entries[0]["subject"], "subject_id": subject_id, "entries": entries, "page": found, "query": ""},
    )


@require_POST
@supervised("verify")
def verify_now(request: Supervised) -> HttpResponse:
    """Verify the whole chain through the regulator's role and keep the outcome in the platform's chain."""
    institution = request.window.institution
    back = redirect("portal:supervised", institution.slug)
    if not cache.add(f"oversight-verify-{institution.pk}-{request.user.pk}", 1, VERIFY_EVERY_SECONDS):
        messages.warning(request, _("Se acaba de verificar la cadena. Espera medio minuto y vuelve a intentarlo."))
        return back
    with request.window.whole_chain() as using:
        outcome = bounded_verification(institution.pk, using)
    if outcome is None:
        messages.error(
            request,
            _(
                "La cadena es demasiado larga para verificarla desde la página. Descarga el paquete de evidencia y"
                " verifícalo en tu computadora."
            ),
        )
        return back
    with platform_scope():
        audit.record(request.actor, VERIFIED, institution, **outcome_facts(outcome, chain.chain_state(request.window)))
    if outcome.ok:
        messages.success(request, _("Verificamos la cadena completa: está íntegra."))
    else:
        messages.error(request, _("La cadena no está íntegra."))
    return back


@require_safe
@supervised("checkpoint")
def checkpoint_file(request: Supervised, number: int) -> HttpResponse:
    """The institution's signed receipt of one checkpoint, to be kept elsewhere."""
    text = chain.receipt_text(number, request.window)
    if text is None:
        raise NotFound
    return attachment(
        HttpResponse(text, content_type="application/json"), f"{request.window.institution.slug}-{number:08d}.json"
    )


def attachment(answer: Any, name: str) -> Any:
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


# --- the evidence package ---------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@supervised("evidence")
@step_up.required
def evidence(request: Supervised) -> HttpResponseBase:
    """Choose the days of a package, and take it away; every package is logged."""
    form = Period(request.POST if request.method == "POST" else None, initial=first_period())
    if request.method == "POST" and form.is_valid() and (file := package_of(request.window, form)):
        with platform_scope():
            audit.record(request.actor, EXPORTED, request.window.institution, **form.cleaned_data)
        return file
    return page(request, "portal/oversight/evidence.html", {"form": form}, status=422 if form.errors else 200)


# --- changes ----------------------------------------------------------------------------------------------------


@require_safe
@supervised("changes")
def changes(request: Supervised) -> HttpResponse:
    """Who changed what, when, from what to what and why: products, policies, roles, models, cases, decisions."""
    found = history.page_of(request.window, request.GET)
    return page(request, "portal/oversight/changes.html", found, status=found["status"])


@require_safe
@supervised("versions")
def side_by_side(request: Supervised) -> HttpResponse:
    """Two versions of a product's terms, of the policy or of a segment's model, field by field."""
    return page(request, "portal/oversight/versions.html", versions.compared(request.window, request.GET))
