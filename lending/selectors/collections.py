"""Who is late and what was agreed: the collector's worklist, and one loan's contacts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import (
    DateField,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.paging import counts_of
from lending.fields import MoneyField
from lending.models import ContactNote, Installment, Loan, PromiseToPay


@dataclass(frozen=True, slots=True)
class View:
    """A saved view of the worklist: its name in addresses, its words, and which loans; days count from `on`."""

    code: str
    label: Any
    loans: Any  # a Q, or what makes one of the day


VIEWS: Final = {
    view.code: view
    for view in (
        View("today", _("Para hoy"), lambda on: Q(promised=False, come_back__lte=on)),
        View("promised", _("Con promesa"), lambda on: Q(promised=True)),
        View("broken", _("Promesa incumplida"), lambda on: Q(broke_word=True, promised=False)),
        View("early", _("1 a 8 días"), lambda on: Q(days__lte=8)),
        View("middle", _("9 a 30 días"), lambda on: Q(days__range=(9, 30))),
        View("late", _("Más de 30 días"), lambda on: Q(days__gt=30)),
        View("all", _("Todos los atrasados"), lambda on: Q()),
    )
}
ORDERS: Final[dict[str, tuple[str | Combinable, ...]]] = {
    "days": ("next_due_on", "pk"),
    "balance": ("-principal_outstanding", "pk"),
    "contact": (F("last_contact").asc(nulls_first=True), "pk"),
}
LOAN_CODE: Final = re.compile(r"(?:[A-Za-z]{1,8}-)?[A-Za-z]?([0-9]{1,9})")  # QT-P1003, P1003 or 1003
COLUMNS: Final = (
    "pk", "number", "applicant__full_name", "applicant__phone", "branch", "product__name", "days",
    "principal_outstanding", "overdue", "last_contact", "last_result", "promise_on", "promise_amount", "broke_word",
)  # fmt: skip


def overdue_loans(on: date) -> QuerySet[Loan]:
    """Loans with an installment due before `on` and not settled, with their days late and what was agreed."""
    notes = ContactNote.objects.filter(loan_id=OuterRef("pk")).order_by("-at")
    promises = PromiseToPay.objects.filter(loan_id=OuterRef("pk"))
    open_promise = promises.filter(status=PromiseToPay.Status.OPEN)
    return Loan.objects.filter(status=Loan.Status.ACTIVE, next_due_on__lt=on).annotate(
        days=_days_since(on),
        last_contact=Subquery(notes.values("at")[:1]),
        last_result=Subquery(notes.values("result")[:1]),
        come_back=Coalesce(Subquery(notes.values("next_on")[:1]), Value(on), output_field=DateField()),
        promised=Exists(open_promise),
        promise_on=Subquery(open_promise.values("due_on")[:1]),
        promise_amount=Subquery(open_promise.values("amount")[:1]),
        broke_word=Exists(promises.filter(status=PromiseToPay.Status.BROKEN, due_on__gte=F("loan__next_due_on"))),
    )


def worklist(on: date, filters: Mapping[str, Any]) -> QuerySet[Loan]:
    """The loans of a view, filtered and in order. `filters`: view, order, branch, q (number or part of a name)."""
    view = VIEWS.get(str(filters.get("view")), VIEWS["today"])
    found = overdue_loans(on).filter(view.loans(on))
    if filters.get("branch"):
        found = found.filter(branch=filters["branch"])
    if text := str(filters.get("q") or "").strip():
        code = LOAN_CODE.fullmatch(text)
        found = found.filter(Q(number=int(code[1])) if code else Q(applicant__full_name__icontains=text[:80]))
    return found.order_by(*ORDERS.get(str(filters.get("order")), ORDERS["days"]))


def worklist_rows(loans: QuerySet[Loan], on: date) -> QuerySet[Any, dict[str, Any]]:
    """The loans as finished rows, with what is overdue."""
    return loans.annotate(overdue=_overdue(on)).values(*COLUMNS)


def worklist_counts(on: date) -> dict[str, int]:
    """How many loans each view holds, as `counts_of` tells."""
    return counts_of({code: overdue_loans(on).filter(view.loans(on)) for code, view in VIEWS.items()})


def pending_collections(on: date) -> int:
    """What waits for a collector today."""
    return overdue_loans(on).filter(VIEWS["today"].loans(on)).count()


def contacts_of(loan_id: UUID) -> list[ContactNote]:
    """A loan's contacts, the newest first."""
    return list(ContactNote.objects.filter(loan_id=loan_id).select_related("by").order_by("-at")[:100])


def promises_of(loan_id: UUID) -> list[PromiseToPay]:
    """A loan's promises, the newest first."""
    return list(PromiseToPay.objects.filter(loan_id=loan_id).select_related("made_by").order_by("-made_on", "-pk")[:50])


def _days_since(on: date) -> Any:
    """Whole days from `next_due_on`; the ORM's own subtraction would give an interval."""
    return Func(
        Value(on), F("next_due_on"), template="(%(expressions)s)", arg_joiner=" - ", output_field=IntegerField()
    )


def _overdue(on: date) -> Any:
    """Soles of installments due before `on` and not settled, moratory interest charged so far included."""
    unpaid = (
        F("principal") + F("interest") + F("insurance") + F("fees") + F("moratory")
        - F("paid_principal") - F("paid_interest") - F("paid_insurance") - F("paid_fees") - F("paid_moratory")
        - F("waived_interest") - F("waived_insurance") - F("waived_fees") - F("waived_moratory")
    )  # fmt: skip
    due = Installment.objects.filter(loan_id=OuterRef("pk"), due_on__lt=on, settled_on__isnull=True)
    total = due.order_by().values("loan_id").annotate(sum=Sum(unpaid)).values("sum")
    return Coalesce(Subquery(total), Value(0, output_field=MoneyField()))
