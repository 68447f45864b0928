from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from lending.models.applicants import Applicant
from lending.models.applications import Application
from lending.models.assessments import Offer
from lending.models.products import Product, ProductVersion


class Contract(InstitutionOwned):
    """What lender and borrower agree: the Hoja Resumen and the cronograma that were shown, word for word, by hash.

    Made from a chosen offer, or for a refinancing that was authorised; signed by an authenticated click with a second
    step (Ley 28587; Res. SBS 3274-2017).
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Por firmar")
        SIGNED = "signed", _("Firmado")
        CANCELLED = "cancelled", _("Anulado")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField()
    application = InstitutionForeignKey(Application, models.PROTECT, null=True, blank=True, related_name="contracts")
    offer = InstitutionForeignKey(Offer, models.PROTECT, null=True, blank=True, related_name="contracts")
    restructure = InstitutionForeignKey("Restructure", models.PROTECT, null=True, blank=True, related_name="contracts")
    applicant = InstitutionForeignKey(Applicant, models.PROTECT, related_name="contracts")
    product_version = InstitutionForeignKey(ProductVersion, models.PROTECT, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    currency = models.CharField(max_length=3, default="PEN")
    amount = MoneyField()
    tea = models.DecimalField(max_digits=12, decimal_places=8)  # fraction
    tcea = models.DecimalField(max_digits=12, decimal_places=8)
    moratory_tea = models.DecimalField(max_digits=12, decimal_places=8)
    terms = models.JSONField()  # as `simulate_schedule` reads them
    schedule = models.JSONField()  # as `simulate_schedule` answers: the cronograma
    summary = models.JSONField()  # the figures and words of the Hoja Resumen
    document_sha256 = models.CharField(max_length=64)  # of what was shown, in canonical bytes
    stored_name = models.CharField(max_length=120, blank=True)  # the PDF, sealed in the private store
    own_insurance = models.BooleanField(default=False)  # the borrower endorsed a policy of their own
    valid_until = models.DateField()
    created_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    signed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)
    signature = models.JSONField(default=dict)  # method of the second step, channel, address, hash that was signed

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "number"], name="contract_number_once"),
            models.UniqueConstraint(
                fields=["institution", "offer"], condition=~models.Q(status="cancelled"), name="one_contract_per_offer"
            ),
            models.UniqueConstraint(
                fields=["institution", "restructure"],
                condition=~models.Q(status="cancelled"),
                name="one_contract_per_refinancing",
            ),
            models.CheckConstraint(
                condition=models.Q(offer=None, application=None, restructure__isnull=False)
                | models.Q(offer__isnull=False, application__isnull=False, restructure=None),
                name="contract_of_offer_or_refinancing",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class Loan(InstitutionOwned):
    """Money lent: its terms for good, and where it stands as its installments, payments and events leave it.

    The figures below `# where it stands` are kept by the services that post events; `lending.schedules.servicing`
    works them out, and a replay gives them again to the cent.
    """

    class Status(models.TextChoices):
        APPROVED = "approved", _("Por desembolsar")
        ACTIVE = "active", _("Vigente")
        PAID = "paid", _("Cancelado")
        REFINANCED = "refinanced", _("Refinanciado en otro")
        CHARGED_OFF = "charged_off", _("Castigado")
        CANCELLED = "cancelled", _("Anulado")

    ENDED: ClassVar = (Status.PAID, Status.REFINANCED, Status.CHARGED_OFF, Status.CANCELLED)

    class CreditType(models.TextChoices):
        """SBS credit types by their RCC codes (Res. SBS 11356-2008, 2368-2023)."""

        CORPORATE = "06", _("Corporativo")
        LARGE = "07", _("Gran empresa")
        MEDIUM = "08", _("Mediana empresa")
        SMALL = "09", _("Pequeña empresa")
        MICRO = "10", _("Microempresa")
        CONSUMER_REVOLVING = "11", _("Consumo revolvente")
        CONSUMER = "12", _("Consumo no revolvente")
        MORTGAGE = "13", _("Hipotecario")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField()
    contract = InstitutionForeignKey(Contract, models.PROTECT, null=True, blank=True, related_name="loans")
    applicant = InstitutionForeignKey(Applicant, models.PROTECT, related_name="loans")
    product = InstitutionForeignKey(Product, models.PROTECT, related_name="loans")
    product_version = InstitutionForeignKey(ProductVersion, models.PROTECT, null=True, blank=True, related_name="+")
    refinances = InstitutionForeignKey("self", models.PROTECT, null=True, blank=True, related_name="refinanced_by")
    external_ref = models.CharField(max_length=40, blank=True)  # the number of an imported loan in its old system
    status = models.CharField(max_length=12, choices=Status, default=Status.APPROVED)
    credit_type = models.CharField(max_length=2, choices=CreditType, default=CreditType.MICRO)
    currency = models.CharField(max_length=3, default="PEN")
    principal = MoneyField()
    tea = models.DecimalField(max_digits=12, decimal_places=8)  # fraction, in force today
    moratory_tea = models.DecimalField(max_digits=12, decimal_places=8)
    terms = models.JSONField()  # as `simulate_schedule` reads them: with `events` they give everything below
    allocation_order = models.JSONField(default=list)  # the contract's; empty is the house's default
    branch = models.CharField(max_length=60, blank=True)
    officer = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    recognised_guarantee = MoneyField(default=0)  # value the norm lets count, and how quickly it turns to money
    guarantee_kind = models.CharField(max_length=16, blank=True)  # "", preferred, quick, self_liquidating
    disbursed_on = models.DateField(null=True, blank=True)
    first_due_on = models.DateField(null=True, blank=True)
    matures_on = models.DateField(null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)
    charged_off_on = models.DateField(null=True, blank=True)
    judicial_on = models.DateField(null=True, blank=True)
    given_up_reason = models.CharField(max_length=400, blank=True, db_default="")  # why it, or a part, was not paid out
    is_refinanced = models.BooleanField(default=False)  # born of a refinancing: CAR counts it
    is_rescheduled = models.BooleanField(default=False)
    deferred_yield = MoneyField(default=0)  # interest a refinancing made principal: income as the principal is paid
    created_at = models.DateTimeField(db_default=Now())
    # where it stands
    disbursed = MoneyField(default=0)
    installment = MoneyField(default=0)
    installments = models.PositiveSmallIntegerField(default=0)
    principal_outstanding = MoneyField(default=0)
    advance = MoneyField(default=0)  # paid in advance, waiting for the next installments
    refunded = MoneyField(default=0)  # of what was paid in advance, once nothing was owed any more
    next_due_on = models.DateField(null=True, blank=True)  # of the oldest installment not settled, due or not
    state_on = models.DateField(null=True, blank=True)  # the day its lines and figures are worked out for
    revision = models.PositiveIntegerField(default=0)  # one more with every event posted

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "number"], name="loan_number_once"),
            models.UniqueConstraint(
                fields=["institution", "contract"],
                condition=~models.Q(status="cancelled"),
                name="one_loan_per_contract",
            ),
            models.UniqueConstraint(
                fields=["institution", "external_ref"],
                condition=~models.Q(external_ref=""),
                name="loan_external_ref_once",
            ),
            models.CheckConstraint(condition=models.Q(principal__gt=0), name="loan_principal_positive"),
            models.CheckConstraint(
                condition=models.Q(principal_outstanding__gte=0, advance__gte=0), name="loan_balances_not_negative"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "status", "next_due_on"], name="loan_worklist"),
            models.Index(fields=["institution", "applicant"], name="loan_applicant"),
            models.Index(fields=["institution"], condition=models.Q(is_refinanced=True), name="loan_refinanced"),
            models.Index(fields=["institution"], condition=models.Q(advance__gt=0), name="loan_advance"),
            models.Index(
                fields=["institution", "-closed_on", "-number"],
                condition=models.Q(status__in=["paid", "refinanced", "charged_off", "cancelled"]),
                name="loan_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class Installment(InstitutionOwned):
    """One line of the plan in force: what falls due on a day, and what of it is paid or waived.

    Lines that a restructure replaced are in `Restructure.before`; payments outside the plan have n = 0.
    """

    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="installment_set", db_index=False)
    place = models.PositiveSmallIntegerField()  # order of the line, from 0
    n = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, default="installment")
    due_on = models.DateField()
    days = models.PositiveSmallIntegerField()
    principal = MoneyField()
    interest = MoneyField()
    insurance = MoneyField(default=0)
    fees = MoneyField(default=0)
    moratory = MoneyField(default=0)  # charged so far
    paid_principal = MoneyField(default=0)
    paid_interest = MoneyField(default=0)
    paid_insurance = MoneyField(default=0)
    paid_fees = MoneyField(default=0)
    paid_moratory = MoneyField(default=0)
    waived_interest = MoneyField(default=0)
    waived_insurance = MoneyField(default=0)
    waived_fees = MoneyField(default=0)
    waived_moratory = MoneyField(default=0)
    earned = MoneyField(default=0)  # interest of this line's own period; `interest` differs where a grace defers it
    outstanding = MoneyField()  # principal owed once this line is paid
    moratory_through = models.DateField(null=True, blank=True)  # `moratory` is charged up to this day
    settled_on = models.DateField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "loan", "place"], name="installment_place_once"),
            models.CheckConstraint(
                condition=models.Q(
                    principal__gte=0, interest__gte=0, insurance__gte=0, fees__gte=0, moratory__gte=0,
                    paid_principal__gte=0, paid_interest__gte=0, paid_insurance__gte=0, paid_fees__gte=0,
                    paid_moratory__gte=0, waived_interest__gte=0, waived_insurance__gte=0, waived_fees__gte=0,
                    waived_moratory__gte=0, earned__gte=0,
                ),
                name="installment_parts_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(paid_principal__lte=models.F("principal")), name="installment_principal_not_overpaid"
            ),
        ]  # fmt: skip
        indexes: ClassVar = [
            models.Index(
                fields=["institution", "due_on"],
                condition=models.Q(settled_on__isnull=True),
                name="installment_unsettled",
            ),
            models.Index(
                fields=["institution", "loan", "due_on"],
                condition=models.Q(settled_on__isnull=True),
                name="installment_open",
            ),
            models.Index(fields=["institution", "due_on"], name="installment_due"),
        ]

    def __str__(self) -> str:
        return f"{self.loan_id} {self.n}"

    @property
    def total(self) -> Decimal:
        """What the line asks for, moratory interest charged so far included."""
        return self.principal + self.interest + self.insurance + self.fees + self.moratory


class Disbursement(InstitutionOwned):
    """Money on its way to the borrower, whole or a tranche: one person asks, another pays out."""

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Por autorizar")
        PAID = "paid", _("Entregado")
        CANCELLED = "cancelled", _("Anulado")

    class Method(models.TextChoices):
        TRANSFER = "transfer", _("Transferencia")
        CASH = "cash", _("Efectivo")
        WALLET = "wallet", _("Billetera digital")
        INTERNAL = "internal", _("Refinanciación")  # no money moved: it paid another loan

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="disbursements")
    n = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    amount = MoneyField()  # of the loan
    fees_deducted = MoneyField(default=0)
    itf = MoneyField(default=0)
    on = models.DateField()
    method = models.CharField(max_length=12, choices=Method, default=Method.TRANSFER)
    account = models.CharField(max_length=40, blank=True)  # masked: the last four digits
    external_ref = models.CharField(max_length=60, blank=True)
    price = MoneyField(null=True, blank=True)  # of what is bought, where the buyer pays a part (cuota inicial)
    own_receipt = models.CharField(max_length=60, blank=True, db_default="")  # of that part, which the seller gave
    requested_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    requested_at = models.DateTimeField(db_default=Now())
    paid_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "loan", "n"], condition=~models.Q(status="cancelled"), name="disbursement_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(status="paid") | ~models.Q(requested_by=models.F("paid_by")),
                name="disbursement_four_eyes",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["institution", "loan"], condition=models.Q(status="requested"), name="disbursement_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.loan_id} {self.n}"

    @property
    def own_part(self) -> Decimal:
        """What the borrower paid the seller of the price (cuota inicial)."""
        return self.price - self.amount if self.price is not None else Decimal(0)


class Repayment(InstitutionOwned):
    """Money that came in for a loan, by the day it counts from; a reversed one stays, marked."""

    class Kind(models.TextChoices):
        REPAYMENT = "repayment", _("Pago")
        PREPAYMENT = "prepayment", _("Pago anticipado")
        PAYOFF = "payoff", _("Cancelación")
        RECOVERY = "recovery", _("Recuperación de castigado")

    class Channel(models.TextChoices):
        CASH = "cash", _("Ventanilla")
        BANK = "bank", _("Banco")
        API = "api", _("Sistema autorizado")
        IMPORT = "import", _("Migración")
        INTERNAL = "internal", _("Refinanciación")  # no money moved: a new loan pays this one

    class Status(models.TextChoices):
        POSTED = "posted", _("Registrado")
        REVERSED = "reversed", _("Extornado")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="repayments")
    number = models.PositiveIntegerField()  # of the receipt, per institution
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.REPAYMENT)
    strategy = models.CharField(max_length=32, blank=True)  # the borrower's choice for what is over
    status = models.CharField(max_length=10, choices=Status, default=Status.POSTED)
    amount = MoneyField()
    on = models.DateField()  # value date
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.CASH)
    provider = models.CharField(max_length=40, blank=True)  # the bank or wallet whose reference it is
    external_ref = models.CharField(max_length=80, blank=True)
    itf = MoneyField(default=0)
    # Who took money in is looked up by day, never across all days.
    received_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    received_at = models.DateTimeField(db_default=Now())
    reversed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    reversed_at = models.DateTimeField(null=True, blank=True)
    reversal_reason = models.CharField(max_length=200, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "number"], name="receipt_number_once"),
            models.UniqueConstraint(
                fields=["institution", "provider", "external_ref"],
                condition=~models.Q(external_ref=""),
                name="repayment_external_ref_once",
            ),
            models.CheckConstraint(  # a payoff may need no new money: what was paid in advance covers it
                condition=models.Q(amount__gt=0) | models.Q(amount=0, kind="payoff"), name="repayment_amount_positive"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "loan", "on"], name="repayment_history"),
            models.Index(fields=["institution", "on"], name="repayment_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.number}"


class Allocation(InstitutionOwned):
    """Where part of a repayment went; the newest replay's lines are in force, older ones are superseded."""

    repayment = InstitutionForeignKey(Repayment, models.CASCADE, related_name="allocations")
    part = models.CharField(max_length=10)  # penalties, fees, insurance, interest, principal, advance
    amount = MoneyField()  # negative for an advance that was used

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "repayment", "part"], name="allocation_part_once"),
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.amount}"


class Restructure(InstitutionOwned):
    """The plan or what is owed changed otherwise than by a payment: one person proposes, another approves.

    A refinancing takes effect when the borrower signs its contract.
    """

    class Kind(models.TextChoices):
        RESCHEDULE = "reschedule", _("Reprogramación")
        REFINANCE = "refinance", _("Refinanciación")
        RATE_CHANGE = "rate_change", _("Cambio de tasa")
        CHARGE = "charge", _("Cargo")
        WAIVER = "waiver", _("Condonación")
        CHARGE_OFF = "charge_off", _("Castigo")
        UNDO_CHARGE_OFF = "undo_charge_off", _("Reversión de castigo")
        JUDICIAL = "judicial", _("Pase a cobranza judicial")
        UNDO_JUDICIAL = "undo_judicial", _("Retiro de cobranza judicial")

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Por autorizar")
        AUTHORISED = "authorised", _("Autorizado, falta la firma")  # a refinancing waits for the borrower
        APPLIED = "applied", _("Aplicado")
        REJECTED = "rejected", _("No autorizado")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="restructures")
    kind = models.CharField(max_length=16, choices=Kind)
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    on = models.DateField()
    event = models.JSONField(default=dict)  # as `simulate_schedule` reads events
    before = models.JSONField(default=list)  # the lines it replaced
    reason = models.CharField(max_length=400)
    requested_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    approved_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(status="applied") | ~models.Q(requested_by=models.F("approved_by")),
                name="restructure_four_eyes",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "loan", "on"], name="restructure_history"),
            models.Index(
                fields=["institution", "loan"], condition=models.Q(status="requested"), name="restructure_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.on}"


class BankFile(InstitutionOwned):
    """A file of payments somebody else collected, and what came of each row; the same file again is the same row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    provider = models.CharField(max_length=40)
    rows = models.PositiveIntegerField(default=0)
    posted = models.PositiveIntegerField(default=0)  # so far, in all its imports
    refused = models.PositiveIntegerField(default=0)  # in the last one
    amount = MoneyField(default=0)  # posted
    errors = models.JSONField(default=list)  # [{"line", "field", "message"}] of the last import
    imported_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    imported_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "provider", "sha256"], name="bank_file_once"),
        ]
        verbose_name = _("archivo de pagos")

    def __str__(self) -> str:
        return self.name
