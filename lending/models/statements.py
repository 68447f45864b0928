from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.models.applications import Application


class AccountStatement(InstitutionOwned):
    """What a wallet's, a bank's or a till's statement says of an applicant; the file itself is not kept."""

    class Kind(models.TextChoices):
        WALLET = "wallet", _("Billetera digital")
        BANK = "bank", _("Cuenta de banco o caja")
        TILL = "till", _("Caja o cuaderno de ventas")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = InstitutionForeignKey(Application, models.CASCADE, related_name="statements")
    kind = models.CharField(max_length=8, choices=Kind)
    sha256 = models.CharField(max_length=64)
    since = models.DateField()
    until = models.DateField()
    movements = models.PositiveIntegerField()
    unread = models.JSONField(default=list)  # [[line, why], …], the first of them
    unread_count = models.PositiveIntegerField(default=0)
    months = models.JSONField(default=list)  # lending.cash_flow.CashFlow.months; soles as text
    facts = models.JSONField(default=dict)  # name of scoring's dictionary to number; what it cannot tell is absent
    uploaded_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    uploaded_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            # A newer statement of the same account takes the older one's place.
            models.UniqueConstraint(fields=["institution", "application", "kind"], name="one_statement_per_kind")
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
