"""Who may act on what belongs to one institution, or to all of them, and on whose chain the evidence goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import NotAllowed, NotFound
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from scoring.models import ScoringModel


def require(actor: Actor, permission: str, institution: Institution | None) -> None:
    """The right, in the right place: staff act for their own institution, operators and the system for all."""
    actor.require(permission)
    if institution is None:
        if not actor.roles & {"operator", "system"}:
            raise NotAllowed(_("Los modelos compartidos los administra la plataforma."), code="platform_only")
    elif actor.institution_id != institution.pk:
        raise NotAllowed


@contextmanager
def chain_of(institution: Institution | None) -> Iterator[None]:
    """One transaction whose evidence goes to the institution's chain, or to the platform's for what is shared."""
    owner = institution or Institution.objects.get(slug=Institution.PLATFORM_SLUG)
    with institution_scope(owner.pk), transaction.atomic():
        yield


def visible_model(model_id: UUID, actor: Actor) -> ScoringModel:
    """The model, if it is shared or of the actor's institution: another's looks as if it did not exist."""
    if actor.institution_id is None:
        found = ScoringModel.objects.select_related("dataset").filter(pk=model_id, institution=None).first()
    else:
        with institution_scope(actor.institution_id):
            found = ScoringModel.objects.select_related("institution", "dataset").filter(pk=model_id).first()
    if found is None or found.institution_id not in (None, actor.institution_id):
        raise NotFound(_("No encontramos ese modelo."))
    return found
