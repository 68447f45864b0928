"""Files of signals, row by row: our own layout, and those in which the ministry's yearbooks circulate.

A cell that cannot be is an error of its row, by number; an empty one is simply not known.
"""

from __future__ import annotations

import calendar
import csv
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.places import DEPARTMENTS

# Days until a figure is out: a month's about two months later, a year's when its yearbook appears.
MONTH_IS_OUT_AFTER, YEAR_IS_OUT_AFTER = 60, 180
RANGES: Mapping[str, tuple[float, float]] = {
    "price": (0.01, 100),  # soles per kg
    "yield": (50, 300_000),  # kg per hectare
    "rain": (0, 20),  # share of the usual
    "frost": (0, 366),
    "el_nino": (-5, 5),
    "region_arrears": (0, 1),
    "sector_arrears": (0, 1),
    "usd_rate": (1, 20),
}
CROPS = {
    "potato": "potato",
    "papa": "potato",
    "rice": "rice",
    "arroz cascara": "rice",
    "maiz a. duro": "corn",
    "quinoa": "quinoa",
    "quinua": "quinoa",
    "cafe pergamino": "coffee",
    "cacao": "cocoa",
    "palta": "avocado",
    "uva": "grape",
}
MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}


class SignalsRefused(ValueError):
    """The file is no file of signals; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One figure: `value` over `on`…`until` for a region (department code or "") and a crop or sector (or "")."""

    kind: str
    region: str
    subject: str
    on: date
    until: date
    known_on: date
    value: Decimal


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be used, and why."""

    line: int
    why: str


def read_signals(path: Path) -> Iterator[SignalRow | BadRow]:
    """Every figure of a CSV, and every line that has none to give. Raises SignalsRefused for another kind of file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file)
            header = {name.strip() for name in lines.fieldnames or ()}
            layout = next((read for names, read in LAYOUTS if names <= header), None)
            if layout is None:
                wanted = "; ".join(", ".join(sorted(names)) for names, _read in LAYOUTS)
                raise SignalsRefused(
                    _("No es un archivo de señales: faltan columnas. Se espera uno de: %(wanted)s.")
                    % {"wanted": wanted}
                )
            for line in lines:
                try:
                    yield from layout(line)
                except ValueError as error:
                    yield BadRow(lines.line_num, str(error))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SignalsRefused(_("No se pudo leer %(file)s: %(why)s") % {"file": path.name, "why": error}) from error


def _own(line: Mapping[str, str]) -> Iterator[SignalRow]:
    on, until = _day(line, "on"), _day(line, "until")
    if until < on:
        raise ValueError(_("until: es anterior a on"))
    known_on = _day(line, "known_on") if (line.get("known_on") or "").strip() else until
    kind = (line["kind"] or "").strip()
    if kind not in RANGES:
        raise ValueError(_("kind: «%(kind)s» no es de %(known)s") % {"kind": kind, "known": ", ".join(RANGES)})
    value = _value(line, "value", kind)
    if value is None:
        raise ValueError(_("value: está vacío"))
    yield SignalRow(kind, _region(line["region"]), _crop(line["subject"]), on, until, known_on, value)


def _monthly(line: Mapping[str, str]) -> Iterator[SignalRow]:
    year, word = _year(line), (line["month"] or "").strip().lower()
    if word not in MONTHS:
        raise ValueError(_("month: «%(word)s» no es un mes") % {"word": word})
    on = date(year, MONTHS[word], 1)
    until = on.replace(day=calendar.monthrange(year, on.month)[1])
    yield from _pair(line, "department", ("pricePlot", "yield"), on, until, MONTH_IS_OUT_AFTER)


def _yearly(line: Mapping[str, str]) -> Iterator[SignalRow]:
    year = _year(line)
    columns = ("farmgate_price_pen_kg", "yield_kg_ha")
    yield from _pair(line, "region", columns, date(year, 1, 1), date(year, 12, 31), YEAR_IS_OUT_AFTER)


def _pair(
    line: Mapping[str, str], place: str, columns: tuple[str, str], on: date, until: date, out_after: int
) -> Iterator[SignalRow]:
    if _bare(line[place] or "") == "lima metropolitana":
        return  # a part of the department of Lima, which has a line of its own
    region, crop, known_on = _region(line[place]), _crop(line["crop"]), until + timedelta(days=out_after)
    values = [(kind, _value(line, column, kind)) for kind, column in zip(("price", "yield"), columns, strict=True)]
    for kind, value in values:
        if value is not None:
            yield SignalRow(kind, region, crop, on, until, known_on, value)


# The columns that tell a layout, the most telling first.
LAYOUTS: tuple[tuple[frozenset[str], Callable[[Mapping[str, str]], Iterator[SignalRow]]], ...] = (
    (frozenset({"kind", "region", "subject", "on", "until", "value"}), _own),
    (frozenset({"crop", "department", "year", "month", "yield", "pricePlot"}), _monthly),
    (frozenset({"region", "crop", "year", "farmgate_price_pen_kg", "yield_kg_ha"}), _yearly),
)


def _day(line: Mapping[str, str], column: str) -> date:
    try:
        return date.fromisoformat((line[column] or "").strip())
    except ValueError:
        raise ValueError(
            _("%(column)s: «%(text)s» no es una fecha AAAA-MM-DD") % {"column": column, "text": line[column]}
        ) from None


def _year(line: Mapping[str, str]) -> int:
    text = (line["year"] or "").strip().removesuffix(".0")
    if not (text.isdigit() and 1950 <= int(text) <= 2100):
        raise ValueError(_("year: «%(text)s» no es un año") % {"text": text})
    return int(text)


def _value(line: Mapping[str, str], column: str, kind: str) -> Decimal | None:
    text = (line[column] or "").strip()
    if not text or text.upper() in ("NA", "NAN"):
        return None
    low, high = RANGES[kind]
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(_("%(column)s: «%(text)s» no es un número") % {"column": column, "text": text[:40]}) from None
    if not (value.is_finite() and low <= value <= high):
        raise ValueError(
            _("%(column)s: %(value)s está fuera de %(low)s a %(high)s")
            % {"column": column, "value": text[:40], "low": low, "high": high}
        )
    return value.quantize(Decimal("0.000001"))


def _region(text: str | None) -> str:
    name = (text or "").strip()
    if not name or name in DEPARTMENTS:
        return name
    code = _CODES.get(_bare(name))
    if code is None:
        raise ValueError(_("«%(name)s» no es un departamento") % {"name": name[:40]})
    return code


def _crop(text: str | None) -> str:
    """Our word for a crop; what we have none for keeps its own name as a slug."""
    name = (text or "").strip()
    return CROPS.get(_bare(name), slugify(name)[:40])


def _bare(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return " ".join(plain.lower().split())


_CODES = {_bare(name): code for code, name in DEPARTMENTS.items()}
