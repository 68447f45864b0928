"""Importing a book against COPY of the same rows into the same tables, and against bulk_create, in one run.

`manage.py benchmark importing --size ROWS` calls `run`. The limit copies, in one transaction, exactly the rows that the
import wrote, from a file made beforehand, into the same tables with the same constraints and indexes; rows of the file
count, not rows written. bulk_create is measured on a sample of the installments.
"""

import csv
import io
import statistics
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from django.db import connection, connections, transaction

from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Institution
from accounts.services.institutions import create_institution
from accounts.tenancy.scope import institution_scope
from benchmarks.machine import comparable, measured, peak_megabytes
from lending.models import Installment, Product
from lending.portfolio_files import TABLES
from lending.schedules import LoanTerms, build_schedule
from lending.services.importing import import_portfolio

SYSTEM = Actor.system("benchmark")
WRITTEN: Final = ("applicant", "loan", "disbursement", "installment", "repayment", "allocation")
PAYMENTS: Final = 11  # a loan, of 18 installments
SAMPLE: Final = 20_000


class _Undo(Exception):
    """Ends a measured transaction."""


def run(rows: int = 100_000, rounds: int = 3) -> dict[str, Any]:
    """Rows of the file a second on each side, their ratios, and the machine beside each."""
    institution = create_institution(
        actor=SYSTEM,
        slug="medida-importar",
        name="Medida",
        legal_name="Medida importar",
        kind="edpyme",
        is_fictional=True,
    )
    on = today() - timedelta(days=1)
    with institution_scope(institution.pk):
        Product.objects.get_or_create(code="capital", defaults={"name": "Capital", "segment": "enterprise"})
    sides: dict[str, list[dict[str, Any]]] = {"import": [], "copy": [], "bulk_create": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cartera.csv"
        count = _write(path, rows, on)
        copied: dict[str, bytes] = {}

        def bring_in() -> None:
            import_portfolio(source=path, actor=SYSTEM, on=on)

        _undone(institution, lambda: (bring_in(), copied.update(_copied_out(institution))))
        for _turn in range(rounds):
            sides["import"].append(measured(lambda: _undone(institution, bring_in)))
            sides["copy"].append(measured(lambda: _copy_in(copied)))
            sides["bulk_create"].append(measured(lambda: _bulk(institution, on)))
    seconds = {name: statistics.median(one["seconds"] for one in found) for name, found in sides.items()}
    written = sum(part.count(b"\n") for part in copied.values())
    per_second = {"import": count / seconds["import"], "copy": count / seconds["copy"]}
    bulk_rows = SAMPLE / seconds["bulk_create"]
    return {
        "rows": count,
        "rows_written": written,
        "voided": sum(not comparable(a, b) for a, b in zip(sides["import"], sides["copy"], strict=True)),
        "file_rows_per_second": {name: round(value) for name, value in per_second.items()},
        "written_rows_per_second": {
            "import": round(written / seconds["import"]), "copy": round(written / seconds["copy"]),
            "bulk_create": round(bulk_rows),
        },
        "ratios": {
            "import_over_copy": round(seconds["copy"] / seconds["import"], 3),
            "import_over_bulk_create": round(written / seconds["import"] / bulk_rows, 2),
        },
        "runs": sides,
        "peak_megabytes": peak_megabytes(),
    }  # fmt: skip


def _write(path: Path, rows: int, on: date) -> int:
    """A file of about so many rows: people, their loans of 18 months, and what they paid, one in five a week late."""
    loans = max(1, rows // (PAYMENTS + 2))
    headings = ["tabla", *dict.fromkeys(column for columns in TABLES.values() for column in columns)]
    paid_out = on - timedelta(days=30 * PAYMENTS + 20)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, headings, restval="")
        writer.writeheader()
        for n in range(loans):
            person = {"documento_tipo": "dni", "documento": _document(n), "nombres": f"Persona {n}"}
            writer.writerow({"tabla": "clientes", **person, "nacimiento": "1988-05-23", "celular": f"9{n:08d}"})
        for n in range(loans):
            writer.writerow({"tabla": "creditos", **_loan(n, paid_out)})
        for n in range(loans):
            loan, late = _loan(n, paid_out), 7 if n % 5 == 0 else 0
            terms = LoanTerms(
                principal=Decimal(loan["monto"]), annual_rate=Decimal(loan["tea"]) / 100, installments=18,
                disbursed_on=paid_out,
            )  # fmt: skip
            for row in build_schedule(terms).rows[: PAYMENTS - bool(late)]:
                paid = {"credito": loan["credito"], "referencia": f"R-{n}-{row.n}", "monto": str(row.total)}
                writer.writerow({"tabla": "pagos", **paid, "fecha": (row.due_on + timedelta(days=late)).isoformat()})
    with path.open("rb") as lines:
        return sum(1 for _line in lines) - 1


def _document(n: int) -> str:
    return f"{20_000_000 + n:08d}"


def _loan(n: int, paid_out: date) -> dict[str, str]:
    return {
        "credito": f"C-{n}", "documento": _document(n), "producto": "capital", "monto": f"{1000 + n % 90 * 100}.00",
        "tea": f"{35 + n % 400 / 10:.1f}", "tasa_moratoria": "12", "cuotas": "18", "desembolso": paid_out.isoformat(),
        "agencia": f"Agencia {n % 20}",
    }  # fmt: skip


def _undone(institution: Institution, act: Any) -> None:
    """`act` in a transaction that is rolled back when it has done all its work but the commit."""
    try:
        with institution_scope(institution.pk), transaction.atomic():
            act()
            raise _Undo
    except _Undo:
        pass


def _copied_out(institution: Institution) -> dict[str, bytes]:
    """The rows the import wrote, as COPY writes them; as the serving role, in the same transaction."""
    found = {}
    with connection.cursor() as cursor:
        for table in WRITTEN:
            file, select = io.BytesIO(), f"SELECT * FROM lending_{table} WHERE institution_id = {institution.pk}"  # noqa: S608
            cursor.copy_expert(f"COPY ({select}) TO STDOUT", file)
            found[table] = file.getvalue()
    return found


def _copy_in(copied: dict[str, bytes]) -> None:
    """COPY is refused under row-level security: the limit is copied as owner, with the policies off for it."""
    owner = connections["owner"]
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        for table in WRITTEN:
            cursor.execute(f"ALTER TABLE lending_{table} NO FORCE ROW LEVEL SECURITY")
            cursor.copy_expert(f"COPY lending_{table} FROM STDIN", io.BytesIO(copied[table]), 1 << 20)
        transaction.set_rollback(True, using="owner")


def _bulk(institution: Institution, on: Any) -> None:
    """A sample of installments by bulk_create, on a loan of its own, undone."""

    _undone(institution, lambda: Installment.objects.bulk_create(_sample_lines(institution, on), batch_size=2_000))


def _sample_lines(institution: Institution, on: Any) -> Iterator[Installment]:
    from lending.tests.book import make_loan

    product = Product.objects.get(code="capital")
    loan = make_loan(institution, product, on=on)
    return (
        Installment(
            institution_id=institution.pk, loan_id=loan.pk, place=n + 1, n=n + 1, due_on=on, days=30, principal=100,
            interest=10, outstanding=0,
        )
        for n in range(SAMPLE)
    )  # fmt: skip
