"""What every journey may use: people who have signed in, each in a browser of their own."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from portal.tests.journeys.axe import Watch
from portal.tests.journeys.filling import send
from portal.tests.live import LiveAyni

PHONE = {"width": 360, "height": 740}
PASSWORD, SECOND_STEP = "ayni-demo-2026", "246810"


@pytest.fixture
def sign_in(live_ayni: LiveAyni, browser: Browser) -> Iterator[Callable[[str], Page]]:
    """`sign_in("rosa.huaman")`: that person's page, past both steps; what the browser complains of fails the test."""
    open_contexts: list[tuple[BrowserContext, Watch]] = []

    def enter(name: str) -> Page:
        context = browser.new_context(locale="es-PE")
        page = context.new_page()
        open_contexts.append((context, Watch(page)))
        page.goto(f"{live_ayni.url}accounts/login/")
        send(page, {"login": f"{name}@ayni.example", "password": PASSWORD})
        if page.locator("[name=code]").count():
            send(page, {"code": SECOND_STEP})
        return page

    yield enter
    for context, watch in open_contexts:
        context.close()
        assert watch.complaints == []


@pytest.fixture
def new_phone(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`new_phone()`: a phone nobody has signed in on; `script=False` for one without JavaScript."""
    opened: list[BrowserContext] = []

    def make(*, script: bool = True) -> Page:
        context = browser.new_context(viewport=PHONE, java_script_enabled=script, locale="es-PE")  # type: ignore[arg-type]
        opened.append(context)
        return context.new_page()

    yield make
    for context in opened:
        context.close()
