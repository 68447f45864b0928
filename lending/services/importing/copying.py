"""Rows on their way: written as text, copied to temporary tables, moved by one statement a table."""

import io
import json
from decimal import Decimal
from typing import Any, Final

from accounts.models.base import uuid7
from lending.services.importing.book import Book, ImportedLoan, parts_of

BATCH: Final = 2_000  # loans in memory as text
NULL: Final = "\\N"
_LINE: Final = (
    "principal", "interest", "insurance", "fees", "moratory", "paid_principal", "paid_interest", "paid_insurance",
    "paid_fees", "paid_moratory", "earned", "outstanding",
)  # fmt: skip
_TEMPORARY: Final = {
    "people": "id uuid, name text, kind text, document text, hash text, born date, phone text, region text",
    "loan": (
        "id uuid, number int, applicant uuid, product uuid, ref text, kind text, principal bigint, tea bigint,"
        " moratory bigint, terms jsonb, branch text, paid_out date, first_due date, matures date, closed date,"
        " installment bigint, installments int, owed bigint, advance bigint, next_due date"
    ),
    "line": f"loan uuid, place int, n int, kind text, due date, days int, {', '.join(f'{c} bigint' for c in _LINE)},"
    " through date, settled date",
    "paid": "id uuid, loan uuid, number int, amount bigint, day date, ref text",
    "part": "paid uuid, part text, amount bigint",
}
_MOVES: Final = (
    """
    INSERT INTO lending_applicant (id, institution_id, full_name, document_type, document_number, document_hash, ruc,
      birth_on, phone, email, region, district, updated_at)
    SELECT id, %(i)s, name, kind, document, hash, '', born, phone, '', region, '', now() FROM new_people ORDER BY id
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO lending_loan (id, institution_id, number, applicant_id, product_id, external_ref, status, credit_type,
      currency, principal, tea, moratory_tea, terms, allocation_order, branch, recognised_guarantee, guarantee_kind,
      disbursed_on, first_due_on, matures_on, closed_on, is_refinanced, is_rescheduled, deferred_yield, disbursed,
      installment, installments, principal_outstanding, advance, refunded, next_due_on, state_on, revision, days_late,
      sbs_class, provision)
    SELECT id, %(i)s, number, applicant, product, ref, CASE WHEN closed IS NULL THEN 'active' ELSE 'paid' END, kind,
      'PEN', principal, tea / 1e8, moratory / 1e8, terms, '[]', branch, 0, '', paid_out, first_due, matures, closed,
      false, false, 0, principal, installment, installments, owed, advance, 0, next_due, %(on)s, 1,
      greatest(%(on)s::date - next_due, 0), 0, 0
    FROM new_loan ORDER BY id
    """,
    """
    INSERT INTO lending_disbursement (id, institution_id, loan_id, n, status, amount, fees_deducted, itf, "on", method,
      account, external_ref, paid_at)
    SELECT gen_random_uuid(), %(i)s, id, 1, 'paid', principal, 0, 0, paid_out, 'transfer', '', '', now() FROM new_loan
    """,
    f"""
    INSERT INTO lending_installment (institution_id, loan_id, place, n, kind, due_on, days, {", ".join(_LINE)},
      waived_interest, waived_insurance, waived_fees, waived_moratory, moratory_through, settled_on)
    SELECT %(i)s, loan, place, n, kind, due, days, {", ".join(_LINE)}, 0, 0, 0, 0, through, settled FROM new_line
    """,  # noqa: S608  (constants)
    """
    INSERT INTO lending_repayment (id, institution_id, loan_id, number, kind, strategy, status, amount, "on", channel,
      provider, external_ref, itf, reversal_reason)
    SELECT id, %(i)s, loan, number, 'repayment', '', 'posted', amount, day, 'import', 'import', ref, 0, ''
    FROM new_paid ORDER BY id
    """,
    """
    INSERT INTO lending_allocation (institution_id, repayment_id, part, amount)
    SELECT %(i)s, paid, part, amount FROM new_part
    """,
)


class Copies:
    """Gathers rows as text and sends them, a batch at a time."""

    def __init__(self, cursor: Any, institution_id: int, book: Book, number: int, receipt: int) -> None:
        self.cursor, self.book, self.number, self.receipt = cursor, book, number, receipt
        self.values = {"i": institution_id, "on": book.on}
        self.products = [key for key, _segment in book.products.values()]
        self.references = book.loans.texts("credito")
        self.branches = book.loans.texts("agencia")
        self.receipts = book.paid.texts("referencia")
        self.owners: list[str] = []
        self.lines: dict[str, list[str]] = {name: [] for name in _TEMPORARY}
        for name, columns in _TEMPORARY.items():
            cursor.execute(f"CREATE TEMPORARY TABLE new_{name} ({columns}) ON COMMIT DROP")

    def people(self, keys: list[str], sealed: list[str], hashes: list[str], phones: list[str]) -> None:
        """The applicants of the file."""
        self.owners, values = keys, self.book.values
        for key, name, kind, document, mark, born, phone, region in zip(
            keys,
            values["names"],
            values["kinds"],
            sealed,
            hashes,
            values["born"],
            phones,
            values["regions"],
            strict=True,
        ):
            self.lines["people"].append(
                f"{key}\t{_escaped(name)}\t{kind}\t{document}\t{mark}\t{born}\t{phone}\t{region}\n"
            )
        self.flush()

    def add(self, loan: ImportedLoan) -> None:
        """A loan with its lines, payments and their parts."""
        values, state, place = self.book.values, loan.state, loan.place
        key, lines = str(uuid7()), state.lines
        closed = max((line.settled_on for line in lines if line.settled_on), default=None) if state.is_over else None
        self.lines["loan"].append(
            f"{key}\t{self.number + place}\t{self.owners[values['owner'][place]]}\t"
            f"{self.products[values['product'][place]]}\t{_escaped(self.references[place])}\t{values['types'][place]}\t"
            f"{values['amount'][place]}\t{values['tea'][place]}\t{values['moratory'][place]}\t{json.dumps(loan.terms)}\t"
            f"{_escaped(self.branches[place])}\t{values['paid_out'][place]}\t{lines[0].due_on}\t{lines[-1].due_on}\t"
            f"{closed or NULL}\t{_cents(state.installment or lines[0].total)}\t{len(lines)}\t"
            f"{_cents(state.principal)}\t{_cents(state.advance)}\t{state.next_due_on or NULL}\n"
        )
        self.lines["line"] += [
            f"{key}\t{line.place}\t{line.n}\t{line.kind}\t{line.due_on}\t{line.days}\t"
            + "\t".join([_cents(getattr(line, name)) for name in _LINE])
            + f"\t{line.moratory_through or NULL}\t{line.settled_on or NULL}\n"
            for line in lines
        ]
        for at, payment in zip(loan.payments, state.payments, strict=True):
            paid = str(uuid7())
            reference = _escaped(self.receipts[at])
            self.lines["paid"].append(
                f"{paid}\t{key}\t{self.receipt + at}\t{values['paid'][at]}\t{payment.on}\t{reference}\n"
            )
            self.lines["part"] += [f"{paid}\t{part}\t{_cents(sum_)}\n" for part, sum_ in parts_of(payment).items()]
        if len(self.lines["loan"]) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Send what was gathered."""
        for name, rows in self.lines.items():
            if rows:
                self.cursor.copy_expert(f"COPY new_{name} FROM STDIN", io.StringIO("".join(rows)), 1 << 20)
                rows.clear()

    def move(self) -> None:
        """From the temporary tables to the real ones."""
        for statement in _MOVES:
            self.cursor.execute(statement, self.values)
        for name in _TEMPORARY:
            self.cursor.execute(f"DROP TABLE new_{name}")


def _cents(amount: Decimal) -> str:
    """Céntimos as text; amounts have two decimals."""
    return str(int(amount.scaleb(2)))


def _escaped(text: str) -> str:
    """A text as COPY reads it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
