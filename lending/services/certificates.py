"""Papers about a loan that people ask for; each one handed out is evidence."""

import hmac
from uuid import UUID

from django.db import transaction

from accounts import audit, crypto
from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Institution
from accounts.tenancy.scope import current_institution_id
from lending.models import Loan
from lending.papers.certificate import Certificate
from lending.presentation import loan_code
from lending.selectors.loan_page import payoff_certificate
from lending.selectors.loans import loan_for


@transaction.atomic
def issue_certificate(*, loan_id: UUID, actor: Actor) -> Certificate:
    """The payoff certificate of a loan that was paid, for its borrower or for staff; as often as they like.

    Raises NotFound, InvalidState while something is owed.
    """
    loan = loan_for(actor, loan_id)
    facts = payoff_certificate(loan)
    institution = Institution.objects.get(pk=current_institution_id())
    audit.record(actor, "lending.certificate.issued", loan, number=loan.number, on=loan.closed_on)
    return Certificate(
        lender={
            "name": institution.name,
            "legal_name": institution.legal_name,
            "ruc": institution.ruc,
            "address": institution.address,
        },
        borrower=facts.borrower,
        document=f"{loan.applicant.get_document_type_display()} {loan.applicant.document_number}",
        loan=loan_code(institution, loan.number),
        amount=facts.amount,
        disbursed_on=facts.disbursed_on,
        closed_on=facts.closed_on,
        paid=facts.paid,
        issued_on=today(),
        check=check_code(loan),
    )


def check_code(loan: Loan) -> str:
    """Twelve letters that only this product can make for this loan and day."""
    key = crypto.purpose_key("payoff certificate")
    return hmac.digest(key, f"{loan.pk}:{loan.closed_on}".encode(), "sha256").hex()[:12].upper()
