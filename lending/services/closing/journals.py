"""The close's journals: each account to its level, by product and currency (docs/ledger.md)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, Sum

from accounts.errors import InvalidState
from accounts.models.base import uuid7
from accounts.tenancy.scope import current_institution_id
from lending.ledger import (
    ACCRUED,
    ALLOWANCE,
    CURRENT,
    INTEREST,
    JUDICIAL,
    MEMO_CONTRA,
    PAST_DUE,
    PRINCIPAL,
    PROVISION_EXPENSE,
    REFINANCED,
    SUSPENDED,
)
from lending.models import CloseRun, LedgerEntry, PortfolioDay
from lending.money import ZERO

LEVELLED: Final = (*PRINCIPAL, ACCRUED, SUSPENDED, ALLOWANCE)
_AGAINST: Final = {ACCRUED: INTEREST, SUSPENDED: MEMO_CONTRA, ALLOWANCE: PROVISION_EXPENSE}
_EVENTS: Final = {
    ACCRUED: "lending.close.accrued",
    SUSPENDED: "lending.close.suspended",
    ALLOWANCE: "lending.close.provisioned",
}
Key = tuple[UUID, str, str]  # product, currency, account


def post_levels(on: date) -> dict[str, Any]:
    """Post what brings the ledger to the day's levels; returns the entries written and the levels.

    Raises InvalidState when the principal of the loans and of the ledger differ: something was posted past the
    services, and no journal may hide it.
    """
    levels = levels_of(on)
    missing = changes(levels, balances(on))
    journals: dict[tuple[UUID, str, str], list[tuple[str, Decimal]]] = defaultdict(list)
    for (product, currency, account), amount in missing.items():
        if account in PRINCIPAL:
            journals[product, currency, "lending.close.reclassified"].append((account, amount))
        else:
            journals[product, currency, _EVENTS[account]] += [(account, amount), (_AGAINST[account], -amount)]
    for (product, currency, _event), lines in journals.items():
        if sum(amount for _account, amount in lines):
            raise InvalidState(
                f"product {product}, {currency}: the loans owe {sum(a for _c, a in lines)} more than the ledger says on"
                f" {on}. Compare lending.selectors.ledger.disagreements().",
                code="book_disagrees",
            )
    institution_id = current_institution_id()
    entries = [
        LedgerEntry(
            institution_id=institution_id, journal=journal, on=on, account=account, currency=currency, amount=amount,
            event=event, product_id=product,
        )
        for (product, currency, event), lines in sorted(journals.items(), key=str)
        for journal in [uuid7()]
        for account, amount in lines
    ]  # fmt: skip
    LedgerEntry.objects.bulk_create(entries)
    kept = [[str(product), currency, code, str(level)] for (product, currency, code), level in levels.items()]
    return {"rows": len(entries), "levels": kept}


def levels_of(on: date) -> dict[Key, Decimal]:
    """What each account should show at the end of the day, from the day's summary; zero where nothing is left."""
    principal, overdue = Sum("principal", default=ZERO), Sum("overdue", default=ZERO)
    rows = (
        PortfolioDay.objects.filter(on=on)
        .values("product_id", "currency")
        .annotate(
            judicial=Sum("principal", filter=Q(is_judicial=True), default=ZERO),
            past_due=overdue,
            refinanced=Sum("principal", filter=Q(is_judicial=False, is_refinanced=True), default=ZERO)
            - Sum("overdue", filter=Q(is_refinanced=True), default=ZERO),
            whole=principal,
            receivable=Sum("receivable", default=ZERO),
            suspended=Sum("suspended", default=ZERO),
            provision=Sum("provision", default=ZERO),
        )
    )
    levels: dict[Key, Decimal] = {}
    for row in rows:
        key = row["product_id"], row["currency"]
        figures = {
            JUDICIAL: row["judicial"], PAST_DUE: row["past_due"], REFINANCED: row["refinanced"],
            CURRENT: row["whole"] - row["judicial"] - row["past_due"] - row["refinanced"],
            ACCRUED: row["receivable"], SUSPENDED: row["suspended"], ALLOWANCE: -row["provision"],
        }  # fmt: skip
        levels |= {(*key, account): amount for account, amount in figures.items()}
    return levels


def balances(on: date) -> dict[Key, Decimal]:
    """The ledger at the end of the day, from the levels of the last close and what was booked since."""
    before = CloseRun.objects.filter(on__lt=on, finished_at__isnull=False).order_by("-on").first()
    found: dict[Key, Decimal] = defaultdict(lambda: ZERO)
    entries = LedgerEntry.objects.filter(on__lte=on, account__in=LEVELLED, product_id__isnull=False)
    if before:
        for product, currency, account, amount in before.progress["journals"]["levels"]:
            found[UUID(product), currency, account] = Decimal(amount)
        entries = entries.filter(on__gt=before.on)
    for row in entries.values("product_id", "currency", "account").annotate(balance=Sum("amount")).order_by():
        found[row["product_id"], row["currency"], row["account"]] += row["balance"]
    return dict(found)


def changes(levels: dict[Key, Decimal], found: dict[Key, Decimal]) -> dict[Key, Decimal]:
    """Level less balance, where they differ."""
    keys: Iterable[Key] = {**levels, **found}
    differences = {key: levels.get(key, ZERO) - found.get(key, ZERO) for key in keys}
    return {key: amount for key, amount in differences.items() if amount}
