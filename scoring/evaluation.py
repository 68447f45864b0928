"""How good a model is, measured on rows it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.calibration import fit_slope

ECE_BINS = 10


@dataclass(frozen=True)
class Interval:
    value: float
    low: float
    high: float


def auc(outcomes: np.ndarray, scores: np.ndarray) -> float:
    """The chance that a defaulter has the higher `scores` than a payer; ties count one half."""
    bad = outcomes.astype(bool)
    n_bad, n_good = int(bad.sum()), int((~bad).sum())
    _both_classes(n_bad, n_good)
    return float((_ranks(scores)[bad].sum() - n_bad * (n_bad + 1) / 2) / (n_bad * n_good))


def auc_interval(outcomes: np.ndarray, scores: np.ndarray, confidence: float = 0.95) -> Interval:
    """AUC with DeLong's interval."""
    from scipy.stats import norm

    bad = outcomes.astype(bool)
    n_bad, n_good = int(bad.sum()), int((~bad).sum())
    _both_classes(n_bad, n_good)
    everyone = _ranks(scores)
    # Each borrower's share of the others, of the other kind, that are ranked right.
    of_bad = (everyone[bad] - _ranks(scores[bad])) / n_good
    of_good = 1 - (everyone[~bad] - _ranks(scores[~bad])) / n_bad
    value = float(of_bad.mean())
    spread = np.sqrt(of_bad.var(ddof=1) / n_bad + of_good.var(ddof=1) / n_good) if min(n_bad, n_good) > 1 else 0.5
    reach = float(norm.ppf((1 + confidence) / 2) * spread)
    return Interval(value, max(0.0, value - reach), min(1.0, value + reach))


def ks(outcomes: np.ndarray, scores: np.ndarray) -> float:
    """Kolmogorov-Smirnov: the largest distance between the two kinds' cumulative shares."""
    order = np.argsort(scores, kind="stable")
    bad = outcomes[order].astype(float)
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    caught = np.cumsum(bad) / bad.sum()
    disturbed = np.cumsum(1 - bad) / (1 - bad).sum()
    return float(np.abs(caught - disturbed)[last_of_tie].max())


def pr_auc(outcomes: np.ndarray, scores: np.ndarray) -> float:
    """Average precision: mean precision over the recall gained at each score."""
    order = np.argsort(-scores, kind="stable")
    bad = outcomes[order].astype(float)
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    caught = np.cumsum(bad)[last_of_tie]
    looked_at = (np.arange(len(bad)) + 1)[last_of_tie]
    return float(np.sum(np.diff(caught, prepend=0.0) * caught / looked_at) / bad.sum())


def brier(outcomes: np.ndarray, pd: np.ndarray) -> float:
    return float(np.mean((pd - outcomes) ** 2))


def log_loss(outcomes: np.ndarray, pd: np.ndarray) -> float:
    p = np.clip(pd, 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(outcomes.astype(bool), np.log(p), np.log1p(-p))))


def ece(outcomes: np.ndarray, pd: np.ndarray, bins: int = ECE_BINS) -> float:
    """Expected calibration error over equally filled bins: mean distance of predicted from seen default rates."""
    order = np.argsort(pd, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(abs(pd[part].mean() - outcomes[part].mean()) * len(part) for part in parts) / len(pd))


def ece_noise_limit(pd: np.ndarray, seed: int = 0, rounds: int = 200, bins: int = ECE_BINS) -> float:
    """The ECE that a perfectly calibrated model stays under 95 times in 100, given these probabilities."""
    rng = np.random.default_rng(seed)
    order = np.argsort(pd, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    expected = np.array([pd[part].mean() for part in parts])
    sizes = np.array([len(part) for part in parts])
    # Sums of independent draws with slightly different odds: as good as binomial inside a bin.
    seen = rng.binomial(sizes, expected, size=(rounds, len(parts))) / sizes
    return float(np.quantile(np.abs(seen - expected) @ sizes / len(pd), 0.95))


def calibration_slope(outcomes: np.ndarray, pd: np.ndarray) -> float:
    """Slope of the outcomes' log-odds on the predicted ones: 1 is right, below 1 too bold, above 1 too timid."""
    p = np.clip(pd, 1e-9, 1 - 1e-9)
    return fit_slope(np.log(p / (1 - p)), outcomes)


def at_cutoff(outcomes: np.ndarray, pd: np.ndarray, cutoff: float) -> dict[str, float]:
    """What refusing everyone at or above `cutoff` would have caught and cost."""
    refused, bad = pd >= cutoff, outcomes.astype(bool)
    caught, disturbed = int((refused & bad).sum()), int((refused & ~bad).sum())
    missed, served = int((~refused & bad).sum()), int((~refused & ~bad).sum())
    precision = caught / max(1, caught + disturbed)
    recall = caught / max(1, caught + missed)
    return {
        "cutoff": float(cutoff),
        "true_positives": caught,
        "false_positives": disturbed,
        "false_negatives": missed,
        "true_negatives": served,
        "accuracy": (caught + served) / len(pd),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(1e-12, precision + recall),
    }


def evaluate(outcomes: np.ndarray, pd: np.ndarray) -> dict[str, float]:
    """Every figure of a model card, for predictions on unseen rows (`pd` in (0, 1), `outcomes` 0/1)."""
    outcomes, pd = np.asarray(outcomes, dtype=float), np.asarray(pd, dtype=float)
    area = auc_interval(outcomes, pd)
    return {
        "rows": len(pd),
        "default_rate": float(outcomes.mean()),
        "auc": area.value,
        "auc_low": area.low,
        "auc_high": area.high,
        "gini": 2 * area.value - 1,
        "ks": ks(outcomes, pd),
        "pr_auc": pr_auc(outcomes, pd),
        "brier": brier(outcomes, pd),
        "log_loss": log_loss(outcomes, pd),
        "ece": ece(outcomes, pd),
        "ece_noise_limit": ece_noise_limit(pd),
        "calibration_slope": calibration_slope(outcomes, pd),
    }


def against_truth(outcomes: np.ndarray, pd: np.ndarray, true_pd: np.ndarray) -> dict[str, float]:
    """The distance to the best attainable, where the truth is known: AUC lost, and mean absolute error of the PD."""
    best = auc(outcomes, true_pd)
    return {
        "auc_best": best,
        "auc_gap": best - auc(outcomes, pd),
        "pd_error": float(np.mean(np.abs(pd - true_pd))),
    }


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties sharing their mean."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.append(True, ordered[1:] != ordered[:-1])
    group = np.cumsum(first) - 1
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = ((starts + ends + 1) / 2)[group]
    return ranks


def _both_classes(n_bad: int, n_good: int) -> None:
    if not n_bad or not n_good:
        raise ValueError("both defaulters and payers are needed to measure a ranking")
