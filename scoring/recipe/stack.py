"""Bagging and stacking: every member in every fold, weighed by what its out-of-fold log-odds are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.calibration import Calibration, calibration_document, calibration_from, choose_calibration
from scoring.recipe.encoding import TableEncoder
from scoring.recipe.members import MANY_ROWS, MEMBERS, Fitted, members_for
from scoring.recipe.packing import pack, unpack
from scoring.stacking import stack_weights
from scoring.training import check_trainable, stratified_folds

if TYPE_CHECKING:
    import pandas as pd

FOLDS, FOLDS_OF_MANY = 5, 3

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Stack:
    """A fitted stack: probabilities for any frame with the same columns."""

    encoder: TableEncoder
    fitted: dict[str, list[Fitted]]  # by member, one per fold
    weights: np.ndarray  # one per member, and the level
    calibration: Calibration
    out_of_fold: np.ndarray = field(repr=False)

    def probabilities(self, frame: pd.DataFrame) -> np.ndarray:
        """PD of each row: float64[n] in (0, 1)."""
        X = self.encoder.transform(frame)
        by_member = [np.mean([one.log_odds(X) for one in fitted], axis=0) for fitted in self.fitted.values()]
        return self.calibration.probabilities(np.column_stack(by_member) @ self.weights[:-1] + self.weights[-1])

    def dump(self, metadata: Mapping[str, Any]) -> bytes:
        """The stack as one file; the same stack gives the same bytes."""
        document = {
            "encoder": self.encoder.as_document(),
            "members": {name: len(fitted) for name, fitted in self.fitted.items()},
            "weights": self.weights.tolist(),
            "calibration": calibration_document(self.calibration),
            "metadata": dict(metadata),
        }
        arrays = {
            f"{name}/{fold}/{key}": array
            for name, fitted in self.fitted.items()
            for fold, one in enumerate(fitted)
            for key, array in one.arrays().items()
        }
        return pack(document, arrays)


def load_stack(content: bytes) -> Stack:
    """A stack from its file; its out-of-fold predictions are not kept there."""
    document, arrays = unpack(content)
    fitted: dict[str, list[Fitted]] = {}
    for member in MEMBERS:
        for fold in range(document["members"].get(member.name, 0)):
            prefix = f"{member.name}/{fold}/"
            own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            fitted.setdefault(member.name, []).append(member.restore(own))
    return Stack(
        TableEncoder.from_document(document["encoder"]),
        fitted,
        np.array(document["weights"]),
        calibration_from(document["calibration"]),
        np.empty(0),
    )


def train_stack(
    frame: pd.DataFrame,
    outcomes: np.ndarray,
    columns: Sequence[str],
    *,
    seed: int = 1,
    weights: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Stack:
    """Fit the stack on `columns` of `frame`. Raises CannotTrain."""
    check_trainable(frame.to_numpy(dtype=object), outcomes)
    folds = stratified_folds(outcomes, FOLDS_OF_MANY if len(outcomes) > MANY_ROWS else FOLDS, seed)
    encoder = TableEncoder(columns)
    X = encoder.fit(frame, outcomes, folds)
    members = members_for(len(outcomes))
    out_of_fold = np.empty((len(outcomes), len(members)))
    fitted: dict[str, list[Fitted]] = {}
    for place, member in enumerate(members):
        if progress:
            progress(member.name, place, len(members))
        for fold in range(folds.max() + 1):
            held_out = folds == fold
            own = None if weights is None else weights[~held_out]
            one = member.fit(X[~held_out], outcomes[~held_out], X[held_out], outcomes[held_out], seed, own)
            out_of_fold[held_out, place] = one.log_odds(X[held_out])
            fitted.setdefault(member.name, []).append(one)
    mix = stack_weights(out_of_fold, outcomes)
    margins = out_of_fold @ mix[:-1] + mix[-1]
    calibration = choose_calibration(margins, outcomes, weights, seed)
    return Stack(encoder, fitted, mix, calibration, calibration.probabilities(margins))
