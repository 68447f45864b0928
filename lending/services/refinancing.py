"""A new loan that pays an old one: no money moves, what was interest becomes principal and deferred income."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.errors import InvalidInput
from accounts.numbering import LOANS, RECEIPTS, next_number
from lending.ledger import IN_TRANSIT, Line, Standing, disbursement_lines, refinancing_lines
from lending.models import Disbursement, Installment, Loan, Repayment, Restructure
from lending.money import ZERO
from lending.schedules import InvalidTerms, LoanTerms
from lending.schedules.contract import read_request, write_request
from lending.selectors.loans import LoanFacts, in_order
from lending.services.servicing import LoanWork, settle


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


def refinance(work: LoanWork, row: Restructure, actor: Actor) -> Loan:
    """Pays the old loan of an approved refinancing with a new one, which is returned active."""
    old = work.loan
    amount = work.state(row.on).payoff.total
    deferred = work.before.deferred
    paid = Repayment.objects.create(
        institution_id=old.institution_id, loan=old, number=next_number(Repayment, RECEIPTS, 1),
        kind=Repayment.Kind.PAYOFF, amount=amount, on=row.on, channel=Repayment.Channel.INTERNAL,
        received_by_id=actor.user_id,
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
    new = _successor(old, row, amount, deferred + capitalised)
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
        method=Disbursement.Method.INTERNAL, requested_by_id=row.requested_by_id, paid_by_id=actor.user_id,
        paid_at=timezone.now(),
    )  # fmt: skip
    audit.record(actor, "lending.loan.booked", new, number=new.number, refinances=old.pk, amount=amount, tea=new.tea)
    outbox.publish("lending.loan.booked", new)
    return new


def _successor(old: Loan, row: Restructure, amount: Decimal, deferred: Decimal) -> Loan:
    request = {**row.event, "principal": str(amount), "disbursement_date": row.on.isoformat()}
    terms, _events, rules = read_request(request)
    return Loan.objects.create(
        institution_id=old.institution_id, number=next_number(Loan, LOANS, 10_001), applicant_id=old.applicant_id,
        product_id=old.product_id, product_version_id=old.product_version_id, refinances=old,
        status=Loan.Status.ACTIVE, credit_type=old.credit_type, currency=old.currency, principal=amount,
        tea=terms.annual_rate, moratory_tea=old.moratory_tea, terms=write_request(terms, rules),
        allocation_order=old.allocation_order, branch=old.branch, officer_id=old.officer_id,
        recognised_guarantee=old.recognised_guarantee, guarantee_kind=old.guarantee_kind, disbursed_on=row.on,
        is_refinanced=True, deferred_yield=deferred, disbursed=amount,
    )  # fmt: skip
