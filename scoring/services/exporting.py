"""Data sets that may leave the house: no identifiers, no sensitive facts, nothing that stands out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from accounts import audit
from accounts.actors import Actor
from scoring.models import Dataset
from scoring.services.datasets import load_table
from scoring.services.owners import chain_of

if TYPE_CHECKING:
    import pandas as pd

DIGITS: Final = 2  # significant ones that a number keeps
RAREST: Final = 10  # rows; rarer levels become one
OTHER: Final = "…"


def export_dataset(*, dataset: Dataset, actor: Actor) -> pd.DataFrame:
    """The rows without whom they are about, in another order.

    Identifiers, sensitive columns and whatever training leaves out are gone; numbers keep two significant digits
    and are brought into the middle 98 %; dates become their quarter; rare words become one. Raises NotAllowed.
    """
    actor.require("scoring.export_dataset")
    table = load_table(dataset)
    columns = dataset.profile.get("columns", {})
    kept: dict[str, Any] = {}
    for name in table.frame.columns:
        role = columns.get(name, {}).get("role", "excluded")
        if name == table.target:
            kept[name] = table.outcomes.astype(int)
        elif role in ("feature", "as_of"):
            kept[name] = _blurred(table.frame[name])
    import pandas as pd

    rng = np.random.default_rng(int(dataset.sha256[:8], 16))
    frame = pd.DataFrame(kept).iloc[rng.permutation(len(table.frame))].reset_index(drop=True)
    with chain_of(dataset.institution):
        audit.record(actor, "scoring.dataset.exported", dataset, rows=len(frame), columns=len(frame.columns))
    return frame


def rows_of(frame: pd.DataFrame) -> Iterator[list[Any]]:
    """The frame's rows for an export, missing as empty cells."""
    for row in frame.itertuples(index=False):
        yield [None if value != value else value for value in row]


def _blurred(column: pd.Series) -> Any:
    if column.dtype.kind == "M":
        return column.dt.to_period("Q").astype(str).where(column.notna(), None)
    if column.dtype.kind == "f":
        known = column.dropna()
        if known.empty:
            return column
        low, high = np.quantile(known, [0.01, 0.99])
        return _rounded(column.clip(low, high).to_numpy())
    words = column.where(column.notna(), None)
    counts = words.value_counts()
    return words.where(words.isna() | words.map(counts).ge(RAREST), OTHER)


def _rounded(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 10.0 ** (np.floor(np.log10(np.abs(values))) - DIGITS + 1)
        return np.where(values == 0, 0.0, np.round(values / power) * power).round(10)
