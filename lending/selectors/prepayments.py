"""What borrowers asked of payments before their time, and what they still may choose."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.clock import today
from lending.models import PrepaymentRequest, Repayment


def open_request(loan_id: UUID, *, lock: bool = False) -> PrepaymentRequest | None:
    """The request of a loan that waits for its money."""
    found = PrepaymentRequest.objects.filter(
        loan_id=loan_id, status=PrepaymentRequest.Status.OPEN, valid_until__gte=today()
    )
    return (found.select_for_update(of=("self",)) if lock else found).first()


def requests_waiting() -> QuerySet[PrepaymentRequest, Any]:
    """Requests whose money has not come, the first to expire before the others; rows for a list."""
    found = PrepaymentRequest.objects.filter(status=PrepaymentRequest.Status.OPEN, valid_until__gte=today())
    return found.order_by("valid_until", "pk").values(
        "pk", "loan_id", "loan__number", "loan__applicant__full_name", "amount", "choice", "asked_on", "valid_until"
    )


def choices_waiting(days: int) -> QuerySet[Repayment, Any]:
    """Prepayments of the last `days` on whose effect nobody has spoken, the first to run out before the others."""
    found = Repayment.objects.filter(
        kind=Repayment.Kind.PREPAYMENT, status=Repayment.Status.POSTED, strategy="",
        on__gte=today() - timedelta(days=days),
    )  # fmt: skip
    rows = found.order_by("on", "pk")
    return rows.values("pk", "loan_id", "loan__number", "loan__applicant__full_name", "amount", "on")
