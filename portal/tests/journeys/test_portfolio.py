"""The manager's look at the book and the collector's calls, in a real browser against the running product."""

import re
from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import Page, expect

from accounts.clock import today
from portal.tests.journeys.axe import problems
from portal.tests.live import LiveAyni

SignIn = Callable[[str], Page]


def amount(text: str) -> float:
    return float(re.sub(r"[^\d.]", "", text))


def test_a_manager_opens_a_figure_into_its_loans(live_ayni: LiveAyni, sign_in: SignIn) -> None:
    manager = sign_in("elena.paucar")
    manager.goto(f"{live_ayni.url}i/qantu/desk/portfolio/")
    expect(manager.get_by_role("heading", level=1)).to_have_text("Cartera")
    assert problems(manager) == []
    line = manager.locator("tr", has=manager.get_by_role("link", name="Normal, hasta 8 días"))
    balance = amount(line.locator("td").first.inner_text())
    line.get_by_role("link").click()
    total = manager.locator("tfoot td").nth(3).inner_text()
    assert abs(amount(total) - balance) < 1  # the page above shows whole soles
    assert problems(manager) == []


def test_a_collector_calls_and_writes_the_promise_down(live_ayni: LiveAyni, sign_in: SignIn) -> None:
    collector = sign_in("edgar.mamani")
    collector.goto(f"{live_ayni.url}i/qantu/desk/collections/")
    assert problems(collector) == []
    collector.locator("tbody tr a").first.click()
    assert problems(collector) == []
    collector.get_by_label("Llamada").check(force=True)
    collector.get_by_label("Prometió pagar", exact=True).check(force=True)
    collector.get_by_label(re.compile("Cuánto prometió pagar")).fill("150")
    collector.get_by_label(re.compile("Hasta qué día")).fill((today() + timedelta(days=3)).isoformat())
    collector.get_by_role("button", name="Anotar", exact=True).click()
    expect(collector.get_by_text("Quedó anotado.")).to_be_visible()
    expect(collector.get_by_text("S/ 150.00 hasta el").first).to_be_visible()
