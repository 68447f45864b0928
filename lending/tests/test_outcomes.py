"""How loans went, as the models are told."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from accounts.actors import Actor
from lending.selectors import outcomes
from lending.selectors.outcomes import loan_outcomes
from lending.services.outcomes import tell_outcomes
from lending.services.repayments import record_repayment
from lending.tests.loans import START, active_loan, staff
from scoring.models import Outcome

DUE = date(2026, 4, 2)
NINETY = DUE + timedelta(days=90)


def known(on: date) -> dict:
    return {row.application_id: row for batch in loan_outcomes(on) for row in batch}


def test_the_first_day_ninety_days_late(institution):
    cashier = staff(institution, "cashier")
    never, on_time, late = (active_loan(institution, installments=3) for _ in range(3))
    record_repayment(loan_id=on_time.pk, actor=cashier, amount=Decimal(1200), on=DUE, strategy="advance_installments")
    record_repayment(loan_id=late.pk, actor=cashier, amount=Decimal(1100), on=NINETY, strategy="advance_installments")
    day = NINETY - timedelta(days=1)
    assert {row.first_late_on for row in known(day).values()} == {None}
    found = known(NINETY + timedelta(days=5))
    first = {loan: found[loan.contract.application_id].first_late_on for loan in (never, on_time, late)}
    assert first == {never: NINETY, on_time: None, late: NINETY}
    row = found[never.contract.application_id]
    assert (row.started_on, row.observed_until, row.segment) == (START, NINETY + timedelta(days=5), "enterprise")
    assert row.group == never.product.code


def test_every_loan_is_told_once_whatever_the_batch(institution, monkeypatch):
    loans = [active_loan(institution) for _ in range(3)]
    monkeypatch.setattr(outcomes, "BATCH", 2)
    assert [len(batch) for batch in loan_outcomes(NINETY)] == [2, 1]
    system = Actor.system("nightly close", institution_id=institution.pk)
    assert tell_outcomes(on=NINETY, actor=system) == 3
    assert tell_outcomes(on=NINETY, actor=system) == 0
    assert set(Outcome.objects.values_list("first_late_on", flat=True)) == {NINETY}
    assert {row.application_id for row in Outcome.objects.all()} == {loan.contract.application_id for loan in loans}


@pytest.mark.parametrize("days", [0, 89])
def test_a_young_loan_is_observed_and_not_judged(institution, days):
    active_loan(institution)
    [row] = known(DUE + timedelta(days=days)).values()
    assert row.first_late_on is None
