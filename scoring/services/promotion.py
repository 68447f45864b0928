"""Putting a model in force, by a person who did not train it."""

import hashlib
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, step_up
from accounts.actors import Actor
from accounts.errors import InvalidState, NotAllowed
from scoring import registry
from scoring.models import ScoringModel
from scoring.services.owners import chain_of, require, visible_model

# Kept to compare with; what `scoring.recipe.runs` trains besides the live kind.
ONLY_TO_COMPARE = frozenset({"additive-xgboost-table", "stack", "xgboost"})
PROMOTABLE = (ScoringModel.Status.CANDIDATE, ScoringModel.Status.CHALLENGER, ScoringModel.Status.RETIRED)


def promote_model(*, model_id: UUID, actor: Actor, reason: str) -> ScoringModel:
    """Put a model in force for its segment and retire the one before; a repeated call returns it unchanged.

    A retired model may come back, which is how a promotion is undone. Raises NotFound, NotAllowed unless a person
    other than the trainer promotes it, InvalidState when the model cannot serve, Unavailable when its file is not
    what was registered.
    """
    model = visible_model(model_id, actor)
    institution = model.institution
    require(actor, "scoring.promote_model", institution)
    if actor.kind != "user" or actor.user_id is None:
        raise NotAllowed(_("Un modelo lo pone en uso una persona, con su nombre."), code="person_required")
    step_up.check(actor)
    if not reason.strip():
        raise InvalidState(_("Escribe por qué se pone en uso este modelo."), code="reason_required")
    with chain_of(institution):
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
    if model.algorithm in ONLY_TO_COMPARE:
        raise InvalidState(
            _("Este modelo sirve para comparar: en vivo solo decide el modelo transparente del diccionario."),
            code="only_to_compare",
        )
    if model.trained_by_id is not None and model.trained_by_id == actor.user_id:
        raise NotAllowed(_("Quien entrena un modelo no lo pone en uso: debe hacerlo otra persona."), code="four_eyes")
    if not model.metrics.get("auc_low", 0) > 0.5:
        raise InvalidState(_("Este modelo no distingue mejor que el azar."), code="no_better_than_chance")
    registry.verify(model)
