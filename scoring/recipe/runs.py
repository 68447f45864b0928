"""One training run of any algorithm on a kept table: measured on rows it has not seen, then fitted on all of them."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from scoring.datasets import Table
from scoring.evaluation import evaluate
from scoring.recipe.neural import train_neural
from scoring.recipe.scorecard import train_scorecard_facts, train_scorecard_table
from scoring.recipe.single import KINDS, one_kind
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
TRAINERS: dict[str, Callable[..., Predicts]] = {
    LIVE: train_transparent_facts,
    TABLE: train_transparent_table,
    "scorecard": train_scorecard_facts,
    "scorecard-table": train_scorecard_table,
    "stack": train_stack,
    "xgboost": train_tuned,
    "neural": train_neural,
    **{name: one_kind(name) for name in KINDS},
}


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
    weights: np.ndarray | None = None,
    **options: Any,
) -> Run:
    """Train `algorithm` and measure it by `splits`; `weights` say how much each row counts in training.

    Options that are None are left to the algorithm. Raises CannotTrain, also for an option it does not have.
    """
    if algorithm not in TRAINERS:
        raise CannotTrain(f"unknown algorithm {algorithm}; known: {', '.join(TRAINERS)}")
    options = options_of(algorithm, options)
    outcomes = table.outcomes
    if not columns:
        raise CannotTrain("no column is left to learn from")
    check_trainable(table.frame[list(columns)].to_numpy(dtype=object), outcomes)
    started = time.perf_counter()
    train = TRAINERS[algorithm]
    predicted = np.full(len(outcomes), np.nan)
    rounds = list(splits_of(table, splits, seed))
    for place, held_out in enumerate(rounds):
        if progress:
            progress(splits, place, len(rounds) + 1)
        own = {} if weights is None else {"weights": weights[~held_out]}
        rows = table.frame[~held_out].reset_index(drop=True)
        model = train(rows, outcomes[~held_out], columns, seed=seed, **own, **options)
        predicted[held_out] = model.probabilities(table.frame[held_out].reset_index(drop=True))
    seen = ~np.isnan(predicted)
    metrics = evaluate(outcomes[seen], predicted[seen])
    if progress:
        progress("all rows", len(rounds), len(rounds) + 1)
    own = {} if weights is None else {"weights": weights}
    final = train(table.frame, outcomes, columns, seed=seed, **own, **options)
    if progress:
        progress("done", len(rounds) + 1, len(rounds) + 1)
    return Run(final, metrics, seen, predicted, time.perf_counter() - started)


def options_of(algorithm: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were asked for. Raises CannotTrain when the algorithm has no such thing."""
    known = inspect.signature(TRAINERS[algorithm]).parameters
    asked = {name: value for name, value in options.items() if value is not None}
    # What a table knows of itself is offered to every algorithm; what a person asked for is not dropped in silence.
    asked = {name: value for name, value in asked.items() if name in known or name not in {"segment", "directions"}}
    if unknown := sorted(set(asked) - set(known)):
        raise CannotTrain(f"{algorithm} has no {', '.join(unknown)}")
    return asked
