"""Whether one model really ranks better than another on the same applications, or only seems to.

Before outcomes exist two models can only be held against each other: how alike they rank, and for whom they would
decide otherwise.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scoring.evaluation import auc, brier

FEWEST_OF_EACH = 30  # payers and defaulters; an interval on fewer is a guess
ROUNDS = 2_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Challenger minus champion, with its 95 % interval; `real` when that leaves zero out."""

    value: float
    low: float
    high: float

    @property
    def real(self) -> bool:
        return self.low > 0 or self.high < 0

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "real": self.real}


def auc_difference(outcomes: np.ndarray, champion: np.ndarray, challenger: np.ndarray) -> Difference:
    """DeLong's interval for the difference of two AUCs on the same rows (DeLong, DeLong and Clarke-Pearson 1988)."""
    from scipy.stats import norm

    bad = outcomes.astype(bool)
    parts = [_placements(bad, pd) for pd in (champion, challenger)]
    value = float(parts[1][0].mean() - parts[0][0].mean())
    variance = sum(float(np.var(after - before, ddof=1)) / len(before) for before, after in zip(*parts, strict=True))
    reach = float(norm.ppf(0.975) * np.sqrt(variance))
    return Difference(value, value - reach, value + reach)


def brier_difference(outcomes: np.ndarray, champion: np.ndarray, challenger: np.ndarray, seed: int = 0) -> Difference:
    """How much lower the challenger's squared error is (above zero is better), by paired bootstrap."""
    gain = (champion - outcomes) ** 2 - (challenger - outcomes) ** 2
    rng = np.random.default_rng(seed)
    # Drawing rows with replacement is drawing how often each counts.
    weights = rng.multinomial(len(gain), np.full(len(gain), 1 / len(gain)), size=ROUNDS)
    low, high = np.quantile(weights @ gain / len(gain), [0.025, 0.975])
    return Difference(float(gain.mean()), float(low), float(high))


def log_loss_gain(outcomes: np.ndarray, champion: np.ndarray, challenger: np.ndarray) -> Difference:
    """How much lower the challenger's log loss is (above zero is better), by the mean of the paired differences."""
    from scipy.stats import norm

    bad = outcomes.astype(bool)
    one, other = (np.where(bad, pd, 1 - pd).clip(1e-15, 1) for pd in (champion, challenger))
    gain = np.log(other) - np.log(one)
    value = float(gain.mean())
    reach = float(norm.ppf(0.975) * gain.std(ddof=1) / np.sqrt(len(gain)))
    return Difference(value, value - reach, value + reach)


def compare(outcomes: np.ndarray, champion: np.ndarray, challenger: np.ndarray) -> dict[str, Any] | None:
    """Both models' figures on the same loans and whether the difference is real; None where there are too few.

    `verdict`: `better`, `worse` or `open`, by the interval of the AUC difference.
    """
    bads = int(outcomes.sum())
    if min(bads, len(outcomes) - bads) < FEWEST_OF_EACH:
        return None
    ranks = auc_difference(outcomes, champion, challenger)
    errors = brier_difference(outcomes, champion, challenger)
    return {
        "rows": len(outcomes),
        "defaults": bads,
        "auc": [auc(outcomes, champion), auc(outcomes, challenger)],
        "brier": [brier(outcomes, champion), brier(outcomes, challenger)],
        "auc_difference": ranks.as_json(),
        "brier_gain": errors.as_json(),
        "verdict": ("better" if ranks.value > 0 else "worse") if ranks.real else "open",
    }


def agreement(champion: np.ndarray, challenger: np.ndarray, cutoff: float) -> dict[str, Any]:
    """How alike two models are on the same applications: float[n] PDs each, n > 0; refused from `cutoff` on."""
    from scipy.stats import spearmanr

    one, other = champion >= cutoff, challenger >= cutoff
    n = len(champion)
    same = float((one == other).mean())
    by_chance = float(one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean()))
    varied = n > 2 and np.ptp(champion) > 0 and np.ptp(challenger) > 0
    return {
        "rows": n,
        "rank_correlation": float(spearmanr(champion, challenger).statistic) if varied else None,
        "mean_pd": [float(champion.mean()), float(challenger.mean())],
        "same_answer": same,
        "kappa": (same - by_chance) / (1 - by_chance) if by_chance < 1 else None,
        "only_champion_refuses": int((one & ~other).sum()),
        "only_challenger_refuses": int((other & ~one).sum()),
        "largest_gap": float(np.abs(champion - challenger).max()),
    }


def rows_needed(gap: float, default_rate: float, spread: float = 0.45) -> int:
    """About how many finished loans a paired AUC gap of this size needs to be told from chance, 95 % and 80 % power.

    `spread` is the standard deviation of one borrower's placement difference, as seen between close models.
    """
    if gap <= 0 or not 0 < default_rate < 1:
        return 0
    per_row = spread**2 * (1 / default_rate + 1 / (1 - default_rate))
    return int(np.ceil(per_row * ((1.96 + 0.84) / gap) ** 2))


def _placements(bad: np.ndarray, pd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each defaulter the share of payers ranked below, of each payer the share of defaulters ranked above."""
    goods, bads = np.sort(pd[~bad]), np.sort(pd[bad])

    def below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
        left, right = np.searchsorted(others, values, "left"), np.searchsorted(others, values, "right")
        return (left + right) / 2 / len(others)

    return below(pd[bad], goods), 1 - below(pd[~bad], bads)
