"""The list of loans: saved views with their counts, filters, and finding one at the cash desk."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.crypto import lookup_hash
from accounts.models import Institution
from accounts.paging import counts_of
from accounts.tenancy.scope import current_institution_id
from lending.models import Applicant, Disbursement, Loan, Restructure
from lending.selectors.loans import loans_visible_to

Status = Loan.Status
SOON: Final = timedelta(days=7)
MOST_FOUND: Final = 20  # at the cash desk
# What one line of the list needs, and no more.
COLUMNS: Final = (
    "pk",
    "number",
    "applicant__full_name",
    "product__name",
    "status",
    "principal",
    "principal_outstanding",
    "installment",
    "next_due_on",
    "disbursed_on",
    "closed_on",
    "officer__full_name",
)


@dataclass(frozen=True, slots=True)
class View:
    """A saved view: its name in addresses, its words, and which first."""

    code: str
    label: Any
    order: tuple[str, ...] = ("next_due_on", "number")


VIEWS: Final = {
    view.code: view
    for view in (
        View("active", _("Vigentes")),
        View("to_request", _("Por desembolsar"), ("created_at", "number")),
        View("to_authorise", _("Por autorizar"), ("created_at", "number")),
        View("soon", _("Vencen en 7 días")),
        View("late", _("Atrasados")),
        View("ended", _("Terminados"), ("-closed_on", "-number")),
        View("all", _("Todos"), ("-number",)),
    )
}


def loan_list(actor: Actor, filters: Mapping[str, Any], on: date) -> QuerySet[Loan]:
    """The loans of a view as of `on`, filtered and in order.

    `filters`: view, q (a number, a document number, or part of a name), product (its key). What is unknown is
    ignored, so that a kept address always opens.
    """
    view = VIEWS.get(str(filters.get("view")), VIEWS["active"])
    found = loans_visible_to(actor).filter(_cases(on)[view.code])
    if filters.get("product"):
        found = found.filter(product_id=filters["product"])
    if filters.get("q"):
        found = found.filter(_matches(str(filters["q"])))
    return found.order_by(*view.order)


def loan_rows(loans: QuerySet[Loan]) -> QuerySet[Any, dict[str, Any]]:
    """The loans as finished rows, without model instances."""
    return loans.values(*COLUMNS)


def loan_counts(actor: Actor, on: date) -> dict[str, int]:
    """How many loans each view holds, as `counts_of` tells."""
    loans = loans_visible_to(actor)
    return counts_of({code: loans.filter(case) for code, case in _cases(on).items()})


def waiting_for(actor: Actor) -> int:
    """What waits for this person's second signature: disbursements and changes somebody else asked for."""
    waiting = 0
    if actor.can("lending.disburse_loan"):
        asked = Disbursement.objects.filter(status=Disbursement.Status.REQUESTED)
        waiting += asked.exclude(requested_by_id=actor.user_id).count()
    if actor.can("lending.approve_restructure"):
        changes = Restructure.objects.filter(status=Restructure.Status.REQUESTED)
        waiting += changes.exclude(requested_by_id=actor.user_id).count()
    return waiting


def loans_found(actor: Actor, text: str) -> list[dict[str, Any]]:
    """Loans of the person or number a cashier typed, those that take money first; at most 20."""
    if not text.strip():
        return []
    takes_money = Q(status__in=[Status.ACTIVE, Status.CHARGED_OFF])
    found = loans_visible_to(actor).filter(_matches(text)).filter(takes_money | Q(status=Status.PAID))
    return list(loan_rows(found.order_by("status", "number"))[:MOST_FOUND])


def _cases(on: date) -> dict[str, Q]:
    active = Q(status=Status.ACTIVE)
    asked = Disbursement.objects.filter(status=Disbursement.Status.REQUESTED)
    changing = Restructure.objects.filter(status=Restructure.Status.REQUESTED)
    # From the few that wait to their loans, not from every loan to what waits for it.
    waiting = asked.values("loan_id").union(changing.values("loan_id"))
    return {
        "active": active,
        "to_request": Q(status=Status.APPROVED) & Q(~Exists(asked.filter(loan_id=OuterRef("pk")))),
        "to_authorise": Q(pk__in=waiting),
        "soon": active & Q(next_due_on__gte=on, next_due_on__lte=on + SOON),
        "late": active & Q(next_due_on__lt=on),
        "ended": Q(status__in=Loan.ENDED),
        "all": Q(),
    }


def _matches(text: str) -> Q:
    """A loan's number with or without its prefix, a whole document number, or part of a name."""
    text = " ".join(text.split())[:80]
    last = text.rpartition("-")[2].lstrip("Cc").replace(" ", "")
    digits = text.replace(" ", "")
    match = Q(number=int(last)) if last.isascii() and last.isdigit() and len(last) <= 9 else Q(pk__in=[])
    if digits.isascii() and digits.isalnum() and 8 <= len(digits) <= 12 and any(char.isdigit() for char in digits):
        uuid = Institution.objects.values_list("uuid", flat=True).get(pk=current_institution_id())
        kinds = Applicant.DocumentType.values
        match |= Q(applicant__document_hash__in=[lookup_hash(uuid, f"document:{kind}", digits) for kind in kinds])
    if any(char.isalpha() for char in text):
        match |= Q(applicant__full_name__icontains=text)
    return match
