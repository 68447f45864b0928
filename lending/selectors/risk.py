"""The norm's classes, past-due days and provision rates in force on a day, and what the last close found."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Max, Q

from lending.models import ClassRule, CloseRun, DailyLoanState, ProvisionRate
from lending.provisions import RiskRules


def risk_rules(on: date) -> RiskRules:
    """The rules of a day, the newest of each kind. Raises MissingRule for a gap, with what to add."""
    in_force: Any = Q(valid_from__lte=on) & (Q(valid_to__isnull=True) | Q(valid_to__gte=on))
    # In order of their first day: the newest one stays.
    return RiskRules.of_rows(
        on,
        ClassRule.objects.filter(in_force).order_by("valid_from"),
        ProvisionRate.objects.filter(in_force).order_by("valid_from"),
    )


def last_state(loan_id: UUID) -> DailyLoanState | None:
    """How the last nightly close found a loan; None before its first, or once it owes nothing."""
    last = CloseRun.objects.filter(finished_at__isnull=False).aggregate(last=Max("on"))["last"]
    return DailyLoanState.objects.filter(loan_id=loan_id, on=last).first()
