"""An existing book comes in whole or not at all, and lives on as if it had always been here."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from openpyxl import Workbook

from accounts.actors import Actor
from accounts.clock import today
from accounts.crypto import decrypt, lookup_hash
from accounts.errors import InvalidInput, NotAllowed
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope
from lending.ledger import ACCRUED, ADVANCES, OPENING, PRINCIPAL
from lending.models import (
    Allocation,
    Applicant,
    Installment,
    LedgerEntry,
    Loan,
    PortfolioImport,
    Product,
    Repayment,
)
from lending.money import ZERO
from lending.portfolio_files import TABLES, UnreadableFile, read_file, write_template
from lending.selectors.ledger import disagreements
from lending.selectors.loans import facts_of
from lending.selectors.risk import states_on
from lending.services.closing import close_day
from lending.services.importing import ImportRefused, import_portfolio, import_waiting, upload_portfolio
from lending.services.repayments import pay_off_loan

SYSTEM = Actor.system("tests")
ON = date(2026, 11, 20)
PEOPLE = [
    {"documento_tipo": "dni", "documento": "41238765", "nombres": "Rosa Quispe", "nacimiento": "1988-05-23",
     "celular": "987654321", "departamento": "8"},
    {"documento_tipo": "dni", "documento": "41238766", "nombres": "Juan Mamani", "nacimiento": "23/05/1980"},
]  # fmt: skip
LOAN = {"documento": "41238765", "producto": "capital", "monto": "1200.00", "tea": "45", "tasa_moratoria": "12",
        "cuotas": "6", "desembolso": "2026-06-10", "agencia": "Sicuani"}  # fmt: skip


@pytest.fixture
def product(institution):
    with institution_scope(institution.pk):
        return Product.objects.create(code="capital", name="Capital", segment="enterprise")


def a_file(folder, people=None, loans=(), paid=(), name="cartera.csv", plans=()):
    """A CSV of the template with these lines."""
    headings = ["tabla", *dict.fromkeys(column for columns in TABLES.values() for column in columns)]
    path = Path(folder) / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, headings, restval="")
        writer.writeheader()
        people = PEOPLE if people is None else people
        for table, lines in (("clientes", people), ("creditos", loans), ("pagos", paid), ("cronograma", plans)):
            writer.writerows({"tabla": table, **line} for line in lines)
    return path


def good_file(folder, name="cartera.csv"):
    loans = [{**LOAN, "credito": "A-1"}, {**LOAN, "credito": "A-2", "documento": "41238766", "seguro_mensual": "0.075"}]
    paid = [
        {"credito": "A-1", "referencia": f"R-{n}", "fecha": f"2026-{n + 6:02d}-10", "monto": "222.00"}
        for n in range(1, 5)
    ]
    paid.append({"credito": "A-2", "referencia": "R-9", "fecha": "15/08/2026", "monto": "300.50"})
    return a_file(folder, loans=loans, paid=paid, name=name)


OLD = {**LOAN, "credito": "C-1", "cuotas": "3", "monto": "1000.00"}
OLD_PLAN = [  # by the old system's months of thirty days, with a commission
    {"credito": "C-1", "cuota": str(n), "vence": f"2026-{n + 6:02d}-10", "capital": capital, "interes": interest,
     "seguro": "0.75", "comision": "2.00"}
    for n, capital, interest in ((1, "322.10", "31.45"), (2, "332.00", "21.32"), (3, "345.90", "10.88"))
]  # fmt: skip


def old_file(folder):
    """A loan with the installments of the old system, paid late in part, beside others without."""
    loans = [{**LOAN, "credito": "A-1"}, OLD, {**LOAN, "credito": "D-1", "documento": "41238766"}]
    paid = [
        {"credito": "C-1", "referencia": "R-1", "fecha": "2026-07-10", "monto": "356.30"},
        {"credito": "C-1", "referencia": "R-2", "fecha": "2026-08-25", "monto": "200.00"},
    ]
    return a_file(folder, loans=loans, paid=paid, plans=OLD_PLAN)


def odd_file(folder):
    """Loans that are worked out one by one, beside one that is not."""
    loans = [
        {**LOAN, "credito": "B-1", "primera_cuota": "2026-07-25"},
        {**LOAN, "credito": "B-2", "primera_cuota": "2026-07-25", "seguro_mensual": "0.075"},
        {**LOAN, "credito": "B-3", "monto": "60000000.00"},
        {**LOAN, "credito": "B-4", "monto": "0.05", "tea": "0"},
    ]
    paid = [
        {"credito": code, "referencia": f"{code}-{n}", "fecha": f"2026-{n + 7:02d}-28", "monto": "250.40"}
        for code in ("B-1", "B-2", "B-3")
        for n in (1, 2)
    ]
    return a_file(folder, loans=loans, paid=paid)


def bring_in(institution, path, actor=SYSTEM, on=ON):
    with institution_scope(institution.pk):
        return import_portfolio(source=path, actor=actor, on=on)


@pytest.mark.parametrize(
    ("make", "counts"), [(good_file, (9, 2, 2, 5)), (odd_file, (12, 2, 4, 6)), (old_file, (10, 2, 3, 2))]
)
def test_every_imported_loan_is_what_a_replay_of_its_payments_gives(institution, product, tmp_path, make, counts):
    found = bring_in(institution, make(tmp_path))
    assert (found.rows, found.applicants, found.loans, found.repayments) == counts
    with institution_scope(institution.pk):
        assert disagreements() == []
        for loan in Loan.objects.all():
            state = facts_of(loan).state(ON)
            assert (loan.principal_outstanding, loan.next_due_on, loan.advance) == (
                state.principal, state.next_due_on, state.advance
            )  # fmt: skip
            first = state.lines[0]
            assert loan.installment == (state.installment or first.total - first.moratory)
            stored = Installment.objects.filter(loan=loan).order_by("place")
            assert len(stored) == len(state.lines) == loan.installments
            for row, line in zip(stored, state.lines, strict=True):
                for name in (
                    "due_on", "days", "principal", "interest", "insurance", "fees", "paid_principal", "paid_interest",
                    "earned",
                    "paid_moratory", "moratory", "moratory_through", "settled_on", "outstanding",
                ):  # fmt: skip
                    assert getattr(row, name) == getattr(line, name), name
            for repayment, payment in zip(
                Repayment.objects.filter(loan=loan).order_by("on"), state.payments, strict=True
            ):
                parts = dict(Allocation.objects.filter(repayment=repayment).values_list("part", "amount"))
                assert parts.get("principal", ZERO) == payment.principal
                assert sum(parts.values()) == repayment.amount


def test_late_money_pays_moratory_interest_and_insurance_is_its_percent_of_the_balance(institution, product, tmp_path):
    bring_in(institution, good_file(tmp_path))
    with institution_scope(institution.pk):
        late = Loan.objects.get(external_ref="A-2")
        assert late.next_due_on == date(2026, 8, 10)
        first = Installment.objects.get(loan=late, place=0)
        assert first.insurance == Decimal("0.90")  # 0.075 % of S/ 1,200
        assert first.paid_moratory > 0


def test_documents_are_sealed_and_hashed_as_anybody_elses(institution, product, tmp_path):
    bring_in(institution, good_file(tmp_path))
    with institution_scope(institution.pk):
        person = Applicant.objects.get(full_name="Rosa Quispe")
        assert (person.document_number, person.phone, person.region) == ("41238765", "+51987654321", "08")
        with connection.cursor() as cursor:
            cursor.execute("SELECT document_number FROM lending_applicant WHERE id = %s", [person.pk])
            sealed = cursor.fetchone()[0]
        assert "41238765" not in sealed
        assert decrypt(sealed.encode()) == b"41238765"
        assert person.document_hash == lookup_hash(institution.uuid, "document:dni", "41238765")


def test_the_books_open_with_what_the_loans_owe_and_the_close_agrees(institution, product, tmp_path):
    bring_in(institution, good_file(tmp_path), on=today() - timedelta(days=1))
    with institution_scope(institution.pk):
        assert disagreements() == []
        owed = Loan.objects.aggregate(sum=Sum("principal_outstanding"))["sum"]
        sums = dict(LedgerEntry.objects.values_list("account").annotate(sum=Sum("amount")))
        assert sum(sums.get(account, ZERO) for account in PRINCIPAL) == owed
        assert sums[OPENING] == -(owed + sums[ACCRUED] + sums.get(ADVANCES, ZERO))
    before = sums[ACCRUED]
    close_day(institution_id=institution.pk, actor=SYSTEM, on=today() - timedelta(days=1))
    with institution_scope(institution.pk):
        receivable = states_on(today() - timedelta(days=1)).aggregate(sum=Sum("receivable"))["sum"]
        assert receivable == before  # the close finds the interest that the import opened with
        assert disagreements() == []


def test_the_same_file_twice_changes_nothing(institution, product, tmp_path):
    path = good_file(tmp_path)
    first = bring_in(institution, path)
    with institution_scope(institution.pk):
        before = AuditEntry.objects.count(), LedgerEntry.objects.count()
    second = bring_in(institution, path)
    assert second.already
    assert (second.loans, second.repayments) == (first.loans, first.repayments)
    with institution_scope(institution.pk):
        assert Loan.objects.count() == 2
        assert (AuditEntry.objects.count(), LedgerEntry.objects.count()) == before


def test_every_wrong_cell_is_reported_with_its_row_and_nothing_comes_in(institution, product, tmp_path):
    people = [*PEOPLE, {**PEOPLE[0]}, {"documento": "12", "nombres": "", "nacimiento": "2020-01-01", "celular": "12"}]
    loans = [
        {**LOAN, "credito": "A-1"},
        {**LOAN, "credito": "A-1", "monto": "12,5"},
        {**LOAN, "credito": "A-3", "documento": "99999999", "producto": "otro", "tea": "x", "cuotas": "0"},
        {**LOAN, "credito": "A-4", "desembolso": "2026-02-30", "tipo_credito": "99"},
    ]
    paid = [
        {"credito": "A-9", "referencia": "R-1", "fecha": "2026-07-10", "monto": "10"},
        {"credito": "A-1", "referencia": "R-1", "fecha": "2026-01-10", "monto": "-5"},
    ]
    with pytest.raises(ImportRefused) as refused:
        bring_in(institution, a_file(tmp_path, people, loans, paid))
    found = {(error.table, error.row, error.column) for error in refused.value.errors}
    assert found >= {
        ("clientes", 4, "documento"), ("clientes", 5, "documento"), ("clientes", 5, "nombres"),
        ("clientes", 5, "nacimiento"), ("clientes", 5, "celular"),
        ("creditos", 7, "credito"), ("creditos", 7, "monto"), ("creditos", 8, "documento"), ("creditos", 8, "producto"),
        ("creditos", 8, "tea"), ("creditos", 8, "cuotas"), ("creditos", 9, "desembolso"),
        ("creditos", 9, "tipo_credito"), ("pagos", 10, "credito"), ("pagos", 11, "referencia"), ("pagos", 11, "fecha"),
        ("pagos", 11, "monto"),
    }  # fmt: skip
    assert ("clientes", 2, "documento") not in found
    assert len(refused.value.errors) == len(found)  # no cell twice
    assert all(error.message for error in refused.value.errors)
    with institution_scope(institution.pk):
        assert Applicant.objects.count() == Loan.objects.count() == LedgerEntry.objects.count() == 0


def test_a_balance_that_the_payments_do_not_give_is_named_with_the_right_one(institution, product, tmp_path):
    path = a_file(tmp_path, loans=[{**LOAN, "credito": "A-1", "saldo": "1100.00"}])
    with pytest.raises(ImportRefused) as refused:
        bring_in(institution, path)
    [error] = refused.value.errors
    assert (error.table, error.row, error.column) == ("creditos", 4, "saldo")
    assert "S/ 1,200.00" in error.message


def test_loans_that_are_known_already_are_refused(institution, product, tmp_path):
    bring_in(institution, good_file(tmp_path))
    path = a_file(tmp_path, loans=[{**LOAN, "credito": "A-1"}], name="otra.csv")
    with pytest.raises(ImportRefused) as refused:
        bring_in(institution, path)
    assert [(error.row, error.column) for error in refused.value.errors] == [(4, "credito")]


@pytest.mark.parametrize("name", ["plantilla.csv", "plantilla.xlsx"])
def test_the_template_can_be_written_and_comes_in(institution, tmp_path, name):
    with institution_scope(institution.pk):
        Product.objects.create(code="capital-de-trabajo", name="Capital de trabajo", segment="enterprise")
    path = tmp_path / name
    with path.open("wb") as file:
        write_template(file, name)
    sheets = read_file(path, name)
    assert {table: len(sheet) for table, sheet in sheets.items()} == {
        "clientes": 1, "creditos": 2, "pagos": 2, "cronograma": 2,
    }  # fmt: skip
    with pytest.raises(ImportRefused) as refused:  # the example's balance is only an example
        bring_in(institution, path)
    assert [(error.table, error.column) for error in refused.value.errors] == [("creditos", "saldo")]


def test_lines_may_come_in_any_order(tmp_path):
    path = good_file(tmp_path)
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head, *lines[::2], *lines[1::2]]) + "\n")
    sheets = read_file(path, path.name)
    codes = dict(zip(sheets["pagos"].rows.tolist(), sheets["pagos"].texts("referencia"), strict=True))
    assert codes == {4: "R-1", 5: "R-3", 6: "R-9", 9: "R-2", 10: "R-4"}


def test_a_file_of_something_else_is_explained(tmp_path):
    path = tmp_path / "otra.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UnreadableFile, match="columna"):
        read_file(path, path.name)
    (tmp_path / "roto.xlsx").write_bytes(b"nada")
    with pytest.raises(UnreadableFile):
        read_file(tmp_path / "roto.xlsx", "roto.xlsx")


def test_an_uploaded_file_is_sealed_worked_by_a_task_and_forgotten(institution, product, manager, cashier, tmp_path):
    content = good_file(tmp_path).read_bytes()
    with institution_scope(institution.pk):
        with pytest.raises(NotAllowed):
            upload_portfolio(upload=SimpleUploadedFile("c.csv", content), actor=cashier, on=ON)
        with pytest.raises(InvalidInput):
            upload_portfolio(upload=SimpleUploadedFile("c.pdf", content), actor=manager, on=ON)
        row = upload_portfolio(upload=SimpleUploadedFile("c.csv", content), actor=manager, on=ON)
        assert upload_portfolio(upload=SimpleUploadedFile("d.csv", content), actor=manager, on=ON).pk == row.pk
    assert import_waiting(institution.pk) == 1
    with institution_scope(institution.pk):
        row = PortfolioImport.objects.get()
        assert (row.status, row.loans, row.stored_name) == ("done", 2, "")
    assert import_waiting(institution.pk) == 0
    bad = a_file(tmp_path, loans=[{**LOAN, "credito": "B-1", "tea": "x"}], name="mala.csv").read_bytes()
    with institution_scope(institution.pk):
        upload_portfolio(upload=SimpleUploadedFile("mala.csv", bad), actor=manager, on=ON)
    import_waiting(institution.pk)
    with institution_scope(institution.pk):
        row = PortfolioImport.objects.get(name="mala.csv")
        assert (row.status, row.error_count, row.errors[0][:3]) == ("failed", 1, ["creditos", 4, "tea"])


def test_the_command_reports_cells_and_imports(institution, product, tmp_path):
    out, err = io.StringIO(), io.StringIO()
    bad = a_file(tmp_path, loans=[{**LOAN, "credito": "B-1", "tea": "x"}], name="mala.csv")
    with pytest.raises(CommandError, match="1 cells"):
        call_command("import_portfolio", str(bad), institution=institution.slug, stdout=out, stderr=err)
    assert "creditos, row 4, tea" in err.getvalue()
    call_command(
        "import_portfolio", str(good_file(tmp_path)), institution=institution.slug, date=ON, as_json=True, stdout=out
    )
    assert '"loans": 2' in out.getvalue()
    with institution_scope(institution.pk):
        assert Loan.objects.get(external_ref="A-1").principal == Decimal(1200)


def test_the_installments_of_the_old_system_stand_and_are_serviced_as_given(institution, product, cashier, tmp_path):
    bring_in(institution, old_file(tmp_path), on=today() - timedelta(days=1))
    with institution_scope(institution.pk):
        loan = Loan.objects.get(external_ref="C-1")
        lines = list(Installment.objects.filter(loan=loan).order_by("place"))
        assert [str(line.interest) for line in lines] == ["31.45", "21.32", "10.88"]
        assert [str(line.fees) for line in lines] == ["2.00"] * 3
        assert lines[1].paid_fees == Decimal("2.00")
        owed = loan.principal_outstanding
        assert owed == sum(line.principal - line.paid_principal for line in lines)
        assert AuditEntry.objects.filter(event="lending.portfolio.imported").count() == 1
    close_day(institution_id=institution.pk, actor=SYSTEM, on=today() - timedelta(days=1))
    with institution_scope(institution.pk):
        assert disagreements() == []
        payoff = facts_of(loan).state(today()).payoff
        assert (payoff.principal, payoff.fees) == (owed, Decimal("2.00"))
        assert payoff.interest == Decimal("10.88")  # all of it has fallen due
        pay_off_loan(loan_id=loan.pk, amount=payoff.total, actor=cashier)
        loan.refresh_from_db()
        assert (loan.status, loan.principal_outstanding) == ("paid", ZERO)
        assert disagreements() == []


def test_an_old_plan_is_paid_off_early_with_its_own_interest_to_the_day(institution, product, cashier, tmp_path):
    on = today() - timedelta(days=1)
    first = today() + timedelta(days=15)
    out = first - timedelta(days=30)
    plan = [
        {"credito": "C-1", "cuota": str(n + 1), "vence": str(first + timedelta(days=31 * n)), "capital": "500.00",
         "interes": interest}
        for n, interest in enumerate(("30.00", "14.90"))
    ]  # fmt: skip
    loans = [{**OLD, "cuotas": "2", "desembolso": str(out)}]
    bring_in(institution, a_file(tmp_path, loans=loans, plans=plan), on=on)
    close_day(institution_id=institution.pk, actor=SYSTEM, on=on)
    with institution_scope(institution.pk):
        loan = Loan.objects.get(external_ref="C-1")
        payoff = facts_of(loan).state(today()).payoff
        assert payoff.principal == 1000
        assert payoff.interest == Decimal("14.89")  # half of the days at 3 %: 1000 x (1.03^0.5 - 1)
        pay_off_loan(loan_id=loan.pk, actor=cashier)
        loan.refresh_from_db()
        assert loan.status == "paid"
        assert disagreements() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({0: {"capital": "322.11"}}, ("cronograma", 6, "capital")),
        ({1: {"vence": "2026-07-10"}}, ("cronograma", 5, "vence")),
        ({0: {"vence": "2026-06-10"}}, ("cronograma", 4, "vence")),
        ({1: {"cuota": "4"}}, ("cronograma", 5, "cuota")),
        ({1: {"cuota": "1"}}, ("cronograma", 5, "cuota")),
        ({2: {"cuota": "5"}}, ("cronograma", 6, "cuota")),
        ({0: {"credito": "X-1"}}, ("cronograma", 4, "credito")),
        ({0: {"interes": "1,5"}}, ("cronograma", 4, "interes")),
        ({0: {"capital": "1000.00"}, 1: {"capital": "0"}, 2: {"capital": "0"}}, ("cronograma", 5, "interes")),
    ],
)
@pytest.mark.parametrize("name", ["cartera.csv", "cartera.xlsx"])
def test_installments_that_do_not_go_together_are_named_cell_by_cell(
    institution, product, tmp_path, changes, expected, name
):
    plans = [{**line, **changes.get(place, {})} for place, line in enumerate(OLD_PLAN)]
    if name.endswith("xlsx"):
        path, expected = a_workbook(tmp_path, plans), (expected[0], expected[1] - 2, expected[2])
    else:
        path = a_file(tmp_path, people=PEOPLE[:1], loans=[OLD], plans=plans)
    with pytest.raises(ImportRefused) as refused:
        bring_in(institution, path)
    found = [(error.table, error.row, error.column) for error in refused.value.errors]
    assert expected in found
    assert all(error.message for error in refused.value.errors)
    with institution_scope(institution.pk):
        assert not Loan.objects.exists()


def a_workbook(folder, plans):
    """The old loan in a workbook."""
    book, path = Workbook(write_only=True), Path(folder) / "cartera.xlsx"
    for table, lines in (("clientes", PEOPLE[:1]), ("creditos", [OLD]), ("pagos", []), ("cronograma", plans)):
        sheet = book.create_sheet(table)
        sheet.append(list(TABLES[table]))
        for line in lines:
            sheet.append([line.get(column) for column in TABLES[table]])
    book.save(path)
    return path


def test_a_workbook_brings_the_old_installments_too(institution, product, tmp_path):
    bring_in(institution, a_workbook(tmp_path, OLD_PLAN))
    with institution_scope(institution.pk):
        lines = [str(line.total - line.moratory) for line in Installment.objects.order_by("place")]
        assert lines == ["356.30", "356.07", "359.53"]


def test_a_wrong_cell_does_not_hide_another_loans_installments(institution, product, tmp_path):
    other = [{**line, "credito": "C-2"} for line in OLD_PLAN[:2]]
    plans = [{**OLD_PLAN[0], "interes": "x"}, *OLD_PLAN[1:], *other]
    path = a_file(tmp_path, loans=[OLD, {**OLD, "credito": "C-2"}], plans=plans)
    with pytest.raises(ImportRefused) as refused:
        bring_in(institution, path)
    found = [(error.table, error.row, error.column) for error in refused.value.errors]
    assert found == [("cronograma", 6, "interes"), ("cronograma", 10, "cuota"), ("cronograma", 10, "capital")]


def test_payments_above_what_the_old_installments_ask_are_named(institution, product, tmp_path):
    paid = [{"credito": "C-1", "referencia": "R-1", "fecha": "2026-07-10", "monto": "1100.00"}]
    with pytest.raises(ImportRefused) as refused:
        bring_in(institution, a_file(tmp_path, loans=[OLD], paid=paid, plans=OLD_PLAN))
    [error] = refused.value.errors
    assert (error.table, error.row, error.column) == ("pagos", 5, "monto")
    assert "S/ 28.10" in error.message


def test_the_same_installments_twice_and_in_another_institution(institution, other_institution, product, tmp_path):
    path = old_file(tmp_path)
    bring_in(institution, path)
    assert bring_in(institution, path).already
    with institution_scope(institution.pk):
        count = Installment.objects.count()
    with institution_scope(other_institution.pk):
        Product.objects.create(code="capital", name="Capital", segment="enterprise")
    bring_in(other_institution, path)
    with institution_scope(institution.pk):
        assert Installment.objects.count() == count
    with institution_scope(other_institution.pk):
        assert Installment.objects.filter(loan__external_ref="C-1").count() == 3
