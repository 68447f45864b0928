"""One colour in, readable pages out, or a clear refusal."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from accounts import branding
from accounts.branding import DARK_GROUNDS, LIGHT_GROUNDS, MINIMUM_CONTRAST, contrast, derive
from accounts.errors import InvalidInput

CSS = Path(settings.BASE_DIR, "static", "css", "portal.css").read_text(encoding="utf-8")
GROUND_TOKENS = ("surface", "bg", "surface-2", "ok-soft", "warn-soft", "bad-soft", "info-soft")


def tokens(scheme: int) -> dict[str, str]:
    """The neutral tokens of portal.css: 0 light, 1 dark."""
    block = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[scheme]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#0d6153", "#ffffff", 7.34),
    ],
)
def test_contrast_is_that_of_wcag(one, other, ratio):
    assert contrast(one, other) == pytest.approx(ratio, abs=0.05)
    assert contrast(other, one) == contrast(one, other)


@given(st.integers(0, 0xFFFFFF))
@example(0x767676)  # the faintest grey that is accepted
@example(0x000000)
@example(0x5F6A00)
def test_an_accepted_colour_reads_everywhere_and_a_faint_one_is_refused(number):
    colour = f"#{number:06x}"
    if contrast(colour, "#ffffff") < MINIMUM_CONTRAST:
        with pytest.raises(InvalidInput):
            derive(colour)
        return
    brand = derive(colour)
    for palette, grounds in ((brand.light, LIGHT_GROUNDS), (brand.dark, DARK_GROUNDS)):
        for ground in (*grounds, palette.accent_soft):
            assert contrast(palette.accent, ground) >= MINIMUM_CONTRAST
            assert contrast(palette.accent_strong, ground) >= MINIMUM_CONTRAST
        assert contrast(palette.on_accent, palette.accent) >= MINIMUM_CONTRAST
        assert contrast(palette.on_accent, palette.accent_strong) >= MINIMUM_CONTRAST


def test_a_good_brand_colour_stays_as_it_is():
    assert derive("#0D6153").light.accent == "#0d6153"


def test_the_refusal_names_the_figure_and_a_colour_that_would_do():
    with pytest.raises(InvalidInput) as refusal:
        derive("#f2b705")
    message = str(refusal.value.message)
    assert "4.5:1" in message
    assert refusal.value.fields == {"brand_color": [message]}
    suggested = re.search(r"#[0-9a-f]{6}", message).group()
    assert derive(suggested).light.accent == suggested


def test_a_figure_just_below_the_limit_is_not_rounded_up_to_it():
    with pytest.raises(InvalidInput) as refusal:
        derive("#777777")  # 4.48:1
    assert "4.47:1" in str(refusal.value.message) or "4.48:1" in str(refusal.value.message)


@pytest.mark.parametrize("text", ["", "red", "#fff", "1d4f91", "#1d4f9g", "#1d4f91;}", "javascript:alert(1)", "🟥"])
def test_text_that_is_no_colour_is_refused(text):
    with pytest.raises(InvalidInput):
        derive(text)


def test_the_validator_says_the_same():
    branding.validate_brand_color("#1d4f91")
    with pytest.raises(ValidationError, match=r"4\.5:1"):
        branding.validate_brand_color("#ffcc00")


def test_the_stylesheet_sets_four_tokens_in_both_schemes():
    css = branding.stylesheet("#7a3350")
    assert css.count(":root {") == 2
    assert re.findall(r"--([\w-]+):", css) == ["accent", "accent-strong", "accent-soft", "on-accent"] * 2
    assert "prefers-color-scheme: dark" in css
    assert branding.version(css) != branding.version(branding.stylesheet("#0d6153"))


def test_marks_are_scoped_and_a_hostile_slug_is_refused():
    css = branding.marks_stylesheet([("caja-qantu", "#0d6153"), ("tarpuy", "#7a3350")])
    assert ".tn-caja-qantu {" in css
    assert ".tn-tarpuy {" in css
    assert ":root" not in css
    with pytest.raises(ValueError, match="slug"):
        branding.marks_stylesheet([("x{} body", "#0d6153")])


@pytest.mark.parametrize(("scheme", "grounds"), [(0, LIGHT_GROUNDS), (1, DARK_GROUNDS)])
def test_the_grounds_are_those_of_the_stylesheet(scheme, grounds):
    neutral = tokens(scheme)
    assert {neutral[name] for name in GROUND_TOKENS} == set(grounds)


@pytest.mark.parametrize("scheme", [0, 1])
def test_the_neutral_tokens_read_on_each_other(scheme):
    neutral = tokens(scheme)
    for ground in (neutral[name] for name in GROUND_TOKENS):
        assert contrast(neutral["ink"], ground) >= MINIMUM_CONTRAST
        assert contrast(neutral["ink-2"], ground) >= MINIMUM_CONTRAST
    for meaning in ("ok", "warn", "bad", "info"):
        for ground in (neutral["surface"], neutral["bg"], neutral[f"{meaning}-soft"]):
            assert contrast(neutral[meaning], ground) >= MINIMUM_CONTRAST
    assert contrast(neutral["line-strong"], neutral["surface"]) >= 3
    assert contrast(neutral["focus"], neutral["bg"]) >= 3
