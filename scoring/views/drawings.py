"""What the analyst's pages draw: a plot, what it says for who cannot see it, and its figures as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.formats import format_number, format_percent
from accounts.plots import Plot, Series, column_plot, line_plot

Cells = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Drawing:
    """A figure of a page: `alt` stands for the plot, `columns` and `rows` are its data in words."""

    title: str
    plot: Plot
    alt: str
    columns: Sequence[str]
    rows: Cells
    note: str = ""
    legend: Sequence[Mapping[str, str]] = ()


def legend(*items: tuple[str, str]) -> list[dict[str, str]]:
    """What each colour is: (class of the stylesheet, words) pairs for components/_legend.html."""
    return [{"kind": kind, "label": label} for kind, label in items]


def share(value: float | None, decimals: int = 1) -> str:
    """`8.4%` from .084; a dash where nothing is known."""
    return "–" if value is None else format_percent(_exact(value), decimals)


def figure(value: float | None, decimals: int = 3) -> str:
    """`0.847`; a dash where nothing is known."""
    return "–" if value is None else format_number(_exact(value), decimals)


def interval(found: dict[str, Any], decimals: int, *, turned: bool = False) -> str:
    """`+0.012 (+0.003 a +0.021)`; a gain in Brier is shown as the lower error that it is."""
    value, low, high = (found[name] * (-1 if turned else 1) for name in ("value", "low", "high"))
    low, high = min(low, high), max(low, high)
    signs = ["+" if one > 0 else "" for one in (value, low, high)]
    return _("%(value)s (%(low)s a %(high)s)") % {
        "value": signs[0] + figure(value, decimals),
        "low": signs[1] + figure(low, decimals),
        "high": signs[2] + figure(high, decimals),
    }


def roc(evaluation: Mapping[str, Any]) -> Drawing | None:
    points = evaluation.get("roc")
    if not points:
        return None
    auc = figure(evaluation.get("auc"))
    plot = line_plot(
        [
            Series("", [(0, 0), (1, 1)], "4"),
            Series("", [(x, y) for x, y in points]),
        ],
        ["0%", "25%", "50%", "75%", "100%"],
        form=lambda value: share(value, 0),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.0),
        dots=False,
    )
    return Drawing(
        _("A quién detecta y a quién molesta"),
        plot,
        _("Curva ROC: área %(auc)s.") % {"auc": auc},
        [_("De los que pagan, rechazados"), _("De los que incumplen, rechazados")],
        [[share(x), share(y)] for x, y in points[:: max(1, len(points) // 20)]],
        _("Horizontal: buenos pagadores que rechazaría. Vertical: incumplidos que rechazaría."),
        legend(("f-accent", _("Modelo")), ("f4", _("Al azar"))),
    )


def calibration(evaluation: Mapping[str, Any]) -> Drawing | None:
    bins = evaluation.get("calibration")
    if not bins:
        return None
    places = range(len(bins))
    plot = line_plot(
        [
            Series("", [(at, bins[at]["seen"]) for at in places]),
            Series("", [(at, bins[at]["predicted"]) for at in places], "2"),
        ],
        [str(at + 1) for at in places],
        form=lambda value: share(value, 0),
    )
    return Drawing(
        _("Lo previsto y lo que pasó"),
        plot,
        _("Por décimos, del más seguro al más riesgoso: incumplimiento previsto y visto."),
        [_("Décimo"), _("Previsto"), _("Visto"), _("Intervalo de 95%")],
        [
            [str(at + 1), share(one["predicted"]), share(one["seen"]), f"{share(one['low'])} – {share(one['high'])}"]
            for at, one in enumerate(bins)
        ],
        _("Décimos de personas, del más seguro al más riesgoso."),
        legend(("f-accent", _("Visto")), ("f2", _("Previsto"))),
    )


def lift(evaluation: Mapping[str, Any]) -> Drawing | None:
    table = evaluation.get("lift")
    if not table:
        return None
    return Drawing(
        _("Cuánto más incumple cada décimo"),
        column_plot(
            [one["lift"] for one in table], [str(one["group"]) for one in table], form=lambda value: figure(value, 1)
        ),
        _("Veces el promedio, del décimo más riesgoso al más seguro."),
        [_("Décimo"), _("Personas"), _("Incumplen"), _("Veces el promedio"), _("Incumplidos hasta aquí")],
        [
            [
                str(one["group"]),
                format_number(one["rows"]),
                share(one["default_rate"]),
                figure(one["lift"], 2),
                share(one["captured"]),
            ]
            for one in table
        ],
        _("Veces el promedio; el primer décimo es el más riesgoso."),
    )


def distribution(evaluation: Mapping[str, Any]) -> Drawing | None:
    drawn = evaluation.get("distribution")
    if not drawn or not drawn["payers"]:
        return None
    edges, payers, bads = drawn["edges"], drawn["payers"], drawn["defaulters"]
    totals = sum(payers) or 1, sum(bads) or 1
    labels = [share((edges[at] + edges[at + 1]) / 2) for at in range(len(payers))]
    plot = line_plot(
        [
            Series("", [(at, payers[at] / totals[0]) for at in range(len(payers))]),
            Series("", [(at, bads[at] / totals[1]) for at in range(len(bads))], "2"),
        ],
        [labels[round(part * (len(labels) - 1) / 4)] for part in range(5)],
        form=lambda value: share(value, 0),
        x_range=(0.0, max(len(labels) - 1.0, 1.0)),
        dots=False,
    )
    return Drawing(
        _("Dónde caen los que pagan y los que no"),
        plot,
        _("Reparto de la probabilidad prevista entre quienes pagan y quienes incumplen."),
        [_("Probabilidad prevista"), _("Pagan"), _("Incumplen")],
        [[labels[at], format_number(payers[at]), format_number(bads[at])] for at in range(len(payers))],
        _("Horizontal: probabilidad de incumplir prevista."),
        legend(("f-accent", _("Pagan")), ("f2", _("Incumplen"))),
    )


def vintages(
    table: Sequence[Mapping[str, Any]], predicted: str = "mean_pd", seen: str = "default_rate"
) -> Drawing | None:
    if not table:
        return None
    places = range(len(table))
    plot = line_plot(
        [
            Series("", [(at, table[at][seen]) for at in places]),
            Series("", [(at, table[at][predicted]) for at in places], "2"),
        ],
        [one["period"] for one in table],
        form=lambda value: share(value, 0),
    )
    return Drawing(
        _("Por trimestre de la decisión"),
        plot,
        _("Incumplimiento visto y previsto de cada cosecha de créditos."),
        [_("Trimestre"), _("Créditos"), _("Previsto"), _("Visto"), _("Intervalo de 95%")],
        [
            [
                one["period"],
                format_number(one["rows"]),
                share(one[predicted]),
                share(one[seen]),
                f"{share(one['low'])} – {share(one['high'])}",
            ]
            for one in table
        ],
        legend=legend(("f-accent", _("Visto")), ("f2", _("Previsto"))),
    )


def periods(table: Sequence[Mapping[str, Any]]) -> Drawing:
    """Default rate of a data set by quarter, with the mean of a column beside it in the figures."""
    places = range(len(table))
    return Drawing(
        _("Por trimestre de la decisión"),
        line_plot(
            [Series(_("Incumplen"), [(at, table[at]["default_rate"]) for at in places])],
            [one["period"] for one in table],
            form=lambda value: share(value, 0),
        ),
        _("Incumplimiento por trimestre."),
        [_("Trimestre"), _("Créditos"), _("Incumplen"), _("Intervalo de 95%"), _("Media de la columna")],
        [
            [
                one["period"],
                format_number(one["rows"]),
                share(one["default_rate"]),
                f"{share(one['low'])} – {share(one['high'])}",
                "–" if one["mean"] is None else f"{one['mean']:,.4g}",
            ]
            for one in table
        ],
    )


def profit(evaluation: Mapping[str, Any]) -> Drawing | None:
    found = evaluation.get("profit")
    if not found or len(found.get("curve", [])) < 2:
        return None
    curve = found["curve"]
    plot = line_plot(
        [Series("", [(one["accepted"], one["profit"]) for one in curve])],
        ["0%", "25%", "50%", "75%", "100%"],
        form=lambda value: figure(value, 2),
        x_range=(0.0, 1.0),
        dots=False,
    )
    return Drawing(
        _("Dónde conviene cortar"),
        plot,
        _("Ganancia por sol pedido según cuántos se aprueben; la mejor, con corte en %(cutoff)s.")
        % {"cutoff": share(found["cutoff"])},
        [_("Aprobados"), _("Corte"), _("Ganancia por sol pedido")],
        [
            [share(one["accepted"]), share(one["cutoff"]), figure(one["profit"], 4)]
            for one in curve[:: max(1, len(curve) // 20)]
        ],
        _(
            "Con %(margin)s de margen en quien paga y %(loss)s de pérdida en quien no, conviene rechazar desde"
            " %(cutoff)s y aprobar a %(accepted)s."
        )
        % {
            "margin": share(found["margin"], 0),
            "loss": share(found["loss"], 0),
            "cutoff": share(found["cutoff"]),
            "accepted": share(found["accepted"], 0),
        },
    )


def bins(title: str, story: Mapping[str, Any]) -> Drawing:
    """A column's default rate by bin."""
    table = story["bins"]
    return Drawing(
        title,
        column_plot([one["default_rate"] for one in table], [one["label"] for one in table], form=share),
        _("Incumplimiento en cada tramo."),
        [_("Tramo"), _("Créditos"), _("Parte"), _("Incumplen"), _("Intervalo de 95%"), "WoE"],
        [
            [
                one["label"],
                format_number(one["rows"]),
                share(one["share"]),
                share(one["default_rate"]),
                f"{share(one['low'])} – {share(one['high'])}",
                figure(one["woe"], 2),
            ]
            for one in table
        ],
        _("Incumplimiento en cada tramo; los datos dicen cuántos créditos hay en él."),
    )


def shares(title: str, story: Mapping[str, Any]) -> Drawing:
    """How a column's rows are spread over its bins."""
    table = story["bins"]
    return Drawing(
        title,
        column_plot([one["share"] for one in table], [one["label"] for one in table], form=share),
        _("Parte de los créditos en cada tramo."),
        [_("Tramo"), _("Créditos"), _("Parte")],
        [[one["label"], format_number(one["rows"]), share(one["share"])] for one in table],
    )


def dependence(title: str, points: Sequence[tuple[float, float]]) -> Drawing | None:
    """Points that each value of a feature gives."""
    if len(points) < 2:
        return None
    low, high = points[0][0], points[-1][0]
    steps = []
    for (x, y), (after, _y) in zip(points, [*points[1:], points[-1]], strict=True):
        steps += [(x, y), (after, y)]
    plot = line_plot(
        [Series("", steps)],
        [f"{low + (high - low) * part / 4:,.3g}" for part in range(5)],
        form=lambda value: figure(value, 0),
        x_range=(low, high if high > low else low + 1),
        from_zero=True,
        dots=False,
    )
    return Drawing(
        title,
        plot,
        _("Puntos que da cada valor, frente al promedio."),
        [_("Valor"), _("Puntos")],
        [[f"{x:,.4g}", figure(y, 1)] for x, y in points],
        _("Vertical: puntos de más o de menos frente al promedio de las personas."),
    )


def _exact(value: float) -> Any:
    from decimal import Decimal

    return Decimal(str(round(float(value), 8)))
