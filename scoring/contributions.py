"""What moves a transparent model's predictions, over many people: exact, because each part is a table.

For an additive model the Shapley value of a part is its contribution minus its mean, so nothing is estimated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scoring.serving import LiveModel


def importance(live: LiveModel, X: np.ndarray) -> list[dict[str, Any]]:
    """Each part's mean absolute Shapley value on `X` float64[n, d], in points of the score, the heaviest first."""
    added = -live.scale.factor * live.tables.contribution_columns(X)
    centred = added - added.mean(axis=1, keepdims=True)
    weights = np.abs(centred).mean(axis=1)
    return [
        {
            "part": live.parts[place],
            "points": float(weights[place]),
            "low": float(np.quantile(centred[place], 0.05)),
            "high": float(np.quantile(centred[place], 0.95)),
        }
        for place in np.argsort(-weights, kind="stable")
        if weights[place] > 0
    ]


def dependence(live: LiveModel, X: np.ndarray, feature: str, points: int = 60) -> list[tuple[float, float]]:
    """How many points each value of one feature gives beside its mean, over the values seen: [(value, points), …].

    Raises KeyError for a feature the model does not read by itself.
    """
    place = live.tables.names.index(feature) if feature in live.tables.names else -1
    if place < 0:
        raise KeyError(feature)
    known = np.unique(X[:, place][~np.isnan(X[:, place])])
    if not len(known):
        return []
    seen = known[np.unique(np.linspace(0, len(known) - 1, min(points, len(known))).round().astype(int))]
    row = np.full((len(seen), X.shape[1]), np.nan)
    row[:, place] = seen
    given = -live.scale.factor * live.tables.contribution_columns(row)[place]
    mean = float((-live.scale.factor * live.tables.contribution_columns(X)[place]).mean())
    return [(float(value), float(one - mean)) for value, one in zip(seen, given, strict=True)]
