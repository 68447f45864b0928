"""Loans for tests: a signed contract as the doors leave it, and a loan paid out through the services."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.utils import timezone

from accounts.actors import Actor
from accounts.clock import LIMA
from accounts.models import Institution, Membership
from accounts.tests.factories import MembershipFactory, UserFactory
from lending.models import (
    Applicant,
    Application,
    Assessment,
    Contract,
    Document,
    LendingPolicy,
    Loan,
    Offer,
    Parameter,
    Restructure,
    SigningCode,
)
from lending.parameters import end_of_period, loan_values
from lending.schedules import LoanTerms, build_schedule
from lending.schedules.contract import write_request
from lending.schedules.servicing import ServicingRules
from lending.services import signing
from lending.services.loans import book_loan, disburse_loan, request_disbursement
from lending.services.signing import sign_contract
from lending.tests.factories import LendingPolicyFactory, ProductVersionFactory, new_dni

START = date(2026, 3, 2)
CODE = "246135"
_numbers = count(1)


def staff(institution: Institution, *roles: str) -> Actor:
    """A new person of this institution with these roles."""
    return Actor.for_membership(MembershipFactory(institution=institution, user=UserFactory(), roles=list(roles)))


def legal_caps(on: date = START) -> None:
    """The legal values of `on` where the tables have none: caps of its half-year, limits of the credit types."""
    for row in loan_values():
        if row["valid_from"] > on:
            Parameter.objects.get_or_create(
                code=row["code"], currency="PEN", valid_from=on,
                defaults={**row, "valid_from": on, "valid_to": row["valid_from"] - timedelta(days=1)},
            )  # fmt: skip
    start = date(on.year, 5, 1) if 5 <= on.month < 11 else date(on.year - (on.month < 5), 11, 1)
    for code, value in (("usury_cap_tea", "1.1316"), ("moratory_cap_tea", "0.16974")):
        Parameter.objects.get_or_create(
            code=code, currency="PEN", valid_from=start,
            defaults={"value": Decimal(value), "valid_to": end_of_period(start), "norm": "de ejemplo", "is_demo": True},
        )  # fmt: skip


def signed_contract(institution: Institution, **changes: Any) -> Contract:
    """A signed contract with its application, offer and verified papers, in the scope of its institution.

    `moratory`, `segment`, `facts`, `papers`, `order`, `product_version`; everything else is of `LoanTerms`.
    """
    number = next(_numbers)
    moratory = changes.pop("moratory", Decimal("0.15"))
    order = changes.pop("order", None)
    segment = changes.pop("segment", "enterprise")
    facts = changes.pop("facts", {"monthly_sales": "9000.00", "total_debt": "0.00"})
    papers = changes.pop("papers", Document.Status.VERIFIED)
    version = changes.pop("product_version", None) or ProductVersionFactory(institution=institution, segment=segment)
    terms = LoanTerms(
        **{
            "principal": Decimal(3000), "annual_rate": Decimal("0.369"), "installments": 6, "disbursed_on": START,
            **changes,
        }
    )  # fmt: skip
    rules = ServicingRules(moratory_rate=moratory, **({"allocation_order": order} if order else {}))
    schedule = build_schedule(terms)
    legal_caps(terms.disbursed_on)
    borrower = UserFactory(phone=f"+519{number + 10_000_000}")
    applicant = Applicant.objects.create(
        full_name=f"Rosa Quispe {number}", document_number=new_dni(), document_hash=f"{number:064d}", user=borrower,
        birth_on=date(1988, 5, 23), phone=borrower.phone, region="08",
    )  # fmt: skip
    application = Application.objects.create(
        number=number, segment=segment, status=Application.Status.APPROVED, applicant=applicant, owner=borrower,
        amount=terms.principal, term_months=6, facts=facts,
    )  # fmt: skip
    policy = LendingPolicy.objects.first() or LendingPolicyFactory(institution=institution)
    assessment = Assessment.objects.create(application=application, attempt=1, policy=policy, recommendation="approve")
    figures = {
        "amount": terms.principal, "tea": schedule.tea, "tcea": schedule.tcea,
    }  # fmt: skip
    offer = Offer.objects.create(
        application=application, assessment=assessment, product_version=version, rank=1, status=Offer.Status.CHOSEN,
        net_disbursed=schedule.totals.received, term_months=6, installments=len(schedule.rows),
        installment=schedule.installment, total=schedule.totals.total, total_interest=schedule.totals.interest,
        total_insurance=schedule.totals.insurance, first_due_on=schedule.rows[0].due_on,
        disbursement_on=terms.disbursed_on, valid_until=terms.disbursed_on, **figures,
    )  # fmt: skip
    for kind in ("identity_front", "identity_back") if papers else ():
        Document.objects.create(
            application=application, kind=kind, status=papers, media_type="image/jpeg", size=1, sha256=f"{number:064d}",
            stored_name="x",
        )  # fmt: skip
    return Contract.objects.create(
        number=number, application=application, offer=offer, applicant=applicant, product_version=version,
        status=Contract.Status.SIGNED, moratory_tea=moratory, terms=write_request(terms, rules), schedule={},
        summary={}, document_sha256="0" * 64, valid_until=terms.disbursed_on,
        signed_at=datetime.combine(terms.disbursed_on, time(9), LIMA), signed_by=borrower, **figures,
    )  # fmt: skip


def active_loan(institution: Institution, *, on: date | None = None, **changes: Any) -> Loan:
    """A loan paid out on its contract's day (or `on`), by an officer and an approver of its own."""
    contract = changes.pop("contract", None) or signed_contract(institution, **changes)
    officer, approver = staff(institution, "officer"), staff(institution, "approver")
    loan = book_loan(contract_id=contract.pk, actor=officer)
    asked = request_disbursement(loan_id=loan.pk, actor=officer)
    disburse_loan(disbursement_id=asked.pk, actor=approver, on=on or START)
    return Loan.objects.get(pk=loan.pk)


def sign_refinancing(row: Restructure, *, on: date, actor: Actor | None = None) -> Loan:
    """The borrower signs the contract of an authorised refinancing with a code; the loan that comes of it."""
    contract = row.contracts.get(status=Contract.Status.OPEN)
    borrower = actor or borrower_of(row.loan)
    SigningCode.objects.create(
        contract=contract, code_hash=signing._hash(contract, CODE), channel="sms", address="•••",
        expires_at=timezone.now() + timedelta(minutes=5),
    )  # fmt: skip
    sign_contract(contract_id=contract.pk, actor=borrower, code=CODE, sha256=contract.document_sha256, on=on)
    return Loan.objects.get(contract_id=contract.pk)


def borrower_of(loan: Loan) -> Actor:
    """The person who owes it, in their own account, as an applicant here."""
    user = loan.applicant.user
    membership = Membership.objects.filter(user_id=user.pk).first() or MembershipFactory(
        institution=Institution.objects.get(pk=loan.institution_id), user=user, roles=["applicant"]
    )
    return Actor.for_membership(membership)
