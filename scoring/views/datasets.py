"""Data sets: brought in, profiled, explored, followed to the models that came of them, and exported."""

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.exports import csv_response
from accounts.formats import format_number
from accounts.http import InstitutionRequest
from scoring import exploring
from scoring.datasets import DatasetRefused
from scoring.forms import DatasetForm, TrainForm
from scoring.models import Dataset, ScoringModel
from scoring.selectors import models as selected
from scoring.services import import_dataset
from scoring.services.datasets import load_table
from scoring.services.exporting import export_dataset, rows_of
from scoring.views import drawings
from scoring.views.drawings import figure, share
from scoring.views.models import model_line
from scoring.views.navigation import with_navigation

PER_PAGE = 25
ROLE_KIND = {"feature": "ok", "sensitive": "warn", "excluded": "", "as_of": "info", "target": "accent"}


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("scoring.view_models")
def dataset_list(request: InstitutionRequest, slug: str) -> HttpResponse:
    """What there is to learn from, and a form to bring more."""
    form = DatasetForm(initial={"segment": "household"})
    if request.method == "POST":
        request.actor.require("scoring.train_model")
        form = DatasetForm(request.POST, request.FILES)
        if form.is_valid() and (dataset := _imported(request, form)) is not None:
            messages.success(request, _("Guardamos «%(name)s». Revisa lo que encontramos.") % {"name": dataset})
            return redirect("scoring:dataset", slug, dataset.pk)
    found = Dataset.objects.filter(selected.visible(request.institution.pk)).order_by("-created_at")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "scoring/datasets.html",
        with_navigation(
            request,
            "datasets",
            form=form,
            page=page,
            may_import=request.actor.can("scoring.train_model"),
            rows=[_line(dataset) for dataset in page],
        ),
        status=422 if form.errors else 200,
    )


def _imported(request: InstitutionRequest, form: DatasetForm) -> Dataset | None:
    """The uploaded file as a data set; None when it was refused, with the form saying why."""
    upload, given = form.cleaned_data["file"], form.cleaned_data
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(upload.name).name
        with path.open("wb") as file:
            file.writelines(upload.chunks())
        try:
            return import_dataset(
                path=path,
                name=given["name"],
                segment=given["segment"],
                target=given["target"].strip(),
                as_of=given["as_of"].strip() or None,
                institution=request.institution,
                actor=request.actor,
            )
        except DatasetRefused as refusal:
            form.add_error("file", str(refusal))
    return None


def _line(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "shared": dataset.institution_id is None,
        "rows": format_number(dataset.rows),
        "rate": share(float(dataset.target_rate)),
        "warnings": len(dataset.profile.get("warnings", [])),
    }


@require_safe
@access.require("scoring.view_models")
def dataset_page(request: InstitutionRequest, slug: str, dataset_id: UUID) -> HttpResponse:
    """Profile, warnings, rows left out, and the way from the file to the models."""
    dataset = selected.dataset_named(dataset_id, request.institution.pk)
    profile = dataset.profile
    models = ScoringModel.objects.filter(selected.visible(request.institution.pk), dataset=dataset)
    return render(
        request,
        "scoring/dataset.html",
        with_navigation(
            request,
            "datasets",
            dataset=dataset,
            line=_line(dataset),
            origin=dataset.origin,
            columns=[_column(name, one) for name, one in profile.get("columns", {}).items()],
            rejected=profile.get("rejected", [])[:50],
            rejected_count=profile.get("rejected_count", 0),
            warnings=profile.get("warnings", []),
            models=[model_line(model) for model in models.select_related("dataset").order_by("-trained_at")],
            runs=dataset.runs.order_by("-created_at")[:10],
            form=TrainForm(dated=bool(profile.get("as_of")), initial={"free": True}),
            may_train=bool(dataset.file) and request.actor.can("scoring.train_model"),
            may_export=bool(dataset.file) and request.actor.can("scoring.export_dataset"),
        ),
    )


def _column(name: str, one: dict[str, Any]) -> dict[str, Any]:
    kinds = {
        "number": _("número"), "date": _("fecha"), "text": _("texto"), "empty": _("vacía"), "target": _("resultado"),
    }  # fmt: skip
    roles = {
        "feature": _("se usa"), "sensitive": _("solo equidad"), "excluded": _("no se usa"), "as_of": _("fecha"),
        "target": _("resultado"),
    }  # fmt: skip
    if one.get("kind") == "number":
        spread = f"{one['low']:,.4g} … {one['median']:,.4g} … {one['high']:,.4g}"
    elif one.get("kind") == "date":
        spread = f"{one['low']} … {one['high']}"
    else:
        spread = ", ".join(list(one.get("top", {}))[:4])
    return {
        "name": name,
        "kind": kinds.get(one.get("kind", ""), one.get("kind")),
        "role": roles.get(one["role"], one["role"]),
        "role_kind": ROLE_KIND.get(one["role"], ""),
        "missing": share(one.get("missing")),
        "levels": format_number(one["levels"]) if "levels" in one else "–",
        "spread": spread,
        "outliers": format_number(one["outliers"]) if one.get("outliers") else "–",
        "alone": figure(one.get("auc_alone")),
    }


@require_safe
@access.require("scoring.view_models")
def explore(request: InstitutionRequest, slug: str, dataset_id: UUID) -> HttpResponse:
    """One column at a time: how it is spread, who defaults in it, by when; and what goes together."""
    dataset = selected.dataset_named(dataset_id, request.institution.pk)
    context: dict[str, Any] = {"dataset": dataset, "rows": [], "plots": [], "chosen": "", "pairs": []}
    if dataset.file:
        table = load_table(dataset).known()
        told = exploring.information(table)
        asked = request.GET.get("column", "")
        chosen = asked if asked in told else max(told, key=lambda name: told[name], default="")
        ranked = sorted(told.items(), key=lambda pair: -pair[1])
        strongest = ranked[0][1] if ranked else 1.0
        context |= {
            "rows": [
                {"name": name, "iv": figure(iv), "value": iv, "whole": strongest or 1.0, "word": _strength(iv)}
                for name, iv in ranked
            ],
            "chosen": chosen,
            "plots": _plots(table, chosen) if chosen else [],
            "pairs": [[one, other, figure(value, 2)] for one, other, value in exploring.correlations(table)],
        }
    return render(request, "scoring/explore.html", with_navigation(request, "datasets", **context))


def _plots(table: Any, name: str) -> list[drawings.Drawing]:
    story = exploring.column_story(table, name)
    plots = [drawings.shares(_("Reparto"), story), drawings.bins(_("Incumplimiento"), story)]
    quarters = exploring.by_period(table, name)
    if len(quarters) > 1:
        plots.append(drawings.periods(quarters))
    return plots


def _strength(iv: float) -> str:
    if iv < exploring.WEAK:
        return _("no dice nada")
    if iv < exploring.MEDIUM:
        return _("débil")
    return _("mediana") if iv < exploring.STRONG else _("fuerte")


@require_POST
@access.require("scoring.export_dataset")
def export(request: InstitutionRequest, slug: str, dataset_id: UUID) -> HttpResponseBase:
    """The data set without whom it is about, as CSV."""
    dataset = selected.dataset_named(dataset_id, request.institution.pk)
    if not dataset.file:
        messages.error(request, _("Este conjunto fue generado: no hay archivo que exportar."))
        return redirect("scoring:dataset", slug, dataset_id)
    frame = export_dataset(dataset=dataset, actor=request.actor)
    return csv_response(f"{dataset.name}-v{dataset.version}", list(frame.columns), lambda: rows_of(frame))
