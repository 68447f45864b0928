"""A new loan that pays an old one: no money moves, what was interest becomes principal and deferred income.

Somebody proposes it, somebody else authorises it, and then it has a contract like any other loan; it takes effect when
the borrower signs. What is owed changes by the day, so the contract holds on the day it was made for:
`prepare_contract` makes the one of today.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.formats import format_day
from accounts.models import Institution
from accounts.numbering import LOANS, RECEIPTS, next_number
from lending.ledger import IN_TRANSIT, Line, Standing, disbursement_lines, refinancing_lines
from lending.models import Contract, Disbursement, Installment, Loan, Repayment, Restructure
from lending.money import ZERO
from lending.presentation import loan_code
from lending.schedules import InvalidTerms, LoanTerms, build_schedule
from lending.schedules.contract import read_request, write_request
from lending.selectors.loans import LoanFacts, in_order
from lending.services.contracts import Named, cancel_open, check_cap, moratory_rate, named_in, write_contract
from lending.services.groups import answer_on, answering_group, take_guarantees
from lending.services.servicing import LoanWork, begin_work, settle


def new_terms(*, installments: int, tea: Decimal, first_due_on: date | None, on: date) -> dict[str, Any]:
    """Terms of a refinancing as they are proposed; the amount is known on the day it is approved.

    Raises InvalidInput.
    """
    try:
        terms = LoanTerms(
            principal=Decimal(1), annual_rate=tea, installments=installments, disbursed_on=on, first_due_on=first_due_on
        )
    except InvalidTerms as error:
        raise InvalidInput(fields={"installments": [error.message]}) from error
    return write_request(terms)


def terms_of(row: Restructure, amount: Decimal, on: date) -> LoanTerms:
    """Terms of the new loan for what is owed on that day. Raises InvalidTerms."""
    return read_request({**row.event, "principal": str(amount), "disbursement_date": on.isoformat()})[0]


@transaction.atomic
def prepare_contract(*, restructure_id: UUID, actor: Actor, on: date | None = None) -> Contract:
    """The contract of an authorised refinancing, for what is owed on that day (today); the one that stands comes back.

    For the borrower and for staff who make contracts. Raises NotFound, NotAllowed, InvalidState, Unavailable while a
    legal value of the day is missing.
    """
    row = Restructure.objects.select_related("loan__applicant").filter(pk=restructure_id).first()
    if row is None:
        raise NotFound
    if actor.user_id is None or row.loan.applicant.user_id != actor.user_id:
        actor.require("lending.make_contract")
    work = begin_work(row.loan_id)
    row.refresh_from_db()
    return contract_of(work, row, actor, on or today())


def contract_of(
    work: LoanWork, row: Restructure, actor: Actor, on: date, guarantors: Sequence[Named] | None = None
) -> Contract:
    """The same with the loan locked already.

    Who answers for the old loan is named in it, and signs it too; `guarantors` are others in their place. Its village
    bank is named as well, and answers on.
    """
    if row.status != Restructure.Status.AUTHORISED:
        raise InvalidState(_("Esta refinanciación no espera una firma."))
    _refuse_the_past(work, on)
    last = row.contracts.order_by("-number").first()
    standing = last if last is not None and last.status != Contract.Status.CANCELLED else None
    payoff, group = work.state(on).payoff.total, answering_group(row.loan_id)
    if standing is not None:
        same = (standing.valid_until, standing.amount, standing.summary.get("group", "")) == (on, payoff, group)
        if same and guarantors is None:
            return standing
        cancel_open(standing, actor, "renewed")
    old = work.loan
    if guarantors is None and last is not None:
        guarantors = named_in(last)
    elif guarantors is None:
        guarantors = [
            Named(one.guarantor, one.kind, one.limit, one.recorded_by_id)
            for one in old.guarantees.filter(released_on=None).select_related("guarantor").order_by("given_on", "pk")
        ]
    try:
        terms = terms_of(row, payoff, on)
        schedule = build_schedule(terms)
    except InvalidTerms as error:
        raise InvalidState(error.message) from error
    check_cap(terms.annual_rate, on)
    return write_contract(
        actor, applicant=old.applicant, product=_("Refinanciación, %(product)s") % {"product": old.product.name},
        product_version_id=old.product_version_id, schedule=schedule, moratory=moratory_rate(on), on=on, valid_until=on,
        refinances=loan_code(Institution.objects.get(pk=old.institution_id), old.number), guarantors=guarantors,
        group=group, restructure=row,
    )  # fmt: skip


def refinance(work: LoanWork, row: Restructure, contract: Contract) -> Loan:
    """Pays the old loan with the new one of a contract that was signed; the new one is returned active.

    The acts are those of who proposed and who authorised. Raises InvalidState when what is owed, or the group that
    answers for it, is not what was signed.
    """
    old = work.loan
    _refuse_the_past(work, row.on)
    amount = work.state(row.on).payoff.total
    if amount != contract.amount:
        raise InvalidState(
            _("Lo que se debe cambió desde que se preparó el contrato. Prepáralo otra vez y fírmalo."),
            code="contract_changed",
        )
    if answering_group(old.pk) != contract.summary.get("group", ""):
        raise InvalidState(
            _("El banco comunal que responde por el crédito cambió desde que se preparó el contrato. Prepáralo otra vez"
              " y fírmalo."),
            code="contract_changed",
        )  # fmt: skip
    deferred = work.before.deferred
    paid = Repayment.objects.create(
        institution_id=old.institution_id, loan=old, number=next_number(Repayment, RECEIPTS, 1),
        kind=Repayment.Kind.PAYOFF, amount=amount, on=row.on, channel=Repayment.Channel.INTERNAL,
        received_by_id=row.approved_by_id,
    )  # fmt: skip
    work.facts.repayments = in_order([*work.facts.repayments, paid])
    capitalised = ZERO

    def old_lines(change: Standing) -> list[Line]:
        nonlocal capitalised
        capitalised = change.interest + change.moratory + change.fees
        return refinancing_lines(change, money=amount, principal_account=work.principal_account)

    event = "lending.restructure.applied"
    settle(work, event=event, on=row.on, subject_id=row.pk, newest=paid, lines=old_lines)
    old.status = Loan.Status.REFINANCED
    old.save(update_fields=["status"])
    new = _successor(old, row, contract, deferred + capitalised)
    fresh = LoanWork(LoanFacts(new, [], [], []), {})
    settle(
        fresh, event=event, on=row.on, subject_id=row.pk, save=("first_due_on",),
        lines=lambda change: disbursement_lines(
            owed=change.principal, fees=ZERO, itf=ZERO, principal_account=fresh.principal_account,
            money_account=IN_TRANSIT,
        ),
    )  # fmt: skip
    new.first_due_on = Installment.objects.filter(loan_id=new.pk).order_by("place").values_list("due_on", flat=True)[0]
    new.save(update_fields=["first_due_on"])
    Disbursement.objects.create(
        institution_id=new.institution_id, loan=new, status=Disbursement.Status.PAID, amount=amount, on=row.on,
        method=Disbursement.Method.INTERNAL, requested_by_id=row.requested_by_id, paid_by_id=row.approved_by_id,
        paid_at=timezone.now(),
    )  # fmt: skip
    actor = Actor.system("refinancing", institution_id=new.institution_id)
    take_guarantees(contract, new, actor, row.on)
    answer_on(old, new, actor)
    audit.record(
        actor,
        "lending.loan.booked",
        new,
        number=new.number,
        refinances=old.pk,
        contract=contract.pk,
        amount=amount,
        tea=new.tea,
    )
    outbox.publish("lending.loan.booked", new)
    return new


def _refuse_the_past(work: LoanWork, on: date) -> None:
    """Raise InvalidState for a day before the one the loan stands at: what advances paid since would be undone."""
    if (day := work.day(on)) > on:
        raise InvalidState(
            _("Este crédito ya está calculado al %(day)s: refináncialo ese día o después.") % {"day": format_day(day)}
        )


def _successor(old: Loan, row: Restructure, contract: Contract, deferred: Decimal) -> Loan:
    return Loan.objects.create(
        institution_id=old.institution_id, number=next_number(Loan, LOANS, 10_001), applicant_id=old.applicant_id,
        product_id=old.product_id, product_version_id=old.product_version_id, refinances=old,
        status=Loan.Status.ACTIVE, credit_type=old.credit_type, currency=old.currency, principal=contract.amount,
        tea=contract.tea, moratory_tea=contract.moratory_tea, terms=contract.terms, contract=contract,
        allocation_order=old.allocation_order, branch=old.branch, officer_id=old.officer_id,
        recognised_guarantee=old.recognised_guarantee, guarantee_kind=old.guarantee_kind, disbursed_on=row.on,
        is_refinanced=True, deferred_yield=deferred, disbursed=contract.amount,
    )  # fmt: skip
