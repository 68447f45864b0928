"""The applicant's journey in a real browser, against the running product and its worker."""

import gzip
import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Response, expect

from lending.tests.walk import ACTIVITY, CONSENTS, MONEY, PURPOSE, identity
from portal.local.processes import wait_until
from portal.tests.journeys.axe import Watch, problems
from portal.tests.journeys.filling import fill, send
from portal.tests.live import LiveAyni

ANSWER_MS = 60_000
FIRST_VISIT_BYTES, LATER_BYTES = 60_000, 10_000
SEGMENTS = ("enterprise", "household", "farm")
AMOUNT = {"enterprise": "2000", "household": "1500", "farm": "2000"}
TERM = {"enterprise": "12", "household": "12", "farm": "6"}
PUBLIC = ("", "rates/", "complaints/", "your-data/", "your-score/", "?segment=farm&amount=300")
_mobiles = count(911_000_001)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo with far more points than a paper needs."""
    path = tmp_path / "dni.jpg"
    Image.effect_noise((2600, 1900), 60).convert("RGB").save(path, "JPEG", quality=95)
    return path


def code_for(live: LiveAyni, mobile: str) -> str:
    """The code in the newest text message to a mobile."""
    found: list[str] = []

    def arrived() -> bool:
        texts = [json.loads(path.read_text()) for path in live.outbox.glob("sms/*.json")]
        texts = sorted((one for one in texts if mobile in one["to"]), key=lambda one: one["written_at"])
        found[:] = re.findall(r"\b[0-9A-Z-]{6,9}\b", texts[-1]["text"]) if texts else []
        return bool(found)

    assert wait_until(arrived, 15, every=0.1), f"no message to {mobile}"
    return found[0]


def sign_up(live: LiveAyni, page: Page) -> str:
    """From the sign-in page to an account of one's own by a code sent to the mobile, which is returned."""
    mobile = str(next(_mobiles))
    page.get_by_role("link", name="Crea tu cuenta").click()
    expect(page.locator("[name=full_name]")).to_be_visible()
    send(page, {"full_name": "María Quispe Huamán", "phone": mobile})
    send(page, {"code": code_for(live, mobile)})
    return mobile


def start(live: LiveAyni, page: Page, segment: str) -> str:
    """A draft of one's own; returns the mobile signed up with. The choices survive the sign-up."""
    page.goto(f"{live.url}i/qantu/apply/?segment={segment}&amount={AMOUNT[segment]}&term_months={TERM[segment]}")
    mobile = sign_up(live, page)
    expect(page.locator("[name=amount]")).to_have_value(AMOUNT[segment])
    send(page, {"purpose": PURPOSE[segment]})
    return mobile


def expect_step(page: Page, number: int) -> None:
    expect(page.get_by_text(f"Paso {number} de 6")).to_be_visible()


def good(page: Page, watch: Watch) -> None:
    """The page is fit for everybody, and nothing complained."""
    assert problems(page) == []
    assert watch.complaints == []


# --- the whole way ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("segment", SEGMENTS)
def test_from_the_simulator_to_a_chosen_offer(
    live_ayni: LiveAyni, new_phone: Callable[..., Page], photo: Path, segment: str
) -> None:
    page = new_phone()
    watch = Watch(page)
    every_page = segment == "enterprise"  # the pages are the same for all but for their questions
    page.goto(f"{live_ayni.url}i/qantu/")
    page.locator(f"[name=segment][value={segment}]").check(force=True)
    page.locator("#sim_amount").fill(AMOUNT[segment])
    page.locator("#sim_amount").press("Tab")
    apply = page.get_by_role("link", name="Solicitar este crédito")
    expect(apply).to_have_attribute("href", re.compile(rf"segment={segment}.*amount={AMOUNT[segment]}"))
    apply.click()
    sign_up(live_ayni, page)
    expect(page.locator("[name=amount]")).to_have_value(AMOUNT[segment])
    if every_page:
        good(page, watch)
    send(page, {"purpose": PURPOSE[segment]})

    expect_step(page, 1)
    if every_page:
        good(page, watch)
    send(page, identity())
    expect_step(page, 2)
    good(page, watch)
    send(page, ACTIVITY[segment])
    expect_step(page, 3)
    debts = page.locator("[name=creditors]")
    expect(debts).to_be_hidden()
    page.locator("[name=has_debts][value=yes]").check(force=True)
    expect(debts).to_be_visible()
    good(page, watch)
    page.locator("[name=has_debts][value=no]").check(force=True)
    expect(debts).to_be_hidden()
    send(page, MONEY[segment])

    expect_step(page, 4)
    upload = page.locator("#papel-identity_front")
    upload.locator("input[type=file]").set_input_files(photo)
    expect(upload.get_by_role("button", name="Subir")).to_be_enabled()
    upload.get_by_role("button", name="Subir").click()
    expect(page.locator("#papel-identity_front").get_by_text("Recibido")).to_be_visible(timeout=20_000)
    if every_page:
        good(page, watch)
    with page.expect_navigation():
        page.get_by_role("button", name="Guardar y continuar").click()

    expect_step(page, 5)
    assert page.locator("main input[type=checkbox]:checked").count() == 0
    if every_page:
        good(page, watch)
    send(page, CONSENTS)
    expect_step(page, 6)
    if every_page:
        good(page, watch)
    send(page)

    heading = page.locator("h1")
    expect(heading).to_contain_text("María,", timeout=ANSWER_MS)
    expect(page).to_have_title(re.compile("Tus opciones de crédito"))
    assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "navigate"  # never reloaded
    assert page.evaluate("document.activeElement.tagName") == "H1"
    expect(page.locator(".big")).to_have_text(re.compile(r"^\d{3}$"))
    if every_page:
        good(page, watch)
    page.get_by_role("link", name="Ver cuotas").first.click()
    expect(page.locator("tbody tr").first).to_be_visible()
    if every_page:
        good(page, watch)
    page.go_back()
    page.get_by_role("link", name="Ver todas las razones").click()
    if every_page:
        good(page, watch)
    page.go_back()
    with page.expect_navigation():
        page.locator(".offer-act button").first.click()
    expect(heading).to_contain_text("Contrato")  # what was chosen, to read and to sign
    if every_page:
        good(page, watch)
    assert watch.complaints == []


def test_the_whole_way_without_script(live_ayni: LiveAyni, new_phone: Callable[..., Page], photo: Path) -> None:
    page = new_phone(script=False)
    page.goto(f"{live_ayni.url}i/qantu/")
    page.locator("[name=segment][value=household]").check(force=True)
    page.locator("#sim_amount").fill("1500")
    with page.expect_navigation():
        page.get_by_role("button", name="Calcular").click()
    page.get_by_role("link", name="Solicitar este crédito").click()
    sign_up(live_ayni, page)
    send(page, {"purpose": "home"})
    send(page, identity())
    send(page, ACTIVITY["household"])
    expect(page.locator("[name=creditors]")).to_be_visible()  # follow-ups are simply there
    send(page, MONEY["household"])
    upload = page.locator("#papel-identity_front")
    upload.locator("input[type=file]").set_input_files(photo)
    with page.expect_navigation():
        upload.get_by_role("button", name="Subir").click()
    expect(page.locator("#papel-identity_front").get_by_text("Recibido")).to_be_visible()
    with page.expect_navigation():
        page.get_by_role("button", name="Guardar y continuar").click()
    send(page, CONSENTS)
    send(page)

    def answered() -> bool:
        if "María," in page.locator("h1").inner_text():
            return True
        with page.expect_navigation():
            page.get_by_role("link", name="Actualizar").click()
        return False

    assert wait_until(answered, ANSWER_MS / 1000, every=0.5)
    with page.expect_navigation():
        page.locator(".offer-act button").first.click()
    expect(page.locator("h1")).to_contain_text("Contrato")


# --- mistakes and another day -----------------------------------------------------------------------------------


def test_a_mistake_takes_focus_and_leads_to_its_field(live_ayni: LiveAyni, new_phone: Callable[..., Page]) -> None:
    page = new_phone()
    watch = Watch(page)
    start(live_ayni, page, "enterprise")
    page.goto(page.url.replace("/identity/", "/money/"))
    send(page, {**MONEY["enterprise"], "monthly_sales": "", "household_expenses": "98O"})
    expect(page).to_have_title(re.compile(r"^Error: "))
    assert page.evaluate("document.activeElement.matches('[data-error-summary]')")
    page.get_by_role("link", name="El gasto del hogar debe ser un número, sin letras").click()
    assert page.evaluate("document.activeElement.name") == "household_expenses"
    expect(page.locator("[name=household_expenses]")).to_have_value("98O")
    good(page, watch)


def test_it_goes_on_another_day_on_another_phone(live_ayni: LiveAyni, new_phone: Callable[..., Page]) -> None:
    page = new_phone()
    mobile = start(live_ayni, page, "farm")
    fill(page, {"full_name": "María", "district": "Sicuani"})
    with page.expect_navigation():
        page.get_by_role("button", name="Guardar y seguir otro día").click()
    expect(page.locator("main")).to_contain_text("Sigue cuando quieras")
    other = new_phone()
    watch = Watch(other)
    other.goto(f"{live_ayni.url}i/qantu/my/")
    send(other, {"login": mobile})
    send(other, {"code": code_for(live_ayni, mobile)})
    expect(other.locator("h1")).to_have_text("Mis solicitudes")
    good(other, watch)
    other.get_by_role("link", name="Seguir").first.click()
    expect(other.locator("[name=full_name]")).to_have_value("María")
    expect(other.locator("[name=district]")).to_have_value("Sicuani")


def test_a_lost_connection_is_tried_again(live_ayni: LiveAyni, new_phone: Callable[..., Page], photo: Path) -> None:
    page = new_phone()
    start(live_ayni, page, "household")
    page.goto(page.url.replace("/identity/", "/documents/"))
    tries = count(1)
    page.route(
        "**/documents/",
        lambda route: (
            route.abort("connectionreset") if route.request.method == "POST" and next(tries) == 1 else route.continue_()
        ),
    )
    upload = page.locator("#papel-utility_bill")
    upload.locator("input[type=file]").set_input_files(photo)
    expect(upload.get_by_role("button", name="Subir")).to_be_enabled()
    upload.get_by_role("button", name="Subir").click()
    expect(upload.locator("[data-upload-status]")).to_contain_text("Intentamos otra vez")
    expect(page.locator("#papel-utility_bill").get_by_text("Recibido")).to_be_visible(timeout=20_000)


# --- for everybody ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages_are_fit_for_everybody(live_ayni: LiveAyni, new_phone: Callable[..., Page], path: str) -> None:
    page = new_phone()
    watch = Watch(page)
    page.goto(f"{live_ayni.url}i/qantu/{path}")
    good(page, watch)


def test_the_front_page_and_the_way_in_are_fit_for_everybody(
    live_ayni: LiveAyni, new_phone: Callable[..., Page]
) -> None:
    page = new_phone()
    watch = Watch(page)
    page.goto(live_ayni.url)
    good(page, watch)
    page.get_by_role("link", name="Simular y solicitar").first.click()
    page.goto(f"{live_ayni.url}i/qantu/apply/")
    good(page, watch)


def test_pages_are_light(live_ayni: LiveAyni, new_phone: Callable[..., Page]) -> None:
    page = new_phone()
    page.route("**", lambda route: route.continue_())  # every request is seen, none comes from the cache unseen
    loaded: dict[str, int] = {}
    page.on("response", lambda response: loaded.setdefault(response.url, compressed(response)))

    def weight(path: str) -> int:
        """Compressed bytes that this page adds to what the phone already has."""
        before = dict(loaded)
        page.goto(f"{live_ayni.url}i/qantu/{path}", wait_until="networkidle")
        return sum(size for url, size in loaded.items() if url not in before)

    assert 10_000 < weight("") < FIRST_VISIT_BYTES
    assert 1_000 < weight("your-score/") < LATER_BYTES
    assert 1_000 < weight("rates/") < LATER_BYTES


def compressed(response: Response) -> int:
    """The size of a body as a server in production sends it."""
    return len(gzip.compress(response.body())) if response.ok else 0
