"""A bank's file: each row once, errors by row, whatever is sent again."""

import io
from datetime import date, datetime
from decimal import Decimal

import pytest
from openpyxl import Workbook

from accounts import sheets
from accounts.errors import InvalidInput, NotAllowed
from accounts.models import AuditEntry
from lending.models import BankFile, Loan, Repayment
from lending.services.bank_files import import_bank_file
from lending.tests.loans import active_loan, staff
from lending.tests.test_repayments import check
from lending.tests.test_sheets import changed

HEADINGS = "Crédito;Fecha de pago;Importe;Número de operación\n"


@pytest.fixture
def loan(institution) -> Loan:
    return active_loan(institution)


@pytest.fixture
def cashier(institution):
    return staff(institution, "cashier")


def send(cashier, text, name="pagos.csv", provider="BCP"):
    content = text if isinstance(text, bytes) else (HEADINGS + text).encode()
    return import_bank_file(actor=cashier, name=name, content=content, provider=provider)


def test_every_row_is_posted_once_however_often_it_is_sent(loan, cashier):
    text = f'QT-{loan.number};02/04/2026;"S/ 100.50";A-1\n{loan.number};2026-04-03;50;A-2\n'
    first = send(cashier, text)
    assert (first.rows, first.posted, first.refused, first.amount) == (2, 2, 0, Decimal("150.50"))
    before = Loan.objects.get(pk=loan.pk).revision
    again = send(cashier, text)
    assert (again.pk, again.posted, again.amount) == (first.pk, 2, Decimal("150.50"))
    assert Loan.objects.get(pk=loan.pk).revision == before
    assert Repayment.objects.count() == 2
    assert BankFile.objects.count() == 1
    assert AuditEntry.objects.filter(event="lending.bank_file.imported").count() == 1
    check(loan)


def test_a_mended_file_posts_only_what_was_missing(loan, cashier):
    good = f"{loan.number};02/04/2026;100;A-1\n"
    file = send(
        cashier, good + f"{loan.number};31/02/2026;40;A-2\n9;02/04/2026;40;A-3\n{loan.number};02/04/2026;x;A-4\n"
    )
    assert (file.posted, file.refused) == (1, 3)
    assert [(error["line"], error["field"]) for error in file.errors] == [(3, "on"), (4, "loan"), (5, "amount")]
    mended = send(cashier, good + f"{loan.number};28/02/2026;40;A-2\n{loan.number};03/04/2026;40;A-4\n")
    assert (mended.posted, mended.refused) == (1, 1)  # the 28th of February is before the disbursement
    assert "desembolso" in mended.errors[0]["message"]
    check(loan)


def test_rows_without_a_reference_are_known_by_what_they_say(loan, cashier):
    text = f"{loan.number};02/04/2026;100;\n{loan.number};02/04/2026;100;\n"
    assert send(cashier, text).posted == 2
    assert send(cashier, text + f"{loan.number};04/04/2026;10;\n").posted == 1
    assert Repayment.objects.count() == 3


def test_a_refused_row_leaves_nothing(loan, cashier):
    file = send(cashier, f"{loan.number};02/04/2026;99999;A-1\n{loan.number};02/04/2026;10;A-2\n")
    assert (file.posted, file.refused) == (1, 1)
    assert [row.external_ref for row in Repayment.objects.all()] == ["A-2"]
    check(loan)


def test_a_spreadsheet_works_as_well(loan, cashier):
    book, file = Workbook(), io.BytesIO()
    for row in (("CREDITO", "Fecha", "Monto", "Referencia"), (loan.number, datetime(2026, 4, 2), 100.5, 771),
                (loan.number, date(2026, 4, 3), 20, "B"), (loan.number, date(2026, 4, 3), 0.001, "C")):  # fmt: skip
        book.active.append(row)
    book.save(file)
    result = send(cashier, file.getvalue(), "pagos.xlsx")
    assert (result.posted, result.refused, result.amount) == (2, 1, Decimal("120.50"))


@pytest.mark.parametrize(
    ("name", "content"),
    [("pagos.csv", b""), ("pagos.csv", b"a;b\n1;2\n"), ("pagos.xlsx", b"no es un libro"), ("pagos.csv", b"\x00\x01")],
)
def test_what_is_no_such_table_is_refused(institution, cashier, name, content):
    with pytest.raises(InvalidInput) as refusal:
        send(cashier, content, name)
    assert list(refusal.value.fields) == ["file"]


def test_only_cashiers_import(institution, officer, cashier):
    with pytest.raises(NotAllowed):
        send(officer, "")
    with pytest.raises(InvalidInput) as refusal:
        send(cashier, "1;02/04/2026;1;A\n", provider=" ")
    assert list(refusal.value.fields) == ["provider"]


def test_one_row_twice_in_a_file_is_one_payment_and_counted_once(loan, cashier):
    row = f"{loan.number};02/04/2026;10;C-1\n"
    file = send(cashier, row + row)
    assert (file.rows, file.posted, file.amount, file.errors) == (2, 1, Decimal(10), [])
    assert Repayment.objects.get(external_ref="C-1").amount == 10
    changed = send(cashier, row + f"{loan.number};02/04/2026;11;C-1\n")
    assert (changed.posted, changed.refused, changed.errors[0]["line"]) == (0, 1, 3)
    check(loan)


@pytest.mark.parametrize("code", ["ABC2024-{}", "99{:08d}", "{}.5", "x{}y"])
def test_a_number_of_something_else_is_no_loan_of_ours(loan, cashier, code):
    """Whose last digits happen to be a loan's: the money would go to somebody else."""
    file = send(cashier, f"{code.format(loan.number)};02/04/2026;10;D-1\n")
    assert (file.posted, [error["field"] for error in file.errors]) == (0, ["loan"])
    assert not Repayment.objects.exists()


@pytest.mark.parametrize("text", [
    "credito,fecha,monto,referencia\n{},02/04/2026,1,500.00,A-1\n",  # 1,500.00 without its quotes
    "credito,fecha,monto,importe,referencia\n{},02/04/2026,1500,0,A-1\n",
])  # fmt: skip
def test_cells_that_moved_are_not_taken_for_money(loan, cashier, text):
    with pytest.raises(InvalidInput) as refused:
        send(cashier, text.format(loan.number).encode())
    assert refused.value.fields["file"]
    assert not Repayment.objects.exists()


def test_days_out_of_order_are_posted_in_theirs(loan, cashier):
    send(cashier, f"{loan.number};06/04/2026;30;F-2\n{loan.number};05/04/2026;20;F-1\n")
    posted = Repayment.objects.order_by("number").values_list("external_ref", flat=True)
    assert list(posted) == ["F-1", "F-2"]
    check(loan)


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"])
def test_a_broken_workbook_is_refused_in_words(institution, cashier, part):
    with pytest.raises(InvalidInput) as refused:
        send(cashier, changed(part, b"<a"), name="pagos.xlsx")
    assert refused.value.fields["file"] == ["El archivo no se puede abrir: guárdalo otra vez como XLSX."]


def test_a_bomb_is_not_unpacked(institution, cashier, monkeypatch):
    monkeypatch.setattr(sheets, "LARGEST_UNPACKED", 1 << 20)
    monkeypatch.setattr(sheets, "load_workbook", lambda *args, **options: pytest.fail("it was unpacked"))
    with pytest.raises(InvalidInput):
        send(cashier, changed("xl/styles.xml", b" " * (2 << 20)), name="pagos.xlsx")
