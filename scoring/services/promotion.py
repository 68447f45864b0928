"""Putting a model in force, or up against the one in force, by a person who did not train it; and going back."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, step_up
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotAllowed
from scoring import registry
from scoring.algorithms import LIVE_ALGORITHMS
from scoring.models import ScoringModel
from scoring.services.owners import chain_of, require, visible_model

PROMOTABLE = (ScoringModel.Status.CANDIDATE, ScoringModel.Status.CHALLENGER, ScoringModel.Status.RETIRED)
MOST_TRAFFIC = 50  # per cent: the champion decides at least every other case


def promote_model(*, model_id: UUID, actor: Actor, reason: str) -> ScoringModel:
    """Put a model in force for its segment and retire the one before; a repeated call returns it unchanged.

    Raises NotFound, NotAllowed unless a person other than the trainer promotes it, InvalidState when the model
    cannot serve, Unavailable when its file is not what was registered.
    """
    with _locked(model_id, actor, "scoring.promote_model", reason) as (model, peers):
        if model.status == ScoringModel.Status.CHAMPION:
            return model
        _check_promotable(model, actor)
        before = _champion_among(peers)
        _put_in_force(model, before, actor)
        model.replaces = before
        model.save(update_fields=["replaces"])
        _record(actor, "scoring.model.promoted", model, reason, replaces=str(before.pk) if before else None)
    return model


def rollback_promotion(*, model_id: UUID, actor: Actor, reason: str) -> ScoringModel | None:
    """Take the model in force out of it and put the one it replaced back; gives that one.

    Where it replaced none, an institution falls back to the shared model and gets None; a shared one without a
    predecessor cannot be undone. Raises NotFound, NotAllowed, InvalidState, Unavailable.
    """
    with _locked(model_id, actor, "scoring.promote_model", reason) as (model, peers):
        if model.status != ScoringModel.Status.CHAMPION:
            raise InvalidState(_("Este modelo no está en uso: no hay qué deshacer."), code="not_in_force")
        before = next((peer for peer in peers if peer.pk == model.replaces_id), None)
        if before is None:
            if model.institution_id is None or not _shared_champion(model.segment):
                raise InvalidState(
                    _("Este modelo no reemplazó a ninguno: no hay a cuál volver."), code="no_predecessor"
                )
            model.status = ScoringModel.Status.RETIRED
            model.save(update_fields=["status"])
        else:
            _check_promotable(before, actor)
            _put_in_force(before, model, actor)
        _record(actor, "scoring.model.rolled_back", model, reason, replaces=str(before.pk) if before else None)
    return before


def challenge_model(*, model_id: UUID, actor: Actor, reason: str, traffic: int = 0) -> ScoringModel:
    """Set a model beside the one in force: its scores are kept and, with `traffic` per cent, decide.

    Looking on is for the analyst to arrange; deciding is for a person other than its trainer. A segment has one
    challenger: another goes back to candidate. Raises NotFound, NotAllowed, InvalidState, InvalidInput, Unavailable.
    """
    if not 0 <= traffic <= MOST_TRAFFIC:
        raise InvalidInput(fields={"traffic": [_("De 0 a %(most)s por ciento.") % {"most": MOST_TRAFFIC}]})
    permission = "scoring.promote_model" if traffic else "scoring.challenge_model"
    with _locked(model_id, actor, permission, reason) as (model, peers):
        if model.status == ScoringModel.Status.CHAMPION:
            raise InvalidState(_("Este modelo ya está en uso: no compite consigo mismo."), code="already_champion")
        _check_able(model)
        if traffic:
            _check_other_person(model, actor)
        for peer in peers:
            if peer.status == ScoringModel.Status.CHALLENGER and peer.pk != model.pk:
                _stand_down(peer)
        if model.status != ScoringModel.Status.CHALLENGER:
            model.challenger_since = timezone.now()
        model.status, model.traffic = ScoringModel.Status.CHALLENGER, traffic
        model.save(update_fields=["status", "traffic", "challenger_since"])
        _record(actor, "scoring.model.challenges", model, reason, traffic=traffic)
    return model


def withdraw_challenger(*, model_id: UUID, actor: Actor, reason: str) -> ScoringModel:
    """End a comparison: the challenger is a candidate again, its scores stay. A repeated call changes nothing."""
    with _locked(model_id, actor, "scoring.challenge_model", reason) as (model, _peers):
        if model.status == ScoringModel.Status.CHALLENGER:
            _stand_down(model)
            _record(actor, "scoring.model.challenge_ended", model, reason)
    return model


@contextmanager
def _locked(
    model_id: UUID, actor: Actor, permission: str, reason: str
) -> Iterator[tuple[ScoringModel, list[ScoringModel]]]:
    """The model and all of its owner's segment, locked: two acts at once must not both succeed."""
    model = visible_model(model_id, actor)
    institution = model.institution
    require(actor, permission, institution)
    if actor.kind != "user" or actor.user_id is None:
        raise NotAllowed(_("Un modelo lo pone en uso una persona, con su nombre."), code="person_required")
    step_up.check(actor)
    if not reason.strip():
        raise InvalidState(_("Escribe por qué, en una frase."), code="reason_required")
    with chain_of(institution):
        peers = list(
            ScoringModel.objects.select_for_update()
            .filter(institution=institution, segment=model.segment)
            .order_by("pk")
        )
        yield next(peer for peer in peers if peer.pk == model_id), peers


def _champion_among(peers: list[ScoringModel]) -> ScoringModel | None:
    return next((peer for peer in peers if peer.status == ScoringModel.Status.CHAMPION), None)


def _put_in_force(model: ScoringModel, before: ScoringModel | None, actor: Actor) -> None:
    if before is not None:
        before.status = ScoringModel.Status.RETIRED
        before.save(update_fields=["status"])
    model.status, model.traffic = ScoringModel.Status.CHAMPION, 0
    model.promoted_by_id, model.promoted_at = actor.user_id, timezone.now()
    model.save(update_fields=["status", "traffic", "promoted_by", "promoted_at"])


def _stand_down(model: ScoringModel) -> None:
    model.status, model.traffic = ScoringModel.Status.CANDIDATE, 0
    model.save(update_fields=["status", "traffic"])


def _shared_champion(segment: str) -> bool:
    return ScoringModel.objects.filter(institution=None, segment=segment, status=ScoringModel.Status.CHAMPION).exists()


def _check_promotable(model: ScoringModel, actor: Actor) -> None:
    if model.status not in PROMOTABLE:
        raise InvalidState(_("Este modelo no se puede poner en uso."), code="not_promotable")
    _check_other_person(model, actor)
    _check_able(model)


def _check_other_person(model: ScoringModel, actor: Actor) -> None:
    if model.trained_by_id is not None and model.trained_by_id == actor.user_id:
        raise NotAllowed(_("Quien entrena un modelo no lo pone en uso: debe hacerlo otra persona."), code="four_eyes")


def _check_able(model: ScoringModel) -> None:
    """Whether it can score live applications at all."""
    if model.algorithm not in LIVE_ALGORITHMS:
        raise InvalidState(
            _("Este modelo sirve para comparar: en vivo solo decide el modelo transparente del diccionario."),
            code="only_to_compare",
        )
    if not model.metrics.get("auc_low", 0) > 0.5:
        raise InvalidState(_("Este modelo no distingue mejor que el azar."), code="no_better_than_chance")
    registry.verify(model)


def _record(actor: Actor, event: str, model: ScoringModel, reason: str, **facts: Any) -> None:
    """The act in the chain with its reason's hash, and the reason in words beside the model."""
    reason = reason.replace("\x00", "").strip()
    model.motives = [*model.motives, {"at": timezone.now().isoformat(), "event": event, "reason": reason}]
    model.save(update_fields=["motives"])
    audit.record(
        actor, event, model, name=model.name, segment=model.segment, sha256=model.sha256,
        trained_by=model.trained_by_id, reason_sha256=motive_hash(reason), **{"replaces": None, **facts},
    )  # fmt: skip


def motive_hash(reason: str) -> str:
    """What the chain keeps of a reason: words somebody changed since no longer fit."""
    return hashlib.sha256(reason.encode()).hexdigest()
