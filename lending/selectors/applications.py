"""Reading applications: who may see which, and what the applicant is shown as the result."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from accounts.errors import NotFound
from lending.models import Applicant, Application


def unrestricted(actor: Actor, applicant: str, owner: str = "") -> Q:
    """Rows an actor with rights over all may read: without people whose data are blocked, kept by duty and used for
    nothing else, but for whoever has that duty and for the person. `applicant` and `owner` are paths from the row;
    without an owner it is the applicant's own user.

    Asks for the few who are blocked, so that a long list need not look up everybody.
    """
    if actor.can("lending.view_restricted"):
        return Q()
    blocked = Applicant.objects.filter(pk=OuterRef(f"{applicant}_id"), restricted_at__isnull=False)
    if owner and actor.user_id is not None:
        return Q(~Exists(blocked)) | Q(**{owner: actor.user_id})
    return Q(~Exists(blocked.exclude(user_id=actor.user_id) if actor.user_id is not None else blocked))


def applications_visible_to(actor: Actor) -> QuerySet[Application]:
    """Applications of the institution in scope that the actor may read.

    Staff see what was submitted, and what is being filed at a counter; a half-typed answer of somebody at
    home is theirs alone. Applicants see their own, programs what they filed.
    """
    if actor.kind == "client":
        mine = Q(api_client_id=actor.client_id) if actor.client_id else Q(pk__in=[])
    else:
        mine = Q(owner_id=actor.user_id) if actor.user_id is not None else Q(pk__in=[])
    if actor.can("lending.view_applications"):
        mine |= ~Q(status__in=[Application.Status.DRAFT, Application.Status.WITHDRAWN])
        mine |= Q(channel=Application.Channel.COUNTER) | Q(submitted_at__isnull=False)
        mine &= unrestricted(actor, "applicant", "owner_id")
    return Application.objects.filter(mine)


def application_for(actor: Actor, application_id: UUID, *, lock: bool = False) -> Application:
    """One application the actor may read, its row locked when a service is about to change it. Raises NotFound."""
    found = applications_visible_to(actor).filter(pk=application_id)
    application = (found.select_for_update(of=("self",)) if lock else found.select_related("applicant")).first()
    if application is None:
        raise NotFound
    return application
