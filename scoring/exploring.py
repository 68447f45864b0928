"""What a table of borrowers looks like before anything is learnt from it: distributions, default rates, WoE, IV.

Weight of evidence is ln(share of payers / share of defaulters) of a bin, half a borrower added to each so that an
empty one is no infinity; information value is what the bins tell in all.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.curves import share_interval
from scoring.datasets import Table

if TYPE_CHECKING:
    import pandas as pd

BINS = 10
LEVELS = 12
SAMPLE = 5_000  # rows for correlations
MISSING = "–"
# Usual reading of an information value.
WEAK, MEDIUM, STRONG = 0.02, 0.10, 0.30


def column_story(table: Table, name: str) -> dict[str, Any]:
    """`bins`: label, rows, share, defaults, default_rate, low, high, woe; and `iv` of the whole column."""
    labels, order = _labels(table.frame[name])
    return _story(labels, order, table.outcomes)


def by_period(table: Table, name: str | None = None) -> list[dict[str, Any]]:
    """Default rate by quarter of the decision, with the mean of `name` where it is a number; empty without dates."""
    if table.as_of is None:
        return []
    quarters = table.frame[table.as_of].dt.to_period("Q").astype(str).to_numpy()
    values = None
    if name is not None and table.frame[name].dtype.kind == "f":
        values = table.frame[name].to_numpy()
    told = []
    for quarter in sorted(set(quarters) - {"NaT"}):
        mine = quarters == quarter
        bads, rows = float(table.outcomes[mine].sum()), int(mine.sum())
        low, high = share_interval(bads, rows)
        known = values[mine][~np.isnan(values[mine])] if values is not None else np.empty(0)
        told.append(
            {
                "period": quarter,
                "rows": rows,
                "default_rate": bads / rows,
                "low": low,
                "high": high,
                "mean": float(known.mean()) if len(known) else None,
            }
        )
    return told


def information(table: Table) -> dict[str, float]:
    """Information value by column, for those that may be learnt from."""
    return {
        str(name): column_story(table, str(name))["iv"]
        for name in table.frame.columns
        if name not in (table.target, table.as_of)
    }


def correlations(table: Table, most: int = 12, seed: int = 0) -> list[tuple[str, str, float]]:
    """The numeric columns that go together most, by Spearman's rank correlation on a sample."""
    numbers = [name for name in table.frame.columns if table.frame[name].dtype.kind == "f" and name != table.target]
    frame = table.frame[numbers]
    if len(frame) > SAMPLE:
        frame = frame.sample(SAMPLE, random_state=seed)
    matrix = frame.corr(method="spearman", min_periods=30).to_numpy()
    pairs = [
        (str(numbers[one]), str(numbers[other]), float(matrix[one, other]))
        for one in range(len(numbers))
        for other in range(one + 1, len(numbers))
        if matrix[one, other] == matrix[one, other]
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[2]))[:most]


def _labels(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """A bin's label for every row, and the labels in order; missing is a bin of its own, the last."""
    missing = column.isna().to_numpy()
    labels = np.full(len(column), MISSING, dtype=object)
    if column.dtype.kind in "fM":
        values = (
            column.to_numpy() if column.dtype.kind == "f" else column.to_numpy().astype("datetime64[D]").astype(float)
        )
        known = values[~missing]
        if not len(known):
            return labels, [MISSING]
        levels = np.unique(known)
        if len(levels) <= BINS:
            names = [_written(column, level) for level in levels]
            labels[~missing] = np.array(names, dtype=object)[np.searchsorted(levels, known)]
        else:
            edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS))
            shown = [_written(column, edge) for edge in edges]
            names = [f"< {shown[0]}", *(f"{a} – {b}" for a, b in pairwise(shown)), f"≥ {shown[-1]}"]
            labels[~missing] = np.array(names, dtype=object)[np.searchsorted(edges, known, side="right")]
        order = list(dict.fromkeys(names))
    else:
        words = column[~missing].astype(str)
        order = [str(level) for level in words.value_counts().head(LEVELS).index]
        kept = words.where(words.isin(order), "…").to_numpy()
        labels[~missing] = kept
        if "…" in set(kept) - set(order):
            order.append("…")
    return labels, [*order, *([MISSING] if missing.any() else [])]


def _written(column: pd.Series, value: float) -> str:
    if column.dtype.kind == "M":
        return str(np.datetime64(int(value), "D"))
    return f"{value:,.4g}"


def _story(labels: np.ndarray, order: list[str], outcomes: np.ndarray) -> dict[str, Any]:
    bads_all, goods_all = float(outcomes.sum()), float(len(outcomes) - outcomes.sum())
    bins, iv = [], 0.0
    for label in order:
        mine = labels == label
        rows, bads = int(mine.sum()), float(outcomes[mine].sum())
        if not rows:
            continue
        good_share, bad_share = (rows - bads + 0.5) / (goods_all + 0.5), (bads + 0.5) / (bads_all + 0.5)
        woe = float(np.log(good_share / bad_share))
        iv += (good_share - bad_share) * woe
        low, high = share_interval(bads, rows)
        bins.append(
            {
                "label": label,
                "rows": rows,
                "share": rows / len(outcomes),
                "defaults": int(bads),
                "default_rate": bads / rows,
                "low": low,
                "high": high,
                "woe": woe,
            }
        )
    return {"bins": bins, "iv": iv}
