"""Institutions side by side, for regulators."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.exports import csv_lines
from accounts.http import PersonRequest
from portal.oversight import comparison
from portal.oversight.comparison import PORTFOLIO, SERVICE, Row
from portal.oversight.register_views import supervised_institutions
from portal.oversight.supervision import across, page


@require_safe
@across("comparison")
def compare(request: PersonRequest) -> HttpResponse:
    """Portfolio quality and service of all supervised institutions; `?format=csv` for the figures."""
    institutions = supervised_institutions(request)
    tables = [
        (
            _("Calidad de cartera"),
            PORTFOLIO,
            comparison.table(PORTFOLIO, comparison.portfolio(institutions), institutions),
        ),
        (_("Servicio y trato"), SERVICE, comparison.table(SERVICE, comparison.service(institutions), institutions)),
    ]
    if request.GET.get("format") == "csv":
        return as_csv([rows for _title, _indicators, rows in tables])
    found = [{"title": title, "indicators": indicators, "rows": rows} for title, indicators, rows in tables]
    standing_out = sorted({row.institution.name for *_words, rows in tables for row in rows if row.outliers})
    return page(
        request,
        "portal/oversight/compare.html",
        {"tables": found, "standing_out": standing_out, "enough": comparison.ENOUGH, "count": len(institutions)},
    )


def as_csv(tables: Sequence[Sequence[Row]]) -> HttpResponse:
    """One line an institution and indicator, with what is flagged."""
    rows: list[list[Any]] = [
        [row.institution.slug, indicator.code, "" if cell.value is None else round(float(cell.value), 6), cell.flag]
        for table in tables
        for row in table
        for indicator, cell in row.cells
    ]
    text = "".join(csv_lines(("institution", "indicator", "value", "flag"), rows))
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="institutions.csv"'
    return answer
