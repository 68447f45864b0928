"""Reading the books: balances, and whether the book of loans agrees with them."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, Sum

from lending.ledger import ACCOUNTS, ADVANCES, PRINCIPAL
from lending.models import LedgerEntry, Loan
from lending.money import ZERO


def trial_balance(on: date, *, since: date | None = None) -> list[dict[str, Any]]:
    """Every account with entries, by currency: `account`, `name`, `currency`, `debit`, `credit`, `balance`.

    As of the end of `on`; `since` leaves out what was posted before it. Debits equal credits.
    """
    entries = LedgerEntry.objects.filter(on__lte=on)
    if since:
        entries = entries.filter(on__gte=since)
    rows = (
        entries.values("account", "currency")
        .annotate(debit=Sum("amount", filter=Q(amount__gt=0)), credit=Sum("amount", filter=Q(amount__lt=0)))
        .order_by("currency", "account")
    )
    return [
        {
            "account": row["account"],
            "name": str(ACCOUNTS[row["account"]].name) if row["account"] in ACCOUNTS else row["account"],
            "currency": row["currency"],
            "debit": row["debit"] or ZERO,
            "credit": -(row["credit"] or ZERO),
            "balance": (row["debit"] or ZERO) + (row["credit"] or ZERO),
        }
        for row in rows
    ]


def balances_by_product(on: date, accounts: Sequence[str]) -> dict[tuple[UUID | None, str, str], Decimal]:
    """Balance of each (product, currency, account) at the end of a day."""
    rows = (
        LedgerEntry.objects.filter(on__lte=on, account__in=accounts)
        .values("product_id", "currency", "account")
        .annotate(balance=Sum("amount"))
    )
    return {(row["product_id"], row["currency"], row["account"]): row["balance"] for row in rows}


class Disagreement(NamedTuple):
    """A product whose loans and books differ, in soles."""

    product_id: UUID | None
    currency: str
    what: str  # principal or advances
    book: Decimal
    ledger: Decimal


def disagreements() -> list[Disagreement]:
    """Products whose outstanding principal or money in advance is not what the books say now; empty is right."""
    entries = (
        LedgerEntry.objects.filter(account__in=[*PRINCIPAL, ADVANCES])
        .values("product_id", "currency")
        .annotate(
            principal=Sum("amount", filter=Q(account__in=PRINCIPAL)), advances=Sum("amount", filter=Q(account=ADVANCES))
        )
    )
    ledger = {
        (row["product_id"], row["currency"]): {
            "principal": row["principal"] or ZERO,
            "advances": -(row["advances"] or ZERO),
        }
        for row in entries
    }
    loans = Loan.objects.values("product_id", "currency").annotate(
        principal=Sum("principal_outstanding", filter=~Q(status=Loan.Status.CHARGED_OFF)), advances=Sum("advance")
    )
    book = {
        (row["product_id"], row["currency"]): {
            "principal": row["principal"] or ZERO,
            "advances": row["advances"] or ZERO,
        }
        for row in loans
    }
    nothing = {"principal": ZERO, "advances": ZERO}
    return [
        Disagreement(key[0], key[1], what, book.get(key, nothing)[what], ledger.get(key, nothing)[what])
        for key in {**ledger, **book}
        for what in nothing
        if book.get(key, nothing)[what] != ledger.get(key, nothing)[what]
    ]
