"""The register of models: what decides about people, on what data, who stands for it, and how it is watched.

Ley 31814 and DS 115-2025-PCM (credit evaluation is a high-risk use: a register of data, logic and impacts, and a
voluntary impact assessment kept for three years); Res. SBS 53-2023 (inventory, validation, monitoring).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.clock import today
from accounts.formats import format_day, format_number, format_percent
from accounts.models import Institution
from lending.disparity import COUNTED, Counts
from lending.models import DisparityMonth
from lending.papers.pdf import Paper
from lending.selectors.disparity import Choice, report
from portal.oversight import fairness
from portal.oversight.chain import REGULATOR, Window
from scoring import drift
from scoring.algorithms import ALGORITHMS
from scoring.features.export import dictionary
from scoring.models import Alarm, MonitoringReport, ScoringModel

IN_USE: Final = (ScoringModel.Status.CHAMPION, ScoringModel.Status.CHALLENGER)
PSI_WATCH: Final = 0.10  # the usual reading: under 0.10 stable, from 0.25 on another population
PSI_BAD: Final = 0.25
FIGURES: Final = ("auc", "gini", "ks", "brier", "log_loss", "ece")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the register, over the institutions that the reader supervises."""

    model: ScoringModel
    decisions: Counts
    lenders: Sequence[str]  # names of those that decided with it
    psi: float | None
    alarms: Sequence[Alarm]  # open ones

    @property
    def overridden(self) -> str:
        return _percent((self.decisions.raised + self.decisions.lowered, self.decisions.judged))

    @property
    def state(self) -> tuple[str, str]:
        """In words, with its kind of label."""
        if any(alarm.level == Alarm.Level.BAD for alarm in self.alarms) or (self.psi or 0) >= PSI_BAD:
            return _("Actuar"), "bad"
        if self.alarms or (self.psi or 0) >= PSI_WATCH:
            return _("Vigilar"), "warn"
        return (_("Sin vigilar"), "") if self.psi is None else (_("Estable"), "ok")

    @property
    def independent(self) -> bool:
        """Whether somebody else than its trainer put it in force (the system's training counts as nobody's)."""
        return self.model.promoted_by_id is not None and self.model.promoted_by_id != self.model.trained_by_id


def entries(institutions: Iterable[Institution]) -> list[Entry]:
    """Models in force or on trial, and those that have decided, for the supervised institutions. Six queries."""
    names = {one.pk: one.name for one in institutions}
    used = _decisions(names)
    chosen = Q(pk__in=list(used)) | Q(status__in=IN_USE)
    models = _visible(names).filter(chosen).select_related("dataset").order_by("segment", "status", "-promoted_at")
    return _entries(list(models), used, names)


def entry(institutions: Iterable[Institution], model_id: UUID) -> Entry | None:
    """One model of the register."""
    names = {one.pk: one.name for one in institutions}
    model = _visible(names).filter(pk=model_id).select_related("dataset", "replaces").first()
    return _entries([model], _decisions(names), names)[0] if model else None


def _visible(names: Iterable[int]) -> QuerySet[ScoringModel]:
    return ScoringModel.objects.using(REGULATOR).filter(Q(institution=None) | Q(institution_id__in=list(names)))


def _decisions(names: Iterable[int]) -> dict[UUID, dict[int, Counts]]:
    """Sums by model and institution."""
    months = DisparityMonth.unscoped.using(REGULATOR).filter(institution_id__in=list(names), dimension="all")
    found: dict[UUID, dict[int, Counts]] = {}
    for key, institution_id, *sums in months.exclude(model_id=None).values_list("model_id", "institution_id", *COUNTED):
        mine = found.setdefault(key, {})
        mine[institution_id] = mine.get(institution_id, Counts()) + Counts(*sums)
    return found


def _entries(models: Sequence[ScoringModel], used: dict[UUID, dict[int, Counts]], names: dict[int, str]) -> list[Entry]:
    keys = [model.pk for model in models]
    psi: dict[UUID, float] = {}
    reports = MonitoringReport.unscoped.using(REGULATOR).filter(model_id__in=keys, institution_id__in=list(names))
    for row in reports.order_by("on"):
        if (value := psi_of(row)) is not None:
            psi[row.model_id] = value
    alarms: dict[UUID, list[Alarm]] = {}
    ringing = Alarm.unscoped.using(REGULATOR).filter(model_id__in=keys, institution_id__in=list(names), closed_at=None)
    for alarm in ringing.order_by("-opened_at"):
        alarms.setdefault(alarm.model_id, []).append(alarm)
    return [
        Entry(
            model,
            sum(used.get(model.pk, {}).values(), Counts()),
            sorted(names[key] for key in used.get(model.pk, {}) if key in names),
            psi.get(model.pk),
            alarms.get(model.pk, []),
        )
        for model in models
    ]


def psi_of(row: MonitoringReport) -> float | None:
    """How far the scores have moved from those it was trained on."""
    found = next((one for one in row.found.get("drift", ()) if one.get("subject") == drift.SCORE), None)
    return None if found is None else found.get("psi")


def _percent(share: tuple[int, int]) -> str:
    hits, n = share
    return format_percent(Decimal(hits) / n, 1) if n else "–"


# --- one model --------------------------------------------------------------------------------------------------


def card(found: Entry) -> dict[str, Any]:
    """The model's card as finished words: facts, lineage, features, figures, watching, changes."""
    model = found.model
    return {
        "entry": found,
        "model": model,
        "identity": identity(found),
        "lineage": lineage(model),
        "figures": figures(model),
        "features": feature_lines(model),
        "watching": watching(model),
        "alarms": history_of_alarms(model),
        "changes": changes(model),
    }


def identity(found: Entry) -> list[tuple[str, str]]:
    model = found.model
    by = _("Persona %(number)s") % {"number": model.promoted_by_id} if model.promoted_by_id else _("Nadie todavía")
    return [
        (
            _("Uso"),
            _("Estimar la probabilidad de mora a 12 meses en solicitudes de %(segment)s")
            % {"segment": model.get_segment_display().lower()},
        ),
        (_("Estado"), f"{model.get_status_display()}{f', {model.traffic} %' if model.traffic else ''}"),
        (_("Algoritmo"), str(ALGORITHMS[model.algorithm].label) if model.algorithm in ALGORITHMS else model.algorithm),
        (_("Huella del modelo"), model.sha256),
        (_("Entrenado"), format_day(model.trained_at)),
        (_("En uso desde"), format_day(model.promoted_at) if model.promoted_at else "–"),
        (_("Lo puso en uso"), by),
        (
            _("Validación independiente"),
            _("Sí: otra persona que quien lo entrenó") if found.independent else _("No consta"),
        ),
        (_("Entidades que deciden con él"), ", ".join(found.lenders) or "–"),
        (_("Decisiones"), format_number(found.decisions.cases)),
    ]


def lineage(model: ScoringModel) -> list[tuple[str, str]]:
    data = model.dataset
    warnings = data.profile.get("warnings") or ()
    return [
        (_("Conjunto de datos"), str(data)),
        (_("Huella de los datos"), data.sha256),
        (_("Filas"), format_number(data.rows)),
        (_("Tasa de mora"), format_percent(data.target_rate)),
        (_("Origen"), data.origin),
        (_("Avisos de calidad"), "; ".join(str(one) for one in warnings)[:400] or _("ninguno")),
        (
            _("Semilla y versiones"),
            ", ".join(f"{k} {v}" for k, v in sorted(model.parameters.items()) if isinstance(v, (str, int)))[:400],
        ),
    ]


def figures(model: ScoringModel) -> list[tuple[str, str]]:
    """Measured on rows held out of the training."""
    rows = [(name.upper().replace("_", " "), f"{model.metrics[name]:.4f}") for name in FIGURES if _known(model, name)]
    if _known(model, "auc_low"):
        rows.insert(
            1, (_("AUC, intervalo al 95 %"), f"{model.metrics['auc_low']:.4f} – {model.metrics['auc_high']:.4f}")
        )
    return rows


def _known(model: ScoringModel, name: str) -> bool:
    return isinstance(model.metrics.get(name), (int, float))


def feature_lines(model: ScoringModel) -> list[tuple[str, str]]:
    """(name for people, formula) of what it reads; columns as they are where the dictionary has no words."""
    names = model.feature_set.get("names") or []
    language = "en" if (get_language() or "es").startswith("en") else "es"
    known = {one["name"]: one for one in dictionary(model.segment)[model.segment]}
    return [
        (known[name][f"label_{language}"], known[name]["formula"]) if name in known else (name, "") for name in names
    ]


def watching(model: ScoringModel) -> list[list[str]]:
    """The last looks at its applications: day, how many, PSI of the score, mean PD."""
    rows = MonitoringReport.unscoped.using(REGULATOR).filter(model=model).order_by("-on")[:12]
    names = dict(Institution.objects.using(REGULATOR).values_list("pk", "name"))
    return [
        [
            format_day(row.on),
            names.get(row.institution_id, ""),
            format_number(row.applications),
            "–" if (psi := psi_of(row)) is None else f"{psi:.3f}",
            "–" if row.found.get("mean_pd") is None else f"{row.found['mean_pd']:.3f}",
        ]
        for row in rows
    ]


def history_of_alarms(model: ScoringModel) -> list[list[str]]:
    """Incidents of its watching, open and closed, newest first."""
    rows = Alarm.unscoped.using(REGULATOR).filter(model=model).order_by("-opened_at")[:30]
    return [
        [
            format_day(row.opened_at),
            row.get_kind_display(),
            row.get_level_display(),
            row.subject or _("puntaje"),
            f"{row.value:.3f} / {row.limit:.3f}",
            format_day(row.closed_at) if row.closed_at else _("abierta"),
        ]
        for row in rows
    ]


def changes(model: ScoringModel) -> list[list[str]]:
    """The versions of its segment that were in force, newest first: what replaced what, why, and with which figures."""
    rows = (
        ScoringModel.objects.using(REGULATOR)
        .filter(Q(institution_id=model.institution_id), segment=model.segment)
        .exclude(promoted_at=None)
        .order_by("-promoted_at")
    )
    return [
        [
            row.name,
            format_day(row.promoted_at) if row.promoted_at else "–",
            row.get_status_display(),
            f"{row.metrics['auc']:.4f}" if _known(row, "auc") else "–",
            row.sha256[:12],
            next((one["reason"] for one in reversed(row.motives) if one["event"] == "scoring.model.promoted"), "–"),
        ]
        for row in rows
    ]


# --- impact assessment ------------------------------------------------------------------------------------------


def impact_assessment(found: Entry, institutions: Sequence[Institution]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The assessment filled with what the register knows: (heading, [(question, answer)]).

    Answers that only people can give say so; nothing is made up.
    """
    model, sums = found.model, found.decisions
    open_question = _("Por completar por la entidad responsable")
    return [
        (
            _("1. Sistema y responsables"),
            [
                (_("Nombre y versión"), model.name),
                *identity(found)[:4],
                (_("Responsable del modelo y contacto"), open_question),
                (_("Fecha de esta evaluación"), format_day(today())),
            ],
        ),
        (
            _("2. Finalidad y nivel de riesgo"),
            [
                (_("Finalidad"), identity(found)[0][1]),
                (_("Nivel de riesgo"), _("Alto: evaluación crediticia de personas (DS 115-2025-PCM, art. 24.1 g).")),
                (_("A quiénes alcanza"), _("Personas que piden crédito y aceptaron el cálculo automático.")),
                (
                    _("Alternativa sin el sistema"),
                    _("Quien no acepta el puntaje automático es evaluado por una persona."),
                ),
            ],
        ),
        (
            _("3. Datos"),
            [
                *lineage(model),
                (_("Variables que lee"), format_number(len(feature_lines(model)))),
                (
                    _("Variables prohibidas"),
                    _("No lee sexo, lengua, origen, religión ni distrito: están donde el modelo no puede leerlas."),
                ),
            ],
        ),
        (
            _("4. Lógica y explicación"),
            [
                (
                    _("Cómo decide"),
                    _("Suma puntos por cada dato declarado; los puntos suman exactamente el puntaje mostrado."),
                ),
                (
                    _("Qué se explica a la persona"),
                    _("Que fue un programa, qué ayudó, qué restó y qué puede cambiarlo."),
                ),
            ],
        ),
        (
            _("5. Desempeño y límites"),
            [
                *figures(model),
                (_("Límites conocidos"), open_question),
            ],
        ),
        (_("6. Efectos en personas y grupos"), _group_effects(found, institutions)),
        (
            _("7. Supervisión humana"),
            [
                (
                    _("Quién decide"),
                    _("El programa recomienda; lo derivado y lo que supera los límites lo deciden dos personas."),
                ),
                (
                    _("Decisiones del programa cambiadas por personas"),
                    _("%(share)s: %(up)s a favor, %(down)s en contra")
                    % {"share": found.overridden, "up": sums.raised, "down": sums.lowered},
                ),
                (
                    _("Revisiones pedidas por solicitantes"),
                    _("%(asked)s: %(yes)s a favor, %(no)s en contra")
                    % {"asked": sums.reviews, "yes": sums.reviews_approved, "no": sums.reviews_declined},
                ),
            ],
        ),
        (
            _("8. Registro y seguridad"),
            [
                (
                    _("Registro"),
                    _("Entradas, versión y razones quedan congeladas en cada decisión, en una cadena verificable."),
                ),
                (_("Vigilancia"), found.state[0]),
                (
                    _("Alarmas abiertas"),
                    "; ".join(f"{one.get_kind_display()} {one.subject}".strip() for one in found.alarms)
                    or _("ninguna"),
                ),
            ],
        ),
        (
            _("9. Medidas y conclusión"),
            [
                (_("Medidas para reducir los efectos"), open_question),
                (_("Conclusión y firma"), open_question),
                (_("Conservación"), _("Tres años desde su fecha (DS 115-2025-PCM, art. 32).")),
            ],
        ),
    ]


def _group_effects(found: Entry, institutions: Sequence[Institution]) -> list[tuple[str, str]]:
    """The signals of each institution that decides with it, over twelve months."""
    lines = []
    for institution in institutions:
        if institution.name not in found.lenders:
            continue
        window = Window(institution, REGULATOR)
        asked = Choice(today().replace(year=today().year - 1, day=1), today(), model_id=found.model.pk)
        signals = report(window.rows(DisparityMonth), asked).signals
        words = [
            f"{fairness.DIMENSION_WORDS[name]}, {fairness.group_words(name, one.group).lower()}: {one.impact.value:.2f}"
            for name, one in signals
            if one.impact
        ]
        lines.append((institution.name, "; ".join(words) or _("Ningún grupo fuera de 0.80 a 1.25")))
    return lines or [(_("Razones de aprobación"), _("Todavía no hay decisiones con este modelo."))]


def assessment_pdf(found: Entry, parts: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> bytes:
    """The assessment on A4."""
    paper = Paper(
        title=_("Evaluación de impacto: %(name)s") % {"name": found.model.name},
        issuer="Ayni",
        evidence=_("Ley 31814, DS 115-2025-PCM, Res. SBS 53-2023"),
    )
    for heading, lines in parts:
        paper.heading(heading)
        paper.facts(lines)
    return paper.bytes()
