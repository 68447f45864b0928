"""A book in whatever file it comes: encodings, separators, blank and broken rows, hostile cells."""

import io
from datetime import date
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook

from accounts import numbering
from accounts.tenancy.scope import institution_scope
from lending.models import Applicant, PortfolioImport
from lending.portfolio_files import TABLES, UnreadableFile, read_file
from lending.services.importing import ImportRefused, import_waiting, run, upload_portfolio
from lending.services.ledger import BOOKS_LOCK
from lending.services.policies import POLICY_LOCK
from lending.tests.test_importing import LOAN, ON, PEOPLE, a_file, bring_in, good_file, product
from lending.tests.test_loan_races import at_once
from lending.tests.test_sheets import changed

__all__ = ["product"]  # the fixture


def saved(folder, content, name="otra.csv"):
    path = Path(folder) / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("encoding", "separator", "end"), [
    ("utf-8-sig", ",", "\r\n"), ("cp1252", ";", "\r\n"), ("utf-16", "\t", "\n"), ("utf-8", ";", "\r"),
])  # fmt: skip
def test_a_book_comes_in_as_any_spreadsheet_saves_it(institution, product, tmp_path, encoding, separator, end):
    text = good_file(tmp_path).read_text().replace("Rosa Quispe", "Rosa Ñaupari Béjar")
    text = text.replace("tabla,documento_tipo", "Tabla , DOCUMENTO_TIPO").replace("clientes,", " Clientes,")
    content = end.join(text.replace(",", separator).splitlines()).encode(encoding)
    found = bring_in(institution, saved(tmp_path, content))
    assert (found.applicants, found.loans, found.repayments) == (2, 2, 5)
    with institution_scope(institution.pk):
        assert Applicant.objects.filter(full_name="Rosa Ñaupari Béjar").exists()


def test_rows_are_counted_as_the_file_does_and_empty_ones_left_out(institution, product, tmp_path):
    head, *lines = good_file(tmp_path).read_text().splitlines()
    blank = "," * head.count(",")
    lines[3] = lines[3].replace(",45,", ",x,")
    path = saved(tmp_path, "\n".join([head, *lines[:2], "", blank, *lines[2:], blank, "", ""]).encode())
    with pytest.raises(ImportRefused) as refused:
        bring_in(institution, path)
    assert [(error.table, error.row, error.column) for error in refused.value.errors] == [("creditos", 7, "tea")]


@pytest.mark.parametrize(("change", "words"), [
    (lambda text: text.replace("1200.00", "1,200.00", 1), "Fila 4: tiene 28 celdas y los títulos son 27"),
    (lambda text: text.replace("Rosa", '"Rosa', 1), "Fila 2: tiene"),
    (lambda text: text.replace("tabla,", "tabla,monto,", 1), "monto está dos veces"),
    (lambda text: text.splitlines()[0], "no tiene filas"),
    (lambda text: "", "falta la columna"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_says_where(institution, product, tmp_path, change, words):
    with pytest.raises(UnreadableFile) as refused:
        bring_in(institution, saved(tmp_path, change(good_file(tmp_path).read_text()).encode()))
    assert words in refused.value.message


def test_letters_of_two_encodings_are_not_guessed(institution, product, tmp_path):
    content = good_file(tmp_path).read_bytes().replace(b"Rosa", "Mar\u00eda".encode()).replace(b"Juan", b"Jos\xe9")
    with pytest.raises(UnreadableFile, match="tildes"):
        bring_in(institution, saved(tmp_path, content))


@pytest.mark.parametrize(("before", "after", "table", "column"), [
    ("Rosa", "Ro\0sa", "clientes", "nombres"),
    ("A-1,capital", "A-\x011,capital", "creditos", "credito"),
    ("2026-06-10", "0001-01-01", "creditos", "desembolso"),
    ("2026-06-10", "10/06/26", "creditos", "desembolso"),
    ("41238766", "4123-8765", "clientes", "documento"),
    ("45,12,,6,2026-06-10", "999,999,,6,1900-01-01", "creditos", "monto"),
    ("222.00", "-222.00", "pagos", "monto"),
    ("2026-07-10", "31/02/2026", "pagos", "fecha"),
])  # fmt: skip
def test_hostile_cells_are_named(institution, product, tmp_path, before, after, table, column):
    text = good_file(tmp_path).read_text()
    assert before in text
    with pytest.raises(ImportRefused) as refused:
        bring_in(institution, saved(tmp_path, text.replace(before, after).encode()))
    assert (table, column) in {(error.table, error.column) for error in refused.value.errors}
    with institution_scope(institution.pk):
        assert not Applicant.objects.exists()


def test_people_may_come_without_loans(institution, product, tmp_path):
    found = bring_in(institution, a_file(tmp_path))
    assert (found.applicants, found.loans) == (2, 0)


def test_ten_thousand_wrong_cells_are_all_counted(institution, product, tmp_path, manager):
    loans = [{**LOAN, "credito": f"A-{n}", "tea": "x"} for n in range(10_000)]
    with institution_scope(institution.pk):
        file = SimpleUploadedFile("cartera.csv", a_file(tmp_path, loans=loans).read_bytes())
        upload_portfolio(upload=file, actor=manager, on=ON)
    assert import_waiting(institution.pk) == 1
    with institution_scope(institution.pk):
        row = PortfolioImport.objects.get()
        assert (row.status, row.error_count, len(row.errors)) == ("failed", 10_000, 5_000)


def test_a_file_that_breaks_the_import_is_given_up(institution, product, tmp_path, manager, monkeypatch):
    monkeypatch.setattr(run, "_import", lambda *args: 1 / 0)
    with institution_scope(institution.pk):
        file = SimpleUploadedFile("cartera.csv", good_file(tmp_path).read_bytes())
        upload_portfolio(upload=file, actor=manager, on=ON)
    assert import_waiting(institution.pk) == 1
    assert import_waiting(institution.pk) == 0
    with institution_scope(institution.pk):
        row = PortfolioImport.objects.get()
        assert (row.status, row.stored_name) == ("failed", "")
        assert "nada entró" in row.errors[0][3]


@pytest.mark.parametrize(("table", "column", "cell", "named"), [
    ("creditos", "desembolso", 46183, "desembolso"), ("creditos", "monto", "=1000+200", "monto"),
    ("creditos", "monto", 1200.005, "monto"), ("clientes", "documento", 1238765, "documento"),
    ("pagos", "monto", True, "monto"),
])  # fmt: skip
def test_cells_of_a_workbook_that_are_something_else_are_named(
    institution, product, tmp_path, table, column, cell, named
):
    rows = {
        "clientes": {**PEOPLE[0], "documento": 41238765, "nacimiento": date(1988, 5, 23)},
        "creditos": {**LOAN, "credito": 1001, "documento": 41238765, "monto": 1200.0, "desembolso": date(2026, 6, 10)},
        "pagos": {"credito": 1001, "referencia": 1, "fecha": date(2026, 7, 10), "monto": 222.1},
    }
    for wrong in (True, False):
        book = Workbook(write_only=True)
        for name, columns in TABLES.items():
            sheet = book.create_sheet(name)
            sheet.append(columns)
            line = rows.get(name, {}) | ({column: cell} if wrong and name == table else {})
            sheet.append([line.get(heading) for heading in columns])
        book.save(tmp_path / "libro.xlsx")
        if wrong:
            with pytest.raises(ImportRefused) as refused:
                bring_in(institution, tmp_path / "libro.xlsx")
            assert (table, 2, named) in {(one.table, one.row, one.column) for one in refused.value.errors}
    assert bring_in(institution, tmp_path / "libro.xlsx").loans == 1


def test_a_file_that_waits_already_does_not_come_in_twice(institution, product, tmp_path, manager):
    path = good_file(tmp_path)
    with institution_scope(institution.pk):
        upload_portfolio(upload=SimpleUploadedFile("cartera.csv", path.read_bytes()), actor=manager, on=ON)
    with pytest.raises(UnreadableFile, match="ya se subió"):
        bring_in(institution, path)
    assert import_waiting(institution.pk) == 1
    assert bring_in(institution, path).already


def test_turns_at_different_things_never_wait_for_each_other():
    classes = {name: value for name, value in vars(numbering).items() if name.isupper() and isinstance(value, int)}
    classes |= {"books": BOOKS_LOCK, "policy": POLICY_LOCK}
    assert len(set(classes.values())) == len(classes) > 8


@pytest.mark.transactional
def test_the_same_file_sent_at_once_is_one_import(institution, product, tmp_path, manager):
    content = good_file(tmp_path).read_bytes()

    def send():
        return upload_portfolio(upload=SimpleUploadedFile("cartera.csv", content), actor=manager, on=ON).pk

    answers, refusals = at_once(institution, [send, send, send])
    assert (len(set(answers)), len(answers), refusals) == (1, 3, [])


def test_a_workbook_that_unpacks_to_too_much_is_never_unpacked(monkeypatch):
    monkeypatch.setattr("lending.portfolio_files._LARGEST_UNPACKED", 1 << 20)
    monkeypatch.setattr("accounts.sheets.load_workbook", lambda *args, **options: pytest.fail("it was unpacked"))
    with pytest.raises(UnreadableFile, match="demasiado grande"):
        read_file(io.BytesIO(changed("xl/styles.xml", b" " * (2 << 20))), "libro.xlsx")
