"""Tables that come in: small CSV and XLSX files as people and banks make them, cell by cell.

For files that are read whole; every cell comes as text, a date or a number, with the line it stands on.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final
from zipfile import ZipFile

from django.utils.translation import gettext as _
from openpyxl import Workbook, load_workbook

from accounts.errors import InvalidInput

LARGEST_BYTES: Final = 20 * 1024 * 1024
LARGEST_UNPACKED: Final = 200 * 1024 * 1024
SEPARATORS: Final = ",;\t|"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its number in the file, and its cells by column."""

    line: int
    cells: Mapping[str, Any]


def read_sheet(name: str, content: bytes, columns: Mapping[str, Sequence[str]], *, most_rows: int) -> list[Row]:
    """The rows of a CSV or XLSX file under the headings that name our columns; empty lines are left out.

    `columns` says for each column the headings it may have, written in any case and with or without accents.
    Raises InvalidInput (`file`) for a file that cannot be read, misses a column or is too long.
    """
    if len(content) > LARGEST_BYTES:
        raise _refused(_("El archivo pesa demasiado: divídelo en partes de hasta 20 MB."))
    lines = _xlsx(content) if name.lower().endswith(".xlsx") else _csv(content)
    headings: dict[int, str] | None = None
    width = 0
    rows: list[Row] = []
    for number, cells in enumerate(lines, start=1):
        if not any(cell not in (None, "") for cell in cells):
            continue
        if headings is None:
            headings, width = _headings(cells, columns), len(cells)
            continue
        if any(cell not in (None, "") for cell in cells[width:]):  # a comma too many moves every cell after it
            message = _("Fila %(row)s: tiene más celdas que títulos. Revisa sus separadores y comillas.")
            raise _refused(message % {"row": number})
        if len(rows) == most_rows:
            raise _refused(_("El archivo tiene más de %(most)s filas: divídelo.") % {"most": most_rows})
        rows.append(
            Row(number, {column: _clean(cells[at]) if at < len(cells) else "" for at, column in headings.items()})
        )
    if not rows:
        raise _refused(_("El archivo no tiene filas."))
    return rows


class BookTooLarge(ValueError):
    """A workbook that would unpack to more than it may."""


def open_workbook(source: bytes | Path | IO[bytes], most: int) -> Workbook:
    """A workbook somebody sent, to be read line by line. Raises BookTooLarge before anything is unpacked where, as it
    says itself, it takes more than `most` bytes, and whatever openpyxl stumbles over: it has no base class of its own.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with ZipFile(file) as packed:
        if sum(part.file_size for part in packed.infolist()) > most:
            raise BookTooLarge
    return load_workbook(file, read_only=True, data_only=True)


def as_day(cell: Any) -> date:
    """A day from a cell: a date, `2026-11-21` or `21/11/2026`. Raises ValueError with words."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    for shape in ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y"):
        try:
            return datetime.strptime(str(cell), shape).date()
        except ValueError:
            continue
    raise ValueError(_("Escribe la fecha como 21/11/2026"))


def _headings(cells: Sequence[Any], columns: Mapping[str, Sequence[str]]) -> dict[int, str]:
    known = {_plain(heading): column for column, headings in columns.items() for heading in headings}
    found = {at: known[_plain(cell)] for at, cell in enumerate(cells) if _plain(cell) in known}
    missing = [headings[0] for column, headings in columns.items() if column not in found.values()]
    if missing:
        raise _refused(_("Falta la columna «%(name)s» en la primera fila.") % {"name": missing[0]})
    twice = [headings[0] for column, headings in columns.items() if list(found.values()).count(column) > 1]
    if twice:
        raise _refused(_("Hay dos columnas para «%(name)s»: deja una.") % {"name": twice[0]})
    return found


def _plain(cell: Any) -> str:
    text = unicodedata.normalize("NFKD", str(cell or "")).encode("ascii", "ignore").decode()
    return " ".join(text.lower().replace("_", " ").split())


def _clean(cell: Any) -> Any:
    """Numbers exact, texts trimmed; an empty cell is an empty text."""
    if isinstance(cell, bool) or cell is None:
        return "" if cell is None else str(cell)
    if isinstance(cell, float):
        return Decimal(repr(cell))
    if isinstance(cell, int):
        return Decimal(cell)
    return cell if isinstance(cell, date) else str(cell).strip()


def _csv(content: bytes) -> Iterator[Sequence[Any]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\x00" in text:
        raise _refused(_("El archivo no es texto: guárdalo como CSV o XLSX."))
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    except csv.Error as error:
        raise _refused(_("El archivo no se puede leer: guárdalo otra vez como CSV.")) from error


def _xlsx(content: bytes) -> Iterator[Sequence[Any]]:
    try:
        book = open_workbook(content, LARGEST_UNPACKED)
        yield from book.worksheets[0].iter_rows(values_only=True)
    except BookTooLarge as error:
        raise _refused(_("El archivo pesa demasiado: divídelo en partes de hasta 20 MB.")) from error
    except Exception as error:
        raise _refused(_("El archivo no se puede abrir: guárdalo otra vez como XLSX.")) from error


def _refused(message: str) -> InvalidInput:
    return InvalidInput(fields={"file": [message]})
