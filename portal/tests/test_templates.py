"""Rules that every template of the house keeps, read from the files themselves."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines

from accounts.drawings import ICONS

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted(
    path
    for folder in [
        ROOT / "templates",
        *(ROOT / app / "templates" for app in ("accounts", "scoring", "lending", "portal")),
    ]
    if folder.is_dir()
    for path in folder.rglob("*.html")
)
PAGES = [path for path in TEMPLATES if "styleguide" not in path.parts]
CSS = (ROOT / "static" / "css" / "portal.css").read_text(encoding="utf-8")

# Words that are the same in every language.
NAMES = {"Ayni", "SMS", "v", "RUC", "DNI", "S", "TCEA", "TEA", "WhatsApp", "API", "N", "P", "QR", "PDF", "CSV", "SHA",
         "JSON", "AUC", "IV", "PSI"}  # fmt: skip


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def source(path: Path) -> str:
    """The template without its comments."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"{% comment %}.*?{% endcomment %}", "", text, flags=re.DOTALL)
    return re.sub(r"{#.*?#}", "", text)


def test_there_are_templates_to_check():
    assert len(TEMPLATES) > 50


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_the_content_security_policy_is_kept(path):
    text = source(path)
    assert not re.search(r"<[^>]*\sstyle\s*=", text, re.IGNORECASE), "inline style"
    assert not re.search(r"<style\b", text, re.IGNORECASE), "inline stylesheet"
    assert not re.search(r"<[a-z][^>]*\son[a-z]+\s*=", text, re.IGNORECASE), "inline handler"
    assert not re.search(r"""["'(]\s*(?:javascript|data|vbscript):""", text, re.IGNORECASE), "script or data address"
    assert not re.search(r"<script\b(?![^>]*\bsrc=)", text, re.IGNORECASE), "inline script"
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//(?!wa\.me/)""", text), "something from elsewhere"
    assert not re.search(r"hx-on|hx-vals=[\"']js:|hx-headers=[\"']js:", text), "script in an htmx attribute"


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_it_compiles(path):
    engines["django"].from_string(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_what_it_includes_is_there(path):
    text = source(path)
    for included in re.findall(r"""{% (?:include|extends) ["']([^"']+)["']""", text):
        engines["django"].get_template(included)
    for icon in re.findall(r"""{% icon ["']([^"']+)["']""", text):
        assert icon in ICONS


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_what_people_read_can_be_translated(path):
    text = source(path)
    text = re.sub(r"{% blocktrans(?:late)? .*?{% endblocktrans(?:late)? %}", " ", text, flags=re.DOTALL)
    spoken = re.findall(r"""(?:aria-label|title|placeholder|alt)="([^"{]*)\"""", text)
    text = re.sub(r"{% block main_class %}.*?{% endblock %}", " ", text)
    text = re.sub(r"{%.*?%}|{{.*?}}", " ", text, flags=re.DOTALL)
    text = re.sub(r'<section[^>]* lang="es">.*?</section>', " ", text, flags=re.DOTALL)  # a legal paper, in Spanish
    text = re.sub(r"<code[^>]*>.*?</code>", " ", text, flags=re.DOTALL)
    words = re.findall(r"[^\W\d_]+", " ".join([re.sub(r"<[^>]*>", " ", text), *spoken]).replace("&nbsp;", " "))
    assert [word for word in words if word not in NAMES and word not in {"amp", "middot", "times"}] == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_inheritance_has_at_most_two_levels(path):
    levels, text = 0, source(path)
    while parent := re.search(r"""{% extends ["']([^"']+)["']""", text):
        levels += 1
        text = source(Path(engines["django"].get_template(parent.group(1)).origin.name))
    assert levels <= 2


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.parent.name == "components"], ids=name)
def test_components_are_partials(path):
    assert path.name.startswith("_")


@pytest.mark.parametrize(
    "newer", ["@layer", ":has(", "color-mix(", "light-dark(", "oklch(", "@container", "&:", "& ", "@import"]
)
def test_the_stylesheet_stays_within_old_phones(newer):
    assert newer not in re.sub(r"/\*.*?\*/", "", CSS, flags=re.DOTALL)


def test_the_stylesheet_asks_for_nothing_else():
    assert "url(" not in CSS
    assert CSS.count("{") == CSS.count("}")


def test_every_class_in_the_components_is_styled_or_known():
    """A class that no stylesheet knows is a typing mistake."""
    known = set(re.findall(r"\.(-?[a-zA-Z_][\w-]*)", CSS)) | {"i-ok", "hero-intro", "hero-more", "lang-wrap", "i-info"}
    unknown = set()
    for path in (ROOT / "templates" / "components").glob("*.html"):
        for classes in re.findall(r'class="([^"]*)"', re.sub(r"{%.*?%}|{{.*?}}", " ", source(path))):
            unknown |= {one for one in classes.split() if one not in known and not one.endswith("-")}
    assert unknown == set()
