"""An optional neural network through Keras 3, on PyTorch or TensorFlow (`requirements-neural.txt`).

Keras only trains: what it learnt is kept as the arrays of its layers, and predicts without it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.recipe.learners import Layers, NeuralNetwork
from scoring.recipe.members import Fitted, Weights, class_weights, rank_knots, ranked_design
from scoring.training import CannotTrain

if TYPE_CHECKING:
    import pandas as pd

    from scoring.recipe.single import OneKind
    from scoring.recipe.stack import Progress


@dataclass(frozen=True)
class KerasNetwork:
    """Two rectified layers with dropout on ranks made normal, stopped early on the held-out rows."""

    name: str = "neural"
    units: tuple[int, ...] = (64, 32)
    dropout: float = 0.15
    learning_rate: float = 0.003
    rounds: int = 60
    knots: int = 100

    def fit(
        self, X: np.ndarray, y: np.ndarray, X_out: np.ndarray, y_out: np.ndarray, seed: int, weights: Weights = None
    ) -> Fitted:
        import keras

        keras.utils.set_random_seed(seed)
        knots = rank_knots(X, self.knots)
        design, design_out = (ranked_design(rows, knots).astype("float32") for rows in (X, X_out))
        layers: list[keras.Layer] = [keras.Input((design.shape[1],))]
        for units in self.units:
            layers += [keras.layers.Dense(units, activation="relu"), keras.layers.Dropout(self.dropout, seed=seed)]
        network = keras.Sequential([*layers, keras.layers.Dense(1)])
        network.compile(
            optimizer=keras.optimizers.Adam(self.learning_rate),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
        )
        network.fit(
            design,
            y.astype("float32"),
            sample_weight=weights,
            validation_data=(design_out, y_out.astype("float32"), class_weights(y, weights, y_out)),
            epochs=self.rounds,
            batch_size=256,
            verbose=0,
            callbacks=[keras.callbacks.EarlyStopping(patience=6, restore_best_weights=True)],
        )
        dense = [layer.get_weights() for layer in network.layers if isinstance(layer, keras.layers.Dense)]
        return Layers(
            knots, [part.astype(np.float64) for part, _ in dense], [part.astype(np.float64) for _, part in dense]
        )

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Fitted:
        return NeuralNetwork().restore(arrays)


def train_neural(
    frame: pd.DataFrame,
    outcomes: np.ndarray,
    columns: Sequence[str],
    *,
    seed: int = 1,
    imbalance: str = "weights",
    weights: Weights = None,
    progress: Progress | None = None,
) -> OneKind:
    """The network on `columns` of `frame`. Raises CannotTrain where Keras is not installed."""
    from scoring.recipe.single import train_one_kind

    if importlib.util.find_spec("keras") is None:
        raise CannotTrain("neural needs Keras: pip install -r requirements-neural.txt (see docs/scoring.md)")
    return train_one_kind(
        frame,
        outcomes,
        columns,
        member=KerasNetwork(),
        seed=seed,
        imbalance=imbalance,
        weights=weights,
        progress=progress,
    )
