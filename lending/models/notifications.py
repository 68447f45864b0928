from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.models.applications import Application


class Notification(InstitutionOwned):
    """One message to one person, sent once: claimed, handed to the gateway, marked."""

    class Channel(models.TextChoices):
        SMS = "sms", _("Mensaje de texto")
        EMAIL = "email", _("Correo")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = InstitutionForeignKey(
        Application, models.PROTECT, null=True, blank=True, related_name="notifications"
    )  # empty for a loan that came from another system
    loan = InstitutionForeignKey("lending.Loan", models.PROTECT, null=True, blank=True, related_name="notifications")
    event_id = models.UUIDField()  # the outbox event it answers
    channel = models.CharField(max_length=5, choices=Channel)
    recipient = EncryptedTextField()
    subject = models.CharField(max_length=160, blank=True)
    body = EncryptedTextField()
    created_at = models.DateTimeField(db_default=Now())
    claimed_at = models.DateTimeField(null=True, blank=True)  # a worker is sending it; free again after a while
    sent_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)  # refused for good: nobody will try again
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "event_id", "channel"], name="notification_once_per_event")
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.application_id}"
