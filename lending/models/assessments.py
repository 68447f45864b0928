from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from lending.models.applications import Application
from lending.models.matching import MatchingTrial
from lending.models.products import LendingPolicy, ProductVersion
from scoring.models import Score


class Outcome(models.TextChoices):
    APPROVE = "approve", _("Aprobar")
    REFER = "refer", _("Evaluar con una persona")
    DECLINE = "decline", _("No aprobar")


class Assessment(InstitutionOwned):
    """What the product worked out for one application at one instant, frozen."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = InstitutionForeignKey(Application, models.PROTECT, related_name="assessments")
    attempt = models.PositiveSmallIntegerField(default=1)
    score = InstitutionForeignKey(Score, models.PROTECT, related_name="+", null=True, blank=True)
    policy = InstitutionForeignKey(LendingPolicy, models.PROTECT, related_name="+")
    recommendation = models.CharField(max_length=8, choices=Outcome)
    reason_codes = ArrayField(models.CharField(max_length=60), default=list)
    reasons = models.JSONField(default=list)  # the same with tone and parameters, worded by lending.reasons
    affordability = models.JSONField(default=dict)  # rows declared, verified, stressed; surpluses; soles as text
    trial = InstitutionForeignKey(MatchingTrial, models.PROTECT, null=True, blank=True, related_name="+")
    in_trial = models.BooleanField(default=False)  # ranked by the trial's rule rather than the policy's
    matches = models.JSONField(default=list)  # every product, eligible or not, with its reasons
    created_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "application", "attempt"], name="assessment_once_per_attempt"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application_id} #{self.attempt}"


class Offer(InstitutionOwned):
    """Terms the applicant may choose until `valid_until`; the figures agree to the cent with the schedule.

    Priced when the program assessed the case, and again on the day a person approved it (`decision`).
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Vigente")
        CHOSEN = "chosen", _("Elegida")
        EXPIRED = "expired", _("Vencida")
        WITHDRAWN = "withdrawn", _("Retirada")
        DECLINED = "declined", _("No la quiso")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = InstitutionForeignKey(Application, models.PROTECT, related_name="offers")
    assessment = InstitutionForeignKey(Assessment, models.PROTECT, related_name="offers")
    decision = InstitutionForeignKey("lending.Decision", models.PROTECT, null=True, blank=True, related_name="offers")
    product_version = InstitutionForeignKey(ProductVersion, models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField()  # 1 is the cheapest in total
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    amount = MoneyField()
    net_disbursed = MoneyField()
    term_months = models.PositiveSmallIntegerField()
    installments = models.PositiveSmallIntegerField()
    installment = MoneyField()
    total = MoneyField()
    total_interest = MoneyField()
    total_insurance = MoneyField()
    tea = models.DecimalField(max_digits=12, decimal_places=8)
    tcea = models.DecimalField(max_digits=12, decimal_places=8)
    first_due_on = models.DateField()
    disbursement_on = models.DateField()
    reasons = models.JSONField(default=list)  # [{"code", "tone", "params"}], worded by lending.reasons
    valid_until = models.DateField()
    created_at = models.DateTimeField(db_default=Now())
    chosen_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "assessment", "decision", "product_version"],
                name="offer_once_per_product",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["institution", "application"],
                condition=models.Q(status="chosen"),
                name="one_chosen_offer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} × {self.term_months}"


class Decision(InstitutionOwned):
    """One step of deciding: the policy's recommendation, an officer's proposal, or the approver's word."""

    class Stage(models.TextChoices):
        POLICY = "policy", _("Recomendación del programa")
        PROPOSAL = "proposal", _("Propuesta")
        FINAL = "final", _("Decisión")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = InstitutionForeignKey(Application, models.PROTECT, related_name="decisions")
    assessment = InstitutionForeignKey(Assessment, models.PROTECT, related_name="+")
    proposal = InstitutionForeignKey("lending.Decision", models.PROTECT, null=True, blank=True, related_name="+")
    stage = models.CharField(max_length=8, choices=Stage)
    outcome = models.CharField(max_length=8, choices=Outcome)
    changed_terms = models.BooleanField(default=False)  # approved otherwise than asked
    amount = MoneyField(null=True, blank=True)
    term_months = models.PositiveSmallIntegerField(null=True, blank=True)
    reason_codes = ArrayField(models.CharField(max_length=60), default=list)
    rationale = models.TextField(blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    proposed_by = models.ForeignKey(  # of the proposal a final decision answers; a database key keeps it true
        User, models.PROTECT, null=True, blank=True, related_name="+"
    )
    second_signer = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "assessment"],
                condition=models.Q(stage="policy"),
                name="one_policy_decision_per_assessment",
            ),
            models.UniqueConstraint(
                fields=["institution", "proposal"],
                condition=models.Q(stage="final"),
                name="one_final_decision_per_proposal",
            ),
            models.CheckConstraint(
                condition=~models.Q(stage="final")
                | (
                    models.Q(proposal__isnull=False, decided_by__isnull=False, proposed_by__isnull=False)
                    & ~models.Q(decided_by=models.F("proposed_by"))
                ),
                name="four_eyes",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["institution", "application", "created_at"], name="decision_history")]

    def __str__(self) -> str:
        return f"{self.stage}: {self.outcome}"


class ReviewRequest(InstitutionOwned):
    """An applicant asks that a person look at what the program decided (DS 016-2024-JUS; Ley 31814)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = InstitutionForeignKey(Application, models.PROTECT, related_name="review_requests")
    message = models.TextField(blank=True, max_length=1000)
    requested_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    requested_at = models.DateTimeField(db_default=Now())
    due_on = models.DateField()
    reviewer = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")  # who answers for it
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "application"],
                condition=models.Q(closed_at__isnull=True),
                name="one_open_review_per_application",
            )
        ]

    def __str__(self) -> str:
        return str(self.application_id)
