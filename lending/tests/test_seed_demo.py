import io
import json
from collections import Counter
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.clock import today
from accounts.models import (
    AuditEntry,
    AuditPending,
    Complaint,
    DataRequest,
    Institution,
    Membership,
    SecurityIncident,
    User,
)
from accounts.tenancy.scope import institution_scope
from lending.demo.cases import CASES
from lending.demo.loans import STORIES
from lending.demo.people import PASSWORD, STAFF
from lending.models import (
    Application,
    Decision,
    Document,
    Group,
    Loan,
    MarketEcho,
    Offer,
    Parameter,
    Product,
    ReviewRequest,
)

Status = Application.Status


@pytest.fixture
def demo(champions: Any, settings: Any, tmp_path: Any) -> Any:
    """The command's output, as JSON; the models are in force already, for training takes long."""
    settings.DEMO = True
    settings.LOCAL = type(settings.LOCAL)(home=tmp_path, files=tmp_path)

    def run() -> dict[str, Any]:
        written = io.StringIO()
        call_command("seed_demo", "--json", stdout=written, stderr=io.StringIO())
        return json.loads(written.getvalue())

    return run


OWNED = (Loan, Application, Decision, Document, Offer, Product, Membership, AuditEntry)


def counted() -> dict[str, int]:
    found: Counter[str] = Counter()
    for institution in Institution.objects.exclude(kind="platform"):
        with institution_scope(institution.pk):
            for model in (*OWNED, Complaint, DataRequest, SecurityIncident):
                found[model.__name__] += model.objects.count()
    return {**found, "people": User.objects.count()}


def test_it_only_runs_in_a_demo(champions, settings):
    settings.DEMO = False
    with pytest.raises(CommandError):
        call_command("seed_demo")


@pytest.mark.transactional
def test_two_lenders_come_to_life_once(demo, tmp_path):
    told = demo()

    assert {row["institution"] for row in told["sign_ins"]} == {"Ayni", "Caja Qantu", "Edpyme Tarpuy"}
    assert PASSWORD in (tmp_path / "sign-ins.txt").read_text()
    assert User.objects.get(email="rosa.huaman@ayni.example").check_password(PASSWORD)
    assert Parameter.objects.filter(code="usury_cap_tea", is_demo=True).count() <= 1
    qantu = Institution.objects.get(slug="qantu")
    with institution_scope(qantu.pk):
        assert Membership.objects.exclude(roles=["applicant"]).count() == len(STAFF["qantu"])
        states = Counter(Application.objects.values_list("status", flat=True))
        assert set(states) == set(Status.values) - {Status.SUBMITTED}
        lent = [story for story in STORIES if story.case.institution == "qantu"]
        assert sum(states.values()) == sum(case.institution == "qantu" for case in CASES) + len(lent)
        assert Offer.objects.filter(status="chosen").count() > 1
        assert MarketEcho.objects.filter(status="passed").exists()
        assert Group.objects.get().loans.count() == 3
        loans = Counter(Loan.objects.values_list("status", flat=True))
        assert {"approved", "active", "paid"} <= set(loans)
        assert Loan.objects.filter(status="active", next_due_on__lt=today()).exists()
        assert ReviewRequest.objects.count() == 1
        assert Document.objects.filter(status="verified").exists()
        assert Product.objects.count() == 5
    for slug in ("qantu", "tarpuy"):
        with institution_scope(Institution.objects.get(slug=slug).pk):
            for ends in (
                Complaint.objects.values_list("answered_at", flat=True),
                DataRequest.objects.values_list("answered_at", flat=True),
                SecurityIncident.objects.values_list("closed_at", flat=True),
            ):
                assert {end is None for end in ends} == {True, False}
            assert DataRequest.objects.filter(channel="counter").exists()
            assert SecurityIncident.objects.filter(notify_by__gt=timezone.now(), authority_told_at=None).exists()
    assert not AuditPending.objects.exists()

    before = counted()
    assert demo()["sign_ins"] == told["sign_ins"]
    assert counted() == before
