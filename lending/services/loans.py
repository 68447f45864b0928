"""From a signed contract to money in hand: book, ask for the money, pay it out with four eyes."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox, step_up
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import Membership
from accounts.numbering import LOANS, next_number
from lending import facts as declared_facts
from lending.credit_types import LIMITS, TypeLimits, credit_type
from lending.ledger import MONEY_ACCOUNT, Standing, disbursement_lines, transaction_tax
from lending.models import Application, Contract, Disbursement, Document, Loan
from lending.money import ZERO, format_money
from lending.parameters import legal_values_on
from lending.schedules import InvalidTerms, LoanTerms, build_schedule
from lending.schedules.contract import read_request, write_request
from lending.selectors.loans import LoanFacts, paid_tranches
from lending.services.groups import take_guarantees
from lending.services.servicing import (
    LoanWork,
    begin_work,
    catch_up,
    checked_day,
    kept_reason,
    lock_loan,
    require_status,
    settle,
)
from scoring.models import Segment

REQUIRED_PAPERS: Final = (Document.Kind.IDENTITY_FRONT, Document.Kind.IDENTITY_BACK)
FIRST_NUMBER: Final = 10_001
SHORTEST_REASON: Final = 5
Status = Loan.Status
Method = Disbursement.Method


@transaction.atomic
def book_loan(*, contract_id: UUID, actor: Actor) -> Loan:
    """The loan of a signed contract, waiting for its money; a repeated call returns it unchanged.

    Its terms are the contract's; its installments are stored when it is paid out. Raises NotAllowed, NotFound,
    InvalidState unless signed or above the legal caps of the day of signing, Unavailable while those are missing.
    """
    actor.require("lending.book_loan")
    contract = (
        Contract.objects.select_for_update(of=("self",))
        .select_related("product_version", "application")
        .filter(pk=contract_id)
        .first()
    )
    if contract is None:
        raise NotFound
    booked = Loan.objects.filter(contract_id=contract.pk).exclude(status=Status.CANCELLED).first()
    if booked:
        return booked
    if contract.status != Contract.Status.SIGNED or contract.signed_at is None:
        raise InvalidState(_("El contrato todavía no está firmado."))
    if contract.application is None or contract.product_version is None:
        raise InvalidState(_("Este contrato refinancia un crédito: el nuevo nace con la firma."))
    terms, _events, rules = read_request(contract.terms)
    if terms.down_payment:
        raise InvalidState(_("Un crédito con cuota inicial no se desembolsa aquí."))
    signed_on = timezone.localdate(contract.signed_at)
    limits = legal_values_on(signed_on, "usury_cap_tea", "moratory_cap_tea", *LIMITS)
    if contract.tea > limits["usury_cap_tea"]:
        raise InvalidState(_("La TEA del contrato pasa del tope legal del día en que se firmó."), code="above_cap")
    if contract.moratory_tea > limits["moratory_cap_tea"]:
        raise InvalidState(_("La tasa moratoria del contrato pasa del tope legal."), code="above_cap")
    schedule = build_schedule(terms)
    application = contract.application
    loan = Loan.objects.create(
        institution_id=contract.institution_id,
        number=next_number(Loan, LOANS, FIRST_NUMBER),
        contract=contract,
        applicant_id=contract.applicant_id,
        product_id=contract.product_version.product_id,
        product_version_id=contract.product_version_id,
        credit_type=_credit_type(application, contract.amount, limits),
        currency=contract.currency,
        principal=contract.amount,
        tea=contract.tea,
        moratory_tea=contract.moratory_tea,
        terms=contract.terms,
        allocation_order=list(rules.allocation_order),
        **_whose(application, actor),
        first_due_on=schedule.rows[0].due_on,
        matures_on=schedule.rows[-1].due_on,
        installment=schedule.installment,
        installments=len(schedule.rows),
    )
    take_guarantees(contract, loan, actor, signed_on)
    audit.record(
        actor,
        "lending.loan.booked",
        loan,
        number=loan.number,
        contract=contract.pk,
        amount=loan.principal,
        tea=loan.tea,
    )
    outbox.publish("lending.loan.booked", loan)
    return loan


def _whose(application: Application, actor: Actor) -> dict[str, Any]:
    """The officer who answers for the loan, and their branch: who worked on the case, else who books it."""
    officer_id = application.assigned_to_id or application.filed_by_id or actor.user_id
    found = officer_id and Membership.objects.filter(user_id=officer_id).values_list("branch", flat=True).first()
    return {"officer_id": officer_id, "branch": found or ""}


@transaction.atomic
def request_disbursement(
    *, loan_id: UUID, actor: Actor, method: str = Method.TRANSFER, account: str = "", on: date | None = None,
    price: Decimal | None = None, own_receipt: str = "",
) -> Disbursement:  # fmt: skip
    """Ask that a loan, or its next part, be paid out; asked already, the open request comes back.

    `account` keeps its last four digits. Where the contract has the borrower pay a part of a price (cuota inicial),
    `price` is the seller's and `own_receipt` the number of the receipt for that part. Raises NotAllowed, NotFound,
    InvalidState while a paper that is needed is not verified or nothing is left to hand over, InvalidInput by field.
    """
    actor.require("lending.request_disbursement")
    loan = lock_loan(loan_id, "contract")
    require_status(loan, (Status.APPROVED, Status.ACTIVE))
    waiting = Disbursement.objects.filter(loan_id=loan.pk).exclude(status=Disbursement.Status.CANCELLED).order_by("n")
    asked = list(waiting)
    if asked and asked[-1].status == Disbursement.Status.REQUESTED:
        return asked[-1]
    parts = _parts(loan)
    if len(asked) >= len(parts):
        raise InvalidState(_("Este crédito ya se desembolsó por completo."))
    if method not in Method.values or method == Method.INTERNAL:  # a refinancing's, which moves no money
        raise InvalidInput(fields={"method": [_("Elige una forma de pago de la lista.")]})
    own = _own_shown(loan, price, own_receipt) if not asked else None
    _require_papers(loan)
    disbursement = Disbursement.objects.create(
        institution_id=loan.institution_id,
        loan=loan,
        n=len(asked) + 1,
        amount=parts[len(asked)],
        on=on or today(),
        method=method,
        account=_masked(account),
        price=price if own else None,
        own_receipt=" ".join(own_receipt.split())[:60] if own else "",
        requested_by_id=actor.user_id,
    )
    audit.record(
        actor, "lending.loan.disbursement_requested", disbursement, loan=loan.pk, amount=disbursement.amount,
        n=disbursement.n, **({"price": price, "own": own} if own else {}),
    )  # fmt: skip
    outbox.publish("lending.loan.disbursement_requested", disbursement)
    return disbursement


@transaction.atomic
def cancel_disbursement(*, disbursement_id: UUID, actor: Actor) -> Disbursement:
    """Withdraw a request that was not paid; repeated, nothing changes. Raises NotAllowed, NotFound, InvalidState."""
    if not actor.can("lending.disburse_loan"):
        actor.require("lending.request_disbursement")
    disbursement = _locked(disbursement_id)
    if disbursement.status == Disbursement.Status.CANCELLED:
        return disbursement
    if disbursement.status != Disbursement.Status.REQUESTED:
        raise InvalidState(_("Este desembolso ya se entregó."))
    disbursement.status = Disbursement.Status.CANCELLED
    disbursement.save(update_fields=["status"])
    audit.record(actor, "lending.loan.disbursement_cancelled", disbursement, loan=disbursement.loan_id)
    outbox.publish("lending.loan.disbursement_cancelled", disbursement)
    return disbursement


@transaction.atomic
def disburse_loan(
    *, disbursement_id: UUID, actor: Actor, on: date | None = None, external_ref: str = ""
) -> Disbursement:
    """Pay out what somebody else asked for; a repeated call returns it unchanged.

    Interest runs from `on`, today by default; due dates stay where the contract says them, and move with the
    payment where it says none. Fees and ITF are kept back. The loan becomes active with its installments.

    Raises NotAllowed to whoever asked for it, NotFound, InvalidState, InvalidInput.
    """
    actor.require("lending.disburse_loan")
    step_up.check(actor)
    disbursement = _locked(disbursement_id)
    if disbursement.status == Disbursement.Status.PAID:
        return disbursement
    if disbursement.status != Disbursement.Status.REQUESTED:
        raise InvalidState(_("Este pedido de desembolso se anuló."))
    if disbursement.requested_by_id == actor.user_id:
        raise NotAllowed(_("Nadie entrega el dinero que pidió: debe hacerlo otra persona."), code="four_eyes")
    day = on or today()
    is_first = disbursement.n == 1
    loan = disbursement.loan
    checked_day(day, today=today(), first=None)
    if is_first:
        require_status(loan, (Status.APPROVED,))
        signed_at = loan.contract.signed_at if loan.contract else None
        if signed_at and day < timezone.localdate(signed_at):
            raise InvalidInput(fields={"on": [_("El desembolso no puede ser anterior a la firma.")]})
        terms = _start(loan, day)
        work = LoanWork(LoanFacts(loan, [], [], []), {})
    else:
        work = begin_work(loan.pk)
        loan = work.loan
        checked_day(day, today=today(), first=loan.state_on)
        catch_up(work, day)
        terms, _events, _rules = read_request(loan.terms)
    _require_papers(loan)
    disbursement.status, disbursement.on, disbursement.external_ref = Disbursement.Status.PAID, day, external_ref[:60]
    disbursement.paid_by_id, disbursement.paid_at = actor.user_id, timezone.now()
    totals = build_schedule(terms).totals if is_first else None
    kept_back = (terms.principal - totals.received) if totals else ZERO
    financed = (totals.principal - terms.principal) if totals else ZERO
    values = legal_values_on(day, "itf_rate", "itf_step")
    disbursement.fees_deducted = kept_back
    disbursement.itf = transaction_tax(disbursement.amount - kept_back, values["itf_rate"], values["itf_step"])
    disbursement.save()
    loan.disbursed += disbursement.amount
    work.facts.tranches = paid_tranches(loan)

    def lines(change: Standing) -> Any:
        return disbursement_lines(
            owed=change.principal, fees=kept_back + financed, itf=disbursement.itf,
            principal_account=work.principal_account, money_account=MONEY_ACCOUNT[disbursement.method],
        )  # fmt: skip

    settle(
        work, event="lending.loan.disbursed", on=day, subject_id=disbursement.pk, lines=lines,
        save=("disbursed", "disbursed_on", "first_due_on", "terms"),
    )  # fmt: skip
    audit.record(
        actor, "lending.loan.disbursed", loan, number=loan.number, amount=disbursement.amount, on=day, n=disbursement.n,
        itf=disbursement.itf,
    )  # fmt: skip
    outbox.publish("lending.loan.disbursed", loan, disbursement=str(disbursement.pk))
    return disbursement


@transaction.atomic
def give_up_parts(*, loan_id: UUID, actor: Actor, reason: str) -> Loan:
    """Nothing more of a loan in several parts is handed over: its plan is worked out anew for what was.

    By who may approve changes, as the borrower no longer wants the money; a request that waits is cancelled with it.
    What was paid above the lower installments counts in advance. Where nothing is left to hand over, nothing changes.
    Raises NotAllowed, NotFound, InvalidState unless in payment, InvalidInput without a reason.
    """
    actor.require("lending.approve_restructure")
    step_up.check(actor)
    work = begin_work(loan_id)
    loan = work.loan
    if work.pending_tranches <= 0:
        return loan
    loan.given_up_reason = kept_reason(reason, _("Escribe el motivo."), shortest=SHORTEST_REASON)
    catch_up(work, today())
    given_up = loan.principal - loan.disbursed
    waiting = Disbursement.objects.filter(loan_id=loan.pk, status=Disbursement.Status.REQUESTED)
    waiting.update(status=Disbursement.Status.CANCELLED)
    terms, _events, rules = read_request(loan.terms)
    drawn = tuple(replace(part, on=paid.on) for part, paid in zip(terms.tranches, work.facts.tranches, strict=False))
    loan.terms = write_request(
        replace(terms, principal=loan.disbursed, tranches=drawn if len(drawn) > 1 else ()), rules
    )
    loan.principal = loan.disbursed
    work.facts.tranches = paid_tranches(loan)
    settle(work, event="lending.loan.parts_given_up", on=today(), save=("terms", "principal", "given_up_reason"))
    audit.record(actor, "lending.loan.parts_given_up", loan, amount=given_up, number=loan.number)
    outbox.publish("lending.loan.parts_given_up", loan)
    return loan


@transaction.atomic
def cancel_loan(*, loan_id: UUID, actor: Actor, reason: str) -> Loan:
    """Give up a loan nothing was paid out of; repeated, nothing changes. Raises NotAllowed, NotFound, InvalidState."""
    actor.require("lending.request_disbursement")
    loan = lock_loan(loan_id)
    if loan.status == Status.CANCELLED:
        return loan
    require_status(loan, (Status.APPROVED,))
    loan.given_up_reason = kept_reason(reason, _("Escribe el motivo."), shortest=SHORTEST_REASON)
    Disbursement.objects.filter(loan_id=loan.pk).update(status=Disbursement.Status.CANCELLED)
    loan.status, loan.closed_on = Status.CANCELLED, today()
    loan.save(update_fields=["status", "closed_on", "given_up_reason"])
    audit.record(actor, "lending.loan.cancelled", loan, number=loan.number)
    outbox.publish("lending.loan.cancelled", loan)
    return loan


# --- steps ------------------------------------------------------------------------------------------------------


def _locked(disbursement_id: UUID) -> Disbursement:
    """A request and its loan, both locked, in this order: the loan first. Raises NotFound."""
    found = (
        Disbursement.objects.select_related("loan", "loan__contract")
        .select_for_update(of=("loan", "self"))
        .filter(pk=disbursement_id)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def _start(loan: Loan, day: date) -> LoanTerms:
    """The terms from the day the money is handed over. Raises InvalidState."""
    terms, _events, rules = read_request(loan.terms)
    try:
        tranches = tuple(
            replace(part, on=max(part.on, day) if place else day) for place, part in enumerate(terms.tranches)
        )
        terms = replace(terms, disbursed_on=day, tranches=tranches)
    except InvalidTerms as error:
        raise InvalidState(error.message) from error
    loan.terms = write_request(terms, rules)
    loan.disbursed_on = day
    loan.first_due_on = build_schedule(terms).rows[0].due_on
    loan.status = Status.ACTIVE
    return terms


def least_own(loan: Loan) -> Decimal:
    """What its contract has the borrower pay the seller at least; zero where it buys nothing."""
    return Decimal(loan.contract.summary.get("figures", {}).get("own_part", 0)) if loan.contract else ZERO


def _own_shown(loan: Loan, price: Decimal | None, receipt: str) -> Decimal | None:
    """What the borrower paid of the price, as shown; None where the contract asks nothing. Raises InvalidInput."""
    least = least_own(loan)
    if not least:
        return None
    errors = {}
    if price is None or not price.is_finite():
        errors["price"] = [_("Escribe el precio de la proforma: el contrato pide una cuota inicial.")]
    elif price < loan.principal + least:
        errors["price"] = [
            _("El préstamo pagaría más de lo que puede: con una cuota inicial de al menos %(own)s, el precio es de"
              " %(price)s o más.")
            % {"own": format_money(least), "price": format_money(loan.principal + least)}
        ]  # fmt: skip
    if not receipt.strip():
        errors["own_receipt"] = [_("Escribe el número del recibo de la cuota inicial, que el titular debe mostrar.")]
    if errors or price is None:
        raise InvalidInput(fields=errors)
    return price - loan.principal


def _parts(loan: Loan) -> list[Decimal]:
    """What is handed over each time."""
    terms, _events, _rules = read_request(loan.terms)
    return [part.amount for part in terms.tranches] or [terms.principal]


def _require_papers(loan: Loan) -> None:
    """Raise InvalidState unless the papers a disbursement needs were verified."""
    if loan.contract_id is None:
        return
    verified = set(
        Document.objects.filter(
            application__contracts__pk=loan.contract_id, kind__in=REQUIRED_PAPERS, status=Document.Status.VERIFIED
        ).values_list("kind", flat=True)
    )
    missing = [kind.label for kind in REQUIRED_PAPERS if kind not in verified]
    if missing:
        raise InvalidState(
            _("Falta verificar: %(papers)s. Sin eso no se desembolsa.") % {"papers": ", ".join(map(str, missing))},
            code="papers_missing",
        )


def _masked(account: str) -> str:
    """The last four digits: •••• 4021."""
    digits = "".join(char for char in account if char.isdigit())
    return f"•••• {digits[-4:]}" if digits else ""


def _credit_type(application: Application, amount: Decimal, limits: dict[str, Decimal]) -> str:
    """The SBS type of the new loan, by what was declared and verified."""
    facts = {
        **declared_facts.from_json(application.facts or {}),
        **declared_facts.from_json(application.verified_facts),
    }
    sales = (facts.get("monthly_sales") or ZERO) * 12
    if application.segment == Segment.FARM:
        sales = (
            (facts.get("hectares") or ZERO) * (facts.get("yield_kg_ha") or ZERO) * (facts.get("price_per_kg") or ZERO)
        )
    return credit_type(
        is_business=application.segment != Segment.HOUSEHOLD,
        debt=(facts.get("total_debt") or ZERO) + amount,
        annual_sales=sales,
        limits=TypeLimits(**{name: limits[name] for name in LIMITS}),
    )
