"""Models, data sets and runs as the analyst's pages show them: those of the institution in scope, and shared ones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from accounts.errors import NotFound
from scoring import registry
from scoring.algorithms import LIVE_ALGORITHMS, ON_ANY_TABLE
from scoring.models import Alarm, Dataset, Score, ScoringModel, Segment, TrainingRun
from scoring.recipe.transparent import facts_matrix, holds_facts
from scoring.services.datasets import load_table
from scoring.services.runs import GAP_WARN

Status = ScoringModel.Status
ENOUGH_SCORES = 200
SAMPLE = 2_000
TRANSPARENT = LIVE_ALGORITHMS | set(ON_ANY_TABLE.values())


def visible(institution_id: int) -> Q:
    return Q(institution=None) | Q(institution_id=institution_id)


def overview(institution_id: int) -> list[dict[str, Any]]:
    """By segment: the model in force, its challenger, its alarms, its open run and the latest others."""
    models = list(
        ScoringModel.objects.filter(visible(institution_id))
        .select_related("dataset", "trained_by", "promoted_by")
        .order_by("-trained_at")
    )
    alarms = dict(Alarm.objects.filter(closed_at=None).order_by().values_list("segment").annotate(count=Count("pk")))
    runs = {
        run.segment: run
        for run in TrainingRun.objects.filter(institution_id=institution_id, status__in=["waiting", "running"])
    }
    told = []
    for segment in Segment:
        mine = [model for model in models if model.segment == segment]
        own_first = sorted(mine, key=lambda model: model.institution_id is None)
        told.append(
            {
                "segment": segment,
                "champion": next((one for one in own_first if one.status == Status.CHAMPION), None),
                "challenger": next((one for one in own_first if one.status == Status.CHALLENGER), None),
                "alarms": alarms.get(segment, 0),
                "run": runs.get(segment),
                "models": mine,
            }
        )
    return told


def model_named(model_id: UUID, institution_id: int) -> ScoringModel:
    """A model of the institution, or a shared one. Raises NotFound."""
    found = (
        ScoringModel.objects.filter(visible(institution_id), pk=model_id)
        .select_related("dataset", "trained_by", "promoted_by", "institution", "replaces")
        .first()
    )
    if found is None:
        raise NotFound(_("No encontramos ese modelo."))
    return found


def dataset_named(dataset_id: UUID, institution_id: int) -> Dataset:
    """A data set of the institution, or a shared one. Raises NotFound."""
    found = (
        Dataset.objects.filter(visible(institution_id), pk=dataset_id)
        .select_related("created_by", "institution")
        .first()
    )
    if found is None:
        raise NotFound(_("No encontramos ese conjunto de datos."))
    return found


def gap_to_free(model: ScoringModel) -> dict[str, Any] | None:
    """The best of the models that need not explain themselves, on the same rows, columns and splits, and its lead in
    AUC; `wide` above 0.01. None for a model that is itself one of them, or where there is none."""
    if model.algorithm not in TRANSPARENT:
        return None
    rivals = ScoringModel.objects.filter(
        dataset_id=model.dataset_id,
        parameters__splits=model.parameters.get("splits"),
        parameters__columns=model.parameters.get("columns"),
    ).exclude(algorithm__in=TRANSPARENT)
    best = max(rivals, key=lambda one: one.metrics.get("auc", 0), default=None)
    if best is None or "auc" not in model.metrics:
        return None
    gap = best.metrics["auc"] - model.metrics["auc"]
    return {"model": best, "gap": gap, "wide": gap > GAP_WARN}


def people_of(model: ScoringModel) -> tuple[np.ndarray, str]:
    """Feature values of up to 2,000 people to look at a model with, float64[n, d], and where they come from:
    `applications`, `dataset` or `synthetic`."""
    from scoring.features import feature_names

    names = feature_names(model.segment)
    inputs = list(Score.objects.filter(model=model).order_by("-created_at").values_list("inputs", flat=True)[:SAMPLE])
    if len(inputs) >= ENOUGH_SCORES:
        rows = [[np.nan if (value := one.get(name)) is None else float(value) for name in names] for one in inputs]
        return np.array(rows), "applications"
    if model.dataset.file:
        table = load_table(model.dataset)
        if holds_facts(model.segment, list(table.frame.columns)):
            frame = table.frame.sample(min(SAMPLE, len(table.frame)), random_state=0)
            return facts_matrix(model.segment, frame), "dataset"
    from scoring.synthetic import borrowers

    return facts_matrix(model.segment, borrowers(model.segment, SAMPLE, 1)), "synthetic"


def champion_of(segment: str, institution_id: int) -> ScoringModel | None:
    """The model in force, or None."""
    if not ScoringModel.objects.filter(visible(institution_id), segment=segment, status=Status.CHAMPION).exists():
        return None
    return registry.in_place(segment, institution_id)[0]
