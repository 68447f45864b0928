"""Reading loans: who may see which, how one stands on a day, and what it takes to pay it off."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.errors import NotFound
from lending.models import Disbursement, Loan, Repayment, Restructure
from lending.schedules.contract import read_event, read_request
from lending.schedules.servicing import Event, EventKind, PrepaymentStrategy, ServicingRules
from lending.schedules.state import LoanState, state_of
from lending.schedules.terms import LoanTerms
from lending.selectors.applications import unrestricted

# Restructures that are no event of the schedule: they change where the loan stands in the books.
BOOK_ONLY = (
    *(Restructure.Kind.CHARGE_OFF, Restructure.Kind.UNDO_CHARGE_OFF, Restructure.Kind.REFINANCE),
    *(Restructure.Kind.JUDICIAL, Restructure.Kind.UNDO_JUDICIAL),
)


def loans_visible_to(actor: Actor) -> QuerySet[Loan]:
    """Loans of the institution in scope that the actor may read: staff all but of blocked people, borrowers theirs."""
    if actor.can("lending.view_loans") or actor.can("lending.record_repayment"):
        return Loan.objects.filter(unrestricted(actor, "applicant"))
    if actor.kind != "user" or actor.user_id is None:
        return Loan.objects.none()
    return Loan.objects.filter(Q(applicant__user_id=actor.user_id) | Q(contract__application__owner_id=actor.user_id))


def loan_for(actor: Actor, loan_id: UUID) -> Loan:
    """One loan the actor may read, with its borrower and product. Raises NotFound."""
    loan = loans_visible_to(actor).select_related("applicant", "product").filter(pk=loan_id).first()
    if loan is None:
        raise NotFound
    return loan


@dataclass(slots=True)
class LoanFacts:
    """A loan with everything that happened to it: enough to work out how it stands on any day."""

    loan: Loan
    repayments: list[Repayment]  # posted, in the order they count
    restructures: list[Restructure]  # applied
    tranches: list[Disbursement]  # paid out, where there are several

    def terms(self, on: date) -> tuple[LoanTerms, ServicingRules]:
        """Terms with the days money was really handed over; tranches not drawn yet come after `on`."""
        terms, _events, rules = read_request(self.loan.terms)
        if terms.tranches:
            drawn = [part.on for part in self.tranches] or [terms.disbursed_on]
            parts = [
                replace(part, on=drawn[place] if place < len(drawn) else max(part.on, on + timedelta(days=1)))
                for place, part in enumerate(terms.tranches)
            ]
            terms = replace(terms, tranches=tuple(parts))
        order = tuple(self.loan.allocation_order) or rules.allocation_order
        return terms, replace(rules, allocation_order=order, moratory_rate=self.loan.moratory_tea)

    def events(self) -> list[Event]:
        """What happened, by day and then in the order it was recorded."""
        happened: list[Repayment | Restructure] = [
            *self.repayments,
            *(row for row in self.restructures if row.kind not in BOOK_ONLY),
        ]
        return [event_of(row) for row in sorted(happened, key=lambda row: (row.on, row.pk))]

    def state(self, on: date) -> LoanState:
        """How the loan stands at the end of `on` after all that is known. Raises InvalidTerms."""
        return self.after(self.events(), on)

    def after(self, events: Sequence[Event], on: date) -> LoanState:
        """How it would stand with these events instead."""
        terms, rules = self.terms(on)
        return state_of(terms, events, rules, on)


def event_of(row: Repayment | Restructure) -> Event:
    """What a stored payment or change is to the schedule."""
    if isinstance(row, Restructure):
        return read_event({name: value for name, value in row.event.items() if name != "concept"})
    if row.kind == Repayment.Kind.PAYOFF:
        return Event(kind=EventKind.PAYOFF, on=row.on, amount=row.amount)
    early = row.kind == Repayment.Kind.PREPAYMENT
    usual = PrepaymentStrategy.REDUCE_NUMBER if early else PrepaymentStrategy.ADVANCE
    return Event(
        kind=EventKind.PREPAYMENT if early else EventKind.REPAYMENT,
        on=row.on,
        amount=row.amount,
        strategy=PrepaymentStrategy(row.strategy) if row.strategy else usual,
    )


def in_order(rows: Iterable[Repayment]) -> list[Repayment]:
    """Payments as they count: by value day, then as recorded."""
    return sorted(rows, key=lambda row: (row.on, row.pk))


def facts_of(loan: Loan) -> LoanFacts:
    """What happened to a loan so far."""
    return LoanFacts(
        loan=loan,
        repayments=in_order(Repayment.objects.filter(loan_id=loan.pk, status=Repayment.Status.POSTED)),
        restructures=list(Restructure.objects.filter(loan_id=loan.pk, status=Restructure.Status.APPLIED)),
        tranches=paid_tranches(loan),
    )


def paid_tranches(loan: Loan) -> list[Disbursement]:
    """What was handed over of a loan in several parts; empty for one paid out at once."""
    if len(loan.terms.get("disbursements") or ()) < 2:
        return []
    return list(Disbursement.objects.filter(loan_id=loan.pk, status=Disbursement.Status.PAID).order_by("n"))


def loan_state(loan: Loan, on: date) -> LoanState:
    """How a disbursed loan stands at the end of `on`, its moratory interest and payoff to that day."""
    return facts_of(loan).state(max(on, loan.state_on or on))
