"""The audit chain's tables. Rows are added by the database itself, never changed; see `accounts.audit`."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.base import InstitutionOwned, uuid7


class AuditEntry(InstitutionOwned):
    """One act. `body` holds the exact bytes that are hashed; the other columns are generated from it.

    Bodies carry ids, codes, amounts and keyed hashes, never personal words.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    body = models.TextField()
    at_us = models.GeneratedField(
        expression=models.expressions.RawSQL("((body::json ->> 'at_us')::bigint)", []),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    event = models.GeneratedField(
        expression=models.expressions.RawSQL("(body::json ->> 'event')", []),
        output_field=models.TextField(),
        db_persist=True,
    )
    actor_user_id = models.GeneratedField(
        expression=models.expressions.RawSQL("((body::json #>> '{actor,user}')::bigint)", []),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
    )
    subject_type = models.GeneratedField(
        expression=models.expressions.RawSQL("(body::json #>> '{subject,type}')", []),
        output_field=models.TextField(),
        db_persist=True,
    )
    subject_id = models.GeneratedField(
        expression=models.expressions.RawSQL("(body::json #>> '{subject,id}')", []),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.expressions.RawSQL(
                    "((body::json ->> 'institution')::bigint = institution_id AND body::json ->> 'id' = id::text)",
                    [],
                    output_field=models.BooleanField(),
                ),
                name="audit_entry_body_names_row",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "at_us"], name="audit_entry_time"),
            models.Index(fields=["institution", "subject_id", "at_us"], name="audit_entry_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject_id}"


class AuditPending(models.Model):
    """An entry that no seal covers yet; filled by a trigger, drained by the sealer."""

    entry = models.OneToOneField(AuditEntry, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="+")
    institution = models.ForeignKey("accounts.Institution", models.DO_NOTHING, db_constraint=False, related_name="+")
    queued_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.entry_id)


class AuditSeal(InstitutionOwned):
    """One link of an institution's chain: hash = sha256(prev_hash || seq ':' body)."""

    seq = models.BigIntegerField()
    entry = models.UUIDField(unique=False, db_column="entry_id")
    prev_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "seq"], name="audit_seal_seq"),
            models.UniqueConstraint(fields=["institution", "entry"], name="audit_seal_entry"),
        ]

    def __str__(self) -> str:
        return f"{self.institution_id}:{self.seq}"


class AuditCheckpoint(models.Model):
    """All heads at an instant, signed with a key kept outside the database. Global, published."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.BigIntegerField(unique=True)
    document = models.TextField()  # the exact bytes that are signed
    signature = models.BinaryField(max_length=64)
    public_key = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["number"]

    def __str__(self) -> str:
        return f"#{self.number}"


class SubjectKey(InstitutionOwned):
    """The key under which a subject's values are hashed in audit bodies; destroying it unlinks them for ever."""

    subject_id = models.UUIDField()
    key = models.BinaryField(max_length=200)  # encrypted with the field keys
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "subject_id"], name="subject_key_once"),
        ]

    def __str__(self) -> str:
        return str(self.subject_id)
