"""How a training run keeps rows aside to measure itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from django.utils.translation import gettext as _

from scoring.datasets import Table
from scoring.training import CannotTrain, stratified_folds

SPLITS = ("5fold", "holdout30", "time")


def splits_of(table: Table, how: str, seed: int) -> Iterator[np.ndarray]:
    """Which rows are held out, round after round: bool[n]. `time` keeps the latest 30 % by the as-of column."""
    outcomes = table.outcomes
    if how == "5fold":
        folds = stratified_folds(outcomes, 5, seed)
        for fold in range(5):
            yield folds == fold
    elif how == "holdout30":
        rng = np.random.default_rng(seed)
        held_out = np.zeros(len(outcomes), dtype=bool)
        for kind in (0.0, 1.0):
            rows = rng.permutation(np.flatnonzero(outcomes == kind))
            held_out[rows[: round(0.3 * len(rows))]] = True
        yield held_out
    elif how == "time":
        if table.as_of is None:
            raise CannotTrain(_("Para separar por fecha, importa los datos con la columna de la fecha (--as-of)."))
        days = table.frame[table.as_of]
        yield (days > days.quantile(0.7)).to_numpy()
    else:
        raise CannotTrain(f"unknown split {how}; known: {', '.join(SPLITS)}")
