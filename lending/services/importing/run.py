"""The file into the tables: temporary ones by COPY, then one INSERT … SELECT each, in one transaction."""

import hashlib
import logging
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.clock import today
from accounts.crypto import encrypt_many, lookup_hashes
from accounts.errors import InvalidInput
from accounts.models import Institution
from accounts.models.base import uuid7
from accounts.numbering import BOOK_FILES, LOANS, RECEIPTS, next_number, take_turns
from accounts.tenancy.scope import current_institution_id, institution_scope
from lending.ledger import ACCRUED, ADVANCES, CURRENT, OPENING
from lending.models import Applicant, LedgerEntry, Loan, PortfolioImport, Product, Repayment
from lending.money import ZERO, from_centimos
from lending.portfolio_files import TABLES, CellError, UnreadableFile, read_file
from lending.services.importing.book import Book
from lending.services.importing.copying import Copies
from lending.services.importing.standing import Standing, standings, total_by
from lending.services.ledger import accounting_day
from lending.services.store import forget_sealed, keep_sealed, open_sealed

UPLOADED: Final = "lending.import.uploaded"
SUFFIXES: Final = (".csv", ".xlsx")
MOST_BYTES: Final = 200 * 1024 * 1024
ERRORS_KEPT: Final = 5_000
SILENT_AFTER: Final = timedelta(minutes=15)
FIRST_NUMBER: Final = 1_001
Status = PortfolioImport.Status
logger = logging.getLogger(__name__)
Progress = Callable[[int, int], None]


class ImportRefused(ValueError):
    """Nothing came in: the cells to mend, by row of the file."""

    def __init__(self, errors: Sequence[CellError]) -> None:
        super().__init__(f"{len(errors)} cells to mend")
        self.errors = sorted(errors, key=lambda error: (list(TABLES).index(error.table), error.row))


@dataclass(slots=True)
class Imported:
    """What came in; `already` when this very file had come in before."""

    rows: int = 0
    applicants: int = 0
    loans: int = 0
    repayments: int = 0
    already: bool = False
    sums: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))


def upload_portfolio(*, upload: UploadedFile, actor: Actor, on: date) -> PortfolioImport:
    """Keep a file, sealed, and let a worker bring it in; the same file again is the same import.

    Raises NotAllowed, InvalidInput.
    """
    actor.require("lending.import_portfolio")
    name = Path(str(upload.name)).name
    if not name.lower().endswith(SUFFIXES):
        raise InvalidInput(fields={"file": [_("Sube un archivo CSV o XLSX.")]})
    if (upload.size or 0) > MOST_BYTES:
        raise InvalidInput(
            fields={"file": [_("El archivo pesa más de 200 MB: divídelo, o pide que se importe por consola.")]}
        )
    if on > today():
        raise InvalidInput(fields={"on": [_("El día de la cartera no puede ser futuro.")]})
    content = upload.read()
    digest = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        take_turns(BOOK_FILES)
        known = PortfolioImport.objects.filter(sha256=digest).exclude(status=Status.FAILED).first()
        if known:
            return known
        row = PortfolioImport.objects.create(
            institution_id=current_institution_id(), name=name[:120], sha256=digest, on=on,
            stored_name=keep_sealed(content), uploaded_by_id=actor.user_id,
        )  # fmt: skip
        audit.record(actor, UPLOADED, row, sha256=digest, size=len(content))
        outbox.publish(UPLOADED, row)
    return row


def import_waiting(institution_id: int) -> int:
    """Bring in what waits in one institution, one file after the other; returns how many were done with."""
    done = 0
    while (row := _claim(institution_id)) is not None:
        with institution_scope(institution_id):
            content = open_sealed(row.stored_name)
        suffix = Path(row.name).suffix.lower()
        changes: dict[str, Any]
        with tempfile.NamedTemporaryFile(suffix=suffix) as file:
            file.write(content)
            file.flush()
            actor = Actor.system("import_portfolio", institution_id=institution_id)
            try:
                with institution_scope(institution_id), transaction.atomic():
                    found = _import(Path(file.name), row.name, row, actor, row.on, None)
                    _close(row, status=Status.DONE, **_counts(found))
                done += 1
                continue
            except ImportRefused as refusal:
                cells = [[e.table, e.row, e.column, e.message] for e in refusal.errors[:ERRORS_KEPT]]
                changes = {"errors": cells, "error_count": len(refusal.errors)}
            except UnreadableFile as refusal:
                changes = {"errors": [["", 1, "", refusal.message]], "error_count": 1}
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # rather than try it again for ever
                logger.exception("portfolio import %s could not be worked out", row.pk)
                message = _("No pudimos traer este archivo y nada entró. Súbelo otra vez o escríbenos.")
                changes = {"errors": [["", 1, "", message]], "error_count": 1}
        with institution_scope(institution_id):
            _close(row, status=Status.FAILED, **changes)
        done += 1
    return done


def import_portfolio(*, source: Path, actor: Actor, on: date, progress: Progress | None = None) -> Imported:
    """Bring in a file as the book stands at the end of `on`, in the scope of its institution: all of it or nothing.

    The same file twice changes nothing. Raises NotAllowed, UnreadableFile, ImportRefused with every wrong cell.
    """
    actor.require("lending.import_portfolio")
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with transaction.atomic():
        take_turns(BOOK_FILES)
        known = PortfolioImport.objects.filter(sha256=digest).exclude(status=Status.FAILED).first()
        if known and known.status != Status.DONE:
            raise UnreadableFile(_("Este mismo archivo ya se subió y se está trayendo: espera a que termine."))
        if known:
            return Imported(known.rows, known.applicants, known.loans, known.repayments, already=True)
        row = PortfolioImport.objects.create(
            institution_id=current_institution_id(),
            name=source.name[:120],
            sha256=digest,
            on=on,
            uploaded_by_id=actor.user_id,
        )
        found = _import(source, source.name, row, actor, on, progress)
        _close(row, status=Status.DONE, **_counts(found))
    return found


def _import(
    source: Path, name: str, row: PortfolioImport, actor: Actor, on: date, progress: Progress | None
) -> Imported:
    sheets = read_file(source, name)
    products = {
        code: (str(key), segment) for code, key, segment in Product.objects.values_list("code", "pk", "segment")
    }
    people, loans, paid, plans = (sheets[table] for table in TABLES)
    book = Book(people, loans, paid, plans, on=on, products=products)
    book.check()
    _refuse_known(book)
    if book.errors:
        if not _unreadable(book):
            list(standings(book))  # the balances that do not agree as well
        raise ImportRefused(book.errors)
    found = Imported(rows=sum(map(len, sheets.values())), applicants=len(book.people))
    number, receipt = next_number(Loan, LOANS, FIRST_NUMBER), next_number(Repayment, RECEIPTS, FIRST_NUMBER)
    with connection.cursor() as cursor:
        copies = Copies(cursor, current_institution_id(), book, number, receipt)
        copies.people(*_sealed(book))
        for standing in standings(book):
            if not book.errors:
                copies.add(standing)
                _add_up(found, standing, book)
            if progress:
                progress(standing.first + len(standing), len(book.loans))
        if book.errors:
            raise ImportRefused(book.errors)
        copies.move()
    found.loans, found.repayments = len(book.loans), len(book.paid)
    _open_books(found, row, on)
    audit.record(actor, "lending.portfolio.imported", row, sha256=row.sha256, on=on, **_counts(found))
    return found


def _unreadable(book: Book) -> bool:
    """Whether a cell that the arithmetic needs is wrong."""
    return any(error.table != "clientes" for error in book.errors)


def _refuse_known(book: Book) -> None:
    """Loans and payments that the institution has already, from another file."""
    known = set(Loan.objects.exclude(external_ref="").values_list("external_ref", flat=True))
    if known:
        message = _("Este crédito ya está registrado: quita su fila y sus pagos")
        book.loans.errors.clear()
        book.loans.refuse([code in known for code in book.loans.texts("credito")], "credito", message)
        book.errors += book.loans.errors
    taken = set(
        Repayment.objects.filter(provider="import").exclude(external_ref="").values_list("external_ref", flat=True)
    )
    if taken:
        book.paid.errors.clear()
        message = _("Esta referencia ya está registrada: quita la fila")
        book.paid.refuse([code in taken for code in book.paid.texts("referencia")], "referencia", message)
        book.errors += book.paid.errors


def _sealed(book: Book) -> tuple[dict[str, UUID], list[str], list[str]]:
    """Keys of those known by the hash of their document; sealed documents and hashes of all."""
    institution = Institution.objects.get(pk=current_institution_id())
    documents, kinds = book.values["documents"], book.values["kinds"]
    by_kind = {kind: lookup_hashes(institution.uuid, f"document:{kind}", documents) for kind in set(kinds)}
    hashes = [by_kind[kind][place] for place, kind in enumerate(kinds)]
    known: dict[str, UUID] = {}
    for start in range(0, len(hashes), 20_000):
        part = hashes[start : start + 20_000]
        known |= dict(Applicant.objects.filter(document_hash__in=part).values_list("document_hash", "pk"))
    return known, encrypt_many(documents), hashes


def _add_up(found: Imported, standing: Standing, book: Book) -> None:
    """The opening balances by product."""
    places = slice(standing.first, standing.first + len(standing))
    product, keys = book.values["product"][places], [key for key, _segment in book.products.values()]
    on = (book.on - date(1970, 1, 1)).days
    earned = standing.earned(on, book.values["paid_out"][places].astype("int64"))
    for account, amounts in ((CURRENT, standing.owed), (ACCRUED, earned), (ADVANCES, -standing.found.advance)):
        for key, amount in zip(keys, total_by(product, amounts, len(keys)), strict=True):
            found.sums[key, account] += from_centimos(amount)


def _open_books(found: Imported, row: PortfolioImport, on: date) -> None:
    """One opening journal a product."""
    lines: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    for (product, account), amount in found.sums.items():
        if amount:
            lines[product] += [(account, amount), (OPENING, -amount)]
    day = accounting_day(on)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            institution_id=row.institution_id, journal=journal, on=day, account=account, amount=amount,
            event="lending.portfolio.opened", product_id=product, subject_id=row.pk,
        )
        for product, sides in lines.items()
        for journal in [uuid7()]
        for account, amount in sides
    )  # fmt: skip


def _counts(found: Imported) -> dict[str, int]:
    return {"rows": found.rows, "applicants": found.applicants, "loans": found.loans, "repayments": found.repayments}


def _claim(institution_id: int) -> PortfolioImport | None:
    """The oldest that waits, or whose worker fell silent: nothing of it came in."""
    silent = Q(status=Status.RUNNING, moved_at__lt=timezone.now() - SILENT_AFTER)
    with institution_scope(institution_id):
        row = (
            PortfolioImport.objects.filter(silent | Q(status=Status.WAITING))
            .select_for_update(skip_locked=True)
            .order_by("created_at")
            .first()
        )
        if row is not None:
            row.status, row.moved_at = Status.RUNNING, timezone.now()
            row.save(update_fields=["status", "moved_at"])
    return row


def _close(row: PortfolioImport, **changes: Any) -> None:
    """The end of a file: what was uploaded is not kept, its hash is."""
    stored = row.stored_name
    PortfolioImport.objects.filter(pk=row.pk).update(ended_at=timezone.now(), stored_name="", **changes)
    outbox.complete(UPLOADED, [row.pk])
    if stored:
        forget_sealed(stored)
