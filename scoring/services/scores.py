"""Scoring applications: facts in, frozen scores out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.tenancy.scope import current_institution_id
from scoring import registry
from scoring.explanations import explain
from scoring.models import Score, ScoringModel
from scoring.serving import LiveModel

PD_PLACES = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """An application to score: the facts known about it, and which assessment of it this is."""

    application_id: UUID
    facts: Mapping[str, Any]
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class ScoredApplication:
    """A frozen score: `base_points` and the points of `reasons` add up to `score`."""

    application_id: UUID
    attempt: int
    score_id: UUID
    segment: str
    pd: Decimal
    score: int
    base_points: int
    reasons: list[dict[str, Any]]
    model_id: UUID
    model_sha256: str


@transaction.atomic
def score_applications(segment: str, rows: Sequence[ScoreRequest]) -> list[ScoredApplication]:
    """Score applications of the institution in scope with its model in force, and freeze the results.

    An attempt that was scored before keeps its score, whatever the facts or the model are now. Results come in the
    order of `rows`. Raises Unavailable without a usable model, ProhibitedFact or UnreadableFact for a row's facts.
    """
    institution_id = current_institution_id()
    kept = _kept_scores(rows)
    new = [row for row in rows if (row.application_id, row.attempt) not in kept]
    if new:
        model = registry.champion(segment, institution_id)
        live = registry.live_model(model)
        Score.objects.bulk_create([_score(row, model, live, institution_id) for row in new], ignore_conflicts=True)
        kept |= _kept_scores(new)  # what another worker froze first stays
    return [_scored(kept[row.application_id, row.attempt]) for row in rows]


def _score(row: ScoreRequest, model: ScoringModel, live: LiveModel, institution_id: int) -> Score:
    scored, reasons = explain(live, row.facts)
    return Score(
        institution_id=institution_id,
        application_id=row.application_id,
        attempt=row.attempt,
        segment=model.segment,
        model=model,
        model_sha256=model.sha256,
        pd=Decimal(scored.pd).quantize(PD_PLACES),
        score=scored.score,
        base_points=scored.base,
        reasons=[reason.as_json() for reason in reasons],
        inputs={
            name: None if value != value else value
            for name, value in zip(live.tables.names, scored.values, strict=True)
        },
    )


def _kept_scores(rows: Sequence[ScoreRequest]) -> dict[tuple[UUID, int], Score]:
    asked = {(row.application_id, row.attempt) for row in rows}
    found = Score.objects.filter(application_id__in={row.application_id for row in rows})
    return {key: score for score in found if (key := (score.application_id, score.attempt)) in asked}


def _scored(score: Score) -> ScoredApplication:
    return ScoredApplication(
        application_id=score.application_id,
        attempt=score.attempt,
        score_id=score.pk,
        segment=score.segment,
        pd=score.pd,
        score=score.score,
        base_points=score.base_points,
        reasons=score.reasons,
        model_id=score.model_id,
        model_sha256=score.model_sha256,
    )
