"""Importing a book against COPY of the same rows into the same tables, and against bulk_create, in one run.

`manage.py benchmark importing --size ROWS` calls `run`, in a database of its own. The limit copies exactly the rows
that the import wrote, from files made beforehand, into the same tables with the same constraints and indexes; it runs
as owner with the policies off, because COPY is refused under row-level security. bulk_create makes the same model
rows of a sample of loans, in batches. Every side runs in one transaction that checks its deferred constraints, as a
commit would, and is then undone.

Ratios are of the clock and of the processor (this process and its backend: steadier on a busy machine).
`moves_alone` are the import's INSERT … SELECT statements and the deferred constraints: what would be left if reading,
checking, working out and sending cost nothing. `copy_over_bulk_create` is the most that an import as fast as COPY
could gain on bulk_create.
"""

import csv
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
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
from benchmarks.scratch import scratch_database
from lending.models import Allocation, Applicant, Disbursement, Installment, Loan, LoanChange, Product, Repayment
from lending.portfolio_files import TABLES
from lending.schedules import LoanTerms, build_schedule
from lending.services.importing import import_portfolio

SYSTEM = Actor.system("benchmark")
WRITTEN: Final[tuple[tuple[Any, str], ...]] = (  # and the loans that a row belongs to
    (Applicant, "loans"), (Loan, "pk"), (Disbursement, "loan"), (Installment, "loan"), (Repayment, "loan"),
    (Allocation, "repayment__loan"),
)  # fmt: skip
PAYMENTS: Final = 11  # a loan, of 18 installments
SAMPLE: Final = 500  # loans by bulk_create
BATCH: Final = 2_000
CHECKED: Final = "SET CONSTRAINTS ALL IMMEDIATE"


class _Undo(Exception):
    """Ends a measured transaction."""


def run(rows: int = 100_000, rounds: int = 3) -> dict[str, Any]:
    """Rows of the file a second on each side, their ratios, and the machine beside each."""
    with scratch_database():
        return _measure(rows, rounds)


def _measure(rows: int, rounds: int) -> dict[str, Any]:
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
    moves: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cartera.csv"
        count = _write(path, rows, on)
        sample: list[tuple[Any, list[dict[str, Any]]]] = []
        written = 0

        def bring_in() -> None:
            with connection.execute_wrapper(_timed(moves)), connection.cursor() as cursor:
                import_portfolio(source=path, actor=SYSTEM, on=on)
                cursor.execute(CHECKED)

        def first_time() -> None:
            nonlocal written
            bring_in()
            written = _copied_out(institution, Path(folder))
            sample.extend(_sample())

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        _undone(institution, first_time)
        peak = {"before": before // 1024, "import": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
        moves.clear()
        for _turn in range(rounds):
            sides["import"].append(_both(lambda: _undone(institution, bring_in), "default"))
            sides["copy"].append(_both(lambda: _copy_in(Path(folder)), "owner"))
            sides["bulk_create"].append(_both(lambda: _undone(institution, lambda: _bulk(sample)), "default"))
    sampled = sum(len(values) for _model, values in sample)
    moving = statistics.median(sum(one.values()) for one in moves)
    seconds, processor = (
        {name: statistics.median(one[clock] for one in found) for name, found in sides.items()}
        for clock in ("seconds", "processor")
    )
    for medians in (seconds, processor):
        medians["bulk_create"] *= written / sampled
    return {
        "rows": count,
        "rows_written": written,
        "voided": sum(not comparable(a, b) for a, b in zip(sides["import"], sides["copy"], strict=True)),
        "file_rows_per_second": {name: round(count / value) for name, value in seconds.items()},
        "written_rows_per_second": {name: round(written / value) for name, value in seconds.items()},
        "ratios": _ratios(seconds) | {"moves_alone_over_copy": round(seconds["copy"] / moving, 3)},
        "ratios_of_processor": _ratios(processor),
        "moves_seconds": moves,
        "sampled_rows": sampled,
        "runs": sides,
        "peak_megabytes": peak_megabytes() | peak,
    }  # fmt: skip


def _ratios(medians: dict[str, float]) -> dict[str, float]:
    return {
        "import_over_copy": round(medians["copy"] / medians["import"], 3),
        "import_over_bulk_create": round(medians["bulk_create"] / medians["import"], 2),
        "copy_over_bulk_create": round(medians["bulk_create"] / medians["copy"], 2),
    }


def _both(act: Callable[[], None], alias: str) -> dict[str, Any]:
    """`measured` on empty tables, with the processor seconds of this process and of its backend together."""
    _emptied()
    connections[alias].ensure_connection()
    used = time.process_time()
    found = measured(act, backend=connections[alias].connection.info.backend_pid)
    return found | {"processor": round(found["processor"] + time.process_time() - used, 2)}


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


def _undone(institution: Institution, act: Callable[[], None]) -> None:
    """`act` in a transaction that is rolled back when it has done all its work and been checked as by a commit."""
    try:
        with institution_scope(institution.pk), transaction.atomic():
            act()
            with connection.cursor() as cursor:
                cursor.execute(CHECKED)
            raise _Undo
    except _Undo:
        pass


def _emptied() -> None:
    """What was rolled back leaves dead rows, which would slow the next side down: the tables begin empty again."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {Applicant._meta.db_table} CASCADE")  # all others hang on it


def _timed(moves: list[dict[str, float]]) -> Callable[..., Any]:
    """Keeps the seconds of each statement that fills a table from a temporary one, and of the deferred checks."""
    found: dict[str, float] = {}
    moves.append(found)

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        start = time.perf_counter()
        result = execute(sql, params, many, context)
        if sql == CHECKED or ("FROM new_" in sql and "INSERT INTO" in sql):
            found[sql.split()[2].removeprefix("lending_")] = round(time.perf_counter() - start, 2)
        return result

    return wrapper


def _copied_out(institution: Institution, folder: Path) -> int:
    """The rows the import wrote, as COPY writes them; as the serving role, in the same transaction. How many."""
    rows = 0
    with connection.cursor() as cursor:
        for model, _loans in WRITTEN:
            table = model._meta.db_table
            with (folder / table).open("wb") as file:
                cursor.copy_expert(
                    f"COPY (SELECT * FROM {table} WHERE institution_id = {institution.pk}) TO STDOUT",  # noqa: S608
                    file,
                )
            rows += cursor.rowcount
    return rows


def _copy_in(folder: Path) -> None:
    """COPY is refused under row-level security: the limit is copied as owner, with the policies off for it."""
    owner = connections["owner"]
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {LoanChange._meta.db_table} NO FORCE ROW LEVEL SECURITY")  # a trigger fills it
        for model, _loans in WRITTEN:
            table = model._meta.db_table
            cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            with (folder / table).open("rb") as file:
                cursor.copy_expert(f"COPY {table} FROM STDIN", file, 1 << 20)
        cursor.execute(CHECKED)
        transaction.set_rollback(True, using="owner")


def _sample() -> list[tuple[Any, list[dict[str, Any]]]]:
    """The rows of some loans as values, table by table."""
    loans = list(Loan.objects.order_by("number").values_list("pk", flat=True)[:SAMPLE])
    return [(model, list(model.objects.filter(**{f"{path}__in": loans}).values())) for model, path in WRITTEN]


def _bulk(sample: list[tuple[Any, list[dict[str, Any]]]]) -> None:
    """The same rows as model instances, table by table."""
    for model, rows in sample:
        own = {} if model in (Installment, Allocation) else {"id"}
        model.objects.bulk_create(
            [model(**{name: value for name, value in row.items() if name != "id" or own}) for row in rows],
            batch_size=BATCH,
        )
