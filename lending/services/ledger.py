"""Writing the books: the one place that posts a journal, and the closing of months."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState
from accounts.models.base import uuid7
from accounts.tenancy.scope import current_institution_id
from lending.ledger import Line
from lending.models import CloseRun, LedgerEntry, LedgerPeriod, Loan
from lending.selectors.ledger import trial_balance

BOOKS_LOCK: Final = 7_321  # advisory lock class: postings share it, closing a day or a month has it alone


def post_journal(
    lines: Sequence[Line], *, event: str, on: date, loan: Loan, subject_id: UUID | None = None
) -> UUID | None:
    """Write one act's lines for a loan in one statement; returns the journal, None for nothing to write.

    The database refuses lines that do not balance and closed months.
    """
    if not lines:
        return None
    key = uuid7()
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            institution_id=loan.institution_id,
            journal=key,
            on=on,
            account=line.account,
            currency=loan.currency,
            amount=line.amount,
            event=event,
            loan_id=loan.pk,
            product_id=loan.product_id,
            subject_id=subject_id,
        )
        for line in lines
    )
    return key


def accounting_day(value_day: date) -> date:
    """The day an act of `value_day` is booked on: itself while its books are open, the first open day from today else.

    A day is open until its nightly close begins and while its month is not closed. Holds off both until the
    transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s::int)", [BOOKS_LOCK, current_institution_id()])
    closed = closed_through()
    if closed is None or value_day > closed:
        return value_day
    return max(today(), closed + timedelta(days=1))


def closed_through() -> date | None:
    """The last day whose books are closed: by its nightly close, running or done, or with its month."""
    institution_id = current_institution_id()
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT greatest((SELECT max("on") FROM lending_closerun WHERE institution_id = %s),'
            " (SELECT (max(month) + interval '1 month')::date - 1"
            " FROM lending_ledgerperiod WHERE institution_id = %s))",
            [institution_id, institution_id],
        )
        [closed] = cursor.fetchone()
    return closed


@transaction.atomic
def close_period(*, month: date, actor: Actor) -> LedgerPeriod:
    """Close a month of the books with its trial balance; a repeated call returns it unchanged.

    Raises NotAllowed, InvalidInput for a month that is not over, InvalidState while an earlier month with entries is
    open or the nightly close of its last day has not run.
    """
    actor.require("lending.close_period")
    month = month.replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s::int)", [BOOKS_LOCK, current_institution_id()])
    closed = LedgerPeriod.objects.filter(month=month).first()
    if closed:
        return closed
    last = _last_day(month)
    if last >= today():
        raise InvalidInput(fields={"month": [_("Ese mes todavía no termina.")]})
    earlier = LedgerEntry.objects.filter(on__lt=month)
    newest = LedgerPeriod.objects.order_by("-month").first()
    if newest:
        earlier = earlier.filter(on__gt=_last_day(newest.month))
    first_open = earlier.order_by("on").values_list("on", flat=True).first()
    if first_open:
        raise InvalidState(_("Cierra antes el mes %(month)s.") % {"month": first_open.strftime("%m/%Y")})
    if not CloseRun.objects.filter(on=last, finished_at__isnull=False).exists():
        raise InvalidState(
            _("Falta el cierre del día %(day)s. Ejecútalo y vuelve a cerrar el mes.")
            % {"day": last.strftime("%d/%m/%Y")}
        )
    rows = [{name: str(value) for name, value in row.items()} for row in trial_balance(last)]
    period = LedgerPeriod.objects.create(month=month, closed_by_id=actor.user_id, trial_balance=rows)
    audit.record(actor, "lending.ledger.month_closed", period, on=month)
    outbox.publish("lending.ledger.month_closed", period)
    return period


def _last_day(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
