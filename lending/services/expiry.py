"""What ends by itself: offers after their last day, drafts nobody came back to. Set-based, safe to repeat."""

from django.utils import timezone

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.tenancy.scope import institution_scope
from lending.models import Application, Offer
from lending.services.applications import close_application
from lending.services.states import move

BATCH = 500


def expire_offers(*, institution_id: int) -> int:
    """Close open offers whose last day has passed; returns how many."""
    with institution_scope(institution_id):
        passed = list(
            Offer.objects.filter(status=Offer.Status.OPEN, valid_until__lt=today())
            .select_for_update(skip_locked=True)
            .only("pk", "application_id", "institution_id")
        )
        Offer.objects.filter(pk__in=[offer.pk for offer in passed]).update(status=Offer.Status.EXPIRED)
        if passed:
            audit.record_many(
                Actor.system("expiry", institution_id=institution_id),
                "lending.offer.expired",
                [(offer, {"application": offer.application_id}) for offer in passed],
            )
        return len(passed)


def expire_drafts(*, institution_id: int) -> int:
    """Withdraw drafts past their last day and forget what was typed in them; returns how many."""
    with institution_scope(institution_id):
        stale = list(
            Application.objects.filter(status=Application.Status.DRAFT, draft_until__lt=timezone.now())
            .select_for_update(skip_locked=True)
            .order_by("draft_until")[:BATCH]
        )
        for application in stale:
            move(application, "withdraw", Application.Status.WITHDRAWN)
            close_application(application)
        if stale:
            audit.record_many(
                Actor.system("expiry", institution_id=institution_id),
                "lending.application.expired",
                [(application, {"number": application.number}) for application in stale],
            )
        return len(stale)
