"""Forms of requests about one's own data. They read and explain; the services judge."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import ChoiceCards
from accounts.models import DataRequest
from lending.models import Applicant
from lending.services.data_rights import LONGEST_TEXT, OPPOSABLE

FIELDS = {
    "full_name": _("Nombres y apellidos"),
    "document_number": _("Número de DNI"),
    "birth_on": _("Fecha de nacimiento (año-mes-día)"),
    "phone": _("Celular"),
    "email": _("Correo"),
    "district": _("Distrito"),
    "ruc": _("RUC"),
}
TEXT = forms.Textarea({"rows": 4})


class DataRequestForm(forms.Form):
    """A request of one kind; each kind asks for no more than it needs."""

    text = forms.CharField(label=_("Cuéntanos más"), required=False, max_length=LONGEST_TEXT, widget=TEXT)
    field = forms.ChoiceField(
        label=_("Dato por corregir"),
        choices=[("", _("Elige un dato")), *FIELDS.items()],
        error_messages={"required": _("Elige el dato por corregir")},
    )
    value = forms.CharField(
        label=_("Cómo debe decir"),
        max_length=254,
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": _("Escribe cómo debe decir el dato")},
    )
    purpose = forms.ChoiceField(
        label=_("Uso al que te opones"),
        choices=[(one.value, one.label) for one in OPPOSABLE],
        widget=ChoiceCards(),
        error_messages={"required": _("Elige el uso al que te opones")},
    )

    mark_optional = True
    who: tuple[str, ...] = ()  # fields that say who asks
    asks = {
        DataRequest.Kind.RECTIFY: ("field", "value", "text"),
        DataRequest.Kind.OPPOSE: ("purpose", "text"),
    }

    def __init__(self, *args: object, kind: str, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        wanted = self.who + self.asks.get(DataRequest.Kind(kind), ("text",))
        for name in list(self.fields):
            if name not in wanted:
                del self.fields[name]
        self.fields["text"].required = kind in (DataRequest.Kind.INFORMATION, DataRequest.Kind.ACCESS)
        self.fields["text"].error_messages["required"] = str(_("Escribe qué quieres saber o ver"))


class CounterRequestForm(DataRequestForm):
    """The same at the counter: first who it is and how that was made sure, then what they ask."""

    document_type = forms.ChoiceField(
        label=_("Documento"), choices=Applicant.DocumentType.choices, widget=ChoiceCards(in_row=True), initial="dni"
    )
    document_number = forms.CharField(
        label=_("Número de documento"),
        max_length=20,
        widget=forms.TextInput({"autocomplete": "off", "class": "input-num"}),
        error_messages={"required": _("Escribe el número del documento")},
    )
    identified = forms.ChoiceField(
        label=_("Cómo comprobaste quién es"),
        choices=DataRequest.Identified.choices,
        widget=ChoiceCards(),
        error_messages={"required": _("Di cómo comprobaste quién es")},
    )

    field_order = ("document_type", "document_number", "identified")
    who = ("document_type", "document_number", "identified")


class CorrectionForm(forms.Form):
    """The proof that a recipient was told."""

    reference = forms.CharField(
        label=_("Cargo o constancia del envío"),
        max_length=80,
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": _("Escribe el número de cargo o la constancia del envío")},
    )


class BureauForm(forms.Form):
    """Another recipient."""

    bureau = forms.CharField(
        label=_("Otra central de riesgos"),
        max_length=80,
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": _("Escribe el nombre de la central de riesgos")},
    )


class AnswerDataRequestForm(forms.Form):
    """The manager's answer."""

    outcome = forms.ChoiceField(
        label=_("Respuesta"),
        choices=[
            (DataRequest.Outcome.GRANTED, DataRequest.Outcome.GRANTED.label),
            (DataRequest.Outcome.DENIED, DataRequest.Outcome.DENIED.label),
        ],
        widget=ChoiceCards(in_row=True),
        error_messages={"required": _("Elige si aceptas el pedido")},
    )
    answer = forms.CharField(
        label=_("En palabras, para la persona"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 6}),
        error_messages={"required": _("Escribe la respuesta: la persona la leerá tal cual")},
    )


class ExtendForm(forms.Form):
    """Why more time is needed."""

    reason = forms.CharField(
        label=_("Por qué hace falta más tiempo"),
        max_length=300,
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": _("Escribe por qué hace falta más tiempo: la persona lo leerá")},
    )
