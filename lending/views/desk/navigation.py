"""The desk's menu: what a person may open, and what waits there."""

from typing import Any, Final

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from accounts.http import Request
from lending.selectors.loan_list import waiting_for
from lending.selectors.queue import pending_count

# (words, icon, address name, permission, part of the path that marks the current one)
ITEMS = (
    ("Bandeja", "inbox", "lending:desk_queue", "lending.view_applications", ("/desk/queue/", "/desk/applications/")),
    (
        "Créditos",
        "money",
        "lending:desk_loans",
        "lending.view_loans",
        ("/desk/loans/", "/desk/contracts/", "/desk/disbursements/", "/desk/changes/", "/desk/receipts/"),
    ),
    ("Caja", "inbox", "lending:desk_cash", "lending.record_repayment", ("/desk/cash/", "/desk/bank-file/")),
    ("Cartera", "chart", "lending:desk_portfolio", "lending.view_portfolio", ("/desk/portfolio/",)),
    ("Cobranza", "phone", "lending:desk_collections", "lending.view_collections", ("/desk/collections/",)),
    ("Reportes SBS", "download", "lending:desk_reports", "lending.export_reports", ("/desk/reports/",)),
    ("Traer cartera", "upload", "lending:desk_import", "lending.import_portfolio", ("/desk/import/",)),
    ("Productos", "money", "lending:desk_products", "lending.view_products", ("/desk/products/",)),
    ("Grupos", "people", "lending:desk_groups", "lending.view_loans", ("/desk/groups/",)),
    ("Ofertas", "chart", "lending:desk_matching", "lending.manage_policy", ("/desk/matching/",)),
    ("Modelos", "bulb", "scoring:models", "scoring.view_models", ("/desk/models/",)),
    ("Política", "chart", "lending:desk_policy", "lending.manage_policy", ("/desk/policy/",)),
    ("Reclamos", "chat", "lending:desk_complaints", "accounts.view_complaints", ("/desk/complaints/",)),
    (
        "Datos personales",
        "lock",
        "lending:desk_data",
        "accounts.view_requests",
        ("/desk/data-requests/", "/desk/incidents/", "/desk/research/"),
    ),
    ("Personal", "people", "accounts:staff", "accounts.manage_staff", ("/desk/staff/",)),
    ("Entidad", "home", "accounts:settings", "accounts.manage_institution", ("/desk/settings/",)),
    ("Trato justo", "people", "fairness", "lending.view_fairness", ("/desk/fairness/",)),
    ("Auditoría", "shield", "audit", "accounts.view_audit", ("/desk/audit/",)),
)


COUNTED: Final = {"lending:desk_queue": pending_count, "lending:desk_loans": waiting_for}


def desk_items(request: Request) -> list[dict[str, Any]]:
    """Items for components/_desk_nav.html; empty outside an institution."""
    if request.institution is None:
        return []
    items = []
    for words, icon, name, permission, paths in ITEMS:
        if not request.actor.can(permission):
            continue
        try:
            url = reverse(name, args=[request.institution.slug])
        except NoReverseMatch:
            continue
        counted = COUNTED.get(name)
        items.append(
            {
                "label": _(words),
                "icon": icon,
                "url": url,
                "count": counted(request.actor) if counted else None,
                "current": any(part in request.path for part in paths),
            }
        )
    return items
