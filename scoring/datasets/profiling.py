"""What is in a table, column by column, and what should worry whoever trains on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext as _

from scoring.datasets.reading import Table
from scoring.evaluation import auc

if TYPE_CHECKING:
    import pandas as pd

LEAK_AUC = 0.95
FEW_LEVELS = 10
LEVELS_SHOWN = 10
RARE_LEVEL = 20  # rows; the default rate of rarer levels says nothing
ALMOST_UNIQUE = 0.95

SENSITIVE = re.compile(
    r"(^|[^a-z])(sex|sexo|gender|genero|age|edad|birth|born|nacimiento|marital|marriage|married|civil|personal_status|famges|race|raza|"
    r"ethnic\w*|etnia|religion|language|lengua|idioma|national\w*|nacional\w*|foreign\w*|gastarb|district|distrito|ubigeo|"
    r"disab\w*|discapac\w*)([^a-z]|$)"
)
IDENTIFIER = re.compile(r"(^|[^a-z])(id|customerid|dni|ruc|codigo_cliente|loan_nr\w*|number|numero)([^a-z]|$)")
CODE = re.compile(
    r"(^|[^a-z])(code|codigo|zip|naics|ciiu|sic|ubigeo|state|branch|sucursal)([^a-z]|$)|(code|zip|state)$"
)


def profile(table: Table) -> dict[str, Any]:
    """Columns by name, with kind, missing share, range, outliers, levels, what one alone ranks, and warnings.

    A column's `role` says whether training may use it: `feature`, `sensitive` (kept for fairness alone), `excluded`
    with its reason, `as_of` or `target`.
    """
    columns: dict[str, dict[str, Any]] = {}
    warnings: list[str] = []
    outcomes = table.outcomes
    for name in table.frame.columns:
        if name == table.target:
            columns[name] = {"kind": "target", "role": "target"}
        else:
            columns[name] = _column(table, str(name), outcomes, warnings)
    if table.rejected:
        warnings.append(_("%(count)s filas quedaron fuera.") % {"count": len(table.rejected)})
    known = ~np.isnan(outcomes)
    bads = int(outcomes[known].sum())
    if not known.all():
        warnings.append(
            _("%(count)s personas rechazadas no tienen resultado: sirven para inferencia de rechazados.")
            % {"count": int((~known).sum())}
        )
    if bads < 100:
        warnings.append(_("Hay solo %(count)s incumplimientos: los resultados variarán mucho.") % {"count": bads})
    return {
        "columns": columns,
        "warnings": warnings,
        "rows": len(outcomes),
        "defaults": bads,
        "target_rate": float(outcomes[known].mean()),
        "refused": int((~known).sum()),
        "encoding": table.encoding,
        "as_of": table.as_of,
        "approved": table.approved,
        "rejected": [{"row": row, "why": why} for row, why in table.rejected[:100]],
        "rejected_count": len(table.rejected),
    }


def is_sensitive(name: str) -> bool:
    return bool(SENSITIVE.search(_plain(name)))


def is_code(name: str) -> bool:
    """Whether whole numbers in a column of this name are names of things rather than amounts."""
    return bool(CODE.search(_plain(name)))


def _column(table: Table, name: str, outcomes: np.ndarray, warnings: list[str]) -> dict[str, Any]:
    column = table.frame[name]
    missing = column.isna().to_numpy()
    described: dict[str, Any] = {"missing": float(missing.mean()), "levels": int(column.nunique()), "role": "feature"}
    if missing.all():
        warnings.append(_("«%(name)s» está vacía.") % {"name": name})
        return described | {"kind": "empty", "role": "excluded", "why": "empty"}
    if column.dtype.kind == "f":
        described |= _number(column.to_numpy()[~missing])
    elif column.dtype.kind == "M":
        described |= {"kind": "date", "low": str(column.min().date()), "high": str(column.max().date())}
        _check_dates(table, name, described, warnings)
    else:
        top = column.value_counts().head(LEVELS_SHOWN)
        described |= {"kind": "text", "top": {str(level): int(count) for level, count in top.items()}}
    if name == table.as_of:
        return described | {"role": "as_of"}
    if name == table.approved:
        return described | {"role": "approved"}
    if described["levels"] < 2 and not missing.any():
        warnings.append(_("«%(name)s» tiene un solo valor.") % {"name": name})
        return described | {"role": "excluded", "why": "constant"}
    if _names_rows(name, described, len(column)):
        warnings.append(_("«%(name)s» parece un identificador: no se usará.") % {"name": name})
        return described | {"role": "excluded", "why": "identifier"}
    known = ~np.isnan(outcomes)
    alone = _alone(column[known], missing[known], outcomes[known])
    described["auc_alone"] = alone
    if alone > LEAK_AUC:
        warnings.append(
            _("«%(name)s» sola ordena con AUC %(auc).3f: quizá se conoce recién después de la decisión.")
            % {"name": name, "auc": alone}
        )
        return described | {"role": "excluded", "why": "leak"}
    if is_sensitive(name):
        warnings.append(_("«%(name)s» es un dato sensible: solo sirve para medir equidad.") % {"name": name})
        return described | {"role": "sensitive"}
    return described


def _number(values: np.ndarray) -> dict[str, Any]:
    low, first, middle, third, high = np.quantile(values, [0.01, 0.25, 0.5, 0.75, 0.99])
    reach = 3 * (third - first)
    outliers = int(((values < first - reach) | (values > third + reach)).sum()) if reach > 0 else 0
    return {
        "kind": "number",
        "whole": bool((values == np.round(values)).all()),
        "low": float(values.min()),
        "p01": float(low),
        "median": float(middle),
        "p99": float(high),
        "high": float(values.max()),
        "outliers": outliers,
    }


def _check_dates(table: Table, name: str, described: dict[str, Any], warnings: list[str]) -> None:
    if table.as_of is None or name == table.as_of:
        return
    later = table.frame[name] > table.frame[table.as_of]
    if later.any():
        warnings.append(
            _("«%(name)s» tiene %(count)s fechas posteriores a «%(as_of)s»: no se conocían al decidir.")
            % {"name": name, "count": int(later.sum()), "as_of": table.as_of}
        )
        if later.mean() > 0.01:
            described |= {"role": "excluded", "why": "future"}


def _names_rows(name: str, described: dict[str, Any], rows: int) -> bool:
    """Whether a column tells rows apart instead of describing them."""
    unique = described["levels"] / max(1, rows * (1 - described["missing"]))
    if described["kind"] == "text":
        return unique >= ALMOST_UNIQUE and described["levels"] > 50
    if described["kind"] != "number" or not described["whole"] or described["levels"] <= 50:
        return False
    return unique == 1.0 and (bool(IDENTIFIER.search(_plain(name))) or described["high"] - described["low"] == rows - 1)


def _alone(column: pd.Series, missing: np.ndarray, outcomes: np.ndarray) -> float:
    """How well this column ranks borrowers by itself, in the better direction; missing is a value of its own."""
    if column.dtype.kind in "fM":
        values = column.to_numpy().astype(np.float64)
        values = np.where(missing, values[~missing].min(initial=0.0) - 1, values)
    else:
        codes = column.fillna("").astype(str)
        sizes = codes.map(codes.value_counts())
        rates = codes.map(dict(zip(*_rates(codes.to_numpy(), outcomes), strict=True)))
        values = np.where(sizes >= RARE_LEVEL, rates, outcomes.mean())
    ranked = auc(outcomes, values)
    return float(max(ranked, 1 - ranked))


def _rates(codes: np.ndarray, outcomes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    levels, places = np.unique(codes, return_inverse=True)
    return levels, np.bincount(places, outcomes) / np.bincount(places)


def _plain(name: str) -> str:
    """`CreditAge` and `credit age` both as `credit_age`."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name)).lower())
