"""The pages of an application as forms: what each asks, what was typed, and what it amounts to.

A step keeps its raw answers (`answers`), valid or not, so that a half-typed page can be taken up again on
another phone; `from_answers` reads them back exactly as the browser had sent them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.clock import today
from accounts.consent import ConsentText, check_consents
from accounts.errors import InvalidInput
from accounts.forms import ChoiceCards, DateBoxes
from lending import identity
from lending.facts import FACTS, facts_of
from lending.forms.facts import field_for
from lending.forms_fields import AmountFormField
from lending.models import Applicant
from lending.money import format_soles


class StepForm(forms.Form):
    """What every step shares. Fields may stand in sections; a section may wait for an answer (`shown_if`)."""

    mark_optional = True
    step = ""

    def __init__(self, *args: Any, segment: str, stored: bool = False, **options: Any) -> None:
        self.segment, self.stored = segment, stored
        super().__init__(*args, **options)

    @classmethod
    def from_answers(cls, answers: Mapping[str, Any], **options: Any) -> "StepForm":
        """The form as it was when `answers` were kept: bound, so that it can be judged again."""
        return cls(dict(answers), stored=True, **options)

    def _widget_data_value(self, widget: forms.Widget, html_name: str) -> Any:
        if self.stored:  # already read from the browser's boxes, by `answers`
            return self.data.get(html_name)
        return super()._widget_data_value(widget, html_name)  # type: ignore[misc]

    @property
    def answers(self) -> dict[str, Any]:
        """Everything typed, as typed."""
        typed = {bound.name: bound.data for bound in self}
        return {name: value for name, value in typed.items() if value not in (None, "")}

    @property
    def sections(self) -> Iterator["Section"]:
        """Fields in the order they are read."""
        yield Section([bound for bound in self if not bound.is_hidden])

    def facts(self) -> dict[str, Any]:
        """Declared facts of this step as they are kept, from a valid form; unanswered ones are absent."""
        kept = {name: FACTS[name].kept(self.cleaned_data.get(name)) for name in self.fields if name in FACTS}
        return {name: value for name, value in kept.items() if value is not None}


def amount_range(low: Decimal, high: Decimal) -> str:
    """The hint above an amount."""
    return _("De %(low)s a %(high)s") % {"low": format_soles(low), "high": format_soles(high)}


@dataclass
class Section:
    """Fields that belong together; `shown_if` names the answer (`has_debts=yes`) they follow from."""

    fields: list[forms.BoundField]
    shown_if: str = ""


class RequestForm(StepForm):
    """How much, for how long, and what for. `low` and `high` are what the institution lends to the segment."""

    step = "request"

    def __init__(self, *args: Any, limits: tuple[Decimal, Decimal] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        for fact in facts_of(self.segment, self.step):
            self.fields[fact.name] = field_for(fact, self.segment)
        amount = self.fields["amount"]
        if limits and isinstance(amount, AmountFormField):
            amount.min_value, amount.max_value = limits
            amount.help_text = amount_range(*limits)


class IdentityForm(StepForm):
    """Who asks, as in their document."""

    mark_optional = False  # mobile or e-mail: one of them is needed, and the words say so
    step = "identity"

    full_name = forms.CharField(
        label=_("Nombres y apellidos"),
        widget=forms.TextInput({"autocomplete": "name"}),
        error_messages={"required": _("Escribe tus nombres y apellidos, como están en tu documento")},
    )
    document_type = forms.ChoiceField(
        label=_("¿Qué documento tienes?"),
        choices=Applicant.DocumentType.choices,
        initial=Applicant.DocumentType.DNI,
        widget=ChoiceCards(),
        error_messages={"required": _("Elige DNI o carné de extranjería")},
    )
    document_number = forms.CharField(
        label=_("Número de documento"),
        help_text=_("En el DNI, los 8 números grandes."),
        widget=forms.TextInput({"class": "input-num", "autocomplete": "off"}),
        error_messages={"required": _("Escribe el número de tu documento")},
    )
    birth_on = forms.DateField(
        label=_("Fecha de nacimiento"),
        help_text=_("Por ejemplo, 27 3 1985"),
        input_formats=["%Y-%m-%d"],
        widget=DateBoxes(birthday=True),
        error_messages={
            "required": _("Escribe tu fecha de nacimiento"),
            "invalid": _("Escribe una fecha que exista, con el año completo, por ejemplo 27 3 1985"),
        },
    )
    phone = forms.CharField(
        label=_("Celular"),
        help_text=_("Para avisarte de la respuesta. Si no tienes, deja tu correo."),
        required=False,
        widget=forms.TextInput({"class": "input-num", "inputmode": "tel", "autocomplete": "tel-national"}),
    )
    email = forms.CharField(
        label=_("Correo (opcional)"),
        required=False,
        widget=forms.TextInput({"inputmode": "email", "autocomplete": "email"}),
    )
    region = forms.ChoiceField()
    district = forms.CharField(
        label=_("Distrito"),
        widget=forms.TextInput({"autocomplete": "address-level2"}),
        error_messages={"required": _("Escribe el distrito donde vives")},
    )
    field_order = (
        "full_name", "document_type", "document_number", "birth_on", "region", "district", "phone", "email",
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["region"] = field_for(FACTS["region"], self.segment)
        self.order_fields(self.field_order)

    def clean_full_name(self) -> str:
        return self._read(identity.clean_name, "full_name")

    def clean_birth_on(self) -> Any:
        return self._read(lambda value: identity.clean_birth(value, today()), "birth_on")

    def clean_phone(self) -> str:
        return self._read(identity.clean_phone, "phone")

    def clean_email(self) -> str:
        return self._read(identity.clean_email, "email")

    def clean_district(self) -> str:
        return self._read(lambda value: identity.clean_line(value, 80), "district")

    def clean_document_number(self) -> str:
        kind = self.cleaned_data.get("document_type", Applicant.DocumentType.DNI)
        return self._read(lambda value: identity.clean_document(kind, value), "document_number")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        unreachable = not (cleaned.get("phone") or cleaned.get("email"))
        if unreachable and not {"phone", "email"} & set(self.errors):
            self.add_error("phone", _("Escribe tu celular o tu correo, para avisarte de la respuesta"))
        return cleaned

    def _read(self, reader: Any, name: str) -> Any:
        try:
            return reader(self.cleaned_data[name])
        except identity.BadIdentity as problem:
            raise ValidationError(problem.message) from problem


class FactsForm(StepForm):
    """The facts of one step."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for fact in facts_of(self.segment, self.step):
            self.fields[fact.name] = field_for(fact, self.segment)


class ActivityForm(FactsForm):
    """The home, the business or the farm."""

    step = "activity"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.segment == "enterprise":
            self.fields["trade_name"] = forms.CharField(
                label=_("¿Cómo se llama tu negocio?"),
                required=False,
                widget=forms.TextInput({"autocomplete": "organization"}),
            )
            self.fields["ruc"] = forms.CharField(
                label=_("RUC"),
                help_text=_("Si lo tienes. No hace falta para pedir el crédito."),
                required=False,
                widget=forms.TextInput({"class": "input-num", "inputmode": "numeric", "autocomplete": "off"}),
            )
            self.order_fields(["trade_name", "sector"])

    def clean_ruc(self) -> str:
        return self._checked(identity.clean_ruc, "ruc")

    def clean_trade_name(self) -> str:
        return self._checked(lambda value: identity.clean_line(value, 120), "trade_name")

    def _checked(self, reader: Any, name: str) -> str:
        try:
            return str(reader(self.cleaned_data[name]))
        except identity.BadIdentity as problem:
            raise ValidationError(problem.message) from problem


@dataclass(frozen=True)
class Gate:
    """A question whose `no` answers others with zero, so that nobody is asked how much of nothing they have."""

    name: str
    label: Any
    hint: Any
    yes: Any
    empty_message: Any
    facts: tuple[str, ...]
    zero: tuple[str, ...]
    needs: str  # the first of them must be answered after a yes
    needs_message: Any


GATES: Final = (
    Gate(
        name="has_debts",
        label=_("¿Estás pagando otro préstamo?"),
        hint=_("Cuenta también juntas, casas comerciales y préstamos de familiares."),
        yes=_("Sí, uno o más"),
        empty_message=_("Elige si estás pagando otro préstamo"),
        facts=("creditors", "other_installments", "total_debt"),
        zero=("creditors", "other_installments", "total_debt"),
        needs="creditors",
        needs_message=_("Escribe a cuántos les debes, por ejemplo 1"),
    ),
    Gate(
        name="had_loans",
        label=_("¿Ya terminaste de pagar algún préstamo?"),
        hint=_("De un banco, caja, cooperativa o financiera."),
        yes=_("Sí, uno o más"),
        empty_message=_("Elige si ya terminaste de pagar algún préstamo"),
        facts=("past_loans", "worst_delay_days"),
        zero=("past_loans",),
        needs="past_loans",
        needs_message=_("Escribe cuántos préstamos ya terminaste de pagar, por ejemplo 1"),
    ),
)


class MoneyForm(FactsForm):
    """What comes in, what goes out, what is owed and how earlier loans were paid."""

    step = "money"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for gate in GATES:
            self.fields[gate.name] = forms.ChoiceField(
                label=gate.label,
                help_text=gate.hint,
                choices=[("yes", gate.yes), ("no", _("No"))],
                widget=ChoiceCards(),
                error_messages={"required": gate.empty_message, "invalid_choice": gate.empty_message},
            )
            needed = self.fields[gate.needs]
            needed.required, needed.error_messages["required"] = True, gate.needs_message
        behind = [name for gate in GATES for name in (gate.name, *gate.facts)]
        self.order_fields([name for name in self.fields if name not in behind] + behind)

    @property
    def sections(self) -> Iterator[Section]:
        behind = {name for gate in GATES for name in (gate.name, *gate.facts)}
        yield Section([bound for bound in self if bound.name not in behind])
        for gate in GATES:
            yield Section([self[gate.name]])
            yield Section([self[name] for name in gate.facts], shown_if=f"{gate.name}=yes")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for gate in GATES:
            answer = cleaned.get(gate.name)
            if answer == "yes":
                continue
            for name in gate.facts:  # what stands behind an unopened gate was not asked
                self.errors.pop(name, None)
                cleaned[name] = 0 if answer == "no" and name in gate.zero else None
        return cleaned


class ConsentsForm(StepForm):
    """One box per purpose, none ticked beforehand; the texts are `accounts.consent`'s, word for word."""

    mark_optional = False
    step = "consents"

    def __init__(self, *args: Any, texts: Sequence[ConsentText], at_counter: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.texts, self.at_counter = texts, at_counter
        for text in texts:
            box = forms.BooleanField(label=text.title, help_text=text.body, required=False)
            box.consent = text  # type: ignore[attr-defined]
            self.fields[f"consent_{text.purpose}"] = box
        if at_counter:
            self.fields["read_aloud"] = forms.BooleanField(
                label=_("Le leí cada permiso y marqué lo que la persona respondió"),
                help_text=_("Queda registrado con tu nombre."),
                error_messages={"required": _("Confirma que le leíste los permisos a la persona")},
            )

    @property
    def answers(self) -> dict[str, Any]:
        """The ticks, with the language and hashes of the words they were given to."""
        shown = {text.purpose: text.sha256 for text in self.texts}
        return {**super().answers, "language": self.texts[0].language, "texts": shown}

    def granted(self) -> dict[str, bool]:
        """Purpose by purpose, from a valid form."""
        return {text.purpose: self.cleaned_data.get(f"consent_{text.purpose}") is True for text in self.texts}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        try:
            check_consents({text.purpose: cleaned.get(f"consent_{text.purpose}") is True for text in self.texts})
        except InvalidInput as refusal:
            for name, messages in refusal.fields.items():
                self.add_error(name, messages)
        return cleaned


FORMS: Final[dict[str, type[StepForm]]] = {
    form.step: form for form in (RequestForm, IdentityForm, ActivityForm, MoneyForm, ConsentsForm)
}
