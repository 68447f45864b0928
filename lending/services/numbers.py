"""Numbers people say: one after the other in each institution, without a gap that another transaction fills twice."""

from typing import Final

from django.db import connection, models
from django.db.models import Max

from accounts.tenancy.scope import current_institution_id

# Advisory lock classes: one for each series.
APPLICATIONS: Final = 7_301
CONTRACTS: Final = 7_311
LOANS: Final = 7_312
RECEIPTS: Final = 7_313


def next_number(model: type[models.Model], series: int, first: int) -> int:
    """The institution's next number, taken under a lock that lasts until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s::int)", [series, current_institution_id()])
    last = model._default_manager.aggregate(last=Max("number"))["last"]
    return max((last or 0) + 1, first)
