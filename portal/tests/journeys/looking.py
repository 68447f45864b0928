"""Looking at a page as everybody meets it: wide and narrow, light and dark, with and without sight."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS = (320, 360, 1280)
SCHEMES = ("light", "dark")
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


def looks_right(page: Page) -> None:
    """No axe violation and no sideways scroll at any width, in either scheme."""
    axe = Axe()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            found = axe.run(page, options=RULES)
            said = [f"{one['id']}: {one['nodes'][0]['html']}" for one in found.response["violations"]]
            assert not said, f"{page.url} at {width} px, {scheme}: {said}"
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, f"{page.url} scrolls sideways at {width} px"


class Watch:
    """What a browser complains of while a page is used: errors of script, refused contents, broken answers."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)
        page.on("response", self._answered)

    def _heard(self, message: Any) -> None:
        # A refused form answers 422, which the console reports as a failed load; that is the page's business.
        if message.type == "error" and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def _answered(self, response: Any) -> None:
        if response.status >= 500 or "csp-report" in response.url:
            self.complaints.append(f"{response.status} {response.url}")

    def saw_nothing_wrong(self) -> None:
        assert not self.complaints, self.complaints
