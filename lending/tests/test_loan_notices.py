"""What a borrower is told about a loan, once by each channel."""

from datetime import date
from decimal import Decimal

import pytest

from accounts import messages
from accounts.models import OutboxEvent
from lending.models import Notification
from lending.services.notifications import notify_waiting
from lending.services.repayments import pay_off_loan, record_repayment, reverse_repayment
from lending.services.restructures import approve_restructure, refinance_loan
from lending.tests.loans import active_loan, legal_caps, staff

DUE = date(2026, 4, 2)


@pytest.fixture
def sent(monkeypatch):
    handed = []
    monkeypatch.setattr(messages, "send_sms", lambda to, text, key: handed.append(text))
    monkeypatch.setattr(messages, "send_mail", lambda to, subject, text, key: handed.append(text))
    return handed


@pytest.fixture
def loan(institution, sent):
    loan = active_loan(institution)
    notify_waiting(institution_id=institution.pk)
    return loan


def told(institution, sent) -> str:
    sent.clear()
    notify_waiting(institution_id=institution.pk)
    assert len(sent) == 2  # a text message and a mail
    assert sent[0] in sent[1]
    assert not OutboxEvent.objects.filter(done_at=None).exists()
    return sent[0]


def test_of_the_money(institution, loan, sent, settings):
    assert len(sent) == 2
    assert "te entregamos S/ 3,000.00" in sent[0]
    assert f"QT-C{loan.number}" in sent[0]
    assert f"{settings.SITE_URL}/i/{institution.slug}/my/loans/{loan.pk}/" in sent[0]
    assert notify_waiting(institution_id=institution.pk) == 0
    assert {row.loan_id for row in Notification.objects.all()} == {loan.pk}


def test_of_receipts_payoff_and_reversal(institution, loan, sent):
    cashier, approver = staff(institution, "cashier"), staff(institution, "approver")
    record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal("556.50"), on=DUE)
    assert "recibimos tu pago de S/ 556.50" in told(institution, sent)
    paid = pay_off_loan(loan_id=loan.pk, actor=cashier, on=DUE)
    assert "ya no debes nada" in told(institution, sent)
    reverse_repayment(repayment_id=paid.pk, actor=approver, reason="cheque sin fondos")
    assert "anulamos el pago" in told(institution, sent)


def test_who_can_not_be_reached_leaves_no_open_event(institution, sent):
    loan = active_loan(institution)
    loan.applicant.user = None
    loan.applicant.phone = loan.applicant.email = ""
    loan.applicant.save()
    notify_waiting(institution_id=institution.pk)
    assert sent == []
    assert not OutboxEvent.objects.filter(done_at=None).exists()


def test_of_a_refinancing_to_sign(institution, loan, sent):
    legal_caps(DUE)
    row = refinance_loan(
        loan_id=loan.pk, actor=staff(institution, "officer"), installments=10, tea=Decimal("0.30"), on=DUE,
        reason="perdió la cosecha por la helada",
    )  # fmt: skip
    approve_restructure(restructure_id=row.pk, actor=staff(institution, "approver"), on=DUE)
    text = told(institution, sent)
    assert "está autorizada. Lee su contrato y fírmalo" in text
    assert f"my/loans/{loan.pk}/" in text
