"""Shapes of loans in the API. Money is soles as text, rates are fractions."""

from typing import Any, Final

from django.utils.translation import gettext as _
from rest_framework import serializers

from lending.models import Contract, Disbursement, Loan, PrepaymentRequest, Repayment
from lending.schedules.servicing import PrepaymentStrategy
from lending.services.repayments import EARLY

CHOICES: Final = [one.value for one in PrepaymentStrategy]
EFFECTS: Final = [one for one in CHOICES if one in EARLY]
WAYS: Final = [one.value for one in Disbursement.Method if one != Disbursement.Method.INTERNAL]


def soles(**options: object) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=16, decimal_places=2, **options)  # type: ignore[arg-type]


class LoanRow(serializers.Serializer):
    """A loan in the list, as it was stored by its last movement."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Loan.Status.choices)
    product_name = serializers.CharField()
    currency = serializers.CharField()
    principal = soles()
    principal_outstanding = soles()
    tea = serializers.DecimalField(max_digits=12, decimal_places=8)
    installment = soles()
    installments = serializers.IntegerField()
    disbursed_on = serializers.DateField(allow_null=True)
    next_due_on = serializers.DateField(allow_null=True)
    closed_on = serializers.DateField(allow_null=True)


class LoanLine(serializers.Serializer):
    """One line of the plan; `kind` is installment, prepayment, payoff or down_payment."""

    n = serializers.IntegerField()
    kind = serializers.CharField()
    due_on = serializers.DateField()
    principal = soles()
    interest = soles()
    insurance = soles()
    fees = soles()
    moratory = soles()
    unpaid = soles()
    outstanding = soles()
    settled_on = serializers.DateField(allow_null=True)


class DisbursementState(serializers.ModelSerializer):
    class Meta:
        model = Disbursement
        fields = (
            "id",
            "n",
            "status",
            "amount",
            "fees_deducted",
            "itf",
            "on",
            "method",
            "external_ref",
            "price",
            "own_receipt",
        )
        read_only_fields = fields

    amount = soles()
    fees_deducted = soles()
    itf = soles()
    price = soles(allow_null=True)


class RepaymentState(serializers.ModelSerializer):
    """A payment with where it went: penalties, fees, insurance, interest, principal, advance."""

    class Meta:
        model = Repayment
        fields = (
            *("id", "number", "kind", "strategy", "status", "amount", "itf", "on", "channel", "provider"),
            *("external_ref", "received_at", "reversal_reason", "allocation"),
        )
        read_only_fields = fields

    amount = soles()
    itf = soles()
    allocation = serializers.SerializerMethodField()

    def get_allocation(self, repayment: Repayment) -> dict[str, str]:
        return {one.part: str(one.amount) for one in repayment.allocations.all()}


class PrepaymentState(serializers.ModelSerializer):
    """What the borrower asked of the next payment above what is due, until the day it holds."""

    class Meta:
        model = PrepaymentRequest
        fields = ("id", "status", "amount", "choice", "asked_on", "valid_until")
        read_only_fields = fields

    amount = soles()


class LoanState(LoanRow):
    """A loan as of a day: what is due, what leaves nothing, the whole plan, money out and in."""

    on = serializers.DateField()
    due = soles()
    days_late = serializers.IntegerField()
    advance = soles()
    payoff = soles()
    contract_sha256 = serializers.CharField()
    schedule = LoanLine(many=True)
    disbursements = DisbursementState(many=True)
    repayments = RepaymentState(many=True)
    prepayment = PrepaymentState(allow_null=True)


class RepaymentRequest(serializers.Serializer):
    """Money that came in. `external_ref` is the sender's own reference: the same one twice is one payment."""

    amount = soles(min_value=0)
    on = serializers.DateField(required=False, help_text="Value date; today when left out.")
    external_ref = serializers.CharField(required=False, allow_blank=True, max_length=80)
    provider = serializers.CharField(required=False, allow_blank=True, max_length=40)
    strategy = serializers.ChoiceField(
        choices=CHOICES,
        required=False,
        help_text="The borrower's choice for what is over; left out, the norm decides.",
    )


class ReversalRequest(serializers.Serializer):
    reason = serializers.CharField(max_length=200)


class Given(serializers.Serializer):
    """Why something is given up; it is kept."""

    reason = serializers.CharField(max_length=400)


class NewPrepayment(serializers.Serializer):
    """What the borrower means to pay before its time, and what it should do."""

    amount = soles(min_value=0)
    choice = serializers.ChoiceField(choices=CHOICES)


class Effect(serializers.Serializer):
    """What a prepayment that came without a choice should do."""

    strategy = serializers.ChoiceField(choices=EFFECTS)


class PayoffRequest(serializers.Serializer):
    """Money that ends the loan. `amount` is what the person was told; refused when it is not right any more."""

    amount = soles(min_value=0, required=False)
    on = serializers.DateField(required=False, help_text="Value date; today when left out.")
    external_ref = serializers.CharField(required=False, allow_blank=True, max_length=80)
    provider = serializers.CharField(required=False, allow_blank=True, max_length=40)


class RefundRequest(serializers.Serializer):
    method = serializers.ChoiceField(choices=WAYS, default=Disbursement.Method.TRANSFER.value)


class Refund(serializers.Serializer):
    """What was given back; zero when there was nothing."""

    amount = soles()


class NewDisbursement(serializers.Serializer):
    """How the money should reach the borrower; `account` keeps its last four digits."""

    method = serializers.ChoiceField(
        choices=WAYS,
        default=Disbursement.Method.TRANSFER.value,
    )
    account = serializers.CharField(required=False, allow_blank=True, max_length=40)
    price = soles(min_value=0, required=False, help_text="Of what is bought, where the contract asks a down payment.")
    own_receipt = serializers.CharField(required=False, allow_blank=True, max_length=60, help_text="The seller's.")


class DisbursementRequest(serializers.Serializer):
    """Paying out what somebody else asked for."""

    external_ref = serializers.CharField(required=False, allow_blank=True, max_length=60)


class PayoffQuote(serializers.Serializer):
    """What leaves nothing on a day; `total` is the new money needed."""

    on = serializers.DateField()
    principal = soles()
    interest = soles()
    insurance = soles()
    fees = soles()
    moratory = soles()
    from_advance = soles()
    total = soles()


class ContractState(serializers.Serializer):
    """Hoja Resumen and cronograma, word for word, with their SHA-256."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    status = serializers.CharField()
    sha256 = serializers.CharField()
    valid_until = serializers.DateField()
    signed_at = serializers.DateTimeField(allow_null=True)
    summary = serializers.JSONField()
    terms = serializers.JSONField()
    schedule = serializers.JSONField()


def contract_state(contract: Contract) -> Any:
    """A contract in the API's shape."""
    return ContractState(
        {
            "id": contract.pk,
            "code": contract.summary["code"],
            "status": contract.status,
            "sha256": contract.document_sha256,
            "valid_until": contract.valid_until,
            "signed_at": contract.signed_at,
            "summary": contract.summary,
            "terms": contract.terms,
            "schedule": contract.schedule,
        }
    ).data


class NewContract(serializers.Serializer):
    """What the contract comes of: a chosen offer, or a refinancing that was authorised. One of the two."""

    offer = serializers.UUIDField(required=False)
    restructure = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError({"offer": [_("Envía la oferta o la refinanciación, una de las dos.")]})
        return attrs


class Insurance(serializers.Serializer):
    """The borrower's own policy, endorsed to the lender."""

    insurer = serializers.CharField(required=False, allow_blank=True, max_length=120)
    policy = serializers.CharField(required=False, allow_blank=True, max_length=60)


class CodeSent(serializers.Serializer):
    """Where the code went, masked, and until when it signs."""

    channel = serializers.CharField()
    address = serializers.CharField()
    expires_at = serializers.DateTimeField()


class Signature(serializers.Serializer):
    """The code that reached the borrower, on exactly what was shown."""

    code = serializers.CharField(max_length=12)
    sha256 = serializers.CharField(min_length=64, max_length=64)
