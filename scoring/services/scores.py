"""Scoring applications: facts in, frozen scores out."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.clock import today
from accounts.errors import Unavailable
from accounts.tenancy.scope import current_institution_id
from scoring import registry
from scoring.arms import challenger_decides
from scoring.explanations import explain
from scoring.features import KnownSignal
from scoring.models import Score, ScoringModel, ShadowScore
from scoring.serving import LiveModel
from scoring.signals import Place, known_signals

logger = logging.getLogger(__name__)

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

    What is known of the world today (prices, weather) joins the facts, and the values used are frozen with the score.
    Where a challenger stands beside that model, both score: the challenger decides its share of applications, and
    what the other one says is kept as a shadow. An attempt that was scored before keeps its score, whatever the
    facts or the models are now. Results come in the order of `rows`. Raises Unavailable without a usable model,
    ProhibitedFact or UnreadableFact for a row's facts.
    """
    institution_id = current_institution_id()
    kept = _kept_scores(rows)
    new = [row for row in rows if (row.application_id, row.attempt) not in kept]
    if new:
        champion, challenger = registry.in_place(segment, institution_id)
        live, rival = registry.live_model(champion), _rival(challenger)
        signals = known_signals((Place.of(row.facts) for row in new), today()) if live.reader.signals else {}
        scores, shadows = [], []
        for row in new:
            score, shadow = _score(_Case(row, signals.get(Place.of(row.facts), {})), champion, live, rival)
            scores.append(score)
            if shadow is not None:
                shadows.append(shadow)
        for made in (*scores, *shadows):
            made.institution_id = institution_id
        Score.objects.bulk_create(scores, ignore_conflicts=True)
        ShadowScore.objects.bulk_create(shadows, ignore_conflicts=True)
        kept |= _kept_scores(new)  # what another worker froze first stays
    return [_scored(kept[row.application_id, row.attempt]) for row in rows]


@dataclass(frozen=True, slots=True)
class _Case:
    """A row with what was known of the world around it."""

    row: ScoreRequest
    signals: Mapping[str, KnownSignal]


@dataclass(frozen=True, slots=True)
class _Rival:
    """The challenger, ready to score."""

    model: ScoringModel
    live: LiveModel


def _rival(model: ScoringModel | None) -> _Rival | None:
    """The challenger; one that cannot be used holds nobody up."""
    if model is None:
        return None
    try:
        return _Rival(model, registry.live_model(model))
    except Unavailable:  # said already, loudly, by the registry
        return None


def _score(
    case: _Case, champion: ScoringModel, live: LiveModel, rival: _Rival | None
) -> tuple[Score, ShadowScore | None]:
    """The score that counts, and what the other model would have said."""
    if rival is None:
        return _frozen(case, champion, live), None
    key = case.row.application_id
    try:
        if challenger_decides(key, rival.model.pk, rival.model.traffic):
            return _frozen(case, rival.model, rival.live), _shadow(case, champion, live)
        shadow = _shadow(case, rival.model, rival.live)
    except Exception:  # a model on trial never costs an applicant their answer
        logger.exception("challenger %s could not score application %s", rival.model.name, key)
        shadow = None
    return _frozen(case, champion, live), shadow


def _frozen(case: _Case, model: ScoringModel, live: LiveModel) -> Score:
    scored, reasons = explain(live, case.row.facts, case.signals)
    return Score(
        application_id=case.row.application_id,
        attempt=case.row.attempt,
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
        signals={name: case.signals[name].as_json() for name in live.reader.signals if name in case.signals},
    )


def _shadow(case: _Case, model: ScoringModel, live: LiveModel) -> ShadowScore:
    scored = live.score(case.row.facts, case.signals)
    return ShadowScore(
        application_id=case.row.application_id,
        attempt=case.row.attempt,
        segment=model.segment,
        model=model,
        pd=Decimal(scored.pd).quantize(PD_PLACES),
        score=scored.score,
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
