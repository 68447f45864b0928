"""What the scoring floor does: train and register models, put one in force, score applications."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidState, NotAllowed, NotFound
from accounts.models import Institution
from accounts.tenancy.scope import current_institution_id, institution_scope
from scoring import registry
from scoring.explanations import explain
from scoring.features import dictionary, feature_columns, features_of
from scoring.model_files import dump_model
from scoring.models import Dataset, Score, ScoringModel
from scoring.points import Scale
from scoring.serving import LiveModel

Progress = Callable[[str, int, int], None]

PD_PLACES = Decimal("0.00000001")
NAME_PREFIX = {"household": "HG", "enterprise": "MN", "farm": "CA"}  # hogar, mi negocio, campo
PROMOTABLE = (ScoringModel.Status.CANDIDATE, ScoringModel.Status.CHALLENGER, ScoringModel.Status.RETIRED)


# --- scoring ----------------------------------------------------------------------------------------------------


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


# --- training ---------------------------------------------------------------------------------------------------


def train_segment_model(
    *,
    segment: str,
    actor: Actor,
    rows: int = 20_000,
    seed: int = 1,
    institution: Institution | None = None,
    progress: Progress | None = None,
) -> ScoringModel:
    """Train the live kind of model on synthetic borrowers and register it as a candidate.

    Shared by every institution when `institution` is None. The same rows, seed and versions give the same model,
    which is then returned instead of being registered twice. Raises NotAllowed, or CannotTrain.
    """
    from scoring.evaluation import against_truth
    from scoring.synthetic import borrowers, fact_names, provenance
    from scoring.training import Parameters, train_transparent

    _require(actor, "scoring.train_model", institution)
    frame = borrowers(segment, rows, seed)
    outcomes = frame["default"].to_numpy()
    features = features_of(segment)
    X = feature_columns(segment, {name: frame[name].to_numpy() for name in fact_names(segment)}, rows)
    trained = train_transparent(
        X,
        outcomes,
        [feature.name for feature in features],
        [feature.direction for feature in features],
        Parameters(seed=seed),
        progress,
    )
    source = provenance(segment, rows, seed)
    data_sha256 = hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()
    metrics = trained.metrics | against_truth(outcomes, trained.out_of_fold, frame["true_pd"].to_numpy())
    live = LiveModel(
        segment,
        trained.tables,
        trained.calibration,
        Scale(),
        {
            "data_sha256": data_sha256,
            "source": source,
            "parameters": trained.parameters,
            "metrics": metrics,
            "features": dictionary(segment)[segment],
        },
    )
    file, sha256 = registry.store_file(dump_model(live, trained.booster))
    with _chain_of(institution):
        dataset = _dataset(
            institution, f"synthetic-{segment}", segment, data_sha256, source, outcomes=outcomes, actor=actor
        )
        return _register(
            institution=institution,
            dataset=dataset,
            actor=actor,
            file=file,
            sha256=sha256,
            segment=segment,
            algorithm=trained.parameters["algorithm"],
            feature_set={"segment": segment, "names": list(trained.names)},
            parameters=trained.parameters | {"seconds": round(trained.seconds, 1)},
            metrics=metrics,
        )


def _dataset(
    institution: Institution | None,
    name: str,
    segment: str,
    sha256: str,
    source: dict[str, Any],
    *,
    outcomes: Any,
    actor: Actor,
) -> Dataset:
    """The version of this data set with this content; a new one when it has not been seen."""
    versions = Dataset.objects.filter(institution=institution, name=name)
    if same := versions.filter(sha256=sha256).first():
        return same
    last = versions.aggregate(last=Max("version"))["last"] or 0
    dataset = Dataset.objects.create(
        institution=institution,
        name=name,
        version=last + 1,
        segment=segment,
        sha256=sha256,
        source=source,
        rows=len(outcomes),
        target="default",
        target_rate=Decimal(float(outcomes.mean())).quantize(PD_PLACES),
        created_by_id=actor.user_id,
    )
    audit.record(actor, "scoring.dataset.created", dataset, name=name, version=dataset.version, sha256=sha256)
    return dataset


def _register(
    *, institution: Institution | None, dataset: Dataset, actor: Actor, segment: str, sha256: str, **facts: Any
) -> ScoringModel:
    of_owner = ScoringModel.objects.filter(institution=institution, segment=segment)
    if same := of_owner.filter(sha256=sha256).first():
        return same
    model = ScoringModel.objects.create(
        institution=institution,
        dataset=dataset,
        segment=segment,
        sha256=sha256,
        name=f"{NAME_PREFIX[segment]}-{of_owner.count() + 1}",
        trained_by_id=actor.user_id,
        **facts,
    )
    audit.record(
        actor,
        "scoring.model.trained",
        model,
        name=model.name,
        segment=segment,
        sha256=sha256,
        dataset=str(dataset.pk),
        auc=model.metrics["auc"],
    )
    return model


# --- promotion --------------------------------------------------------------------------------------------------


def promote_model(*, model_id: UUID, actor: Actor, reason: str) -> ScoringModel:
    """Put a model in force for its segment and retire the one before; a repeated call returns it unchanged.

    A retired model may come back, which is how a promotion is undone. Raises NotFound, NotAllowed unless a person
    other than the trainer promotes it, InvalidState when the model cannot serve, Unavailable when its file is not
    what was registered.
    """
    model = _visible_model(model_id, actor)
    institution = model.institution
    _require(actor, "scoring.promote_model", institution)
    if actor.kind != "user" or actor.user_id is None:
        raise NotAllowed(_("Un modelo lo pone en uso una persona, con su nombre."), code="person_required")
    if not reason.strip():
        raise InvalidState(_("Escribe por qué se pone en uso este modelo."), code="reason_required")
    with _chain_of(institution):
        # Every model of the segment is locked: two promotions at once must not both succeed.
        peers = list(
            ScoringModel.objects.select_for_update()
            .filter(institution=institution, segment=model.segment)
            .order_by("pk")
        )
        model = next(peer for peer in peers if peer.pk == model_id)
        if model.status == ScoringModel.Status.CHAMPION:
            return model
        _check_promotable(model, actor)
        now = timezone.now()
        retired = None
        for peer in peers:
            if peer.status == ScoringModel.Status.CHAMPION:
                peer.status = ScoringModel.Status.RETIRED
                peer.save(update_fields=["status"])
                retired = peer
        model.status, model.promoted_by_id, model.promoted_at = ScoringModel.Status.CHAMPION, actor.user_id, now
        model.save(update_fields=["status", "promoted_by", "promoted_at"])
        audit.record(
            actor,
            "scoring.model.promoted",
            model,
            name=model.name,
            segment=model.segment,
            sha256=model.sha256,
            trained_by=model.trained_by_id,
            replaces=str(retired.pk) if retired else None,
            reason_sha256=hashlib.sha256(reason.strip().encode()).hexdigest(),
        )
    return model


def _check_promotable(model: ScoringModel, actor: Actor) -> None:
    if model.status not in PROMOTABLE:
        raise InvalidState(_("Este modelo no se puede poner en uso."), code="not_promotable")
    if model.trained_by_id is not None and model.trained_by_id == actor.user_id:
        raise NotAllowed(_("Quien entrena un modelo no lo pone en uso: debe hacerlo otra persona."), code="four_eyes")
    if not model.metrics.get("auc_low", 0) > 0.5:
        raise InvalidState(_("Este modelo no distingue mejor que el azar."), code="no_better_than_chance")
    registry.verify(model)


def _visible_model(model_id: UUID, actor: Actor) -> ScoringModel:
    """The model, if it is shared or of the actor's institution: another's looks as if it did not exist."""
    if actor.institution_id is None:
        found = ScoringModel.objects.filter(pk=model_id, institution=None).first()
    else:
        with institution_scope(actor.institution_id):
            found = ScoringModel.objects.select_related("institution").filter(pk=model_id).first()
    if found is None or found.institution_id not in (None, actor.institution_id):
        raise NotFound(_("No encontramos ese modelo."))
    return found


def _require(actor: Actor, permission: str, institution: Institution | None) -> None:
    """The right, in the right place: staff act for their own institution, operators and the system for all."""
    actor.require(permission)
    if institution is None:
        if not actor.roles & {"operator", "system"}:
            raise NotAllowed(_("Los modelos compartidos los administra la plataforma."), code="platform_only")
    elif actor.institution_id != institution.pk:
        raise NotAllowed


@contextmanager
def _chain_of(institution: Institution | None) -> Iterator[None]:
    """One transaction whose evidence goes to the institution's chain, or to the platform's for what is shared."""
    owner = institution or Institution.objects.get(slug=Institution.PLATFORM_SLUG)
    with institution_scope(owner.pk), transaction.atomic():
        yield
