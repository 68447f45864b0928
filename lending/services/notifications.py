"""Telling applicants what happened: written once for each event and channel, claimed, handed over, marked."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from accounts import messages
from accounts.clock import LIMA
from accounts.consent import granted_purposes
from accounts.models import Consent, Institution, OutboxEvent
from accounts.tenancy.scope import current_institution_id, institution_scope
from lending.models import Application, Notification, Offer, ReviewRequest
from lending.services.loan_notices import LOAN_EVENTS, loan_notices

NOTIFIED: Final = (
    "lending.application.assessed",
    "lending.application.decided",
    "lending.application.review_requested",
)
CLAIM_LASTS: Final = timedelta(minutes=2)  # a worker that died with it gives it back after this
MOST_ATTEMPTS: Final = 12
BATCH: Final = 500
Status = Application.Status
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed message, free of the database."""

    id: UUID
    channel: str
    recipient: str
    subject: str
    body: str
    attempts: int


def notify_waiting(*, institution_id: int) -> int:
    """Write and send what is owed to the applicants of one institution; returns how many were handed over.

    Sending happens outside transactions. The gateway is told the message's key, so a worker that dies
    between handing over and marking causes no second message. One that can't be delivered now waits for a
    later run.
    """
    sent = 0
    with institution_scope(institution_id):
        write_notifications()
    while True:
        with institution_scope(institution_id):
            outgoing = claim_notification()
        if outgoing is None:
            return sent
        delivered, for_good = _hand_over(outgoing)
        with institution_scope(institution_id):
            if delivered or for_good:
                mark_notification(outgoing.id, delivered=delivered)
        sent += delivered


def write_notifications() -> int:
    """Rows for the open events, in the scope and transaction of the caller; events without a reader are closed."""
    events = list(
        OutboxEvent.objects.filter(name__in=[*NOTIFIED, *LOAN_EVENTS], done_at__isnull=True)
        .select_for_update(skip_locked=True)
        .order_by("created_at")[:BATCH]
    )
    filed = [event for event in events if event.name in NOTIFIED]
    keys = [UUID(event.subject_id) for event in filed]
    applications = Application.objects.select_related("applicant", "owner").in_bulk(keys)
    granted = granted_purposes(keys)
    institution = Institution.objects.get(pk=current_institution_id())
    written = loan_notices(institution, [event for event in events if event.name in LOAN_EVENTS])
    for event in filed:
        application = applications[UUID(event.subject_id)]
        if Consent.Purpose.CONTACT in granted[application.pk]:
            written += _notifications(institution, event, application)
    Notification.objects.bulk_create(written, ignore_conflicts=True)
    reached = {row.event_id for row in written}
    _close([event.pk for event in events if event.pk not in reached])
    return len(written)


def claim_notification() -> Outgoing | None:
    """The next unsent message, marked as being sent; None when there is none."""
    row = (
        Notification.objects.filter(sent_at__isnull=True, failed_at__isnull=True)
        .filter(Q(claimed_at__isnull=True) | Q(claimed_at__lt=timezone.now() - CLAIM_LASTS))
        .select_for_update(skip_locked=True)
        .order_by("created_at", "pk")
        .first()
    )
    if row is None:
        return None
    row.claimed_at, row.attempts = timezone.now(), row.attempts + 1
    row.save(update_fields=["claimed_at", "attempts"])
    return Outgoing(row.pk, row.channel, row.recipient, row.subject, row.body, row.attempts)


def mark_notification(notification_id: UUID, *, delivered: bool) -> None:
    """Done with it; the event is closed with its last message."""
    row = Notification.objects.get(pk=notification_id)
    # Two workers marking two messages of one event take turns, so that the second sees both.
    OutboxEvent.objects.select_for_update().filter(pk=row.event_id).first()
    row = Notification.objects.select_for_update().get(pk=notification_id)
    now = timezone.now()
    if delivered:
        row.sent_at = row.sent_at or now
    else:
        row.failed_at = row.failed_at or now
    row.save(update_fields=["sent_at", "failed_at"])
    owed = Notification.objects.filter(event_id=row.event_id, sent_at__isnull=True, failed_at__isnull=True)
    if not owed.exists():
        _close([row.event_id])


def _hand_over(outgoing: Outgoing) -> tuple[bool, bool]:
    """(delivered, refused for good); neither means: later."""
    key = f"notification-{outgoing.id}"
    try:
        if outgoing.channel == Notification.Channel.SMS:
            messages.send_sms(outgoing.recipient, outgoing.body, key)
        else:
            messages.send_mail(outgoing.recipient, outgoing.subject, outgoing.body, key)
    except messages.Undeliverable:
        logger.warning("notification %s was refused for good", outgoing.id)
        return False, True
    except messages.NotDelivered as error:
        logger.warning("notification %s not delivered yet: %s", outgoing.id, error)
        return False, outgoing.attempts >= MOST_ATTEMPTS
    return True, False


def _close(event_ids: Iterable[UUID]) -> None:
    OutboxEvent.objects.filter(pk__in=list(event_ids), done_at__isnull=True).update(done_at=timezone.now())


def _notifications(institution: Institution, event: OutboxEvent, application: Application) -> list[Notification]:
    """A text message and a mail, as far as the person can be reached at an address that is surely theirs."""
    owner, applicant = application.owner, application.applicant
    assert applicant is not None  # submitted applications have one
    phone = (owner.phone if owner.phone_verified else "") if owner else applicant.phone
    email = owner.email if owner else applicant.email
    with override((owner.language if owner else "") or settings.LANGUAGE_CODE):
        subject, text = _words(institution, event, application)
        rows = []
        for channel, recipient in ((Notification.Channel.SMS, phone), (Notification.Channel.EMAIL, email)):
            if recipient:
                rows.append(
                    Notification(
                        institution_id=institution.pk,
                        application_id=application.pk,
                        event_id=event.pk,
                        channel=channel,
                        recipient=recipient,
                        subject=subject,
                        body=text if channel == Notification.Channel.SMS else _as_mail(institution, applicant, text),
                    )
                )
    return rows


def _words(institution: Institution, event: OutboxEvent, application: Application) -> tuple[str, str]:
    """Subject and text for what the event says, as things stand now."""
    number = f"{institution.number_prefix}-{application.number}"
    about = {
        "institution": institution.name,
        "number": number,
        "link": f"{settings.SITE_URL}/i/{institution.slug}/my/{application.pk}/",
    }
    subject = _("Tu solicitud %(number)s en %(institution)s") % about
    if event.name == "lending.application.review_requested":
        review = ReviewRequest.objects.filter(application_id=application.pk).latest("requested_at")
        text = _(
            "%(institution)s: recibimos tu pedido de revisión de la solicitud %(number)s. Una persona te responde"
            " hasta el %(day)s. %(link)s"
        )
        return subject, text % {**about, "day": _day(review.due_on)}
    if application.status == Status.APPROVED:
        offers = Offer.objects.filter(application_id=application.pk, status=Offer.Status.OPEN)
        latest = max((offer.valid_until for offer in offers), default=None)
        text = ngettext(
            "%(institution)s: tu solicitud %(number)s fue aprobada. Tienes %(count)s oferta, válida hasta el %(day)s."
            " Mírala aquí: %(link)s",
            "%(institution)s: tu solicitud %(number)s fue aprobada. Tienes %(count)s ofertas, válidas hasta el %(day)s."
            " Míralas aquí: %(link)s",
            len(offers),
        )
        return subject, text % {**about, "count": len(offers), "day": _day(latest) if latest else ""}
    if application.status == Status.DECLINED:
        text = _(
            "%(institution)s: por ahora no pudimos aprobar tu solicitud %(number)s. Mira las razones, qué puedes"
            " mejorar y cómo pedir que una persona la revise: %(link)s"
        )
        return subject, text % about
    if application.status in (Status.REFERRED, Status.PROPOSED) and application.decide_by:
        text = _(
            "%(institution)s: una persona está evaluando tu solicitud %(number)s y te responde hasta el %(day)s."
            " Síguela aquí: %(link)s"
        )
        return subject, text % {**about, "day": _day(application.decide_by.astimezone(LIMA).date())}
    text = _("%(institution)s: hay novedades en tu solicitud %(number)s: %(link)s")
    return subject, text % about


def _as_mail(institution: Institution, applicant: object, text: str) -> str:
    greeting = _("Hola, %(name)s:") % {"name": str(applicant)}
    closing = _("Este correo se envía solo; si tienes dudas, llama al %(phone)s.") % {"phone": institution.phone}
    parts = [greeting, text, *([closing] if institution.phone else []), institution.name]
    return "\n\n".join(parts)


def _day(day: date) -> str:
    return date_format(day, "SHORT_DATE_FORMAT")
