"""Models: which are in force, how good each is, why it says what it says, and what may be done about it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.errors import DomainError, InvalidInput
from accounts.formats import format_number
from accounts.http import InstitutionRequest
from scoring import contributions, registry
from scoring.algorithms import ALGORITHMS, LIVE_ALGORITHMS
from scoring.cards import figure_words
from scoring.explanations import PAIR
from scoring.features import features_of
from scoring.forms import ChallengeForm, ReasonForm
from scoring.models import ScoringModel
from scoring.selectors import comparing
from scoring.selectors import models as selected
from scoring.services.promotion import (
    challenge_model,
    promote_model,
    rollback_promotion,
    withdraw_challenger,
)
from scoring.views import drawings
from scoring.views.drawings import figure, interval, share
from scoring.views.navigation import with_navigation

Status = ScoringModel.Status
STATUS_KIND = {"champion": "ok", "challenger": "info", "candidate": "", "retired": ""}
CUTOFF = 0.10


@require_safe
@access.require("scoring.view_models")
def overview_page(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Every segment with its model in force, who competes with it, and what waits."""
    segments = selected.overview(request.institution.pk)
    for one in segments:
        one["models"] = [model_line(model) for model in one["models"][:12]]
    return render(request, "scoring/models.html", with_navigation(request, "models", segments=segments))


def model_line(model: ScoringModel) -> dict[str, Any]:
    """A model as lists show it."""
    return {
        "pk": model.pk,
        "name": model.name,
        "shared": model.institution_id is None,
        "algorithm": algorithm_words(model.algorithm),
        "status": model.get_status_display(),
        "kind": STATUS_KIND[model.status],
        "auc": figure(model.metrics.get("auc")),
        "dataset": model.dataset,
        "trained_at": model.trained_at,
    }


def algorithm_words(algorithm: str) -> str:
    """An algorithm's name for people."""
    return str(ALGORITHMS[algorithm].label) if algorithm in ALGORITHMS else algorithm


@require_safe
@access.require("scoring.view_models")
def model_page(request: InstitutionRequest, slug: str, model_id: UUID) -> HttpResponse:
    """Figures, plots, fairness, lineage, and the acts this person may do."""
    return _model_page(request, model_id)


def _model_page(request: InstitutionRequest, model_id: UUID, refused: Any = None, status: int = 200) -> HttpResponse:
    model = selected.model_named(model_id, request.institution.pk)
    evaluation = {**model.metrics, **model.evaluation}
    draw = (
        drawings.roc, drawings.calibration, drawings.lift, drawings.distribution, drawings.profit,
    )  # fmt: skip
    plots = [plot for one in draw if (plot := one(evaluation))]
    if by_quarter := drawings.vintages(evaluation.get("vintages") or []):
        plots.append(by_quarter)
    gap = selected.gap_to_free(model)
    return render(
        request,
        "scoring/model.html",
        with_navigation(
            request,
            "models",
            model=model,
            line=model_line(model),
            kpis=_kpis(evaluation),
            figures=_figures(evaluation),
            at_cutoff=_at_cutoff(evaluation.get("at_cutoff")),
            plots=plots,
            fairness=_fairness(evaluation.get("fairness") or {}),
            gap=gap and {**gap, "shown": figure(gap["gap"])},
            acts=_acts(request, model, refused),
            form=refused[1] if refused else None,
            live=model.algorithm in LIVE_ALGORITHMS,
        ),
        status=status,
    )


def _kpis(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "label": _("AUC en personas que no vio"),
            "value": figure(evaluation.get("auc")),
            "note": f"{figure(evaluation.get('auc_low'))} – {figure(evaluation.get('auc_high'))}",
        },
        {"label": "Gini", "value": figure(evaluation.get("gini"))},
        {"label": "KS", "value": figure(evaluation.get("ks"))},
        {
            "label": _("Error de calibración (ECE)"),
            "value": figure(evaluation.get("ece"), 4),
            "note": _("el azar da hasta %(limit)s") % {"limit": figure(evaluation.get("ece_noise_limit"), 4)},
            "good": None
            if evaluation.get("ece_noise_limit") is None
            else evaluation["ece"] <= max(evaluation["ece_noise_limit"], 0.015),
        },
        {"label": _("Personas"), "value": format_number(evaluation.get("rows") or 0)},
    ]


def _figures(evaluation: dict[str, Any]) -> list[dict[str, str]]:
    words = figure_words()
    names = ("pr_auc", "brier", "log_loss", "calibration_slope", "auc_gap", "pd_error")
    rows = [
        {"label": words[name], "value": figure(evaluation[name], 4)}
        for name in names
        if evaluation.get(name) is not None
    ]
    return [{"label": _("Incumplen"), "value": share(evaluation.get("default_rate"))}, *rows]


def _at_cutoff(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    return {
        "cutoff": share(found["cutoff"], 0),
        "rows": [
            [_("Rechazaría"), format_number(found["true_positives"]), format_number(found["false_positives"])],
            [_("Aprobaría"), format_number(found["false_negatives"]), format_number(found["true_negatives"])],
        ],
        "facts": [
            {"label": label, "value": share(found[name])}
            for name, label in (
                ("accuracy", _("Exactitud")),
                ("precision", _("Precisión")),
                ("recall", _("Cobertura")),
                ("f1", "F1"),
            )
        ],
    }


def _fairness(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Each sensitive fact as a table, the groups as people call them."""
    told = []
    for name, fact in found.items():
        told.append(
            {
                "name": name,
                "cutoff": share(fact["cutoff"], 0),
                "ratio": figure(fact["approval_ratio"], 2),
                "fine": fact["four_fifths"],
                "tpr_gap": share(fact["tpr_gap"]),
                "unknown": fact["unknown"],
                "rows": [
                    {
                        "group": one["group"],
                        "few": one["few"],
                        "rows": format_number(one["rows"]),
                        "approval": share(one["approval"]),
                        "interval": f"{share(one['approval_low'])} – {share(one['approval_high'])}",
                        "ratio": figure(one["approval_ratio"], 2),
                        "low": (one["approval_ratio"] or 1) < 0.8 and not one["few"],
                        "tpr": share(one["tpr"]),
                        "predicted": share(one["mean_pd"]),
                        "seen": share(one["default_rate"]),
                    }
                    for one in fact["groups"]
                ],
            }
        )
    return told


# --- acts -----------------------------------------------------------------------------------------------------------


def _acts(request: InstitutionRequest, model: ScoringModel, refused: tuple[str, Any] | None) -> list[dict[str, Any]]:
    """What this person may do with this model now, each with its form."""
    if model.institution_id != request.institution.pk:
        return []
    promote, challenge = request.actor.can("scoring.promote_model"), request.actor.can("scoring.challenge_model")
    able = model.algorithm in LIVE_ALGORITHMS
    own = model.trained_by_id is not None and model.trained_by_id == request.actor.user_id
    candidates = []
    if promote and able and not own and model.status != Status.CHAMPION:
        candidates.append(
            ("promote", _("Poner en uso"), _("Desde ese momento decide las solicitudes nuevas."), ReasonForm)
        )
    if challenge and able and model.status in (Status.CANDIDATE, Status.CHALLENGER):
        word = _("Cambiar la competencia") if model.status == Status.CHALLENGER else _("Poner a competir")
        hint = _("Puntúa las mismas solicitudes que el que está en uso y se comparan.")
        candidates.append(("challenge", word, hint, ChallengeForm))
    if challenge and model.status == Status.CHALLENGER:
        candidates.append(("withdraw", _("Terminar la competencia"), _("Sus puntajes se conservan."), ReasonForm))
    if promote and model.status == Status.CHAMPION:
        hint = _("Vuelve el modelo que había antes, de inmediato.")
        candidates.append(("rollback", _("Sacar de uso y volver al anterior"), hint, ReasonForm))
    return [
        {
            "name": name,
            "url": f"scoring:{name}",
            "words": words,
            "hint": hint,
            "open": bool(refused and refused[0] == name),
            "form": refused[1] if refused and refused[0] == name else _blank(form, model, name),
        }
        for name, words, hint, form in candidates
    ]


def _blank(form: type[ReasonForm], model: ScoringModel, name: str) -> ReasonForm:
    initial = {"traffic": model.traffic} if issubclass(form, ChallengeForm) else {}
    return form(initial=initial, auto_id=f"id_{name}_%s")


def _act(
    request: InstitutionRequest,
    model_id: UUID,
    name: str,
    form_class: type[ReasonForm],
    service: Callable[..., Any],
    done: Callable[[Any], str],
) -> HttpResponse:
    """Read the form, call the service, go back to the model with what happened."""
    form = form_class(request.POST, auto_id=f"id_{name}_%s")
    if not form.is_valid():
        return _model_page(request, model_id, (name, form), 422)
    try:
        result = service(model_id=model_id, actor=request.actor, **form.cleaned_data)
    except InvalidInput:
        form.add_error("traffic", _("No se puede dar esa parte de los casos."))
        return _model_page(request, model_id, (name, form), 422)
    messages.success(request, done(result))
    return redirect("scoring:model", request.institution.slug, model_id)


@require_POST
@access.require("scoring.promote_model")
def promote(request: InstitutionRequest, slug: str, model_id: UUID) -> HttpResponse:
    """Put a model in force."""
    done = _("Desde ahora decide %(name)s.")
    return _act(request, model_id, "promote", ReasonForm, promote_model, lambda model: done % {"name": model.name})


@require_POST
@access.require("scoring.promote_model")
def rollback(request: InstitutionRequest, slug: str, model_id: UUID) -> HttpResponse:
    """Go back to the model of before."""

    def done(model: ScoringModel | None) -> str:
        if model is None:
            return _("Desde ahora decide el modelo compartido de la plataforma.")
        return _("Volvió %(name)s.") % {"name": model.name}

    return _act(request, model_id, "rollback", ReasonForm, rollback_promotion, done)


@require_POST
@access.require("scoring.challenge_model")
def challenge(request: InstitutionRequest, slug: str, model_id: UUID) -> HttpResponse:
    """Set a model beside the one in force."""

    def done(model: ScoringModel) -> str:
        if not model.traffic:
            return _("%(name)s mira: sus puntajes se guardan y no deciden.") % {"name": model.name}
        return _("%(name)s decide %(share)s de cada 100 casos.") % {"name": model.name, "share": model.traffic}

    return _act(request, model_id, "challenge", ChallengeForm, challenge_model, done)


@require_POST
@access.require("scoring.challenge_model")
def withdraw(request: InstitutionRequest, slug: str, model_id: UUID) -> HttpResponse:
    """End a comparison."""
    done = _("%(name)s dejó de competir.")
    return _act(
        request, model_id, "withdraw", ReasonForm, withdraw_challenger, lambda model: done % {"name": model.name}
    )


# --- why, and against whom ------------------------------------------------------------------------------------------


@require_safe
@access.require("scoring.view_models")
def contributions_page(request: InstitutionRequest, slug: str, model_id: UUID) -> HttpResponse:
    """What weighs in a transparent model, and the points that each value of a feature gives."""
    model = selected.model_named(model_id, request.institution.pk)
    context: dict[str, Any] = {"model": model, "rows": [], "problem": "", "origin": "", "chosen": None}
    if model.algorithm not in LIVE_ALGORITHMS:
        context["problem"] = _("Solo el modelo transparente del diccionario se puede abrir así.")
    else:
        try:
            live = registry.live_model(model)
            X, context["origin"] = selected.people_of(model)
            context |= _weights(request, model, live, X)
        except DomainError as refusal:
            context["problem"] = str(refusal.message)
    return render(request, "scoring/contributions.html", with_navigation(request, "models", **context))


def _weights(request: InstitutionRequest, model: ScoringModel, live: Any, X: Any) -> dict[str, Any]:
    labels = {feature.name: feature for feature in features_of(model.segment)}

    def words(part: str) -> str:
        return " × ".join(str(labels[name].label) if name in labels else name for name in part.split(PAIR))

    found = contributions.importance(live, X)
    heaviest = max((one["points"] for one in found), default=1.0)
    asked = request.GET.get("feature") or (found[0]["part"] if found else "")
    chosen = None
    if asked in live.tables.names:
        points = contributions.dependence(live, X, asked)
        chosen = {"name": asked, "words": words(asked), "drawing": drawings.dependence(words(asked), points)}
    rows = [
        {
            **one,
            "words": words(one["part"]),
            "single": one["part"] in live.tables.names,
            "mean": figure(one["points"], 1),
            "range": f"{figure(one['low'], 0)} … {figure(one['high'], 0)}",
            "whole": heaviest,
        }
        for one in found[:30]
    ]
    return {"rows": rows, "chosen": chosen, "people": len(X)}


@require_safe
@access.require("scoring.view_models")
def comparison_page(request: InstitutionRequest, slug: str, model_id: UUID) -> HttpResponse:
    """A model against the one in force: on live applications, and on the data it was trained on."""
    model = selected.model_named(model_id, request.institution.pk)
    champion = selected.champion_of(model.segment, request.institution.pk)
    context: dict[str, Any] = {"model": model, "champion": champion, "live": None, "offline": None}
    if champion is not None and champion.institution_id != model.institution_id:
        champion.name = _("%(name)s (compartido)") % {"name": champion.name}  # an institution may have one of that name
    if champion is not None and champion.pk != model.pk:
        told = comparing.compare_live(comparing.live_pairs(champion, model), CUTOFF)
        context["live"] = {**told, "result": _compared(told["result"]), "agreement": _agreement(told["agreement"])}
        if model.dataset.file:
            context["offline"] = _compared(comparing.compare_on_dataset(model.dataset, champion, model))
    return render(request, "scoring/comparison.html", with_navigation(request, "models", **context))


def _compared(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """A comparison in words and figures."""
    if found is None or "auc" not in found:
        return found
    ranks, errors = found["auc_difference"], found["brier_gain"]
    return {
        **found,
        "rows_shown": format_number(found["rows"]),
        "bads_shown": format_number(found["defaults"]),
        "table": [
            ["AUC", *(figure(value) for value in found["auc"]), interval(ranks, 3)],
            ["Brier", *(figure(value, 4) for value in found["brier"]), interval(errors, 4, turned=True)],
        ],
    }


def _agreement(found: dict[str, Any] | None) -> list[dict[str, str]]:
    if found is None:
        return []
    return [
        {"label": _("Ordenan igual (Spearman)"), "value": figure(found["rank_correlation"], 3)},
        {"label": _("Misma respuesta"), "value": share(found["same_answer"])},
        {"label": _("Solo el que está en uso rechazaría"), "value": format_number(found["only_champion_refuses"])},
        {"label": _("Solo el otro rechazaría"), "value": format_number(found["only_challenger_refuses"])},
        {
            "label": _("Probabilidad media"),
            "value": f"{share(found['mean_pd'][0])} / {share(found['mean_pd'][1])}",
        },
        {"label": _("Mayor distancia en una persona"), "value": share(found["largest_gap"])},
    ]
