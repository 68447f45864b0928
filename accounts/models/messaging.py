from typing import ClassVar

from django.db import models

from accounts.models.base import InstitutionOwned, uuid7


class OutboxEvent(InstitutionOwned):
    """A past fact that others must hear of; open until its consumer's own transaction closes it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        indexes: ClassVar = [
            models.Index(fields=["created_at"], condition=models.Q(done_at__isnull=True), name="outbox_open"),
            models.Index(fields=["institution", "name", "subject_id"], name="outbox_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject_id}"


class IdempotencyKey(InstitutionOwned):
    """The first answer to a keyed request, replayed when the same client asks again."""

    client = models.CharField(max_length=80)
    endpoint = models.CharField(max_length=120)
    key = models.CharField(max_length=100)
    request_sha256 = models.CharField(max_length=64)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    response_body = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "client", "endpoint", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key}"
