"""Numbers that people see and say: one after the other within an institution, without gaps."""

from typing import Any, Final

from django.db import connection
from django.db.models import Max

from accounts.tenancy.scope import current_institution_id

# Advisory lock classes, one for each series.
APPLICATIONS: Final = 7_301
CONTRACTS: Final = 7_311
LOANS: Final = 7_312
RECEIPTS: Final = 7_313
DATA_REQUESTS: Final = 7_391
COMPLAINTS: Final = 7_392
INCIDENTS: Final = 7_393
# And for acts that take turns; the books and the policy have theirs beside them.
PRODUCT_FILES: Final = 7_303
BOOK_FILES: Final = 7_304


def next_number(model: Any, series: int, first: int = 1, **within: Any) -> int:
    """The next `number` of `model`, among the rows that are `within`, under a lock held to the transaction's end."""
    take_turns(series)
    last = model.objects.filter(**within).aggregate(last=Max("number"))["last"]
    return max((last or 0) + 1, first)


def take_turns(series: int) -> None:
    """Wait until nobody else of the institution in scope is at this; held to the transaction's end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s::int)", [series, current_institution_id()])
