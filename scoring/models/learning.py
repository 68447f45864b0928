"""What is learnt from: data sets, the runs that train on them, and the models that come of it."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution, User
from accounts.models.base import uuid7


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

    @property
    def origin(self) -> str:
        """Where it came from, in words."""
        if "file" in self.source:
            return str(self.source["file"])
        return (
            gettext("Créditos propios terminados")
            if self.source.get("kind") == "outcomes"
            else gettext("Personas generadas")
        )


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
    evaluation = models.JSONField(default=dict)  # the same rows drawn: see scoring.reports.evaluation_document
    trained_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    trained_at = models.DateTimeField(db_default=Now())
    promoted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    promoted_at = models.DateTimeField(null=True, blank=True)
    # The model it took over from: a promotion is undone by going back to it.
    replaces = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    # A challenger's share of live applications, in per cent; at 0 it only looks on.
    traffic = models.PositiveSmallIntegerField(default=0)
    challenger_since = models.DateTimeField(null=True, blank=True)
    # Why it was put in force, set beside another, taken back: [{"at", "event", "reason"}]; the chain keeps each hash.
    motives = models.JSONField(default=list)
    # What its features and scores looked like when it was trained (`scoring.drift.reference`); drift is measured by it.
    reference = models.JSONField(default=dict)

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
            models.UniqueConstraint(
                fields=["institution", "segment"],
                condition=models.Q(status="challenger"),
                name="one_challenger_per_segment",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(fields=["institution", "name"], name="model_name_once", nulls_distinct=False),
            models.CheckConstraint(
                condition=models.Q(traffic=0) | models.Q(status="challenger", traffic__lte=50),
                name="only_challengers_take_traffic",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TrainingRun(models.Model):
    """One way from data to a proposed model, step by step; shared by all when it has no institution.

    `steps` keeps, by name, when each step was done and what it found, so that a run goes on where it stopped.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("En espera")
        RUNNING = "running", _("En marcha")
        DONE = "done", _("Terminado")
        FAILED = "failed", _("No se pudo")

    class Trigger(models.TextChoices):
        BUTTON = "button", _("A pedido")
        SCHEDULE = "schedule", _("Programado")
        DRIFT = "drift", _("Por deriva")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, null=True, blank=True, related_name="+")
    segment = models.CharField(max_length=12, choices=Segment)
    trigger = models.CharField(max_length=8, choices=Trigger, default=Trigger.BUTTON)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    dataset = models.ForeignKey(Dataset, models.PROTECT, null=True, blank=True, related_name="runs")
    parameters = models.JSONField(default=dict)  # algorithm, splits, seed, …
    steps = models.JSONField(default=dict)  # name: {"at", "found"}, of the steps that are done
    doing = models.CharField(max_length=60, blank=True)  # the step in hand
    done = models.PositiveSmallIntegerField(default=0)  # of `of` parts of that step
    of = models.PositiveSmallIntegerField(default=0)
    model = models.ForeignKey(ScoringModel, models.PROTECT, null=True, blank=True, related_name="runs")
    error = models.TextField(blank=True)
    started_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    moved_at = models.DateTimeField(null=True, blank=True)  # last sign of life
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            # Two clicks, or a schedule and a click, are one run.
            models.UniqueConstraint(
                fields=["institution", "segment"],
                condition=models.Q(status__in=["waiting", "running"]),
                name="one_open_run_per_segment",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.segment} {self.status}"
