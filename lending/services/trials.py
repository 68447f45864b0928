"""Trials of a second rule of ranking: one at a time, for a share of applications picked by a stable hash."""

from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.tenancy.scope import current_institution_id
from lending.matching.products import LARGEST_RETURN_BOUND
from lending.models import MatchingTrial

LARGEST_SHARE = Decimal("0.5")


@transaction.atomic
def start_trial(*, actor: Actor, name: str, share: Decimal, return_bound: Decimal) -> MatchingTrial:
    """Rank `share` of the applications to come by `return_bound` instead of the policy's.

    Raises NotAllowed, InvalidInput by field, InvalidState while another one runs.
    """
    actor.require("lending.manage_policy")
    errors = {}
    if not name.strip():
        errors["name"] = [_("Escribe un nombre")]
    if not 0 < share <= LARGEST_SHARE:
        errors["share"] = [_("Escribe un porcentaje mayor que 0, hasta 50")]
    if not 0 <= return_bound <= LARGEST_RETURN_BOUND:
        errors["return_bound"] = [_("Escribe un porcentaje de 0 a 5: más allá perjudica a quien pide")]
    if errors:
        raise InvalidInput(fields=errors)
    assert actor.user_id is not None  # only people may
    try:
        with transaction.atomic():
            trial = MatchingTrial.objects.create(
                institution_id=current_institution_id(), name=" ".join(name.split())[:80], share=share,
                return_bound=return_bound, started_by_id=actor.user_id,
            )  # fmt: skip
    except IntegrityError as error:
        raise InvalidState(_("Ya hay una prueba en curso: termínala antes de empezar otra.")) from error
    audit.record(actor, "lending.trial.started", trial, share=share, return_bound=return_bound)
    return trial


@transaction.atomic
def end_trial(*, trial_id: UUID, actor: Actor) -> MatchingTrial:
    """Rank everybody by the policy again. Safe to repeat. Raises NotAllowed, NotFound."""
    actor.require("lending.manage_policy")
    trial = MatchingTrial.objects.select_for_update().filter(pk=trial_id).first()
    if trial is None:
        raise NotFound
    if trial.ended_at is None:
        trial.ended_at = timezone.now()
        trial.save(update_fields=["ended_at"])
        audit.record(actor, "lending.trial.ended", trial)
    return trial
