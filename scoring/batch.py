"""Scoring files of applicants, any number of rows in bounded memory: CSV, Parquet and XLSX.

A file has one column per declared fact, by its name in the dictionary; a column that is not there is a question
nobody was asked. A row with an unreadable cell gets its reason instead of a score.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext as _

from scoring.datasets.reading import delimiter_of
from scoring.features import PROHIBITED_FACTS, ProhibitedFact
from scoring.memory import Memory
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
    with tempfile.TemporaryDirectory() as folder:
        if source.suffix.lower() == ".xlsx":
            source = _sheet_as_csv(source, Path(folder) / f"{source.stem}.csv")
        batches = _batches(model, source, key, rows_at_once)
        first = next(batches, None)
        if first is None or first.empty:
            raise FileRefused(_("El archivo no tiene filas."))
        totals, memory = Totals(), Memory()
        with target.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(COLUMNS)
            batch: pd.DataFrame | None = first
            while batch is not None:
                lines.writerows(_score_batch(model, batch, key, totals, memory))
                yield totals
                batch = next(batches, None)


def _batches(model: LiveModel, source: Path, key: str | None, rows_at_once: int) -> Iterator[pd.DataFrame]:
    import pandas as pd
    import pyarrow

    try:
        if source.suffix.lower() == ".parquet":
            from pyarrow.parquet import ParquetFile

            with ParquetFile(source) as table:
                wanted = _wanted(model, table.schema_arrow.names, key)
                for batch in table.iter_batches(rows_at_once, columns=wanted):
                    yield batch.to_pandas()
            return
        form: Any = {"encoding": "utf-8-sig", "sep": _separator(source)}
        wanted = _wanted(model, list(pd.read_csv(source, nrows=0, **form).columns), key)
        yield from pd.read_csv(source, usecols=wanted, dtype=str, keep_default_na=False, chunksize=rows_at_once, **form)
    except (OSError, ValueError, UnicodeDecodeError, pyarrow.ArrowException) as error:
        if isinstance(error, FileRefused | ProhibitedFact):
            raise
        raise FileRefused(_("No se pudo leer %(file)s: %(why)s") % {"file": source.name, "why": error}) from error


def _separator(source: Path) -> str:
    with source.open(encoding="utf-8-sig", newline="") as file:
        return delimiter_of("".join(islice(file, 20)))


def _wanted(model: LiveModel, header: Sequence[str], key: str | None) -> list[str]:
    """The columns to read. Raises FileRefused or ProhibitedFact."""
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
    return list(dict.fromkeys([*known, *([key] if key else [])]))


def _sheet_as_csv(source: Path, target: Path) -> Path:
    """The first sheet of a workbook on disk, a few rows in memory at a time."""
    from openpyxl import load_workbook

    try:
        sheet = load_workbook(source, read_only=True, data_only=True).worksheets[0]
    except Exception as error:  # openpyxl has no base class of its own
        raise FileRefused(_("No se pudo abrir la hoja: %(why)s") % {"why": error}) from error
    with target.open("w", newline="", encoding="utf-8") as copy:
        lines = csv.writer(copy)
        for values in sheet.iter_rows(values_only=True):
            lines.writerow(["" if value is None else value for value in values])
    return target


def _score_batch(
    model: LiveModel, batch: pd.DataFrame, key: str | None, totals: Totals, memory: Memory
) -> Iterator[tuple[Any, ...]]:
    """Lines of `COLUMNS`; the totals are right when all are taken."""
    errors: dict[int, str] = {}
    words = {part.name for part in model.reader.coded_facts}
    columns = {
        name: _words(batch[name]) if name in words else _numbers(batch[name], name, errors)
        for name in batch.columns
        if name in model.reader.columns
    }
    scored = model.score_matrix(model.reader.matrix(columns, len(batch)), memory)
    keys = batch[key].tolist() if key else [""] * len(batch)
    first = totals.rows + 2  # the header is line 1
    reasons = zip(*_heaviest(model.parts, scored.points), strict=True)
    told = zip(keys, scored.score.tolist(), scored.pd.tolist(), reasons, strict=True)
    for place, (name, score, pd_, (in_favour, against)) in enumerate(told):
        if place in errors:
            yield first + place, name, "", "", "", "", errors[place]
            continue
        yield first + place, name, score, f"{pd_:.8f}", in_favour, against, ""
        totals.points += score
    totals.rows += len(batch)
    totals.refused += len(errors)
    totals.scored = totals.rows - totals.refused


def _heaviest(parts: Sequence[str], points: np.ndarray) -> Iterator[list[str]]:
    """For each row the heaviest reasons in favour, then those against; of equal ones, the last or the first part."""
    count = len(parts)
    # One number says both how many points and which part, so that sorting numbers is enough.
    ranked = np.sort((points * np.int32(count) + np.arange(count, dtype=np.int32)[:, None]).T.copy(), axis=1)
    for ends, sign in ((ranked[:, ::-1][:, :REASONS], 1), (ranked[:, :REASONS], -1)):
        columns = []
        for one in ends.T:
            given, which = (part.tolist() for part in np.divmod(one, count))
            columns.append(
                [f"{parts[at]}:{much}" if sign * much > 0 else "" for at, much in zip(which, given, strict=True)]
            )
        yield ["; ".join(filter(None, row)) for row in zip(*columns, strict=True)]


def _numbers(column: pd.Series, name: str, errors: dict[int, str]) -> np.ndarray:
    import pandas as pd
    import pyarrow
    import pyarrow.compute as pc

    if column.dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    text = pc.utf8_trim_whitespace(pyarrow.array(column, pyarrow.string(), from_pandas=True))
    text = pc.replace_with_mask(text, pc.equal(text, ""), pyarrow.scalar(None, pyarrow.string()))
    try:
        return pc.cast(text, pyarrow.float64()).to_numpy(zero_copy_only=False)
    except pyarrow.ArrowInvalid:  # some cell is not a plain number
        cells = pd.Series(text.to_pylist(), dtype=object)
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, copy=True)
    for place in np.flatnonzero(np.isnan(values) & cells.notna().to_numpy()):
        word = cells.iloc[place].lower()
        if word in YES_NO:
            values[place] = YES_NO[word]
        elif word != "nan":
            errors.setdefault(int(place), f"{name}: «{cells.iloc[place][:40]}» {_('no es un número')}")
    return values


def _words(column: pd.Series) -> list[str | None]:
    return [word or None for word in column.astype(object).where(column.notna(), "").astype(str).str.strip()]
