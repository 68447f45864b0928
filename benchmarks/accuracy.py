"""How well each algorithm ranks and calibrates on public credit data, on identical splits, nothing tuned to a set.

`AYNI_PUBLIC_DATA=/folder manage.py benchmark accuracy` calls `run`; alone, for some sets or algorithms:
`python -m benchmarks.accuracy --sets german,sba_case --algorithms stack --seeds 1,2,3 --keep-sensitive`. Every figure
is of rows that the model has not seen; `seconds` is processor time of training per 10,000 rows. The comparison is with
one plain XGBoost whose settings Optuna searched for on the training rows of each split. A seed decides the splits and
the training; figures of several are means, and `auc_by_seed` tells how far chance moves them.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.public_sets import FOLDER, SETS, ece_limit, folder, table_of
from scoring.calibration import IDENTITY
from scoring.evaluation import auc, calibration_slope, ece, log_loss
from scoring.recipe.runs import TRAINERS
from scoring.recipe.splits import splits_of

BASELINE = "xgboost"
DEFAULT = (BASELINE, "stack", "additive-xgboost-table")


def run(
    sets: tuple[str, ...] = tuple(SETS),
    algorithms: tuple[str, ...] = DEFAULT,
    trials: int = 30,
    keep_sensitive: bool = False,
    seeds: Sequence[int] = (1,),
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """AUC, log loss, calibration error and seconds per set and algorithm, and mean gains over the baseline."""
    where = folder()
    if where is None:
        return {"skipped": f"set {FOLDER} to the folder that holds the public files"}
    table: dict[str, dict[str, Any]] = {}
    for name in sets:
        if not (where / SETS[name].file).exists():
            table[name] = {"skipped": f"no {SETS[name].file}"}
            continue
        table[name] = {}
        for algorithm in algorithms:
            table[name][algorithm] = measured_over(
                [measure(name, algorithm, keep_sensitive, seed, trials) for seed in seeds]
            )
            if tell:
                tell(json.dumps({"set": name, "algorithm": algorithm, **table[name][algorithm]}))
    measured = {name: rows for name, rows in table.items() if BASELINE in rows}
    gains = {
        algorithm: [rows[algorithm]["auc"] - rows[BASELINE]["auc"] for rows in measured.values()]
        for algorithm in algorithms
        if algorithm != BASELINE and measured
    }
    return {
        "keep_sensitive": keep_sensitive,
        "sets": table,
        "mean_gain": {algorithm: float(np.mean(values)) for algorithm, values in gains.items()},
        "worst_gain": {algorithm: float(np.min(values)) for algorithm, values in gains.items()},
    }


def measured_over(runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Mean figures of the same set and algorithm on several seeds."""
    means = {key: round(float(np.mean([one[key] for one in runs])), 5) for key in runs[0]}
    return {**means, "auc_by_seed": [one["auc"] for one in runs]}


def measure(name: str, algorithm: str, keep_sensitive: bool, seed: int, trials: int) -> dict[str, float]:
    """One algorithm on one set: trained on the training rows of each split, measured on the others."""
    where = folder()
    assert where is not None
    table, columns = table_of(name, where, keep_sensitive=keep_sensitive)
    outcomes = table.outcomes
    options: dict[str, Any] = {"trials": trials} if algorithm == BASELINE else {}
    if algorithm.startswith("additive"):
        options["segment"] = "household"
    predicted, uncalibrated = np.full((2, len(outcomes)), np.nan)
    seconds, trained = 0.0, 0
    for held_out in splits_of(table, SETS[name].splits, seed):
        started = time.process_time()
        model = TRAINERS[algorithm](
            table.frame[~held_out].reset_index(drop=True), outcomes[~held_out], columns, seed=seed, **options
        )
        seconds += time.process_time() - started
        trained += int((~held_out).sum())
        unseen = table.frame[held_out].reset_index(drop=True)
        predicted[held_out] = model.probabilities(unseen)
        uncalibrated[held_out] = _uncalibrated(model).probabilities(unseen)
    seen = ~np.isnan(predicted)
    y, pd = outcomes[seen], predicted[seen]
    return {
        "auc": round(auc(y, pd), 5),
        "log_loss": round(log_loss(y, pd), 5),
        "log_loss_uncalibrated": round(log_loss(y, uncalibrated[seen]), 5),
        "calibration_slope": round(calibration_slope(y, pd), 3),
        "ece": round(ece(y, pd), 4),
        "ece_limit": round(ece_limit(pd), 4),
        "seconds_per_10k": round(seconds / trained * 10_000, 2),
        "rows": len(y),
        "columns": len(columns),
    }


def _uncalibrated(model: Any) -> Any:
    """The same model without its calibration; as it is, where it has none."""
    if hasattr(model, "trained"):
        return replace(model, trained=replace(model.trained, calibration=IDENTITY))
    return replace(model, calibration=IDENTITY) if hasattr(model, "calibration") else model


if __name__ == "__main__":
    import sys

    import django

    django.setup()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--algorithms", default=",".join(DEFAULT))
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--keep-sensitive", action="store_true")
    asked = parser.parse_args()
    figures = run(
        tuple(asked.sets.split(",")),
        tuple(asked.algorithms.split(",")),
        asked.trials,
        asked.keep_sensitive,
        tuple(map(int, asked.seeds.split(","))),
        tell=lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201
    )
    print(json.dumps(figures, indent=1))  # noqa: T201
