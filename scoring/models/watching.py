"""What is watched: the world outside, and whether a model still sees the people it was made for."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.base import InstitutionOwned, uuid7
from scoring.models.learning import ScoringModel, Segment


class Signal(models.Model):
    """One figure about a region and a crop or sector over a period, as it was known from one day on.

    Belongs to no institution. A figure that is published again, corrected, is a new version: what a score of
    before has used stays what it was.
    """

    class Kind(models.TextChoices):
        PRICE = "price", _("Precio en chacra")  # soles per kg
        YIELD = "yield", _("Rendimiento")  # kg per hectare
        RAIN = "rain", _("Lluvia frente a lo normal")  # share of the usual, 1 is normal
        FROST = "frost", _("Noches de helada")  # count
        EL_NINO = "el_nino", _("Índice costero El Niño")  # ICEN, degrees
        REGION_ARREARS = "region_arrears", _("Mora de la región")  # fraction of small loans
        SECTOR_ARREARS = "sector_arrears", _("Mora del rubro")  # fraction of small loans
        USD_RATE = "usd_rate", _("Tipo de cambio")  # soles per dollar

    kind = models.CharField(max_length=16, choices=Kind)
    region = models.CharField(max_length=2, blank=True)  # department code; empty for the whole country
    subject = models.CharField(max_length=40, blank=True)  # crop or sector; empty where there is none
    on = models.DateField()  # first day of the period
    until = models.DateField()  # last day of it
    known_on = models.DateField()  # nobody could use it before
    version = models.PositiveSmallIntegerField(default=1)
    value = models.DecimalField(max_digits=16, decimal_places=6)
    source = models.CharField(max_length=120)
    source_sha256 = models.CharField(max_length=64, blank=True)
    loaded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("señal")
        verbose_name_plural = _("señales")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "region", "subject", "on", "until", "version"], name="signal_version_once"
            ),
            models.CheckConstraint(condition=models.Q(until__gte=models.F("on")), name="signal_period_in_order"),
        ]
        indexes: ClassVar = [models.Index(fields=["kind", "subject", "region", "known_on"], name="signal_as_of")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.region} {self.on}"


class MonitoringReport(InstitutionOwned):
    """What a look at a model's recent applications found, figure by figure."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.ForeignKey(ScoringModel, models.PROTECT, related_name="+")
    segment = models.CharField(max_length=12, choices=Segment)
    on = models.DateField()
    since = models.DateField()  # the window begins
    applications = models.PositiveIntegerField()
    found = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "model", "on"], name="one_report_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.segment} {self.on}"


class Alarm(InstitutionOwned):
    """Something about a model in force that a person should look at; open until a later look finds it gone."""

    class Kind(models.TextChoices):
        PSI = "psi", _("Cambió la población")
        MISSING = "missing", _("Faltan más respuestas")
        RANGE = "range", _("Valores fuera de rango")
        REALISED = "realised", _("Incumplen más de lo previsto")
        FAIRNESS = "fairness", _("Trato desigual")

    class Level(models.TextChoices):
        WARN = "warn", _("Atención")
        BAD = "bad", _("Grave")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.ForeignKey(ScoringModel, models.PROTECT, related_name="+")
    segment = models.CharField(max_length=12, choices=Segment)
    kind = models.CharField(max_length=8, choices=Kind)
    level = models.CharField(max_length=4, choices=Level)
    subject = models.CharField(max_length=80, blank=True)  # a feature, a month, a group; empty for the score
    value = models.FloatField()
    limit = models.FloatField()
    opened_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(auto_now=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "model", "kind", "subject"],
                condition=models.Q(closed_at__isnull=True),
                name="one_open_alarm",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
