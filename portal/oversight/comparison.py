"""Supervised institutions side by side: portfolio quality from nightly summaries, service, and who stands out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Final

from django.db.models import Avg, Count, F, Max, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.clock import LIMA, today
from accounts.formats import format_money, format_number, format_percent
from accounts.models import Complaint, Institution, SecurityIncident
from lending.disparity import Counts
from lending.models import Application, CloseRun, DisparityMonth, PortfolioDay, ProductVersion
from lending.selectors.disparity import Choice, report, whole_by_institution
from lending.selectors.portfolio import HIGH_RISK, PAR30
from lending.selectors.products import usury_cap
from portal.oversight.chain import REGULATOR, Window

YEAR: Final = timedelta(days=365)
NEAR: Final = 7  # days around the same day a year before that still count as it
ENOUGH: Final = 4  # institutions, from which one can stand out against the others
FAR: Final = 3.0  # robust deviations from the middle one (median absolute deviation × 1.4826)
LEAST_GAP: Final = 0.10  # of the middle value: closer than that nobody stands out


@dataclass(frozen=True, slots=True)
class Indicator:
    """One column: its name, how it is written, and whether more is worse (None: neither)."""

    code: str
    name: Any
    form: Callable[[Any], str]
    more_is_worse: bool | None


def _share(value: Any) -> str:
    return format_percent(Decimal(str(value)), 1)


def _hours(value: Any) -> str:
    return _("%(n)s min") % {"n": f"{value * 60:.0f}"} if value < 1 else _("%(n)s h") % {"n": f"{value:.1f}"}


PORTFOLIO: Final = (
    Indicator("principal", gettext_lazy("Cartera"), lambda value: format_money(value, 0), None),
    Indicator("par30", gettext_lazy("PAR30"), _share, True),
    Indicator("car", gettext_lazy("Cartera de alto riesgo"), _share, True),
    Indicator("coverage", gettext_lazy("Cobertura"), _share, False),
    Indicator("concentration", gettext_lazy("Mayor producto"), _share, True),
    Indicator("growth", gettext_lazy("Crecimiento en un año"), _share, True),
    Indicator("tea", gettext_lazy("TEA media"), _share, True),
    Indicator("tea_to_cap", gettext_lazy("TEA máxima sobre el tope"), _share, True),
)
SERVICE: Final = (
    Indicator("applications", gettext_lazy("Solicitudes en un año"), format_number, None),
    Indicator("approval", gettext_lazy("Aprobadas"), _share, None),
    Indicator("hours", gettext_lazy("Tiempo hasta la decisión"), _hours, True),
    Indicator("abandoned", gettext_lazy("Abandono"), _share, True),
    Indicator("signals", gettext_lazy("Señales de trato"), format_number, True),
    Indicator("complaints", gettext_lazy("Reclamos por mil solicitudes"), lambda value: f"{value:.1f}", True),
    Indicator("complaints_late", gettext_lazy("Reclamos fuera de plazo"), format_number, True),
    Indicator("incidents", gettext_lazy("Incidentes de seguridad"), format_number, True),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure in words; `flag` is "out" where it stands out for the worse, "worst" for the worst of few."""

    text: str
    value: Any
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One institution's figures, in the order of the indicators."""

    institution: Institution
    closed_on: date | None
    cells: Sequence[tuple[Indicator, Cell]]

    @property
    def outliers(self) -> list[Indicator]:
        return [indicator for indicator, cell in self.cells if cell.flag == "out"]


def table(
    indicators: Sequence[Indicator], figures: Mapping[int, Mapping[str, Any]], institutions: Sequence[Institution]
) -> list[Row]:
    """The comparison, whoever stands out most first, then by name."""
    flags = {
        indicator.code: flagged({key: one.get(indicator.code) for key, one in figures.items()}, indicator)
        for indicator in indicators
    }
    rows = []
    for institution in institutions:
        mine = figures.get(institution.pk, {})
        cells = []
        for indicator in indicators:
            value = mine.get(indicator.code)
            text = "–" if value is None else indicator.form(value)
            cells.append((indicator, Cell(text, value, flags[indicator.code].get(institution.pk, ""))))
        rows.append(Row(institution, mine.get("closed_on"), cells))
    return sorted(rows, key=lambda row: (-len(row.outliers), row.institution.name))


def flagged(values: Mapping[int, Any], indicator: Indicator) -> dict[int, str]:
    """Which values stand out for the worse; among fewer than four, only which one is the worst."""
    known = {key: float(value) for key, value in values.items() if value is not None}
    if indicator.more_is_worse is None or len(known) < 2 or len(set(known.values())) == 1:
        return {}
    sign = 1 if indicator.more_is_worse else -1
    if len(known) < ENOUGH:
        worst, best = (choose(known.values(), key=lambda value: sign * value) for choose in (max, min))
        if abs(worst - best) <= LEAST_GAP * max(abs(worst), abs(best)):
            return {}
        return {key: "worst" for key, value in known.items() if value == worst}
    middle = median(known.values())
    spread = 1.4826 * median(abs(value - middle) for value in known.values())
    reach = max(FAR * spread, LEAST_GAP * abs(middle))
    return {key: "out" for key, value in known.items() if sign * (value - middle) > reach}


# --- figures ----------------------------------------------------------------------------------------------------


def portfolio(institutions: Iterable[Institution]) -> dict[int, dict[str, Any]]:
    """Portfolio quality at each one's last close. Five queries, whatever the number of loans."""
    keys = [one.pk for one in institutions]
    # A day that is being closed, or whose close died, holds what its chunks changed, not the book.
    closed = CloseRun.unscoped.using(REGULATOR).filter(
        institution_id__in=keys, on__lte=today(), finished_at__isnull=False
    )
    runs = closed.order_by().values("institution_id").annotate(last=Max("on"))
    last = dict(runs.values_list("institution_id", "last"))
    days = PortfolioDay.unscoped.using(REGULATOR)
    found = {key: {"closed_on": on} for key, on in last.items()}
    sums = days.filter(_on(last)).order_by().values("institution_id")
    for row in sums.annotate(
        whole=Sum("principal"), late=PAR30, risk=HIGH_RISK, kept=Sum("provision"), soles_tea=Sum("weighted_tea")
    ):
        whole = row["whole"]
        found[row["institution_id"]] |= {
            "principal": whole,
            "par30": _ratio(row["late"] or 0, whole),
            "car": _ratio(row["risk"] or 0, whole),
            "coverage": _ratio(row["kept"] or 0, row["risk"] or 0),
            "tea": _ratio(row["soles_tea"], whole),
        }
    products = days.filter(_on(last)).order_by().values("institution_id", "product_id").annotate(of=Sum("principal"))
    largest: dict[int, Decimal] = {}
    for one in products:
        largest[one["institution_id"]] = max(largest.get(one["institution_id"], Decimal(0)), one["of"])
    before = _a_year_before(keys, last)
    ceilings = _ceilings(keys)
    cap = usury_cap(today())
    for key, figures in found.items():
        figures["concentration"] = _ratio(largest.get(key, 0), figures.get("principal", 0))
        if before.get(key):
            figures["growth"] = figures.get("principal", 0) / before[key] - 1
        if cap and key in ceilings:
            figures["tea_to_cap"] = ceilings[key] / cap.value
    return found


def _on(days: Mapping[int, date]) -> Q:
    condition = Q(pk__in=[])
    for key, on in days.items():
        condition |= Q(institution_id=key, on=on)
    return condition


def _ratio(part: Any, whole: Any) -> Decimal | None:
    return Decimal(part) / Decimal(whole) if whole else None


def _a_year_before(keys: Sequence[int], last: Mapping[int, date]) -> dict[int, Decimal]:
    """The book about a year before each one's last close."""
    window = Q(pk__in=[])
    for key, on in last.items():
        day = on - YEAR
        window |= Q(institution_id=key, on__gt=day - timedelta(days=NEAR), on__lte=day)
    rows = PortfolioDay.unscoped.using(REGULATOR).filter(window).order_by("on").values("institution_id", "on")
    return {row["institution_id"]: row["of"] for row in rows.annotate(of=Sum("principal"))}


def _ceilings(keys: Sequence[int]) -> dict[int, Decimal]:
    """The highest TEA that each one publishes today."""
    rows = ProductVersion.unscoped.using(REGULATOR).filter(institution_id__in=keys, status="published", currency="PEN")
    return dict(
        rows.order_by().values("institution_id").annotate(top=Max("tea_max")).values_list("institution_id", "top")
    )


def service(institutions: Sequence[Institution]) -> dict[int, dict[str, Any]]:
    """A year of applications, answers, abandonment, fairness signals, complaints and incidents."""
    keys = [one.pk for one in institutions]
    since = today() - YEAR
    begins = datetime.combine(since, time.min, tzinfo=LIMA)
    choice = Choice(since, today())
    months = DisparityMonth.unscoped.using(REGULATOR).filter(institution_id__in=keys)
    sums = whole_by_institution(months, choice)
    started = _by_institution(
        Application.unscoped.using(REGULATOR).filter(institution_id__in=keys, created_at__gte=begins),
        started=Count("pk"),
        sent=Count("pk", filter=Q(submitted_at__isnull=False)),
        open=Count("pk", filter=Q(status="draft", draft_until__gt=datetime.now(LIMA))),
    )
    complaints = _by_institution(
        Complaint.unscoped.using(REGULATOR).filter(institution_id__in=keys, filed_at__gte=begins),
        filed=Count("pk"),
        late=Count(
            "pk",
            filter=Q(answered_at__isnull=True, due_on__lt=today()) | Q(answered_at__date__gt=F("due_on")),
        ),
        took=Avg(F("answered_at") - F("filed_at")),
    )
    incidents = _by_institution(
        SecurityIncident.unscoped.using(REGULATOR).filter(institution_id__in=keys, known_at__gte=begins),
        count=Count("pk"),
    )
    found = {}
    for institution in institutions:
        key = institution.pk
        whole, begun = sums.get(key, Counts()), started.get(key, {"started": 0, "sent": 0, "open": 0})
        ended = begun["started"] - begun["open"]
        filed = complaints.get(key, {"filed": 0, "late": 0})
        window = Window(institution, REGULATOR)
        found[key] = {
            "applications": begun["sent"],
            "approval": _ratio(whole.approved, whole.decided),
            "hours": float(whole.hours_sum) / whole.decided if whole.decided else None,
            "abandoned": _ratio(ended - begun["sent"], ended) if ended else None,
            "signals": len(report(window.rows(DisparityMonth), choice).signals),
            "complaints": filed["filed"] * 1000 / begun["sent"] if begun["sent"] else None,
            "complaints_late": filed["late"],
            "incidents": incidents.get(key, {"count": 0})["count"],
        }
    return found


def _by_institution(rows: Any, **sums: Any) -> dict[int, dict[str, Any]]:
    return {row.pop("institution_id"): row for row in rows.order_by().values("institution_id").annotate(**sums)}
