"""The portfolio: five figures, six charts, and the loans behind every one of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import access, audit, step_up
from accounts.exports import csv_response, xlsx_response
from accounts.formats import format_day, format_money, format_number, format_percent
from accounts.http import InstitutionRequest
from accounts.paging import LongPaginator, in_order
from accounts.plots import Plot, Series, column_plot, line_plot
from lending.buckets import AGES, BUCKETS
from lending.forms.portfolio import PortfolioFilters
from lending.presentation import loan_code
from lending.selectors import portfolio
from lending.selectors.portfolio import Flow, Part, Slice, Standing
from lending.selectors.products import policy_in_force

PER_PAGE: Final = 50
MILLION: Final = Decimal(1_000_000)
THOUSAND: Final = Decimal(1_000)
ROLL_TO: Final = (*BUCKETS, "paid", "charged_off")


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing with its words: what it shows, what it says to who cannot see it, and its figures as a table."""

    title: str
    note: str
    label: str
    plot: Plot
    columns: list[str]
    rows: list[list[str]]


@require_safe
@access.require("lending.view_portfolio")
def portfolio_page(request: InstitutionRequest, slug: str) -> HttpResponse:
    """The book at its last close and how it came there; filters live in the address."""
    closes = portfolio.month_closes(25)
    last = closes[-1] if closes else None
    form = PortfolioFilters(
        request.GET, branches=portfolio.branch_names(last) if last else (), products=portfolio.product_names()
    )
    if last is None:
        return render(request, "lending/desk/portfolio_empty.html", {})
    part, days = form.part, closes[-form.period - 1 :]
    standings = portfolio.standings(days, part)
    now = standings.get(last) or Standing(last, {}, 0, portfolio.ZERO, portfolio.ZERO)
    before = standings.get(days[-2]) if len(days) > 1 else None
    shown = days[-form.period :]
    flows = portfolio.flows(shown[0], last, part)
    policy = policy_in_force()
    page = reverse("lending:desk_portfolio_loans", args=[slug])

    def rows_url(**chosen: Any) -> str:
        return f"{page}?{urlencode({**_part_query(part), 'on': last.isoformat(), **chosen})}"

    branches = portfolio.parts("branch", last, days[-2] if before else None, part)
    officers = portfolio.parts("officer_id", last, days[-2] if before else None, part)
    names = portfolio.officer_names(one.key for one in officers)
    return render(
        request,
        "lending/desk/portfolio.html",
        {
            "form": form,
            "last": last,
            "query": request.GET.urlencode(),
            "kpis": kpis(now, before, flows, policy),
            "charts": [
                par30_chart([standings[day] for day in shown if day in standings], policy.par30_limit),
                disbursed_chart(flows),
                vintage_chart(portfolio.vintages(part)),
            ],
            "ages": ages(now, rows_url),
            "rolls": roll_table(*portfolio.rolls(part)),
            "branches": part_lines(branches, policy.par30_limit, lambda one: one.key or _("Sin agencia"),
                                   lambda one: rows_url(branch=one.key, bucket="over30")),
            "officers": part_lines(officers, policy.par30_limit, lambda one: names.get(one.key, _("Sin analista")),
                                   lambda one: rows_url(officer=one.key or "", bucket="over30")),
            "provisions": provision_items(now),
            "all_url": rows_url(),
        },
    )  # fmt: skip


# --- figures ----------------------------------------------------------------------------------------------------


def kpis(now: Standing, before: Standing | None, flows: Sequence[Flow], policy: Any) -> list[dict[str, Any]]:
    """The five figures on top, each with its change or limit."""
    flow = flows[-1] if flows else None
    earlier = flows[-2].collected if len(flows) > 1 else None
    growth = (now.principal / before.principal - 1) if before and before.principal else None
    limit = _("límite %(limit)s") % {"limit": format_percent(policy.par30_limit, 1)}
    change = points(now.par30, before.par30 if before else None)
    goal = policy.disbursement_goal
    return [
        {
            "label": "PAR30",
            "value": rate(now.par30),
            "note": f"{change}; {limit}" if change else limit,
            "good": now.par30 is not None and now.par30 <= policy.par30_limit,
        },
        {
            "label": _("Saldo de cartera"),
            "value": short_money(now.principal),
            "note": _("%(change)s en el mes") % {"change": signed_percent(growth)} if growth is not None else "",
        },
        {
            "label": _("Créditos"),
            "value": format_number(now.loans),
            "note": _("%(change)s en el mes") % {"change": signed_count(now.loans - before.loans)} if before else "",
        },
        {
            "label": _("Desembolsos, %(month)s") % {"month": month_name(flow.month)} if flow else _("Desembolsos"),
            "value": short_money(flow.disbursed if flow else Decimal(0)),
            "note": _("%(share)s de la meta") % {"share": format_percent(flow.disbursed / goal, 0)}
            if flow and goal
            else "",
        },
        {
            "label": _("Cobrado a tiempo"),
            "value": rate(flow.collected if flow else None),
            "note": points(flow.collected if flow else None, earlier),
        },
    ]


def ages(now: Standing, rows_url: Callable[..., str]) -> dict[str, Any]:
    """Arrears by age: two bars, and a line for each band that opens into its loans. The shares total 100 %."""
    late = [(kind, balance) for code, kind, _words, balance in now.ages if code != "normal"]
    arrears = sum((balance for _kind, balance in late), Decimal(0))
    return {
        "all": [(kind, balance) for _code, kind, _words, balance in now.ages],
        "all_words": _("Toda la cartera, %(money)s") % {"money": short_money(now.principal)},
        "late": late,
        "late_words": _("Solo lo atrasado más de 8 días, %(money)s") % {"money": short_money(arrears)},
        "lines": [
            {
                "kind": kind,
                "words": words,
                "balance": format_money(balance, 0),
                "share": rate(portfolio.share(balance, now.principal)),
                "url": rows_url(bucket=code),
            }
            for code, kind, words, balance in now.ages
        ],
        "total": format_money(now.principal, 0),
    }


def provision_items(now: Standing) -> list[dict[str, str]]:
    """Provisions and what they cover."""
    return [
        {"label": _("Cartera de alto riesgo"), "value": format_money(now.high_risk, 0)},
        {"label": _("Parte de la cartera"), "value": rate(portfolio.share(now.high_risk, now.principal))},
        {"label": _("Provisiones"), "value": format_money(now.provision, 0)},
        {"label": _("Cobertura de la cartera de alto riesgo"), "value": rate(now.coverage)},
    ]


def part_lines(
    parts: Sequence[Part], limit: Decimal, name: Callable[[Part], str], url: Callable[[Part], str]
) -> list[dict[str, Any]]:
    """Branches or officers, the worst first."""
    worst = max((one.par30 or Decimal(0) for one in parts), default=Decimal(0))
    return [
        {
            "name": name(one),
            "url": url(one),
            "loans": format_number(one.loans),
            "principal": format_money(one.principal, 0),
            "par30": rate(one.par30),
            "meter": one.par30 or Decimal(0),
            "whole": max(worst, limit) * Decimal("1.25") or Decimal(1),
            "kind": "a3" if one.par30 is not None and one.par30 > limit else "a0",
            "over": one.par30 is not None and one.par30 > limit,
            "change": points(one.par30, one.before),
        }
        for one in parts
    ]


# --- charts -----------------------------------------------------------------------------------------------------


def par30_chart(days: Sequence[Standing], limit: Decimal) -> Chart:
    labels = [month_name(one.on) for one in days]
    known = [(place, float(one.par30 * 100)) for place, one in enumerate(days) if one.par30 is not None]
    end = rate(days[-1].par30) if days else ""
    plot = line_plot(
        [Series(end, known)],
        labels,
        form=percent_mark,
        limit=float(limit * 100),
        limit_label=_("Límite %(limit)s") % {"limit": format_percent(limit, 1)},
        from_zero=False,
    )
    note = _("Saldo de los créditos con más de 30 días de atraso, sobre toda la cartera")
    if not plot.from_zero:
        note = _("%(note)s; el eje empieza en %(start)s") % {"note": note, "start": plot.start_label}
    return Chart(
        title="PAR30",
        note=note,
        label=_("PAR30 de %(first)s a %(last)s; el límite interno es %(limit)s.")
        % {"first": rate(days[0].par30) if days else "", "last": end, "limit": format_percent(limit, 1)},
        plot=plot,
        columns=[_("Cierre"), "PAR30", _("Saldo")],
        rows=[[format_day(one.on), rate(one.par30), format_money(one.principal, 0)] for one in days],
    )


def disbursed_chart(flows: Sequence[Flow]) -> Chart:
    large = max((flow.disbursed for flow in flows), default=Decimal(0)) >= MILLION / 2
    unit, note = (MILLION, _("Millones de soles por mes")) if large else (THOUSAND, _("Miles de soles por mes"))
    amounts = [float((flow.disbursed / unit).quantize(Decimal("0.01"))) for flow in flows]
    if flows and (flows[-1].through + timedelta(days=1)).day != 1:
        note = _("%(note)s; %(month)s va hasta el día %(day)s") % {
            "note": note,
            "month": month_name(flows[-1].month),
            "day": flows[-1].through.day,
        }
    return Chart(
        title=_("Desembolsos"),
        note=note,
        label=_("Desembolsos de %(count)s meses; el último, %(money)s.")
        % {"count": len(flows), "money": short_money(flows[-1].disbursed) if flows else ""},
        plot=column_plot(amounts, [month_name(flow.month) for flow in flows], form=plain_mark, current=len(flows) - 1),
        columns=[_("Mes"), _("Desembolsado"), _("Créditos"), _("Cobrado a tiempo")],
        rows=[
            [
                f"{month_name(flow.month)} {flow.month.year}",
                format_money(flow.disbursed, 0),
                format_number(flow.loans),
                rate(flow.collected),
            ]
            for flow in flows
        ],
    )


def vintage_chart(found: dict[date, list[tuple[int, Decimal]]]) -> Chart:
    kinds = ("1", "2", "3", "4")
    lines = [
        Series(quarter_name(origin), [(age, float(late * 100)) for age, late in line], kinds[place])
        for place, (origin, line) in enumerate(found.items())
    ]
    ages_reached = max((age for line in found.values() for age, _late in line), default=0)
    by_age = {origin: dict(line) for origin, line in found.items()}
    return Chart(
        title=_("Cosechas"),
        note=_("Saldo con más de 30 días de atraso sobre lo desembolsado, por meses desde el desembolso"),
        label=_("Atraso de los créditos de cada trimestre según su edad en meses."),
        plot=line_plot(lines, [str(age) for age in range(ages_reached + 1)], form=percent_mark),
        columns=[_("Meses"), *[quarter_name(origin) for origin in found]],
        rows=[[str(age), *[rate(by_age[origin].get(age)) for origin in found]] for age in range(ages_reached + 1)]
        if found
        else [],
    )


def roll_table(on: date | None, found: dict[tuple[str, str], Decimal]) -> dict[str, Any] | None:
    """From each bucket to each, as shares of what was there a month before."""
    if on is None:
        return None
    words = {bucket: bucket_words(bucket) for bucket in BUCKETS}
    words |= {"paid": _("Cancelado"), "charged_off": _("Castigado")}
    rows = []
    for before in BUCKETS:
        whole = sum((balance for (start, _end), balance in found.items() if start == before), Decimal(0))
        shares = [rate(portfolio.share(found.get((before, after), Decimal(0)), whole)) for after in ROLL_TO]
        rows.append([words[before], format_money(whole, 0), *shares])
    heads = [_("Hace un mes"), (_("Saldo"), "r"), *[(str(words[after]), "r") for after in ROLL_TO]]
    return {"on": on, "columns": heads, "rows": rows}


# --- the loans behind a figure ----------------------------------------------------------------------------------


@require_safe
@access.require("lending.view_portfolio")
def loans_page(request: InstitutionRequest, slug: str) -> HttpResponseBase:
    """The loans a figure is made of, with their sums; also as CSV and XLSX (`?format=`)."""
    on = _day(request.GET.get("on")) or next(reversed(portfolio.month_closes(1)), None)
    if on is None:
        raise Http404
    part, chosen = _chosen(request)
    states = portfolio.loan_states(on, part, chosen)
    if request.GET.get("format") in ("csv", "xlsx"):
        return _export(request, on, part, chosen)
    totals = portfolio.state_totals(states)
    keys = states.order_by("-days_late", "loan_id").values_list("loan_id", flat=True)
    page = LongPaginator(keys, PER_PAGE, totals["loans"]).get_page(request.GET.get("page"))
    named = portfolio.with_holders(states.filter(loan_id__in=list(page)), request.actor)
    rows = in_order(named.values(*portfolio.ROW_COLUMNS), page, "loan_id")
    query = request.GET.copy()
    query.pop("page", None)
    return render(
        request,
        "lending/desk/portfolio_loans.html",
        {
            "on": on,
            "page": page,
            "rows": [{**row, "code": loan_code(request.institution, row["loan__number"])} for row in rows],
            "totals": totals,
            "title": _title(part, chosen),
            "query": query.urlencode(),
        },
    )


def _export(request: InstitutionRequest, on: date, part: Slice, chosen: dict[str, Any]) -> HttpResponseBase:
    """The same rows as a file; the last line holds the sums of the page. Who took them out is evidence."""
    step_up.check(request.actor)
    audit.record(request.actor, "lending.portfolio.exported", request.institution, on=on, format=request.GET["format"])
    heads = [_("Crédito"), _("Titular"), _("Producto"), _("Agencia"), _("Analista"), _("Desembolso"),
             _("Saldo capital"), _("Capital atrasado"), _("Días de atraso"), _("Clasificación"),
             _("Provisión")]  # fmt: skip
    name = f"cartera-{on.isoformat()}"

    def rows() -> Iterator[Sequence[Any]]:
        states = portfolio.loan_states(on, part, chosen).order_by("loan__number")
        officers = portfolio.officer_names(states.order_by().values_list("loan__officer_id", flat=True).distinct())
        named = portfolio.with_holders(states, request.actor)
        for row in named.values_list(*portfolio.ROW_COLUMNS).iterator(chunk_size=2_000):
            _key, number, holder, product, branch, officer, *rest = row
            yield [loan_code(request.institution, number), holder, product, branch, officers.get(officer, ""), *rest]

    if request.GET["format"] == "csv":
        return csv_response(name, heads, rows)
    return xlsx_response(name, [(name, heads, rows())])


def _chosen(request: InstitutionRequest) -> tuple[Slice, dict[str, Any]]:
    """The filters of the address, leaving out what can't be read."""
    form = PortfolioFilters(
        {"product": request.GET.get("product"), "branch": ""}, branches=(), products=portfolio.product_names()
    )
    chosen: dict[str, Any] = {"bucket": request.GET.get("bucket", "")}
    for name, key in (("officer", "officer_id"), ("class", "sbs_class")):
        if request.GET.get(name, "").isascii() and request.GET.get(name, "").isdigit():
            chosen[key] = int(request.GET[name][:9])
    return Slice(request.GET.get("branch", "")[:60], form.part.product_id), chosen


def _title(part: Slice, chosen: dict[str, Any]) -> str:
    words = {code: str(label) for code, _buckets, _kind, label in AGES}
    words |= {bucket: bucket_words(bucket) for bucket in BUCKETS}
    words["over30"] = _("Más de 30 días de atraso")
    return " · ".join(filter(None, [words.get(chosen["bucket"], _("Toda la cartera")), part.branch]))


def _part_query(part: Slice) -> dict[str, str]:
    query = {"branch": part.branch, "product": str(part.product_id or "")}
    return {name: value for name, value in query.items() if value}


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


# --- words ------------------------------------------------------------------------------------------------------


def rate(fraction: Decimal | None) -> str:
    return "—" if fraction is None else format_percent(fraction, 1)


def points(now: Decimal | None, before: Decimal | None) -> str:
    """The change of a share in percentage points: `−0.4 pp`."""
    if now is None or before is None:
        return ""
    change = ((now - before) * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    return f"{'+' if change > 0 else ''}{format_number(change, 1)} pp"


def signed_percent(fraction: Decimal) -> str:
    return f"{'+' if fraction > 0 else ''}{format_percent(fraction, 1)}"


def signed_count(count: int) -> str:
    return f"{'+' if count > 0 else ''}{format_number(count)}"


def short_money(amount: Decimal) -> str:
    """`S/ 18.43 M` from a million on; whole soles below."""
    return f"{format_money(amount / MILLION, 2)} M" if abs(amount) >= MILLION else format_money(amount, 0)


def month_name(day: date) -> str:
    return date_format(day, "b")


def quarter_name(day: date) -> str:
    return _("%(year)s T%(quarter)s") % {"year": day.year, "quarter": (day.month + 2) // 3}


def bucket_words(bucket: str) -> str:
    return {"0": _("Al día"), "121+": _("Más de 120 días")}.get(bucket) or _("%(days)s días") % {"days": bucket}


def percent_mark(value: float) -> str:
    return f"{value:g}%"


def plain_mark(value: float) -> str:
    return f"{value:g}" if abs(value) < 10 else f"{value:,.0f}"
