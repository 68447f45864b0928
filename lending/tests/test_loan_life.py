"""Whatever happens to a loan, in whatever order: its money, its book and its books agree after every act."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from accounts.errors import DomainError
from lending.ledger import BANK, CASH, DEFERRED, IN_TRANSIT, ITF_PAYABLE
from lending.models import Installment, LedgerEntry, Loan, Repayment
from lending.schedules import Insurance
from lending.selectors.ledger import disagreements, trial_balance
from lending.selectors.loans import loan_state
from lending.services.repayments import (
    pay_off_loan,
    prepay_loan,
    record_repayment,
    refund_advance,
    reverse_repayment,
)
from lending.services.restructures import (
    add_charge,
    approve_restructure,
    change_rate,
    charge_off_loan,
    refinance_loan,
    reschedule_loan,
    undo_charge_off,
    waive,
)
from lending.services.servicing import use_advances
from lending.tests.book import found_lost
from lending.tests.loans import START, active_loan, legal_caps, sign_refinancing, staff
from lending.tests.test_repayments import check

REASON = "motivo de la prueba, con sus hechos"
STRATEGIES = [None, "advance_installments", "reduce_installment_amount", "reduce_number_of_installments"]


def booked(*accounts: str) -> Decimal:
    """The balance of some accounts."""
    return LedgerEntry.objects.filter(account__in=accounts).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


class Life:
    """A loan, the people who act on it, and the day it is."""

    def __init__(self, institution: Any, terms: dict[str, Any], people: dict[str, Any]) -> None:
        self.people = people
        self.day = START
        self.loan = active_loan(institution, **terms)

    def act(self, name: str, days: int, share: int, pick: int) -> None:
        """One act `days` later, of `share` percent of what it is about; refused ones leave nothing."""
        self.day = min(self.day + timedelta(days=days), date.today())
        self.loan.refresh_from_db()
        before = self.fingerprint()
        try:
            with transaction.atomic():
                getattr(self, name)(share, pick)
        except DomainError:
            assert self.fingerprint() == before

    def fingerprint(self) -> Any:
        loans = list(Loan.objects.order_by("pk").values_list("status", "revision", "principal_outstanding", "advance"))
        return loans, LedgerEntry.objects.count(), Repayment.objects.filter(status="posted").count()

    def some(self, share: int) -> Decimal:
        owed = loan_state(self.loan, self.day).owed
        return max((owed * share / 100).quantize(Decimal("0.01")), Decimal("0.01"))

    def paid(self, share: int, pick: int) -> None:
        record_repayment(
            loan_id=self.loan.pk, actor=self.people["cashier"], amount=self.some(share), on=self.day,
            strategy=STRATEGIES[pick % 4], channel=("cash", "bank")[pick % 2],
        )  # fmt: skip

    def found_late(self, share: int, pick: int) -> None:
        on = max(self.day - timedelta(days=pick * 3), START)
        record_repayment(loan_id=self.loan.pk, actor=self.people["cashier"], amount=self.some(share), on=on)

    def prepaid(self, share: int, pick: int) -> None:
        prepay_loan(
            loan_id=self.loan.pk, actor=self.people["cashier"], amount=self.some(share), on=self.day,
            strategy=STRATEGIES[2 + pick % 2],
        )  # fmt: skip

    def paid_off(self, share: int, pick: int) -> None:
        pay_off_loan(loan_id=self.loan.pk, actor=self.people["cashier"], on=self.day)

    def reversed(self, share: int, pick: int) -> None:
        rows = list(Repayment.objects.filter(loan=self.loan).order_by("pk"))
        if rows:
            one = rows[pick % len(rows)]
            reverse_repayment(repayment_id=one.pk, actor=self.people["approver"], reason=REASON)

    def refunded(self, share: int, pick: int) -> None:
        refund_advance(loan_id=self.loan.pk, actor=self.people["approver"])

    def night(self, share: int, pick: int) -> None:
        use_advances(on=self.day)

    def changed(self, propose: Any, **details: Any) -> Any:
        row = propose(loan_id=self.loan.pk, actor=self.people["officer"], reason=REASON, on=self.day, **details)
        return approve_restructure(restructure_id=row.pk, actor=self.people["approver"], on=self.day)

    def forgiven(self, share: int, pick: int) -> None:
        part = ("interest", "penalties", "insurance", "fees")[pick % 4]
        owed = loan_state(self.loan, self.day).due_of("moratory" if part == "penalties" else part)
        self.changed(waive, part=part, amount=(owed * share / 100).quantize(Decimal("0.01")))

    def rescheduled(self, share: int, pick: int) -> None:
        self.changed(reschedule_loan, installments=pick + 1, first_due_on=self.day + timedelta(days=share % 60 + 1))

    def repriced(self, share: int, pick: int) -> None:
        self.changed(change_rate, tea=Decimal(share) / 100)

    def charged(self, share: int, pick: int) -> None:
        add_charge(
            loan_id=self.loan.pk, actor=self.people["officer"], concept="notary", amount=Decimal(share), reason=REASON,
            on=self.day,
        )  # fmt: skip

    def refinanced(self, share: int, pick: int) -> None:
        row = self.changed(refinance_loan, installments=pick + 1, tea=Decimal(share) / 100)
        self.loan = sign_refinancing(row, on=self.day)

    def charged_off(self, share: int, pick: int) -> None:
        found_lost(self.loan, START - timedelta(days=1))
        self.changed(charge_off_loan)

    def taken_back(self, share: int, pick: int) -> None:
        self.changed(undo_charge_off)

    def agree(self) -> None:
        """Money is neither lost nor invented; replay and increment, book and books say the same."""
        self.loan = Loan.objects.get(pk=self.loan.pk)
        if not self.loan.is_refinanced:
            check(self.loan)
        assert disagreements() == []
        assert sum(row["debit"] - row["credit"] for row in trial_balance(date.today())) == 0
        posted = Repayment.objects.filter(status="posted").exclude(channel="internal")
        came_in = posted.aggregate(sum=Sum("amount"))["sum"] or 0
        refunded = Loan.objects.aggregate(sum=Sum("refunded"))["sum"]
        lent = Loan.objects.get(refinances=None).disbursed
        assert booked(CASH, BANK) == came_in - lent - refunded - booked(ITF_PAYABLE)
        assert booked(IN_TRANSIT) == 0
        assert booked(DEFERRED) <= 0
        for line in Installment.objects.all():
            assert line.waived_interest <= line.interest


ACTS = (
    "paid", "found_late", "prepaid", "paid_off", "reversed", "refunded", "night", "forgiven", "rescheduled", "repriced",
    "charged", "refinanced", "charged_off", "taken_back",
)  # fmt: skip
# Payments and their reversal make up most of a loan's life.
acts = st.tuples(
    st.sampled_from([*ACTS, "paid", "paid", "paid", "found_late", "reversed", "reversed"]),
    st.integers(0, 40),
    st.integers(1, 100),
    st.integers(0, 11),
)
loans = st.sampled_from(
    [
        {"insurance": Insurance(Decimal("0.00075"))},
        {"annual_rate": Decimal(0), "principal": Decimal(1000), "installments": 10},
        {"installments": 1, "principal": Decimal("0.02")},
        {"grace_on_principal": 2, "installments": 5},
        {
            "grace_on_interest": 2,
            "installments": 5,
            "order": ("principal", "interest", "fees", "insurance", "penalties"),
        },
    ]
)


@pytest.fixture
def people(institution) -> dict[str, Any]:
    legal_caps(date(2026, 5, 1))
    legal_caps(date(2026, 11, 1))
    return {role: staff(institution, role) for role in ("cashier", "approver", "officer")}


@settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a life takes longer than reading it
)  # fmt: skip
@example(  # forgiven while charged off, and then the charge-off is taken back
    terms={},
    chosen=[("paid", 10, 1, 0), ("charged_off", 40, 1, 0), ("forgiven", 5, 50, 0), ("taken_back", 5, 1, 0)],
)
@example(  # money in advance meets its installment on the way to another act
    terms={},
    chosen=[("paid", 3, 20, 1), ("refinanced", 40, 40, 5), ("paid", 3, 20, 1), ("charged_off", 60, 1, 0)],
)
@example(  # forgiven, reversed before it, rescheduled: a refinancing replays what was collected
    terms={"insurance": Insurance(Decimal("0.00075"))},
    chosen=[
        ("paid", 19, 74, 4), ("paid", 29, 66, 7), ("forgiven", 11, 79, 6), ("reversed", 14, 98, 6),
        ("rescheduled", 1, 30, 9), ("paid", 19, 74, 4), ("forgiven", 0, 96, 3), ("paid", 16, 44, 6),
        ("refinanced", 25, 72, 3),
    ],
)  # fmt: skip
@given(terms=loans, chosen=st.lists(acts, min_size=1, max_size=9))
def test_money_is_never_lost_duplicated_or_invented(institution, people, terms, chosen):
    with transaction.atomic():
        life = Life(institution, terms, people)
        life.agree()
        for act in chosen:
            life.act(*act)
            life.agree()
        transaction.set_rollback(True)
