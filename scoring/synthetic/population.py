"""Drawing people: Gaussian copulas within blocks of facts, with effects of region and branch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

# Share of the borrowers in each department, "01" Amazonas to "25" Ucayali.
REGION_SHARE = np.array(
    [1.3, 3.6, 1.6, 5.2, 2.4, 5.0, 3.4, 5.1, 1.6, 2.9, 3.3, 4.9, 6.4, 4.4, 25.0, 2.6, 0.6, 0.8, 1.0, 6.6, 5.5,
     3.2, 1.5, 0.9, 1.2]
)  # fmt: skip
REGIONS = np.array([f"{code:02d}" for code in range(1, 26)])
BRANCHES = 80


class Crowd:
    """`n` people before their facts are known: where they live and what they have in common."""

    def __init__(self, n: int, rng: np.random.Generator):
        self.n = n
        self.rng = rng
        branch_region = rng.choice(25, BRANCHES, p=REGION_SHARE / REGION_SHARE.sum())
        self.branch = rng.integers(0, BRANCHES, n)
        self.region_index = branch_region[self.branch]
        self.region = REGIONS[self.region_index]
        self._region_effect = rng.normal(0, 0.25, 25)
        self._branch_effect = rng.normal(0, 0.15, BRANCHES)

    @cached_property
    def place(self) -> np.ndarray:
        """How well off the place is, roughly standard normal: region and branch together."""
        effect = self._region_effect[self.region_index] + self._branch_effect[self.branch]
        return effect / np.hypot(0.25, 0.15)

    def block(self, loadings: Sequence[float], place: float = 0.0) -> list[np.ndarray]:
        """Standard normals that hang together: one common factor, one loading for each, `place` of it local."""
        common = np.sqrt(1 - place**2) * self.rng.standard_normal(self.n) + place * self.place
        return [loading * common + np.sqrt(1 - loading**2) * self.rng.standard_normal(self.n) for loading in loadings]

    def alone(self) -> np.ndarray:
        return self.rng.standard_normal(self.n)


def lognormal(z: np.ndarray, median: np.ndarray | float, spread: float) -> np.ndarray:
    return median * np.exp(spread * z)


def between(z: np.ndarray, low: float, high: float) -> np.ndarray:
    """Evenly spread between two bounds."""
    return low + (high - low) * ndtr(z)


def grouped(z: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Group numbers 0, 1, 2… with these shares, the larger for the larger `z`."""
    edges = ndtri(np.cumsum(np.asarray(shares, dtype=float))[:-1] / np.sum(shares))
    return np.searchsorted(edges, z)


def worded(z: np.ndarray, shares: dict[str, float]) -> np.ndarray:
    return np.array(list(shares), dtype=object)[grouped(z, list(shares.values()))]


def or_nothing(z: np.ndarray, share_without: float, amounts: np.ndarray) -> np.ndarray:
    """Zero for the lowest share, the amounts for the others."""
    return np.where(ndtr(z) < share_without, 0.0, amounts)


def rounded(amounts: np.ndarray, step: float, low: float = 0.0, high: float = np.inf) -> np.ndarray:
    return np.clip(np.round(amounts / step) * step, low, high)
