"""Whether a model still sees the people it was made for: shares by bin, then and now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scoring.curves import share_interval

BINS = 10
SMALLEST_SHARE = 1e-4
DRAWS = 500
# Usual reading of a population stability index: below .10 the same people, above .25 others.
PSI_WARN, PSI_BAD = 0.10, 0.25
MISSING_WARN, MISSING_BAD = 0.10, 0.25  # more unanswered than when trained, in shares of all
BEYOND_WARN, BEYOND_BAD = 0.02, 0.10  # of the answers, outside what was seen in training
FEWEST = 100  # applications; fewer prove nothing
SCORE = ""  # the subject that stands for the predicted probability itself


@dataclass(frozen=True, slots=True)
class Drift:
    """How one feature, or the prediction, has moved: PSI, and shares now against shares in training."""

    subject: str
    psi: float
    psi_noise: float  # what chance alone would give a sample of this size, 95 times in 100
    missing: float
    missing_before: float
    beyond: float

    @property
    def moved(self) -> bool:
        """Further than a warning, and than chance explains."""
        return self.psi >= PSI_WARN and self.psi > self.psi_noise


def reference(names: Sequence[str], X: np.ndarray, pd: np.ndarray) -> dict[str, Any]:
    """What to keep of a training set, float64[n, d] and float[n], so that later applications can be held against it.

    By name (`""` for the prediction): inner `edges`, `shares` of each bin, `missing` share, `low` and `high`.
    """
    columns = {name: X[:, place] for place, name in enumerate(names)} | {SCORE: pd}
    return {name: _described(values) for name, values in columns.items()}


def drift(kept: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> list[Drift]:
    """Each column (float[n], NaN where unanswered) against its reference, the furthest moved first."""
    found = [_moved(name, kept[name], values) for name, values in columns.items() if name in kept and len(values)]
    return sorted(found, key=lambda one: (-one.psi, one.subject))


def realised(pd: np.ndarray, outcomes: np.ndarray) -> dict[str, float]:
    """Predicted beside seen default of one vintage, with the 95 % interval of what was seen."""
    low, high = share_interval(float(outcomes.sum()), len(outcomes))
    return {
        "rows": len(outcomes),
        "predicted": float(pd.mean()),
        "seen": float(outcomes.mean()),
        "low": low,
        "high": high,
    }


def _described(values: np.ndarray) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.empty(0)
    return {
        "edges": edges.tolist(),
        "shares": _shares(known, edges).tolist(),
        "missing": float(np.isnan(values).mean()),
        "low": float(known.min()) if len(known) else None,
        "high": float(known.max()) if len(known) else None,
        "rows": len(values),
    }


def _moved(name: str, kept: Mapping[str, Any], values: np.ndarray) -> Drift:
    """Bins and the missing answers together are what the index is taken over."""
    known = values[~np.isnan(values)]
    missing = 1 - len(known) / len(values)
    edges = np.array(kept["edges"])
    before = np.append(np.array(kept["shares"]) * (1 - kept["missing"]), kept["missing"])
    now = np.append(_shares(known, edges) * (1 - missing), missing)
    beyond = 0.0
    if len(known) and kept["low"] is not None:
        reach = 1e-9 * max(1.0, abs(kept["low"]), abs(kept["high"]))
        beyond = float(((known < kept["low"] - reach) | (known > kept["high"] + reach)).mean())
    return Drift(
        subject=name,
        psi=_index(before, now),
        psi_noise=_noise(before, len(values), kept["rows"]),
        missing=missing,
        missing_before=kept["missing"],
        beyond=beyond,
    )


def _index(before: np.ndarray, now: np.ndarray) -> float:
    before, now = np.maximum(before, SMALLEST_SHARE), np.maximum(now, SMALLEST_SHARE)
    return float(np.sum((now - before) * np.log(now / before)))


def _noise(before: np.ndarray, now: int, then: int) -> float:
    """The index that samples of these sizes from the same people stay under 95 times in 100, by drawing them."""
    rng = np.random.default_rng(0)
    whole = before / before.sum()
    first, second = (np.maximum(rng.multinomial(n, whole, DRAWS) / n, SMALLEST_SHARE) for n in (then, now))
    return float(np.quantile(np.sum((second - first) * np.log(second / first), axis=1), 0.95))


def _shares(known: np.ndarray, edges: np.ndarray) -> np.ndarray:
    if not len(known):
        return np.zeros(len(edges) + 1)
    return np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1) / len(known)
