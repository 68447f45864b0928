"""Collecting: contacts that were made, promises to pay, and whether they were kept."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.tenancy.scope import current_institution_id
from lending.models import ContactNote, Loan, PromiseToPay
from lending.services.servicing import kept_reason

LONGEST_PROMISE_DAYS: Final = 30  # later than that is no promise but a new plan: that is a rescheduling
COLLECTED: Final = (Loan.Status.ACTIVE, Loan.Status.CHARGED_OFF)

# Kept: what was posted from the day it was made until the day it names reaches it.
SETTLE: Final = """
UPDATE lending_promisetopay p
SET status = CASE WHEN paid.amount >= p.amount THEN 'kept' ELSE 'broken' END, resolved_on = %(on)s
FROM (
  SELECT o.id, coalesce(sum(r.amount), 0) AS amount
  FROM lending_promisetopay o
  LEFT JOIN lending_repayment r ON r.institution_id = o.institution_id AND r.loan_id = o.loan_id
    AND r.status = 'posted' AND r."on" BETWEEN o.made_on AND o.due_on
  WHERE o.institution_id = %(institution)s AND o.status = 'open'
  GROUP BY o.id
) paid
WHERE p.institution_id = %(institution)s AND p.id = paid.id AND (paid.amount >= p.amount OR p.due_on < %(on)s)
RETURNING p.id, p.institution_id, p.loan_id, p.status
"""


@transaction.atomic
def log_contact(
    *,
    loan_id: UUID,
    actor: Actor,
    channel: str,
    result: str,
    note: str = "",
    next_on: date | None = None,
    promised: Decimal | None = None,
    promised_on: date | None = None,
) -> ContactNote:
    """Write down that a borrower was spoken to; with the result `promise`, also how much and by when.

    Amounts in the loan's currency. Raises NotAllowed, NotFound, InvalidState for a loan that owes nothing, or
    InvalidInput by field.
    """
    actor.require("lending.log_contact")
    loan = Loan.objects.select_for_update().filter(pk=loan_id).first()
    if loan is None:
        raise NotFound
    if loan.status not in COLLECTED:
        raise InvalidState(_("Este crédito no debe nada: no hay qué cobrar."))
    promise = _checked(channel, result, next_on, promised, promised_on)
    days_late = max((today() - loan.next_due_on).days, 0) if loan.next_due_on else 0
    written = ContactNote.objects.create(
        loan=loan,
        channel=channel,
        result=result,
        note=note.replace("\x00", "").strip()[:400],
        days_late=days_late,
        by_id=actor.user_id,
        next_on=next_on,
    )
    if promise:
        _promise(written, loan, actor, *promise)
    audit.record(
        actor, "lending.contact.logged", written, loan=loan.pk, channel=channel, result=result, days_late=days_late
    )
    return written


@transaction.atomic
def cancel_promise(*, promise_id: UUID, actor: Actor, reason: str) -> PromiseToPay:
    """Take an open promise back, with the reason; a repeated call returns it unchanged.

    Raises NotAllowed, NotFound, InvalidInput without a reason, InvalidState once it was kept or broken.
    """
    actor.require("lending.log_contact")
    promise = PromiseToPay.objects.select_for_update().filter(pk=promise_id).first()
    if promise is None:
        raise NotFound
    if promise.status == PromiseToPay.Status.CANCELLED:
        return promise
    if promise.status != PromiseToPay.Status.OPEN:
        raise InvalidState(_("Esta promesa ya venció y no se puede anular."))
    text = kept_reason(reason, _("Escribe por qué se anula la promesa"), shortest=1)
    promise.status, promise.resolved_on, promise.cancel_reason = PromiseToPay.Status.CANCELLED, today(), text
    promise.save(update_fields=["status", "resolved_on", "cancel_reason"])
    audit.record(actor, "lending.promise.cancelled", promise, loan=promise.loan_id)
    return promise


@transaction.atomic
def settle_promises(*, on: date) -> dict[str, int]:
    """Say which open promises were kept and which are broken at the end of `on`; returns how many of each.

    Set-based and safe to repeat; the nightly close of the institution in scope calls it.
    """
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, {"institution": current_institution_id(), "on": on})
        rows = cursor.fetchall()
    settled = [
        PromiseToPay(pk=pk, institution_id=institution, loan_id=loan, status=status)
        for pk, institution, loan, status in rows
    ]
    kept = [(one, {"loan": one.loan_id}) for one in settled if one.status == PromiseToPay.Status.KEPT]
    broken = [(one, {"loan": one.loan_id}) for one in settled if one.status == PromiseToPay.Status.BROKEN]
    actor = Actor.system("close", institution_id=current_institution_id())
    if kept:
        audit.record_many(actor, "lending.promise.kept", kept)
    if broken:
        audit.record_many(actor, "lending.promise.broken", broken)
    return {"kept": len(kept), "broken": len(broken)}


def _promise(written: ContactNote, loan: Loan, actor: Actor, amount: Decimal, due_on: date) -> None:
    """A new promise takes the place of an open one."""
    PromiseToPay.objects.filter(loan=loan, status=PromiseToPay.Status.OPEN).update(
        status=PromiseToPay.Status.CANCELLED, resolved_on=today()
    )
    promise = PromiseToPay.objects.create(
        loan=loan, note=written, amount=amount, made_on=today(), due_on=due_on, made_by_id=actor.user_id
    )
    audit.record(actor, "lending.promise.made", promise, loan=loan.pk, amount=amount, due_on=due_on)


def _checked(
    channel: str, result: str, next_on: date | None, promised: Decimal | None, promised_on: date | None
) -> tuple[Decimal, date] | None:
    """The amount and day of a promise; None where nothing was promised."""
    errors: dict[str, list[str]] = {}
    if channel not in ContactNote.Channel.values:
        errors["channel"] = [_("Elige cómo hablaste con la persona")]
    if result not in ContactNote.Result.values:
        errors["result"] = [_("Elige qué resultó")]
    if next_on is not None and next_on < today():
        errors["next_on"] = [_("La próxima fecha no puede estar en el pasado")]
    if result == ContactNote.Result.PROMISE:
        if promised is None or promised <= 0:
            errors["promised"] = [_("Escribe cuánto prometió pagar")]
        latest = today() + timedelta(days=LONGEST_PROMISE_DAYS)
        if promised_on is None or not today() <= promised_on <= latest:
            errors["promised_on"] = [
                _("Una promesa va de hoy a %(days)s días; para más plazo, pide una reprogramación")
                % {"days": LONGEST_PROMISE_DAYS}
            ]
    if errors:
        raise InvalidInput(fields=errors)
    if result != ContactNote.Result.PROMISE or promised is None or promised_on is None:
        return None
    return promised, promised_on
