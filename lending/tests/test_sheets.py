"""Spreadsheets of strangers: what would fill the memory or read other files is refused, in words. No database."""

import io
import zipfile

import openpyxl
import pytest

from accounts.errors import InvalidInput
from lending.imports import sheets


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (("nombre", "monto"), ("Rosa", 500)):
        book.active.append(row)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def changed(part: str, text: bytes) -> bytes:
    """The same workbook with another text in one of its parts."""
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as before, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(name, text if name == part else before.read(name))
    return kept.getvalue()


def test_a_sound_one_is_read():
    assert sheets.read_sheet("hoja.xlsx", workbook()) == [(2, {"nombre": "Rosa", "monto": "500"})]


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    bomb = changed("xl/worksheets/sheet1.xml", b" " * (sheets.LARGEST_UNPACKED + 1))
    assert len(bomb) < sheets.LARGEST_BYTES
    monkeypatch.setattr("accounts.sheets.load_workbook", lambda *args, **options: pytest.fail("it was unpacked"))
    with pytest.raises(InvalidInput) as refused:
        sheets.read_sheet("hoja.xlsx", bomb)
    assert "file" in refused.value.fields


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
@pytest.mark.parametrize("entity", [b'<!ENTITY a "aaaaaaaaaa">', b'<!ENTITY a SYSTEM "file:///etc/passwd">'])
def test_entities_are_not_resolved(part, entity):
    assert openpyxl.DEFUSEDXML
    with zipfile.ZipFile(io.BytesIO(workbook())) as book:
        text = book.read(part)
    head, _mark, rest = text.partition(b"?>") if text.startswith(b"<?xml") else (b"", b"", text)
    root = rest.lstrip()[1:].split(b" ")[0].split(b">")[0]
    evil = head + (b"?>" if head else b"") + b"<!DOCTYPE " + root + b" [" + entity + b"]>" + rest.lstrip()
    with pytest.raises(InvalidInput):
        sheets.read_sheet("hoja.xlsx", changed(part, evil))


@pytest.mark.parametrize(
    "content", [b"nombre;monto\rRosa;500\r", b"nombre;monto\r\nRosa;500\r\n", b"nombre;monto\nRosa;500"]
)
def test_every_end_of_line_is_one(content):
    assert sheets.read_sheet("hoja.csv", content) == [(2, {"nombre": "Rosa", "monto": "500"})]


def test_a_cell_too_long_and_cells_too_many_are_refused_in_words():
    with pytest.raises(InvalidInput):
        sheets.read_sheet("hoja.csv", b'nombre;monto\n"' + b"z" * 200_000 + b'";1\n')
    with pytest.raises(sheets.SheetRefused) as refused:
        sheets.read_sheet("hoja.csv", b"nombre,monto\nRosa,1,500.00\nLuz,20\n")
    assert [(one.row, one.column) for one in refused.value.problems] == [(2, "monto")]
