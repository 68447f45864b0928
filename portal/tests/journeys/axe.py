"""What every page must be, in a real browser: open to everybody, no wider than the screen, quiet.

watch = Watch(page)          # from the first page on
assert problems(page) == []  # at 320, 360 and 1280 px, light and dark
assert watch.complaints == []
"""

from collections.abc import Iterable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request

WIDTHS = (320, 360, 1280)
SCHEMES = ("light", "dark")
SMALLEST_TARGET = 24
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Links inside a sentence may be as high as their line; a card's label is the target of its hidden box.
TARGETS = """size => [...document.querySelectorAll('a, button, input, select, textarea, summary')]
  .filter(one => !one.matches('.skip, .choice input, [type=hidden]'))
  .filter(one => getComputedStyle(one).display !== 'inline')
  .map(one => [one, one.getBoundingClientRect()])
  .filter(([one, box]) => box.width && (box.width < size || box.height < size))
  .map(([one]) => one.outerHTML.slice(0, 100))"""


def problems(page: Page, widths: Iterable[int] = WIDTHS, schemes: Iterable[str] = SCHEMES) -> list[str]:
    """What axe finds, sideways scrolling and small targets, at each width in each scheme; the page stays as it was."""
    before = page.viewport_size
    found = []
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        for width in widths:
            page.set_viewport_size({"width": width, "height": 800})
            where = f"{page.url} at {width} px, {scheme}"
            for violation in Axe().run(page).response["violations"]:
                found.append(f"{where}: {violation['id']}: {violation['nodes'][0]['html'][:200]}")
            if page.evaluate(SIDEWAYS) > 0:
                found.append(f"{where}: scrolls sideways")
            found += [f"{where}: small target {html}" for html in page.evaluate(TARGETS, SMALLEST_TARGET)]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    if before:
        page.set_viewport_size(before)
    return found


class Watch:
    """Notes what a page complains of: errors in the console, scripts that fail, reports of refused content."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self._request)

    def _console(self, said: ConsoleMessage) -> None:
        refused_form = "status of 422" in said.text  # an answer the tests ask for
        if said.type == "error" and not refused_form:
            self.complaints.append(f"console: {said.text}")

    def _request(self, request: Request) -> None:
        if "/csp-report/" in request.url:
            self.complaints.append(f"refused content: {request.post_data}")
