"""What the scoring floor keeps. Scores point to applications by key only: this floor never sees a loan."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution, User
from accounts.models.base import InstitutionOwned, uuid7


class Segment(models.TextChoices):
    """The kinds of borrower, each with its own questions, features and model."""

    HOUSEHOLD = "household", _("Hogar")
    ENTERPRISE = "enterprise", _("Negocio")
    FARM = "farm", _("Campo")


class Dataset(models.Model):
    """One version of a table of borrowers with their outcome; shared by all when it has no institution."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=1)
    segment = models.CharField(max_length=12, choices=Segment)
    sha256 = models.CharField(max_length=64)
    file = models.CharField(max_length=200, blank=True)  # name in the private store; empty when it can be made again
    source = models.JSONField(default=dict)  # where it came from: file name, or generator with seed and versions
    rows = models.PositiveIntegerField()
    target = models.CharField(max_length=80)
    target_rate = models.DecimalField(max_digits=9, decimal_places=8)
    profile = models.JSONField(default=dict)  # columns, ranges, nulls, warnings
    created_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "name", "version"], name="dataset_version_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class ScoringModel(models.Model):
    """A trained model of one segment, from candidate to retired; shared by all when it has no institution."""

    class Status(models.TextChoices):
        CANDIDATE = "candidate", _("Candidato")
        CHALLENGER = "challenger", _("Retador")
        CHAMPION = "champion", _("Campeón")
        RETIRED = "retired", _("Retirado")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, null=True, blank=True, related_name="+")
    segment = models.CharField(max_length=12, choices=Segment)
    name = models.CharField(max_length=40)  # "MN-1.2", shown on pages
    algorithm = models.CharField(max_length=40)
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="models")
    status = models.CharField(max_length=12, choices=Status, default=Status.CANDIDATE)
    file = models.CharField(max_length=200)  # name in the private store
    sha256 = models.CharField(max_length=64)
    feature_set = models.JSONField(default=dict)  # names and version of the dictionary it was trained on
    parameters = models.JSONField(default=dict)  # seed, hyperparameters, library versions
    metrics = models.JSONField(default=dict)  # out-of-fold: auc, auc_low, auc_high, gini, ks, brier, …
    trained_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    trained_at = models.DateTimeField(db_default=Now())
    promoted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    promoted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("modelo de puntaje")
        verbose_name_plural = _("modelos de puntaje")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "segment"],
                condition=models.Q(status="champion"),
                name="one_champion_per_segment",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(fields=["institution", "name"], name="model_name_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return self.name


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
    signals = models.JSONField(default=dict)
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
