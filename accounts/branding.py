"""One brand colour in, a tenant's four colour tokens out, light and dark; too faint a colour is refused.

Pure: no database, no requests. Contrast is WCAG 2.2's, from 1 to 21. The page's own backgrounds below are
those of `static/css/portal.css` (a test holds the two together).
"""

import colorsys
import hashlib
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.errors import InvalidInput

MINIMUM_CONTRAST: Final = 4.5
LIGHT_SURFACE: Final = "#ffffff"
# Everything a link or an eyebrow may lie on: page, surfaces and the soft grounds of notices.
LIGHT_GROUNDS: Final = ("#ffffff", "#f4f6f7", "#eef2f4", "#e4f3e9", "#fcf0d9", "#fdebea", "#e6eff9")
DARK_GROUNDS: Final = ("#182127", "#10171c", "#212c33", "#173326", "#35290f", "#3d1c1a", "#182b40")
WHITE: Final = "#ffffff"

_HEX = re.compile(r"#[0-9a-f]{6}")
_SLUG = re.compile(r"[-a-z0-9_]+", re.IGNORECASE)
_DARK_TEXT_CONTRAST = 6.0  # above the minimum: thin light strokes on dark look fainter than they measure
_DARK_STRONG_CONTRAST = 8.5

HLS = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """The only four tokens a tenant may change, as `#rrggbb`."""

    accent: str
    accent_strong: str
    accent_soft: str
    on_accent: str


@dataclass(frozen=True)
class Brand:
    """A tenant's tokens in both colour schemes."""

    light: Palette
    dark: Palette


def luminance(colour: str) -> float:
    """WCAG relative luminance of `#rrggbb`, 0 (black) to 1 (white)."""
    channels = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in _rgb(colour))
    red, green, blue = channels
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two colours, 1 to 21, the same in either order."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=512)
def derive(brand_color: str) -> Brand:
    """The tokens of `brand_color` (`#rrggbb`); the light accent is the colour itself wherever it reads well.

    Raises InvalidInput on `brand_color` for text that is no colour, and for a colour under 4.5:1 on the
    white surface or under the text that buttons carry.
    """
    colour = brand_color.strip().lower()
    if not _HEX.fullmatch(colour):
        raise _refused(_("Escribe el color como #1d4f91: un numeral y seis cifras o letras de la A a la F."))
    ratio = contrast(colour, LIGHT_SURFACE)
    if ratio < MINIMUM_CONTRAST:
        raise _refused(
            _(
                "Este color se lee mal: su contraste sobre blanco es %(ratio)s:1 y el mínimo es 4.5:1. "
                "Elige uno más oscuro, por ejemplo %(example)s."
            )
            % {"ratio": f"{int(ratio * 100) / 100:.2f}", "example": _readable(colour)}
        )
    return Brand(light=_light(colour), dark=_dark(colour))


def validate_brand_color(value: str) -> None:
    """A model or form validator; raises ValidationError with the words of `derive`."""
    try:
        derive(value)
    except InvalidInput as refusal:
        raise ValidationError(str(refusal.message), code=refusal.code) from refusal


def stylesheet(brand_color: str) -> str:
    """The tenant's whole stylesheet: the four tokens on `:root`, light and dark."""
    return _rules({":root": derive(brand_color)})


def marks_stylesheet(brands: Iterable[tuple[str, str]]) -> str:
    """Tokens scoped to `.tn-<slug>` for pages that show several tenants, from (slug, brand colour) pairs.

    In the order of the slugs. A colour that would be refused today is left out: its mark keeps the house's.
    """
    scoped = {}
    for slug, brand_color in sorted(brands):
        if not _SLUG.fullmatch(slug):
            raise ValueError(f"not a slug: {slug!r}")
        with suppress(InvalidInput):
            scoped[f".tn-{slug}"] = derive(brand_color)
    return _rules(scoped)


def version(css: str) -> str:
    """A short hash of a stylesheet, for addresses that may be cached for ever."""
    return hashlib.sha256(css.encode()).hexdigest()[:12]


def _rules(scoped: dict[str, Brand]) -> str:
    if not scoped:
        return ""
    light = "\n".join(_rule(selector, brand.light) for selector, brand in scoped.items())
    dark = "\n".join(_rule(selector, brand.dark) for selector, brand in scoped.items())
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _rule(selector: str, palette: Palette) -> str:
    return (
        f"{selector} {{ --accent: {palette.accent}; --accent-strong: {palette.accent_strong}; "
        f"--accent-soft: {palette.accent_soft}; --on-accent: {palette.on_accent}; }}"
    )


def _light(colour: str) -> Palette:
    accent = _readable(colour)
    hue, lightness, saturation = _hls(accent)
    strong = _hex((hue, lightness * 0.69, saturation))
    soft = _step((hue, 0.93, min(saturation, 0.40)), 0.005, lambda shade: contrast(accent, shade) >= MINIMUM_CONTRAST)
    return Palette(accent=accent, accent_strong=strong, accent_soft=soft, on_accent=WHITE)


def _dark(colour: str) -> Palette:
    hue, _lightness, saturation = _hls(colour)
    calm = min(saturation, 0.46)  # full saturation glows on dark grounds
    accent = _step((hue, 0.5, calm), 0.01, lambda shade: _least(shade, DARK_GROUNDS) >= _DARK_TEXT_CONTRAST)
    start = _hls(accent)[1]
    strong = _step((hue, start, calm), 0.01, lambda shade: _least(shade, DARK_GROUNDS) >= _DARK_STRONG_CONTRAST)
    soft = _step((hue, 0.16, min(saturation, 0.45)), -0.005, lambda shade: luminance(shade) <= 0.028)
    on_accent = _step((hue, 0.10, min(saturation, 0.65)), -0.005, lambda shade: contrast(shade, accent) >= 7)
    return Palette(accent=accent, accent_strong=strong, accent_soft=soft, on_accent=on_accent)


def _readable(colour: str) -> str:
    """`colour`, or the nearest darker shade that reads on every light ground."""
    if _least(colour, LIGHT_GROUNDS) >= MINIMUM_CONTRAST:
        return colour
    return _step(_hls(colour), -0.005, lambda shade: _least(shade, LIGHT_GROUNDS) >= MINIMUM_CONTRAST)


def _step(start: HLS, by: float, good: Callable[[str], bool]) -> str:
    """The first shade from `start`, lightness moved in steps of `by`, that is `good`; black or white at the end."""
    hue, lightness, saturation = start
    while 0 < lightness < 1:
        shade = _hex((hue, lightness, saturation))
        if good(shade):
            return shade
        lightness += by
    return _hex((hue, float(by > 0), saturation))


def _least(colour: str, grounds: Iterable[str]) -> float:
    return min(contrast(colour, ground) for ground in grounds)


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red / 255, green / 255, blue / 255


def _hls(colour: str) -> HLS:
    return colorsys.rgb_to_hls(*_rgb(colour))


def _hex(hls: HLS) -> str:
    hue, lightness, saturation = hls
    rgb = colorsys.hls_to_rgb(hue, max(0.0, min(1.0, lightness)), saturation)
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in rgb)


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, code="brand_color", fields={"brand_color": [message]})
