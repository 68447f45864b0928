"""One training run of any algorithm on a kept table: measured on rows it has not seen, then fitted on all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from scoring.datasets import Table
from scoring.evaluation import evaluate
from scoring.recipe.splits import splits_of
from scoring.recipe.stack import Progress, train_stack
from scoring.recipe.transparent import train_transparent_facts, train_transparent_table
from scoring.recipe.tuned import train_tuned
from scoring.training import CannotTrain, check_trainable


class Predicts(Protocol):
    """A fitted model of any algorithm."""

    def probabilities(self, frame: Any) -> np.ndarray: ...

    def dump(self, metadata: Mapping[str, Any]) -> bytes: ...


LIVE = "additive-xgboost"
TABLE = "additive-xgboost-table"
ALGORITHMS: dict[str, Callable[..., Predicts]] = {
    LIVE: train_transparent_facts,
    TABLE: train_transparent_table,
    "stack": train_stack,
    "xgboost": train_tuned,
}
MODES = {"accurate": "stack", "transparent": LIVE}
# Measured and kept, but never in force: their reasons are not exact, or not the dictionary's.
ONLY_TO_COMPARE = frozenset(ALGORITHMS) - {LIVE}


@dataclass(frozen=True)
class Run:
    """What came out: the model fitted on all rows, and the metrics of those held out."""

    model: Predicts
    metrics: dict[str, float]
    held_out: np.ndarray = field(repr=False)  # bool[n]: rows that were predicted unseen
    predicted: np.ndarray = field(repr=False)  # PD of those rows, NaN for the others
    seconds: float = 0.0


def run(
    table: Table,
    columns: Sequence[str],
    algorithm: str,
    *,
    splits: str = "5fold",
    seed: int = 1,
    progress: Progress | None = None,
    **options: Any,
) -> Run:
    """Train `algorithm` and measure it by `splits`. Raises CannotTrain."""
    if algorithm not in ALGORITHMS:
        raise CannotTrain(f"unknown algorithm {algorithm}; known: {', '.join(ALGORITHMS)}")
    outcomes = table.outcomes
    if not columns:
        raise CannotTrain("no column is left to learn from")
    check_trainable(table.frame[list(columns)].to_numpy(dtype=object), outcomes)
    started = time.perf_counter()
    train = ALGORITHMS[algorithm]
    predicted = np.full(len(outcomes), np.nan)
    rounds = list(splits_of(table, splits, seed))
    for place, held_out in enumerate(rounds):
        if progress:
            progress(splits, place, len(rounds) + 1)
        model = train(table.frame[~held_out].reset_index(drop=True), outcomes[~held_out], columns, seed=seed, **options)
        predicted[held_out] = model.probabilities(table.frame[held_out].reset_index(drop=True))
    seen = ~np.isnan(predicted)
    metrics = evaluate(outcomes[seen], predicted[seen])
    if progress:
        progress("all rows", len(rounds), len(rounds) + 1)
    final = train(table.frame, outcomes, columns, seed=seed, **options)
    if progress:
        progress("done", len(rounds) + 1, len(rounds) + 1)
    return Run(final, metrics, seen, predicted, time.perf_counter() - started)
