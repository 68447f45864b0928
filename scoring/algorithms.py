"""The algorithms there are, by name: what each is for, and whether it may decide live. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from scoring.features.feature import Words


@dataclass(frozen=True)
class Algorithm:
    """`live` ones give exact reasons by the feature dictionary; the others are measured, compared and kept."""

    name: str
    label: Words
    live: bool = False


_ALL = (
    Algorithm("additive-xgboost", _("XGBoost aditivo con tablas, del diccionario"), live=True),
    Algorithm("additive-xgboost-table", _("XGBoost aditivo con tablas, de cualquier columna")),
    Algorithm("scorecard", _("Tarjeta de puntaje (WoE), del diccionario"), live=True),
    Algorithm("scorecard-table", _("Tarjeta de puntaje (WoE), de cualquier columna")),
    Algorithm("stack", _("Mezcla de cinco modelos (la más exacta)")),
    Algorithm("xgboost", _("XGBoost con ajustes buscados")),
    Algorithm("xgboost-monotone", _("XGBoost monótono")),
    Algorithm("logistic", _("Regresión logística sobre rangos")),
    Algorithm("decision-tree", _("Árbol de decisión")),
    Algorithm("random-forest", _("Bosque aleatorio")),
    Algorithm("extra-trees", _("Árboles muy aleatorios")),
    Algorithm("gradient-boosting", _("Gradient boosting")),
    Algorithm("mlp", _("Red neuronal (perceptrón)")),
    Algorithm("neural", _("Red neuronal (Keras, extra opcional)")),
)
ALGORITHMS: dict[str, Algorithm] = {one.name: one for one in _ALL}
# The form that a live algorithm takes on a table whose columns are not declared facts.
ON_ANY_TABLE = {"additive-xgboost": "additive-xgboost-table", "scorecard": "scorecard-table"}
MODES = {"accurate": "stack", "transparent": "additive-xgboost"}
LIVE_ALGORITHMS = frozenset(one.name for one in _ALL if one.live)
# How rows are held out to measure a model on.
SPLIT_WORDS: dict[str, Words] = {
    "5fold": _("Cinco partes al azar"),
    "holdout30": _("Un 30% al azar"),
    "time": _("Por fechas: aprende de lo viejo, se mide en lo nuevo"),
}
