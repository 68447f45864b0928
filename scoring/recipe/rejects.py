"""Reject inference by reweighting: the borrowers who were served stand for those who were not.

An approval model says how likely each served borrower was to be served; its inverse is how many people of that kind
knocked on the door for each one of whom the outcome is known. It needs some acceptance everywhere: where the old
policy never said yes, no weighting can tell how it would have gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scoring.calibration import choose_calibration
from scoring.recipe.encoding import TableEncoder
from scoring.recipe.members import BoostedTrees
from scoring.training import CannotTrain, stratified_folds

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 50  # of each kind
HEAVIEST = 20.0  # how many refused borrowers one served borrower may stand for
FOLDS = 5


def acceptance_weights(frame: pd.DataFrame, approved: np.ndarray, columns: Sequence[str], seed: int = 1) -> np.ndarray:
    """How much each served row counts, float64 of as many as `approved` (bool[n]) is true, with mean 1.

    Raises CannotTrain when too few were refused or served to learn from.
    """
    served = approved.astype(np.float64)
    if min(served.sum(), len(served) - served.sum()) < FEWEST:
        raise CannotTrain(f"reject inference needs {FEWEST} rows of people served and {FEWEST} of people refused")
    folds = stratified_folds(served, FOLDS, seed)
    X = TableEncoder(columns).fit(frame, served, folds)
    member = BoostedTrees("approval", depth=3, learning_rate=0.1, min_child_weight=10, columns=0.8)
    margins = np.empty(len(served))
    for fold in range(FOLDS):
        out = folds == fold
        margins[out] = member.fit(X[~out], served[~out], X[out], served[out], seed).log_odds(X[out])
    chance = choose_calibration(margins, served, seed=seed).probabilities(margins)[approved]
    weights = np.minimum(1 / chance, HEAVIEST)
    return weights / weights.mean()
