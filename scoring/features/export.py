"""The feature dictionary as data: for the page, the API and the model card."""

from __future__ import annotations

from typing import Any

from django.utils import translation

from scoring.expressions import Coded, walk

from .feature import AS_OF, UNITS, Feature
from .rows import FEATURES, features_of

LANGUAGES = ("es", "en")


def describe(feature: Feature) -> dict[str, Any]:
    """One entry, JSON-ready, with its words in every language of the dictionary."""
    described: dict[str, Any] = {
        "name": feature.name,
        "formula": str(feature.formula),
        "facts": list(feature.sources),
        "range": [feature.low, feature.high],
        "direction": feature.direction,
        "source": list(feature.origins),
        "as_of": feature.as_of,
        "actionable": feature.actionable,
        "codes": {part.name: dict(part.table) for part in walk(feature.formula) if isinstance(part, Coded)},
    }
    for language in LANGUAGES:
        with translation.override(language):
            described[f"label_{language}"] = str(feature.label)
            described[f"unit_{language}"] = str(UNITS[feature.unit])
            described[f"as_of_{language}"] = str(AS_OF[feature.as_of])
            described[f"words_{language}"] = feature.sentence(feature.typical)
            if feature.lever is not None:
                described[f"advice_{language}"] = str(feature.lever.advice)
    if feature.lever is not None:
        described["lever"] = {"fact": feature.lever.fact, "step": feature.lever.step}
    return described


def dictionary(segment: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Every segment's features, or one segment's."""
    segments = FEATURES if segment is None else {segment: features_of(segment)}
    return {name: [describe(feature) for feature in features] for name, features in segments.items()}
