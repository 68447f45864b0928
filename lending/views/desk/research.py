"""Anonymised extracts for research: how safe they are, then the file."""

from decimal import Decimal

from django import forms
from django.http import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts import access, audit, step_up
from accounts.clock import today, years_after
from accounts.exports import csv_response
from accounts.formats import format_percent
from accounts.http import InstitutionRequest
from lending.forms.complaints import PeriodForm
from lending.research import LEAST_K
from lending.selectors.research import research_extract, research_headings


class ResearchForm(PeriodForm):
    """The days, and the smallest group somebody may stand in."""

    k = forms.IntegerField(
        label=_("Grupo más pequeño (k)"),
        help_text=_("Nadie queda en un grupo de menos personas parecidas."),
        min_value=LEAST_K,
        max_value=1_000,
        initial=10,
    )


@require_safe
@access.require("accounts.export_research")
@step_up.required
def extract(request: InstitutionRequest, slug: str) -> HttpResponseBase:
    """The figures of an extract, and with `format=csv` the extract itself; who took it out is evidence."""
    asked = bool(request.GET.get("begins"))
    initial = {"begins": years_after(today(), -1), "ends": today()}
    form = ResearchForm(request.GET if asked else None, initial=initial)
    context: dict[str, object] = {"form": form}
    if asked and form.is_valid():
        period = {name: form.cleaned_data[name] for name in ("begins", "ends", "k")}
        found = research_extract(**period)
        if request.GET.get("format") == "csv" and found.rows:
            audit.record(
                request.actor, "lending.research.exported", request.institution, **period, rows=len(found.rows),
                suppressed=found.suppressed,
            )  # fmt: skip
            name = f"investigacion-{slug}-{period['begins']}-{period['ends']}-k{found.k}"
            return csv_response(name, research_headings(), lambda: found.rows)
        context |= {
            "found": found,
            "kept": len(found.rows),
            "highest": format_percent(Decimal(str(found.highest_risk)), 1) if found.rows else "—",
            "average": format_percent(Decimal(str(found.average_risk)), 1) if found.rows else "—",
            "left_out": format_percent(Decimal(str(found.suppressed_share)), 1),
        }
    return render(request, "lending/desk/research.html", context, status=422 if form.errors else 200)
