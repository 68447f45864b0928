"""The operators' site: what is offered, who enters, and that every change goes through a service."""

from datetime import date

import pytest
from django.urls import reverse

from accounts.admin import operators
from accounts.models import AuditEntry, Institution, Membership, RegulatorMandate, User
from accounts.platform import platform_scope
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import MandateFactory, UserFactory

pytestmark = pytest.mark.django_db

INSTITUTION = {
    "slug": "illari",
    "name": "Illari",
    "legal_name": "Illari S.A.",
    "kind": "edpyme",
    "ruc": "20100070970",
    "number_prefix": "IL",
    "brand_color": "#1d4f91",
    "mark": "sun",
    "is_active": "on",
}


@pytest.fixture
def browser_of_operator(client_as, operator):
    return client_as(operator)


def platform_events() -> list[str]:
    with platform_scope():
        return list(AuditEntry.objects.order_by("at_us").values_list("event", flat=True))


def test_only_these_are_offered():
    assert sorted(model._meta.label for model in operators._registry) == [
        "accounts.Institution",
        "accounts.RegulatorMandate",
        "accounts.User",
        "lending.Holiday",
        "lending.Parameter",
        "scoring.ScoringModel",
    ]


def test_every_list_and_form_opens(browser_of_operator, institution):
    for model, options in operators._registry.items():
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert browser_of_operator.get(reverse(f"{base}_changelist")).status_code == 200
        expected = 403 if "ReadOnly" in [kind.__name__ for kind in type(options).mro()] else 200
        assert browser_of_operator.get(reverse(f"{base}_add")).status_code == expected


@pytest.mark.parametrize("role", ["applicant", "manager", "auditor", "regulator"])
def test_nobody_else_enters(client_as, institution, role):
    assert client_as(role).get("/admin/").status_code == 403
    assert client_as(role).get("/admin/accounts/institution/").status_code == 403


def test_strangers_sign_in_on_our_own_page(anonymous_client):
    assert anonymous_client.get("/admin/").url.startswith("/accounts/login/?next=/admin/")


def test_an_institution_is_made_with_its_first_manager(browser_of_operator):
    form = INSTITUTION | {"manager_name": "Luz Condori", "manager_contact": "luz@illari.pe"}
    answer = browser_of_operator.post("/admin/accounts/institution/add/", form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    institution = Institution.objects.get(slug="illari")
    with institution_scope(institution.pk):
        assert Membership.objects.get().roles == ["manager"]
        assert AuditEntry.objects.get().event == "accounts.staff.added"
    assert platform_events() == ["accounts.institution.created"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("ruc", "20100070971"), ("brand_color", "#ffff00"), ("slug", "admin"), ("manager_contact", "luz")],
)
def test_a_bad_institution_is_explained_and_not_made(browser_of_operator, field, value):
    answer = browser_of_operator.post("/admin/accounts/institution/add/", INSTITUTION | {field: value})
    assert field in answer.context["adminform"].form.errors
    assert not Institution.objects.filter(name="Illari").exists()


def test_an_institution_is_changed(browser_of_operator, other_institution):
    form = {field: getattr(other_institution, field) for field in INSTITUTION} | {"is_active": "", "domain": "wayra.pe"}
    answer = browser_of_operator.post(f"/admin/accounts/institution/{other_institution.pk}/change/", form)
    assert answer.status_code == 302
    other_institution.refresh_from_db()
    assert (other_institution.is_active, other_institution.domain) == (False, "wayra.pe")
    assert platform_events() == ["accounts.institution.changed"]


def test_nothing_is_deleted(browser_of_operator, other_institution):
    path = f"/admin/accounts/institution/{other_institution.pk}/delete/"
    assert browser_of_operator.post(path, {"post": "yes"}).status_code == 403


def test_the_platform_itself_is_not_listed(browser_of_operator, platform):
    answer = browser_of_operator.get(f"/admin/accounts/institution/{platform.pk}/change/")
    assert answer.status_code == 302


def test_a_mandate_is_given_and_ended(browser_of_operator, other_institution):
    form = {
        "full_name": "Inés Paz",
        "contact": "ines@sbs.example",
        "institution": other_institution.pk,
        "norm": "Oficio 12-2026",
        "valid_from": "01/01/2026",
    }
    assert browser_of_operator.post("/admin/accounts/regulatormandate/add/", form).status_code == 302
    mandate = RegulatorMandate.objects.get()
    path = f"/admin/accounts/regulatormandate/{mandate.pk}/change/"
    assert browser_of_operator.post(path, {"valid_to": "01/01/2020"}).status_code == 200
    assert browser_of_operator.post(path, {"valid_to": "31/01/2026"}).status_code == 302
    mandate.refresh_from_db()
    assert mandate.valid_to == date(2026, 1, 31)
    assert platform_events() == ["accounts.mandate.given", "accounts.mandate.ended"]


def test_people_are_found_by_their_whole_contact_and_not_named(browser_of_operator, institution):
    user = UserFactory(email="maria.quispe@correo.pe", full_name="María Quispe")
    for address, found in {"": False, "?q=maria": False, "?q=maria.quispe@correo.pe": True}.items():
        page = browser_of_operator.get(f"/admin/accounts/user/{address}").content.decode()
        assert ("ma•••@correo.pe" in page) is found
        assert "María Quispe" not in page
    assert browser_of_operator.get(f"/admin/accounts/user/{user.pk}/change/").status_code == 404


def test_an_account_is_closed_from_the_list(browser_of_operator):
    user = UserFactory(email="ana@correo.pe")
    form = {"action": "close", "_selected_action": [user.pk]}
    browser_of_operator.post("/admin/accounts/user/?q=ana@correo.pe", form)
    assert not User.objects.get(pk=user.pk).is_active
    assert platform_events() == ["accounts.person.closed"]


def test_a_regulator_is_not_an_operator(client_as, other_institution, actor_as):
    MandateFactory(institution=other_institution)
    assert client_as(actor_as("regulator")).post("/admin/accounts/user/", {}).status_code == 403
