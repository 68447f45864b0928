"""Scoring files of applicants, any number of rows in bounded memory.

A file has one column per declared fact, by its name in the dictionary; a column that is not there is a question
nobody was asked. A row with an unreadable cell gets its reason instead of a score.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext as _

from scoring.features import PROHIBITED_FACTS, ProhibitedFact
from scoring.serving import LiveModel

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 20_000
REASONS = 3
COLUMNS = ("row", "key", "score", "pd", "in_favour", "against", "error")
YES_NO = {"true": 1.0, "false": 0.0, "si": 1.0, "sí": 1.0, "no": 0.0, "yes": 1.0}


class FileRefused(ValueError):
    """The file cannot be scored at all; the message says why."""


@dataclass
class Totals:
    """How a file went."""

    rows: int = 0
    scored: int = 0
    refused: int = 0
    points: int = 0

    @property
    def mean_score(self) -> float | None:
        return round(self.points / self.scored, 1) if self.scored else None


def score_file(
    model: LiveModel, source: Path, target: Path, *, key: str | None = None, rows_at_once: int = ROWS_AT_ONCE
) -> Iterator[Totals]:
    """Write a line of `COLUMNS` for each row of `source`, yielding the totals so far after each batch.

    Raises FileRefused before the first row is written, or ProhibitedFact when a column must not decide anything.
    """
    batches = _batches(model, source, key, rows_at_once)
    first = next(batches, None)
    if first is None or first.empty:
        raise FileRefused(_("El archivo no tiene filas."))
    totals = Totals()
    with target.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        batch: pd.DataFrame | None = first
        while batch is not None:
            _score_batch(model, batch, key, lines, totals)
            yield totals
            batch = next(batches, None)


def _batches(model: LiveModel, source: Path, key: str | None, rows_at_once: int) -> Iterator[pd.DataFrame]:
    import pandas as pd

    try:
        header = list(pd.read_csv(source, nrows=0, encoding="utf-8-sig").columns)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise FileRefused(_("No se pudo leer %(file)s: %(why)s") % {"file": source.name, "why": error}) from error
    if prohibited := PROHIBITED_FACTS & {name.lower() for name in header}:
        raise ProhibitedFact(prohibited)
    facts = model.reader.columns
    known = [name for name in header if name in facts]
    if not known:
        raise FileRefused(
            _("Ninguna columna es un dato conocido. Se esperan: %(names)s.") % {"names": ", ".join(sorted(facts))}
        )
    if key is not None and key not in header:
        raise FileRefused(_("No hay una columna «%(name)s».") % {"name": key})
    wanted = list(dict.fromkeys([*known, *([key] if key else [])]))
    try:
        yield from pd.read_csv(
            source, usecols=wanted, dtype=str, keep_default_na=False, chunksize=rows_at_once, encoding="utf-8-sig"
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise FileRefused(_("No se pudo leer %(file)s: %(why)s") % {"file": source.name, "why": error}) from error


def _score_batch(model: LiveModel, batch: pd.DataFrame, key: str | None, lines: Any, totals: Totals) -> None:
    errors: dict[int, str] = {}
    words = {part.name for part in model.reader.coded_facts}
    columns = {
        name: _words(batch[name]) if name in words else _numbers(batch[name], name, errors)
        for name in batch.columns
        if name in model.reader.columns
    }
    scored = model.score_matrix(model.reader.matrix(columns, len(batch)))
    order = np.argsort(scored.points, axis=0, kind="stable")
    keys = batch[key].tolist() if key else [""] * len(batch)
    parts = model.parts
    first = totals.rows + 2  # the header is line 1
    for place in range(len(batch)):
        if place in errors:
            lines.writerow([first + place, keys[place], "", "", "", "", errors[place]])
            continue
        points, ranked = scored.points[:, place], order[:, place]
        in_favour = [f"{parts[part]}:{points[part]}" for part in ranked[::-1][:REASONS] if points[part] > 0]
        against = [f"{parts[part]}:{points[part]}" for part in ranked[:REASONS] if points[part] < 0]
        score = int(scored.score[place])
        pd_shown = f"{scored.pd[place]:.8f}"
        lines.writerow([first + place, keys[place], score, pd_shown, "; ".join(in_favour), "; ".join(against), ""])
        totals.points += score
    totals.rows += len(batch)
    totals.refused += len(errors)
    totals.scored = totals.rows - totals.refused


def _numbers(column: pd.Series, name: str, errors: dict[int, str]) -> np.ndarray:
    import pandas as pd

    text = column.str.strip()
    values = pd.to_numeric(text.where(text != ""), errors="coerce").to_numpy(dtype=np.float64, copy=True)
    for place in np.flatnonzero(np.isnan(values) & (text != "").to_numpy()):
        word = text.iloc[place].lower()
        if word in YES_NO:
            values[place] = YES_NO[word]
        elif word != "nan":
            errors.setdefault(int(place), f"{name}: «{text.iloc[place][:40]}» {_('no es un número')}")
    return values


def _words(column: pd.Series) -> list[str | None]:
    return [word or None for word in column.str.strip()]
