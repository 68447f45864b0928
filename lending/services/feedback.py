"""What applicants say of the offers they got."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotFound
from lending.models import Application, Offer, OfferFeedback
from lending.selectors.applications import application_for
from lending.services.applications import close_application
from lending.services.states import move


@transaction.atomic
def rate_offers(*, application_id: UUID, actor: Actor, rating: int, comment: str = "") -> OfferFeedback:
    """How well the offers fit, 1 to 5, by the applicant; a later word takes the place of an earlier one.

    Raises NotFound, InvalidState before there are offers, InvalidInput.
    """
    application = _own(application_id, actor)
    if not 1 <= rating <= 5:
        raise InvalidInput(fields={"rating": [_("Elige de 1 a 5")]})
    if not Offer.objects.filter(application_id=application.pk).exists():
        raise InvalidState(_("Todavía no hay ofertas que calificar."))
    assert actor.user_id is not None  # only people may
    said, _made = OfferFeedback.objects.update_or_create(
        application_id=application.pk,
        institution_id=application.institution_id,
        defaults={"rating": rating, "comment": " ".join(comment.split())[:300], "given_by_id": actor.user_id},
    )
    audit.record(actor, "lending.offer.rated", application, rating=rating)
    return said


@transaction.atomic
def decline_offers(*, application_id: UUID, actor: Actor) -> Application:
    """Take none of the offers: they end as declined and the application as withdrawn. Safe to repeat.

    Raises NotFound, or InvalidState once one was chosen.
    """
    application = _own(application_id, actor)
    if application.status == Application.Status.WITHDRAWN:
        return application
    offers = Offer.objects.filter(application_id=application.pk)
    if offers.filter(status=Offer.Status.CHOSEN).exists():
        raise InvalidState(_("Ya elegiste una oferta. Si cambiaste de idea, retira la solicitud."))
    move(application, "withdraw", Application.Status.WITHDRAWN)
    declined = offers.filter(status=Offer.Status.OPEN).update(status=Offer.Status.DECLINED)
    close_application(application)
    audit.record(actor, "lending.offer.declined", application, offers=declined)
    return application


def _own(application_id: UUID, actor: Actor) -> Application:
    application = application_for(actor, application_id, lock=True)
    if application.owner_id is None or application.owner_id != actor.user_id:
        raise NotFound
    return application
