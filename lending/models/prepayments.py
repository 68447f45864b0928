from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from lending.models.loans import Loan, Repayment


class PrepaymentRequest(InstitutionOwned):
    """What a borrower asked to be done with money they will pay before its time; the payment that brings it obeys.

    It takes the borrower's choice to where nobody can be asked: a bank's file, a program, a busy counter (Ley 29571
    arts. 85-86).
    """

    class Choice(models.TextChoices):
        LOWER = "reduce_installment_amount", _("Bajar las cuotas")
        SHORTER = "reduce_number_of_installments", _("Terminar antes")
        ADVANCE = "advance_installments", _("Adelantar cuotas")

    class Status(models.TextChoices):
        OPEN = "open", _("Por pagar")
        DONE = "done", _("Aplicado")
        WITHDRAWN = "withdrawn", _("Retirado")
        EXPIRED = "expired", _("Venció")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="prepayment_requests")
    amount = MoneyField()  # what they mean to pay
    choice = models.CharField(max_length=32, choices=Choice)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    asked_on = models.DateField()
    valid_until = models.DateField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")  # the borrower, or who wrote it down for them
    repayment = InstitutionForeignKey(Repayment, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "loan"], condition=models.Q(status="open"), name="one_open_prepayment_request"
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="prepayment_request_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "status", "valid_until"], name="prepayment_request_due"),
            models.Index(fields=["institution", "repayment"], name="prepayment_request_paid"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.choice}"
