"""Reading a table that somebody else made: encodings, separators, decimal commas, dates, yes and no.

Every cell is read as text first; a column becomes numbers or dates only when its cells agree that it is. A cell
that does not fit its column costs its row, which is reported by number and reason, never the whole file and never
in silence.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    import pandas as pd

LARGEST_BYTES = 500 * 1024 * 1024
MEMORY_PER_BYTE = 12  # of the file: cells are read as text first
MOST_COLUMNS = 2_000
FITTING = 0.95  # of a column's cells must be numbers, or dates, for it to be read so
MOST_REJECTED = 0.10  # of the rows; more means that the file is not what it says
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "nd", "s/d"})
BAD_WORDS = frozenset(
    {"1", "1.0", "yes", "si", "sí", "true", "bad", "default", "malo", "moroso", "charged off", "y", "t"}
)
GOOD_WORDS = frozenset({"0", "0.0", "no", "false", "good", "paid", "bueno", "pagado", "fully paid", "n", "f"})

_POINT = re.compile(r"^[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?$")
_COMMA = re.compile(r"^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}([T ].*)?$|^\d{1,2}/\d{1,2}/\d{4}$")


class DatasetRefused(ValueError):
    """The file cannot become a data set; the message names the column or row and what to do."""


@dataclass(frozen=True)
class Table:
    """A file as typed columns: float64, datetime64 or text, the target as 0 and 1; rejected rows by file line.

    Where `approved` names a column of 1 and 0, people who were refused have no outcome: their target is NaN.
    """

    frame: pd.DataFrame
    target: str
    as_of: str | None
    sha256: str
    rejected: list[tuple[int, str]] = field(default_factory=list)
    encoding: str = "utf-8"
    approved: str | None = None

    @property
    def outcomes(self) -> np.ndarray:
        return self.frame[self.target].to_numpy(dtype=np.float64)

    def known(self) -> Table:
        """The rows whose outcome is known."""
        seen = ~np.isnan(self.outcomes)
        return self if seen.all() else replace(self, frame=self.frame[seen].reset_index(drop=True))

    @property
    def decided_on(self) -> np.ndarray | None:
        """The day of each decision, datetime64[n], where the table says it."""
        return None if self.as_of is None else self.frame[self.as_of].to_numpy(dtype="datetime64[D]")


def read_table(path: Path, target: str, as_of: str | None = None, approved: str | None = None) -> Table:
    """The table in a CSV (plain or gzip), Parquet or XLSX file. Raises DatasetRefused.

    `approved` names a yes-or-no column: of people who were refused no outcome is expected, and none is kept.
    """
    if not path.is_file():
        raise DatasetRefused(_("No existe el archivo %(path)s.") % {"path": path})
    if path.stat().st_size > largest_bytes():
        raise _too_large(path.stat().st_size)
    rejected: list[tuple[int, str]] = []
    try:
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        cells, encoding = _cells_of(path, content, rejected)
    except MemoryError as error:
        raise _too_large(path.stat().st_size) from error
    for name in (target, as_of, approved):
        if name is not None and name not in cells.columns:
            raise DatasetRefused(
                _("No hay una columna «%(name)s». Hay: %(known)s.")
                % {"name": name, "known": ", ".join(map(str, cells.columns[:30]))}
            )
    if not len(cells):
        raise DatasetRefused(_("El archivo no tiene filas."))
    keep = np.ones(len(cells), dtype=bool)
    refused = np.zeros(len(cells), dtype=bool)
    if approved is not None:
        cells[approved] = _yes_or_no(cells[approved], approved)
        refused = (cells[approved] == 0.0).to_numpy()
    frame = _typed(cells, target, keep, rejected, refused)
    if as_of is not None and frame[as_of].dtype.kind != "M":
        raise DatasetRefused(_("La columna «%(name)s» no tiene fechas.") % {"name": as_of})
    if (~keep).mean() > MOST_REJECTED:
        first = "; ".join(_("fila %(row)s: %(why)s") % {"row": row, "why": why} for row, why in sorted(rejected)[:3])
        raise DatasetRefused(
            _("%(bad)s de %(all)s filas no se pueden leer (%(first)s).")
            % {"bad": int((~keep).sum()), "all": len(cells), "first": first}
        )
    frame = frame[keep].reset_index(drop=True)
    _check_outcomes(frame[target], target)
    return Table(frame, target, as_of, sha256, sorted(rejected), encoding, approved)


def largest_bytes() -> int:
    """The largest file that this process has the memory to read, as far as it can tell."""
    import resource

    import psutil

    memory = psutil.virtual_memory().available
    allowed, _most = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY:
        memory = min(memory, allowed - psutil.Process().memory_info().vms)
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            memory = min(memory, int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):
            continue  # no such group, or "max"
    return min(LARGEST_BYTES, max(2**20, memory // MEMORY_PER_BYTE))


def _too_large(size: int) -> DatasetRefused:
    return DatasetRefused(
        _("El archivo pesa %(size)s MB y el límite es %(limit)s MB: divídelo o toma una muestra.")
        % {"size": size // 2**20, "limit": largest_bytes() // 2**20}
    )


def _cells_of(path: Path, content: bytes, rejected: list[tuple[int, str]]) -> tuple[pd.DataFrame, str]:
    import pandas as pd

    name = path.name.lower()
    try:
        if name.endswith(".parquet"):
            import pyarrow.parquet

            groups = pyarrow.parquet.ParquetFile(io.BytesIO(content)).metadata
            unpacked = sum(groups.row_group(index).total_byte_size for index in range(groups.num_row_groups))
            if unpacked > largest_bytes():
                raise _too_large(unpacked)
            return pd.read_parquet(io.BytesIO(content)), "binary"
        if name.endswith(".xlsx"):
            return pd.read_excel(io.BytesIO(content), dtype=object), "binary"
        if name.endswith(".gz"):
            import gzip

            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(largest_bytes() + 1)
            if len(content) > largest_bytes():
                raise DatasetRefused(_("El archivo descomprimido es demasiado grande: toma una muestra."))
    except (DatasetRefused, MemoryError):
        raise
    except Exception as error:
        raise DatasetRefused(_("No se pudo abrir %(name)s: %(why)s") % {"name": path.name, "why": error}) from error
    return _csv_cells(content, rejected)


def _csv_cells(content: bytes, rejected: list[tuple[int, str]]) -> tuple[pd.DataFrame, str]:
    import pandas as pd

    encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"
        text = content.decode(encoding)
    if "\x00" in text[:10_000]:
        raise DatasetRefused(_("El archivo no es texto: guárdalo como CSV, XLSX o Parquet."))
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_header(header)
        rows: list[list[str]] = []
        numbers: list[int] = []
        for row in lines:
            if not row:
                continue
            if len(row) != len(header):
                rejected.append(
                    (lines.line_num, _("%(got)s celdas en vez de %(want)s") % {"got": len(row), "want": len(header)})
                )
                continue
            rows.append(row)
            numbers.append(lines.line_num)
    except csv.Error as error:
        raise DatasetRefused(
            _("La línea %(line)s no se puede leer: %(why)s") % {"line": lines.line_num, "why": error}
        ) from error
    if len(rejected) > MOST_REJECTED * (len(rows) + len(rejected)):
        raise DatasetRefused(
            _("%(bad)s líneas no tienen las %(want)s columnas del encabezado (la primera es la %(line)s).")
            % {"bad": len(rejected), "want": len(header), "line": rejected[0][0]}
        )
    return pd.DataFrame(rows, columns=header, index=numbers, dtype=object), encoding


def delimiter_of(text: str) -> str:
    """What stands between the cells of a CSV that begins so."""
    head = text[:20_000].splitlines()[:20]
    counts = {mark: [line.count(mark) for line in head] for mark in (",", ";", "\t", "|")}
    return max(counts, key=lambda mark: (min(counts[mark], default=0), sum(counts[mark])))


def _check_header(header: list[str]) -> None:
    if not any(header):
        raise DatasetRefused(_("La primera línea debe tener los nombres de las columnas."))
    if len(header) > MOST_COLUMNS:
        raise DatasetRefused(_("Hay más de %(most)s columnas.") % {"most": MOST_COLUMNS})
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DatasetRefused(_("Hay columnas con el mismo nombre: %(names)s.") % {"names": ", ".join(repeated)})


def _typed(
    cells: pd.DataFrame, target: str, keep: np.ndarray, rejected: list[tuple[int, str]], refused: np.ndarray
) -> pd.DataFrame:
    import pandas as pd

    columns = {}
    for name in cells.columns:
        column = cells[name]
        if name == target:
            columns[name] = _outcome(column, name, keep, rejected, refused)
        elif column.dtype.kind in "fiub":
            columns[name] = column.astype(np.float64)
        elif column.dtype.kind == "M":
            columns[name] = column
        else:
            columns[name] = _column(column, str(name), keep, rejected)
    return pd.DataFrame(columns, index=cells.index)


def _column(column: pd.Series, name: str, keep: np.ndarray, rejected: list[tuple[int, str]]) -> Any:
    """Numbers, dates or text, whatever nearly all cells agree on; the others cost their rows."""
    import pandas as pd

    text = column.map(lambda cell: "" if cell is None or cell != cell else str(cell).strip())
    given = ~text.str.lower().isin(MISSING).to_numpy()
    if not given.any():
        return np.full(len(text), np.nan)
    seen = text[given]
    point = seen.str.fullmatch(_POINT).to_numpy()
    comma = seen.str.fullmatch(_COMMA).to_numpy()
    # A code with leading zeros is a name, not a number.
    coded = seen.str.fullmatch(r"0\d+").any()
    if not coded and (point | comma).mean() >= FITTING:
        return _numbers(seen, point, comma, name, text, given, keep, rejected)
    dates = seen.str.fullmatch(_DATE).to_numpy()
    if dates.mean() >= FITTING:
        day_first = seen.str.contains("/").any()
        parsed = pd.to_datetime(text.where(given), errors="coerce", dayfirst=bool(day_first), format="mixed")
        _reject(given & parsed.isna().to_numpy(), text, keep, rejected, name, _("no es una fecha"))
        return parsed
    return text.where(given, None)


def _numbers(
    seen: pd.Series,
    point: np.ndarray,
    comma: np.ndarray,
    name: str,
    text: pd.Series,
    given: np.ndarray,
    keep: np.ndarray,
    rejected: list[tuple[int, str]],
) -> np.ndarray:
    import pandas as pd

    with_fraction = point & seen.str.contains(".", regex=False).to_numpy()
    if comma.any() and with_fraction.any():
        raise DatasetRefused(
            _("La columna «%(name)s» mezcla comas y puntos decimales: «%(one)s» (fila %(row)s) y «%(other)s».")
            % {
                "name": name,
                "one": seen[comma].iloc[0],
                "row": seen.index[comma][0],
                "other": seen[with_fraction].iloc[0],
            }
        )
    if comma.any():
        plain = seen.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    else:
        plain = seen.str.replace(",", "", regex=False)
    values = np.full(len(text), np.nan)
    values[given] = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64)
    _reject(given & ~np.isfinite(values), text, keep, rejected, name, _("no es un número"))
    return values


def _words_and_numbers(column: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Cells in lower case, and 1, 0 or NaN for yes, no and anything else."""
    words = column.map(lambda cell: "" if cell is None or cell != cell else str(cell).strip().lower())
    return words, np.where(words.isin(BAD_WORDS), 1.0, np.where(words.isin(GOOD_WORDS), 0.0, np.nan))


def _yes_or_no(column: pd.Series, name: str) -> np.ndarray:
    words, values = _words_and_numbers(column)
    if np.isnan(values).any():
        raise DatasetRefused(
            _("La columna «%(name)s» debe decir sí o no en cada fila; la fila %(row)s dice «%(value)s».")
            % {"name": name, "row": column.index[np.isnan(values)][0], "value": words[np.isnan(values)].iloc[0][:40]}
        )
    return values


def _outcome(
    column: pd.Series, name: str, keep: np.ndarray, rejected: list[tuple[int, str]], refused: np.ndarray
) -> np.ndarray:
    """The target as 0 and 1; rows without one are left out, but for people who were refused."""
    words, values = _words_and_numbers(column)
    given = ~words.isin(MISSING).to_numpy() & ~refused
    if np.isnan(values[given]).mean() > MOST_REJECTED if given.any() else True:
        found = ", ".join(sorted(set(words[given]))[:8]) if given.any() else _("nada")
        raise DatasetRefused(
            _("La columna «%(name)s» no dice quién incumplió: debe tener 0 y 1, o no y sí. Tiene: %(found)s.")
            % {"name": name, "found": found}
        )
    _reject(np.isnan(values) & ~refused, column, keep, rejected, name, _("no dice si incumplió"))
    return np.where(refused, np.nan, values)


def _reject(
    bad: np.ndarray, text: pd.Series, keep: np.ndarray, rejected: list[tuple[int, str]], name: str, why: str
) -> None:
    for position in np.flatnonzero(bad & keep):
        shown = str(text.iloc[position])[:40]
        rejected.append((int(text.index[position]), f"{name}: «{shown}» {why}"))
    keep &= ~bad


def _check_outcomes(outcomes: pd.Series, name: str) -> None:
    kinds = sorted(set(outcomes.dropna()))
    if len(kinds) < 2:
        raise DatasetRefused(
            _("La columna «%(name)s» vale %(value)s en todas las filas: no hay qué aprender.")
            % {"name": name, "value": int(kinds[0]) if kinds else "—"}
        )
