"""What a model's predictions look like when drawn: ranking, calibration, distribution, profit and vintages.

Every function takes predictions on rows that were not learnt from (`outcomes` 0/1, `pd` in (0, 1)) and gives plain
numbers, ready for JSON. Probabilities of default are fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scoring.evaluation import auc_interval

POINTS = 101  # of a curve, at most
GROUPS = 10  # of the lift table and the calibration bins
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Economics:
    """What a loan brings, per sol lent: `margin` from who pays, minus `loss` from who does not."""

    margin: float = 0.20
    loss: float = 0.60

    @property
    def break_even(self) -> float:
        """The PD at which a loan is expected to bring nothing."""
        return self.margin / (self.margin + self.loss)


def share_interval(hits: float, of: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if of <= 0:
        return 0.0, 1.0
    share, spread = hits / of, Z_95**2 / of
    middle = (share + spread / 2) / (1 + spread)
    reach = Z_95 / (1 + spread) * np.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


def roc(outcomes: np.ndarray, pd: np.ndarray, points: int = POINTS) -> list[list[float]]:
    """`[share of payers refused, share of defaulters refused]` as the cut-off falls, from (0, 0) to (1, 1)."""
    caught, disturbed = _swept(outcomes, pd)
    places = _spaced(len(caught), points)
    return [[float(x), float(y)] for x, y in zip(disturbed[places], caught[places], strict=True)]


def lift(outcomes: np.ndarray, pd: np.ndarray, groups: int = GROUPS) -> list[dict[str, float]]:
    """Equal groups, the riskiest first: default rate, how many times the average it is, defaulters caught so far."""
    order = np.argsort(-pd, kind="stable")
    rate, total, caught = float(outcomes.mean()), float(outcomes.sum()), 0.0
    table = []
    for place, part in enumerate(_parts(order, groups), 1):
        bads = float(outcomes[part].sum())
        caught += bads
        table.append(
            {
                "group": place,
                "rows": len(part),
                "defaults": int(bads),
                "default_rate": bads / len(part),
                "lowest_pd": float(pd[part].min()),
                "lift": bads / len(part) / rate,
                "captured": caught / total,
            }
        )
    return table


def calibration_bins(outcomes: np.ndarray, pd: np.ndarray, bins: int = GROUPS) -> list[dict[str, float]]:
    """Equal groups by PD, the safest first: mean predicted PD beside the seen default rate and its 95 % interval."""
    table = []
    for part in _parts(np.argsort(pd, kind="stable"), bins):
        bads = float(outcomes[part].sum())
        low, high = share_interval(bads, len(part))
        table.append(
            {
                "rows": len(part),
                "predicted": float(pd[part].mean()),
                "seen": bads / len(part),
                "low": low,
                "high": high,
            }
        )
    return table


def distribution(outcomes: np.ndarray, pd: np.ndarray, bins: int = 20) -> dict[str, list[float]]:
    """Counts of payers and defaulters between `edges` of PD, evenly spaced in log-odds from percentile .1 to 99.9."""
    log_odds = np.log(pd / (1 - pd))
    low, high = np.quantile(log_odds, [0.001, 0.999])
    edges = np.linspace(low, high if high > low else low + 1e-6, bins + 1)
    clipped = np.clip(log_odds, edges[0], edges[-1])
    bad = outcomes.astype(bool)
    return {
        "edges": (1 / (1 + np.exp(-edges))).tolist(),
        "payers": np.histogram(clipped[~bad], edges)[0].tolist(),
        "defaulters": np.histogram(clipped[bad], edges)[0].tolist(),
    }


def profit(
    outcomes: np.ndarray, pd: np.ndarray, economics: Economics | None = None, points: int = POINTS
) -> dict[str, Any]:
    """Profit per sol asked for, were everyone below a cut-off served one equal loan, and the best such cut-off."""
    economics = economics or Economics()
    order = np.argsort(pd, kind="stable")
    sorted_pd = pd[order]
    gained = np.cumsum(np.where(outcomes[order] > 0, -economics.loss, economics.margin)) / len(pd)
    last_of_tie = np.flatnonzero(np.append(np.diff(sorted_pd) != 0, True))
    best = last_of_tie[int(np.argmax(gained[last_of_tie]))]
    places = last_of_tie[_spaced(len(last_of_tie), points)]
    refuse_from = float(np.nextafter(sorted_pd[best], 1.0)) if best + 1 == len(pd) else float(sorted_pd[best + 1])
    return {
        "margin": economics.margin,
        "loss": economics.loss,
        "break_even": economics.break_even,
        "cutoff": refuse_from,
        "profit": float(max(gained[best], 0.0)),
        "accepted": float((best + 1) / len(pd)),
        "profit_of_all": float(gained[-1]),
        "curve": [
            {"cutoff": float(sorted_pd[at]), "accepted": float((at + 1) / len(pd)), "profit": float(gained[at])}
            for at in places
        ],
    }


def vintages(outcomes: np.ndarray, pd: np.ndarray, decided_on: np.ndarray) -> list[dict[str, Any]]:
    """By quarter of decision: realised beside predicted default, AUC with interval, and PSI against all quarters.

    `decided_on` datetime64[n]; rows without a date are left out.
    """
    known = ~np.isnat(decided_on)
    outcomes, pd, months = outcomes[known], pd[known], decided_on[known].astype("datetime64[M]").astype(int)
    quarter = months // 3
    table: list[dict[str, Any]] = []
    for one in np.unique(quarter):
        mine = quarter == one
        bads = float(outcomes[mine].sum())
        low, high = share_interval(bads, int(mine.sum()))
        ranked = auc_interval(outcomes[mine], pd[mine]) if 0 < bads < mine.sum() else None
        table.append(
            {
                "period": f"{1970 + one // 4}-Q{one % 4 + 1}",
                "rows": int(mine.sum()),
                "defaults": int(bads),
                "default_rate": bads / float(mine.sum()),
                "low": low,
                "high": high,
                "mean_pd": float(pd[mine].mean()),
                "auc": ranked.value if ranked else None,
                "auc_low": ranked.low if ranked else None,
                "auc_high": ranked.high if ranked else None,
                "psi": psi(pd, pd[mine]),
            }
        )
    return table


def psi(expected: np.ndarray, seen: np.ndarray, bins: int = GROUPS) -> float:
    """Population stability index of `seen` against `expected` over the deciles of `expected`; missing is a bin."""
    whole = expected[~np.isnan(expected)]
    edges = np.unique(np.quantile(whole, np.arange(1, bins) / bins)) if len(whole) else np.empty(0)

    def shares(values: np.ndarray) -> np.ndarray:
        missing = np.isnan(values)
        places = np.searchsorted(edges, values[~missing], side="right")
        counts = np.append(np.bincount(places, minlength=len(edges) + 1), missing.sum())
        return np.maximum(counts / max(1, len(values)), 1e-4)

    before, now = shares(expected), shares(seen)
    return float(np.sum((now - before) * np.log(now / before)))


def _swept(outcomes: np.ndarray, pd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of defaulters and of payers at or above each distinct PD, the highest first, after (0, 0)."""
    order = np.argsort(-pd, kind="stable")
    bad = outcomes[order].astype(float)
    last_of_tie = np.append(np.diff(pd[order]) != 0, True)
    caught = np.cumsum(bad)[last_of_tie] / bad.sum()
    disturbed = np.cumsum(1 - bad)[last_of_tie] / (1 - bad).sum()
    return np.append(0.0, caught), np.append(0.0, disturbed)


def _spaced(length: int, points: int) -> np.ndarray:
    return np.unique(np.linspace(0, length - 1, min(points, length)).round().astype(int))


def _parts(order: np.ndarray, groups: int) -> Sequence[np.ndarray]:
    return [part for part in np.array_split(order, groups) if len(part)]
