"""Matching end to end, its reasons told and the best five stored, against the kernel and a bare COPY, in one run.

The limit: `match_many` and a COPY of the offers' figures. The product: the same with every offer's reasons worked
out and stored beside it, and a reason for everybody without one. Wall clock, for the database works too; medians of
interleaved rounds. `manage.py benchmark matching_stored`.
"""

import io
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from django.db import connection, transaction
from pyarrow import csv

from benchmarks.matching import POLICY, a_catalogue, a_crowd
from lending.matching.batch import UNKNOWN, match_many
from lending.matching.told import tell

FIGURES = ("product", "amount", "term_months", "tea", "installment", "total", "tcea")
TABLE = (
    "CREATE TEMP TABLE matched (person int, rank smallint, product int, amount bigint, term_months smallint,"
    " tea bigint, installment bigint, total bigint, tcea float8, flags smallint, share smallint) ON COMMIT DROP"
)
NONE = "CREATE TEMP TABLE unmatched (person int, room bigint, is_open bool) ON COMMIT DROP"


def run(people: int = 100_000, products: int = 500, rounds: int = 3, seed: int = 20261121) -> dict[str, Any]:
    """Seconds of both ways and their ratio."""
    catalogue = a_catalogue(products, seed)
    crowd, _profiles = a_crowd(people, seed)
    crowd = type(crowd)(**{name: getattr(crowd, name) for name in crowd.__slots__} | {"surplus": crowd.room * 2})
    seconds: dict[str, list[float]] = {"kernel_and_copy": [], "end_to_end": []}
    rows = 0
    for _round in range(rounds):
        for name, ways in (("kernel_and_copy", _limit), ("end_to_end", _product)):
            start = time.perf_counter()
            rows = ways(crowd, catalogue)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "people": people,
        "products": products,
        "rounds": rounds,
        "rows_stored": rows,
        "load": round(os.getloadavg()[0], 2),
        "seconds": {name: round(value, 2) for name, value in medians.items()},
        "ratio": round(medians["end_to_end"] / medians["kernel_and_copy"], 2),
    }


def _limit(crowd: Any, catalogue: Any) -> int:
    best = match_many(crowd, catalogue, POLICY)
    return _store(best, lambda column: {})


def _product(crowd: Any, catalogue: Any) -> int:
    best = match_many(crowd, catalogue, POLICY)
    told = tell(crowd, catalogue, best)
    without = np.flatnonzero(best.offers == 0)
    return _store(
        best,
        lambda some: {"flags": told.flags[some], "share": told.share[some]},
        {"person": without, "room": crowd.room[without], "is_open": best.open[without]},
    )


def _store(best: Any, more: Callable[[Any], dict[str, Any]], without: dict[str, Any] | None = None) -> int:
    """COPY of one row for each offer, and of one for each person without."""
    some = best.product != UNKNOWN
    person, slot = np.nonzero(some)
    columns = {
        "person": person,
        "rank": slot + 1,
        **{name: getattr(best, name)[some] for name in FIGURES},
        **more(some),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TABLE)
        _copy(cursor, "matched", columns)
        if without is not None:
            cursor.execute(NONE)
            _copy(cursor, "unmatched", without)
            cursor.execute("DROP TABLE unmatched")
        cursor.execute("DROP TABLE matched")
    return len(person)


def _copy(cursor: Any, table: str, columns: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    csv.write_csv(pa.table(columns), buffer, csv.WriteOptions(include_header=False, quoting_style="none"))
    buffer.seek(0)
    cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT csv)", buffer)
