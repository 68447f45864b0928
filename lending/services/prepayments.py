"""The borrower's choice before the money comes: asked, kept with its day, obeyed by the payment, or let go.

`lending.services.repayments` posts the money and looks here for what was asked; the choice after the money is
`choose_prepayment` there. Who never chooses finishes sooner, as the norm says, and the record says so.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, NotFound
from accounts.tenancy.scope import institution_scope
from lending.models import Loan, PrepaymentRequest, Repayment
from lending.money import format_money, to_centimos
from lending.parameters import term
from lending.schedules.state import LoanState
from lending.selectors.prepayments import open_request
from lending.services.servicing import begin_work, refuse_pending

LASTS: Final = timedelta(days=30)  # ours: how long a request waits for its money
BATCH: Final = 500
Choice = PrepaymentRequest.Choice
Status = PrepaymentRequest.Status


@transaction.atomic
def ask_prepayment(*, loan_id: UUID, actor: Actor, amount: Decimal, choice: str) -> PrepaymentRequest:
    """Keep what the borrower wants of the next payment above what is due; the same again returns the one that stands.

    Another choice takes the place of the one before. Staff may write it down for them. Raises NotFound, NotAllowed,
    InvalidState unless the loan is in payment and wholly handed over, InvalidInput by field.
    """
    _require_party(loan_id, actor)
    work = begin_work(loan_id)
    refuse_pending(work)
    if choice not in Choice.values:
        raise InvalidInput(fields={"choice": [_("Elige qué quieres que pase con tu pago.")]})
    check_amount(amount, work.state(today()))
    for late in PrepaymentRequest.objects.filter(loan_id=loan_id, status=Status.OPEN, valid_until__lt=today()):
        _close(late, actor, Status.EXPIRED)
    standing = open_request(loan_id, lock=True)
    if standing is not None:
        if (standing.amount, standing.choice) == (amount, choice):
            return standing
        _close(standing, actor, Status.WITHDRAWN, replaced=True)
    assert actor.user_id is not None  # only people may
    asked = PrepaymentRequest.objects.create(
        institution_id=work.loan.institution_id, loan=work.loan, amount=amount, choice=choice, asked_on=today(),
        valid_until=today() + LASTS, asked_by_id=actor.user_id,
    )  # fmt: skip
    audit.record(actor, "lending.prepayment.asked", asked, loan=loan_id, amount=amount, choice=choice)
    outbox.publish("lending.prepayment.asked", asked)
    return asked


@transaction.atomic
def withdraw_prepayment(*, loan_id: UUID, actor: Actor) -> PrepaymentRequest | None:
    """Take back the request that stands; None where there is none. Raises NotFound, NotAllowed."""
    _require_party(loan_id, actor)
    standing = open_request(loan_id, lock=True)
    if standing is not None:
        _close(standing, actor, Status.WITHDRAWN)
    return standing


def fulfil(asked: PrepaymentRequest, repayment: Repayment, actor: Actor) -> None:
    """The payment that was announced came; in the caller's transaction."""
    asked.repayment = repayment
    _close(asked, actor, Status.DONE, repayment=repayment.pk)


def reopen(repayment: Repayment, actor: Actor) -> None:
    """The payment was taken back: what was asked waits for its money again, while its days last."""
    done = PrepaymentRequest.objects.filter(repayment_id=repayment.pk, status=Status.DONE, valid_until__gte=today())
    asked = done.first()
    if asked is None or open_request(repayment.loan_id) is not None:
        return
    asked.status, asked.repayment, asked.closed_at = Status.OPEN, None, None
    asked.save(update_fields=["status", "repayment", "closed_at"])
    audit.record(actor, "lending.prepayment.reopened", asked, loan=asked.loan_id)


def expire_prepayments(*, institution_id: int) -> int:
    """End requests whose money did not come, or whose loan ended; returns how many. Set-based, safe to repeat."""
    with institution_scope(institution_id):
        waiting = PrepaymentRequest.objects.filter(status=Status.OPEN)
        over = waiting.filter(valid_until__lt=today()) | waiting.exclude(loan__status=Loan.Status.ACTIVE)
        passed = list(over.select_for_update(of=("self",), skip_locked=True)[:BATCH])
        PrepaymentRequest.objects.filter(pk__in=[one.pk for one in passed]).update(
            status=Status.EXPIRED, closed_at=timezone.now()
        )
        if passed:
            audit.record_many(
                Actor.system("expiry", institution_id=institution_id), "lending.prepayment.expired",
                [(one, {"loan": one.loan_id}) for one in passed],
            )  # fmt: skip
        return len(passed)


def settle_choices(*, institution_id: int) -> int:
    """Write down that the days to choose are over: the term gets shorter, as the plan has been worked out already.

    Returns how many prepayments; safe to repeat.
    """
    with institution_scope(institution_id):
        undecided = Repayment.objects.filter(
            kind=Repayment.Kind.PREPAYMENT, status=Repayment.Status.POSTED, strategy="", on__lt=today()
        ).select_for_update(skip_locked=True)
        days: dict[date, int] = {}
        passed = []
        for one in undecided.order_by("on", "pk")[:BATCH]:
            days.setdefault(one.on, term("prepayment_choice_days", one.on))
            if one.on + timedelta(days=days[one.on]) < today():
                passed.append(one)
        Repayment.objects.filter(pk__in=[one.pk for one in passed]).update(strategy=Choice.SHORTER)
        if passed:
            audit.record_many(
                Actor.system("expiry", institution_id=institution_id), "lending.repayment.choice_defaulted",
                [(one, {"loan": one.loan_id, "strategy": str(Choice.SHORTER)}) for one in passed],
            )  # fmt: skip
        return len(passed)


def check_amount(amount: Decimal, state: LoanState) -> None:
    """Raise InvalidInput unless it is money above what is due and below what pays the loan off."""
    try:
        cents = to_centimos(amount)
    except (TypeError, ValueError):
        cents = 0
    if cents <= 0:
        raise InvalidInput(fields={"amount": [_("Escribe un monto mayor que cero, con dos decimales como máximo.")]})
    if amount <= state.due:
        raise InvalidInput(
            fields={"amount": [_("Eso solo alcanza para lo vencido, %(amount)s. Escribe un monto mayor.")
                               % {"amount": format_money(state.due)}]}
        )  # fmt: skip
    if amount >= state.payoff.total:
        raise InvalidInput(
            fields={"amount": [_("Con %(amount)s el crédito queda cancelado: pídelo como cancelación.")
                               % {"amount": format_money(state.payoff.total)}]}
        )  # fmt: skip


def _require_party(loan_id: UUID, actor: Actor) -> None:
    """The borrower, or staff who write it down for them. Raises NotFound, NotAllowed."""
    loan = Loan.objects.select_related("applicant").filter(pk=loan_id).first()
    if loan is None:
        raise NotFound
    if actor.user_id is None or loan.applicant.user_id != actor.user_id:
        actor.require("lending.note_prepayment")


def _close(asked: PrepaymentRequest, actor: Actor, status: Status, **facts: object) -> None:
    asked.status, asked.closed_at = status, timezone.now()
    asked.save(update_fields=["status", "closed_at", "repayment"])
    audit.record(actor, f"lending.prepayment.{status.value}", asked, loan=asked.loan_id, **facts)
    outbox.publish(f"lending.prepayment.{status.value}", asked)
