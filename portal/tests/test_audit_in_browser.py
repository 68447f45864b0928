"""The auditor's pages in a real browser: readable by everybody at every width, intact and broken, light and dark."""

import mimetypes
import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles import finders
from playwright.sync_api import Page, Route

from accounts import audit
from accounts.audit import checkpoints, sealer
from accounts.tenancy.scope import institution_scope
from accounts.tests.evidence import act
from lending.models import Application
from portal.tests.test_look_in_browser import ORIGIN, small_targets

pytestmark = [pytest.mark.transactional, pytest.mark.usefixtures("outbox")]
SHOTS = os.environ.get("AYNI_SHOTS")  # a folder for pictures of every page, to look at


@pytest.fixture
def site(page: Page, client_as, actor_as, settings) -> Page:
    """A page whose requests are answered by the product itself, signed in as an auditor."""
    settings.ALLOWED_HOSTS = ["ayni.test", "testserver"]
    auditor = actor_as("auditor", full_name="Rosa Huamán")
    browser = client_as(auditor)
    page.complaints = []  # type: ignore[attr-defined]
    # Chromium minds that a made-up plain origin sends Cross-Origin-Opener-Policy; production has HTTPS.
    page.on(
        "console",
        lambda said: said.type == "error" and "Opener" not in said.text and page.complaints.append(said.text),
    )

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        bare = path.partition("?")[0]
        if bare.startswith("/static/") and (found := finders.find(bare.removeprefix("/static/"))):
            kind = mimetypes.guess_type(bare)[0] or "application/octet-stream"
            route.fulfill(body=Path(str(found)).read_bytes(), content_type=kind)
            return
        if route.request.method == "POST":
            got = browser.post(path, route.request.post_data or "", content_type="application/x-www-form-urlencoded")
        else:
            got = browser.get(path, headers={"host": "ayni.test"})
        route.fulfill(status=got.status_code, body=got.content, headers=dict(got.items()))

    page.route(f"{ORIGIN}/**", answer)
    return page


@pytest.fixture
def chain(institution, actor_as):
    """A short chain with a checkpoint, about an application among others."""
    officer = actor_as("officer", full_name="Julia Mamani Condori")
    with institution_scope(institution.pk):
        application = Application.objects.create(number=48213, segment="farm")
        for event, facts in (
            ("lending.application.started", {"channel": "web"}),
            ("lending.application.submitted", {"amount": "12000.00", "term_months": 18}),
            ("lending.application.assessed", {"outcome": "refer", "score": 612}),
            ("lending.decision.proposed", {"outcome": "approve", "amount": "10000.00"}),
        ):
            audit.record(officer, event, application, **facts)
    ids = act(institution, 6)
    sealer.seal_all()
    checkpoints.make()
    return application, [str(key) for key in ids]


def look_at(site: Page, path: str, name: str) -> None:
    """Every width in both schemes: nothing that axe finds, no sideways scroll, no small target."""
    for scheme in ("light", "dark"):
        site.emulate_media(color_scheme=scheme)
        for width in (320, 360, 1280):
            site.set_viewport_size({"width": width, "height": 800})
            site.goto(ORIGIN + path)
            if SHOTS and width != 320:
                site.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
            found = Axe().run(site).response["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
            sideways = site.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert sideways == 0, f"{path} scrolls sideways at {width}"
            assert small_targets(site) == []
    assert site.complaints == []


def test_the_intact_chain_its_entries_and_an_objects_history(site, chain, institution):
    home = f"/i/{institution.slug}/desk/audit/"
    site.goto(ORIGIN + home)
    site.get_by_role("button", name="Verificar toda la cadena ahora").click()
    site.get_by_text("ninguno alterado ni borrado").wait_for()
    look_at(site, home, "audit-intact")
    site.get_by_role("link", name="Solicitud QT-48213").first.click()
    site.get_by_role("heading", name="Solicitud QT-48213").wait_for()
    look_at(site, site.url.removeprefix(ORIGIN), "audit-object")


def test_the_broken_chain_is_red_and_names_the_event(site, chain, institution, superuser):
    with superuser.behind_their_backs():
        superuser.edit(chain[1][2], '"step":3', '"step":8')
    home = f"/i/{institution.slug}/desk/audit/"
    site.goto(ORIGIN + home)
    site.get_by_role("button", name="Verificar toda la cadena ahora").click()
    site.get_by_text("Evento 7: el contenido del evento no es el que se selló").wait_for()
    look_at(site, home, "audit-broken")


def test_a_filter_without_matches_and_one_that_cannot_be_read(site, chain, institution):
    home = f"/i/{institution.slug}/desk/audit/"
    look_at(site, f"{home}?actor=nadie", "audit-empty")
    site.goto(f"{ORIGIN}{home}?begins=2026-13-45")
    assert site.title().startswith("Error: ")
