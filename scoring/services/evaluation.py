"""Measuring registered models again, on borrowers they were not trained on."""

from typing import Any
from uuid import UUID

from accounts.actors import Actor
from accounts.errors import NotAllowed
from scoring import registry
from scoring.models import Dataset, ScoringModel
from scoring.reports import evaluation_document, sensitive_facts
from scoring.services.datasets import load_table
from scoring.services.owners import visible_model


def model_to_read(*, model_id: UUID, actor: Actor) -> ScoringModel:
    """A model with its data set, for somebody who may look at models. Raises NotFound or NotAllowed."""
    model = visible_model(model_id, actor)
    if not actor.can("scoring.view_models") and not actor.roles & {"operator", "system"}:
        raise NotAllowed
    return model


def evaluate_model(
    *, model_id: UUID, actor: Actor, dataset: Dataset | None = None, cutoff: float = 0.10
) -> dict[str, Any]:
    """A model's evaluation: the one kept from its training or, on a data set of declared facts, measured now.

    The keys are those of `scoring.reports.evaluation_document`, beside `model, name, algorithm, status, dataset`.
    Raises NotFound, NotAllowed, Unavailable when the model's file cannot be used, or CannotTrain for a table
    without facts.
    """
    from scoring.recipe.transparent import facts_matrix, holds_facts
    from scoring.training import CannotTrain

    model = model_to_read(model_id=model_id, actor=actor)
    described = {"model": str(model.pk), "name": model.name, "algorithm": model.algorithm, "status": model.status}
    if dataset is None:
        return {**described, "dataset": model.dataset.name, **model.metrics, **model.evaluation}
    table = load_table(dataset).known()
    if dataset.segment != model.segment or not holds_facts(model.segment, list(table.frame.columns)):
        raise CannotTrain(f"{dataset} does not hold the declared facts of {model.segment}")
    live = registry.live_model(model)
    pd = live.score_matrix(facts_matrix(model.segment, table.frame)).pd
    return {
        **described,
        "dataset": dataset.name,
        **evaluation_document(
            table.outcomes,
            pd,
            cutoff=cutoff,
            groups=sensitive_facts(table.frame, dataset.profile),
            decided_on=table.decided_on,
        ),
    }
