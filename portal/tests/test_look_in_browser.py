"""The components in a real browser: readable by everybody, no wider than a phone, helpful with and without script.

No server and no database: the browser's requests are answered here, with the product's own policy.
"""

import io
import mimetypes
import re
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.template import engines
from django.test import RequestFactory
from PIL import Image
from playwright.sync_api import Page, Route

from portal import look, styleguide

ORIGIN = "http://ayni.test"
POLICY = "; ".join(
    f"{name} {' '.join(sources)}"
    for name, sources in django_settings.CONTENT_SECURITY_POLICY["DIRECTIVES"].items()
    if name != "report-uri"
)
STEP = """{% extends "base.html" %}
{% block title %}Ingresos y gastos{% endblock %}
{% block head %}{% load static %}<script src="{% static 'js/photo.js' %}" defer></script>{% endblock %}
{% block content %}{% error_summary form %}{% step_progress 3 6 %}<h1>Tus ingresos y gastos</h1>
<form method="post" novalidate>{{ form }}<button class="btn" type="submit">Guardar</button></form>{% endblock %}"""
DESK = """{% extends "desk_base.html" %}
{% block title %}QT-48213{% endblock %}
{% block content %}
{% include "components/_idbar.html" with title="María Quispe" tags=desk_tags facts=facts list_url="#" list_name="Bandeja" code="QT-1" position=2 total=14 next_url="#" only %}
<section class="card"><h2>Puntaje</h2>{% gauge 681 good=640 fair=520 %}{% waterfall 520 reasons 681 %}</section>
<section class="card"><h2>Capacidad</h2>{% data_table "Capacidad" capacity.columns capacity.rows capacity.foot %}</section>
{% endblock %}"""  # noqa: E501
DESK_ITEMS = [
    {"label": "Inicio", "url": "#", "icon": "home", "count": None},
    {"label": "Bandeja", "url": "#", "icon": "inbox", "count": 14, "current": True},
    {"label": "Cartera", "url": "#", "icon": "chart", "count": None},
    {"label": "Auditoría", "url": "#", "icon": "shield", "count": None},
]


def written(source: str, **context) -> str:
    request = RequestFactory().get("/")
    return engines["django"].from_string(source).render({**styleguide.context(), **context}, request)


def pages() -> dict[str, Callable[[], str]]:
    get = RequestFactory().get
    return {
        "/styleguide/": lambda: look.styleguide(get("/styleguide/")).content.decode(),
        "/step/": lambda: written(STEP, form=styleguide.bad_form("id_%s")),
        "/empty-step/": lambda: written(STEP, form=styleguide.GuideForm()),
        "/desk/": lambda: written(DESK, desk_items=DESK_ITEMS),
        "/error/": lambda: written('{% include "errors/404.html" %}'),
        "/failure/": lambda: written('{% include "errors/500.html" %}'),
    }


@pytest.fixture
def site(page: Page, settings) -> Page:
    """A page whose requests under ORIGIN are answered from templates and static files."""
    settings.DEMO = True
    answers = pages()
    posts: list[str] = []
    page.posts = posts  # type: ignore[attr-defined]
    page.complaints = []  # type: ignore[attr-defined]
    page.on("console", lambda said: said.type == "error" and page.complaints.append(said.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))

    def answer(route: Route) -> None:
        path = re.sub(r"[?#].*", "", route.request.url.removeprefix(ORIGIN))
        if route.request.method == "POST":
            posts.append(path)
            route.fulfill(status=204)  # the page stays as it is
        elif path in answers:
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
            route.fulfill(body=answers[path](), headers=headers)
        elif path == "/styleguide/schemes.css":
            route.fulfill(body=look.scheme_stylesheet(RequestFactory().get(path)).content, content_type="text/css")
        elif found := finders.find(path.removeprefix(django_settings.STATIC_URL)):
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            route.fulfill(body=Path(str(found)).read_bytes(), content_type=kind)
        else:
            route.fulfill(status=404, body="")

    page.route(f"{ORIGIN}/**", answer)
    return page


def eventually(holds: Callable[[], object], seconds: float = 20) -> bool:
    """Whether `holds` comes true in time. The policy forbids the browser's own way of waiting: it evaluates text."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
    return True


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", sorted(pages()))
def test_every_piece_can_be_used_by_everybody(site: Page, path: str, scheme: str):
    site.emulate_media(color_scheme=scheme)
    for width in (320, 360, 1280):
        site.set_viewport_size({"width": width, "height": 800})
        site.goto(ORIGIN + path)
        found = Axe().run(site).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        sideways = site.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert sideways == 0, f"{path} scrolls sideways at {width}"
        assert small_targets(site) == []
    assert site.complaints == []


def small_targets(page: Page) -> list[str]:
    """Links and controls under 24 by 24 pixels, but for those inside a sentence."""
    return page.evaluate(
        """() => [...document.querySelectorAll('a, button, input, select, textarea, summary')]
          .filter(one => !one.hidden && !one.matches('.skip, .choice input'))
          .filter(one => getComputedStyle(one).display !== 'inline')
          .map(one => [one, one.getBoundingClientRect()])
          .filter(([one, box]) => box.width && (box.width < 24 || box.height < 24))
          .map(([one]) => one.outerHTML.slice(0, 100))"""
    )


def test_the_error_summary_takes_focus_and_leads_to_the_field(site: Page):
    site.goto(f"{ORIGIN}/step/")
    assert site.title().startswith("Error: Ingresos y gastos")
    assert site.evaluate("document.activeElement.matches('[data-error-summary]')")
    site.get_by_role("link", name="Esa fecha no existe: revisa el día y el mes").click()
    assert site.evaluate("document.activeElement.name") == "born_on_day"
    site.get_by_role("link", name="Elige si estás pagando otro préstamo").click()
    assert site.evaluate("document.activeElement.value") == "yes"


def test_a_form_is_sent_once_and_again_after_coming_back(site: Page):
    site.goto(f"{ORIGIN}/step/")
    click = "document.querySelector('main form [type=submit]').click()"
    for _ in range(3):
        site.evaluate(click)
    assert eventually(lambda: site.evaluate("1") and site.posts)
    site.evaluate("window.dispatchEvent(new Event('pageshow'))")
    site.evaluate(click)
    assert eventually(lambda: site.evaluate("1") and len(site.posts) > 1)
    assert len(site.posts) == 2


def test_a_slider_and_its_box_say_the_same(site: Page):
    site.goto(f"{ORIGIN}/empty-step/")
    slider, box = site.locator("[data-mirror=id_sales]"), site.locator("#id_sales")
    assert slider.is_visible()
    slider.fill("1500")
    assert box.input_value() == "1500"
    box.fill("2,450")
    assert slider.input_value() == "2450"


def test_a_large_photo_is_made_smaller_and_a_small_one_left_alone(site: Page):
    site.goto(f"{ORIGIN}/empty-step/")
    noise = Image.frombytes("RGB", (2600, 1300), Random(1).randbytes(2600 * 1300 * 3))
    large, small = io.BytesIO(), io.BytesIO()
    noise.save(large, "JPEG", quality=90)
    noise.resize((200, 100)).save(small, "PNG")
    chosen = "[document.querySelector('#id_photo').files[0]].map(one => [one.name, one.size, one.type])[0]"

    picker = site.locator("#id_photo")
    picker.set_input_files({"name": "DNI.JPEG", "mimeType": "image/jpeg", "buffer": large.getvalue()})
    assert eventually(lambda: site.evaluate(chosen)[0] == "DNI.jpg")
    _name, size, kind = site.evaluate(chosen)
    assert kind == "image/jpeg"
    assert size < len(large.getvalue()) * 0.7
    assert site.locator("main form [type=submit]").is_enabled()

    picker.set_input_files({"name": "recibo.png", "mimeType": "image/png", "buffer": small.getvalue()})
    assert site.evaluate(chosen) == ["recibo.png", len(small.getvalue()), "image/png"]


def test_a_file_that_is_no_photo_goes_as_it_is(site: Page):
    site.goto(f"{ORIGIN}/empty-step/")
    picker = site.locator("#id_photo")
    picker.set_input_files({"name": "raro.jpg", "mimeType": "image/jpeg", "buffer": b"x" * 700_000})
    assert eventually(lambda: site.locator("main form [type=submit]").is_enabled())
    assert site.evaluate("document.querySelector('#id_photo').files[0].size") == 700_000


def test_everything_is_there_without_script(new_context, settings):
    settings.DEMO = True
    context = new_context(java_script_enabled=False)
    page = context.new_page()
    page.route(
        f"{ORIGIN}/**",
        lambda route: route.fulfill(
            body=written(STEP, form=styleguide.bad_form("id_%s")), content_type="text/html; charset=utf-8"
        ),
    )
    page.goto(f"{ORIGIN}/step/")
    assert page.get_by_role("alert").get_by_role("link").count() == 4
    assert page.locator("[data-mirror]").is_hidden()
    assert page.get_by_role("button", name="Guardar").is_enabled()
