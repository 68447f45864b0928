"""The norm's classes, past-due days and provision rates in force on a day."""

from datetime import date
from typing import Any

from django.db.models import Q

from lending.models import ClassRule, ProvisionRate
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
