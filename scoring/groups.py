"""Facts that make groups when a live model's fairness is watched: told by the floors above, never inputs of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from django.utils.module_loading import import_string

# Application ids -> a label by id; an application whose label is not known is left out.
Source = Callable[[Sequence[UUID]], Mapping[UUID, str]]

_sources: dict[str, str | Source] = {}


def register_groups(name: str, source: str | Source) -> None:
    """Say where the labels of a fact come from, as a function or its dotted name; apps do so when they are loaded."""
    _sources[name] = source


def labels_of(keys: Sequence[UUID]) -> dict[str, Mapping[UUID, str]]:
    """By fact, the label of each of these applications of the institution in scope."""
    if not keys:
        return {name: {} for name in _sources}
    return {
        name: (import_string(source) if isinstance(source, str) else source)(keys) for name, source in _sources.items()
    }
