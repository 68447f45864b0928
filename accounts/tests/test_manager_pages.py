"""The manager's pages: staff, the institution's look, programs."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiClient, Institution, Membership
from accounts.services.api_clients import create_api_client
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import MembershipFactory, UserFactory

STAFF = "/i/qori/desk/staff/"
SETTINGS = "/i/qori/desk/settings/"


@pytest.fixture
def browser_of_manager(client_as, manager):
    return client_as(manager)


def look(**changes: str) -> dict[str, str]:
    form = {
        "tagline": "",
        "brand_color": "#1d4f91",
        "mark": "sun",
        "phone": "",
        "whatsapp": "",
        "hours": "",
        "address": "",
    }
    return form | changes


# --- staff ---------------------------------------------------------------------------------------------------------
def test_the_list_shows_who_works_here_and_nobody_else(browser_of_manager, institution, other_institution):
    MembershipFactory(institution=institution, user=UserFactory(full_name="Solo Solicita"))
    MembershipFactory(institution=institution, user=UserFactory(full_name="Ana Huamán"), roles=["officer"])
    MembershipFactory(institution=other_institution, user=UserFactory(full_name="De Otra"), roles=["officer"])
    page = browser_of_manager.get(STAFF).content.decode()
    assert "Ana Huamán" in page
    assert "Analista de créditos" in page
    assert "Solo Solicita" not in page
    assert "De Otra" not in page


def test_the_list_asks_the_same_however_many_work_here(browser_of_manager, institution):
    asked = []
    for _ in range(2):
        for _ in range(5):
            MembershipFactory(institution=institution, roles=["officer"])
        with CaptureQueriesContext(connection) as queries:
            browser_of_manager.get(STAFF)
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 16


def test_somebody_is_added(browser_of_manager, institution):
    form = {"contact": "ana@qori.pe", "full_name": "Ana Huamán", "roles": ["officer"], "job_title": "", "branch": ""}
    answer = browser_of_manager.post(f"{STAFF}new/", form)
    assert answer.url == STAFF
    assert Membership.objects.filter(user__email="ana@qori.pe", roles=["officer"]).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"contact": ""}, "Escribe su correo o su celular"),
        ({"contact": "ana"}, "nueve cifras"),
        ({"contact": "ana@"}, "correo completo"),
        ({"roles": []}, "Elige al menos un permiso"),
        ({"full_name": ""}, "Escribe el nombre"),
        ({"job_title": "x" * 81}, "80"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(browser_of_manager, institution, changes, words):
    form = {"contact": "ana@qori.pe", "full_name": "Ana", "roles": ["officer"], "job_title": "", "branch": ""}
    answer = browser_of_manager.post(f"{STAFF}new/", form | changes)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert words in page
    assert "<title>Error: " in page
    assert re.search(r'data-error-summary.*href="#', page, re.DOTALL)


def test_roles_are_changed(browser_of_manager, institution, officer):
    path = f"{STAFF}{officer.membership_id}/"
    assert "checked" in browser_of_manager.get(path).content.decode()
    browser_of_manager.post(path, {"roles": ["approver"], "job_title": "Jefa", "branch": "Puno"})
    assert Membership.objects.get(pk=officer.membership_id).roles == ["approver"]


def test_the_last_manager_is_told_why_not(browser_of_manager, institution, manager):
    answer = browser_of_manager.post(f"{STAFF}{manager.membership_id}/", {"roles": ["officer"]})
    assert answer.status_code == 409
    assert "sin gerente" in answer.content.decode()


def test_access_is_closed_and_opened(browser_of_manager, institution, officer):
    path = f"{STAFF}{officer.membership_id}/access/"
    for value, active in (("0", False), ("1", True)):
        browser_of_manager.post(path, {"open": value})
        assert Membership.objects.get(pk=officer.membership_id).is_active is active


def test_staff_elsewhere_are_not_found(browser_of_manager, institution, actor_as, other_institution):
    foreign = actor_as("officer", at=other_institution)
    assert browser_of_manager.get(f"{STAFF}{foreign.membership_id}/").status_code == 404
    assert browser_of_manager.post(f"{STAFF}{foreign.membership_id}/access/", {"open": "0"}).status_code == 404
    assert browser_of_manager.get("/i/wayra/desk/staff/").status_code == 403


# --- the institution -----------------------------------------------------------------------------------------------
def test_the_look_is_changed_and_the_stylesheet_with_it(browser_of_manager, institution):
    before = browser_of_manager.get(SETTINGS).content.decode()
    answer = browser_of_manager.post(SETTINGS, look(brand_color="#7a1f3d", phone="(051) 321-000"))
    assert answer.url == SETTINGS
    page = browser_of_manager.get(SETTINGS).content.decode()
    link = re.compile(r"/i/qori/brand\.css\?v=\w+")
    assert link.search(before)[0] != link.search(page)[0]
    assert "#7a1f3d" in browser_of_manager.get(link.search(page)[0]).content.decode()


@pytest.mark.parametrize("colour", ["#ffff00", "azul", "#12345", ""])
def test_a_bad_colour_is_explained_and_what_was_typed_stays(browser_of_manager, institution, colour):
    answer = browser_of_manager.post(SETTINGS, look(brand_color=colour, tagline="Para tu chacra"))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'class="error-text"' in page
    assert "Para tu chacra" in page
    assert Institution.objects.get(pk=institution.pk).tagline == ""


def test_a_tampered_form_changes_nothing_else(browser_of_manager, institution):
    browser_of_manager.post(SETTINGS, look(slug="otra", name="Otra", is_active="", domain="otra.pe"))
    institution.refresh_from_db()
    assert (institution.slug, institution.name, institution.is_active, institution.domain) == (
        "qori",
        "Caja Qori",
        True,
        "",
    )


# --- programs ------------------------------------------------------------------------------------------------------
def test_a_secret_is_shown_once(browser_of_manager, institution):
    page = browser_of_manager.post(f"{SETTINGS}programs/new/", {"name": "Banca móvil"}).content.decode()
    client = ApiClient.objects.get()
    secret = re.findall(r'<code class="hash">([^<]+)</code>', page)[1]
    assert client.oauth_client_id in page
    assert secret not in browser_of_manager.get(SETTINGS).content.decode()
    path = f"{SETTINGS}programs/{client.pk}/secret/"
    assert browser_of_manager.get(path).status_code == 200
    assert secret not in browser_of_manager.post(path).content.decode()


def test_a_program_without_a_name_is_explained(browser_of_manager, institution):
    answer = browser_of_manager.post(f"{SETTINGS}programs/new/", {"name": ""})
    assert answer.status_code == 422
    assert "Escribe un nombre" in answer.content.decode()


def test_a_program_is_closed(browser_of_manager, institution, manager):
    client, _secret = create_api_client(actor=manager, name="Banca móvil")
    browser_of_manager.post(f"{SETTINGS}programs/{client.pk}/close/")
    client.refresh_from_db()
    assert not client.is_active


def test_programs_elsewhere_are_not_found(browser_of_manager, institution, actor_as, other_institution):
    foreign = actor_as("manager", at=other_institution)
    with institution_scope(other_institution.pk):
        client, _secret = create_api_client(actor=foreign, name="Banca móvil")
    for path in ("secret", "close"):
        assert browser_of_manager.post(f"{SETTINGS}programs/{client.pk}/{path}/").status_code == 404
