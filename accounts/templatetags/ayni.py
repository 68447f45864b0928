"""The design system's tags and filters; `docs/design-system.md` shows each in use. Loaded in every template."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.forms import BaseForm, BoundField, CheckboxInput
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from accounts import branding, charts, formats
from accounts.drawings import ICONS, MARKS
from accounts.errors import InvalidInput
from accounts.phones import show_mobile

register = template.Library()

LANGUAGE_NAMES = {"es": "Español", "qu": "Runasimi", "en": "English"}


# --- figures and days -------------------------------------------------------------------------------------------
@register.filter
def money(amount: Decimal | int | None, decimals: int = 2) -> str:
    """`S/ 3,000.00`, or `S/ 3,000` with `money:0`; a dash when there is none."""
    return formats.ABSENT if amount is None or amount == "" else formats.format_money(amount, decimals)


@register.filter
def percent(fraction: Decimal | float | None, decimals: int = 2) -> str:
    """`38.11%` from the fraction 0.3811; a dash when there is none."""
    if fraction is None or fraction == "":
        return formats.ABSENT
    exact = Decimal(str(fraction)) if isinstance(fraction, float) else fraction
    return formats.format_percent(exact, decimals)


@register.filter
def number(value: Decimal | int | None, decimals: int = 0) -> str:
    """`6,284`; a dash when there is none."""
    return formats.ABSENT if value is None or value == "" else formats.format_number(value, decimals)


@register.filter
def signed(points: int) -> str:
    """`+86`, `−31`."""
    return formats.format_signed(points)


@register.filter
def day(value: date | None) -> str:
    """`21/11/2026`; a dash when there is none."""
    return formats.format_day(value) if value else formats.ABSENT


@register.filter
def moment(value: datetime | None) -> str:
    """`21/11/2026 09:58`; a dash when there is none."""
    return formats.format_moment(value) if value else formats.ABSENT


@register.filter
def when(value: datetime | None) -> str:
    """`Hoy 09:58`, `Ayer 16:20`, `19/11 11:05`; a dash when there is none."""
    return formats.format_when(value) if value else formats.ABSENT


@register.filter
def initials(name: str) -> str:
    """Up to two capitals."""
    return formats.initials(str(name))


@register.filter
def short_name(name: object) -> str:
    """`María Q.`"""
    return formats.short_name(str(name))


@register.filter
def tel(phone: str) -> str:
    """A phone as `tel:` wants it: digits and a leading plus."""
    digits = "".join(char for char in phone if char.isdigit())
    return f"+{digits}" if phone.strip().startswith("+") else digits


@register.filter
def wa(phone: str) -> str:
    """A Peruvian mobile as wa.me wants it: country code and digits."""
    digits = "".join(char for char in phone if char.isdigit())
    return f"51{digits}" if len(digits) == 9 else digits


@register.filter
def mobile(phone: str) -> str:
    """`987 654 321` from +51987654321."""
    return show_mobile(str(phone or ""))


@register.filter
def in_fours(text: str) -> str:
    """`ABCD EFGH`, easier to copy by hand."""
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


@register.filter
def can(actor: Any, permission: str) -> bool:
    """Whether the actor carries a permission of `accounts.permissions`; nobody does without an actor."""
    return bool(actor) and actor.can(permission)


# --- drawings ---------------------------------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An inline icon, silent to screen readers unless it has a `label`. Raises KeyError for an unknown name."""
    drawing = mark_safe(ICONS[name])  # noqa: S308  (our own constant)
    if label:
        return format_html('<svg class="icon" viewBox="0 0 24 24" role="img" aria-label="{}">{}</svg>', label, drawing)
    return format_html('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', drawing)


@register.simple_tag
def mark(institution: Any = None, scoped: bool = False) -> SafeString:
    """An institution's mark, or Ayni's without one; `scoped` colours it on pages that show several."""
    code = getattr(institution, "mark", institution) or "ayni"
    scope = f" tn-{institution.slug}" if scoped and institution is not None else ""
    drawing = mark_safe(MARKS.get(code, MARKS["ayni"]))  # noqa: S308  (our own constant)
    return format_html(
        '<svg class="mark{}" viewBox="0 0 36 36" aria-hidden="true"><rect class="mark-bg" width="36" height="36"'
        ' rx="9"/>{}</svg>',
        scope,
        drawing,
    )


@register.simple_tag
def tag(text: str, kind: str = "", sign: str = "") -> SafeString:
    """A small label; `kind` is ok, warn, bad, info, accent or empty, `sign` an icon's name."""
    return format_html(
        '<span class="tag{}">{}{}</span>', f" tag-{kind}" if kind else "", icon(sign) if sign else "", text
    )


# --- institutions and languages ---------------------------------------------------------------------------------
@register.simple_tag
def brand_link(institution: Any = None) -> SafeString:
    """The `<link>` to an institution's colours, at an address that changes with them; nothing without one."""
    if not institution:
        return SafeString("")
    try:
        version = branding.version(branding.stylesheet(institution.brand_color))
    except InvalidInput:  # an older colour that would be refused today: the page keeps the house colours
        return SafeString("")
    address = reverse("portal:brand_stylesheet", args=[institution.slug])
    return format_html('<link rel="stylesheet" href="{}?v={}">', address, version)


@register.simple_tag
def brands_link(institutions: Iterable[Any]) -> SafeString:
    """The `<link>` to the colours of all open institutions, for marks drawn with `scoped`."""
    css = branding.marks_stylesheet((one.slug, one.brand_color) for one in institutions)
    return format_html(
        '<link rel="stylesheet" href="{}?v={}">', reverse("portal:brands_stylesheet"), branding.version(css)
    )


@register.simple_tag
def html_lang() -> str:
    """The page's language for `<html lang>`."""
    language = get_language() or settings.LANGUAGE_CODE
    return "es-PE" if language.startswith("es") else language


@register.simple_tag(takes_context=True)
def language_links(context: Context) -> list[dict[str, Any]]:
    """Links to this same page in each language on offer: code, name, address, current."""
    request: HttpRequest | None = context.get("request")
    if request is None:
        return []
    current = get_language() or settings.LANGUAGE_CODE
    links = []
    for code, _label in settings.LANGUAGES:
        query = request.GET.copy()
        query["lang"] = code
        links.append(
            {
                "code": code,
                "name": LANGUAGE_NAMES.get(code, code),
                "address": f"?{query.urlencode()}",
                "current": code == current,
            }
        )
    return links


# --- forms ------------------------------------------------------------------------------------------------------
@register.inclusion_tag("components/_error_summary.html")
def error_summary(*forms: BaseForm) -> dict[str, Any]:
    """What has to be corrected, each line a link to its field in the field's own words. Empty without errors."""
    errors = [error for form in forms if form is not None for error in _errors_of(form)]
    return {
        "errors": errors,
        "heading": ngettext(
            "Hay %(count)d respuesta por corregir", "Hay %(count)d respuestas por corregir", len(errors)
        )
        % {"count": len(errors)},
    }


@register.simple_tag(takes_context=True)
def title_prefix(context: Context) -> str:
    """`Error: ` for the page's title when its `form` came back with errors."""
    form = context.get("form")
    return _("Error: ") if isinstance(form, BaseForm) and form.errors else ""


def _errors_of(form: BaseForm) -> list[dict[str, str]]:
    found = [{"text": str(text), "target": ""} for text in form.non_field_errors()]
    for field in form:
        target = "" if field.is_hidden else _first_control(field)
        found += [{"text": str(text), "target": target} for text in field.errors]
    return found


def _first_control(field: BoundField) -> str:
    """The id of what takes focus: the control itself, or the first of a group."""
    return field.id_for_label or (f"{field.auto_id}_0" if field.auto_id else "")


@register.filter
def is_lone_check(field: BoundField) -> bool:
    """Whether the field is one check box, whose label stands beside it."""
    return isinstance(field.field.widget, CheckboxInput)


@register.inclusion_tag("components/_step_progress.html")
def step_progress(number: int, total: int, done: int | None = None) -> dict[str, int]:
    """`Paso 3 de 6` and its bar; the steps before this one count as done unless `done` says otherwise."""
    return {"number": number, "total": total, "done": number - 1 if done is None else done}


@register.inclusion_tag("components/_table.html")
def data_table(
    label: str,
    columns: Sequence[str | tuple[str, str]],
    rows: Iterable[Sequence[Any]],
    foot: Iterable[Sequence[Any]] = (),
    caption: str = "",
    stack: bool = False,
) -> dict[str, Any]:
    """A table of finished cells; the first of each row names it. `("Cuota", "r")` is a column of figures."""
    heads = [
        {"text": one, "right": False} if isinstance(one, str) else {"text": one[0], "right": True} for one in columns
    ]

    def cells(lines: Iterable[Sequence[Any]]) -> list[list[dict[str, Any]]]:
        return [
            [
                {"value": value, "right": head["right"], "column": head["text"]}
                for value, head in zip(line, heads, strict=True)
            ]
            for line in lines
        ]

    return {
        "label": label,
        "caption": caption,
        "stack": stack,
        "columns": heads,
        "rows": cells(rows),
        "foot": cells(foot),
    }


# --- charts -----------------------------------------------------------------------------------------------------
@register.inclusion_tag("components/_gauge.html")
def gauge(score: int, good: int, fair: int, low: int = 300, high: int = 850) -> dict[str, Any]:
    """The score on a half circle; `good` is the approval threshold, `fair` where the middle band begins."""
    drawing = charts.gauge(score, low=low, high=high, fair=fair, good=good)
    return {"gauge": drawing, "score": score, "low": low, "high": high, "good": good}


@register.inclusion_tag("components/_scale.html")
def scale(score: int, good: int, fair: int, low: int = 300, high: int = 850) -> dict[str, Any]:
    """The score on a straight line with its bands in words."""
    spans, needle = charts.scale(score, low=low, high=high, fair=fair, good=good)
    return {"spans": spans, "needle": needle, "score": score, "low": low, "high": high, "fair": fair, "good": good}


@register.simple_tag
def score_tag(score: int, good: int, fair: int) -> SafeString:
    """The score's band as a label: Bajo, Medio, Bueno."""
    kind = charts.band(score, fair, good)
    words = {"bad": _("Bajo"), "warn": _("Medio"), "ok": _("Bueno")}
    return tag(words[kind], kind)


@register.inclusion_tag("components/_waterfall.html")
def waterfall(
    base: int, reasons: Sequence[Any], total: int, base_label: str = "", total_label: str = ""
) -> dict[str, Any]:
    """How the score is reached; `reasons` have label and points (attributes or pairs) and must sum exactly."""
    pairs = [(one.label, one.points) if hasattr(one, "points") else (one[0], one[1]) for one in reasons]
    labels = (base_label or _("Punto de partida"), total_label or _("Puntaje"))
    return {"rows": charts.waterfall(base, pairs, total, labels)}


@register.inclusion_tag("components/_bar.html")
def bar(parts: Sequence[tuple[str, Any]], label: str) -> dict[str, Any]:
    """A whole and its parts from (class, amount) pairs; classes a0…a4 are arrears, f1…f4 series."""
    return {"spans": charts.stacked(parts), "label": label}


@register.inclusion_tag("components/_meter.html")
def meter(value: Any, whole: Any, kind: str = "a0") -> dict[str, Any]:
    """A small bar beside a figure in a table; decorative, the figure stands next to it."""
    return {"width": charts.part(value, whole), "kind": kind}


@register.inclusion_tag("components/_progress.html")
def progress(done: int, total: int, label: str = "") -> dict[str, Any]:
    """How far along, as a bar; `label` replaces the standard text alternative."""
    text = label or _("Avance: %(done)d de %(total)d pasos completos") % {"done": done, "total": total}
    return {"width": charts.part(done, total), "label": text}
