"""Tables that leave the product: CSV and XLSX whose cells a spreadsheet can only show, never run.

A text that begins like a formula would be worked out by whoever opens the file, so it gets an apostrophe in
front (OWASP, CSV injection). Numbers and dates stay numbers and dates. Every export goes through here.
"""

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any, Final

from django.http import FileResponse, StreamingHttpResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from accounts.clock import LIMA
from accounts.tenancy.streams import ScopedStream

Rows = Iterable[Sequence[Any]]
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHUNK_ROWS: Final = 500
MOST_SHEET_ROWS: Final = 1_048_575  # below the headings; a spreadsheet holds no more
# Full-width forms count as well: some programs fold them. Spaces in front do not stop a formula either.
_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠|%]|[\t\r\n]")
_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def safe_cell(value: Any) -> Any:
    """The value as a cell: numbers, dates and truths as they are, anything else as text that is no formula."""
    if value is None:
        return ""
    if isinstance(value, (bool, int, float, Decimal, date)):
        return value
    text = _UNWRITABLE.sub("", str(value))
    return f"'{text}" if _FORMULA.match(text) else text


def csv_lines(headings: Sequence[Any], rows: Rows) -> Iterator[str]:
    """The table as CSV, a few hundred rows a chunk; instants are Lima's, in ISO form.

    Begins with the mark that makes Excel read UTF-8.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow([safe_cell(heading) for heading in headings])
    for count, row in enumerate(rows, start=1):
        writer.writerow([_as_text(safe_cell(value)) for value in row])
        if count % CHUNK_ROWS == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def csv_response(name: str, headings: Sequence[Any], rows: Callable[[], Rows]) -> StreamingHttpResponse:
    """A CSV download that streams; `rows()` is called in the institution's scope, in a transaction of its own.

    `name` is the file's, without its ending. Raises NoInstitutionScope where no scope is open.
    """
    stream = ScopedStream(lambda: csv_lines(headings, rows()))
    return _attached(StreamingHttpResponse(stream, content_type="text/csv; charset=utf-8"), f"{name}.csv")


def write_xlsx(file: IO[bytes], sheets: Iterable[tuple[str, Sequence[Any], Rows]]) -> None:
    """Write a workbook of (title, headings, rows), row by row. Raises ValueError for more than a sheet holds."""
    book = Workbook(write_only=True)
    for title, headings, rows in sheets:
        sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31])
        sheet.freeze_panes = "A2"
        cells = [WriteOnlyCell(sheet, safe_cell(heading)) for heading in headings]
        for cell in cells:
            cell.font = Font(bold=True)
        sheet.append(cells)
        for count, row in enumerate(rows, start=1):
            if count > MOST_SHEET_ROWS:
                raise ValueError(f"sheet {title}: more than {MOST_SHEET_ROWS} rows; export CSV instead")
            sheet.append([_as_sheet_value(safe_cell(value)) for value in row])
    book.save(file)


def xlsx_response(name: str, sheets: Iterable[tuple[str, Sequence[Any], Rows]]) -> FileResponse:
    """A workbook as a download; `rows` are read before the answer begins, into a file on disk."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the response closes it)
    write_xlsx(file, sheets)
    file.seek(0)
    return _attached(FileResponse(file, content_type=XLSX), f"{name}.xlsx")


def _attached(response: Any, name: str) -> Any:
    """The response as a file to keep: never opened inside the site, never stored on the way."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    response["Content-Disposition"] = f'attachment; filename="{plain}"'
    response["Cache-Control"] = "no-store, private"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.astimezone(LIMA) if value.tzinfo else value).isoformat(sep=" ", timespec="seconds")
    return value.isoformat() if isinstance(value, date) else value


def _as_sheet_value(value: Any) -> Any:
    """Spreadsheets know no time zones; Lima's is meant."""
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(LIMA).replace(tzinfo=None)
    return value


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
