"""What models said about applications. Scores point to applications by key only: this floor never sees a loan."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionOwned, uuid7
from scoring.models.learning import ScoringModel, Segment


class Score(InstitutionOwned):
    """One prediction, frozen: what went in, which model read it, what came out and why. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application_id = models.UUIDField()
    attempt = models.PositiveSmallIntegerField(default=1)
    segment = models.CharField(max_length=12, choices=Segment)
    model = models.ForeignKey(ScoringModel, models.PROTECT, related_name="+")
    model_sha256 = models.CharField(max_length=64)
    pd = models.DecimalField(max_digits=9, decimal_places=8)  # probability of default within 12 months, fraction
    score = models.PositiveSmallIntegerField()  # 300 (worst) to 850
    base_points = models.SmallIntegerField()
    # [{"feature", "points", "value", …}] in the order shown; base_points + the points = score, exactly
    reasons = models.JSONField()
    inputs = models.JSONField()  # feature name to value; null where unanswered
    signals = models.JSONField(default=dict)  # name to value, and when each was known
    created_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "application_id", "attempt"], name="score_once_per_attempt"),
            models.CheckConstraint(
                condition=models.Q(score__gte=300, score__lte=850), name="score_between_300_and_850"
            ),
            models.CheckConstraint(condition=models.Q(pd__gte=0, pd__lte=1), name="pd_is_a_probability"),
        ]

    def __str__(self) -> str:
        return f"{self.score} ({self.pd})"


class ShadowScore(InstitutionOwned):
    """What the model that did not decide would have said of the same application. Never changed."""

    application_id = models.UUIDField()
    attempt = models.PositiveSmallIntegerField(default=1)
    segment = models.CharField(max_length=12, choices=Segment)
    model = models.ForeignKey(ScoringModel, models.PROTECT, related_name="+")
    pd = models.DecimalField(max_digits=9, decimal_places=8)
    score = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "application_id", "attempt", "model"], name="shadow_score_once_per_attempt"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.score} ({self.pd})"


class Outcome(InstitutionOwned):
    """How a loan went, as far as it is known: the raw facts, from which any horizon can be judged.

    Written by the lending floor. A default is the first day `days_late` days late or more.
    """

    application_id = models.UUIDField()
    segment = models.CharField(max_length=12, choices=Segment)
    days_late = models.PositiveSmallIntegerField(default=90)
    started_on = models.DateField()  # the day the money was paid out
    first_late_on = models.DateField(null=True, blank=True)
    observed_until = models.DateField()
    group = models.CharField(max_length=40, blank=True)  # e.g. the product, for vintages
    recorded_at = models.DateTimeField(auto_now=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "application_id", "days_late"], name="outcome_once"),
            models.CheckConstraint(
                condition=models.Q(first_late_on__isnull=True)
                | models.Q(first_late_on__gte=models.F("started_on"), first_late_on__lte=models.F("observed_until")),
                name="outcome_late_while_observed",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["institution", "segment", "started_on"], name="outcome_vintage")]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.first_late_on or '—'}"


class ScoredFile(InstitutionOwned):
    """A spreadsheet of applicants that somebody had scored, and where its result is."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("En espera")
        RUNNING = "running", _("En marcha")
        DONE = "done", _("Terminado")
        FAILED = "failed", _("No se pudo")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    segment = models.CharField(max_length=12, choices=Segment)
    model = models.ForeignKey(ScoringModel, models.PROTECT, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=120)  # as uploaded
    key = models.CharField(max_length=80, blank=True)  # column copied beside each score
    source = models.CharField(max_length=200, blank=True)  # names in the private store
    result = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    rows = models.PositiveIntegerField(default=0)
    scored = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    uploaded_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    moved_at = models.DateTimeField(null=True, blank=True)  # last sign of life
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
