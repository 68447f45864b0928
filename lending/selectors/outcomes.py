"""How loans went, for the models that scored them."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, Min, Q

from lending.models import Loan
from scoring.services.outcomes import DAYS_LATE, LoanOutcome

BATCH: Final = 10_000


def loan_outcomes(on: date, *, days_late: int = DAYS_LATE) -> Iterator[list[LoanOutcome]]:
    """Every loan that began with an application, as known at the end of `on`, up to `BATCH` at a time by key; none of
    people whose data are blocked.

    `first_late_on` is the first day on which some installment was `days_late` days late: still unpaid then, or
    settled that late. Installments that a new plan replaced count until the day it did.
    """
    late = timedelta(days=days_late)
    was_late = Q(installment_set__due_on__lte=on - late) & (
        Q(installment_set__settled_on__isnull=True)
        | Q(installment_set__settled_on__gte=F("installment_set__due_on") + late)
    )
    loans = Loan.objects.filter(
        contract__application__isnull=False, disbursed_on__lte=on, applicant__restricted_at__isnull=True
    ).order_by("pk")
    after: UUID | None = None
    while True:
        page = loans.filter(pk__gt=after) if after else loans
        rows = list(
            page.annotate(first=Min("installment_set__due_on", filter=was_late)).values_list(
                "pk", "contract__application_id", "contract__application__segment", "disbursed_on", "first",
                "product__code",
            )[:BATCH]
        )  # fmt: skip
        if not rows:
            return
        after = rows[-1][0]
        yield [
            LoanOutcome(
                application_id=application_id,
                segment=segment,
                started_on=started_on,
                observed_until=on,
                first_late_on=first + late if first else None,
                group=code,
            )
            for _key, application_id, segment, started_on, first, code in rows
            if started_on
        ]
