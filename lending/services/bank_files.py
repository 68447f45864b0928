"""Payments that a bank or wallet collected, from its file: each row posted once, whatever is sent again."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.errors import DomainError, InvalidInput
from accounts.sheets import Row, as_day, read_sheet
from accounts.tenancy.scope import current_institution_id
from lending.models import BankFile, Loan, Repayment
from lending.money import NotAnAmount, parse_amount, round_money
from lending.selectors.collections import LOAN_CODE
from lending.services.repayments import record_repayment

COLUMNS: Final = {
    "loan": ("crédito", "número de crédito", "préstamo", "loan"),
    "on": ("fecha", "fecha de pago", "date"),
    "amount": ("monto", "importe", "amount"),
    "reference": ("referencia", "operación", "número de operación", "reference"),
}
MOST_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Payment:
    """A row that could be read."""

    line: int
    loan_number: int
    on: date
    amount: Decimal
    reference: str


def import_bank_file(*, actor: Actor, name: str, content: bytes, provider: str) -> BankFile:
    """Post every row of a CSV or XLSX file; rows that cannot be posted are reported by line, the others stay.

    Columns: crédito, fecha, monto, referencia. A row is known again by the provider's reference, or without one by
    its own content, so a file sent twice changes nothing and a mended file posts only what was missing. Each row is
    a transaction of its own (a savepoint where one is open).

    Raises NotAllowed, and InvalidInput (`file`, `provider`) for a file that is no such table.
    """
    actor.require("lending.import_bank_file")
    provider = " ".join(provider.split()).lower()
    if not 0 < len(provider) <= 40:
        raise InvalidInput(fields={"provider": [_("Escribe el banco o la billetera que envía el archivo.")]})
    rows = read_sheet(name, content, COLUMNS, most_rows=MOST_ROWS)
    errors: list[dict[str, Any]] = []
    payments = list(_payments(rows, errors))
    with transaction.atomic():
        # Where one transaction posts the whole file, a cashier may wait for its receipt numbers with one of its loans
        # in hand: so it takes all of them before the first number, in the order of their keys.
        named = Loan.objects.select_for_update().filter(number__in={one.loan_number for one in payments})
        loans = dict(named.order_by("pk").values_list("number", "pk"))
        known = set(
            Repayment.objects.filter(
                provider=provider, external_ref__in=[one.reference for one in payments]
            ).values_list("external_ref", flat=True)
        )
    posted, amount = 0, Decimal(0)
    for one in sorted(payments, key=lambda one: (one.on, one.line)):
        if one.loan_number not in loans:
            errors.append(_error(one.line, "loan", _("No hay un crédito con ese número.")))
            continue
        try:
            with transaction.atomic():
                record_repayment(
                    loan_id=loans[one.loan_number], actor=actor, amount=one.amount, on=one.on, channel="bank",
                    provider=provider, external_ref=one.reference,
                )  # fmt: skip
        except DomainError as error:
            errors += [_error(one.line, *found) for found in _words(error)]
            continue
        if one.reference not in known:
            known.add(one.reference)
            posted, amount = posted + 1, amount + one.amount
    return _kept(actor, name, content, provider, len(rows), posted, amount, sorted(errors, key=lambda e: e["line"]))


@transaction.atomic
def _kept(
    actor: Actor, name: str, content: bytes, provider: str, rows: int, posted: int, amount: Decimal,
    errors: list[dict[str, Any]],
) -> BankFile:  # fmt: skip
    """The file's record, the same one for the same file."""
    file, created = BankFile.objects.get_or_create(
        provider=provider,
        sha256=hashlib.sha256(content).hexdigest(),
        defaults={"institution_id": current_institution_id(), "name": name[:120], "imported_by_id": actor.user_id},
    )
    file = BankFile.objects.select_for_update().get(pk=file.pk)
    if not created and not posted and file.errors == errors:
        return file
    file.rows, file.posted, file.refused = rows, file.posted + posted, len({one["line"] for one in errors})
    file.amount += amount
    file.errors, file.imported_at = errors, timezone.now()
    file.save()
    audit.record(
        actor, "lending.bank_file.imported", file, sha256=file.sha256, posted=posted, refused=file.refused,
        amount=amount,
    )  # fmt: skip
    outbox.publish("lending.bank_file.imported", file)
    return file


def _payments(rows: list[Row], errors: list[dict[str, Any]]) -> Iterator[Payment]:
    """Rows as payments; what cannot be read goes to `errors`, by field."""
    seen: Counter[str] = Counter()
    for row in rows:
        found: dict[str, Any] = {}
        for field, read in (("loan", _number), ("on", as_day), ("amount", _amount)):
            try:
                found[field] = read(row.cells[field])
            except NotAnAmount as error:
                errors.append(_error(row.line, field, error.message))
            except ValueError as error:
                errors.append(_error(row.line, field, str(error)))
        if len(found) < 3:
            continue
        reference = str(row.cells["reference"])[:80]
        if not reference:
            content = f"{found['loan']}|{found['on']}|{found['amount']}"
            seen[content] += 1  # two equal payments in one file are two
            reference = "fila-" + hashlib.sha256(f"{content}|{seen[content]}".encode()).hexdigest()[:32]
        yield Payment(row.line, found["loan"], found["on"], found["amount"], reference)


def _number(cell: Any) -> int:
    """The digits of a loan's number, with or without the institution's letters."""
    code = LOAN_CODE.fullmatch(f"{cell:f}".removesuffix(".0") if isinstance(cell, Decimal) else str(cell).strip())
    if not code:
        raise ValueError(_("Escribe el número del crédito"))
    return int(code[1])


def _amount(cell: Any) -> Decimal:
    """What a spreadsheet holds as a number, or what somebody typed."""
    if not isinstance(cell, Decimal):
        return parse_amount(str(cell))
    if cell != round_money(cell):
        raise ValueError(_("El monto lleva como máximo dos decimales"))
    return round_money(cell)


def _error(line: int, field: str, message: str) -> dict[str, Any]:
    return {"line": line, "field": field, "message": message}


def _words(error: DomainError) -> list[tuple[str, str]]:
    """The fields and messages of a refusal."""
    if isinstance(error, InvalidInput) and error.fields:
        return [(field, text) for field, texts in error.fields.items() for text in texts]
    return [("", str(error.message))]
