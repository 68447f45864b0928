"""Forms of the analyst's pages. They read and explain; the services judge."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import AffixInput, ChoiceCards
from scoring.algorithms import ALGORITHMS, ON_ANY_TABLE, SPLIT_WORDS
from scoring.models import Segment
from scoring.services.promotion import MOST_TRAFFIC

LARGEST_UPLOAD: Final = 20 * 1024 * 1024
TABLES: Final = {"accept": ".csv,.xlsx,.parquet,.gz"}


class DatasetForm(forms.Form):
    """A file of borrowers with how each loan went."""

    file = forms.FileField(
        label=_("Archivo"),
        help_text=_("CSV, XLSX o Parquet, una fila por crédito. Hasta 20 MB aquí; los más grandes, con un comando."),
        widget=forms.FileInput(attrs=TABLES),
        error_messages={"required": _("Elige un archivo"), "empty": _("El archivo está vacío")},
    )
    name = forms.SlugField(
        label=_("Nombre"),
        help_text=_("Letras, números y guiones. Otro archivo con el mismo nombre será una versión nueva."),
        max_length=80,
        error_messages={"required": _("Escribe un nombre"), "invalid": _("Usa solo letras, números y guiones")},
    )
    segment = forms.ChoiceField(label=_("Tipo de persona"), choices=Segment.choices, widget=ChoiceCards(in_row=True))
    target = forms.CharField(
        label=_("Columna que dice quién incumplió"),
        help_text=_("Con 0 y 1, o no y sí."),
        max_length=80,
        error_messages={"required": _("Escribe el nombre de la columna")},
    )
    as_of = forms.CharField(
        label=_("Columna con la fecha de la decisión"),
        help_text=_("Si la hay: sirve para medir en créditos más nuevos y para ver si algo se supo después."),
        max_length=80,
        required=False,
    )
    mark_optional = True

    def clean_file(self) -> Any:
        return _small_enough(self.cleaned_data["file"])


class TrainForm(forms.Form):
    """What a training run needs to be told; all of it has a usual answer."""

    mark_optional = True
    algorithm = forms.ChoiceField(label=_("Modelo"))
    splits = forms.ChoiceField(label=_("Cómo se mide"), choices=list(SPLIT_WORDS.items()))
    odds = forms.FloatField(
        label=_("Pagan por cada uno que incumple, con 600 puntos"),
        help_text=_("De la tarjeta de puntaje. Si lo dejas vacío: 9."),
        min_value=0.1,
        max_value=1_000,
        required=False,
        widget=AffixInput(suffix=_("a 1"), attrs={"inputmode": "decimal"}),
    )
    pdo = forms.FloatField(
        label=_("Puntos que duplican esa proporción"),
        help_text=_("De la tarjeta de puntaje (PDO). Si lo dejas vacío: 60."),
        min_value=5,
        max_value=200,
        required=False,
        widget=AffixInput(suffix=_("puntos"), attrs={"inputmode": "decimal"}),
    )
    free = forms.BooleanField(
        label=_("Entrenar también el modelo libre"),
        help_text=_("Muestra cuánta precisión cuesta que cada razón sea exacta. Tarda más."),
        required=False,
    )

    def __init__(self, *args: Any, dated: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["algorithm"].choices = [  # type: ignore[attr-defined]
            (
                _("Pueden decidir en vivo") if live else _("Solo para comparar"),
                [
                    (one.name, one.label)
                    for one in ALGORITHMS.values()
                    if one.live is live and one.name not in ON_ANY_TABLE.values() and one.name != "neural"
                ],
            )
            for live in (True, False)
        ]
        if not dated:
            self.fields["splits"].choices = [  # type: ignore[attr-defined]
                choice for choice in SPLIT_WORDS.items() if choice[0] != "time"
            ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("odds", "pdo"):
            if cleaned.get("algorithm") != "scorecard" and cleaned.get(name) is not None:
                self.add_error(name, _("Solo la tarjeta de puntaje tiene una escala propia: déjalo vacío."))
        return cleaned


class ReasonForm(forms.Form):
    """Why a model's place changes; the reason's hash goes into the evidence."""

    reason = forms.CharField(
        label=_("Por qué"),
        help_text=_("Una frase. Queda constancia de que la escribiste."),
        max_length=500,
        widget=forms.Textarea({"rows": 2}),
        error_messages={"required": _("Escribe por qué, en una frase")},
    )


class ChallengeForm(ReasonForm):
    """The same, and the share of live applications."""

    traffic = forms.IntegerField(
        label=_("Casos que decide"),
        help_text=_("Con 0 solo mira: sus puntajes se guardan y no deciden nada."),
        min_value=0,
        max_value=MOST_TRAFFIC,
        initial=0,
        widget=AffixInput(suffix=_("de cada 100"), attrs={"inputmode": "numeric"}),
    )
    field_order = ("traffic", "reason")


class BatchForm(forms.Form):
    """A spreadsheet of applicants to score."""

    file = forms.FileField(
        label=_("Planilla"),
        help_text=_("CSV, XLSX o Parquet, con una columna por dato y sus nombres del diccionario en la primera fila."),
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,.parquet"}),
        error_messages={"required": _("Elige una planilla"), "empty": _("La planilla está vacía")},
    )
    segment = forms.ChoiceField(label=_("Tipo de persona"), choices=Segment.choices, widget=ChoiceCards(in_row=True))
    key = forms.CharField(
        label=_("Columna que se copia al resultado"),
        help_text=_("Por ejemplo tu código de cada persona. No pongas su nombre ni su documento."),
        max_length=80,
        required=False,
    )
    mark_optional = True


def _small_enough(upload: Any) -> Any:
    if upload.size > LARGEST_UPLOAD:
        raise forms.ValidationError(
            _("El archivo pesa %(size)s MB; aquí se reciben hasta %(most)s. Usa manage.py import_dataset."),
            params={"size": upload.size // 2**20, "most": LARGEST_UPLOAD // 2**20},
        )
    return upload
