"""Which papers help each kind of borrower, and the form that takes one."""

from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import PhotoInput
from lending.models import AccountStatement, Document

Kind = Document.Kind


@dataclass(frozen=True)
class Paper:
    """One kind of paper as it is asked for; `camera` opens a phone's camera at once."""

    kind: str
    label: Any
    hint: Any = ""
    camera: bool = False


_FRONT = Paper(Kind.IDENTITY_FRONT, _("Tu DNI, lado de la foto"), _("Que se lean todos los números."), camera=True)
_BACK = Paper(Kind.IDENTITY_BACK, _("Tu DNI, el otro lado"), camera=True)
_BILL = Paper(Kind.UTILITY_BILL, _("Recibo de luz o agua"), _("De los últimos dos meses, aunque no esté a tu nombre."))
_OTHER = Paper(Kind.OTHER, _("Otro papel que quieras mostrar"))

PAPERS: Final[dict[str, tuple[Paper, ...]]] = {
    "household": (
        _FRONT,
        _BACK,
        _BILL,
        Paper(Kind.INCOME, _("Algo que muestre lo que ganas"), _("Boletas de pago, recibos por honorarios o pensión.")),
        _OTHER,
    ),
    "enterprise": (
        _FRONT,
        _BACK,
        _BILL,
        Paper(Kind.INCOME, _("Algo que muestre lo que vendes"), _("Boletas, cuaderno de ventas o billetera digital.")),
        Paper(Kind.PREMISES, _("Foto de tu negocio"), _("Tu puesto, tu local o tu mercadería."), camera=True),
        _OTHER,
    ),
    "farm": (
        _FRONT,
        _BACK,
        Paper(Kind.LAND, _("Papel de la tierra"), _("Título, constancia de posesión o de tu comunidad.")),
        Paper(Kind.INCOME, _("Algo que muestre lo que vendes"), _("Boletas, liquidaciones o anotaciones de cosechas.")),
        Paper(Kind.PREMISES, _("Foto de tu chacra"), _("Del cultivo o de tus animales."), camera=True),
        _OTHER,
    ),
}  # fmt: skip


class StatementForm(forms.Form):
    """A statement of an account, whose figures are read."""

    kind = forms.ChoiceField(label=_("¿De dónde es?"), choices=AccountStatement.Kind.choices)
    file = forms.FileField(
        label=_("Estado de cuenta"),
        help_text=_("CSV o XLSX con fecha y monto de cada movimiento, de los últimos meses. No guardamos el archivo."),
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
        error_messages={"required": _("Elige un archivo"), "empty": _("El archivo está vacío")},
    )


class UploadForm(forms.Form):
    """One file for one kind of paper; the service looks inside it."""

    kind = forms.ChoiceField(
        choices=Document.Kind.choices,
        widget=forms.HiddenInput,
        error_messages={"required": _("Elige qué documento es"), "invalid_choice": _("Elige qué documento es")},
    )
    file = forms.FileField(
        label=_("Foto o archivo"),
        allow_empty_file=True,  # the service says what to do about it
        error_messages={
            "required": _("Elige una foto o un archivo antes de subirlo"),
            "missing": _("Elige una foto o un archivo antes de subirlo"),
            "invalid": _("El archivo no llegó. Elígelo y súbelo otra vez"),
            "max_length": _("El nombre del archivo es demasiado largo"),
        },
    )

    def __init__(self, *args: Any, paper: Paper, **options: Any) -> None:
        options.setdefault("auto_id", f"{paper.kind}_%s")
        super().__init__(*args, **options)
        self.paper = paper
        self.initial["kind"] = paper.kind
        self.fields["file"].label = paper.label
        self.fields["file"].help_text = paper.hint
        self.fields["file"].widget = PhotoInput(
            accept="image/*" if paper.camera else "image/*,application/pdf",
            attrs={"capture": "environment"} if paper.camera else None,
        )
