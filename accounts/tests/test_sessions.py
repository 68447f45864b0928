"""Where a person is signed in, ending it from elsewhere, and word of every change to the ways in."""

import time
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import PBKDF2PasswordHasher, identify_hasher, make_password
from django.contrib.sessions.models import Session
from django.test import TestCase

from accounts import crypto, messages
from accounts.models import AuditEntry, User
from accounts.passwords import SealedArgon2
from accounts.platform import platform_scope
from accounts.services.memberships import reset_second_step
from accounts.sessions import device
from accounts.tests.factories import UserFactory
from accounts.tests.fixtures import OutsideClient
from accounts.tests.test_signing_in import outbox  # noqa: F401  (a fixture)
from accounts.tests.test_two_step import code_now, enrol

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("outbox")]

PASSWORD = "cerro-verde-77"
FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:131.0) Gecko/131.0 Firefox/131.0"
PAGE = "/accounts/sessions/"


@pytest.fixture
def user(database: None) -> User:
    return UserFactory(email="ana@correo.pe", password=PASSWORD)


def entered(user: User, agent: str = FIREFOX) -> OutsideClient:
    browser = OutsideClient(headers={"User-Agent": agent})
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert browser.get("/accounts/").status_code == 200
    return browser


def inside(browser: OutsideClient) -> bool:
    return browser.get("/accounts/").status_code == 200


def test_each_browser_is_listed_with_what_one_recognises(user):
    here = entered(user)
    entered(user, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/129.0 Safari/537.36 Edg/129.0")
    page = here.get(PAGE).content.decode()
    assert "Firefox, Android" in page
    assert "Edge, Windows" in page
    assert page.count("127.0.0.1") >= 2
    assert UserSession.objects.values_list("session_key")[0][0] not in page


def test_the_others_are_signed_out_at_once_and_this_one_stays(user):
    here, phone, stranger = entered(user), entered(user), entered(user)
    mine = UserFactory(email="otra@correo.pe", password=PASSWORD)
    other = entered(mine)
    assert here.post(PAGE, {"end": "others"}).url == PAGE
    assert [inside(one) for one in (here, phone, stranger, other)] == [True, False, False, True]
    with platform_scope():
        assert AuditEntry.objects.filter(event="accounts.person.sessions_ended").count() == 1


def test_one_is_ended_by_its_key_and_nobody_elses(user):
    here, phone = entered(user), entered(user)
    other = entered(UserFactory(email="otra@correo.pe", password=PASSWORD))
    key = UserSession.objects.get(session_key=phone.session.session_key).pk
    theirs = UserSession.objects.get(session_key=other.session.session_key).pk
    for wrong in (theirs, "x", "", 10**18):
        assert here.post(PAGE, {"end": wrong}).status_code == 404
    here.post(PAGE, {"end": key})
    assert (inside(phone), inside(other)) == (False, True)


def test_an_old_session_confirms_first(user):
    here, phone = entered(user), entered(user)
    session = here.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - 3600}]
    session.save()
    assert here.post(PAGE, {"end": "others"}).url.startswith("/accounts/reauthenticate/")
    assert inside(phone)


@pytest.mark.parametrize("path", ["password/change/", "email/", "phone/change/"])
def test_staff_prove_who_they_are_before_the_ways_in_change(manager, path):
    secret = enrol(manager)
    user = User.objects.get(pk=manager.user_id)
    user.set_password(PASSWORD)
    user.save()
    browser = OutsideClient()
    browser.sign_in(user, second_step=False)
    assert browser.get(f"/accounts/{path}").url.startswith("/accounts/2fa/reauthenticate/")
    browser.post("/accounts/2fa/reauthenticate/", {"code": code_now(secret)})
    assert browser.get(f"/accounts/{path}").status_code == 200


def test_a_new_password_ends_the_other_sessions_and_is_told(user):
    here, stranger = entered(user), entered(user)
    form = {"oldpassword": PASSWORD, "password1": "laguna azul muy honda", "password2": "laguna azul muy honda"}
    here.post("/accounts/password/change/", form)
    assert (inside(here), inside(stranger)) == (True, False)
    assert [one.to for one in messages.written_messages() if "contraseña" in one.text] == ["ana@correo.pe"]


def test_a_new_mobile_is_told_to_the_old_one(database: None, rf: Any):
    from allauth.account.adapter import get_adapter
    from allauth.core import context

    user = UserFactory(email=None, phone="+51987654321")
    with context.request_context(rf.get("/")):
        get_adapter().set_phone(user, "+51911111111", True)
        get_adapter().send_notification_mail("account/email/password_changed", user)
    told = [one.to for one in messages.written_messages()]
    assert sorted(told) == ["+51911111111", "+51987654321"]


def test_a_lost_authenticator_ends_every_session_and_is_told(institution, manager, officer):
    user = User.objects.get(pk=officer.user_id)
    user.set_password(PASSWORD)
    user.save()
    enrol(officer)
    lost = OutsideClient()
    lost.sign_in(user)
    UserSession.objects.create(user=user, session_key=lost.session.session_key, ip="127.0.0.1", user_agent="")
    with TestCase.captureOnCommitCallbacks(execute=True):
        reset_second_step(membership_id=officer.membership_id, actor=manager)
    assert [one.to for one in messages.written_messages() if "segundo paso" in one.text] == [user.email]
    assert lost.get("/accounts/").status_code == 302
    assert not UserSession.objects.filter(user=user).exists()


@pytest.mark.parametrize(("agent", "words"), [(FIREFOX, "Firefox, Android"), ("curl/8", ""), ("", "")])
def test_a_device_in_words(agent, words):
    assert device(agent) == words


# --- what is kept of a password -------------------------------------------------------------------------------------
def test_a_password_of_before_is_kept_anew_on_signing_in(user, settings):
    settings.PASSWORD_HASHERS = [
        "accounts.passwords.SealedArgon2",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    User.objects.filter(pk=user.pk).update(password=PBKDF2PasswordHasher().encode(PASSWORD, "salt" * 6, 1))
    entered(user)
    user.refresh_from_db()
    assert isinstance(identify_hasher(user.password), SealedArgon2)
    assert "m=47104,t=2,p=1" in user.password
    assert user.check_password(PASSWORD)
    assert not user.check_password("otra-cosa-88")


def test_a_stolen_table_is_worth_nothing_without_the_key(settings, tmp_path):
    import json

    settings.PASSWORD_HASHERS = ["accounts.passwords.SealedArgon2"]
    encoded = make_password(PASSWORD)
    assert SealedArgon2().verify(PASSWORD, encoded)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(crypto.new_key_document()))
    settings.FIELD_KEYS_FILE = str(keys)
    assert not SealedArgon2().verify(PASSWORD, encoded)


def test_sessions_of_before_are_forgotten(user):
    here, gone = entered(user), entered(user)
    Session.objects.filter(session_key=gone.session.session_key).delete()
    here.get(PAGE)
    assert UserSession.objects.filter(user=user).count() == 1
