"""The second step: who must pass it, how it is set up, and that nothing opens without it."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.exceptions import ImproperlyConfigured

from accounts.actors import Actor
from accounts.models import AuditEntry, User
from accounts.platform import platform_scope
from accounts.services.people import set_up_second_step
from accounts.tests.factories import MembershipFactory, UserFactory
from accounts.tests.fixtures import OutsideClient
from accounts.tests.test_signing_in import code_sent, outbox  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db

STAFF_PAGE = "/i/qori/desk/staff/"
PASSWORD = "cerro-verde-77"


def code_now(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def enrol(actor: Actor) -> str:
    """Give the person an authenticator; returns its secret."""
    return set_up_second_step(user=User.objects.get(pk=actor.user_id), actor=Actor.system("test"))


@pytest.mark.parametrize(
    ("role", "path"),
    [
        *((role, "/i/qori/desk/") for role in ("officer", "approver", "cashier", "collector", "manager")),
        *((role, "/i/qori/desk/") for role in ("analyst", "validator", "auditor")),
        ("manager", STAFF_PAGE),
        ("officer", "/i/qori/"),
        ("officer", "/i/qori/my/"),
        ("regulator", "/oversight/"),
        ("operator", "/admin/"),
        ("operator", "/"),
    ],
)
def test_everybody_but_applicants_is_led_to_set_it_up(client_as, institution, role, path):
    answer = client_as(role, second_step=False).get(path)
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/2fa/totp/activate/?next=")


def test_applicants_go_without(client_as, institution):
    assert client_as("applicant", second_step=False).get("/accounts/ready/").url == "/i/qori/my/"
    assert client_as("applicant", second_step=False).get("/").status_code == 200


def test_nothing_is_done_without_it(client_as, institution, manager, officer):
    browser = client_as(manager, second_step=False)
    answer = browser.post(f"{STAFF_PAGE}{officer.membership_id}/access/", {"open": "0"})
    assert answer.url.startswith("/accounts/2fa/totp/activate/")
    assert officer.membership_id
    assert not AuditEntry.objects.filter(event="accounts.staff.deactivated").exists()


def test_a_program_reading_with_a_session_is_told_so(client_as, institution):
    answer = client_as("officer", second_step=False).get("/i/qori/api/v1/applications/")
    assert (answer.status_code, answer.json()["code"]) == (403, "two_step_required")


def test_a_fragment_sends_the_whole_page(client_as, institution):
    browser = client_as("officer", second_step=False)
    answer = browser.get("/i/qori/desk/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/i/qori/"})
    assert answer.headers["HX-Redirect"] == "/accounts/2fa/totp/activate/?next=%2Fi%2Fqori%2F"


def test_a_person_passes_it_where_they_are_staff_and_not_where_they_apply(institution, other_institution):
    user = UserFactory()
    MembershipFactory(institution=institution, user=user, roles=["officer"])
    MembershipFactory(institution=other_institution, user=user, roles=["applicant"])
    browser = OutsideClient()
    browser.sign_in(user, second_step=False)
    assert browser.get("/i/qori/desk/").url.startswith("/accounts/2fa/")
    assert browser.get(f"/i/{other_institution.slug}/brand.css").status_code == 200


def test_setting_it_up_shows_the_codes_once_and_goes_back(client_as, institution, manager):
    browser = client_as(manager, second_step=False)
    browser.get(STAFF_PAGE)
    page = browser.get("/accounts/2fa/totp/activate/")
    assert "<svg" in page.content.decode()
    assert "data:image" not in page.content.decode()
    secret = page.context["form"].secret
    answer = browser.post("/accounts/2fa/totp/activate/", {"code": code_now(secret)})
    assert answer.url == "/accounts/2fa/recovery-codes/"
    assert page.status_code == 200
    first, second = (browser.get(answer.url).content.decode() for _ in range(2))
    assert first.count("<li><code>") == 10
    assert second.count("<li><code>") == 0
    assert browser.get("/accounts/continue/").url == STAFF_PAGE
    assert browser.get(STAFF_PAGE).status_code == 200
    stored = Authenticator.objects.get(user_id=manager.user_id, type="totp").data["secret"]
    assert secret not in stored


def test_a_wrong_code_sets_up_nothing(client_as, institution, manager):
    browser = client_as(manager, second_step=False)
    browser.get("/accounts/2fa/totp/activate/")
    page = browser.post("/accounts/2fa/totp/activate/", {"code": "000000"}).content.decode()
    assert "Ese código no es" in page
    assert browser.get(STAFF_PAGE).status_code == 302


def test_signing_in_asks_for_it(institution, actor_as):
    manager = actor_as("manager", email="jefa@qori.pe", password=PASSWORD)
    secret = enrol(manager)
    browser = OutsideClient()
    answer = browser.post("/accounts/login/", {"login": "jefa@qori.pe", "password": PASSWORD, "next": STAFF_PAGE})
    assert answer.url == "/accounts/2fa/authenticate/"
    assert "_auth_user_id" not in browser.session
    answer = browser.post("/accounts/2fa/authenticate/", {"code": code_now(secret)})
    assert answer.url == STAFF_PAGE
    assert browser.get(STAFF_PAGE).status_code == 200


def test_a_code_by_mail_does_not_replace_it(institution, actor_as):
    enrol(actor_as("manager", email="jefa@qori.pe"))
    browser = OutsideClient()
    answer = browser.post("/accounts/login/", {"login": "jefa@qori.pe"})
    answer = browser.post(answer.url, {"code": code_sent("jefa@qori.pe"), "action": "verify"})
    assert answer.url == "/accounts/2fa/authenticate/"
    assert "_auth_user_id" not in browser.session


def test_a_code_opens_once(institution, actor_as):
    secret = enrol(actor_as("manager", email="jefa@qori.pe", password=PASSWORD))
    code = code_now(secret)
    for browser, enters in ((OutsideClient(), True), (OutsideClient(), False)):
        browser.post("/accounts/login/", {"login": "jefa@qori.pe", "password": PASSWORD})
        browser.post("/accounts/2fa/authenticate/", {"code": code})
        assert ("_auth_user_id" in browser.session) is enters


def test_a_recovery_code_opens_once(institution, actor_as):
    manager = actor_as("manager", email="jefa@qori.pe", password=PASSWORD)
    enrol(manager)
    codes = Authenticator.objects.get(user_id=manager.user_id, type="recovery_codes").wrap().get_unused_codes()
    for browser, enters in ((OutsideClient(), True), (OutsideClient(), False)):
        browser.post("/accounts/login/", {"login": "jefa@qori.pe", "password": PASSWORD})
        browser.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert ("_auth_user_id" in browser.session) is enters


def test_guessing_it_is_stopped_and_recorded(institution, actor_as):
    secret = enrol(actor_as("manager", email="jefa@qori.pe", password=PASSWORD))
    browser = OutsideClient()
    browser.post("/accounts/login/", {"login": "jefa@qori.pe", "password": PASSWORD})
    for _ in range(5):
        browser.post("/accounts/2fa/authenticate/", {"code": "000000"})
    page = browser.post("/accounts/2fa/authenticate/", {"code": code_now(secret)}).content.decode()
    assert "Demasiados intentos" in page
    with platform_scope():
        assert AuditEntry.objects.filter(event="accounts.second_step.failed").count() == 5


def test_it_is_asked_again_after_half_a_day(client_as, institution, manager, time_machine):
    secret = enrol(manager)
    browser = client_as(manager)
    assert browser.get(STAFF_PAGE).status_code == 200
    time_machine.move_to(time.time() + 12 * 3600 + 1)
    answer = browser.get(STAFF_PAGE)
    assert answer.url.startswith("/accounts/2fa/reauthenticate/?next=")
    answer = browser.post(answer.url, {"code": code_now(secret)})
    assert answer.url == STAFF_PAGE
    assert browser.get(STAFF_PAGE).status_code == 200


def test_another_persons_second_step_does_not_count(client_as, institution, manager, officer):
    browser = client_as(manager)
    session = browser.session
    session["account_authentication_methods_user"] = str(officer.user_id)
    session.save()
    assert browser.get(STAFF_PAGE).status_code == 302


def test_staff_cannot_switch_it_off(client_as, institution, manager):
    enrol(manager)
    browser = client_as(manager)
    page = browser.post("/accounts/2fa/totp/deactivate/").content.decode()
    assert "no se puede desactivar" in page
    assert Authenticator.objects.filter(user_id=manager.user_id, type="totp").exists()


def test_an_applicant_may_use_it_and_switch_it_off(client_as, institution, applicant):
    enrol(applicant)
    client_as(applicant).post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user_id=applicant.user_id).exists()
    with platform_scope():
        assert AuditEntry.objects.filter(event="accounts.second_step.removed").count() == 1


def test_the_printed_code_opens_the_demo_only(settings, institution, actor_as):
    enrol(actor_as("manager", email="jefa@qori.pe", password=PASSWORD))
    browser = OutsideClient()
    browser.post("/accounts/login/", {"login": "jefa@qori.pe", "password": PASSWORD})
    browser.post("/accounts/2fa/authenticate/", {"code": settings.DEMO_SECOND_STEP_CODE})
    assert "_auth_user_id" not in browser.session
    settings.DEBUG = settings.DEMO = True
    settings.MFA_TOTP_INSECURE_BYPASS_CODE = settings.DEMO_SECOND_STEP_CODE
    browser.post("/accounts/2fa/authenticate/", {"code": settings.DEMO_SECOND_STEP_CODE})
    assert "_auth_user_id" in browser.session


def test_a_printed_code_is_refused_in_production(settings, institution, actor_as):
    from allauth.mfa import app_settings

    settings.DEBUG = False
    settings.MFA_TOTP_INSECURE_BYPASS_CODE = settings.DEMO_SECOND_STEP_CODE
    with pytest.raises(ImproperlyConfigured):
        app_settings.TOTP_INSECURE_BYPASS_CODE  # noqa: B018
