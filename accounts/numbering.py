"""Numbers that people see: one after the other within an institution, without gaps."""

from typing import Any, Final

from django.db import connection
from django.db.models import Max

from accounts.tenancy.scope import current_institution_id

# Advisory lock classes; those below 7_390 are lending's.
DATA_REQUESTS: Final = 7_391
COMPLAINTS: Final = 7_392
INCIDENTS: Final = 7_393


def next_number(model: Any, lock: int, **within: Any) -> int:
    """The next `number` of `model`, among the rows that are `within`, under a lock held to the transaction's end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s::int)", [lock, current_institution_id()])
    last = model.objects.filter(**within).aggregate(last=Max("number"))["last"]
    return (last or 0) + 1
