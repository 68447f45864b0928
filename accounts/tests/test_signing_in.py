"""Signing up and in, as a browser does it: by mobile, by e-mail, with a code, with a password."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts import messages
from accounts.models import AuditEntry, User
from accounts.platform import platform_scope
from accounts.tests.factories import MembershipFactory, UserFactory
from accounts.tests.fixtures import OutsideClient

pytestmark = pytest.mark.django_db

PHONE = "+51987654321"


@pytest.fixture(autouse=True)
def outbox(settings, tmp_path):
    """An outbox of this test's own."""
    settings.OUTBOX_ROOT = str(tmp_path)
    return tmp_path


@pytest.fixture
def visitor():
    return OutsideClient()


def last_message(to: str) -> str:
    return next(one.text for one in messages.written_messages() if one.to == to)


def code_sent(to: str) -> str:
    return re.search(r"\b\d{6}\b", last_message(to))[0]


def events() -> list[str]:
    with platform_scope():
        return list(AuditEntry.objects.order_by("at_us").values_list("event", flat=True))


def signed_in_as(visitor) -> str | None:
    return visitor.session.get("_auth_user_id")


def sign_up(visitor, phone="987 654 321", name="María Quispe", **more):
    return visitor.post("/accounts/signup/", {"full_name": name, "phone": phone, **more})


# --- by mobile ----------------------------------------------------------------------------------------------------
def test_an_applicant_signs_up_with_a_mobile_and_a_code(visitor):
    answer = sign_up(visitor, next="/i/qori/apply/")
    assert urlsplit(answer.url).path == "/accounts/phone/verify/"
    assert "987 654 321" in visitor.get(answer.url).content.decode()
    answer = visitor.post("/accounts/phone/verify/", {"code": code_sent(PHONE), "action": "verify"})
    assert answer.url == "/i/qori/apply/"
    user = User.objects.get(phone=PHONE)
    assert (user.full_name, user.phone_verified, user.email) == ("María Quispe", True, None)
    assert signed_in_as(visitor) == str(user.pk)
    assert not user.has_usable_password()
    assert events() == ["accounts.person.signed_up", "accounts.person.signed_in"]


@pytest.mark.parametrize(
    ("phone", "words"),
    [("12345", "nueve cifras"), ("+1 202 555 0100", "nueve cifras"), ("", "Escribe tu celular"), ("9" * 5_000, "40")],
)
def test_a_number_that_is_no_peruvian_mobile_is_explained(visitor, phone, words):
    page = sign_up(visitor, phone=phone).content.decode()
    assert words in page
    assert 'value="María Quispe"' in page
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "12345", "!!!"])
def test_a_name_needs_letters(visitor, name):
    assert "Escribe tu nombre" in sign_up(visitor, name=name).content.decode()


def test_a_wrong_code_says_so_and_the_third_ends_it(visitor):
    sign_up(visitor)
    for _ in range(2):
        page = visitor.post("/accounts/phone/verify/", {"code": "000000", "action": "verify"}).content.decode()
        assert "Ese código no es" in page
    answer = visitor.post("/accounts/phone/verify/", {"code": "000000", "action": "verify"})
    assert answer.url == "/accounts/login/"
    assert signed_in_as(visitor) is None


def test_another_code_may_be_asked_for_after_half_a_minute(visitor, time_machine):
    sign_up(visitor)
    first = code_sent(PHONE)
    visitor.post("/accounts/phone/verify/", {"action": "resend"})
    assert code_sent(PHONE) == first
    assert "medio minuto" in visitor.get("/accounts/phone/verify/").content.decode()
    time_machine.move_to(timezone.now() + timedelta(seconds=31))
    visitor.post("/accounts/phone/verify/", {"action": "resend"})
    assert len(messages.written_messages()) == 2


def test_a_mobile_that_has_an_account_is_not_given_away(visitor):
    UserFactory(phone=PHONE, email=None)
    taken = sign_up(visitor)
    other = sign_up(OutsideClient(), phone="987 000 111")
    assert (taken.status_code, taken.url) == (other.status_code, other.url)
    assert "Ya tienes una cuenta" in last_message(PHONE)
    assert User.objects.filter(phone=PHONE).count() == 1
    page = visitor.get(taken.url).content.decode()
    assert "987 654 321" in page


def test_signing_in_with_a_mobile_takes_a_code(visitor):
    user = UserFactory(phone=PHONE, email=None)
    answer = visitor.post("/accounts/login/", {"login": "51 987-654-321", "password": "", "next": "/i/qori/my/"})
    path, query = urlsplit(answer.url).path, parse_qs(urlsplit(answer.url).query)
    assert (path, query) == ("/accounts/login/code/confirm/", {"next": ["/i/qori/my/"]})
    answer = visitor.post(answer.url, {"code": code_sent(PHONE), "action": "verify"})
    assert answer.url == "/i/qori/my/"
    assert signed_in_as(visitor) == str(user.pk)


def test_an_unknown_mobile_looks_the_same_as_a_known_one(visitor):
    UserFactory(phone=PHONE, email=None)
    known = visitor.post("/accounts/login/", {"login": "987654321"})
    stranger = OutsideClient()
    unknown = stranger.post("/accounts/login/", {"login": "987000111"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert "no tiene cuenta" in last_message("+51987000111")
    page = stranger.post(unknown.url, {"code": "123456", "action": "verify"}).content.decode()
    assert "Ese código no es" in page


def test_codes_are_not_sent_without_end(visitor):
    UserFactory(phone=PHONE, email=None)
    for _ in range(3):
        OutsideClient().post("/accounts/login/", {"login": "987654321"})
    page = visitor.post("/accounts/login/", {"login": "987654321"}).content.decode()
    assert "Demasiados intentos" in page
    assert len(messages.written_messages()) == 3


def test_an_old_code_is_worth_nothing(visitor, time_machine):
    UserFactory(phone=PHONE, email=None)
    answer = visitor.post("/accounts/login/", {"login": "987654321"})
    code = code_sent(PHONE)
    time_machine.move_to(timezone.now() + timedelta(seconds=601))
    visitor.post(answer.url, {"code": code, "action": "verify"})
    assert signed_in_as(visitor) is None


def test_a_gateway_that_is_down_makes_no_account(visitor, settings):
    settings.SMS_GATEWAY_URL = "http://127.0.0.1:9/"
    answer = sign_up(visitor)
    assert answer.status_code == 503
    assert "No pudimos enviarte el mensaje" in answer.content.decode()
    assert not User.objects.exists()


# --- by e-mail ----------------------------------------------------------------------------------------------------
def test_somebody_signs_up_with_an_email_and_a_password(visitor):
    form = {"full_name": "Ana Huamán", "email": "Ana@Correo.pe", "password1": "cerro-verde-77"}
    answer = visitor.post("/accounts/signup/email/", form)
    assert answer.url == "/accounts/confirm-email/"
    assert signed_in_as(visitor) is None
    visitor.post("/accounts/confirm-email/", {"code": code_sent("ana@correo.pe"), "action": "verify"})
    user = User.objects.get(email="ana@correo.pe")
    assert signed_in_as(visitor) == str(user.pk)
    assert EmailAddress.objects.get(user=user).verified


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("email", "ana", "Escribe un correo completo"),
        ("email", "", "Escribe tu correo"),
        ("password1", "", "Escribe la contraseña"),
        ("password1", "once-letras", "12 caracteres"),
        ("password1", "a         b c", "12 caracteres"),
        ("password1", "larga " * 40, "128 caracteres"),
        ("password1", "1234567890123", "numérica"),
        ("password1", "ana@correo.pe", "similar"),
    ],
)
def test_bad_answers_are_explained(visitor, field, value, words):
    form = {"full_name": "Ana Huamán", "email": "ana@correo.pe", "password1": "cerro-verde-77"} | {field: value}
    page = visitor.post("/accounts/signup/email/", form).content.decode()
    assert words in page
    assert "<title>Error: " in page
    assert not User.objects.exists()


def test_an_email_that_has_an_account_is_not_given_away(visitor):
    UserFactory(email="ana@correo.pe")
    form = {"full_name": "Otra", "email": "ana@correo.pe", "password1": "cerro-verde-77"}
    taken = visitor.post("/accounts/signup/email/", form)
    other = OutsideClient().post("/accounts/signup/email/", form | {"email": "nadie@correo.pe"})
    assert (taken.status_code, taken.url) == (other.status_code, other.url)
    assert "ya tienes una" in last_message("ana@correo.pe")


def test_signing_in_with_a_password(visitor):
    user = UserFactory(email="ana@correo.pe", password="cerro-verde-77")
    session = visitor.session
    session["before"] = True
    session.save()
    before = session.session_key
    visitor.post("/accounts/login/", {"login": "ANA@correo.pe", "password": "cerro-verde-77"})
    assert signed_in_as(visitor) == str(user.pk)
    assert visitor.session.session_key != before


def test_a_wrong_password_and_an_unknown_email_read_the_same(visitor):
    UserFactory(email="ana@correo.pe", password="cerro-verde-77")
    pages = [
        visitor.post("/accounts/login/", {"login": login, "password": "otra-cosa-88"}).content.decode()
        for login in ("ana@correo.pe", "nadie@correo.pe")
    ]
    assert all("El correo o la contraseña no coinciden" in page for page in pages)


def test_guessing_passwords_is_stopped(visitor):
    UserFactory(email="ana@correo.pe", password="cerro-verde-77")
    for _ in range(5):
        visitor.post("/accounts/login/", {"login": "ana@correo.pe", "password": "mal-mal-mal-1"})
    page = visitor.post("/accounts/login/", {"login": "ana@correo.pe", "password": "cerro-verde-77"}).content.decode()
    assert "Demasiados intentos" in page
    assert signed_in_as(visitor) is None


@pytest.mark.parametrize("login", ["", "hola", "99", "a@b", "👍", "x" * 10_000])
def test_something_else_than_a_mobile_or_an_email_is_explained(visitor, login):
    answer = visitor.post("/accounts/login/", {"login": login})
    assert answer.status_code == 200
    assert 'class="error-text"' in answer.content.decode()


def test_a_closed_account_does_not_enter(visitor):
    UserFactory(email="ana@correo.pe", password="cerro-verde-77", is_active=False)
    answer = visitor.post("/accounts/login/", {"login": "ana@correo.pe", "password": "cerro-verde-77"}, follow=True)
    assert "Esta cuenta está cerrada" in answer.content.decode()
    assert signed_in_as(visitor) is None


def test_a_stranger_who_took_the_address_first_is_locked_out(visitor):
    """Somebody signed up with Ana's e-mail and a password of theirs, and never confirmed it."""
    UserFactory(email="ana@correo.pe", password="de-un-extraño-1", verified=False)
    answer = visitor.post("/accounts/login/", {"login": "ana@correo.pe"})
    visitor.post(answer.url, {"code": code_sent("ana@correo.pe"), "action": "verify"})
    assert signed_in_as(visitor)
    stranger = OutsideClient()
    stranger.post("/accounts/login/", {"login": "ana@correo.pe", "password": "de-un-extraño-1"})
    assert signed_in_as(stranger) is None


def test_a_forgotten_password_is_replaced_by_a_code(visitor):
    user = UserFactory(email="ana@correo.pe", password="cerro-verde-77")
    answer = visitor.post("/accounts/password/reset/", {"email": "ana@correo.pe"})
    answer = visitor.post(answer.url, {"code": code_sent("ana@correo.pe"), "action": "verify"})
    form = {"password1": "laguna-azul-88", "password2": "laguna-azul-88"}
    answer = visitor.post(answer.url, form, follow=True)
    assert "Tu contraseña nueva está guardada" in answer.content.decode()
    user.refresh_from_db()
    assert user.check_password("laguna-azul-88")


def test_an_unknown_email_gets_no_reset_and_no_hint(visitor):
    UserFactory(email="ana@correo.pe", password="cerro-verde-77")
    answers = [
        OutsideClient().post("/accounts/password/reset/", {"email": email})
        for email in ("ana@correo.pe", "nadie@correo.pe")
    ]
    assert len({(answer.status_code, answer.url) for answer in answers}) == 1


# --- going back to where one was -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "address", ["https://malo.example/", "//malo.example/", "javascript:alert(1)", "/\\malo.example"]
)
def test_nobody_is_sent_to_another_site(visitor, institution, address):
    UserFactory(email="ana@correo.pe", password="cerro-verde-77")
    form = {"login": "ana@correo.pe", "password": "cerro-verde-77", "next": address}
    assert visitor.post("/accounts/login/", form).url == "/accounts/ready/"


def test_an_applicant_belongs_with_their_applications(client_as, institution):
    answer = client_as("applicant").get("/accounts/ready/")
    assert answer.url == f"/i/{institution.slug}/my/"


def test_staff_belong_at_their_desk(client_as, institution, officer):
    assert client_as(officer).get("/accounts/ready/").url == f"/i/{institution.slug}/desk/"


def test_regulators_belong_at_oversight(client_as):
    assert client_as("regulator").get("/accounts/ready/").url == "/oversight/"


def test_operators_belong_at_the_admin(client_as):
    assert client_as("operator").get("/accounts/ready/").url == "/admin/"


def test_somebody_new_belongs_on_the_front_page(visitor):
    visitor.sign_in(UserFactory())
    assert visitor.get("/accounts/ready/").url == "/"


# --- one's own account -------------------------------------------------------------------------------------------
def test_signing_out_needs_the_button(visitor):
    visitor.sign_in(UserFactory())
    visitor.get("/accounts/logout/")
    assert signed_in_as(visitor)
    visitor.post("/accounts/logout/")
    assert signed_in_as(visitor) is None


def test_a_person_changes_their_name(visitor):
    user = UserFactory()
    visitor.sign_in(user)
    visitor.post("/accounts/", {"full_name": "  Rosa   Mamani "})
    user.refresh_from_db()
    assert user.full_name == "Rosa Mamani"
    assert visitor.post("/accounts/", {"full_name": "777"}).status_code == 422


def test_a_person_adds_a_mobile(visitor):
    user = UserFactory(password="cerro-verde-77")
    visitor.sign_in(user)
    answer = visitor.post("/accounts/phone/change/", {"phone": "987654321"})
    visitor.post(answer.url, {"code": code_sent(PHONE), "action": "verify"})
    user.refresh_from_db()
    assert (user.phone, user.phone_verified) == (PHONE, True)


def test_another_persons_mobile_is_not_taken_over(visitor):
    owner, user = UserFactory(phone=PHONE), UserFactory(password="cerro-verde-77")
    visitor.sign_in(user)
    answer = visitor.post("/accounts/phone/change/", {"phone": "987654321"})
    visitor.post(answer.url, {"code": "000000", "action": "verify"})
    owner.refresh_from_db()
    user.refresh_from_db()
    assert (owner.phone, user.phone) == (PHONE, None)


def test_the_language_goes_with_the_person(visitor):
    user = UserFactory()
    visitor.sign_in(user)
    visitor.get("/accounts/?lang=en")
    user.refresh_from_db()
    assert user.language == "en"
    elsewhere = OutsideClient()
    elsewhere.sign_in(user)
    assert elsewhere.get("/accounts/").headers["Content-Language"] == "en"


def test_every_page_of_signing_in_speaks_with_our_look(visitor):
    for path in ("login/", "signup/", "signup/email/", "login/code/", "password/reset/", "inactive/"):
        assert 'class="masthead"' in visitor.get(f"/accounts/{path}").content.decode(), path
    visitor.sign_in(UserFactory(password="cerro-verde-77"))
    for path in ("", "email/", "phone/change/", "password/change/", "reauthenticate/", "logout/", "2fa/"):
        answer = visitor.get(f"/accounts/{path}")
        assert (answer.status_code, 'class="masthead"' in answer.content.decode()) == (200, True), path


def test_two_institutions_one_person(institution, other_institution):
    user = UserFactory()
    MembershipFactory(institution=institution, user=user)
    MembershipFactory(institution=other_institution, user=user, roles=["officer"])
    visitor = OutsideClient()
    visitor.sign_in(user)
    assert visitor.get("/accounts/ready/").url == f"/i/{other_institution.slug}/desk/"
