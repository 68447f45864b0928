"""The officers' queue: saved views with their counts, filters, and the neighbours of an opened case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.functions import Lag, Lead, RowNumber
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.paging import counts_of
from lending.models import Application, Assessment, Contract, Decision, Document, Loan, ReviewRequest
from lending.selectors.applications import applications_visible_to

Status = Application.Status


@dataclass(frozen=True, slots=True)
class View:
    """A saved view: its name in addresses, its words, which cases, and which first."""

    code: str
    label: Any
    cases: Q
    order: tuple[str, ...] = ("decide_by", "submitted_at", "pk")


OPEN_REVIEW = Q(has_open_review=True)
VIEWS: Final = {
    view.code: view
    for view in (
        View("assess", _("Por evaluar"), Q(status=Status.REFERRED)),
        View("decide", _("Por decidir"), Q(status=Status.PROPOSED)),
        View("reviews", _("Revisión pedida"), OPEN_REVIEW, ("decide_by", "submitted_at", "pk")),
        View("waiting", _("En cálculo"), Q(status=Status.SUBMITTED), ("submitted_at", "pk")),
        View("counter", _("En agencia, sin enviar"), Q(status=Status.DRAFT), ("-saved_at", "pk")),
        View("signed", _("Firmadas, por desembolsar"), Q(waits_for_loan=True), ("decided_at", "pk")),
        View("approved", _("Aprobadas"), Q(status=Status.APPROVED), ("-decided_at", "pk")),
        View("declined", _("No aprobadas"), Q(status=Status.DECLINED), ("-decided_at", "pk")),
        View("all", _("Todas"), Q(), ("-submitted_at", "pk")),
    )
}
ORDERS: Final[dict[str, tuple[str, ...]]] = {
    "deadline": ("decide_by", "submitted_at", "pk"),
    "newest": ("-submitted_at", "pk"),
    "amount": ("-amount", "pk"),
    "score": ("-score", "pk"),
}
# What one line of the queue needs, and no more.
COLUMNS: Final = (
    "pk",
    "number",
    "applicant__full_name",
    "segment",
    "status",
    "amount",
    "term_months",
    "submitted_at",
    "decide_by",
    "decided_at",
    "score",
    "recommendation",
    "pending_documents",
    "has_open_review",
)


def queue(actor: Actor, filters: Mapping[str, Any]) -> QuerySet[Application]:
    """The cases of a view, filtered and in order.

    `filters`: view, order, segment, q (a number with or without prefix, or part of a name), amount_from,
    amount_to. Unknown names and values are ignored, so that a kept address always opens.
    """
    view = VIEWS.get(str(filters.get("view")), VIEWS["assess"])
    found = _annotated(applications_visible_to(actor)).filter(view.cases)
    if filters.get("segment"):
        found = found.filter(segment=filters["segment"])
    if filters.get("amount_from") is not None:
        found = found.filter(amount__gte=filters["amount_from"])
    if filters.get("amount_to") is not None:
        found = found.filter(amount__lte=filters["amount_to"])
    if filters.get("q"):
        found = found.filter(_matches(str(filters["q"]).strip()))
    return found.order_by(*ORDERS.get(str(filters.get("order")), view.order))


def queue_rows(cases: QuerySet[Application]) -> QuerySet[Any, dict[str, Any]]:
    """The cases as finished rows, without model instances."""
    return cases.values(*COLUMNS)


def queue_counts(actor: Actor) -> dict[str, int]:
    """How many cases each view holds, as `counts_of` tells."""
    cases = _annotated(applications_visible_to(actor))
    return counts_of({view.code: cases.filter(view.cases) for view in VIEWS.values()})


def pending_count(actor: Actor) -> int:
    """What waits for a person: cases to assess, to decide or to review."""
    waiting = Q(status__in=[Status.REFERRED, Status.PROPOSED])
    return applications_visible_to(actor).filter(waiting).count()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case stands in a queue; previous and next are None at the ends."""

    position: int
    total: int
    previous: UUID | None
    next: UUID | None


def place_in(cases: QuerySet[Application], application_id: UUID) -> Place | None:
    """The case's place in a filtered queue; None when the filter no longer holds it."""
    order = [_ordering(cast(str, name)) for name in cases.query.order_by]
    numbered = (
        cases.annotate(
            key=F("pk"),
            place=Window(RowNumber(), order_by=order),
            places=Window(Count("pk")),
            before=Window(Lag("pk"), order_by=order),
            after=Window(Lead("pk"), order_by=order),
        )
        .order_by()
        .values_list("key", "place", "places", "before", "after")
    )
    # The windows must see the whole queue, so the case is picked out around it, which the ORM cannot say.
    inner, parameters = numbered.query.sql_with_params()
    with connection.cursor() as cursor:
        statement = f"SELECT place, places, before, after FROM ({inner}) q WHERE q.key = %s"  # noqa: S608  (Django's)
        cursor.execute(statement, [*parameters, application_id])
        row = cursor.fetchone()
    return Place(*row) if row else None


def _ordering(name: str) -> Any:
    field = F(name.removeprefix("-"))
    return field.desc(nulls_last=True) if name.startswith("-") else field.asc(nulls_last=True)


def _annotated(cases: QuerySet[Application]) -> QuerySet[Application]:
    latest = Assessment.objects.filter(application_id=OuterRef("pk")).order_by("-attempt")
    pending = (
        Document.objects.filter(application_id=OuterRef("pk"), status=Document.Status.PENDING)
        .order_by()
        .values("application_id")
        .annotate(count=Count("pk"))
        .values("count")
    )
    open_reviews = ReviewRequest.objects.filter(application_id=OuterRef("pk"), closed_at__isnull=True)
    lent = Loan.objects.filter(contract_id=OuterRef("pk")).exclude(status=Loan.Status.CANCELLED)
    signed = Contract.objects.filter(application_id=OuterRef("pk"), status=Contract.Status.SIGNED).exclude(Exists(lent))
    return cases.annotate(
        score=Subquery(latest.values("score__score")[:1]),
        recommendation=Subquery(latest.values("recommendation")[:1]),
        pending_documents=Subquery(pending),
        has_open_review=Exists(open_reviews),
        waits_for_loan=Exists(signed),
    )


def _matches(text: str) -> Q:
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    if digits and len(digits) <= 9 and text.rpartition("-")[2].strip().isdigit():
        return Q(number=int(digits))
    return Q(applicant__full_name__icontains=text[:80])


def open_proposal(application_id: UUID) -> Decision | None:
    """The proposal that waits for a second signer, if there is one."""
    decided = Decision.objects.filter(stage=Decision.Stage.FINAL, proposal_id=OuterRef("pk"))
    return (
        Decision.objects.filter(application_id=application_id, stage=Decision.Stage.PROPOSAL)
        .exclude(Exists(decided))
        .select_related("decided_by", "second_signer")
        .order_by("-created_at")
        .first()
    )
