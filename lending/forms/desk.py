"""Forms of the staff desk. They read and explain; the services judge."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.formats import format_money
from accounts.forms import AffixInput, CheckCards, ChoiceCards, CountInput, MoneyInput
from accounts.models import Membership
from lending.facts import FACTS, facts_of
from lending.forms.facts import field_for
from lending.forms_fields import AmountFormField
from lending.models import Application, Decision, ProductVersion
from lending.reasons import CROPS, DEPARTMENTS, SECTORS, decline_choices
from lending.selectors.queue import ORDERS
from scoring.models import Segment

ORDER_WORDS: Final = {
    "": _("Vence primero"),
    "newest": _("Más nuevas"),
    "amount": _("Monto mayor"),
    "score": _("Puntaje mayor"),
}


class QueueFilters(forms.Form):
    """Filters of the queue; they live in the address."""

    q = forms.CharField(label=_("Código o nombre"), required=False, max_length=80)
    segment = forms.ChoiceField(label=_("Tipo"), required=False, choices=[("", _("Todos")), *Segment.choices])
    amount_from = AmountFormField(label=_("Desde"), subject=_("El monto"), required=False, widget=MoneyInput())
    amount_to = AmountFormField(label=_("Hasta"), subject=_("El monto"), required=False, widget=MoneyInput())
    order = forms.ChoiceField(
        label=_("Ordenar por"),
        required=False,
        choices=[(code, words) for code, words in ORDER_WORDS.items() if not code or code in ORDERS],
    )
    view = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput())


class WordForm(forms.Form):
    """What every word on a case carries: grounds for the record, and reasons where it declines."""

    reason_codes = forms.MultipleChoiceField(
        label=_("Motivos del rechazo"),
        help_text=_("Es lo que leerá la persona."),
        required=False,
        choices=decline_choices,
        widget=CheckCards(),
    )
    rationale = forms.CharField(
        label=_("Sustento"),
        help_text=_("Qué viste y por qué decides así. Queda en el registro."),
        max_length=4000,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"required": _("Escribe el sustento: qué viste y por qué decides así")},
    )


class ProposalForm(WordForm):
    """What an officer proposes. `choice` tells approving as asked from approving otherwise."""

    AS_ASKED, CHANGED, REFER, DECLINE = "approve", "changed", "refer", "decline"
    field_order = ("choice", "amount", "term_months", "reason_codes", "rationale", "second_signer")

    choice = forms.ChoiceField(
        label=_("Decisión"),
        widget=ChoiceCards(),
        error_messages={"required": _("Elige aprobar, derivar o rechazar")},
    )
    amount = AmountFormField(
        label=_("Monto que propones"),
        subject=_("El monto"),
        help_text=_("Solo si apruebas con cambios."),
        required=False,
        widget=MoneyInput(),
    )
    term_months = forms.IntegerField(
        label=_("Plazo que propones"), required=False, min_value=1, max_value=600, widget=CountInput(suffix=_("meses"))
    )
    second_signer = forms.TypedChoiceField(label=_("Quién decide"), required=False, coerce=int, empty_value=None)

    def __init__(self, *args: Any, application: Application, signers: Sequence[Membership], **options: Any) -> None:
        super().__init__(*args, **options)
        asked = _("%(amount)s a %(months)s meses") % {
            "amount": format_money(application.amount or 0, 0),
            "months": application.term_months,
        }
        choice: Any = self.fields["choice"]
        choice.choices = [
            (self.AS_ASKED, _("Aprobar como se pidió")),
            (self.CHANGED, _("Aprobar con cambios")),
            (self.REFER, _("Derivar a comité")),
            (self.DECLINE, _("Rechazar")),
        ]
        choice.widget.details = {
            self.AS_ASKED: asked,
            self.CHANGED: _("Otro monto o plazo"),
            self.REFER: _("Falta criterio o supera tu límite"),
            self.DECLINE: _("Elegirás los motivos que verá la persona"),
        }
        signer: Any = self.fields["second_signer"]
        signer.choices = [("", _("Cualquier aprobador"))] + [
            (str(one.user_id), f"{one.user}{f', {one.job_title}' if one.job_title else ''}") for one in signers
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        unchanged = not (cleaned.get("amount") or cleaned.get("term_months")) and "amount" not in self.errors
        if cleaned.get("choice") == self.CHANGED and unchanged:
            self.add_error("amount", _("Escribe el monto o el plazo que propones"))
        if cleaned.get("choice") == self.DECLINE and not cleaned.get("reason_codes"):
            self.add_error("reason_codes", _("Elige al menos un motivo: es lo que leerá la persona"))
        return cleaned

    def proposal(self) -> dict[str, Any]:
        """Arguments of `propose_decision`, from a valid form; what the choice does not use is left out."""
        data = self.cleaned_data
        choice = data["choice"]
        changed = choice == self.CHANGED
        return {
            "outcome": "approve" if choice in (self.AS_ASKED, self.CHANGED) else choice,
            "rationale": data["rationale"],
            "reason_codes": data["reason_codes"] if choice == self.DECLINE else (),
            "amount": data["amount"] if changed else None,
            "term_months": data["term_months"] if changed else None,
            "second_signer_id": data["second_signer"],
        }


class DecisionForm(WordForm):
    """The second signer's word on a proposal; a case referred to the committee is answered outright."""

    AGREE, RETURN, APPROVE, DECLINE = "agree", "return", "approve", "decline"
    field_order = ("choice", "reason_codes", "rationale")

    choice = forms.ChoiceField(
        label=_("Decisión"), widget=ChoiceCards(), error_messages={"required": _("Elige qué decides")}
    )

    def __init__(self, *args: Any, proposal: Decision, **options: Any) -> None:
        super().__init__(*args, **options)
        back = (self.RETURN, _("Devolver al analista"))
        if proposal.outcome == "refer":
            choices = [(self.APPROVE, _("Aprobar como se pidió")), (self.DECLINE, _("Rechazar")), back]
        else:
            choices = [(self.AGREE, _("De acuerdo con la propuesta")), back]
            del self.fields["reason_codes"]
        choice: Any = self.fields["choice"]
        choice.choices = choices
        choice.widget.details = {self.RETURN: _("Vuelve a la bandeja con tu sustento")}

    def decision(self) -> dict[str, Any]:
        """Arguments of `decide_application`, from a valid form."""
        choice = self.cleaned_data["choice"]
        return {
            "agree": choice != self.RETURN,
            "rationale": self.cleaned_data["rationale"],
            "outcome": choice if choice in (self.APPROVE, self.DECLINE) else None,
            "reason_codes": self.cleaned_data.get("reason_codes", ()) if choice == self.DECLINE else (),
        }


class VerifiedFactsForm(forms.Form):
    """What an officer saw, beside what was declared; a field left empty keeps what stands."""

    mark_optional = False

    def __init__(self, *args: Any, segment: str, shown: dict[str, tuple[str, str]], **options: Any) -> None:
        """`shown` gives (declared, verified) words by fact."""
        super().__init__(*args, **options)
        for fact in facts_of(segment):
            if fact.name in ("amount", "term_months", "purpose", "region"):
                continue
            field = field_for(fact, segment)
            field.required = False
            declared, verified = shown.get(fact.name, ("", ""))
            seen = _("Verificado: %(value)s. ") % {"value": verified} if verified else ""
            field.help_text = f"{seen}{_('Declarado: %(value)s') % {'value': declared}}"
            self.fields[fact.name] = field

    def facts(self) -> dict[str, Any]:
        """The facts that were filled in, as they are kept."""
        filled = {name: value for name, value in self.cleaned_data.items() if value is not None and value != ""}
        return {name: FACTS[name].kept(value) for name, value in filled.items()}


class ReviewDocumentForm(forms.Form):
    """Whether a paper proves what it should."""

    status = forms.ChoiceField(
        label=_("¿Sirve?"), choices=[("verified", _("Sí, verificado")), ("rejected", _("No sirve"))],
        widget=ChoiceCards(in_row=True),
    )  # fmt: skip
    note = forms.CharField(label=_("Por qué no sirve"), required=False, max_length=200)


class PercentField(forms.DecimalField):
    """A percentage on the page, a fraction in the program: `36.90` is 0.3690."""

    widget = AffixInput

    def __init__(self, **options: Any) -> None:
        options.setdefault("min_value", 0)
        options.setdefault("max_value", 200)
        options.setdefault("decimal_places", 4)
        options["widget"] = AffixInput(suffix="%", attrs={"inputmode": "decimal"})
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        """A stored fraction as a percentage; what was typed stays."""
        if isinstance(value, Decimal):
            return f"{value * 100:.4f}".rstrip("0").rstrip(".")
        return value

    def clean(self, value: Any) -> Decimal | None:
        percent = super().clean(value)
        return None if percent is None else percent / 100


class ProductForm(forms.Form):
    """The terms of a product, as a draft to be published."""

    name = forms.CharField(label=_("Nombre"), max_length=80)
    segment = forms.ChoiceField(label=_("Para quién"), choices=Segment.choices, widget=ChoiceCards(in_row=True))
    summary = forms.CharField(label=_("Para qué sirve, en una frase"), max_length=160)
    amount_min = AmountFormField(label=_("Monto mínimo"), subject=_("El monto mínimo"), widget=MoneyInput())
    amount_max = AmountFormField(label=_("Monto máximo"), subject=_("El monto máximo"), widget=MoneyInput())
    term_min = forms.IntegerField(
        label=_("Plazo mínimo"), min_value=1, max_value=600, widget=CountInput(suffix=_("meses"))
    )
    term_max = forms.IntegerField(
        label=_("Plazo máximo"), min_value=1, max_value=600, widget=CountInput(suffix=_("meses"))
    )
    tea_min = PercentField(label=_("TEA mínima"))
    tea_max = PercentField(label=_("TEA máxima"))
    amortization = forms.ChoiceField(
        label=_("Cómo se paga"), choices=ProductVersion.Amortization.choices, widget=ChoiceCards()
    )
    insurance_monthly_rate = PercentField(label=_("Seguro de desgravamen al mes"), max_value=5)
    insurance_base = forms.ChoiceField(label=_("El seguro se calcula sobre"), choices=ProductVersion.InsuranceBase)
    fee_upfront = AmountFormField(
        label=_("Cargo de afiliación"),
        subject=_("El cargo"),
        help_text=_("La ley no permite cobrar por evaluar, desembolsar, administrar ni prepagar."),
        widget=MoneyInput(),
    )
    down_payment_min = PercentField(
        label=_("Cuota inicial mínima, del precio"),
        help_text=_("Para comprar un bien: lo que paga el titular; el préstamo pone el resto. Vacío: no se pide."),
        required=False,
        max_value=90,
    )
    disbursement_days = forms.IntegerField(
        label=_("Días hasta el desembolso"), min_value=0, max_value=60, widget=CountInput(suffix=_("días"))
    )
    score_min = forms.IntegerField(label=_("Puntaje mínimo"), min_value=300, max_value=850, widget=CountInput())
    age_min = forms.IntegerField(
        label=_("Edad mínima"), min_value=18, max_value=100, widget=CountInput(suffix=_("años"))
    )
    age_max = forms.IntegerField(
        label=_("Edad máxima al terminar"), min_value=18, max_value=110, widget=CountInput(suffix=_("años"))
    )
    activity_months_min = forms.IntegerField(
        label=_("Meses de actividad, como mínimo"), min_value=0, max_value=600, widget=CountInput(suffix=_("meses"))
    )
    creditors_max = forms.IntegerField(
        label=_("Entidades con deuda, como máximo"), min_value=0, max_value=20, widget=CountInput()
    )
    regions = forms.MultipleChoiceField(
        label=_("Departamentos donde se ofrece"),
        help_text=_("Sin marcar ninguno, se ofrece en todo el país."),
        required=False,
        choices=list(DEPARTMENTS.items()),
        widget=CheckCards(),
    )
    sectors = forms.MultipleChoiceField(
        label=_("Rubros"),
        help_text=_("Sin marcar ninguno, sirve para todos."),
        required=False,
        choices=list(SECTORS.items()),
        widget=CheckCards(),
    )
    crops = forms.MultipleChoiceField(
        label=_("Cultivos"),
        help_text=_("Sin marcar ninguno, sirve para todos."),
        required=False,
        choices=list(CROPS.items()),
        widget=CheckCards(),
    )

    def terms(self) -> dict[str, Any]:
        """What `save_product_terms` takes, from a valid form."""
        given = {name: value for name, value in self.cleaned_data.items() if name not in ("name", "segment")}
        return {**given, "down_payment_min": given["down_payment_min"] or Decimal(0)}


class PolicyForm(forms.Form):
    """How the institution decides; saving makes a new version."""

    approve_from = forms.IntegerField(
        label=_("Aprobar desde este puntaje"), min_value=300, max_value=850, widget=CountInput()
    )
    decline_below = forms.IntegerField(
        label=_("Rechazar debajo de este puntaje"), min_value=300, max_value=850, widget=CountInput()
    )
    pd_max = PercentField(label=_("Probabilidad de mora máxima"), max_value=100)
    installment_to_surplus = PercentField(label=_("Cuota sobre el excedente verificado"), max_value=100)
    installment_to_stressed = PercentField(label=_("Cuota sobre el excedente con ingresos menores"), max_value=100)
    income_stress = PercentField(label=_("Caída de ingresos supuesta"), max_value=100)
    creditors_max = forms.IntegerField(
        label=_("Entidades con deuda, como máximo"), min_value=0, max_value=20, widget=CountInput()
    )
    installments_to_income = PercentField(
        label=_("Cuotas de todas sus deudas sobre el ingreso neto"),
        help_text=_("Límite contra el sobreendeudamiento, con la cuota nueva incluida."),
        max_value=100,
    )
    return_bound = PercentField(
        label=_("Cuánto más caro puede ir delante lo que más rinde"),
        help_text=_("0 ordena solo por lo que cuesta a la persona. Hasta 5; la regla se muestra en sus ofertas."),
        max_value=5,
    )
    automatic_limit = AmountFormField(
        label=_("Aprobación sin visita hasta"), subject=_("El monto"), widget=MoneyInput()
    )
    offer_days = forms.IntegerField(
        label=_("Días de validez de una oferta"), min_value=1, max_value=120, widget=CountInput(suffix=_("días"))
    )
    decision_hours = forms.IntegerField(
        label=_("Horas para decidir"), min_value=1, max_value=720, widget=CountInput(suffix=_("horas"))
    )
    draft_days = forms.IntegerField(
        label=_("Días para terminar una solicitud"), min_value=1, max_value=180, widget=CountInput(suffix=_("días"))
    )
    par30_limit = PercentField(
        label=_("Límite de PAR30"), help_text=_("Sobre este nivel, la cartera se señala en rojo."), max_value=100
    )
    disbursement_goal = AmountFormField(
        label=_("Meta de desembolsos al mes"), subject=_("La meta"), required=False, widget=MoneyInput()
    )
    insurer = forms.CharField(
        label=_("Aseguradora del desgravamen"),
        help_text=_("La Hoja Resumen la nombra: sin ella no se hacen contratos de productos con seguro."),
        max_length=120,
        required=False,
    )
    insurance_policy = forms.CharField(label=_("Número de póliza"), max_length=60, required=False)
    moratory_tea = PercentField(
        label=_("Tasa moratoria efectiva anual"),
        help_text=_("Vacío: la máxima legal del día del contrato."),
        max_value=100,
        required=False,
    )
