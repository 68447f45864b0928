"""Institutions, mandates, programs and people of the platform: done, refused, repeated, elsewhere, audited."""

import json
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from oauth2_provider.models import Application

from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import ApiClient, AuditEntry, Institution, RegulatorMandate, User
from accounts.platform import platform_scope
from accounts.services.api_clients import create_api_client, deactivate_api_client, rotate_secret
from accounts.services.institutions import change_institution, change_look, create_institution
from accounts.services.mandates import end_mandate, give_mandate
from accounts.services.people import forget_second_step, register_person, set_account_open, set_up_second_step
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import UserFactory
from accounts.tests.fixtures import OutsideClient

SYSTEM = Actor.system("test")
NEW = {"slug": "illari", "name": "Illari", "legal_name": "Illari S.A.", "kind": "edpyme", "ruc": "20100070970"}


def events() -> list[str]:
    return list(AuditEntry.objects.order_by("at_us").values_list("event", flat=True))


def platform_events() -> list[str]:
    with platform_scope():
        return events()


# --- institutions --------------------------------------------------------------------------------------------------
def test_an_operator_makes_an_institution_once(operator):
    first, second = create_institution(actor=operator, **NEW), create_institution(actor=operator, **NEW)
    assert first.pk == second.pk
    assert platform_events() == ["accounts.institution.created"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"slug": "admin"}, "slug"),
        ({"slug": "Con Espacio"}, "slug"),
        ({"name": ""}, "name"),
        ({"ruc": "123"}, "ruc"),
        ({"ruc": "20100070971"}, "ruc"),
        ({"kind": "platform"}, "kind"),
        ({"kind": "banco"}, "kind"),
        ({"brand_color": "#ffff00"}, "brand_color"),
        ({"brand_color": "azul"}, "brand_color"),
        ({"domain": "https://illari.pe/"}, "domain"),
    ],
)
def test_a_bad_institution_names_its_field(operator, changes, field):
    with pytest.raises(InvalidInput) as refusal:
        create_institution(actor=operator, **NEW | changes)
    assert list(refusal.value.fields) == [field]


def test_a_taken_address_is_refused(operator, institution):
    with pytest.raises(InvalidInput) as refusal:
        create_institution(actor=operator, **NEW | {"slug": institution.slug})
    assert list(refusal.value.fields) == ["slug"]


@pytest.mark.parametrize("role", ["manager", "officer", "applicant", "regulator"])
def test_nobody_else_makes_institutions(request, role):
    with pytest.raises(NotAllowed):
        create_institution(actor=request.getfixturevalue(role), **NEW)


def test_an_operator_closes_an_institution_for_everybody(institution, operator, client_as):
    browser = client_as("officer")
    change_institution(institution_id=institution.pk, actor=operator, is_active=False)
    change_institution(institution_id=institution.pk, actor=operator, is_active=False)
    assert browser.get("/i/qori/").status_code == 404
    assert platform_events() == ["accounts.institution.changed"]


def test_the_platform_itself_is_not_an_institution_to_change(operator, platform):
    with pytest.raises(NotFound):
        change_institution(institution_id=platform.pk, actor=operator, is_active=False)


def test_a_manager_dresses_their_own_institution(institution, other_institution, manager):
    for _ in range(2):
        change_look(actor=manager, brand_color="#7a1f3d", phone="(051) 321-000")
    institution.refresh_from_db()
    assert (institution.brand_color, institution.phone) == ("#7a1f3d", "(051) 321-000")
    assert events() == ["accounts.institution.look_changed"]
    other_institution.refresh_from_db()
    assert other_institution.brand_color == "#1d4f91"


def test_a_colour_that_reads_badly_is_refused_with_one_that_would_do(institution, manager):
    with pytest.raises(InvalidInput) as refusal:
        change_look(actor=manager, brand_color="#ffcc00")
    assert "4.5:1" in refusal.value.fields["brand_color"][0]
    assert not events()


def test_a_manager_changes_nothing_else(institution, manager):
    with pytest.raises(TypeError):
        change_look(actor=manager, slug="otra")
    with pytest.raises(NotAllowed):
        change_institution(institution_id=institution.pk, actor=manager, slug="otra")


# --- mandates ------------------------------------------------------------------------------------------------------
def mandate(actor: Actor, institution: Institution, **changes) -> RegulatorMandate:
    terms = {
        "contact": "ines@sbs.example",
        "full_name": "Inés Paz",
        "institution_id": institution.pk,
        "norm": "Oficio 12-2026",
        "valid_from": date(2026, 1, 1),
    }
    return give_mandate(actor=actor, **terms | changes)


def test_a_mandate_is_given_once_and_ends(institution, operator):
    first, second = mandate(operator, institution), mandate(operator, institution)
    assert first.pk == second.pk
    assert User.objects.get(email="ines@sbs.example").platform_roles == {"regulator"}
    for _ in range(2):
        end_mandate(mandate_id=first.pk, actor=operator, on=date(2026, 2, 1))
    assert User.objects.get(email="ines@sbs.example").platform_roles == frozenset()
    assert platform_events() == ["accounts.mandate.given", "accounts.mandate.ended"]


@pytest.mark.parametrize(("changes", "field"), [({"norm": " "}, "norm"), ({"valid_to": date(2025, 1, 1)}, "valid_to")])
def test_a_bad_mandate_names_its_field(institution, operator, changes, field):
    with pytest.raises(InvalidInput) as refusal:
        mandate(operator, institution, **changes)
    assert list(refusal.value.fields) == [field]


def test_a_mandate_over_nothing_or_the_platform_is_refused(operator, platform):
    with pytest.raises(NotFound):
        mandate(operator, platform)
    with pytest.raises(NotFound):
        end_mandate(mandate_id=0, actor=operator, on=date(2026, 2, 1))


@pytest.mark.parametrize("role", ["manager", "auditor", "regulator"])
def test_nobody_else_gives_mandates(request, institution, role):
    with pytest.raises(NotAllowed):
        mandate(request.getfixturevalue(role), institution)


# --- programs ------------------------------------------------------------------------------------------------------
def token(client: ApiClient, secret: str):
    form = {"grant_type": "client_credentials", "client_id": client.oauth_client_id, "client_secret": secret}
    return OutsideClient().post("/api/v1/token/", form)


def test_a_program_signs_in_until_its_secret_changes_or_it_is_closed(institution, manager):
    client, first = create_api_client(actor=manager, name="Banca móvil")
    assert token(client, first).status_code == 200
    assert first not in Application.objects.get(client_id=client.oauth_client_id).client_secret
    second = rotate_secret(client_id=client.pk, actor=manager)
    assert [token(client, secret).status_code for secret in (first, second)] == [401, 200]
    for _ in range(2):
        deactivate_api_client(client_id=client.pk, actor=manager)
    assert token(client, second).status_code == 401
    assert events() == [
        "accounts.api_client.created",
        "accounts.api_client.secret_rotated",
        "accounts.api_client.deactivated",
    ]
    assert not any(second in body for body in AuditEntry.objects.values_list("body", flat=True))


def test_a_closed_program_gets_no_new_secret(institution, manager):
    client, _secret = create_api_client(actor=manager, name="Banca móvil")
    deactivate_api_client(client_id=client.pk, actor=manager)
    with pytest.raises(InvalidState):
        rotate_secret(client_id=client.pk, actor=manager)


@pytest.mark.parametrize(("name", "roles"), [("", ["integrator"]), ("x" * 81, ["integrator"]), ("A", ["manager"])])
def test_a_bad_program_is_refused(institution, manager, name, roles):
    with pytest.raises(InvalidInput):
        create_api_client(actor=manager, name=name, roles=roles)


def test_a_name_is_used_once(institution, manager):
    create_api_client(actor=manager, name="Banca móvil")
    with pytest.raises(InvalidInput):
        create_api_client(actor=manager, name="Banca  móvil")


def test_only_managers_register_programs(institution, officer):
    with pytest.raises(NotAllowed):
        create_api_client(actor=officer, name="Banca móvil")


def test_programs_of_another_institution_do_not_exist(institution, other_institution, manager, actor_as):
    with institution_scope(other_institution.pk):
        client, _secret = create_api_client(actor=actor_as("manager", at=other_institution), name="Banca móvil")
    with institution_scope(institution.pk):
        for act in (rotate_secret, deactivate_api_client):
            with pytest.raises(NotFound):
                act(client_id=client.pk, actor=manager)


# --- people --------------------------------------------------------------------------------------------------------
def test_a_person_is_registered_once(platform):
    first = register_person(actor=SYSTEM, full_name="Ana", email="Ana@Correo.pe", phone="987654321")
    second = register_person(actor=SYSTEM, full_name="Ana", phone="+51 987 654 321")
    assert first.pk == second.pk
    assert (first.email, first.phone, first.phone_verified) == ("ana@correo.pe", "+51987654321", True)
    assert platform_events() == ["accounts.person.registered"]


@pytest.mark.parametrize("contact", [{}, {"phone": "123"}])
def test_a_person_must_be_reachable(platform, contact):
    with pytest.raises(InvalidInput):
        register_person(actor=SYSTEM, full_name="Ana", **contact)


def test_a_manager_registers_nobody_on_the_platform(manager):
    with pytest.raises(NotAllowed):
        register_person(actor=manager, full_name="Ana", email="ana@correo.pe")


def test_an_operator_forgets_a_second_step_and_closes_an_account(operator):
    user = UserFactory()
    secret = set_up_second_step(user=user, actor=SYSTEM)
    assert set_up_second_step(user=user, actor=SYSTEM) == secret
    assert forget_second_step(user_id=user.pk, actor=operator) == 2
    for _ in range(2):
        set_account_open(user_id=user.pk, actor=operator, is_open=False)
    user.refresh_from_db()
    assert not user.is_active
    assert platform_events() == [
        "accounts.second_step.set_up",
        "accounts.second_step.reset",
        "accounts.person.closed",
    ]


def test_a_closed_account_is_out_at_once(operator, officer, client_as):
    browser = client_as(officer)
    set_account_open(user_id=officer.user_id, actor=operator, is_open=False)
    assert browser.get("/i/qori/desk/queue/").url.startswith("/accounts/login/")


def test_managers_do_neither(manager):
    for act, more in ((forget_second_step, {}), (set_account_open, {"is_open": False})):
        with pytest.raises(NotAllowed):
            act(user_id=manager.user_id, actor=manager, **more)


def test_the_first_operator_is_made_by_command(platform, capsys):
    for _ in range(2):
        call_command("create_operator", "ana@ayni.pe", "--name", "Ana Paz", "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[0])["email"] == "ana@ayni.pe"
    assert User.objects.get(email="ana@ayni.pe").platform_roles == {"operator"}
    assert platform_events() == ["accounts.person.registered"]


def test_somebody_registered_already_becomes_operator(platform):
    UserFactory(email="ana@ayni.pe")
    call_command("create_operator", "ana@ayni.pe", "--name", "Ana Paz")
    assert platform_events() == ["accounts.operator.made"]


def test_a_bad_email_makes_no_operator(platform):
    with pytest.raises(CommandError):
        call_command("create_operator", "ana", "--name", "Ana Paz")
    assert not User.objects.exists()
