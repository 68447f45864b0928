"""What every act on a loan shares: lock it, work it out again, store what changed, post the difference.

A loan's terms and events are its truth; installments, allocations and the figures on the loan are their stored
projection as of `Loan.state_on`. An act adds or takes away an event; everything else follows from the replay,
so a reversal or a payment that comes to light late needs no rules of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotFound
from lending.ledger import CURRENT, MONEY_ACCOUNT, REFINANCED, Line, Standing, collection_lines, recovery_lines
from lending.models import Allocation, Installment, Loan, Repayment
from lending.money import CENT, ZERO, format_money
from lending.schedules.servicing import PARTS, Event, Payment
from lending.schedules.state import LineState, LoanState, Payoff
from lending.schedules.terms import InvalidTerms
from lending.selectors.loans import LoanFacts, facts_of
from lending.services.ledger import accounting_day, post_journal

STORED: Final = tuple(f.name for f in fields(LineState))
Status = Loan.Status


@dataclass(slots=True)
class LoanWork:
    """A locked loan, what happened to it, and how it stood before this act."""

    facts: LoanFacts
    stored: dict[int, Installment]  # by place
    before: Standing = field(default_factory=Standing)
    legal_values: dict[str, Decimal] = field(default_factory=dict)  # those the act has asked for

    @property
    def loan(self) -> Loan:
        return self.facts.loan

    @property
    def principal_account(self) -> str:
        """Where its principal is booked; the nightly close moves what is past due."""
        return REFINANCED if self.loan.is_refinanced else CURRENT

    @property
    def pending_tranches(self) -> int:
        """How many parts of the loan were not handed over yet."""
        return len(self.loan.terms.get("disbursements") or ()) - len(self.facts.tranches)

    def deferred(self) -> Decimal:
        """The yield of a refinanced loan that is not income yet, by its outstanding principal."""
        return deferred_of(self.loan, self.before.principal)

    def day(self, on: date) -> date:
        """The day to work the loan out for: it never goes back."""
        return max(on, self.loan.state_on or on)

    def state(self, on: date) -> LoanState:
        """How it stands on that day, before this act."""
        return self.after(self.facts.events(), on)

    def after(self, events: Iterable[Event], on: date) -> LoanState:
        """How it would stand with these events. Raises InvalidState when they do not go together."""
        try:
            return self.facts.after(list(events), self.day(on))
        except InvalidTerms as error:
            raise InvalidState(error.message) from error

    def payoff(self, on: date) -> Payoff:
        """What leaves nothing on that day, after which nothing happened: what advances paid later is undone."""
        return self.facts.state(on).payoff

    def last_event_on(self) -> date | None:
        """The day of the last thing that happened since disbursement."""
        return max((event.on for event in self.facts.events()), default=None)


def lock_loan(loan_id: UUID, *along: str) -> Loan:
    """The loan's row, locked until the transaction ends, read with what `along` names. Raises NotFound."""
    found = Loan.objects.select_for_update(of=("self",)).filter(pk=loan_id)
    loan = (found.select_related(*along) if along else found).first()
    if loan is None:
        raise NotFound
    return loan


def begin_work(loan_id: UUID, *, statuses: Iterable[str] = (Status.ACTIVE,)) -> LoanWork:
    """Lock a disbursed loan and read all that happened to it. Raises NotFound, InvalidState by its status."""
    loan = lock_loan(loan_id)
    require_status(loan, statuses)
    work = LoanWork(facts_of(loan), {row.place: row for row in Installment.objects.filter(loan_id=loan.pk)})
    lines = work.stored.values()
    work.before = Standing(
        principal=loan.principal_outstanding,
        advance=loan.advance,
        deferred=ZERO if loan.charged_off_on else deferred_of(loan, loan.principal_outstanding),
        **{name: sum((getattr(line, column) for line in lines), ZERO) for name, column in _SUMS.items()},
    )
    return work


def kept_reason(text: str, ask: str, *, shortest: int, longest: int = 400) -> str:
    """A reason in somebody's words, ready to be kept. Raises InvalidInput (`ask`) where there is none."""
    cleaned = " ".join(text.replace("\x00", "").split())[:longest]
    if len(cleaned) < shortest:
        raise InvalidInput(fields={"reason": [ask]})
    return cleaned


def require_status(loan: Loan, statuses: Iterable[str]) -> None:
    """Raise InvalidState, in words, unless the loan is in one of these states."""
    if loan.status in statuses:
        return
    words = {
        Status.APPROVED: _("Este crédito todavía no se desembolsa."),
        Status.ACTIVE: _("Este crédito está vigente."),
        Status.PAID: _("Este crédito ya está cancelado."),
        Status.REFINANCED: _("Este crédito se refinanció en otro."),
        Status.CHARGED_OFF: _("Este crédito está castigado."),
        Status.CANCELLED: _("Este crédito se anuló."),
    }
    raise InvalidState(words[Status(loan.status)], code=f"loan_{loan.status}")


def refuse_pending(work: LoanWork) -> None:
    """Raise InvalidState, saying which and how to go on, while a part of the loan was not handed over."""
    drawn = len(work.facts.tranches)
    parts = work.loan.terms.get("disbursements") or ()
    if len(parts) <= drawn:
        return
    left = sum((Decimal(part["amount"]) for part in parts[drawn:]), ZERO)
    raise InvalidState(
        _("Falta entregar %(amount)s de este crédito (parte %(n)s de %(of)s). Primero se entrega, o quien aprueba"
          " renuncia a ella en la página del crédito.")
        % {"amount": format_money(left), "n": drawn + 1, "of": len(parts)},
        code="part_pending",
    )  # fmt: skip


def settle(
    work: LoanWork,
    *,
    event: str,
    on: date,
    subject_id: UUID | None = None,
    money: Decimal = ZERO,
    itf: Decimal = ZERO,
    channel: str = "cash",
    newest: Repayment | None = None,
    lines: Callable[[Standing], list[Line]] | None = None,
    save: Sequence[str] = (),
) -> LoanState:
    """Replay the loan with what happened now, store the projection, post what changed; returns the new state.

    `on` is the value day. `newest` is a payment that comes after all others, whose allocation alone is written;
    without it all of them are written anew. `lines` makes the journal from the change; by default what came in
    is collected. `save` names fields of the loan that the act changed besides. The caller's events must already be in
    `work.facts`.
    """
    loan = work.loan
    state = work.state(on)
    if loan.refunded and (not state.is_over or state.advance < loan.refunded):
        raise InvalidState(_("De este crédito ya se devolvió un adelanto: no se puede cambiar lo anterior."))
    _store_lines(work, state)
    _store_allocations(work, state, newest)
    _store_loan(work, state, save)
    after = standing(loan, state)
    change = after - work.before
    if lines is not None:
        made = lines(change)
    elif loan.charged_off_on:
        made = recovery_lines(change, money=money, itf=itf, money_account=MONEY_ACCOUNT[channel])
    else:
        made = collection_lines(
            change, money=money, itf=itf, principal_account=work.principal_account, money_account=MONEY_ACCOUNT[channel]
        )
    post_journal(made, event=event, on=accounting_day(on), loan=loan, subject_id=subject_id)
    work.before = after
    return state


def catch_up(work: LoanWork, on: date) -> None:
    """Let installments that fell due meanwhile use money paid in advance, so that an act posts its own change alone."""
    if work.loan.advance and work.loan.next_due_on and work.loan.next_due_on <= work.day(on):
        settle(work, event="lending.loan.advance_used", on=on)


def standing(loan: Loan, state: LoanState) -> Standing:
    """What the loan amounts to in the books."""
    return Standing(
        principal=state.principal,
        advance=state.advance - loan.refunded,
        deferred=ZERO if loan.charged_off_on else deferred_of(loan, state.principal),
        **{name: state.total(column) for name, column in _SUMS.items()},
    )


@transaction.atomic
def use_advances(*, on: date, limit: int = 500) -> int:
    """Let money paid in advance pay the installments that fall due by `on`; returns how many loans changed.

    For the nightly close, in the scope of an institution; call it again until it returns 0.
    """
    waiting = (  # all of them locked before the first posting holds off the close of the books
        Loan.objects.select_for_update()
        .filter(status=Status.ACTIVE, advance__gt=0, next_due_on__lte=on)
        .filter(state_on__lt=on)
        .order_by("pk")
        .values_list("pk", flat=True)[:limit]
    )
    used = []
    for loan_id in list(waiting):
        work = begin_work(loan_id, statuses=Status.values)
        if work.loan.status != Status.ACTIVE or not work.loan.advance:
            continue
        before = work.loan.advance
        settle(work, event="lending.loan.advance_used", on=on)
        used.append((work.loan, {"on": on, "amount": before - work.loan.advance}))
    if used:
        audit.record_many(Actor.system("nightly close"), "lending.loan.advance_used", used)
    return len(used)


# --- the stored projection --------------------------------------------------------------------------------------

_SUMS: Final = {
    "interest": "paid_interest",
    "insurance": "paid_insurance",
    "fees": "paid_fees",
    "moratory": "paid_moratory",
    "waived_interest": "waived_interest",
}


def deferred_of(loan: Loan, principal: Decimal) -> Decimal:
    """The part of a refinanced loan's principal that was interest and is not collected yet."""
    return (loan.deferred_yield * principal / loan.principal).quantize(CENT, rounding=ROUND_HALF_UP)


def _store_lines(work: LoanWork, state: LoanState) -> None:
    """The lines that differ from the stored ones, in one statement; lines that are no more go."""
    loan = work.loan
    changed = []
    for line in state.lines:
        values = {name: getattr(line, name) for name in STORED}
        row = work.stored.get(line.place)
        if row is not None and all(getattr(row, name) == value for name, value in values.items()):
            continue
        changed.append(Installment(institution_id=loan.institution_id, loan_id=loan.pk, **values))
    if changed:
        Installment.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["institution", "loan", "place"],
            update_fields=[name for name in STORED if name != "place"],
        )
    if len(work.stored) > len(state.lines):
        Installment.objects.filter(loan_id=loan.pk, place__gte=len(state.lines)).delete()
    work.stored = {row.place: row for row in work.stored.values() if row.place < len(state.lines)}
    work.stored |= {row.place: row for row in changed}


def _store_allocations(work: LoanWork, state: LoanState, newest: Repayment | None) -> None:
    """Where the money of each payment went; of the newest alone when no other can have changed."""
    paid = list(zip(work.facts.repayments, state.payments, strict=True))
    if newest is not None:
        paid = [pair for pair in paid if pair[0].pk == newest.pk]
    else:
        Allocation.objects.filter(repayment__loan_id=work.loan.pk).delete()
    rows = [
        Allocation(institution_id=work.loan.institution_id, repayment_id=repayment.pk, part=part, amount=amount)
        for repayment, payment in paid
        for part, amount in _parts(payment).items()
        if amount
    ]
    if rows:
        Allocation.objects.bulk_create(rows)


def _parts(payment: Payment) -> dict[str, Decimal]:
    return {part: getattr(payment, part) for part in (*PARTS, "advance")}


def _store_loan(work: LoanWork, state: LoanState, save: Sequence[str]) -> None:
    loan = work.loan
    loan.principal_outstanding, loan.advance = state.principal, state.advance - loan.refunded
    loan.state_on, loan.next_due_on = state.on, state.next_due_on
    loan.installment = state.installment or loan.installment
    loan.installments = sum(line.kind == "installment" for line in state.lines)
    loan.matures_on = state.lines[-1].due_on
    loan.revision += 1
    if state.is_over and loan.status in (Status.ACTIVE, Status.CHARGED_OFF):
        loan.status = Status.PAID
        loan.closed_on = max(line.settled_on for line in state.lines if line.settled_on)
    elif not state.is_over and loan.status == Status.PAID:
        loan.status = Status.CHARGED_OFF if loan.charged_off_on else Status.ACTIVE
        loan.closed_on = None
    loan.save(
        update_fields=[
            "status", "principal_outstanding", "advance", "state_on", "next_due_on", "installment", "installments",
            "matures_on", "revision", "closed_on", *save,
        ]
    )  # fmt: skip


def checked_day(on: date, *, today: date, first: date | None, field_name: str = "on") -> None:
    """Raise InvalidInput unless `first` ≤ `on` ≤ `today`."""
    if on > today:
        raise InvalidInput(fields={field_name: [_("La fecha no puede ser futura.")]})
    if first and on < first:
        raise InvalidInput(
            fields={
                field_name: [
                    _("La fecha no puede ser anterior al desembolso, el %(day)s.") % {"day": first.strftime("%d/%m/%Y")}
                ]
            }
        )
