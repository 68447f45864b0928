"""Rows on their way: arrays by binary COPY to temporary tables, moved by one statement a table.

Row-level security leaves no COPY into the tables themselves; what goes over is as narrow as it can be, and the
statement adds what is the same in every row.
"""

import json
import time
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from lending.bulk import ByteStream, binary_rows, keys
from lending.services.importing.book import Book
from lending.services.importing.standing import Standing

_LINE: Final = ("principal", "interest", "insurance", "fees", "moratory")
_PAID: Final = tuple(f"paid_{part}" for part in _LINE)
_PARTS: Final = ("penalties", "fees", "insurance", "interest", "principal", "advance")
_FAR: Final = "'9999-12-31'"
_PER_INSTANT: Final = 1 << 16  # keys
_MOVES: Final = {
    "people": """
    INSERT INTO lending_applicant (id, institution_id, full_name, document_type, document_number, document_hash, ruc,
      birth_on, phone, email, region, district, updated_at)
    SELECT id, %(i)s, rtrim(name), rtrim(kind), rtrim(document), rtrim(hash), '', born, rtrim(phone), '',
      rtrim(region), '', now() FROM new_people
    """,
    "loan": f"""
    INSERT INTO lending_loan (id, institution_id, number, applicant_id, product_id, external_ref, status, credit_type,
      currency, principal, tea, moratory_tea, terms, allocation_order, branch, recognised_guarantee, guarantee_kind,
      disbursed_on, first_due_on, matures_on, closed_on, is_refinanced, is_rescheduled, deferred_yield, disbursed,
      installment, installments, principal_outstanding, advance, refunded, next_due_on, state_on, revision)
    SELECT id, %(i)s, number, applicant, product, rtrim(ref), CASE WHEN closed = {_FAR} THEN 'active' ELSE 'paid' END,
      rtrim(kind), 'PEN', principal, tea / 1e8, moratory / 1e8, terms::jsonb, '[]', rtrim(branch), 0, '', paid_out,
      first_due, matures, nullif(closed, {_FAR}), false, false, 0, principal, installment, installments, owed, advance,
      0, nullif(next_due, {_FAR}), %(on)s, 1
    FROM new_loan
    """,  # noqa: S608  (constants)
    "disbursement": """
    INSERT INTO lending_disbursement (id, institution_id, loan_id, n, status, amount, fees_deducted, itf, "on", method,
      account, external_ref, paid_at)
    SELECT handed, %(i)s, id, 1, 'paid', principal, 0, 0, paid_out, 'transfer', '', '', now() FROM new_loan
    """,
    "line": f"""
    INSERT INTO lending_installment (institution_id, loan_id, place, n, kind, due_on, days, {", ".join(_LINE + _PAID)},
      earned, outstanding, waived_interest, waived_insurance, waived_fees, waived_moratory, moratory_through,
      settled_on)
    SELECT %(i)s, loan, place, place + 1, 'installment', due, days, {", ".join(_LINE + _PAID)}, interest, outstanding,
      0, 0, 0, 0, nullif(through, {_FAR}), nullif(settled, {_FAR})
    FROM new_line
    """,  # noqa: S608  (constants)
    "paid": """
    INSERT INTO lending_repayment (id, institution_id, loan_id, number, kind, strategy, status, amount, "on", channel,
      provider, external_ref, itf, reversal_reason)
    SELECT id, %(i)s, loan, number, 'repayment', '', 'posted', amount, day, 'import', 'import', rtrim(ref), 0, ''
    FROM new_paid
    """,
    "part": f"""
    INSERT INTO lending_allocation (institution_id, repayment_id, part, amount)
    SELECT %(i)s, id, part.name, part.amount
    FROM new_paid, LATERAL (VALUES {", ".join(f"('{part}', {part})" for part in _PARTS)}) part (name, amount)
    WHERE part.amount <> 0
    """,  # noqa: S608  (constants)
}


class Copies:
    """Sends what was worked out, some tens of thousands of loans at a time."""

    def __init__(self, cursor: Any, institution_id: int, book: Book, number: int, receipt: int) -> None:
        self.cursor, self.book, self.number, self.receipt = cursor, book, number, receipt
        self.values = {"i": institution_id, "on": book.on}
        self.made: set[str] = set()
        self.random = np.random.default_rng()
        self.products = _as_keys([UUID(str(key)) for key, _segment in book.products.values()])
        self.loans, self.handed, self.paid = (self._keys(count) for count in (
            len(book.loans), len(book.loans), len(book.paid)
        ))  # fmt: skip
        self.at = 0  # payments so far
        self.owners = _as_keys([])

    def people(self, known: dict[str, UUID], sealed: list[str], hashes: list[str]) -> None:
        """The applicants of the file; those `known` by their document's hash keep their key and what is known."""
        values = self.book.values
        self.owners = self._keys(len(hashes))
        there = np.array([mark in known for mark in hashes], bool)
        self.owners[there] = _as_keys([known[mark] for mark in hashes if mark in known])
        new = np.flatnonzero(~there)

        def texts(column: list[str]) -> tuple[str, list[str]]:
            return "text", [column[place] for place in new]

        self._copy("people", {
            "id": ("uuid", self.owners[new]), "name": texts(values["names"]), "kind": texts(values["kinds"]),
            "document": texts(sealed), "hash": texts(hashes), "born": ("date", values["born"][new]),
            "phone": texts(values["phones"]), "region": texts(values["regions"]),
        })  # fmt: skip

    def add(self, standing: Standing) -> None:
        """Loans with their lines, payments and their parts."""
        book, plans, found = self.book, standing.plans, standing.found
        places = slice(standing.first, standing.first + len(standing))
        values = {name: column[places] for name, column in book.values.items() if name in (
            "owner", "product", "types", "amount", "count", "tea", "moratory", "paid_out"
        )}  # fmt: skip
        loans, starts = self.loans[places], plans.starts
        self._copy("loan", {
            "id": ("uuid", loans), "handed": ("uuid", self.handed[places]),
            "number": ("integer", self.number + np.arange(places.start, places.stop)),
            "applicant": ("uuid", self.owners[values["owner"]]), "product": ("uuid", self.products[values["product"]]),
            "ref": ("text", book.loans.text("credito")[places]), "kind": ("text", values["types"]),
            "branch": ("text", book.loans.text("agencia")[places]),
            "terms": ("text", [json.dumps(book.terms(place)) for place in range(places.start, places.stop)]),
            "principal": ("bigint", values["amount"]), "tea": ("bigint", values["tea"]),
            "moratory": ("bigint", values["moratory"]), "paid_out": ("date", values["paid_out"]),
            "first_due": ("date", plans.due[starts[:-1]]), "matures": ("date", plans.due[starts[1:] - 1]),
            "closed": ("date", standing.closed), "installment": ("bigint", standing.level),
            "installments": ("integer", values["count"]), "owed": ("bigint", standing.owed),
            "advance": ("bigint", found.advance), "next_due": ("date", standing.next_due),
        })  # fmt: skip
        self._copy("line", {
            "loan": ("uuid", loans[plans.loan]), "place": ("smallint", np.arange(starts[-1]) - starts[plans.loan]),
            "due": ("date", plans.due), "days": ("smallint", standing.days),
            **{part: ("bigint", getattr(plans, part)) for part in _LINE[:-1]}, "moratory": ("bigint", found.moratory),
            **{f"paid_{part}": ("bigint", found.paid[part]) for part in _LINE},
            "outstanding": ("bigint", standing.outstanding),
            "through": ("date", found.through), "settled": ("date", found.settled),
        })  # fmt: skip
        order = standing.payments
        self._copy("paid", {
            "id": ("uuid", self.paid[self.at : self.at + len(order)]), "loan": ("uuid", loans[standing.paid_for]),
            "number": ("integer", self.receipt + order), "amount": ("bigint", book.values["paid"][order]),
            "day": ("date", book.values["day"][order]), "ref": ("text", book.paid.text("referencia").take(order)),
            **{part: ("bigint", found.parts[part]) for part in _PARTS},
        })  # fmt: skip
        self.at += len(order)

    def move(self) -> None:
        """From the temporary tables to the real ones."""
        for statement in _MOVES.values():
            if any(f"new_{name}" in statement for name in self.made):  # there may be people only
                self.cursor.execute(statement, self.values)
        for name in self.made:
            self.cursor.execute(f"DROP TABLE new_{name}")

    def _copy(self, name: str, columns: dict[str, tuple[str, Any]]) -> None:
        if name not in self.made:
            fields = ", ".join(f"{column} {kind}" for column, (kind, _values) in columns.items())
            self.cursor.execute(f"CREATE TEMPORARY TABLE new_{name} ({fields}) ON COMMIT DROP")
            self.made.add(name)
        rows = ByteStream(binary_rows(columns))
        self.cursor.copy_expert(f"COPY new_{name} FROM STDIN (FORMAT binary)", rows, 1 << 20)

    def _keys(self, count: int) -> NDArray[np.uint8]:
        """Keys in rising order, of instants until now."""
        now = time.time_ns() // 1_000_000
        return keys(now - (count - 1 - np.arange(count)) // _PER_INSTANT, self.random)


def _as_keys(found: list[UUID]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(key.bytes for key in found), np.uint8).reshape(-1, 16).copy()
