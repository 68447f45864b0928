"""The evaluation of a model as one JSON document: what its page, its card and the API show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.curves import Economics, calibration_bins, distribution, lift, profit, roc, vintages
from scoring.evaluation import at_cutoff, evaluate
from scoring.fairness import fairness

if TYPE_CHECKING:
    import pandas

CUTOFF = 0.10


def evaluation_document(
    outcomes: np.ndarray,
    pd: np.ndarray,
    *,
    cutoff: float = CUTOFF,
    groups: Mapping[str, np.ndarray] | None = None,
    decided_on: np.ndarray | None = None,
    economics: Economics | None = None,
) -> dict[str, Any]:
    """Everything measured on rows the model has not seen: `outcomes` 0/1, `pd` calibrated probabilities, float[n].

    `groups` are sensitive facts by name (a label or number per row), `decided_on` datetime64[n]. All rates are
    fractions; what cannot be computed is None. Keys:

    - `rows, default_rate, auc, auc_low, auc_high, gini, ks, pr_auc, brier, log_loss, ece, ece_noise_limit,
      calibration_slope`: as `scoring.evaluation.evaluate`.
    - `at_cutoff`: `cutoff, true_positives, false_positives, false_negatives, true_negatives, accuracy, precision,
      recall, f1`; a positive is a refusal, so a true positive is a defaulter refused.
    - `roc`: `[[share of payers refused, share of defaulters refused], …]` from (0, 0) to (1, 1), at most 101 points.
    - `lift`: tenths, riskiest first: `group, rows, defaults, default_rate, lowest_pd, lift, captured`.
    - `calibration`: tenths, safest first: `rows, predicted, seen, low, high` (95 % of the seen rate).
    - `distribution`: `edges` (PD, one more than the bins), `payers`, `defaulters` (counts).
    - `profit`: `margin, loss` (per sol lent), `break_even` (PD), `cutoff` (refuse from here on), `profit` (per sol
      asked for), `accepted` (share), `profit_of_all`, `curve`: `[{cutoff, accepted, profit}, …]`.
    - `vintages` (empty without dates): by quarter `period, rows, defaults, default_rate, low, high, mean_pd, auc,
      auc_low, auc_high, psi`.
    - `fairness` (empty without groups): by fact `cutoff, reference, unknown, approval_ratio, tpr_gap,
      calibration_gap, four_fifths, groups: [{group, rows, defaults, few, approved, approval, approval_low,
      approval_high, approval_ratio, approval_ratio_low, approval_ratio_high, tpr, tpr_low, tpr_high, mean_pd,
      default_rate, default_rate_low, default_rate_high, calibration_gap, auc}]`.
    """
    outcomes = np.asarray(outcomes, dtype=float)
    pd = np.clip(np.asarray(pd, dtype=float), 1e-9, 1 - 1e-9)
    return {
        **evaluate(outcomes, pd),
        "at_cutoff": at_cutoff(outcomes, pd, cutoff),
        "roc": roc(outcomes, pd),
        "lift": lift(outcomes, pd),
        "calibration": calibration_bins(outcomes, pd),
        "distribution": distribution(outcomes, pd),
        "profit": profit(outcomes, pd, economics),
        "vintages": [] if decided_on is None else vintages(outcomes, pd, np.asarray(decided_on, "datetime64[D]")),
        "fairness": fairness(outcomes, pd, groups or {}, cutoff),
    }


def sensitive_facts(frame: pandas.DataFrame, profile: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The columns that a data set keeps for fairness alone, by name."""
    return {
        name: frame[name].to_numpy()
        for name, column in profile.get("columns", {}).items()
        if column["role"] == "sensitive" and name in frame.columns
    }
