from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from lending.models.loans import Loan


class ContactNote(InstitutionOwned):
    """Somebody of the lender spoke to a borrower about a loan, or tried to; what came of it. Never changed."""

    class Channel(models.TextChoices):
        CALL = "call", _("Llamada")
        MESSAGE = "message", _("Mensaje")
        VISIT = "visit", _("Visita")
        LETTER = "letter", _("Carta")

    class Result(models.TextChoices):
        PROMISE = "promise", _("Prometió pagar")
        TALKED = "talked", _("Conversamos, sin promesa")
        NO_ANSWER = "no_answer", _("No contestó")
        WRONG_CONTACT = "wrong_contact", _("El dato de contacto no sirve")
        CANNOT_PAY = "cannot_pay", _("No puede pagar: pide una salida")
        DISPUTES = "disputes", _("No está de acuerdo con la deuda")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="contact_notes")
    channel = models.CharField(max_length=8, choices=Channel)
    result = models.CharField(max_length=14, choices=Result)
    note = models.CharField(max_length=400, blank=True)
    days_late = models.PositiveIntegerField()  # when it was written
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField(db_default=Now())
    next_on = models.DateField(null=True, blank=True)  # when to come back to it

    class Meta(InstitutionOwned.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "loan", "at"], name="contact_history")]

    def __str__(self) -> str:
        return f"{self.loan_id} {self.result}"


class PromiseToPay(InstitutionOwned):
    """A borrower said how much they will pay and by when; the nightly close says whether they did."""

    class Status(models.TextChoices):
        OPEN = "open", _("Vigente")
        KEPT = "kept", _("Cumplida")
        BROKEN = "broken", _("Incumplida")
        CANCELLED = "cancelled", _("Anulada")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="promises")
    note = InstitutionForeignKey(ContactNote, models.PROTECT, null=True, blank=True, related_name="promises")
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    amount = MoneyField()
    made_on = models.DateField()
    due_on = models.DateField()
    made_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    resolved_on = models.DateField(null=True, blank=True)
    cancel_reason = models.CharField(max_length=400, blank=True, db_default="")

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "loan"], condition=models.Q(status="open"), name="one_open_promise_per_loan"
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, due_on__gte=models.F("made_on")), name="promise_in_order"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "due_on"], condition=models.Q(status="open"), name="promise_due"),
        ]

    def __str__(self) -> str:
        return f"{self.loan_id} {self.amount} {self.due_on}"
