"""Reminding borrowers: queued by the nightly close, written and sent by a worker, each once."""

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.clock import today
from accounts.models import Institution, OutboxEvent
from accounts.outbox import CHANNEL
from accounts.tenancy.scope import current_institution_id, institution_scope
from lending.models import Loan, Notification

EVENT: Final = "lending.loan.reminder_due"
DAYS_BEFORE: Final = 3
DAYS_LATE: Final = (1, 8, 15, 30)  # the house's practice: never more than one a week
BATCH: Final = 500
# Due in a few days, or late by so many days at the end of the day that was closed; one statement.
_QUEUE: Final = """
INSERT INTO accounts_outboxevent (id, institution_id, name, subject_id, payload, created_at, attempts)
SELECT gen_random_uuid(), %(i)s, %(event)s, l.id::text, jsonb_build_object('on', %(on)s::text), now(), 0
FROM lending_loan l
WHERE l.institution_id = %(i)s AND l.status = 'active' AND l.next_due_on = ANY (%(days)s::date[])
ORDER BY l.id
"""


def queue_reminders(on: date) -> int:
    """Queue a reminder for each loan that should have one after the close of `on`; returns how many.

    Only the newest close reminds: one that catches up on days long gone stays silent.
    """
    if on < today() - timedelta(days=1):
        return 0
    days = [on + timedelta(days=DAYS_BEFORE), *(on - timedelta(days=late) for late in DAYS_LATE)]
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE, {"i": current_institution_id(), "event": EVENT, "on": on, "days": days})
        count = cursor.rowcount
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    return count


def write_reminders(institution_id: int) -> int:
    """Messages for a batch of queued reminders; returns how many events were taken."""
    with institution_scope(institution_id):
        events = list(
            OutboxEvent.objects.filter(name=EVENT, done_at__isnull=True)
            .exclude(pk__in=Notification.objects.filter(sent_at__isnull=True).values("event_id"))
            .select_for_update(skip_locked=True)
            .order_by("created_at")[:BATCH]
        )
        loans = Loan.objects.select_related("applicant", "contract").in_bulk(
            [UUID(event.subject_id) for event in events]
        )
        institution = Institution.objects.get(pk=institution_id)
        written: list[Notification] = []
        silent: list[UUID] = []
        for event in events:
            loan = loans.get(UUID(event.subject_id))
            if loan is None or loan.status != Loan.Status.ACTIVE or not loan.applicant.phone or not loan.next_due_on:
                silent.append(event.pk)
                continue
            written.append(
                Notification(
                    institution_id=institution_id,
                    application_id=loan.contract.application_id if loan.contract else None,
                    loan_id=loan.pk,
                    event_id=event.pk,
                    channel=Notification.Channel.SMS,
                    recipient=loan.applicant.phone,
                    body=_words(institution, loan, loan.next_due_on),
                )
            )
        Notification.objects.bulk_create(written, ignore_conflicts=True)
        OutboxEvent.objects.filter(pk__in=silent).update(done_at=timezone.now())
    return len(events)


def _words(institution: Institution, loan: Loan, due_on: date) -> str:
    """What the borrower reads: plain, no threat, how to pay, nothing about the reasons of a delay."""
    with override(settings.LANGUAGE_CODE):
        about = {
            "institution": institution.name,
            "number": loan.number,
            "day": date_format(due_on, "SHORT_DATE_FORMAT"),
            "phone": institution.phone or settings.SITE_URL,
        }
        if due_on >= today():
            return _("%(institution)s: la cuota de tu crédito %(number)s vence el %(day)s.") % about
        late = _(
            "%(institution)s: la cuota de tu crédito %(number)s venció el %(day)s. Si ya pagaste, no hagas caso de"
            " este mensaje. Para pagar o conversar: %(phone)s"
        )
        return late % about
