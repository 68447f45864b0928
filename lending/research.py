"""Anonymised extracts: nobody in them stands in a group of fewer than k people. Pure.

What an outsider may know of somebody (segment, department, age, quarter) is made coarser until at least k rows look
alike; what no coarsening helps is left out. The risk of finding somebody again is stated with the extract.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

LEAST_K: Final = 5
ANY: Final = "*"
COAST: Final = frozenset({"07", "11", "13", "14", "15", "18", "20", "23", "24", "04"})
JUNGLE: Final = frozenset({"01", "16", "17", "22", "25"})
# (segment, department, age in years, quarter) of one person, as finely as it is known
Known = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Extract:
    """The released rows, each (group…, attributes…), and how safe they are."""

    k: int
    rows: list[tuple[Any, ...]]
    suppressed: int
    groups: int

    @property
    def highest_risk(self) -> float:
        """The chance of picking the right row for somebody known to be in it, at worst."""
        sizes = Counter(row[:4] for row in self.rows)
        return 1 / min(sizes.values()) if sizes else 0.0

    @property
    def average_risk(self) -> float:
        """The same for the average row."""
        return self.groups / len(self.rows) if self.rows else 0.0

    @property
    def suppressed_share(self) -> float:
        total = len(self.rows) + self.suppressed
        return self.suppressed / total if total else 0.0


def decade(age: int) -> str:
    """`30-39`; the youngest and the oldest together with their neighbours."""
    low = max(20, min(age // 10 * 10, 60))
    return "18-29" if low == 20 else "60+" if low == 60 else f"{low}-{low + 9}"


def generation(age: int) -> str:
    """`18-39`, `40+`."""
    return "18-39" if age < 40 else "40+"


def zone(department: str) -> str:
    """Coast, highlands or jungle, by where most of the department's people live."""
    return "costa" if department in COAST else "selva" if department in JUNGLE else "sierra"


def year(quarter: str) -> str:
    return quarter[:4]


# From fine to coarse: every step says less of a person than the one before.
STEPS: Final[tuple[Callable[[Known], tuple[str, str, str, str]], ...]] = (
    lambda one: (one[0], one[1], decade(one[2]), one[3]),
    lambda one: (one[0], one[1], generation(one[2]), one[3]),
    lambda one: (one[0], zone(one[1]), generation(one[2]), one[3]),
    lambda one: (one[0], zone(one[1]), generation(one[2]), year(one[3])),
    lambda one: (one[0], zone(one[1]), ANY, year(one[3])),
    lambda one: (one[0], ANY, ANY, year(one[3])),
)


def anonymised(people: Iterable[tuple[Known, Sequence[Any]]], k: int = LEAST_K) -> Extract:
    """The extract of (what may be known, attributes) of each person. Raises ValueError for k below LEAST_K."""
    if k < LEAST_K:
        raise ValueError(f"k must be {LEAST_K} or more")
    waiting = list(people)
    released: list[tuple[Any, ...]] = []
    groups = 0
    for step in STEPS:
        sizes = Counter(step(known) for known, _attributes in waiting)
        large = {group for group, size in sizes.items() if size >= k}
        # A coarse group must not be told apart from a fine one it contains: names of groups differ by their grain.
        released += [(*step(known), *attributes) for known, attributes in waiting if step(known) in large]
        groups += len(large)
        waiting = [one for one in waiting if step(one[0]) not in large]
    return Extract(k, sorted(released, key=lambda row: tuple(str(value) for value in row)), len(waiting), groups)
