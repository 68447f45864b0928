"""A book on paper: the template of four tables, read as columns and checked cell by cell. Pure.

A workbook has a sheet for each table; a CSV has all of them, told apart by its first column, `tabla`. The cronograma,
the installments as the old system had them, may be left out. Values are text until they are checked; every wrong cell
is reported with its row as the file counts, never only the first.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from openpyxl import Workbook

from accounts.sheets import BookTooLarge, open_workbook

TABLES: Final[dict[str, tuple[str, ...]]] = {
    "clientes": ("documento_tipo", "documento", "nombres", "nacimiento", "celular", "departamento"),
    "creditos": (
        "credito", "documento", "producto", "tipo_credito", "monto", "tea", "tasa_moratoria", "seguro_mensual",
        "cuotas", "desembolso", "primera_cuota", "agencia", "saldo",
    ),
    "pagos": ("credito", "referencia", "fecha", "monto"),
    "cronograma": ("credito", "cuota", "vence", "capital", "interes", "seguro", "comision"),
}  # fmt: skip
OPTIONAL_TABLE: Final = "cronograma"
OPTIONAL: Final = frozenset({
    "celular", "departamento", "tipo_credito", "tasa_moratoria", "seguro_mensual", "primera_cuota", "agencia", "saldo",
    "seguro", "comision",
})  # fmt: skip
EXAMPLES: Final = {
    "clientes": (("dni", "41238765", "María Quispe Mamani", "1988-05-23", "987654321", "08"),),
    "creditos": (
        ("A-1001", "41238765", "capital-de-trabajo", "10", "3000.00", "45.5", "12", "0.075", "12", "2026-02-10",
         "2026-03-10", "Sicuani", "1875.20"),
        ("A-1002", "41238765", "capital-de-trabajo", "10", "900.00", "45.5", "12", "", "2", "2026-09-10", "",
         "Sicuani", "460.00"),
    ),
    "pagos": (("A-1001", "R-1", "2026-03-10", "316.20"), ("A-1002", "R-2", "2026-10-10", "470.50")),
    "cronograma": (
        ("A-1002", "1", "2026-10-10", "440.00", "28.50", "0.70", "1.30"),
        ("A-1002", "2", "2026-11-10", "460.00", "15.05", "0.35", "1.30"),
    ),
}  # fmt: skip
WHICH: Final = "tabla"
_MONEY, _RATE, _WHOLE = r"^\d{1,11}(\.\d{1,2})?$", r"^\d{1,4}(\.\d{1,6})?$", r"^\d{1,4}$"
_RATE_PLACES: Final = 6
_HEAD: Final = 1 << 16
_LARGEST_UNPACKED: Final = 1 << 30
_OLDEST: Final = -25_567  # 1900-01-01, in days


class UnreadableFile(ValueError):
    """The file is none of the template; `message` tells the person what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell to mend: where it is, what is wrong, and how to put it right."""

    table: str
    row: int  # as a spreadsheet counts
    column: str
    message: str


@dataclass(slots=True)
class Sheet:
    """One table of the file: its columns as text, and the row of each line."""

    name: str
    columns: pa.Table
    rows: NDArray[np.int64]
    errors: list[CellError] = field(default_factory=list)
    unreadable: dict[str, NDArray[np.bool_]] = field(default_factory=dict)  # of columns read as numbers

    def __len__(self) -> int:
        return len(self.rows)

    def text(self, column: str) -> pa.ChunkedArray:
        return self.columns[column]

    def texts(self, column: str) -> list[str]:
        return self.columns[column].to_pylist()

    def refuse(self, wrong: Any, column: str, message: str | Callable[[int], str]) -> None:
        """Report the lines where `wrong` holds."""
        for place in np.flatnonzero(np.asarray(wrong)):
            words = message(int(place)) if callable(message) else message
            self.errors.append(CellError(self.name, int(self.rows[place]), column, words))

    def refuse_one(self, place: int, column: str, message: str) -> None:
        """Report one line."""
        self.errors.append(CellError(self.name, int(self.rows[place]), column, message))

    def printable(self, column: str) -> None:
        """Report the cells with line breaks or other characters that cannot be seen."""
        message = _("Quita los saltos de línea y los caracteres invisibles")
        self.refuse(_flags(pc.match_substring_regex(self.text(column), r"[\x00-\x1f\x7f]")), column, message)

    # Columns as values; a wrong cell is reported and stands as zero

    def required(self, column: str) -> None:
        self.refuse(_flags(pc.equal(self.text(column), "")), column, _("Falta este dato"))

    def numbers(self, column: str, pattern: str, places: int, message: str) -> NDArray[np.int64]:
        """Whole units of 10^-places; empty is zero where the column is optional."""
        values = self.text(column)
        filled = _flags(pc.not_equal(values, ""))
        right = _flags(pc.match_substring_regex(values, pattern))
        self.unreadable[column] = ~right
        self.refuse(~right & (filled | (column not in OPTIONAL)), column, message)
        exact = pc.if_else(pa.array(right), values.combine_chunks(), "0").cast(pa.decimal128(30, places))
        return _unscaled(exact)

    def money(self, column: str) -> NDArray[np.int64]:
        return self.numbers(column, _MONEY, 2, _("Escribe un monto con punto y hasta dos decimales, como 1450.50"))

    def percent(self, column: str) -> NDArray[np.int64]:
        """Millionths of a percent."""
        message = _("Escribe una tasa en porcentaje, como 45.5")
        return self.numbers(column, _RATE, _RATE_PLACES, message)

    def whole(self, column: str) -> NDArray[np.int64]:
        return self.numbers(column, _WHOLE, 0, _("Escribe un número entero"))

    def days(self, column: str) -> NDArray[Any]:
        """datetime64[D]; 2026-03-31 or 31/03/2026. Wrong or empty ones stand as the first day of 1970."""
        values = self.text(column).combine_chunks()
        iso, local = (_days_as(values, form) for form in ("%Y-%m-%d", "%d/%m/%Y"))
        found = pc.coalesce(iso, local)
        found = pc.if_else(pc.less(found.cast(pa.int64()), _OLDEST * 86_400), None, found)
        filled = _flags(pc.not_equal(values, ""))
        message = _("Escribe una fecha que exista, desde 1900, como 2026-03-31 o 31/03/2026")
        self.refuse(_flags(pc.is_null(found)) & (filled | (column not in OPTIONAL)), column, message)
        seconds = pc.fill_null(found.cast(pa.int64()), 0)
        return (np.asarray(seconds) // 86_400).astype("datetime64[D]")

    def unique(self, column: str, message: str) -> None:
        """Report every repetition of a value after its first."""
        values = self.text(column).combine_chunks().dictionary_encode()
        codes = np.asarray(values.indices)
        first = np.full(len(values.dictionary), -1)
        places = np.arange(len(codes))[::-1]
        first[codes[::-1]] = places
        again = (first[codes] != np.arange(len(codes))) & _flags(pc.not_equal(self.text(column), ""))
        self.refuse(again, column, message)

    def found_in(self, column: str, values: Any, message: str) -> NDArray[np.int64]:
        """The place of each cell in `values`; a missing one is reported and stands as 0."""
        place = pc.index_in(self.text(column).combine_chunks(), value_set=pa.array(values, pa.string()))
        missing = _flags(pc.is_null(place))
        self.refuse(missing & _flags(pc.not_equal(self.text(column), "")), column, message)
        return np.asarray(pc.fill_null(place, 0)).astype(np.int64)


def read_file(source: Path | IO[bytes], name: str) -> dict[str, Sheet]:
    """The tables of a template that somebody filled in. Raises UnreadableFile."""
    try:
        found = _workbook(source) if name.lower().endswith(".xlsx") else _csv(source)
    except UnreadableFile:
        raise
    except Exception as error:  # whatever a parser of somebody's file stumbles over
        raise UnreadableFile(_("No pudimos leer el archivo: %(why)s") % {"why": str(error)[:200]}) from error
    if not any(len(sheet) for sheet in found.values()):
        raise UnreadableFile(_("El archivo no tiene filas. Descarga la plantilla y llénala."))
    return found


def _csv(source: Path | IO[bytes]) -> dict[str, Sheet]:
    """As UTF-8 with or without its mark, as UTF-16 where its mark says so, else as Excel writes in Peru."""
    head = _head(source)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _tables(*_lines(source, head, "utf-16"))
    try:
        return _tables(*_lines(source, head, "utf-8"))
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise
    table, rows = _lines(source, head, "cp1252")
    if any(_flags(pc.match_substring_regex(column, "[ÂÃ][\u0080-\u00bf]")).any() for column in table.columns):
        raise UnreadableFile(_("El archivo mezcla dos formas de escribir tildes: guárdalo otra vez como CSV UTF-8."))
    return _tables(table, rows)


def _head(source: Path | IO[bytes]) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(_HEAD)
    head = source.read(_HEAD)
    source.seek(0)
    return head


def _lines(source: Path | IO[bytes], head: bytes, encoding: str) -> tuple[pa.Table, NDArray[np.int64]]:
    """The lines of a CSV, all of them text, and their rows in the file; those without any cell are left out."""
    first, *others = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace").splitlines() or [""]
    separator = max(",;\t", key=first.count)
    typed = next(csv.reader([first], delimiter=separator), [])
    headings = [heading.strip().lower() or f"-{at}" for at, heading in enumerate(typed)]
    needed = {column for name, columns in TABLES.items() if name != OPTIONAL_TABLE for column in columns}
    _check_headings(headings, {WHICH, *needed}, "CSV")
    if not others:
        raise UnreadableFile(_("El archivo no tiene filas. Descarga la plantilla y llénala."))
    ragged: list[pacsv.InvalidRow] = []

    def skip(row: pacsv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    def read(*, threads: bool) -> pa.Table:
        if not isinstance(source, Path):
            source.seek(0)
        return pacsv.read_csv(
            source,
            read_options=pacsv.ReadOptions(
                column_names=headings, skip_rows=1, encoding="utf8" if encoding == "utf-8" else encoding,
                use_threads=threads,
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=separator, newlines_in_values=True, ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(headings, pa.string()), strings_can_be_null=False
            ),
        )  # fmt: skip

    table = read(threads=True)
    if ragged:
        ragged.clear()
        read(threads=False)  # only so are their rows known
        wrong = ragged[0]
        raise UnreadableFile(
            _("Fila %(row)s: tiene %(cells)s celdas y los títulos son %(titles)s. Revisa sus separadores y comillas.")
            % {"row": wrong.number, "cells": wrong.actual_columns, "titles": len(headings)}
        )
    rows = np.arange(len(table), dtype=np.int64) + 2
    bare = _flags(pc.equal(table[WHICH], ""))
    if bare.any():
        for column in table.columns:
            bare &= _flags(pc.equal(column, ""))
        table, rows = table.filter(pa.array(~bare)), rows[~bare]
    return table, rows


def _tables(table: pa.Table, rows: NDArray[np.int64]) -> dict[str, Sheet]:
    which = pc.ascii_lower(pc.utf8_trim_whitespace(table[WHICH]))
    known = _flags(pc.is_in(which, value_set=pa.array(list(TABLES))))
    if not known.all():
        place = int(np.flatnonzero(~known)[0])
        raise UnreadableFile(
            _("Fila %(row)s: la columna “tabla” dice “%(value)s”; debe decir clientes, creditos, pagos o cronograma.")
            % {"row": rows[place], "value": table[WHICH][place].as_py()[:40]}
        )
    found = {}
    for name, columns in TABLES.items():
        places = np.flatnonzero(_flags(pc.equal(which, name)))
        if not len(places) and name == OPTIONAL_TABLE:
            found[name] = _empty(name)
            continue
        _check_headings(table.column_names, set(columns), "CSV")
        part = table.select(list(columns))
        together = len(places) and places[-1] - places[0] + 1 == len(places)
        part = part.slice(places[0], len(places)) if together else part.take(places)
        found[name] = Sheet(name, _trimmed(part), rows[places])
    return found


def _workbook(source: Path | IO[bytes]) -> dict[str, Sheet]:
    try:
        book = open_workbook(source, _LARGEST_UNPACKED)
    except BookTooLarge as error:
        raise UnreadableFile(_("El libro es demasiado grande: guárdalo como CSV.")) from error
    found = {}
    for name, columns in TABLES.items():
        if name not in book.sheetnames and name == OPTIONAL_TABLE:
            found[name] = _empty(name)
            continue
        if name not in book.sheetnames:
            raise UnreadableFile(_("Falta la hoja “%(sheet)s”. Descarga la plantilla.") % {"sheet": name})
        lines = book[name].iter_rows(values_only=True)
        headings = [str(value or "").strip().lower() for value in next(lines, ())]
        _check_headings(headings, set(columns), name)
        order = [headings.index(column) for column in columns]
        rows: list[int] = []
        values: list[list[str]] = []
        for number, line in enumerate(lines, start=2):
            cells = [_as_text(line[place]) if place < len(line) else "" for place in order]
            if any(cells):
                rows.append(number)
                values.append(cells)
        arrays = [pa.array([line[place] for line in values], pa.string()) for place in range(len(columns))]
        found[name] = Sheet(name, _trimmed(pa.table(arrays, names=list(columns))), np.array(rows, np.int64))
    return found


def _empty(name: str) -> Sheet:
    columns = TABLES[name]
    return Sheet(name, pa.table([pa.array([], pa.string())] * len(columns), names=list(columns)), np.empty(0, np.int64))


def _check_headings(found: Sequence[str], expected: set[str], where: str) -> None:
    twice = [column for column in expected if found.count(column) > 1]
    if twice:
        raise UnreadableFile(
            _("%(where)s: la columna %(column)s está dos veces.") % {"where": where, "column": twice[0]}
        )
    missing = sorted(expected - set(found))
    if missing:
        raise UnreadableFile(
            _("%(where)s: falta la columna %(column)s. Descarga la plantilla y no cambies sus títulos.")
            % {"where": where, "column": ", ".join(missing[:5])}
        )


def _trimmed(table: pa.Table) -> pa.Table:
    columns = [pc.utf8_trim_whitespace(pc.fill_null(column.combine_chunks(), "")) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _as_text(value: Any) -> str:
    """A cell of a sheet as the text of a CSV would be."""
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return value.date().isoformat() if hasattr(value, "date") else value.isoformat()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)


def _days_as(values: Any, form: str) -> Any:
    """The days that are written so; null for others, and for a 30 February that the parser would roll over."""
    found = pc.strptime(values, format=form, unit="s", error_is_null=True)
    return pc.if_else(pc.equal(pc.strftime(found, format=form), values), found, None)


def _flags(values: Any) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(values, False)).astype(bool)


def _unscaled(values: Any) -> NDArray[np.int64]:
    """The whole numbers behind decimal128 values that fit 64 bits."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    data = np.frombuffer(array.buffers()[1], np.int64)
    return data[2 * array.offset : 2 * (array.offset + len(array)) : 2].copy()


def write_template(file: IO[bytes], name: str) -> None:
    """An empty template with examples in each table, as XLSX or CSV by the name's ending."""
    if name.lower().endswith(".xlsx"):
        book = Workbook(write_only=True)
        for table, columns in TABLES.items():
            sheet = book.create_sheet(table)
            for line in (columns, *EXAMPLES[table]):
                sheet.append(list(line))
        book.save(file)
        return
    headings = [WHICH, *dict.fromkeys(column for columns in TABLES.values() for column in columns)]
    text = io.StringIO()
    writer = csv.DictWriter(text, headings, restval="")
    writer.writeheader()
    for table, columns in TABLES.items():
        writer.writerows({WHICH: table, **dict(zip(columns, line, strict=True))} for line in EXAMPLES[table])
    file.write(text.getvalue().encode("utf-8-sig"))
