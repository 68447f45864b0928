"""Shapes of the API. Facts are documented from `lending.facts`; the services clean and judge them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Consent
from lending.facts import FACTS, Fact, Kind
from lending.models import Application, Document, Offer
from lending.reasons import Reason
from scoring.models import Segment

_TYPES = {
    Kind.MONEY: "string",
    Kind.DECIMAL: "string",
    Kind.SHARE: "string",
    Kind.INTEGER: "integer",
    Kind.DURATION: "integer",
    Kind.MONTH: "integer",
    Kind.CHOICE: "string",
    Kind.YESNO: "boolean",
}
# These travel beside the facts, because every application has them.
_BESIDE = frozenset({"amount", "term_months", "purpose", "region"})


def fact_schema(fact: Fact) -> dict[str, Any]:
    """One fact in OpenAPI's words."""
    schema: dict[str, Any] = {"type": _TYPES[fact.kind], "description": f"{fact.label} {fact.hint}".strip()}
    if fact.kind is Kind.CHOICE:
        schema["enum"] = sorted({code for segment in fact.segments for code in fact.options(segment)})
    elif schema["type"] == "integer":
        low, high = fact.kept_range
        schema |= {"minimum": int(low), "maximum": int(high)}
    return schema


FACTS_SCHEMA = {
    "type": "object",
    "description": "Declared facts: money in soles per month as text. Leave out what was not answered.",
    "properties": {name: fact_schema(fact) for name, fact in FACTS.items() if name not in _BESIDE},
    "additionalProperties": False,
}
CONSENTS_SCHEMA = {
    "type": "object",
    "description": "One answer per purpose; what is left out counts as refused.",
    "properties": {value: {"type": "boolean", "description": str(label)} for value, label in Consent.Purpose.choices},
    "additionalProperties": False,
}


@extend_schema_field(FACTS_SCHEMA)
class FactsField(serializers.JSONField):
    """Facts by name, judged by `lending.facts.validate`."""


@extend_schema_field(CONSENTS_SCHEMA)
class ConsentsField(serializers.DictField):
    """Answers by purpose."""

    child = serializers.BooleanField()


class Amount(serializers.CharField):
    """Soles with two decimals as text; JSON numbers are taken too, and read exactly as written."""

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(str(data) if isinstance(data, int | float) else data)


class SimulationRequest(serializers.Serializer):
    """What the simulator is asked."""

    product = serializers.SlugField(help_text="Código del producto.")
    amount = Amount(max_length=40, help_text="Soles.")
    term_months = serializers.IntegerField(min_value=1, max_value=600)


class InstallmentRow(serializers.Serializer):
    n = serializers.IntegerField()
    due_date = serializers.DateField()
    days = serializers.IntegerField()
    principal = serializers.DecimalField(14, 2)
    interest = serializers.DecimalField(14, 2)
    insurance = serializers.DecimalField(14, 2)
    fees = serializers.DecimalField(14, 2)
    total = serializers.DecimalField(14, 2)
    outstanding = serializers.DecimalField(14, 2)


class Simulation(serializers.Serializer):
    """A schedule, to the cent the one of the offer and the contract at the same terms."""

    product = serializers.SlugField()
    amount = serializers.DecimalField(14, 2)
    term_months = serializers.IntegerField()
    installment = serializers.DecimalField(14, 2)
    tea = serializers.DecimalField(12, 8, help_text="Fracción: 0.369 es 36.90 %.")
    tcea = serializers.DecimalField(12, 8)
    interest = serializers.DecimalField(14, 2)
    insurance = serializers.DecimalField(14, 2)
    total = serializers.DecimalField(14, 2)
    own_part = serializers.DecimalField(14, 2, help_text="What the buyer pays the seller at least; 0 without a price.")
    rows = InstallmentRow(many=True)


class NewApplication(serializers.Serializer):
    """A draft to be submitted."""

    segment = serializers.ChoiceField(choices=Segment.choices)
    product = serializers.SlugField(required=False, help_text="Código del producto deseado.")


class Declaration(serializers.Serializer):
    """Everything declared on submission."""

    full_name = serializers.CharField(max_length=400)
    document_type = serializers.CharField(max_length=20, default="dni")
    document_number = serializers.CharField(max_length=60)
    birth_on = serializers.CharField(max_length=20, help_text="AAAA-MM-DD")
    phone = serializers.CharField(max_length=60, required=False, default="")
    email = serializers.CharField(max_length=254, required=False, default="", allow_blank=True)
    region = serializers.CharField(max_length=20, help_text="Departamento, 01 a 25.")
    district = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    ruc = serializers.CharField(max_length=60, required=False, default="", allow_blank=True)
    trade_name = serializers.CharField(max_length=400, required=False, default="", allow_blank=True)
    amount = Amount(max_length=40, help_text="Soles.")
    term_months = serializers.IntegerField()
    purpose = serializers.CharField(max_length=60, required=False, default="", allow_blank=True)
    facts = FactsField()
    consents = ConsentsField()

    def validate_facts(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise serializers.ValidationError(self.fields["facts"].error_messages["invalid"])
        return value


class ApplicationState(serializers.Serializer):
    """Where an application stands."""

    id = serializers.UUIDField(source="pk")
    number = serializers.SerializerMethodField()
    segment = serializers.ChoiceField(choices=Segment.choices)
    status = serializers.ChoiceField(choices=Application.Status.choices)
    channel = serializers.ChoiceField(choices=Application.Channel.choices)
    amount = serializers.DecimalField(14, 2, allow_null=True)
    term_months = serializers.IntegerField(allow_null=True)
    purpose = serializers.CharField()
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    assessed_at = serializers.DateTimeField(allow_null=True)
    decide_by = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)

    def get_number(self, application: Application) -> str:
        """As people see it: QT-48213."""
        return f"{self.context['institution'].number_prefix}-{application.number}"


class NewDocument(serializers.Serializer):
    """A paper to keep with an application."""

    kind = serializers.CharField(max_length=40, help_text=", ".join(Document.Kind.values))
    file = serializers.FileField(help_text="JPG, PNG, WebP o PDF, hasta 10 MB.")


class DocumentState(serializers.Serializer):
    """A paper that was received."""

    id = serializers.UUIDField(source="pk")
    kind = serializers.ChoiceField(choices=Document.Kind.choices)
    status = serializers.ChoiceField(choices=Document.Status.choices)
    media_type = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    uploaded_at = serializers.DateTimeField()


class ScoreReason(serializers.Serializer):
    """What one part of the model added or took, in words; `action` says what would change it."""

    feature = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field, not this serializer's own label
    points = serializers.IntegerField()
    text = serializers.CharField()
    action = serializers.CharField()
    action_points = serializers.IntegerField()


class ScoreState(serializers.Serializer):
    """The score with every reason: `base_points` and the reasons' points add up to `score`."""

    score = serializers.IntegerField()
    pd = serializers.DecimalField(9, 8, help_text="Probabilidad de mora en 12 meses, fracción.")
    base_points = serializers.IntegerField()
    reasons = ScoreReason(many=True)
    model = serializers.CharField()
    model_sha256 = serializers.CharField()
    automated = serializers.BooleanField(help_text="Lo calculó un programa; se puede pedir que lo revise una persona.")
    created_at = serializers.DateTimeField()


class WordedReason(serializers.Serializer):
    code = serializers.CharField()
    tone = serializers.CharField()
    text = serializers.CharField()
    advice = serializers.CharField()


class Recommendation(serializers.Serializer):
    """What the policy recommended, with its reasons in words."""

    recommendation = serializers.CharField()
    reasons = WordedReason(many=True)


class OfferState(serializers.Serializer):
    """Terms that may be chosen until `valid_until`."""

    id = serializers.UUIDField(source="pk")
    rank = serializers.IntegerField()
    product = serializers.CharField(source="product_version.product.code")
    product_name = serializers.CharField(source="product_version.product.name")
    status = serializers.ChoiceField(choices=Offer.Status.choices)
    amount = serializers.DecimalField(14, 2)
    net_disbursed = serializers.DecimalField(14, 2)
    term_months = serializers.IntegerField()
    installments = serializers.IntegerField()
    installment = serializers.DecimalField(14, 2)
    total = serializers.DecimalField(14, 2)
    total_interest = serializers.DecimalField(14, 2)
    total_insurance = serializers.DecimalField(14, 2)
    tea = serializers.DecimalField(12, 8)
    tcea = serializers.DecimalField(12, 8)
    disbursement_on = serializers.DateField()
    first_due_on = serializers.DateField()
    valid_until = serializers.DateField()
    reasons = serializers.SerializerMethodField()

    @extend_schema_field(WordedReason(many=True))
    def get_reasons(self, offer: Offer) -> list[dict[str, str]]:
        return [worded(Reason.from_json(data)) for data in offer.reasons]


class Offers(Recommendation):
    """The answer: what was recommended, what may be chosen, and why the rest does not fit."""

    offers = OfferState(many=True)
    not_matching = serializers.ListField(child=serializers.DictField())


class Refusal(serializers.Serializer):
    """Every error: a stable code, a message to show, and messages by field where there are any."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields_ = serializers.DictField(child=serializers.ListField(child=serializers.CharField()), required=False)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["fields"] = fields.pop("fields_")
        return fields


def worded(reason: Reason) -> dict[str, str]:
    """A stored reason in the language in force."""
    return {"code": reason.code, "tone": reason.tone, "text": reason.text, "advice": reason.advice}
