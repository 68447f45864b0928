"""Training runs: started by a button, watched while they go, taken up again when they stopped."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.http import InstitutionRequest
from scoring.forms import TrainForm
from scoring.models import Segment, TrainingRun
from scoring.selectors import models as selected
from scoring.services.runs import STEPS, is_silent, resume_run, start_run, visible_run
from scoring.views.drawings import figure, interval
from scoring.views.navigation import with_navigation

KIND = {"waiting": "info", "running": "info", "done": "ok", "failed": "bad"}


@require_POST
@access.require("scoring.train_model")
def train(request: InstitutionRequest, slug: str, dataset_id: UUID) -> HttpResponse:
    """Start a run on a data set."""
    dataset = selected.dataset_named(dataset_id, request.institution.pk)
    form = TrainForm(request.POST, dated=bool(dataset.profile.get("as_of")))
    if not form.is_valid() or not dataset.file:
        wrong = [error for name in ("odds", "pdo") for error in form.errors.get(name, [])]
        messages.error(request, str(wrong[0]) if wrong else _("Elige el modelo y cómo se mide."))
        return redirect("scoring:dataset", slug, dataset_id)
    run = start_run(
        segment=dataset.segment,
        actor=request.actor,
        institution=request.institution,
        dataset=dataset,
        parameters=form.cleaned_data,
    )
    return redirect("scoring:run", slug, run.pk)


@require_POST
@access.require("scoring.train_model")
def retrain(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Start a run on the institution's own finished loans."""
    segment = request.POST.get("segment", "")
    if segment not in Segment.values:
        messages.error(request, _("Elige un tipo de persona."))
        return redirect("scoring:models", slug)
    run = start_run(segment=segment, actor=request.actor, institution=request.institution)
    return redirect("scoring:run", slug, run.pk)


@require_safe
@access.require("scoring.view_models")
def run_page(request: InstitutionRequest, slug: str, run_id: UUID) -> HttpResponse:
    """A run with its steps; the page keeps itself up to date."""
    return render(request, "scoring/run.html", with_navigation(request, "models", **_state(request, run_id)))


@require_safe
@access.require("scoring.view_models")
def run_progress(request: InstitutionRequest, slug: str, run_id: UUID) -> HttpResponse:
    """The part of that page that changes; a whole page for who has no script."""
    if not request.headers.get("HX-Request"):
        return redirect("scoring:run", slug, run_id)
    return render(request, "scoring/_run.html", _state(request, run_id))


@require_POST
@access.require("scoring.train_model")
def resume(request: InstitutionRequest, slug: str, run_id: UUID) -> HttpResponse:
    """Let a stopped run go on."""
    resume_run(run_id=run_id, actor=request.actor)
    messages.success(request, _("Sigue desde donde se quedó."))
    return redirect("scoring:run", slug, run_id)


def _state(request: InstitutionRequest, run_id: UUID) -> dict[str, Any]:
    run = visible_run(run_id, request.actor)
    open_now = run.status in (TrainingRun.Status.WAITING, TrainingRun.Status.RUNNING)
    return {
        "run": run,
        "kind": KIND[run.status],
        "is_open": open_now,
        "steps": [_step(run, name) for name in STEPS],
        "finished": len(run.steps),
        "total": len(STEPS),
        "proposal": _proposal(run),
        "may_resume": request.actor.can("scoring.train_model")
        and run.institution_id == request.institution.pk
        and (run.status == TrainingRun.Status.FAILED or (open_now and is_silent(run))),
    }


def _step(run: TrainingRun, name: str) -> dict[str, Any]:
    words = {
        "check": _("Revisar los datos"),
        "train": _("Entrenar y medir en quienes no vio"),
        "evaluate": _("Ver cuánto cuesta la transparencia"),
        "compare": _("Comparar con el que está en uso"),
        "propose": _("Proponer"),
    }
    done = run.steps.get(name)
    going = run.doing == name
    return {
        "name": name,
        "words": words[name],
        "status": _("Listo") if done else _("En curso") if going else _("Falta"),
        "kind": "ok" if done else "info" if going else "",
        "sign": "check" if done else "clock" if going else "",
        "going": going and run.of,
        "done": run.done,
        "of": run.of,
        "said": _said(name, done["found"]) if done else [],
    }


def _said(name: str, found: dict[str, Any]) -> list[str]:
    """What a step found, in sentences."""
    if name == "check":
        lines = [_("%(rows)s créditos, %(bads)s incumplimientos.") % {"rows": found["rows"], "bads": found["defaults"]}]
        return lines + list(found.get("warnings", []))
    if name == "train":
        return [
            _("%(name)s: AUC %(auc)s (%(low)s a %(high)s).")
            % {
                "name": found["name"],
                "auc": figure(found["auc"]),
                "low": figure(found["auc_low"]),
                "high": figure(found["auc_high"]),
            }
        ]
    if name == "evaluate":
        if "gap" not in found:
            return [_("No se entrenó el modelo libre.")]
        told = _("El modelo libre llega a %(auc)s: %(gap)s de diferencia.") % {
            "auc": figure(found["free_auc"]),
            "gap": figure(found["gap"], 4),
        }
        wide = _("Es más de 0.01: la transparencia cuesta bastante con estos datos.")
        return [told, wide] if found["wide"] else [told]
    if name == "compare":
        return [_verdict(found)]
    return []


def _verdict(found: dict[str, Any]) -> str:
    words = {
        "first": _("No hay un modelo en uso con el cual comparar."),
        "same": _("Es el mismo modelo que está en uso."),
        "better": _("Distingue mejor que el que está en uso, y no por azar."),
        "worse": _("Distingue peor que el que está en uso, y no por azar."),
        "open": _("La diferencia con el que está en uso puede ser azar."),
        "unknown": _("No hay con qué compararlo en las mismas personas."),
    }
    told = words[found["verdict"]]
    if found.get("champion_saw_rows"):
        told += " " + _("El que está en uso pudo aprender de estas personas: la comparación lo favorece.")
    return told


def _proposal(run: TrainingRun) -> dict[str, Any] | None:
    """What a validator is asked to do, and how the rule judged each candidate."""
    done = run.steps.get("propose")
    if not done or run.model is None:
        return None
    found = done["found"]
    name = {"name": found.get("name") or run.model.name}
    words = {
        "promote": _("Poner en uso %(name)s: todavía no hay ninguno.") % name,
        "challenge": _("Poner a competir %(name)s: que puntúe las mismas solicitudes y se vea con créditos reales.")
        % name,
        "leave": _("No proponer ninguno: quedan como candidatos.")
        if found.get("known", True)
        else _("No proponer ninguno: no hay suficientes personas en las cuales medirlo junto al que está en uso."),
    }
    return {
        "words": words[found["act"]],
        "kind": "ok" if found["act"] != "leave" else "info",
        "model": found.get("model"),
        "judged": [_judged(one, found.get("model")) for one in found.get("judged", [])],
    }


def _judged(one: dict[str, Any], chosen: str | None) -> dict[str, Any]:
    """A candidate as a line of the table."""
    failed = {
        "not_live": _("no puede decidir en vivo"),
        "calibration": _("calibra peor que el límite"),
        "fairness": _("trata peor a un grupo"),
        "not_better": _("no es mejor que el que está en uso más allá del azar"),
    }
    gain = one["gain"]
    return {
        "model": one["model"],
        "name": one["name"],
        "log_loss": figure(one["log_loss"], 4),
        "gain": interval(gain, 4) if gain else "—",
        "ece": f"{figure(one['ece'], 4)} ≤ {figure(one['ece_limit'], 4)}"
        if one["ece"] <= one["ece_limit"]
        else f"{figure(one['ece'], 4)} > {figure(one['ece_limit'], 4)}",
        "ratio": figure(one["approval_ratio"], 2),
        "chosen": one["model"] == chosen,
        "why": [failed[why] for why in one["failed"]],
    }
