"""A small table somebody made in a spreadsheet: CSV in whatever dialect, or XLSX, as text cells with their rows."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts.errors import InvalidInput
from accounts.sheets import BookTooLarge, open_workbook

LARGEST_BYTES: Final = 5 * 2**20
LARGEST_UNPACKED: Final = 60 * 2**20
MOST_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class CellProblem:
    """What is wrong with one cell; `row` as the spreadsheet counts, `column` as it is headed."""

    row: int
    column: str
    message: str

    def __str__(self) -> str:
        return _("Fila %(row)s, %(column)s: %(message)s") % {
            "row": self.row,
            "column": self.column,
            "message": self.message,
        }


class SheetRefused(InvalidInput):
    """Nothing was imported; `problems` says why, cell by cell."""

    def __init__(self, problems: list[CellProblem]) -> None:
        super().__init__(
            _("No se importó nada: corrige estas celdas y súbelo otra vez."),
            fields={"file": [str(problem) for problem in problems]},
            code="sheet_refused",
        )
        self.problems = problems


def read_sheet(
    name: str, content: bytes, *, largest: int = LARGEST_BYTES, most: int = MOST_ROWS
) -> list[tuple[int, dict[str, str]]]:
    """Rows with their numbers, each cell by its heading in lower case; empty rows are left out.

    Raises InvalidInput (`file`) for what is no such table, is too large or has headings twice.
    """
    if len(content) > largest:
        raise _refused(_("El archivo pesa más de %(size)s MB: divídelo.") % {"size": largest // 2**20})
    lines = _xlsx(content, most) if name.lower().endswith(".xlsx") else _csv(content)
    headings = [cell.strip().lower() for cell in next(lines, [])]
    named = [heading for heading in headings if heading]
    if len(named) < 2:
        raise _refused(_("La primera fila debe tener los nombres de las columnas."))
    if len(set(named)) != len(named):
        raise _refused(_("Hay columnas repetidas en la primera fila."))
    rows, problems = [], []
    for number, cells in enumerate(lines, start=2):
        if any(cell.strip() for cell in cells[len(headings) :]):  # a comma too many moves every cell after it
            problems.append(CellProblem(number, headings[-1], _("Hay celdas de más: revisa separadores y comillas")))
        if any(cell.strip() for cell in cells):
            rows.append((number, {key: cell.strip() for key, cell in zip(headings, cells, strict=False) if key}))
        if len(rows) > most:
            raise _refused(_("El archivo tiene más de %(most)s filas: divídelo.") % {"most": most})
    if problems:
        raise SheetRefused(problems)
    if not rows:
        raise _refused(_("El archivo no tiene filas."))
    return rows


def renamed(row: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """The row by field, `names` giving the field of each heading; unknown headings are left out."""
    return {names[heading]: cell for heading, cell in row.items() if heading in names}


def _csv(content: bytes) -> Iterator[list[str]]:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise _refused(_("No se pudo leer el archivo: guárdalo como CSV UTF-8 o XLSX."))
    first = next(iter(text[: 1 << 16].splitlines()), "")
    separator = max(";,\t", key=first.count)
    if "\0" in text or separator not in first:
        raise _refused(_("No se pudo leer el archivo: guárdalo como CSV UTF-8 o XLSX."))
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    except csv.Error as error:
        raise _refused(_("No se pudo leer el archivo: guárdalo como CSV UTF-8 o XLSX.")) from error


def _xlsx(content: bytes, most: int) -> Iterator[list[str]]:
    try:
        sheet = open_workbook(content, LARGEST_UNPACKED).worksheets[0]
        lines = [[_text(cell) for cell in line] for line in sheet.iter_rows(max_row=most + 2, values_only=True)]
    except BookTooLarge as error:
        raise _refused(_("El archivo tiene más de %(most)s filas: divídelo.") % {"most": most}) from error
    except Exception as error:
        raise _refused(_("No se pudo leer el archivo: guárdalo como CSV UTF-8 o XLSX.")) from error
    return iter(lines)


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date):
        return cell.strftime("%Y-%m-%d")
    if isinstance(cell, float):
        return f"{cell:.10f}".rstrip("0").rstrip(".")
    return str(cell)


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, fields={"file": [message]})
