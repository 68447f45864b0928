from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from accounts.models.people import User


class Webhook(InstitutionOwned):
    """An address of the institution's own that hears of events, signed with a shared secret."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    url = models.URLField(_("dirección"), max_length=300)
    events = ArrayField(models.CharField(max_length=80), verbose_name=_("eventos"))
    secret = EncryptedTextField()
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["institution", "url"], name="webhook_once_per_url")]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(InstitutionOwned):
    """One event on its way to one address: claimed, sent, marked; given up after the last attempt."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    webhook = InstitutionForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event_id = models.UUIDField()  # of the outbox
    event = models.CharField(max_length=80)
    body = models.JSONField()  # ids, codes and instants; no personal words
    created_at = models.DateTimeField(db_default=Now())
    next_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    last_status = models.CharField(max_length=60, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "webhook", "event_id"], name="webhook_delivery_once_per_event"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["institution", "next_at"],
                condition=models.Q(delivered_at__isnull=True, given_up_at__isnull=True),
                name="webhook_delivery_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.webhook_id}"
