"""The fair-lending report as pages and files: for a regulator, and for the institution itself."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from django.db.models import Max, Min
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.clock import today
from accounts.formats import format_moment, format_number, format_percent
from accounts.plots import Plot, Series, line_plot
from lending.disparity import (
    DIMENSIONS,
    FIRM,
    LOOK,
    REFERENCE,
    SMALL,
    SMALL_BELOW,
    SUPPRESSED_BELOW,
    UNKNOWN,
    WITHIN,
    Estimate,
    Group,
)
from lending.models import DisparityMonth, DisparityReply, FairnessAnswer, Product
from lending.papers.pdf import Paper
from lending.reasons import DEPARTMENTS
from lending.selectors.disparity import Choice, Report, month_of, next_month, report, trend
from portal.oversight.chain import Window
from scoring.models import ScoringModel

DIMENSION_WORDS: Final = {
    "sex": gettext_lazy("Sexo"),
    "age": gettext_lazy("Edad"),
    "region": gettext_lazy("Departamento"),
    "area": gettext_lazy("Zona"),
    "language": gettext_lazy("Lengua materna"),
    "ethnicity": gettext_lazy("Origen"),
}
GROUP_WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "sex": dict(FairnessAnswer.Sex.choices),
    "area": dict(FairnessAnswer.Area.choices),
    "language": dict(FairnessAnswer.Language.choices),
    "ethnicity": dict(FairnessAnswer.Ethnicity.choices),
    "region": DEPARTMENTS,
    "age": {
        "18-24": gettext_lazy("18 a 24 años"),
        "25-29": gettext_lazy("25 a 29 años"),
        "30-44": gettext_lazy("30 a 44 años"),
        "45-59": gettext_lazy("45 a 59 años"),
        "60+": gettext_lazy("60 años o más"),
    },
}
SIGNAL_TAGS: Final = {
    REFERENCE: (gettext_lazy("Referencia"), ""),
    WITHIN: (gettext_lazy("Dentro del rango"), "ok"),
    LOOK: (gettext_lazy("Revisar"), "warn"),
    FIRM: (gettext_lazy("Diferencia firme"), "bad"),
    SMALL: (gettext_lazy("Muestra pequeña"), ""),
    UNKNOWN: (gettext_lazy("Sin comparación"), ""),
}
TREND_LINES: Final = 4
MOST_MONTHS_NAMED: Final = 12  # under the trend
YEARS: Final = (2000, 2100)  # months that may be asked for


def group_words(dimension: str, group: str) -> str:
    """A group's name for people."""
    if not group:
        return _("Sin respuesta") if dimension not in ("age", "region") else _("Sin dato")
    return str(GROUP_WORDS[dimension].get(group, group))


class ReportFilters(forms.Form):
    """Whole months, a product, a model, and the groups of the trend; they live in the address."""

    since = forms.CharField(
        label=gettext_lazy("Desde el mes"), required=False, widget=forms.TextInput(attrs={"type": "month"})
    )
    until = forms.CharField(
        label=gettext_lazy("Hasta el mes"), required=False, widget=forms.TextInput(attrs={"type": "month"})
    )
    product = forms.ChoiceField(label=gettext_lazy("Producto"), required=False)
    model = forms.ChoiceField(label=gettext_lazy("Modelo"), required=False)
    by = forms.ChoiceField(label=gettext_lazy("Tendencia por"), required=False, choices=list(DIMENSION_WORDS.items()))

    def __init__(self, data: Any, window: Window) -> None:
        super().__init__(data)
        every = [("", gettext_lazy("Todos"))]
        products = window.rows(Product).order_by("name").values_list("pk", "name")
        self.fields["product"].choices = [*every, *((str(key), name) for key, name in products)]  # type: ignore[attr-defined]
        used = (
            window.rows(DisparityMonth).exclude(model_id=None).order_by().values_list("model_id", flat=True).distinct()
        )
        named = ScoringModel.objects.using(window.using).filter(pk__in=list(used)).order_by("name")
        self.fields["model"].choices = [*every, *((str(one.pk), one.name) for one in named)]  # type: ignore[attr-defined]

    def clean_since(self) -> date | None:
        return self._month("since")

    def clean_until(self) -> date | None:
        return self._month("until")

    def _month(self, name: str) -> date | None:
        text = self.cleaned_data[name].strip()
        if not text:
            return None
        try:
            month = date.fromisoformat(f"{text}-01" if len(text) == 7 else text).replace(day=1)
        except ValueError:
            raise forms.ValidationError(_("Escribe el mes como 2026-03.")) from None
        if not YEARS[0] <= month.year <= YEARS[1]:
            raise forms.ValidationError(_("Escribe el mes como 2026-03."))
        return month

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("El último mes no puede ser anterior al primero."))
        return cleaned

    def choice(self) -> Choice:
        """What is asked for; twelve months until today where nothing is."""
        said = self.cleaned_data if self.is_valid() else {}
        until = said.get("until") or month_of(today())
        since = said.get("since") or month_of(until - timedelta(days=335))
        product, model = said.get("product"), said.get("model")
        return Choice(since, until, UUID(product) if product else None, UUID(model) if model else None)


@dataclass(frozen=True, slots=True)
class Told:
    """The report of one institution, ready to be shown or written to a file."""

    window: Window
    form: ReportFilters
    report: Report
    query: str
    made_at: Any
    first_month: date | None

    @property
    def choice(self) -> Choice:
        return self.report.choice


def told(window: Window, asked: Any) -> Told:
    """The report for the filters in an address. Five queries, however many the decisions."""
    form = ReportFilters(asked, window)
    choice = form.choice()
    months = window.rows(DisparityMonth)
    first = months.aggregate(first=Min("month"), last=Max("month"))
    query = asked.copy()
    for name in ("format", "page", "group", "which"):
        query.pop(name, None)
    return Told(window, form, report(months, choice), query.urlencode(), first["last"], first["first"])


def context(found: Told, cases_url: str = "") -> dict[str, Any]:
    """What the page shows; `cases_url` where the reader may see the cases behind a figure."""
    by = found.form.cleaned_data.get("by") if found.form.is_valid() else ""
    by = by if by in DIMENSIONS else "sex"
    return {
        "form": found.form,
        "whole": found.report.whole,
        "kpis": _kpis(found.report),
        "sections": [
            _section(name, groups, cases_url, found.query) for name, groups in found.report.dimensions.items()
        ],
        "signals": [_signal_words(name, group, cases_url, found.query) for name, group in found.report.signals],
        "replies": replies(found.window, found.choice),
        "trend": _trend(found.window, found.choice, by),
        "trend_by": DIMENSION_WORDS[by],
        "small": SMALL_BELOW,
        "suppressed": SUPPRESSED_BELOW,
        "since": found.choice.since,
        "until": found.choice.until,
        "unfinished": next_month(found.choice.until) > today(),
        "query": found.query,
        "method": method_words(),
        "status": 422 if found.form.errors else 200,
    }


def replies(window: Window, choice: Choice) -> list[dict[str, Any]]:
    """Written replies about months of the report, newest first."""
    rows = window.rows(DisparityReply).filter(since__lte=choice.until, until__gte=choice.since).order_by("-written_at")
    return [
        {
            "about": f"{DIMENSION_WORDS.get(row.dimension, row.dimension)}: {group_words(row.dimension, row.group)}",
            "since": row.since,
            "until": row.until,
            "at": row.written_at,
            "text": row.text,
        }
        for row in rows
        if row.dimension in DIMENSIONS
    ]


# --- words and figures ------------------------------------------------------------------------------------------


def _share(estimate: Estimate | None, decimals: int = 1) -> str:
    return "–" if estimate is None else format_percent(Decimal(str(estimate.value)), decimals)


def _span(estimate: Estimate | None) -> str:
    """`0.79 [0.74–0.83]`."""
    return "–" if estimate is None else f"{estimate.value:.2f} [{estimate.low:.2f}–{estimate.high:.2f}]"


def _points(value: float | None) -> str:
    """A difference of shares in percentage points, signed."""
    return "–" if value is None else f"{value * 100:+.1f}".replace("-", "−")


def _points_span(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    return f"{_points(estimate.value)} [{_points(estimate.low)} – {_points(estimate.high)}]"


def _mean(value: float | None, decimals: int = 1) -> str:
    return "–" if value is None else format_percent(Decimal(str(value)), decimals)


def _hours(value: float | None) -> str:
    if value is None:
        return "–"
    return _("%(n)s min") % {"n": f"{value * 60:.0f}"} if value < 1 else _("%(n)s h") % {"n": f"{value:.1f}"}


def _kpis(found: Report) -> list[dict[str, Any]]:
    whole = found.whole
    rate = whole.approved / whole.decided if whole.decided else None
    return [
        {"label": _("Solicitudes respondidas"), "value": format_number(whole.cases)},
        {"label": _("Decididas"), "value": format_number(whole.decided)},
        {"label": _("Aprobadas"), "value": _mean(rate)},
        {"label": _("Con un año de pagos conocido"), "value": format_number(whole.observed)},
        {"label": _("Señales por revisar"), "value": str(len(found.signals))},
    ]


def _section(dimension: str, groups: Sequence[Group], cases_url: str, query: str) -> dict[str, Any]:
    """One dimension's rows for both tables."""
    return {
        "name": DIMENSION_WORDS[dimension],
        "rows": [_row(dimension, group, cases_url, query) for group in groups],
    }


def _row(dimension: str, group: Group, cases_url: str, query: str) -> dict[str, Any]:
    words, kind = SIGNAL_TAGS[group.signal]
    row: dict[str, Any] = {"name": group_words(dimension, group.group), "suppressed": group.suppressed}
    if group.suppressed:
        return row
    counts = group.counts
    return row | {
        "cases": format_number(counts.cases),
        "approved": format_number(counts.approved),
        "rate": _share(group.approval),
        "ratio": "1.00" if group.signal == REFERENCE else _span(group.impact),
        "tcea": _mean(group.tcea),
        "tea_gap": _points(group.tea_gap),
        "signal": words,
        "kind": kind,
        "tpr": _share(group.tpr),
        "tpr_gap": _points_span(group.tpr_gap),
        "expected": _mean(group.expected),
        "realised": f"{_share(group.realised)} ({counts.defaulted}/{counts.observed})" if counts.observed else "–",
        "hours": _hours(group.hours),
        "overridden": f"{_share(group.overridden)}: +{group.raised} −{group.lowered}" if counts.judged else "–",
        "reviews": _("%(asked)s: %(yes)s a favor, %(no)s en contra")
        % {"asked": group.reviews, "yes": group.reviews_approved, "no": group.reviews_declined}
        if group.reviews
        else "–",
        "cases_url": _cases_url(cases_url, query, dimension, group.group, "all"),
        "approved_url": _cases_url(cases_url, query, dimension, group.group, "approved"),
    }


def _cases_url(base: str, query: str, dimension: str, group: str, which: str) -> str:
    return f"{base}?{query}&dimension={dimension}&group={group}&which={which}".replace("?&", "?") if base else ""


def _signal_words(dimension: str, group: Group, cases_url: str, query: str) -> dict[str, Any]:
    assert group.impact is not None
    words = {
        "dimension": DIMENSION_WORDS[dimension],
        "group": group_words(dimension, group.group).lower(),
        "ratio": f"{group.impact.value:.2f}",
    }
    under = group.impact.value < 1
    return {
        "title": (
            _("%(dimension)s, %(group)s: razón %(ratio)s, bajo el umbral de 0.80.")
            if under
            else _("%(dimension)s, %(group)s: razón %(ratio)s, la referencia queda bajo 0.80.")
        )
        % words,
        "firm": group.signal == FIRM,
        "declined": group.declined,
        "url": _cases_url(cases_url, query, dimension, group.group, "declined"),
    }


def _trend(window: Window, choice: Choice, dimension: str) -> dict[str, Any] | None:
    """The approval ratio month by month of the largest groups, as a plot and as figures."""
    months = trend(window.rows(DisparityMonth), choice, dimension)
    if len(months) < 2:
        return None
    sizes: dict[str, int] = {}
    for _month, groups in months:
        for one in groups:
            if one.group and one.impact is not None and one.counts.decided >= SMALL_BELOW:
                sizes[one.group] = sizes.get(one.group, 0) + one.counts.decided
    shown = sorted(sizes, key=lambda name: -sizes[name])[:TREND_LINES]
    if not shown:
        return None
    by_month = [{one.group: one for one in groups if one.counts.decided >= SMALL_BELOW} for _month, groups in months]
    labels = [f"{month:%m/%y}" for month, _groups in months]

    def ratio_at(place: int, name: str) -> float | None:
        one = by_month[place].get(name)
        return one.impact.value if one and one.impact else None

    series = [
        Series(group_words(dimension, name), [(place, ratio_at(place, name)) for place in range(len(labels))], kind)
        for name, kind in zip(shown, ("accent", "1", "2", "3"), strict=False)
    ]
    every = -(-len(labels) // MOST_MONTHS_NAMED)
    named = [label if (len(labels) - 1 - place) % every == 0 else "" for place, label in enumerate(labels)]
    plot: Plot = line_plot(
        series, named, form=lambda value: f"{value:.2f}", limit=0.8, limit_label=_("cuatro quintos"), from_zero=False
    )
    rows = [
        [label, *("–" if (value := ratio_at(place, name)) is None else f"{value:.2f}" for name in shown)]
        for place, label in enumerate(labels)
    ]
    return {"plot": plot, "columns": [_("Mes"), *(group_words(dimension, name) for name in shown)], "rows": rows}


# --- files ------------------------------------------------------------------------------------------------------

COLUMNS: Final = (
    "dimension", "group", "cases", "decided", "approved", "approval", "approval_low", "approval_high", "impact_ratio",
    "impact_low", "impact_high", "signal", "tpr", "tpr_gap", "tpr_gap_low", "tpr_gap_high", "observed", "defaulted",
    "expected", "mean_tea", "mean_tcea", "tea_gap", "mean_hours", "judged", "raised", "lowered", "reviews",
    "reviews_approved", "reviews_declined",
)  # fmt: skip


def file_rows(found: Report) -> Iterator[list[Any]]:
    """The report's figures in the order of COLUMNS; suppressed groups have a name and no figure."""
    for dimension, groups in found.dimensions.items():
        for one in groups:
            figures = {"dimension": dimension, "group": one.group or "unknown", "signal": one.signal}
            figures = {**figures, "signal": "suppressed"} if one.suppressed else figures | _figures(one)
            yield [figures.get(name, "") for name in COLUMNS]


def _figures(one: Group) -> dict[str, Any]:
    counted = ("cases", "decided", "approved", "observed", "defaulted", "judged", "raised", "lowered")
    return {
        **{name: getattr(one.counts, name) for name in counted},
        **{name: getattr(one, name) for name in ("reviews", "reviews_approved", "reviews_declined")},
        **_three("approval", "approval", one.approval),
        **_three("impact_ratio", "impact", one.impact),
        **_three("tpr_gap", "tpr_gap", one.tpr_gap),
        "tpr": "" if one.tpr is None else round(one.tpr.value, 6),
        "expected": _rounded(one.expected),
        "mean_tea": _rounded(one.tea),
        "mean_tcea": _rounded(one.tcea),
        "tea_gap": _rounded(one.tea_gap),
        "mean_hours": _rounded(one.hours),
    }


def _three(name: str, bounds: str, estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {}
    values = (estimate.value, estimate.low, estimate.high)
    return {key: round(value, 6) for key, value in zip((name, f"{bounds}_low", f"{bounds}_high"), values, strict=True)}


def _rounded(value: float | None) -> Any:
    return "" if value is None else round(value, 6)


def as_json(found: Told) -> str:
    """The report with its replies as one document."""
    groups = [dict(zip(COLUMNS, row, strict=True)) for row in file_rows(found.report)]
    document = {
        "institution": found.window.institution.slug,
        **{name: str(value) for name, value in asdict(found.choice).items() if value},
        "cases": found.report.whole.cases,
        "suppressed_below": SUPPRESSED_BELOW,
        "small_below": SMALL_BELOW,
        "groups": [{name: value for name, value in one.items() if value != ""} for one in groups],
        "replies": [{**one, "about": str(one["about"])} for one in replies(found.window, found.choice)],
    }
    return json.dumps(document, ensure_ascii=False, indent=1, default=str)


def as_pdf(found: Told) -> bytes:
    """The report on A4, for a file on paper."""
    lender = found.window.institution
    period = f"{found.choice.since:%m/%Y} – {found.choice.until:%m/%Y}"
    paper = Paper(title=_("Trato justo en las aprobaciones"), issuer=lender.legal_name, evidence=period)
    paper.facts([(item["label"], item["value"]) for item in _kpis(found.report)])
    paper.text(method_words(), small=True)
    for dimension, groups in found.report.dimensions.items():
        paper.heading(str(DIMENSION_WORDS[dimension]))
        rows = [_row(dimension, one, "", "") for one in groups]
        paper.table(
            [
                _("Grupo"),
                _("Solicitudes"),
                _("Tasa"),
                _("Razón [IC 95 %]"),
                _("TCEA media"),
                _("Impago: esperado / visto"),
                _("Señal"),
            ],
            [
                [row["name"], *[""] * 5, _("Suprimido")]
                if row["suppressed"]
                else [
                    row["name"],
                    row["cases"],
                    row["rate"],
                    row["ratio"],
                    row["tcea"],
                    f"{row['expected']} / {row['realised']}",
                    str(row["signal"]),
                ]
                for row in rows
            ],
            first=(38, 20),
        )
    for one in replies(found.window, found.choice):
        paper.clause(f"{_('Respuesta de la entidad')}, {one['about']}, {format_moment(one['at'])}", one["text"])
    return paper.bytes()


def method_words() -> str:
    """How the figures are made, in a paragraph."""
    return _(
        "Se calcula con las decisiones congeladas, nunca con los datos de hoy. Cada grupo se compara con el de"
        " referencia; bajo 0.80 (regla de los cuatro quintos) la entidad debe explicar la diferencia. Los intervalos"
        " son al 95 %%. Los grupos con menos de %(suppressed)s solicitudes no se muestran y los de menos de %(small)s"
        " se marcan. Sexo, lengua, zona y origen los dice cada persona, si quiere, después de enviar su solicitud: se"
        " usan solo para medir, nunca para decidir."
    ) % {"suppressed": SUPPRESSED_BELOW, "small": SMALL_BELOW}
