"""The model card: what a model is, what it learnt from, how well it does and for whom, on a few sheets.

One list of sections serves both forms; figures are those kept with the model, nothing is computed anew.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from scoring.algorithms import ALGORITHMS, SPLIT_WORDS
from scoring.features import features_of
from scoring.models import ScoringModel


@dataclass(frozen=True)
class Section:
    """A heading with facts (name and value) and tables (a caption, a head and rows of text)."""

    title: str
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[tuple[str, Sequence[str], Sequence[Sequence[str]]]] = ()
    text: str = ""


@dataclass(frozen=True)
class Card:
    title: str
    sections: list[Section] = field(default_factory=list)


def figure_words() -> dict[str, str]:
    """What the figures of an evaluation are, for people, in the order to read them."""
    return {
        "auc": _("Qué tan bien ordena a quienes no vio (AUC): 0.5 es azar, 1 es perfecto"),
        "gini": _("Lo mismo, de 0 a 1 (Gini)"),
        "ks": _("Mayor distancia entre quienes pagan y quienes incumplen (KS)"),
        "pr_auc": _("Precisión media (PR-AUC)"),
        "brier": _("Error cuadrático de la probabilidad (Brier)"),
        "log_loss": _("Pérdida logarítmica"),
        "ece": _("Error de calibración (ECE)"),
        "ece_noise_limit": _("Error de calibración que da el puro azar"),
        "calibration_slope": _("Pendiente de calibración"),
        "auc_gap": _("AUC que falta para lo mejor posible"),
        "pd_error": _("Error medio de la probabilidad"),
    }


def model_card(model: ScoringModel) -> Card:
    """The card of a registered model, in the language in force. Its data set must be at hand (`select_related`)."""
    parameters, evaluation = model.parameters, {**model.metrics, **model.evaluation}
    algorithm = ALGORITHMS.get(model.algorithm)
    dataset = model.dataset
    what = [
        (_("Segmento"), str(model.get_segment_display())),
        (_("Algoritmo"), str(algorithm.label) if algorithm else model.algorithm),
        (_("Estado"), str(model.get_status_display())),
        (_("Uso"), _("Decisiones en vivo, con razones exactas") if algorithm and algorithm.live else _("Comparación")),
        (_("Huella del archivo (SHA-256)"), model.sha256),
        (_("Semilla"), str(parameters.get("seed", "—"))),
        (_("Versiones"), ", ".join(f"{name} {of}" for name, of in parameters.get("versions", {}).items()) or "—"),
    ]
    data = [
        (_("Datos"), str(dataset)),
        (_("Filas"), f"{dataset.rows:,}"),
        (_("Incumplimiento"), f"{float(dataset.target_rate):.2%}"),
        (_("Huella de los datos (SHA-256)"), dataset.sha256),
        (_("Variables"), "; ".join(_variable_words(model))),
        (_("Datos sensibles usados"), ", ".join(parameters.get("sensitive", [])) or _("ninguno")),
        (_("Cómo se midió"), str(SPLIT_WORDS.get(parameters.get("splits"), "—"))),
    ]
    return Card(
        _("Ficha del modelo %(name)s") % {"name": model.name},
        [
            Section(_("Qué es"), what),
            Section(_("De qué aprendió"), data),
            Section(
                _("Qué tan bien ordena y calibra"),
                [(words, _figure(evaluation, name)) for name, words in figure_words().items() if name in evaluation],
                [table for table in (_lift(evaluation), _calibration(evaluation), _vintages(evaluation)) if table[2]],
            ),
            Section(
                _("Trato por grupo"),
                tables=[_group(name, one) for name, one in _fairness(evaluation)],
                text="" if _fairness(evaluation) else _("Los datos no dicen nada de grupos de personas."),
            ),
            Section(
                _("Límites"),
                text=_(
                    "El modelo estima la probabilidad de un atraso de 90 días en 12 meses a partir de lo declarado. "
                    "No decide solo: cada solicitud puede ser vista por una persona. Fuera de los rangos del "
                    "diccionario los valores se llevan al extremo permitido."
                ),
            ),
        ],
    )


def _variable_words(model: ScoringModel) -> list[str]:
    """The features by what people call them; a column of a file keeps its own name."""
    known = {one.name: str(one.label) for one in features_of(model.segment)}
    return [known.get(name, name) for name in model.feature_set.get("names", [])]


def card_html(card: Card) -> str:
    """The card as one page that needs nothing else."""
    return render_to_string("scoring/model_card.html", {"card": card})


def card_pdf(card: Card) -> bytes:
    """The card as a PDF of A4 sheets; the same card gives the same bytes."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

    styles = getSampleStyleSheet()
    lines = [("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.lightgrey), ("VALIGN", (0, 0), (-1, -1), "TOP")]

    def cell(text: str) -> Paragraph:
        return Paragraph(escape(text), styles["BodyText"])

    flow: list[Flowable] = [Paragraph(escape(card.title), styles["Title"])]
    for section in card.sections:
        flow.append(Paragraph(escape(section.title), styles["Heading2"]))
        if section.text:
            flow.append(cell(section.text))
        if section.facts:
            flow.append(Table([[cell(name), cell(value)] for name, value in section.facts], (150, 330), style=lines))
        for caption, head, rows in section.tables:
            flow.append(Paragraph(escape(caption), styles["Heading4"]))
            body = [[cell(text) for text in row] for row in (head, *rows)]
            flow.append(Table(body, [480 / len(head)] * len(head), style=lines, repeatRows=1))
        flow.append(Spacer(1, 8))
    content = io.BytesIO()
    SimpleDocTemplate(content, pagesize=A4, title=card.title, author="Ayni", invariant=1).build(flow)
    return content.getvalue()


def _figure(evaluation: Mapping[str, Any], name: str) -> str:
    shown = f"{evaluation[name]:.4f}"
    if name == "auc":
        shown += f" ({evaluation['auc_low']:.4f}–{evaluation['auc_high']:.4f})"
    return shown


def _lift(evaluation: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [
            str(one["group"]),
            f"{one['rows']:,}",
            f"{one['default_rate']:.2%}",
            f"{one['lift']:.2f}",
            f"{one['captured']:.0%}",
        ]
        for one in evaluation.get("lift", [])
    ]
    return _("Por décimos, del más riesgoso"), ["", _("Filas"), _("Incumplimiento"), _("Veces"), _("Capturado")], rows


def _calibration(evaluation: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [f"{one['rows']:,}", f"{one['predicted']:.2%}", f"{one['seen']:.2%}", f"{one['low']:.2%}–{one['high']:.2%}"]
        for one in evaluation.get("calibration", [])
    ]
    return _("Lo previsto y lo ocurrido"), [_("Filas"), _("Previsto"), _("Ocurrido"), _("Intervalo")], rows


def _vintages(evaluation: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [
            one["period"],
            f"{one['rows']:,}",
            f"{one['mean_pd']:.2%}",
            f"{one['default_rate']:.2%}",
            "—" if one["auc"] is None else f"{one['auc']:.3f}",
            f"{one['psi']:.3f}",
        ]
        for one in evaluation.get("vintages", [])
    ]
    return _("Por trimestre"), [_("Trimestre"), _("Filas"), _("Previsto"), _("Ocurrido"), "AUC", "PSI"], rows


def _fairness(evaluation: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(evaluation.get("fairness", {}).items())


def _group(name: str, fairness: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [
            one["group"],
            f"{one['rows']:,}",
            f"{one['approval']:.1%} ({one['approval_low']:.1%}–{one['approval_high']:.1%})",
            "—" if one["tpr"] is None else f"{one['tpr']:.1%}",
            f"{one['mean_pd']:.2%}",
            f"{one['default_rate']:.2%}",
        ]
        for one in fairness["groups"]
    ]
    head = [_("Grupo"), _("Filas"), _("Aprobación"), _("Buenos aprobados"), _("Previsto"), _("Ocurrido")]
    return name, head, rows
