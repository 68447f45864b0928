"""The feature dictionary: what the models may read, segment by segment, and how it follows from declared facts."""

from .export import describe, dictionary
from .feature import PROHIBITED_FACTS, Feature, Lever, ProhibitedFact
from .rows import (
    FEATURES,
    FactReader,
    UnreadableFact,
    feature_columns,
    feature_matrix,
    feature_names,
    feature_row,
    features_of,
    reader,
)
from .sources import (
    HISTORY_FACTS,
    OPTIONAL_FACTS,
    SIGNALS,
    STATEMENT_FACTS,
    KnownSignal,
    SignalFromTheFuture,
    check_known,
)

__all__ = [
    "FEATURES",
    "HISTORY_FACTS",
    "OPTIONAL_FACTS",
    "PROHIBITED_FACTS",
    "SIGNALS",
    "STATEMENT_FACTS",
    "FactReader",
    "Feature",
    "KnownSignal",
    "Lever",
    "ProhibitedFact",
    "SignalFromTheFuture",
    "UnreadableFact",
    "check_known",
    "describe",
    "dictionary",
    "feature_columns",
    "feature_matrix",
    "feature_names",
    "feature_row",
    "features_of",
    "reader",
]
