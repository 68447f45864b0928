"""The transparent model on tables: of declared facts, by the dictionary; of any columns, as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.features import (
    HISTORY_FACTS,
    OPTIONAL_FACTS,
    SIGNALS,
    STATEMENT_FACTS,
    dictionary,
    feature_names,
    features_of,
    reader,
)
from scoring.model_files import dump_model
from scoring.points import Scale
from scoring.recipe.encoding import TableEncoder
from scoring.recipe.searching import search
from scoring.recipe.stack import Progress
from scoring.serving import LiveModel
from scoring.training import Parameters, TrainedModel, stratified_folds, train_transparent

if TYPE_CHECKING:
    import optuna
    import pandas as pd


NOT_ASKED = frozenset({*HISTORY_FACTS, *OPTIONAL_FACTS, *SIGNALS, *STATEMENT_FACTS})
FEATURE = "feature."  # begins the name of a column that holds a feature instead of a declared fact
# Of a segment's features, the share that a table must be able to feed to be trained on by the dictionary.
ENOUGH_FEATURES = 0.4


@dataclass(frozen=True)
class TransparentTable:
    """The transparent model over columns of any name: to compare and to learn from, not for live decisions."""

    encoder: TableEncoder
    trained: TrainedModel
    segment: str
    scale: Scale = field(default_factory=Scale)

    def probabilities(self, frame: pd.DataFrame) -> np.ndarray:
        margins = self.trained.tables.margins(self.encoder.transform(frame))
        return self.trained.calibration.probabilities(margins)

    def dump(self, metadata: Mapping[str, Any]) -> bytes:
        return _dump(self, {**metadata, "encoder": self.encoder.as_document()})


@dataclass(frozen=True)
class TransparentFacts:
    """The transparent model over the feature dictionary: columns are declared facts, directions are promised."""

    trained: TrainedModel
    segment: str
    scale: Scale = field(default_factory=Scale)

    def probabilities(self, frame: pd.DataFrame) -> np.ndarray:
        margins = self.trained.tables.margins(facts_matrix(self.segment, frame))
        return self.trained.calibration.probabilities(margins)

    def dump(self, metadata: Mapping[str, Any]) -> bytes:
        return _dump(self, {**metadata, "features": dictionary(self.segment)[self.segment]})


def train_transparent_table(
    frame: pd.DataFrame,
    outcomes: np.ndarray,
    columns: Sequence[str],
    *,
    segment: str,
    seed: int = 1,
    trials: int = 0,
    weights: np.ndarray | None = None,
    directions: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> TransparentTable:
    """The transparent model on `columns` of `frame`, monotone only where `directions` (by column) say so."""
    encoder = TableEncoder(columns, compact=True)
    X = encoder.fit(frame, outcomes, stratified_folds(outcomes, Parameters.folds, seed))
    bound = [(directions or {}).get(name, 0) for name in encoder.names]
    trained = _train(X, outcomes, encoder.names, bound, seed, trials, weights, progress)
    return TransparentTable(encoder, trained, segment)


def train_transparent_facts(
    frame: pd.DataFrame,
    outcomes: np.ndarray,
    columns: Sequence[str],
    *,
    segment: str,
    seed: int = 1,
    trials: int = 0,
    weights: np.ndarray | None = None,
    progress: Progress | None = None,
) -> TransparentFacts:
    """The live kind of model, from a frame whose columns are declared facts."""
    features = features_of(segment)
    trained = _train(
        facts_matrix(segment, frame),
        outcomes,
        [feature.name for feature in features],
        [feature.direction for feature in features],
        seed,
        trials,
        weights,
        progress,
    )
    return TransparentFacts(trained, segment)


def _train(
    X: np.ndarray,
    outcomes: np.ndarray,
    names: Sequence[str],
    directions: Sequence[int],
    seed: int,
    trials: int,
    weights: np.ndarray | None,
    progress: Progress | None,
) -> TrainedModel:
    """With `trials`, as many settings are tried by out-of-fold log loss; the product's own are the first of them."""
    usual = Parameters(seed=seed)
    if not trials:
        return train_transparent(X, outcomes, names, directions, usual, progress, weights)

    def suggested(trial: optuna.trial.BaseTrial) -> Parameters:
        if not trial.number:
            return usual
        return replace(
            usual,
            depth=trial.suggest_int("depth", 1, 3),
            learning_rate=trial.suggest_float("learning_rate", 0.03, 0.2, log=True),
            min_child_weight=trial.suggest_float("min_child_weight", 2, 40, log=True),
            l2=trial.suggest_float("l2", 0.5, 20, log=True),
            max_pairs=trial.suggest_int("max_pairs", 0, Parameters.max_pairs, step=10),
        )

    def loss(trial: optuna.Trial) -> float:
        parameters = suggested(trial)
        trial.set_user_attr("parameters", asdict(parameters))
        return train_transparent(X, outcomes, names, directions, parameters, None, weights).metrics["log_loss"]

    best = search(loss, trials, seed, progress).user_attrs["parameters"]
    return train_transparent(X, outcomes, names, directions, Parameters(**best), progress, weights)


def holds_facts(segment: str, columns: Sequence[str]) -> bool:
    """Whether a table's columns are facts or features, enough of them for a model of this segment."""
    if any(name.startswith(FEATURE) for name in columns):
        return sum(f"{FEATURE}{name}" in columns for name in feature_names(segment)) >= ENOUGH_FEATURES * len(
            feature_names(segment)
        )
    declared = [set(feature.sources) - NOT_ASKED for feature in features_of(segment)]
    asked = [sources for sources in declared if sources]
    return sum(sources <= set(columns) for sources in asked) >= ENOUGH_FEATURES * len(asked)


def facts_matrix(segment: str, frame: pd.DataFrame) -> np.ndarray:
    """Feature values of a frame of declared facts, or of features frozen by scores: float64[n, d].

    Other columns are not looked at; a feature that the frame has not is missing.
    """
    if any(name.startswith(FEATURE) for name in frame.columns):
        missing = np.full(len(frame), np.nan)
        return np.column_stack(
            [
                frame[f"{FEATURE}{name}"].to_numpy(dtype=np.float64) if f"{FEATURE}{name}" in frame else missing
                for name in feature_names(segment)
            ]
        )
    facts = reader(segment)
    return facts.matrix({name: frame[name].to_numpy() for name in frame.columns if name in facts.columns}, len(frame))


def _dump(model: TransparentTable | TransparentFacts, metadata: Mapping[str, Any]) -> bytes:
    trained = model.trained
    document = {**metadata, "parameters": trained.parameters, "blend": trained.blend}
    live = LiveModel(model.segment, trained.tables, trained.calibration, model.scale, document)
    return dump_model(live, trained.booster)
