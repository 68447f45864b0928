"""Money that comes in for a loan: repayments, prepayments, payoffs, recoveries, and their reversal."""

from dataclasses import dataclass
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
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.numbering import RECEIPTS, next_number
from lending.ledger import MONEY_ACCOUNT, refund_lines, transaction_tax
from lending.models import Loan, PrepaymentRequest, Repayment
from lending.money import ZERO, format_money, to_centimos
from lending.parameters import legal_values_on, term
from lending.schedules.servicing import PrepaymentStrategy
from lending.schedules.state import LoanState
from lending.selectors.loans import in_order
from lending.selectors.prepayments import open_request
from lending.services.ledger import accounting_day, post_journal
from lending.services.prepayments import fulfil, reopen
from lending.services.servicing import (
    LoanWork,
    begin_work,
    checked_day,
    kept_reason,
    refuse_pending,
    require_status,
    settle,
)

TAXED: Final = frozenset({"cash"})  # Ley 28194 art. 9: paid to a lender without an account; banks tax their own
LEGAL_VALUES: Final = ("itf_rate", "itf_step", "prepayment_installments")
SHORTEST_REASON: Final = 5
Kind = Repayment.Kind
Channel = Repayment.Channel
Status = Loan.Status
EARLY: Final = frozenset({PrepaymentStrategy.REDUCE_AMOUNT, PrepaymentStrategy.REDUCE_NUMBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How money came in: value day, channel, whose reference it is. A reference is taken once per provider."""

    on: date
    channel: str = Channel.CASH
    provider: str = ""
    external_ref: str = ""


@transaction.atomic
def record_repayment(
    *,
    loan_id: UUID,
    actor: Actor,
    amount: Decimal,
    on: date | None = None,
    channel: str = Channel.CASH,
    provider: str = "",
    external_ref: str = "",
    strategy: str | None = None,
) -> Repayment:
    """Post money for a loan: to what is due, the oldest installment first, in the order of the contract.

    What is over is kept for the next installments (adelanto), or, above the number of installments the norm says,
    taken as a prepayment (Ley 29571 arts. 85-86); `strategy` is the borrower's own choice, else what they asked for
    beforehand (`PrepaymentRequest`). `on` is the value day,
    today by default; an earlier one replays what followed. The same `external_ref` of a `provider` again returns
    the first posting. On a loan charged off it is a recovery. The ITF comes on top of `amount`.

    Raises NotAllowed, NotFound, InvalidState, and InvalidInput for a day before disbursement or after today, an
    amount above what is owed, or a reference used for another payment.
    """
    actor.require("lending.record_repayment")
    receipt = Receipt(on=on or today(), channel=channel, provider=provider, external_ref=external_ref)
    work, posted = _begin(loan_id, amount, receipt, statuses=(Status.ACTIVE, Status.CHARGED_OFF))
    if posted:
        return posted
    state = work.state(receipt.on)
    if work.loan.status == Status.CHARGED_OFF:
        _refuse_above(amount, state.owed)
        return _post(work, actor, amount, receipt, kind=Kind.RECOVERY)
    if strategy in EARLY:
        return _prepay(work, actor, amount, receipt, state, strategy, open_request(loan_id, lock=True))
    asked = _announced(work, amount, state, receipt.on) if strategy is None else None
    if asked is not None and asked.choice in EARLY and amount < state.payoff.total:
        return _prepay(work, actor, amount, receipt, state, asked.choice, asked)
    if asked is not None and asked.choice not in EARLY:
        strategy = asked.choice
    if strategy is None and _is_early(work, amount, state, receipt.on):
        if amount == state.payoff.total:
            return _post(work, actor, amount, receipt, kind=Kind.PAYOFF)
        return _prepay(work, actor, amount, receipt, state, "", None)
    _refuse_above(amount, state.owed)
    posted = _post(work, actor, amount, receipt)
    if asked is not None:
        fulfil(asked, posted, actor)
    return posted


@transaction.atomic
def prepay_loan(
    *,
    loan_id: UUID,
    actor: Actor,
    amount: Decimal,
    strategy: str | None = None,
    on: date | None = None,
    channel: str = Channel.CASH,
    provider: str = "",
    external_ref: str = "",
) -> Repayment:
    """Pay part of the principal before its time, with interest to the day and no penalty; the plan is worked out anew.

    `strategy` is the borrower's choice, else what they asked for beforehand; without one the term gets shorter, and
    `choose_prepayment` may change that while the days the norm gives last. Raises as `record_repayment`, and
    InvalidInput for an amount that pays the loan off or only what is due.
    """
    actor.require("lending.record_repayment")
    if strategy is not None and strategy not in EARLY:
        raise InvalidInput(fields={"strategy": [_("Elige cuotas más bajas o menos cuotas.")]})
    receipt = Receipt(on=on or today(), channel=channel, provider=provider, external_ref=external_ref)
    work, posted = _begin(loan_id, amount, receipt)
    if posted:
        return posted
    asked = open_request(loan_id, lock=True)
    if strategy is None and asked is not None and asked.choice in EARLY:
        strategy = asked.choice
    return _prepay(work, actor, amount, receipt, work.state(receipt.on), strategy or "", asked)


@transaction.atomic
def choose_prepayment(*, repayment_id: UUID, actor: Actor, strategy: str) -> Repayment:
    """The borrower says what a prepayment does to the plan; the same choice again changes nothing.

    Staff may write it down for them. Raises NotFound, NotAllowed, InvalidState once the days to choose are over or
    something happened since, InvalidInput.
    """
    repayment = Repayment.objects.select_related("loan__applicant").filter(pk=repayment_id).first()
    if repayment is None:
        raise NotFound
    if actor.user_id is None or repayment.loan.applicant.user_id != actor.user_id:
        actor.require("lending.note_prepayment")
    if strategy not in EARLY:
        raise InvalidInput(fields={"strategy": [_("Elige cuotas más bajas o menos cuotas.")]})
    work = begin_work(repayment.loan_id)
    found = next((row for row in work.facts.repayments if row.pk == repayment.pk), None)
    if found is None or found.kind != Kind.PREPAYMENT:
        raise InvalidState(_("Solo se elige qué hace un pago anticipado."))
    if found.strategy == strategy:
        return found
    last = choice_until(found)
    if today() > last:
        raise InvalidState(
            _("El plazo para elegir terminó el %(day)s: se redujo el número de cuotas.")
            % {"day": last.strftime("%d/%m/%Y")},
            code="choice_over",
        )
    found.strategy = strategy
    found.save(update_fields=["strategy"])
    settle(work, event="lending.repayment.choice_made", on=found.on, subject_id=found.pk)
    audit.record(actor, "lending.repayment.choice_made", found, loan=work.loan.pk, strategy=strategy)
    outbox.publish("lending.repayment.choice_made", found)
    return found


def choice_until(repayment: Repayment) -> date:
    """The last day on which the borrower may choose what a prepayment does."""
    return repayment.on + timedelta(days=term("prepayment_choice_days", repayment.on))


@transaction.atomic
def pay_off_loan(
    *,
    loan_id: UUID,
    actor: Actor,
    amount: Decimal | None = None,
    on: date | None = None,
    channel: str = Channel.CASH,
    provider: str = "",
    external_ref: str = "",
) -> Repayment:
    """Pay all that is owed, with interest to the day; money kept from before counts.

    `amount` is what the person was told; it is refused when it is not the right one any more. Raises as
    `record_repayment`.
    """
    actor.require("lending.record_repayment")
    receipt = Receipt(on=on or today(), channel=channel, provider=provider, external_ref=external_ref)
    work, posted = _begin(loan_id, amount, receipt)
    if posted:
        return posted
    _nothing_later(work, receipt.on)
    needed = work.payoff(receipt.on).total
    if amount is not None and amount != needed:
        raise InvalidInput(
            fields={"amount": [_("Para cancelar este día hacen falta %(amount)s.") % {"amount": format_money(needed)}]}
        )
    return _post(work, actor, needed, receipt, kind=Kind.PAYOFF)


@transaction.atomic
def reverse_repayment(*, repayment_id: UUID, actor: Actor, reason: str) -> Repayment:
    """Take a payment back, as if it had never been: what followed is worked out again without it.

    Somebody else than who received it must do it. Raises NotAllowed, NotFound, InvalidInput without a reason, and
    InvalidState for one already reversed, one of a refinancing, or one from before a charge-off.
    """
    actor.require("lending.reverse_repayment")
    text = kept_reason(reason, _("Escribe el motivo."), shortest=SHORTEST_REASON, longest=200)
    loan_id = Repayment.objects.filter(pk=repayment_id).values_list("loan_id", flat=True).first()
    if loan_id is None:
        raise NotFound
    work = begin_work(loan_id, statuses=(Status.ACTIVE, Status.PAID, Status.CHARGED_OFF))
    loan = work.loan
    repayment = next((row for row in work.facts.repayments if row.pk == repayment_id), None)
    if repayment is None:
        raise InvalidState(_("Este pago ya está extornado."), code="already_reversed")
    if repayment.received_by_id is not None and repayment.received_by_id == actor.user_id:
        raise NotAllowed(_("Nadie extorna un pago que recibió: debe hacerlo otra persona."), code="four_eyes")
    if repayment.channel == Channel.INTERNAL:
        raise InvalidState(_("Este pago lo hizo una refinanciación y no se extorna."))
    if loan.charged_off_on and repayment.kind != Kind.RECOVERY:
        raise InvalidState(_("El crédito está castigado: revierte primero el castigo."))
    repayment.status = Repayment.Status.REVERSED
    repayment.reversed_by_id, repayment.reversed_at = actor.user_id, timezone.now()
    repayment.reversal_reason = text
    repayment.save(update_fields=["status", "reversed_by", "reversed_at", "reversal_reason"])
    reopen(repayment, actor)
    work.facts.repayments.remove(repayment)
    settle(
        work, event="lending.repayment.reversed", on=today(), subject_id=repayment.pk, money=-repayment.amount,
        itf=-repayment.itf, channel=repayment.channel,
    )  # fmt: skip
    audit.record(
        actor, "lending.repayment.reversed", repayment, loan=loan.pk, number=repayment.number, amount=repayment.amount
    )
    outbox.publish("lending.repayment.reversed", repayment)
    return repayment


@transaction.atomic
def refund_advance(*, loan_id: UUID, actor: Actor, method: str = "transfer") -> Decimal:
    """Give back what a paid-off loan has in advance; returns the amount, zero when there is none.

    An approver's act: money leaves that a cashier took in. Raises NotAllowed, NotFound, InvalidState.
    """
    actor.require("lending.reverse_repayment")
    work = begin_work(loan_id, statuses=(Status.PAID,))
    loan = work.loan
    amount = loan.advance
    if not amount:
        return ZERO
    if any(row.received_by_id == actor.user_id for row in work.facts.repayments if row.received_by_id):
        raise NotAllowed(_("Nadie devuelve dinero que recibió: debe hacerlo otra persona."), code="four_eyes")
    loan.refunded += amount
    loan.advance = ZERO
    loan.save(update_fields=["advance", "refunded"])
    post_journal(
        refund_lines(money=amount, money_account=MONEY_ACCOUNT[method]),
        event="lending.loan.advance_refunded", on=accounting_day(today()), loan=loan,
    )  # fmt: skip
    audit.record(actor, "lending.loan.advance_refunded", loan, amount=amount)
    outbox.publish("lending.loan.advance_refunded", loan)
    return amount


# --- steps ------------------------------------------------------------------------------------------------------


def _begin(
    loan_id: UUID, amount: Decimal | None, receipt: Receipt, *, statuses: tuple[str, ...] = (Status.ACTIVE,)
) -> tuple[LoanWork, Repayment | None]:
    """The locked loan, and the payment this reference already made, if it did."""
    if receipt.channel not in Channel.values:
        raise InvalidInput(fields={"channel": [_("Elige un canal de la lista.")]})
    if amount is not None:
        try:
            cents = to_centimos(amount)
        except (TypeError, ValueError) as error:
            raise InvalidInput(fields={"amount": [_("Escribe un monto con dos decimales como máximo.")]}) from error
        if cents <= 0:
            raise InvalidInput(fields={"amount": [_("El monto debe ser mayor que cero.")]})
    work = begin_work(loan_id, statuses=Status.values)
    if receipt.external_ref:
        posted = Repayment.objects.filter(provider=receipt.provider, external_ref=receipt.external_ref).first()
        if posted is not None:
            same = posted.loan_id == work.loan.pk and posted.on == receipt.on and amount in (None, posted.amount)
            if same and posted.status == Repayment.Status.POSTED:
                return work, posted
            raise InvalidInput(
                fields={"external_ref": [_("Esta referencia ya se usó para otro pago.")]}, code="reference_used"
            )
    require_status(work.loan, statuses)
    checked_day(receipt.on, today=today(), first=work.loan.disbursed_on)
    return work, None


def _is_early(work: LoanWork, amount: Decimal, state: LoanState, on: date) -> bool:
    """Whether what is over is more than an advance by the norm; a payment found out late never is."""
    if amount <= state.due or on < (work.last_event_on() or on) or work.pending_tranches:
        return False
    return amount - state.due > work.loan.installment * _value(work, "prepayment_installments", on)


def _value(work: LoanWork, code: str, on: date) -> Decimal:
    """A legal value that payments ask for; one query for all of them."""
    if not work.legal_values:
        work.legal_values = legal_values_on(on, *LEGAL_VALUES)
    return work.legal_values[code]


def _prepay(
    work: LoanWork, actor: Actor, amount: Decimal, receipt: Receipt, state: LoanState, strategy: str,
    asked: PrepaymentRequest | None,
) -> Repayment:  # fmt: skip
    _nothing_later(work, receipt.on)
    if amount >= state.payoff.total:
        needed = format_money(state.payoff.total)
        raise InvalidInput(
            fields={"amount": [_("Con %(amount)s el crédito queda cancelado: regístralo como cancelación.")
                               % {"amount": needed}]},
            code="pays_off",
        )  # fmt: skip
    if amount <= state.due:
        raise InvalidInput(
            fields={"amount": [_("Un pago anticipado pasa de lo vencido, %(amount)s.")
                               % {"amount": format_money(state.due)}]}
        )  # fmt: skip
    posted = _post(work, actor, amount, receipt, kind=Kind.PREPAYMENT, strategy=strategy)
    if asked is not None:  # whatever was said at the counter is the borrower's newer word
        fulfil(asked, posted, actor)
    return posted


def _announced(work: LoanWork, amount: Decimal, state: LoanState, on: date) -> PrepaymentRequest | None:
    """What the borrower asked of this payment: one above what is due that brings what was announced, or is early.

    A payment found out late is never the one that was announced.
    """
    if amount <= state.due or on < (work.last_event_on() or on) or work.pending_tranches:
        return None
    asked = open_request(work.loan.pk, lock=True)
    if asked is None or (amount < asked.amount and not _is_early(work, amount, state, on)):
        return None
    return asked


def _nothing_later(work: LoanWork, on: date) -> None:
    """A new plan starts where the story ends."""
    last = work.last_event_on()
    if last and last > on:
        raise InvalidInput(
            fields={"on": [_("Después de ese día hubo otro movimiento, el %(day)s: usa esa fecha o una posterior.")
                           % {"day": last.strftime("%d/%m/%Y")}]}
        )  # fmt: skip
    refuse_pending(work)


def _refuse_above(amount: Decimal, owed: Decimal) -> None:
    if amount > owed:
        raise InvalidInput(
            fields={"amount": [_("Lo que se debe son %(amount)s: no se puede pagar más.")
                               % {"amount": format_money(owed)}]},
            code="above_owed",
        )  # fmt: skip


def _post(
    work: LoanWork, actor: Actor, amount: Decimal, receipt: Receipt, *, kind: str = Kind.REPAYMENT, strategy: str = ""
) -> Repayment:
    loan = work.loan
    repayment = Repayment.objects.create(
        institution_id=loan.institution_id,
        loan=loan,
        number=next_number(Repayment, RECEIPTS, 1),
        kind=kind,
        strategy=strategy,
        amount=amount,
        on=receipt.on,
        channel=receipt.channel,
        provider=receipt.provider,
        external_ref=receipt.external_ref,
        itf=_tax(work, amount, receipt),
        received_by_id=actor.user_id,
    )
    last = work.last_event_on()
    work.facts.repayments = in_order([*work.facts.repayments, repayment])
    state = settle(
        work,
        event="lending.repayment.posted",
        on=receipt.on,
        subject_id=repayment.pk,
        money=amount,
        itf=repayment.itf,
        channel=receipt.channel,
        newest=repayment if last is None or receipt.on >= last else None,
    )
    audit.record(
        actor, "lending.repayment.posted", repayment, loan=loan.pk, number=repayment.number, kind=kind, amount=amount,
        on=receipt.on, channel=receipt.channel,
    )  # fmt: skip
    outbox.publish("lending.repayment.posted", repayment, over=state.is_over)
    return repayment


def _tax(work: LoanWork, amount: Decimal, receipt: Receipt) -> Decimal:
    if receipt.channel not in TAXED:
        return ZERO
    rate, step = (_value(work, code, receipt.on) for code in ("itf_rate", "itf_step"))
    return transaction_tax(amount, rate, step)
