"""Fixtures of the lending floor: a scoring model in force, a legal cap, products, an officer's cases."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from accounts.actors import Actor
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from lending.models import Application, Contract, LendingPolicy, Loan, Offer, ProductVersion
from lending.services.assessments import assess_waiting
from lending.services.decisions import choose_offer
from lending.tests import factories
from scoring import registry
from scoring.model_files import dump_model
from scoring.models import Dataset, ScoringModel
from scoring.points import Scale
from scoring.serving import LiveModel
from scoring.tests.samples import small_training


@cache
def _model_file(segment: str) -> bytes:
    trained = small_training(segment, rows=2_000, max_pairs=2)[0]
    live = LiveModel(segment, trained.tables, trained.calibration, Scale(), {"made_for": "tests"})
    return dump_model(live, trained.booster)


def put_in_force(segment: str) -> ScoringModel:
    """A small but real model as the shared champion of its segment."""
    file, sha256 = registry.store_file(_model_file(segment))
    dataset = Dataset.objects.create(
        name=f"prueba-{segment}", segment=segment, sha256="0" * 64, rows=1, target="default", target_rate=Decimal("0.1")
    )
    return ScoringModel.objects.create(
        segment=segment,
        name=f"T-{segment}",
        algorithm="additive",
        dataset=dataset,
        status=ScoringModel.Status.CHAMPION,
        file=file,
        sha256=sha256,
    )


@pytest.fixture
def champions(database: None) -> dict[str, ScoringModel]:
    """A model in force for every segment."""
    return {segment: put_in_force(segment) for segment in ("household", "enterprise", "farm")}


@pytest.fixture
def cap(database: None) -> Any:
    """The legal rate cap of today, high enough for every product of the tests."""
    return factories.set_usury_cap()


@pytest.fixture
def products(institution: Institution, cap: Any) -> dict[str, ProductVersion]:
    """A published product for each segment."""
    return {
        segment: factories.ProductVersionFactory(institution=institution, segment=segment)
        for segment in ("household", "enterprise", "farm")
    }


@pytest.fixture
def ready(champions: Any, products: Any) -> None:
    """An institution that can assess: models, a cap and products."""


@pytest.fixture
def assessed(institution: Institution, ready: None) -> Callable[..., Application]:
    """`assessed("household", amount=…)`: a new person's application, sent and assessed."""

    def make(segment: str = "household", **changes: Any) -> Application:
        with institution_scope(institution.pk):
            application = factories.submitted(institution, segment, **changes)
            assess_waiting(institution_id=institution.pk)
            application.refresh_from_db()
        return application

    return make


@pytest.fixture
def referred(institution: Institution, assessed: Callable[..., Application]) -> Application:
    """An application in the hands of an officer: above what may be approved without a visit."""
    application = assessed("household", amount=Decimal(6000), term_months=18)
    assert application.status == Application.Status.REFERRED
    return application


@pytest.fixture
def insured(institution: Institution) -> LendingPolicy:
    """A policy under which the program itself approves, with the insurer that contracts name."""
    return LendingPolicy.objects.create(
        number=1, approve_from=301, decline_below=300, pd_max=Decimal("0.99"), insurer="Vida Andes",
        insurance_policy="DG-77",
    )  # fmt: skip


@pytest.fixture
def borrower(institution: Institution) -> Actor:
    """A person with a confirmed mobile, who applies over the web."""
    return factories.applicant_of(institution, phone="+51987654321", phone_verified=True)


@pytest.fixture
def chosen(institution: Institution, ready: None, insured: LendingPolicy, borrower: Actor) -> Offer:
    """The offer the borrower chose."""
    with institution_scope(institution.pk):
        application = factories.submitted(institution, actor=borrower)
        assess_waiting(institution_id=institution.pk)
        return choose_offer(offer_id=application.offers.get().pk, actor=borrower)


@pytest.fixture
def signed(chosen: Offer, borrower: Actor, settings: Any, tmp_path: Any) -> Contract:
    """The borrower's contract, signed; their identity document was looked at."""
    settings.OUTBOX_ROOT = settings.MEDIA_ROOT = str(tmp_path)
    return factories.signed_contract(chosen, borrower)


@pytest.fixture
def loan(signed: Contract, officer: Actor, approver: Actor) -> Loan:
    """A loan in payment since today."""
    return factories.disbursed_loan(signed, officer, approver)
