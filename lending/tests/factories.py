"""Rows of the lending floor for tests, made in the scope of their institution; services make what they can."""

import re
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import factory
from stdnum.pe import ruc

from accounts.actors import Actor
from accounts.clock import today
from accounts.messages import written_messages
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import MembershipFactory, ScopedFactory
from lending.models import (
    Application,
    Contract,
    Document,
    LendingPolicy,
    Loan,
    Offer,
    Parameter,
    Product,
    ProductVersion,
)
from lending.parameters import MORATORY_SHARE, end_of_period
from lending.services.applications import DeclaredApplication, start_application, submit_application
from lending.services.contracts import make_contract
from lending.services.loans import book_loan, disburse_loan, request_disbursement
from lending.services.signing import send_signing_code, sign_contract

ALL_CONSENTS = {"evaluation": True, "automated": True, "bureau": True, "contact": True, "marketing": False}
_people = count(10_000_001)

GOOD_HOUSEHOLD = {
    "monthly_income": Decimal(3200),
    "household_expenses": Decimal(1100),
    "other_income": Decimal(300),
    "other_installments": Decimal(0),
    "total_debt": Decimal(0),
    "creditors": 0,
    "past_loans": 3,
    "worst_delay_days": 0,
    "savings_balance": Decimal(2500),
    "dependants": 1,
    "employment": "employee",
    "employment_months": 60,
    "housing": "owned",
    "assets_value": Decimal(40000),
}
GOOD_ENTERPRISE = {
    "monthly_sales": Decimal(9000),
    "monthly_purchases": Decimal(5600),
    "business_expenses": Decimal(500),
    "household_expenses": Decimal(900),
    "other_income": Decimal(0),
    "other_installments": Decimal(200),
    "total_debt": Decimal(1500),
    "creditors": 1,
    "past_loans": 4,
    "worst_delay_days": 0,
    "savings_balance": Decimal(1800),
    "dependants": 2,
    "sector": "commerce",
    "business_months": 72,
    "premises": "rented",
    "inventory_value": Decimal(8000),
    "equipment_value": Decimal(3000),
    "digital_share": Decimal("0.30"),
    "sales_trend": "up",
    "keeps_records": True,
}
GOOD_FARM = {
    "crop": "potato",
    "hectares": Decimal("2.50"),
    "irrigation": "irrigated",
    "altitude_m": 3200,
    "yield_kg_ha": Decimal(17000),
    "price_per_kg": Decimal("1.10"),
    "campaign_cost": Decimal(18000),
    "farming_years": 14,
    "land_tenure": "owned",
    "cooperative": True,
    "livestock_value": Decimal(4000),
    "lost_harvests": 0,
    "harvest_month": 5,
    "campaign_months": 6,
    "household_expenses": Decimal(800),
    "other_income": Decimal(200),
    "other_installments": Decimal(0),
    "total_debt": Decimal(0),
    "creditors": 0,
    "past_loans": 3,
    "worst_delay_days": 0,
    "savings_balance": Decimal(900),
    "dependants": 2,
}
GOOD = {"household": GOOD_HOUSEHOLD, "enterprise": GOOD_ENTERPRISE, "farm": GOOD_FARM}
PURPOSE = {"household": "home", "enterprise": "stock", "farm": "campaign"}


class ProductFactory(ScopedFactory):
    class Meta:
        model = Product

    institution = factory.SubFactory("accounts.tests.factories.InstitutionFactory")
    code = factory.Sequence(lambda n: f"producto-{n}")
    name = factory.Sequence(lambda n: f"Crédito {n}")
    segment = "household"


class ProductVersionFactory(ScopedFactory):
    """Published terms that suit `GOOD_HOUSEHOLD`; `segment=` makes a product of another kind."""

    class Meta:
        model = ProductVersion

    class Params:
        segment = "household"

    institution = factory.SubFactory("accounts.tests.factories.InstitutionFactory")
    product = factory.SubFactory(
        ProductFactory,
        institution=factory.SelfAttribute("..institution"),
        segment=factory.SelfAttribute("..segment"),
    )
    number = 1
    status = ProductVersion.Status.PUBLISHED
    published_on = date(2026, 1, 2)
    summary = "Para lo que necesites"
    amount_min = Decimal(500)
    amount_max = Decimal(15000)
    term_min = 3
    term_max = 24
    tea_min = Decimal("0.25")
    tea_max = Decimal("0.60")
    amortization = ProductVersion.Amortization.EQUAL_INSTALLMENTS
    insurance_monthly_rate = Decimal("0.0006")


class LendingPolicyFactory(ScopedFactory):
    class Meta:
        model = LendingPolicy

    institution = factory.SubFactory("accounts.tests.factories.InstitutionFactory")
    number = factory.Sequence(lambda n: n + 1)


def set_usury_cap(tea: str | Decimal = "1.1413", on: date | None = None) -> Parameter:
    """The legal caps of the half-year around `on` (today): the TEA, and the moratory rate that goes with it."""
    day = on or today()
    start = date(day.year, 5, 1) if 5 <= day.month < 11 else date(day.year if day.month >= 11 else day.year - 1, 11, 1)
    cap, _ = Parameter.objects.update_or_create(
        code=Parameter.Code.USURY_CAP_TEA,
        currency="PEN",
        valid_from=start,
        defaults={"value": Decimal(tea), "valid_to": end_of_period(start), "norm": "de ejemplo", "is_demo": True},
    )
    Parameter.objects.update_or_create(
        code=Parameter.Code.MORATORY_CAP_TEA,
        currency="PEN",
        valid_from=start,
        defaults={"value": cap.value * MORATORY_SHARE, "valid_to": cap.valid_to, "norm": cap.norm, "is_demo": True},
    )
    return cap


def new_dni() -> str:
    """A DNI nobody has used in this run."""
    return f"{next(_people)}"


def ruc_of(dni: str) -> str:
    """The RUC of the person with this DNI."""
    return f"10{dni}{ruc.calc_check_digit(f'10{dni}')}"


def declaration(segment: str = "household", **changes: Any) -> DeclaredApplication:
    """What a good applicant of this segment declares; `facts=` adds to their facts or takes away with None."""
    facts = {**GOOD[segment], **changes.pop("facts", {})}
    values: dict[str, Any] = {
        "full_name": "María Quispe Mamani",
        "document_number": new_dni(),
        "birth_on": date(1988, 5, 23),
        "phone": "987654321",
        "region": "08",
        "district": "Sicuani",
        "amount": Decimal(3000),
        "term_months": 12,
        "purpose": PURPOSE[segment],
    }
    return DeclaredApplication(**{**values, **changes}, facts={k: v for k, v in facts.items() if v is not None})


def applicant_of(institution: Institution, **user: Any) -> Actor:
    """A new person with an applicant's membership."""
    from accounts.tests.factories import UserFactory

    return Actor.for_membership(
        MembershipFactory(institution=institution, user=UserFactory(**user), roles=["applicant"])
    )


def submitted(institution: Institution, segment: str = "household", **changes: Any) -> Application:
    """An application of a new person, sent through the services; `consents=` changes some answers."""
    actor = changes.pop("actor", None) or applicant_of(institution)
    consents = {**ALL_CONSENTS, **changes.pop("consents", {})}
    with institution_scope(institution.pk):
        draft = start_application(actor=actor, segment=segment)
        return submit_application(
            application_id=draft.pk, actor=actor, declared=declaration(segment, **changes), consents=consents
        )


def signed_contract(offer: Offer, borrower: Actor) -> Contract:
    """The contract of a chosen offer, signed with the code that was sent; both sides of the document verified."""
    for kind in (Document.Kind.IDENTITY_FRONT, Document.Kind.IDENTITY_BACK):
        Document.objects.create(
            application_id=offer.application_id, kind=kind, status=Document.Status.VERIFIED, media_type="image/jpeg",
            size=1, sha256=f"{kind:0<64}", stored_name="none",
        )  # fmt: skip
    contract = make_contract(offer_id=offer.pk, actor=borrower)
    send_signing_code(contract_id=contract.pk, actor=borrower)
    code = re.search(r"\b\d{6}\b", written_messages()[0].text)
    assert code is not None
    return sign_contract(contract_id=contract.pk, actor=borrower, code=code[0], sha256=contract.document_sha256)


def disbursed_loan(contract: Contract, officer: Actor, approver: Actor) -> Loan:
    """The loan of a signed contract, asked for by one and paid out by the other today."""
    loan = book_loan(contract_id=contract.pk, actor=officer)
    asked = request_disbursement(loan_id=loan.pk, actor=officer, method="cash")
    disburse_loan(disbursement_id=asked.pk, actor=approver)
    loan.refresh_from_db()
    return loan
