from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionOwned, uuid7


class PortfolioImport(InstitutionOwned):
    """A file of an existing book, brought in whole or not at all; the same file twice is the same row."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("En espera")
        RUNNING = "running", _("En marcha")
        DONE = "done", _("Terminada")
        FAILED = "failed", _("Con errores por corregir")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("archivo"), max_length=120)
    sha256 = models.CharField(max_length=64)
    on = models.DateField()  # the day the book stands at
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    stored_name = models.CharField(max_length=120, blank=True)  # sealed, until it is done with
    rows = models.PositiveIntegerField(default=0)
    applicants = models.PositiveIntegerField(default=0)
    loans = models.PositiveIntegerField(default=0)
    repayments = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list)  # [table, row, column, message], the first of them
    error_count = models.PositiveIntegerField(default=0)
    uploaded_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    moved_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "sha256"], condition=~models.Q(status="failed"), name="portfolio_import_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name
