"""Rows to learn from that never see past their own day: what was scored before a loan began, and how it went.

A row is one loan whose horizon has passed. Its features are those frozen in the last score made on or before the
day the money was paid out; a score made later may know about the delay and is never looked at. Loans whose horizon
has not passed are left out whole: keeping only those that have already failed would make young vintages look bad.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import connection
from django.utils.translation import gettext as _

from accounts.tenancy.scope import current_institution_id
from scoring.recipe.transparent import FEATURE
from scoring.services.outcomes import DAYS_LATE, MONTHS

if TYPE_CHECKING:
    import pandas as pd

TARGET, DECIDED_ON = "default", "decided_on"

# One statement for all loans: the last score before each began, and its judgement as of one day.
MATURE = """
SELECT o.application_id, o.started_on, o."group", s.id, s.pd, s.inputs, s.signals,
       (s.created_at AT TIME ZONE 'America/Lima')::date,
       coalesce(o.first_late_on <= o.started_on + make_interval(months => %(months)s), false)
FROM scoring_outcome o
JOIN LATERAL (
    SELECT * FROM scoring_score s
    WHERE s.institution_id = o.institution_id AND s.application_id = o.application_id
      AND (s.created_at AT TIME ZONE 'America/Lima')::date <= o.started_on
    ORDER BY s.attempt DESC LIMIT 1
) s ON true
WHERE o.institution_id = %(institution)s AND o.segment = %(segment)s AND o.days_late = %(days_late)s
  AND o.started_on + make_interval(months => %(months)s) <= %(as_of)s
  AND (o.observed_until >= o.started_on + make_interval(months => %(months)s) OR o.first_late_on IS NOT NULL)
ORDER BY o.started_on, o.application_id
"""


class LeakFound(ValueError):
    """A feature knows something of after its row's day; the message names the columns and how many rows."""


def labelled_frame(segment: str, *, as_of: date, months: int = MONTHS, days_late: int = DAYS_LATE) -> pd.DataFrame:
    """The mature loans of the institution in scope, as known on `as_of`.

    Columns: `application_id`, `decided_on` (the day the loan began), `group`, `pd` (as predicted then), one
    `feature.<name>` per feature of today's dictionary (NaN where the score did not have it) and `default`, 0 or 1:
    `days_late` days late within `months` months. Raises LeakFound.
    """
    import pandas as pd

    from scoring.features import feature_names

    with connection.cursor() as cursor:
        cursor.execute(
            MATURE,
            {
                "months": months,
                "days_late": days_late,
                "institution": current_institution_id(),
                "segment": segment,
                "as_of": as_of,
            },
        )
        rows = cursor.fetchall()
    inputs = [_document(row[5]) for row in rows]
    frame = pd.DataFrame(
        {
            "application_id": [str(row[0]) for row in rows],
            DECIDED_ON: pd.to_datetime([row[1] for row in rows]),
            "group": [row[2] for row in rows],
            "pd": np.array([float(row[4]) for row in rows]),
            **{
                f"{FEATURE}{name}": np.array([_number(one.get(name)) for one in inputs], dtype=np.float64)
                for name in feature_names(segment)
            },
            TARGET: np.array([float(row[8]) for row in rows]),
        }
    )
    known = {"score": np.array([row[7] for row in rows], dtype="datetime64[D]")}
    for place, row in enumerate(rows):
        for name, signal in _document(row[6]).items():
            column = known.setdefault(name, np.full(len(rows), "NaT", dtype="datetime64[D]"))
            column[place] = np.datetime64(signal["known_on"])
    refuse_leaks(known, frame[DECIDED_ON].to_numpy(dtype="datetime64[D]"))
    return frame


def refuse_leaks(known_on: Mapping[str, np.ndarray], decided_on: np.ndarray) -> None:
    """Raise LeakFound where anything became known after its row was decided: datetime64[n] each, NaT where absent."""
    late = {name: int((days > decided_on).sum()) for name, days in known_on.items() if (days > decided_on).any()}
    if late:
        told = ", ".join(
            _("«%(name)s» en %(rows)s filas") % {"name": name, "rows": rows} for name, rows in late.items()
        )
        raise LeakFound(_("Datos que no se conocían al decidir: %(told)s.") % {"told": told})


def _document(value: Any) -> Mapping[str, Any]:
    import json

    return json.loads(value) if isinstance(value, str) else value or {}


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
