"""Changes of a loan otherwise than by payment: one person proposes, another approves, and then it is applied.

Reschedule, refinance, new rate, waiver, charge-off, going to court and their undoing need four eyes: money is given up
or a promise is changed. A charge is added by one person, from the list of what the law lets pass on.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from lending.ledger import charge_off_lines, negated
from lending.models import Contract, Loan, Parameter, Restructure
from lending.money import format_money, to_centimos
from lending.parameters import legal_values_on
from lending.provisions import LOSS
from lending.schedules.contract import write_event
from lending.schedules.servicing import FORGIVABLE, Event, EventKind
from lending.schedules.state import LoanState
from lending.selectors.risk import last_state
from lending.services.contracts import cancel_open
from lending.services.refinancing import contract_of, new_terms, refinance
from lending.services.servicing import LoanWork, begin_work, catch_up, kept_reason, refuse_pending, settle

SHORTEST_REASON: Final = 10
CHARGES: Final = {  # what may be passed on: third parties' services the borrower asked for or the law lets recover
    "notary": gettext_lazy("Gastos notariales"),
    "registry": gettext_lazy("Gastos registrales"),
    "judicial": gettext_lazy("Costas judiciales"),
    "copies": gettext_lazy("Duplicado de contrato o documento"),
}
FORBIDDEN_CHARGES: Final = {  # Ley 28587, Ley 31143, Res. SBS 3274-2017
    "evaluation": gettext_lazy("Evaluación del crédito"),
    "disbursement": gettext_lazy("Desembolso"),
    "administration": gettext_lazy("Administración del crédito"),
    "prepayment": gettext_lazy("Pago anticipado o cancelación"),
    "late_fee": gettext_lazy("Penalidad por atraso"),
    "collection": gettext_lazy("Gestión de cobranza"),
}
Kind = Restructure.Kind
Status = Loan.Status
LIVING: Final = (Status.ACTIVE,)
WAITING: Final = (Restructure.Status.REQUESTED, Restructure.Status.AUTHORISED)
OWED: Final = (Status.ACTIVE, Status.CHARGED_OFF)


# --- proposing --------------------------------------------------------------------------------------------------


@transaction.atomic
def reschedule_loan(
    *, loan_id: UUID, actor: Actor, installments: int, first_due_on: date, reason: str, grace_on_principal: int = 0,
    on: date | None = None,
) -> Restructure:  # fmt: skip
    """Propose a new plan for what is owed: overdue principal joins it, overdue interest falls due with its first line.

    `lending.selectors.loans.facts_of(loan).after(…)` shows it beforehand. Raises NotAllowed, NotFound, InvalidState,
    InvalidInput.
    """
    day = on or today()
    if first_due_on <= day:
        raise InvalidInput(fields={"first_due_on": [_("La primera cuota vence después de hoy.")]})
    event = Event(
        kind=EventKind.RESCHEDULE, on=day, installments=installments, first_due_on=first_due_on,
        grace_on_principal=grace_on_principal,
    )  # fmt: skip
    return _propose(loan_id, actor, Kind.RESCHEDULE, day, reason, event)


@transaction.atomic
def change_rate(*, loan_id: UUID, actor: Actor, tea: Decimal, reason: str, on: date | None = None) -> Restructure:
    """Propose another TEA (a fraction) for what is left, under the legal cap of the day. Raises as the others."""
    day = on or today()
    cap = legal_values_on(day, Parameter.Code.USURY_CAP_TEA)[Parameter.Code.USURY_CAP_TEA]
    if not 0 <= tea <= cap:
        raise InvalidInput(fields={"tea": [_("La TEA va de cero al tope legal.")]}, code="above_cap")
    return _propose(
        loan_id, actor, Kind.RATE_CHANGE, day, reason, Event(kind=EventKind.RATE_CHANGE, on=day, annual_rate=tea)
    )


@transaction.atomic
def waive(
    *, loan_id: UUID, actor: Actor, part: str, amount: Decimal, reason: str, on: date | None = None
) -> Restructure:
    """Propose to forgive part of what is due: `penalties` (moratory interest), `fees`, `insurance` or `interest`.

    Never principal, never more than is due. Raises as the others.
    """
    day = on or today()
    if part not in FORGIVABLE:
        raise InvalidInput(fields={"part": [_("Elige qué se condona; el capital no se condona.")]})
    event = Event(kind=EventKind.WAIVER, on=day, amount=_money(amount), part=part)
    return _propose(loan_id, actor, Kind.WAIVER, day, reason, event)


@transaction.atomic
def refinance_loan(
    *, loan_id: UUID, actor: Actor, installments: int, tea: Decimal, reason: str, first_due_on: date | None = None,
    on: date | None = None,
) -> Restructure:  # fmt: skip
    """Propose a new loan that pays this one off, with interest and moratory interest to the day of its approval.

    The new loan is marked as refinanced; no new money is lent. Once approved the borrower signs its contract, and what
    is owed that day is the amount. Raises as the others.
    """
    day = on or today()
    values = legal_values_on(day, Parameter.Code.USURY_CAP_TEA)
    if not 0 <= tea <= values[Parameter.Code.USURY_CAP_TEA]:
        raise InvalidInput(fields={"tea": [_("La TEA va de cero al tope legal.")]}, code="above_cap")
    terms = new_terms(installments=installments, tea=tea, first_due_on=first_due_on, on=day)
    return _propose(loan_id, actor, Kind.REFINANCE, day, reason, details=terms)


@transaction.atomic
def charge_off_loan(*, loan_id: UUID, actor: Actor, reason: str, on: date | None = None) -> Restructure:
    """Propose to write a lost loan off: classed as loss by the days the norm says, or with its debtor, and wholly
    provisioned. The borrower owes on. Raises as the others."""
    return _propose(loan_id, actor, Kind.CHARGE_OFF, on or today(), reason)


@transaction.atomic
def undo_charge_off(*, loan_id: UUID, actor: Actor, reason: str, on: date | None = None) -> Restructure:
    """Propose to take a charge-off back, while nothing of it was recovered. Raises as the others."""
    return _propose(loan_id, actor, Kind.UNDO_CHARGE_OFF, on or today(), reason)


@transaction.atomic
def move_to_judicial(*, loan_id: UUID, actor: Actor, reason: str, on: date | None = None) -> Restructure:
    """Propose to book an overdue loan as claimed in court; the nightly close moves its principal to 1406.

    Raises as the others.
    """
    return _propose(loan_id, actor, Kind.JUDICIAL, on or today(), reason)


@transaction.atomic
def undo_judicial(*, loan_id: UUID, actor: Actor, reason: str, on: date | None = None) -> Restructure:
    """Propose to take a loan out of court collection: the claim was withdrawn, or never filed. Raises as the others."""
    return _propose(loan_id, actor, Kind.UNDO_JUDICIAL, on or today(), reason)


@transaction.atomic
def add_charge(
    *, loan_id: UUID, actor: Actor, concept: str, amount: Decimal, reason: str, on: date | None = None
) -> Restructure:
    """Pass a third party's cost on to the next installment; one of `CHARGES`, never one of `FORBIDDEN_CHARGES`.

    Raises NotAllowed, NotFound, InvalidState, InvalidInput.
    """
    actor.require("lending.add_charge")
    if concept in FORBIDDEN_CHARGES:
        raise InvalidInput(
            fields={"concept": [_("La ley prohíbe cobrar: %(charge)s.") % {"charge": FORBIDDEN_CHARGES[concept]}]},
            code="forbidden_charge",
        )
    if concept not in CHARGES:
        raise InvalidInput(fields={"concept": [_("Elige un gasto de la lista.")]})
    day = on or today()
    event = Event(kind=EventKind.CHARGE, on=day, amount=_money(amount))
    text = kept_reason(reason, _("Escribe el motivo, con sus hechos."), shortest=SHORTEST_REASON)
    work = begin_work(loan_id, statuses=LIVING)
    _not_before_the_last(work, day)
    row = _stored(work, actor, Kind.CHARGE, day, text, {**write_event(event), "concept": concept})
    row.status = Restructure.Status.APPLIED
    row.save(update_fields=["status"])
    return _applied(work, row, actor)


# --- deciding ---------------------------------------------------------------------------------------------------


@transaction.atomic
def approve_restructure(*, restructure_id: UUID, actor: Actor, on: date | None = None) -> Restructure:
    """Apply what somebody else proposed, as of `on` (today); a repeated call returns it unchanged.

    A refinancing is authorised only, with its contract: it takes effect when the borrower signs.
    Raises NotAllowed to its author, NotFound, InvalidState when it is not possible any more, Unavailable.
    """
    actor.require("lending.approve_restructure")
    work, row = _locked(restructure_id)
    if row.status in (Restructure.Status.APPLIED, Restructure.Status.AUTHORISED):
        return row
    if row.status != Restructure.Status.REQUESTED:
        raise InvalidState(_("Esta propuesta no se autorizó."))
    if row.requested_by_id == actor.user_id:
        raise NotAllowed(_("Nadie autoriza lo que propuso: debe decidir otra persona."), code="four_eyes")
    day = on or today()
    _not_before_the_last(work, day)
    signed_later = row.kind == Kind.REFINANCE
    row.on = day
    row.status = Restructure.Status.AUTHORISED if signed_later else Restructure.Status.APPLIED
    row.approved_by_id, row.decided_at = actor.user_id, timezone.now()
    if row.event.get("date"):
        row.event = {**row.event, "date": day.isoformat()}
    before = work.state(day)
    _possible(work, row, before)
    row.before = [_as_json(line) for line in before.lines if not line.settled_on]
    row.save()
    if not signed_later:
        return _applied(work, row, actor)
    audit.record(actor, "lending.restructure.authorised", row, loan=row.loan_id, kind=row.kind, on=day)
    outbox.publish("lending.restructure.authorised", row, kind=row.kind)
    contract_of(work, row, actor, day)
    return row


def apply_refinancing(*, contract: Contract, actor: Actor, on: date) -> Restructure:
    """The refinancing of a contract that was signed just now takes effect, in the caller's transaction.

    Raises InvalidState when what is owed is not what was signed.
    """
    assert contract.restructure_id is not None
    work, row = _locked(contract.restructure_id)
    if row.status != Restructure.Status.AUTHORISED:
        raise InvalidState(_("Esta refinanciación no espera una firma."))
    _not_before_the_last(work, on)
    state = work.state(on)
    _possible(work, row, state)
    row.on, row.status = on, Restructure.Status.APPLIED
    row.before = [_as_json(line) for line in state.lines if not line.settled_on]
    row.save()
    return _applied(work, row, actor, contract)


@transaction.atomic
def reject_restructure(*, restructure_id: UUID, actor: Actor) -> Restructure:
    """Turn a proposal down; its author may withdraw it. Repeated, nothing changes. Raises as `approve_restructure`."""
    _work, row = _locked(restructure_id)
    if actor.user_id is None or row.requested_by_id != actor.user_id:
        actor.require("lending.approve_restructure")
    if row.status == Restructure.Status.REJECTED:
        return row
    if row.status not in WAITING:
        raise InvalidState(_("Esta propuesta ya se aplicó."))
    for contract in row.contracts.filter(status=Contract.Status.OPEN):
        cancel_open(contract, actor, "refinancing_rejected")
    row.status, row.decided_at = Restructure.Status.REJECTED, timezone.now()
    row.save(update_fields=["status", "decided_at"])
    audit.record(actor, "lending.restructure.rejected", row, loan=row.loan_id, kind=row.kind)
    outbox.publish("lending.restructure.rejected", row, kind=row.kind)
    return row


# --- steps ------------------------------------------------------------------------------------------------------


def _propose(
    loan_id: UUID,
    actor: Actor,
    kind: str,
    on: date,
    reason: str,
    event: Event | None = None,
    details: dict[str, Any] | None = None,
) -> Restructure:
    """A checked proposal; the open one of the same kind comes back."""
    actor.require("lending.propose_restructure")
    text = kept_reason(reason, _("Escribe el motivo, con sus hechos."), shortest=SHORTEST_REASON)
    statuses = {Kind.UNDO_CHARGE_OFF: (Status.CHARGED_OFF,), Kind.WAIVER: OWED}.get(Kind(kind), LIVING)
    work = begin_work(loan_id, statuses=statuses)
    _not_before_the_last(work, on)
    waiting = Restructure.objects.filter(loan_id=loan_id, kind=kind, status__in=WAITING).first()
    if waiting is not None:
        return waiting
    content = write_event(event) if event else (details or {})
    row = _stored(work, actor, kind, on, text, content)
    state = work.state(on)
    _possible(work, row, state)
    if event is not None:  # the engine says whether it goes together with what happened
        work.after([*work.facts.events(), event], on)
    audit.record(actor, "lending.restructure.proposed", row, loan=loan_id, kind=kind)
    outbox.publish("lending.restructure.proposed", row, kind=kind)
    return row


def _stored(work: LoanWork, actor: Actor, kind: str, on: date, reason: str, event: dict[str, Any]) -> Restructure:
    return Restructure.objects.create(
        institution_id=work.loan.institution_id, loan=work.loan, kind=kind, on=on, event=event, reason=reason,
        requested_by_id=actor.user_id,
    )  # fmt: skip


def _locked(restructure_id: UUID) -> tuple[LoanWork, Restructure]:
    """A proposal, its loan locked. Raises NotFound."""
    loan_id = Restructure.objects.filter(pk=restructure_id).values_list("loan_id", flat=True).first()
    if loan_id is None:
        raise NotFound
    work = begin_work(loan_id, statuses=Status.values)
    return work, Restructure.objects.get(pk=restructure_id)


def _possible(work: LoanWork, row: Restructure, state: LoanState) -> None:
    """Raise InvalidState when the loan is not in a state for this kind of change."""
    loan = work.loan
    if row.kind == Kind.WAIVER:
        part = "moratory" if row.event["part"] == "penalties" else row.event["part"]
        owed = state.due_of(part)
        if Decimal(row.event["amount"]) > owed:
            raise InvalidState(
                _("De eso solo se deben %(amount)s: no se puede condonar más.") % {"amount": format_money(owed)},
                code="above_owed",
            )
    elif row.kind in (Kind.RESCHEDULE, Kind.REFINANCE, Kind.RATE_CHANGE):
        refuse_pending(work)
        if loan.status != Status.ACTIVE:
            raise InvalidState(_("El crédito ya no está vigente."))
    elif row.kind == Kind.CHARGE_OFF:
        _lost(loan, state)
    elif row.kind == Kind.UNDO_CHARGE_OFF and any(one.kind == "recovery" for one in work.facts.repayments):
        raise InvalidState(_("Ya se recuperó dinero de este crédito: el castigo no se revierte."))
    elif row.kind == Kind.JUDICIAL:
        if loan.judicial_on or not state.days_late:
            raise InvalidState(
                _("Solo pasa a cobranza judicial un crédito con atraso, y una sola vez."), code="not_late"
            )
    elif row.kind == Kind.UNDO_JUDICIAL and not loan.judicial_on:
        raise InvalidState(_("Este crédito no está en cobranza judicial."))


def _lost(loan: Loan, state: LoanState) -> None:
    """Res. SBS 11356-2008: only what is classed as loss and wholly provisioned is charged off."""
    days = legal_values_on(state.on, Parameter.Code.CHARGE_OFF_DAYS)[Parameter.Code.CHARGE_OFF_DAYS]
    if loan.status != Status.ACTIVE:
        raise InvalidState(_("El crédito ya no está vigente."))
    found = last_state(loan.pk)
    if state.days_late < days and (found is None or found.sbs_class < LOSS):
        raise InvalidState(
            _("Solo se castiga un crédito clasificado en pérdida; este tiene %(days)s días de atraso.")
            % {"days": state.days_late},
            code="not_lost",
        )
    if state.advance:
        raise InvalidState(_("El crédito tiene dinero pagado por adelantado: no se castiga."))
    if found is None or found.provision < state.principal:
        raise InvalidState(
            _("El crédito no está provisionado por completo: ejecuta el cierre del día y vuelve a intentarlo."),
            code="not_provisioned",
        )


def _applied(work: LoanWork, row: Restructure, actor: Actor, contract: Contract | None = None) -> Restructure:
    """The change takes effect: the replay, the books, the words."""
    loan, event = work.loan, "lending.restructure.applied"
    catch_up(work, row.on)
    work.facts.restructures.append(row)
    if contract is not None:
        refinance(work, row, contract)
    elif row.kind in (Kind.CHARGE_OFF, Kind.UNDO_CHARGE_OFF):
        lines = charge_off_lines(
            principal=work.before.principal,
            deferred=work.deferred(),
            principal_account=work.principal_account,
        )
        gone = row.kind == Kind.CHARGE_OFF
        loan.status = Status.CHARGED_OFF if gone else Status.ACTIVE
        loan.charged_off_on = row.on if gone else None
        settle(
            work, event=event, on=row.on, subject_id=row.pk, save=("charged_off_on",),
            lines=lambda _change: lines if gone else negated(lines),
        )  # fmt: skip
    elif row.kind in (Kind.JUDICIAL, Kind.UNDO_JUDICIAL):
        loan.judicial_on = row.on if row.kind == Kind.JUDICIAL else None
        settle(work, event=event, on=row.on, subject_id=row.pk, save=("judicial_on",))
    else:
        loan.is_rescheduled = loan.is_rescheduled or row.kind == Kind.RESCHEDULE
        if row.kind == Kind.RATE_CHANGE:
            loan.tea = Decimal(row.event["annual_rate_pct"]) / 100
        settle(work, event=event, on=row.on, subject_id=row.pk, save=("is_rescheduled", "tea"))
    audit.record(
        actor,
        "lending.restructure.applied",
        row,
        loan=loan.pk,
        kind=row.kind,
        on=row.on,
        amount=row.event.get("amount"),
    )
    outbox.publish("lending.restructure.applied", row, kind=row.kind)
    return row


def _not_before_the_last(work: LoanWork, on: date) -> None:
    """Raise InvalidInput for a day after today or before something else that happened to the loan."""
    last = max(filter(None, (work.loan.disbursed_on, work.last_event_on())), default=None)
    if on > today():
        raise InvalidInput(fields={"on": [_("La fecha no puede ser futura.")]})
    if last and on < last:
        raise InvalidInput(
            fields={"on": [_("Después de ese día hubo otro movimiento, el %(day)s: usa esa fecha o una posterior.")
                           % {"day": last.strftime("%d/%m/%Y")}]}
        )  # fmt: skip


def _as_json(line: Any) -> dict[str, str | int]:
    """A line that was replaced, for the record."""
    names: Iterable[str] = ("principal", "interest", "insurance", "fees", "moratory", "unpaid")
    return {"n": line.n, "due_on": line.due_on.isoformat()} | {name: str(getattr(line, name)) for name in names}


def _money(amount: Decimal) -> Decimal:
    try:
        cents = to_centimos(amount)
    except (TypeError, ValueError):
        cents = 0
    if cents <= 0:
        raise InvalidInput(fields={"amount": [_("Escribe un monto mayor que cero, con dos decimales como máximo.")]})
    return amount
