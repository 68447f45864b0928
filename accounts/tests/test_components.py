"""What the tags, filters, widgets and partials put on a page."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
import time_machine
from django import forms
from django.http import QueryDict
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from accounts import charts, formats
from accounts.actors import Actor
from accounts.drawings import ICONS, MARKS
from accounts.forms import AyniRenderer, CheckCards, ChoiceCards, CountInput, DateBoxes, MoneyInput, PhotoInput

HOSTILE = '<script>alert("x")</script>'


def render(source: str, **context) -> str:
    return Template(source).render(Context(context))


class Parsed(HTMLParser):
    """The elements of a fragment, in order, as (tag, attributes)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.elements if attrs.get("id")]

    def find(self, tag: str, **wanted: str) -> dict[str, str | None]:
        return next(attrs for name, attrs in self.elements if name == tag and wanted.items() <= attrs.items())


class StepForm(forms.Form):
    default_renderer = AyniRenderer

    sales = forms.CharField(
        label="¿Cuánto vendes?",
        help_text="De lunes a domingo.",
        widget=MoneyInput(suffix="por semana"),
        error_messages={"required": "Escribe cuánto vendes, por ejemplo 1450"},
    )
    years = forms.IntegerField(
        label="¿Cuántos años?", widget=CountInput(suffix="años"), error_messages={"invalid": "Solo números"}
    )
    debts = forms.ChoiceField(
        label="¿Debes?",
        help_text="Cuenta también las juntas.",
        choices=[("yes", "Sí"), ("no", "No")],
        widget=ChoiceCards(details={"yes": "Te preguntaremos cuánto"}),
        error_messages={"required": "Elige si debes"},
    )
    born_on = forms.DateField(
        label="Nacimiento", widget=DateBoxes(birthday=True), error_messages={"invalid": "Esa fecha no existe"}
    )
    consent = forms.BooleanField(
        label="Acepto", help_text="Para evaluar.", error_messages={"required": "Falta tu permiso"}
    )
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


BAD = {"sales": "", "years": "98O", "born_on_day": "31", "born_on_month": "2", "born_on_year": "1990"}


# --- figures ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["es", "en"])
def test_figures_and_days_read_the_same_in_every_language(language):
    with translation.override(language):
        shown = render(
            "{{ a|money }} {{ a|money:0 }} {{ b|money }} {{ r|percent }} {{ n|number }} {{ d|day }} {{ none|money }}",
            a=Decimal("3000"), b=Decimal("-12.5"), r=Decimal("0.3811"), n=6284, d=date(2026, 11, 21), none=None,
        )  # fmt: skip
    assert shown == "S/ 3,000.00 S/ 3,000 −S/ 12.50 38.11% 6,284 21/11/2026 –"


@pytest.mark.parametrize(
    ("amount", "shown"), [("0.005", "S/ 0.01"), ("2.675", "S/ 2.68"), ("1e9", "S/ 1,000,000,000.00")]
)
def test_money_rounds_half_up(amount, shown):
    assert formats.format_money(Decimal(amount)) == shown


def test_points_carry_their_sign():
    assert [formats.format_signed(points) for points in (86, 0, -31)] == ["+86", "0", "−31"]


@time_machine.travel(datetime(2026, 11, 21, 3, 0, tzinfo=UTC), tick=False)  # 22:00 of the 20th in Lima
@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        (datetime(2026, 11, 21, 2, 58, tzinfo=UTC), "Hoy 21:58"),
        (datetime(2026, 11, 20, 4, 0, tzinfo=UTC), "Ayer 23:00"),
        (datetime(2026, 11, 1, 15, 5, tzinfo=UTC), "01/11 10:05"),
        (datetime(2025, 11, 1, 15, 5, tzinfo=UTC), "01/11/2025 10:05"),
    ],
)
def test_instants_are_told_in_lima(instant, shown):
    with translation.override("es"):
        assert formats.format_when(instant) == shown


@pytest.mark.parametrize(
    ("name", "short", "capitals"),
    [("María Quispe Mamani", "María Q.", "MQ"), ("María", "María", "M"), ("", "", ""), ("999 111", "999", "")],
)
def test_people_know_their_own_name(name, short, capitals):
    assert formats.short_name(name) == short
    assert formats.initials(name) == capitals


# --- charts -----------------------------------------------------------------------------------------------------
points = st.integers(-200, 200)


@given(st.integers(300, 850), st.lists(points, max_size=12))
def test_the_waterfall_walks_from_base_to_total_without_a_gap(base, steps):
    total = base + sum(steps)
    rows = charts.waterfall(base, [(f"r{i}", step) for i, step in enumerate(steps)], total, ("Base", "Total"))
    assert sum(row.points for row in rows[:-1]) == rows[-1].points == total
    reached = float(rows[0].width)
    for row in rows[1:-1]:
        start, end = float(row.start), float(row.start) + float(row.width)
        came_from, goes_to = (start, end) if row.points >= 0 else (end, start)
        assert came_from == pytest.approx(reached, abs=0.03)
        assert -0.02 <= start <= end <= 100.02
        reached = goes_to
    assert float(rows[-1].width) == pytest.approx(reached, abs=0.03)


def test_a_waterfall_that_does_not_sum_is_refused():
    with pytest.raises(ValueError, match="do not sum"):
        charts.waterfall(520, [("a", 86)], 607, ("Base", "Total"))


def test_the_waterfall_shows_each_reason_with_its_points():
    @dataclass
    class Reason:
        label: str
        points: int

    html = render("{% waterfall 520 reasons 575 %}", reasons=[Reason("Pagos puntuales", 86), Reason(HOSTILE, -31)])
    assert re.findall(r'class="r[^"]*">([^<]+)<', html) == ["520", "+86", "−31", "575"]
    assert "<script" not in html


@pytest.mark.parametrize(
    ("score", "x", "y"), [(300, "16.0", "98.0"), (850, "184.0", "98.0"), (575, "100.0", "14.0"), (120, "16.0", "98.0")]
)
def test_the_needle_stands_where_the_score_is(score, x, y):
    drawn = charts.gauge(score, low=300, high=850, fair=520, good=640)
    assert (drawn.x, drawn.y) == (x, y)
    assert [arc.kind for arc in drawn.arcs] == ["bad", "warn", "ok"]


@pytest.mark.parametrize(("score", "kind"), [(519, "bad"), (520, "warn"), (639, "warn"), (640, "ok")])
def test_a_band_begins_at_its_threshold(score, kind):
    assert charts.band(score, fair=520, good=640) == kind


def test_gauge_and_scale_say_the_score_in_words():
    for source in ("{% gauge 681 good=640 fair=520 %}", "{% scale 681 good=640 fair=520 %}"):
        html = render(source)
        label = Parsed(html).find("svg")["aria-label"]
        assert "681" in label
        assert "640" in label


def test_coordinates_never_carry_a_decimal_comma():
    with translation.override("es"):
        html = render(
            "{% scale 681 good=640 fair=520 %}{% bar parts label='x' %}{% progress 1 3 %}", parts=[("a0", 2), ("a1", 1)]
        )
    assert not re.search(r'(?:x|cx|width|start)="[\d.]*,', html)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=6))
def test_a_stacked_bar_never_runs_over(amounts):
    spans = charts.stacked([(f"a{i}", amount) for i, amount in enumerate(amounts)])
    assert len(spans) == sum(1 for amount in amounts if amount > 0)
    assert all(float(span.start) + float(span.width) <= 100.02 for span in spans)


def test_a_negative_part_of_a_whole_is_refused():
    with pytest.raises(ValueError, match="not negative"):
        charts.stacked([("a0", -1)])


# --- small pieces -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(ICONS))
def test_every_icon_draws_and_is_silent_unless_named(name):
    assert 'aria-hidden="true"' in render(f'{{% icon "{name}" %}}')
    assert 'role="img" aria-label="Cumple"' in render(f'{{% icon "{name}" "Cumple" %}}')


@pytest.mark.parametrize("code", sorted(MARKS))
def test_every_mark_draws_with_the_tenant_s_colours(code):
    html = render("{% mark institution True %}", institution=SimpleNamespace(mark=code, slug="caja-qantu"))
    assert "tn-caja-qantu" in html
    assert "mark-bg" in html


def test_an_unknown_mark_falls_back_to_the_house_s():
    assert render("{% mark 'unknown' %}") == render("{% mark %}")


@pytest.mark.parametrize(
    "source",
    [
        "{% tag text 'ok' %}",
        '{% include "components/_notice.html" with kind="bad" title=text text=text %}',
        '{% include "components/_dl.html" with items=pairs %}',
        '{% include "components/_facts.html" with items=pairs %}',
        '{% include "components/_checks.html" with items=pairs %}',
        '{% include "components/_steps.html" with items=pairs %}',
        '{% include "components/_timeline.html" with items=pairs %}',
        '{% include "components/_tasklist.html" with items=pairs %}',
        '{% include "components/_kpis.html" with items=pairs %}',
        '{% include "components/_views.html" with items=pairs %}',
        '{% include "components/_legend.html" with items=pairs %}',
        '{% include "components/_desk_nav.html" with items=pairs %}',
        '{% include "components/_data_alt.html" with title=text columns=cells rows=rows %}',
        "{% data_table text cells rows %}",
        "{% bar parts label=text %}",
        "{{ form }}",
        "{% error_summary form %}",
    ],
)
def test_hostile_text_stays_text(source):
    class Hostile(forms.Form):
        default_renderer = AyniRenderer
        field = forms.IntegerField(
            label=HOSTILE,
            help_text=HOSTILE,
            widget=MoneyInput(prefix=HOSTILE, suffix=HOSTILE),
            error_messages={"invalid": HOSTILE},
        )
        pick = forms.ChoiceField(
            label="x", choices=[(HOSTILE, HOSTILE)], widget=ChoiceCards(details={HOSTILE: HOSTILE})
        )

    pair = {"label": HOSTILE, "value": HOSTILE, "text": HOSTILE, "title": HOSTILE, "status": HOSTILE, "note": HOSTILE,
            "when": HOSTILE, "count": HOSTILE, "url": HOSTILE, "icon": "home", "kind": "ok"}  # fmt: skip
    html = render(source, text=HOSTILE, pairs=[pair], cells=[HOSTILE], rows=[[HOSTILE]], parts=[("a0", 1)],
                  form=Hostile({"field": HOSTILE, "pick": HOSTILE}))  # fmt: skip
    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_a_table_names_its_rows_and_labels_its_cells_for_phones():
    html = render(
        "{% data_table 'Sellos' columns rows stack=True %}", columns=["Día", ("Eventos", "r")], rows=[["20/11", "312"]]
    )
    parsed = Parsed(html)
    assert parsed.find("th", scope="row") == {"scope": "row"}
    assert parsed.find("td") == {"class": "r", "data-l": "Eventos"}
    assert parsed.find("div") == {"class": "table-wrap", "role": "group", "tabindex": "0", "aria-label": "Sellos"}


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        render("{% data_table 'Sellos' columns rows %}", columns=["Día", "Eventos"], rows=[["20/11"]])


def test_permission_is_asked_of_the_actor():
    officer = Actor(kind="user", roles=frozenset({"officer"}))
    assert render('{% if actor|can:"lending.view_desk" %}si{% endif %}', actor=officer) == "si"
    assert render('{% if actor|can:"lending.view_desk" %}si{% endif %}', actor=None) == ""


def test_language_links_keep_the_page_and_its_filters():
    request = RequestFactory().get("/i/x/", QueryDict("amount=3%2C000&lang=es").dict())
    with translation.override("es"):
        html = render('{% include "components/_lang.html" %}', request=request)
    links = {attrs["lang"]: attrs for tag, attrs in Parsed(html).elements if tag == "a"}
    assert links["en"]["href"] == "?amount=3%2C000&lang=en"
    assert links["es"]["aria-current"] == "true"
    assert "aria-current" not in links["en"]


# --- forms ------------------------------------------------------------------------------------------------------
def test_hint_and_error_stand_before_the_control_and_are_tied_to_it():
    html = str(StepForm(BAD)["sales"].as_field_group())
    parsed = Parsed(html)
    control = parsed.find("input", name="sales")
    assert control["aria-describedby"] == "id_sales_helptext id_sales_error"
    assert control["aria-invalid"] == "true"
    assert parsed.find("label")["for"] == control["id"] == "id_sales"
    order = [html.index(part) for part in ("<label", 'id="id_sales_helptext"', 'id="id_sales_error"', "<input")]
    assert order == sorted(order)
    assert "por semana" in html


def test_a_group_is_a_fieldset_described_by_its_hint():
    parsed = Parsed(str(StepForm()["debts"].as_field_group()))
    assert parsed.find("fieldset")["aria-describedby"] == "id_debts_helptext"
    assert [name for name, _ in parsed.elements].count("legend") == 1
    assert "Te preguntaremos cuánto" in str(StepForm()["debts"])


def test_every_description_points_at_something_that_is_there():
    parsed = Parsed(str(StepForm(BAD)))
    described = [attrs["aria-describedby"] for _, attrs in parsed.elements if attrs.get("aria-describedby")]
    assert described
    ids = parsed.ids()
    assert {one for many in described for one in many.split()} <= set(ids)
    assert len(ids) == len(set(ids))


def test_the_summary_links_each_error_in_the_field_s_own_words():
    form = StepForm(BAD)
    html = render("{% error_summary form %}", form=form)
    lines = re.findall(r'<a href="#([^"]+)">([^<]+)</a>', html)
    assert lines == [
        ("id_sales", "Escribe cuánto vendes, por ejemplo 1450"),
        ("id_years", "Solo números"),
        ("id_debts_0", "Elige si debes"),
        ("id_born_on_0", "Esa fecha no existe"),
        ("id_consent", "Falta tu permiso"),
    ]
    assert {target for target, _ in lines} <= set(Parsed(str(form)).ids())
    assert "Hay 5 respuestas por corregir" in html
    assert 'role="alert" tabindex="-1" data-error-summary' in html


def test_there_is_no_summary_without_errors():
    assert render("{% error_summary form other %}", form=StepForm(), other=None).strip() == ""


def test_an_error_of_the_whole_form_is_in_the_summary_too():
    form = StepForm(BAD)
    form.add_error(None, "Las fechas no calzan")
    assert "<strong>Las fechas no calzan</strong>" in render("{% error_summary form %}", form=form)


def test_the_title_says_error_first():
    assert render("{% title_prefix %}", form=StepForm(BAD)) == "Error: "
    assert render("{% title_prefix %}", form=StepForm()) == ""
    assert render("{% title_prefix %}") == ""


def test_what_was_typed_comes_back():
    form = StepForm({**BAD, "sales": "3.000", "born_on_year": "mil-novecientos"})
    html = str(form)
    assert 'value="98O"' in html
    assert 'value="3.000"' in html
    boxes = [Parsed(html).find("input", name=f"born_on_{box}")["value"] for box in ("day", "month", "year")]
    assert boxes == ["31", "2", "milnovecie"]


@pytest.mark.parametrize(
    ("boxes", "day"),
    [
        (("27", "3", "1985"), date(1985, 3, 27)),
        ((" 7 ", "03", "1985"), date(1985, 3, 7)),
        (("29", "2", "2023"), None),
        (("", "", ""), None),
        (("1", "", "1990"), None),
        (("-1", "1", "1990"), date(1990, 1, 1)),
    ],
)
def test_three_boxes_make_a_day_or_are_refused(boxes, day):
    class Born(forms.Form):
        on = forms.DateField(widget=DateBoxes())

    form = Born(dict(zip(("on_day", "on_month", "on_year"), boxes, strict=True)))
    assert form.is_valid() is (day is not None)
    assert form.cleaned_data.get("on") == day


def test_a_kept_day_fills_the_boxes():
    html = str(StepForm(initial={"born_on": date(1985, 3, 27)})["born_on"])
    parsed = Parsed(html)
    assert parsed.find("input", name="born_on_year")["value"] == "1985"
    assert parsed.find("input", name="born_on_day")["autocomplete"] == "bday-day"


def test_a_consent_is_not_ticked_and_its_label_stands_beside_it():
    html = str(StepForm()["consent"].as_field_group())
    assert "checked" not in html
    assert html.index("<input") < html.index("<label")
    assert html.index("Para evaluar.") < html.index("<input")


def test_several_boxes_can_be_ticked():
    class Proofs(forms.Form):
        default_renderer = AyniRenderer
        kinds = forms.MultipleChoiceField(choices=[("a", "Boletas"), ("b", "Cuaderno")], widget=CheckCards())

    html = str(Proofs(initial={"kinds": ["b"]})["kinds"])
    assert html.count('type="checkbox"') == 2
    assert html.count("checked") == 1


def test_a_slider_waits_for_script_and_reads_what_was_typed():
    class Amount(forms.Form):
        default_renderer = AyniRenderer
        amount = forms.CharField(widget=MoneyInput(slider=(500, 20000, 100)))

    slider = Parsed(str(Amount({"amount": "3,000"})["amount"])).find("input", type="range")
    assert slider["value"] == "3000"
    assert slider["data-mirror"] == "id_amount"
    assert "hidden" in slider
    assert slider["aria-label"]
    assert "name" not in slider


def test_a_photo_is_offered_for_shrinking():
    control = Parsed(PhotoInput().render("photo", None, renderer=AyniRenderer())).find("input")
    assert "data-shrink" in control
    assert control["accept"] == "image/*,application/pdf"


def test_optional_questions_say_so_only_where_the_form_asks_for_it():
    class Optional(forms.Form):
        default_renderer = AyniRenderer
        note = forms.CharField(label="Algo más", required=False)

    assert "(opcional)" not in str(Optional())
    Optional.mark_optional = True
    assert "(opcional)" in str(Optional())


@pytest.mark.parametrize("status", ["400", "403", "404", "409", "413", "422", "429", "500", "503", "csrf"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_every_error_page_says_what_happened_and_how_to_go_on(status, language):
    with translation.override(language):
        html = render_to_string(f"errors/{status}.html", {"message": "Ya fue enviada"})
    assert "<h1>" in html
    assert 'class="btn" href="/"' in html
    assert html.count("<h1>") == 1
