"""A group as its meeting needs it: who pays what today, who is behind, what all answer for."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection

from accounts.errors import NotFound
from accounts.tenancy.scope import current_institution_id
from lending.models import Group
from lending.money import ZERO, from_centimos

SHEET = """
SELECT m.id, a.full_name, m.role, l.id, l.number, gl.cycle,
  coalesce(sum(i.owed) FILTER (WHERE i.due_on < %(since)s), 0)::bigint,
  coalesce(sum(i.owed) FILTER (WHERE i.due_on BETWEEN %(since)s AND %(on)s), 0)::bigint,
  count(*) FILTER (WHERE i.due_on <= %(on)s AND i.owed > 0), min(i.due_on) FILTER (WHERE i.owed > 0),
  coalesce(sum(i.capital), 0)::bigint
FROM lending_groupmember m
JOIN lending_applicant a ON a.institution_id = m.institution_id AND a.id = m.applicant_id
LEFT JOIN (lending_grouploan gl JOIN lending_loan l
             ON l.institution_id = gl.institution_id AND l.id = gl.loan_id AND l.status = 'active')
  ON gl.institution_id = m.institution_id AND gl.group_id = m.group_id AND l.applicant_id = m.applicant_id
LEFT JOIN LATERAL (
  SELECT due_on, principal - paid_principal AS capital,
    principal + interest + insurance + fees + moratory
    - paid_principal - paid_interest - paid_insurance - paid_fees - paid_moratory
    - waived_interest - waived_insurance - waived_fees - waived_moratory AS owed
  FROM lending_installment i WHERE i.institution_id = l.institution_id AND i.loan_id = l.id
) i ON true
WHERE m.institution_id = %(institution)s AND m.group_id = %(group)s AND m.left_on IS NULL AND a.restricted_at IS NULL
GROUP BY m.id, a.full_name, m.role, l.id, l.number, gl.cycle
ORDER BY a.full_name, l.number
"""


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One member's loan at a meeting; without a loan the figures are zero and `loan_id` is None."""

    member_id: int
    name: str
    role: str
    loan_id: UUID | None
    number: int | None
    cycle: int | None
    overdue: Decimal
    due: Decimal
    installments: int
    next_due_on: date | None
    capital: Decimal

    @property
    def total(self) -> Decimal:
        return self.overdue + self.due


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a meeting collects; `due` fell due since the last one, `overdue` before."""

    group: Group
    on: date
    lines: list[SheetLine]

    @property
    def overdue(self) -> Decimal:
        return sum((line.overdue for line in self.lines), ZERO)

    @property
    def due(self) -> Decimal:
        return sum((line.due for line in self.lines), ZERO)

    @property
    def total(self) -> Decimal:
        return self.overdue + self.due

    @property
    def capital(self) -> Decimal:
        return sum((line.capital for line in self.lines), ZERO)


def group_of(group_id: UUID) -> Group:
    """One group of the institution. Raises NotFound."""
    group = Group.objects.select_related("officer").filter(pk=group_id).first()
    if group is None:
        raise NotFound
    return group


def meeting_days(group: Group, on: date, count: int = 4) -> list[date]:
    """The next meetings from a day on."""
    first = group.formed_on + timedelta((group.weekday - group.formed_on.weekday()) % 7)
    step = timedelta(weeks=group.every_weeks)
    passed = max(0, -((first - on).days // step.days))
    return [first + (passed + place) * step for place in range(count)]


def meeting_sheet(group_id: UUID, on: date) -> Sheet:
    """Everybody in the group with what they owe at a meeting, in one statement. Raises NotFound."""
    group = group_of(group_id)
    since = on - timedelta(weeks=group.every_weeks) + timedelta(1)
    with connection.cursor() as cursor:
        cursor.execute(
            SHEET, {"institution": current_institution_id(), "group": str(group_id), "since": since, "on": on}
        )
        rows = cursor.fetchall()
    lines = [
        SheetLine(
            member,
            name,
            role,
            loan,
            number,
            cycle,
            from_centimos(overdue),
            from_centimos(due),
            count,
            next_due,
            from_centimos(capital),
        )
        for member, name, role, loan, number, cycle, overdue, due, count, next_due, capital in rows
    ]
    return Sheet(group, on, lines)
