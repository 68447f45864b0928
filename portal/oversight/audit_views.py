"""The auditor's pages of one institution: chain state, entries, an object's history, verification on demand."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.paginator import Paginator
from django.db import OperationalError, connections, transaction
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit, step_up
from accounts.audit import verify
from accounts.audit.words import AREAS, EVENTS, subject_words
from accounts.http import Request
from accounts.models import Institution
from portal.oversight import chain, history
from portal.oversight.packages import Period, first_period, package_of

PER_PAGE = 50
VERIFY_SECONDS = 20  # longer than that is a job for the command
VERIFY_EVERY_SECONDS = 30
# Names of addresses for the partials that regulators' pages share.
ADDRESSES = {
    "home": "audit",
    "verify": "audit_verify",
    "checkpoint": "audit_checkpoint",
    "object": "audit_object",
    "evidence": "audit_evidence",
    "changes": "audit_changes",
}


def acts_by_area() -> list[Any]:
    """Choices: everything, a whole area, or one act of it."""
    groups = []
    for area, words in AREAS.items():
        acts = [(event, text) for event, text in EVENTS.items() if event.startswith(f"{area}.")]
        groups.append((words, [(area, gettext_lazy("Todo este grupo")), *acts]))
    return [("", gettext_lazy("Todo")), *groups]


class EntryFilters(forms.Form):
    """Filters of the entries; they live in the address."""

    area = forms.ChoiceField(label=gettext_lazy("Qué"), required=False, choices=acts_by_area)
    actor: forms.Field = forms.CharField(label=gettext_lazy("Quién"), required=False, max_length=80)
    object = forms.CharField(label=gettext_lazy("Sobre qué"), required=False, max_length=80)
    begins = forms.DateField(
        label=gettext_lazy("Desde"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
    )
    ends = forms.DateField(
        label=gettext_lazy("Hasta"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
    )


@require_safe
@never_cache
@access.require("accounts.view_audit")
def audit_page(request: Request, slug: str) -> HttpResponse:
    """The chain's state in words, its checkpoints, and the entries that fit the filters in the address."""
    form = EntryFilters(request.GET)
    form.is_valid()
    filters = {name: value for name, value in form.cleaned_data.items() if value}
    window = chain.Window(here(request))
    page = Paginator(chain.entries_matching(window, filters), PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    state, lines = chain.chain_state(window), chain.checkpoint_lines(window)
    return render(
        request,
        "portal/audit.html",
        {
            "form": form,
            "filtered": bool(filters),
            "page": page,
            "query": query.urlencode(),
            "entries": chain.entry_lines(page, window),
            "state": state,
            "panel": panel(state, lines),
            "checkpoints": lines,
            "addresses": ADDRESSES,
        },
        status=422 if form.errors else 200,
    )


def here(request: Request) -> Institution:
    """The institution of the address; these pages have no other."""
    if request.institution is None:
        raise Http404
    return request.institution


def panel(state: chain.ChainState, lines: list[chain.CheckpointLine]) -> dict[str, Any]:
    """The notice on top: kind, tag, title and text. A broken chain is red and names the first bad event."""
    broken = next((line for line in reversed(lines) if not line.agrees), None)
    check = state.last_check
    if check and not check.ok:
        return {
            "kind": "bad",
            "tag": _("Cadena dañada"),
            "title": check.what,
            "text": _(
                "No cambies nada más y avisa a la plataforma: los puntos de control publicados guardan la prueba."
            ),
        }
    if broken:
        return {
            "kind": "bad",
            "tag": _("Cadena dañada"),
            "title": _("Evento %(seq)s: no coincide con el punto de control %(number)s")
            % {"seq": f"{broken.seq:,}", "number": broken.number},
            "text": _("Verifica la cadena para saber cuál es el primer evento dañado."),
        }
    if state.waiting.alarming:
        minutes = int(state.waiting.seconds // 60)
        return {
            "kind": "warn",
            "tag": _("Sellado detenido"),
            "title": ngettext(
                "%(count)d evento espera su sello", "%(count)d eventos esperan su sello", state.waiting.count
            )
            % {"count": state.waiting.count},
            "text": _("El más antiguo espera desde hace %(minutes)d minutos; lo normal son dos segundos.")
            % {"minutes": minutes},
        }
    if check is None:
        return {
            "kind": "info",
            "tag": _("Sin verificar"),
            "title": ngettext("%(count)s evento registrado", "%(count)s eventos registrados", state.events)
            % {"count": f"{state.events:,}"},
            "text": _("Nadie ha verificado la cadena todavía."),
        }
    return {
        "kind": "ok",
        "tag": _("Cadena íntegra"),
        "title": ngettext(
            "%(count)s evento verificado, ninguno alterado ni borrado.",
            "%(count)s eventos verificados, ninguno alterado ni borrado.",
            check.entries,
        )
        % {"count": f"{check.entries:,}"},
        "text": "",
    }


@require_safe
@never_cache
@access.require("accounts.view_audit")
def object_page(request: Request, slug: str, subject_type: str, subject_id: str) -> HttpResponse:
    """Everything that was recorded about one object, oldest first."""
    window = chain.Window(here(request))
    page = Paginator(chain.history_of(window, subject_type, subject_id), PER_PAGE).get_page(request.GET.get("page"))
    if not page.paginator.count:
        raise Http404
    entries = chain.entry_lines(page, window)
    title = entries[0]["subject"] if entries else subject_words(subject_type)
    return render(
        request,
        "portal/audit_object.html",
        {"title": title, "subject_id": subject_id, "entries": entries, "page": page, "query": ""},
    )


@require_POST
@access.require("accounts.view_audit")
def verify_now(request: Request, slug: str) -> HttpResponse:
    """Verify the institution's whole chain and keep the outcome in it."""
    institution = here(request)
    if not cache.add(f"audit-verify-{institution.pk}", 1, VERIFY_EVERY_SECONDS):
        messages.warning(request, _("Se acaba de verificar la cadena. Espera medio minuto y vuelve a intentarlo."))
        return redirect("audit", slug)
    outcome = bounded_verification(institution.pk)
    if outcome is None:
        messages.error(
            request,
            _("La cadena es demasiado larga para verificarla desde la página. Pide a la plataforma que lo haga."),
        )
        return redirect("audit", slug)
    state = chain.chain_state(chain.Window(institution))
    audit.record(
        request.actor,
        chain.VERIFIED,
        institution,
        **outcome_facts(outcome, state),
    )
    if outcome.ok:
        messages.success(request, _("Verificamos la cadena completa: está íntegra."))
    else:
        messages.error(request, _("La cadena no está íntegra."))
    return redirect("audit", slug)


def outcome_facts(outcome: verify.Verification, state: chain.ChainState) -> dict[str, Any]:
    """A verification as entries keep it."""
    return {
        "ok": outcome.ok,
        "entries": outcome.entries,
        "seq": state.seq,
        "head": state.head,
        "ms": round(outcome.seconds * 1000),
        "first_bad": outcome.first_bad.as_dict() if outcome.first_bad else None,
    }


def bounded_verification(institution_id: int, using: str = "default") -> verify.Verification | None:
    """Verify through a role that sees this institution only; None when it takes too long."""
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{VERIFY_SECONDS}s"])
            outcome = verify.verify(institution_id=institution_id, using=using)
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return outcome
    except OperationalError:  # cancelled by the timeout
        return None


@require_safe
@never_cache
@access.require("accounts.view_audit")
def checkpoint_file(request: Request, slug: str, number: int) -> HttpResponse:
    """The institution's signed receipt of one checkpoint, to be kept elsewhere."""
    institution = here(request)
    text = chain.receipt_text(number, chain.Window(institution))
    if text is None:
        raise Http404
    name = f"{institution.slug}-{number:08d}.json"
    return HttpResponse(
        text,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.require("accounts.view_audit")
@step_up.required
def evidence(request: Request, slug: str) -> HttpResponseBase:
    """Choose the days of a package, and take it away; who took what out is itself evidence."""
    window = chain.Window(here(request))
    form = Period(request.POST if request.method == "POST" else None, initial=first_period())
    if request.method == "POST" and form.is_valid() and (file := package_of(window, form)):
        audit.record(request.actor, "accounts.evidence.exported", window.institution, **form.cleaned_data)
        return file
    return render(request, "portal/audit_evidence.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
@never_cache
@access.require("accounts.view_audit")
def changes(request: Request, slug: str) -> HttpResponse:
    """Who changed what, when, from what to what and why."""
    found = history.page_of(chain.Window(here(request)), request.GET)
    return render(request, "portal/audit_changes.html", {**found, "addresses": ADDRESSES}, status=found["status"])
