"""Filling in a page as a person does: by the names of its fields, whatever kind of control each one is."""

from collections.abc import Mapping

from playwright.sync_api import Page


def fill(page: Page, answers: Mapping[str, str]) -> None:
    """Type, choose or tick each answer; a field that is not on the page fails the test."""
    for name, value in answers.items():
        control = page.locator(f"main [name='{name}']")
        assert control.count(), f"{page.url} has no field {name}"
        kind = control.first.evaluate("e => e.tagName === 'SELECT' ? 'select' : e.type")
        if kind == "select":
            control.select_option(value)
        elif kind in ("radio", "checkbox"):
            chosen = (
                control
                if kind == "checkbox" and control.count() == 1
                else page.locator(f"main [name='{name}'][value='{value}']")
            )
            chosen.check(force=True)
        else:
            control.fill(value)


def send(page: Page, answers: Mapping[str, str] | None = None) -> None:
    """Fill in the page and press its first button; waits for the answer."""
    fill(page, answers or {})
    with page.expect_navigation():
        page.locator("main form button[type=submit]").first.click()
