"""Signing up and in, the second step, staff, the institution and the operators' site, in a real browser."""

import re
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from portal.tests.journeys.axe import Watch, problems
from portal.tests.journeys.filling import send
from portal.tests.journeys.test_applicant import code_for
from portal.tests.live import LiveAyni

PASSWORD, SECOND_STEP = "ayni-demo-2026", "246810"
_mobiles = count(922_000_001)
MANAGER, OPERATOR, REGULATOR = "elena.paucar", "ana.torres", "andres.villanueva"


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[..., tuple[Page, Watch]]]:
    """`visitor()`: a browser nobody has signed in on, and what it complains of; `script=False` without JavaScript."""
    opened: list[BrowserContext] = []

    def make(*, script: bool = True) -> tuple[Page, Watch]:
        context = browser.new_context(java_script_enabled=script, locale="es-PE")
        opened.append(context)
        page = context.new_page()
        return page, Watch(page)

    yield make
    for context in opened:
        context.close()


def enter(live: LiveAyni, page: Page, name: str, to: str = "") -> None:
    """Sign in as one of the demo's people, past both steps."""
    page.goto(f"{live.url}accounts/login/?next={to}")
    send(page, {"login": f"{name}@ayni.example", "password": PASSWORD})
    if page.locator("[name=code]").count():
        send(page, {"code": SECOND_STEP})


def good(page: Page, watch: Watch) -> None:
    """The page is fit for everybody, and nothing complained."""
    assert problems(page) == []
    assert watch.complaints == []


def test_signing_up_by_mobile(live_ayni: LiveAyni, visitor: Callable[..., tuple[Page, Watch]]) -> None:
    page, watch = visitor()
    page.goto(f"{live_ayni.url}accounts/login/?next=/i/qantu/apply/")
    good(page, watch)
    page.get_by_role("link", name="Crea tu cuenta").click()
    good(page, watch)
    send(page, {"full_name": "", "phone": "123"})
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.locator("[data-error-summary]")).to_be_focused()
    good(page, watch)
    mobile = str(next(_mobiles))
    send(page, {"full_name": "Rosa Mamani Quispe", "phone": mobile})
    good(page, watch)
    send(page, {"code": code_for(live_ayni, mobile)})
    expect(page).to_have_url(re.compile("/i/qantu/apply/"))
    page.goto(f"{live_ayni.url}accounts/")
    good(page, watch)
    expect(page.get_by_text("Rosa M.")).to_be_visible()
    for path in ("email/", "phone/change/", "password/set/", "2fa/"):
        page.goto(f"{live_ayni.url}accounts/{path}")
        good(page, watch)


def test_signing_up_without_script(live_ayni: LiveAyni, visitor: Callable[..., tuple[Page, Watch]]) -> None:
    page, _watch = visitor(script=False)
    page.goto(f"{live_ayni.url}accounts/signup/")
    mobile = str(next(_mobiles))
    send(page, {"full_name": "Rosa Mamani", "phone": mobile})
    send(page, {"code": code_for(live_ayni, mobile)})
    expect(page.get_by_text("Rosa M.")).to_be_visible()


def test_signing_up_by_email_and_the_demos_outbox(
    live_ayni: LiveAyni, visitor: Callable[..., tuple[Page, Watch]]
) -> None:
    page, watch = visitor()
    page.goto(f"{live_ayni.url}accounts/signup/email/")
    good(page, watch)
    send(page, {"full_name": "Ana Huamán", "email": "ana.nueva@correo.pe", "password1": "corta"})
    good(page, watch)
    send(page, {"password1": "laguna-azul-88"})
    good(page, watch)
    page.get_by_role("link", name="Ver los mensajes").click()
    good(page, watch)
    code = re.search(r"confirmar este correo es (\d{6})", page.locator("main").inner_text())[1]
    page.goto(f"{live_ayni.url}accounts/confirm-email/")
    send(page, {"code": code})
    expect(page.get_by_text("Ana H.")).to_be_visible()
    for path in ("password/change/", "logout/"):
        page.goto(f"{live_ayni.url}accounts/{path}")
        good(page, watch)
    page.get_by_role("main").get_by_role("button", name="Salir").click()
    page.goto(f"{live_ayni.url}accounts/password/reset/")
    good(page, watch)


def test_the_manager_looks_after_staff_and_settings(
    live_ayni: LiveAyni, visitor: Callable[..., tuple[Page, Watch]]
) -> None:
    page, watch = visitor()
    page.goto(f"{live_ayni.url}accounts/login/?next=/i/qantu/desk/staff/")
    send(page, {"login": f"{MANAGER}@ayni.example", "password": PASSWORD})
    good(page, watch)
    send(page, {"code": SECOND_STEP})
    good(page, watch)
    page.get_by_role("link", name="Agregar persona").click()
    send(page)
    good(page, watch)
    page.get_by_label("Analista de créditos").check(force=True)
    send(page, {"full_name": "Elsa Ramos", "contact": "elsa@qantu.pe"})
    page.get_by_role("link", name="Cambiar Elsa Ramos").click()
    good(page, watch)
    page.goto(f"{live_ayni.url}i/qantu/desk/settings/")
    send(page, {"brand_color": "#ffff00"})
    good(page, watch)
    page.get_by_label("Nombre del sistema").fill("Banca móvil")
    page.get_by_role("button", name="Registrar sistema").click()
    good(page, watch)

    # Elsa enters with a code and is led to set up her second step.
    hers, watch = visitor()
    hers.goto(f"{live_ayni.url}accounts/login/")
    send(hers, {"login": "elsa@qantu.pe"})
    hers.goto(f"{live_ayni.url}demo/outbox/")
    code = re.search(r"para ingresar es (\d{6})", hers.locator("main").inner_text())[1]
    hers.goto(f"{live_ayni.url}accounts/login/code/confirm/")
    send(hers, {"code": code})
    expect(hers).to_have_url(re.compile("/accounts/2fa/totp/activate/"))
    good(hers, watch)
    send(hers, {"code": SECOND_STEP})
    good(hers, watch)
    hers.get_by_role("link", name="Ya los guardé, continuar").click()
    expect(hers).to_have_url(re.compile("/i/qantu/desk/"))


def test_the_operators_site_keeps_the_content_policy(
    live_ayni: LiveAyni, visitor: Callable[..., tuple[Page, Watch]]
) -> None:
    page, watch = visitor()
    enter(live_ayni, page, OPERATOR, to="/admin/")
    for path in (
        "",
        "accounts/institution/",
        "accounts/institution/add/",
        "accounts/regulatormandate/add/",
        "accounts/user/",
        "lending/parameter/",
    ):
        page.goto(f"{live_ayni.url}admin/{path}")
        assert watch.complaints == []


def test_the_regulator_sees_their_institutions(live_ayni: LiveAyni, visitor: Callable[..., tuple[Page, Watch]]) -> None:
    page, watch = visitor()
    enter(live_ayni, page, REGULATOR)
    expect(page).to_have_url(re.compile("/oversight/"))
    good(page, watch)
