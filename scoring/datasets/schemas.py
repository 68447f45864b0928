"""What a table promises to hold: written down when it is imported, checked when another file claims the same.

Kept as JSON, enforced by pandera.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext as _

from scoring.datasets.reading import MOST_REJECTED, DatasetRefused, Table

if TYPE_CHECKING:
    import pandera.pandas as pandera

KINDS = {"f": "number", "M": "date", "O": "text"}
MOST_LEVELS = 50


def infer_schema(table: Table) -> dict[str, Any]:
    """Kinds, whether a value may be missing, and the levels of texts that have few; ranges are for people to add."""
    columns: dict[str, Any] = {}
    for name in table.frame.columns:
        column = table.frame[name]
        kind = "target" if name == table.target else KINDS.get(column.dtype.kind, "text")
        described: dict[str, Any] = {"kind": kind, "nullable": bool(column.isna().any())}
        if kind == "text" and column.nunique() <= MOST_LEVELS:
            described["levels"] = sorted(map(str, column.dropna().unique()))
        columns[str(name)] = described
    return {"columns": columns}


def read_schema(path: Path) -> dict[str, Any]:
    """A schema file. Raises DatasetRefused."""
    try:
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
        columns = schema["columns"]
        if not isinstance(columns, dict) or not all(isinstance(column, dict) for column in columns.values()):
            raise TypeError("columns must map names to objects")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetRefused(_("El esquema %(path)s no se entiende: %(why)s") % {"path": path, "why": error}) from error
    return schema


def check_schema(table: Table, schema: dict[str, Any]) -> Table:
    """The table without the rows that break the schema. Raises DatasetRefused when columns do, or too many rows."""
    import pandera.errors

    wanted = schema["columns"]
    missing = sorted(set(wanted) - set(map(str, table.frame.columns)))
    if missing:
        raise DatasetRefused(_("Faltan columnas del esquema: %(names)s.") % {"names": ", ".join(missing)})
    for name, described in wanted.items():
        found = "target" if name == table.target else KINDS.get(table.frame[name].dtype.kind, "text")
        empty = table.frame[name].isna().all()
        if described.get("kind", found) != found and not empty:
            raise DatasetRefused(
                _("La columna «%(name)s» debe ser %(want)s y es %(found)s.")
                % {"name": name, "want": described["kind"], "found": found}
            )
    try:
        _as_pandera(wanted).validate(table.frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases.dropna(subset=["index"])
        bad = {
            int(row["index"]): f"{row['column']}: «{row['failure_case']}» {row['check']}"
            for _i, row in cases.iterrows()
        }
        if len(bad) > MOST_REJECTED * len(table.frame):
            raise DatasetRefused(
                _("%(bad)s filas no cumplen el esquema; la primera: %(first)s.")
                % {"bad": len(bad), "first": next(iter(bad.values()))}
            ) from errors
        keep = ~np.isin(np.arange(len(table.frame)), list(bad))
        return replace(
            table,
            frame=table.frame[keep].reset_index(drop=True),
            rejected=sorted([*table.rejected, *((row + 2, why) for row, why in bad.items())]),
        )
    return table


def _as_pandera(columns: dict[str, dict[str, Any]]) -> pandera.DataFrameSchema:
    import pandera.pandas as pandera

    checked = {}
    for name, described in columns.items():
        checks = []
        if described.get("levels"):
            checks.append(pandera.Check.isin(described["levels"]))
        if described.get("low") is not None:
            checks.append(pandera.Check.ge(described["low"]))
        if described.get("high") is not None:
            checks.append(pandera.Check.le(described["high"]))
        checked[name] = pandera.Column(checks=checks, nullable=bool(described.get("nullable", True)))
    return pandera.DataFrameSchema(checked)
