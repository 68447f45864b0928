"""Lists of any length at the price of a page: nothing is counted or shown beyond the first ten thousand rows."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet

from accounts.formats import format_number

MOST: Final = 10_000


class LongPaginator(Paginator):
    """Pages of the first `MOST` of `found` rows; `more` says that there are others, which a filter may reach."""

    def __init__(self, rows: QuerySet[Any, Any], per_page: int, found: int) -> None:
        super().__init__(rows, per_page)
        self.more = found > MOST
        self.count = min(found, MOST)


def count_of(rows: QuerySet[Any]) -> int:
    """How many rows there are, as `counts_of` tells; give it a set without what only showing the rows needs."""
    return counts_of({"rows": rows})["rows"]


def counts_of(sets: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    """How many rows each set holds, in one query; one more than `MOST` where there are more."""
    counted: dict[str, str] = {}
    parameters: list[Any] = []
    for name, rows in sets.items():
        try:
            inner, values = rows.order_by().values("pk")[: MOST + 1].query.sql_with_params()
        except EmptyResultSet:
            continue
        counted[name] = f"(SELECT count(*) FROM ({inner}) q)"  # noqa: S608  (Django's)
        parameters += values
    found: tuple[int, ...] = ()
    if counted:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(counted.values())}", parameters)
            found = cursor.fetchone()
    return dict.fromkeys(sets, 0) | dict(zip(counted, found, strict=True))


def in_order(rows: Iterable[dict[str, Any]], keys: Iterable[Any], name: str = "pk") -> list[dict[str, Any]]:
    """The rows of a page, looked up by its keys: what only showing them needs is read for them alone."""
    found = {row[name]: row for row in rows}
    return [found[key] for key in keys if key in found]


def count_words(count: int) -> str:
    """A count of `counts_of` as it is shown: `9,120`, or `10,000+`."""
    return f"{format_number(MOST)}+" if count > MOST else format_number(count)
