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

__all__ = [
    "FEATURES",
    "PROHIBITED_FACTS",
    "FactReader",
    "Feature",
    "Lever",
    "ProhibitedFact",
    "UnreadableFact",
    "describe",
    "dictionary",
    "feature_columns",
    "feature_matrix",
    "feature_names",
    "feature_row",
    "features_of",
    "reader",
]
