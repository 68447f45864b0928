"""The desk's menu: what a person may open, and what waits there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.actors import Actor
from accounts.http import Request
from lending.selectors.loan_list import waiting_for
from lending.selectors.queue import pending_count


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the menu: words, icon, address, who may, what of a path marks it, and what waits there."""

    words: str
    icon: str
    name: str
    permission: str
    paths: tuple[str, ...]
    waiting: Callable[[Actor], Any] | None = None
    unless: str = ""  # a permission whose holders reach the page by another line


LOAN_PATHS: Final = (
    "/desk/loans/",
    "/desk/contracts/",
    "/desk/disbursements/",
    "/desk/changes/",
    "/desk/receipts/",
    "/desk/prepayments/",
)
DATA_PATHS: Final = ("/desk/data-requests/", "/desk/incidents/", "/desk/research/")
# The day's work, steering, and the house.
GROUPS: Final = (
    (
        Item(gettext_noop("Bandeja"), "inbox", "lending:desk_queue", "lending.view_applications",
             ("/desk/queue/", "/desk/applications/"), pending_count),
        Item(gettext_noop("Créditos"), "money", "lending:desk_loans", "lending.view_loans", LOAN_PATHS, waiting_for),
        Item(gettext_noop("Caja"), "store", "lending:desk_cash", "lending.record_repayment",
             ("/desk/cash/", "/desk/bank-file/")),
        Item(gettext_noop("Cobranza"), "phone", "lending:desk_collections", "lending.view_collections",
             ("/desk/collections/",)),
        Item(gettext_noop("Grupos"), "people", "lending:desk_groups", "lending.view_loans", ("/desk/groups/",)),
    ),
    (
        Item(gettext_noop("Cartera"), "chart", "lending:desk_portfolio", "lending.view_portfolio",
             ("/desk/portfolio/",)),
        Item(gettext_noop("Productos"), "leaf", "lending:desk_products", "lending.view_products", ("/desk/products/",)),
        Item(gettext_noop("Política"), "check", "lending:desk_policy", "lending.manage_policy", ("/desk/policy/",)),
        Item(gettext_noop("Ofertas"), "arrow", "lending:desk_matching", "lending.manage_policy", ("/desk/matching/",)),
        Item(gettext_noop("Modelos"), "bulb", "scoring:models", "scoring.view_models", ("/desk/models/",)),
        Item(gettext_noop("Trato justo"), "people", "fairness", "lending.view_fairness", ("/desk/fairness/",)),
    ),
    (
        Item(gettext_noop("Reclamos"), "chat", "lending:desk_complaints", "accounts.view_complaints",
             ("/desk/complaints/",)),
        Item(gettext_noop("Datos personales"), "lock", "lending:desk_data", "accounts.view_requests", DATA_PATHS),
        Item(gettext_noop("Datos personales"), "lock", "lending:desk_data_new", "accounts.file_requests", DATA_PATHS,
             unless="accounts.view_requests"),
        Item(gettext_noop("Reportes SBS"), "download", "lending:desk_reports", "lending.export_reports",
             ("/desk/reports/",)),
        Item(gettext_noop("Traer cartera"), "upload", "lending:desk_import", "lending.import_portfolio",
             ("/desk/import/",)),
        Item(gettext_noop("Personal"), "person", "accounts:staff", "accounts.manage_staff", ("/desk/staff/",)),
        Item(gettext_noop("Entidad"), "home", "accounts:settings", "accounts.manage_institution", ("/desk/settings/",)),
        Item(gettext_noop("Auditoría"), "shield", "audit", "accounts.view_audit", ("/desk/audit/",)),
    ),
)  # fmt: skip


def desk_items(request: Request) -> list[dict[str, Any]]:
    """Items for components/_desk_nav.html, `first` where a group begins; empty outside an institution."""
    if request.institution is None:
        return []
    items: list[dict[str, Any]] = []
    for group in GROUPS:
        first = True
        for item in group:
            may = request.actor.can(item.permission) and not (item.unless and request.actor.can(item.unless))
            if not may or (url := _address(item, request)) is None:
                continue
            items.append(
                {
                    "label": _(item.words),
                    "icon": item.icon,
                    "url": url,
                    "count": item.waiting(request.actor) if item.waiting else None,
                    "current": any(part in request.path for part in item.paths),
                    "first": first and bool(items),
                }
            )
            first = False
    return items


def _address(item: Item, request: Request) -> str | None:
    """Where the item leads; None while its floor does not answer it."""
    assert request.institution is not None
    try:
        return reverse(item.name, args=[request.institution.slug])
    except NoReverseMatch:
        return None
