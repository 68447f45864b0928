"""The norm's classes, past-due days and provision rates in force on a day, and what the closes found of the book."""

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import DateField, Exists, ExpressionWrapper, F, Func, IntegerField, Max, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest

from lending.fields import MoneyField
from lending.models import ClassRule, CloseRun, LatestSpan, LoanSpan, ProvisionRate
from lending.provisions import RiskRules

SPAN_DAYS: Final = 31  # the most days that a LoanSpan stands for: what bounds the search for those of one day

# The same as `states_on`, in SQL: parameters `i` and `on`.
STATES_ON: Final = f"""(
  SELECT loan_id, credit_type, currency, product_id, branch, officer_id, situation, principal, overdue, past_due,
    accrued_first + daily * (%(on)s::date - "on") AS accrued,
    receivable_first + daily * (%(on)s::date - "on") AS receivable,
    greatest(%(on)s::date - next_due_on, 0) AS days_late, tea, daily, loan_class, sbs_class, provision
  FROM lending_loanspan
  WHERE institution_id = %(i)s AND through BETWEEN %(on)s::date AND %(on)s::date + {SPAN_DAYS - 1}
    AND "on" <= %(on)s::date)"""  # noqa: S608  (constants)


def risk_rules(on: date) -> RiskRules:
    """The rules of a day, the newest of each kind. Raises MissingRule for a gap, with what to add."""
    in_force: Any = Q(valid_from__lte=on) & (Q(valid_to__isnull=True) | Q(valid_to__gte=on))
    # In order of their first day: the newest one stays.
    return RiskRules.of_rows(
        on,
        ClassRule.objects.filter(in_force).order_by("valid_from"),
        ProvisionRate.objects.filter(in_force).order_by("valid_from"),
    )


def states_on(on: date) -> QuerySet[LoanSpan]:
    """How loans stood at the end of a closed day, with their `days_late`, `accrued` and `receivable`; else nothing."""
    day = Value(on, DateField())
    gone: Any = Func(day, F("on"), template="(%(expressions)s)", arg_joiner=" - ", output_field=IntegerField())
    late: Any = Func(day, F("next_due_on"), template="(%(expressions)s)", arg_joiner=" - ", output_field=IntegerField())
    earned = ExpressionWrapper(F("daily") * gone, MoneyField())
    standing = LoanSpan.objects.filter(on__lte=on, through__range=(on, on + timedelta(days=SPAN_DAYS - 1)))
    closed = CloseRun.objects.filter(on=on, finished_at__isnull=False)
    return standing.filter(Exists(closed)).annotate(
        days_late=Greatest(Coalesce(late, 0), 0),
        accrued=ExpressionWrapper(F("accrued_first") + earned, MoneyField()),
        receivable=ExpressionWrapper(F("receivable_first") + earned, MoneyField()),
    )


def last_state(loan_id: UUID) -> LoanSpan | None:
    """How the last nightly close found a loan; None before its first, or once it owes nothing."""
    last = CloseRun.objects.filter(finished_at__isnull=False).aggregate(last=Max("on"))["last"]
    if last is None:
        return None
    newest = LatestSpan.objects.filter(loan_id=loan_id, on__lte=last).values("on")[:1]
    return states_on(last).filter(loan_id=loan_id, on=newest).first()
