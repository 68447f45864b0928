"""Whether a model treats groups of people alike, at a cut-off: who is served, of those who would pay and of all.

The facts that make the groups are never inputs of a model. Here *served* means a PD below the cut-off, and the true
positive rate is the share of those who paid that are served: the chance that matters to an applicant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from scoring.curves import Z_95, share_interval
from scoring.evaluation import auc

FEW = 30  # rows; smaller groups are shown, and left out of the summary
MOST_GROUPS = 12
FOUR_FIFTHS = 0.8
AGE = re.compile(r"(^|[^a-z])(age|edad)([^a-z]|$)", re.IGNORECASE)
AGE_EDGES = (25, 35, 50, 65)


def by_group(outcomes: np.ndarray, pd: np.ndarray, groups: np.ndarray, cutoff: float) -> dict[str, Any]:
    """Approval, true positive rate and calibration of each group, with sample sizes and 95 % intervals.

    `groups` holds a label per row, None where unknown (those rows are counted apart). Gaps and ratios compare
    groups of at least `FEW` rows; the approval ratio is against the group served most often.
    """
    labels = np.array(["" if one is None or one != one else str(one) for one in groups], dtype=object)
    served = pd < cutoff
    table = [
        _group(label, outcomes[mine], pd[mine], served[mine])
        for label in sorted(set(labels) - {""})
        for mine in [labels == label]
    ]
    enough = [one for one in table if not one["few"]]
    best = max((one["approval"] for one in enough), default=0.0)
    reference = next((one for one in enough if one["approval"] == best), None)
    for one in table:
        one["approval_ratio"], one["approval_ratio_low"], one["approval_ratio_high"] = _ratio(one, reference)
    rates = [one["tpr"] for one in enough if one["tpr"] is not None]
    ratios = [one["approval_ratio"] for one in enough if one["approval_ratio"] is not None]
    bends = [abs(one["calibration_gap"]) for one in enough]
    return {
        "cutoff": float(cutoff),
        "reference": reference["group"] if reference else None,
        "unknown": int((labels == "").sum()),
        "approval_ratio": min(ratios, default=None),
        "tpr_gap": max(rates) - min(rates) if rates else None,
        "calibration_gap": max(bends, default=None),
        "four_fifths": min(ratios, default=1.0) >= FOUR_FIFTHS,
        "groups": table,
    }


def fairness(
    outcomes: np.ndarray, pd: np.ndarray, facts: Mapping[str, np.ndarray], cutoff: float
) -> dict[str, dict[str, Any]]:
    """`by_group` for every sensitive fact, numbers taken in bands."""
    return {name: by_group(outcomes, pd, banded(name, values), cutoff) for name, values in facts.items()}


def banded(name: str, values: np.ndarray) -> np.ndarray:
    """Labels of a fact: words as they are, ages by decades of life, other numbers of many values by quarters."""
    if values.dtype.kind not in "fiu":
        words, counts = np.unique([str(one) for one in values if one is not None and one == one], return_counts=True)
        kept = set(words[np.argsort(-counts, kind="stable")][: MOST_GROUPS - 1])
        many = len(words) >= MOST_GROUPS
        return np.array(
            [
                None if one is None or one != one else (str(one) if str(one) in kept or not many else "…")
                for one in values
            ],
            dtype=object,
        )
    numbers = values.astype(np.float64)
    known = numbers[~np.isnan(numbers)]
    if AGE.search(name):
        edges = np.array(AGE_EDGES, dtype=float)
    elif len(np.unique(known)) <= MOST_GROUPS:
        return np.array([None if one != one else f"{one:g}" for one in numbers], dtype=object)
    else:
        edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    names = [f"< {edges[0]:g}", *(f"{a:g}–{b:g}" for a, b in pairwise(edges)), f"≥ {edges[-1]:g}"]
    places = np.searchsorted(edges, numbers, side="right")
    return np.array([None if one != one else names[place] for one, place in zip(numbers, places, strict=True)], object)


def _group(label: str, outcomes: np.ndarray, pd: np.ndarray, served: np.ndarray) -> dict[str, Any]:
    rows, bads, taken = len(pd), int(outcomes.sum()), int(served.sum())
    payers = rows - bads
    served_payers = int((served & (outcomes == 0)).sum())
    low, high = share_interval(taken, rows)
    tpr_low, tpr_high = share_interval(served_payers, payers)
    seen_low, seen_high = share_interval(bads, rows)
    return {
        "group": label,
        "rows": rows,
        "defaults": bads,
        "few": rows < FEW,
        "approved": taken,
        "approval": taken / rows,
        "approval_low": low,
        "approval_high": high,
        "tpr": served_payers / payers if payers else None,
        "tpr_low": tpr_low,
        "tpr_high": tpr_high,
        "mean_pd": float(pd.mean()),
        "default_rate": bads / rows,
        "default_rate_low": seen_low,
        "default_rate_high": seen_high,
        "calibration_gap": float(pd.mean()) - bads / rows,
        "auc": auc(outcomes, pd) if 0 < bads < rows else None,
    }


def _ratio(one: Mapping[str, Any], reference: Mapping[str, Any] | None) -> tuple[Any, Any, Any]:
    """Approval against the reference group's, with the interval of a ratio of shares (Katz, on the log scale)."""
    if reference is None or not reference["approval"]:
        return None, None, None
    ratio = one["approval"] / reference["approval"]
    if one["group"] == reference["group"] or not one["approved"]:
        return ratio, ratio, ratio
    spread = 1 / one["approved"] - 1 / one["rows"] + 1 / reference["approved"] - 1 / reference["rows"]
    reach = float(np.exp(Z_95 * np.sqrt(spread)))
    return ratio, ratio / reach, ratio * reach
