from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedJSONField
from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from lending.models.applicants import Applicant
from lending.models.products import Product
from scoring.models import Segment


class Application(InstitutionOwned):
    """A request for credit, from its first saved answer to its last decision."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Por terminar")
        SUBMITTED = "submitted", _("Enviada")
        APPROVED = "approved", _("Aprobada")
        REFERRED = "referred", _("En evaluación")
        PROPOSED = "proposed", _("Por decidir")
        DECLINED = "declined", _("No aprobada")
        WITHDRAWN = "withdrawn", _("Retirada")

    class Channel(models.TextChoices):
        WEB = "web", _("Por internet")
        COUNTER = "counter", _("En agencia")
        API = "api", _("Por un sistema autorizado")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField()  # per institution; people see QT-48213
    segment = models.CharField(max_length=12, choices=Segment)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.WEB)
    applicant = InstitutionForeignKey(Applicant, models.PROTECT, null=True, blank=True, related_name="applications")
    owner = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")  # who fills it in
    filed_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+"
    )  # officer at the counter
    api_client_id = models.UUIDField(null=True, blank=True)
    product = InstitutionForeignKey(Product, models.PROTECT, null=True, blank=True, related_name="+")  # wished for
    amount = MoneyField(null=True, blank=True)
    term_months = models.PositiveSmallIntegerField(null=True, blank=True)
    purpose = models.CharField(max_length=120, blank=True)
    # Everything typed so far, valid or not, by step; sealed, because it holds documents and income.
    draft = EncryptedJSONField(default=dict)
    # The declared facts as submitted: never changed afterwards.
    facts = models.JSONField(null=True, blank=True)
    facts_sha256 = models.CharField(max_length=64, blank=True)
    age_years = models.PositiveSmallIntegerField(null=True, blank=True)  # on the day it was submitted
    # What an officer verified, fact by fact; absent means as declared.
    verified_facts = models.JSONField(default=dict, blank=True)
    assigned_to = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    saved_at = models.DateTimeField(auto_now=True)
    draft_until = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    assessed_at = models.DateTimeField(null=True, blank=True)
    decide_by = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "number"], name="application_number_once"),
            models.CheckConstraint(
                condition=models.Q(status="draft") | models.Q(status="withdrawn") | models.Q(facts__isnull=False),
                name="submitted_application_has_facts",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "status", "decide_by"], name="application_queue"),
            models.Index(fields=["institution", "owner"], name="application_owner"),
            models.Index(fields=["institution", "applicant"], name="application_applicant"),
            models.Index(
                fields=["institution", "submitted_at"],
                condition=models.Q(status="submitted"),
                name="application_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class Document(InstitutionOwned):
    """An uploaded paper: sniffed, re-encoded when it is a picture, sealed in the private store."""

    class Kind(models.TextChoices):
        IDENTITY_FRONT = "identity_front", _("DNI, lado de la foto")
        IDENTITY_BACK = "identity_back", _("DNI, otro lado")
        UTILITY_BILL = "utility_bill", _("Recibo de luz o agua")
        INCOME = "income", _("Boletas, cuaderno de ventas o constancia")
        PREMISES = "premises", _("Foto del local o de la chacra")
        LAND = "land", _("Título o constancia de posesión")
        OTHER = "other", _("Otro papel")

    class Status(models.TextChoices):
        PENDING = "pending", _("Por revisar")
        VERIFIED = "verified", _("Verificado")
        REJECTED = "rejected", _("No sirve")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = InstitutionForeignKey(Application, models.CASCADE, related_name="documents")
    kind = models.CharField(max_length=16, choices=Kind)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    media_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()  # bytes, as stored before sealing
    sha256 = models.CharField(max_length=64)
    stored_name = models.CharField(max_length=120)  # institutions/<uuid>/<uuid>
    note = models.CharField(max_length=200, blank=True)
    uploaded_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    uploaded_at = models.DateTimeField(db_default=Now())
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "application", "kind", "sha256"], name="document_once")
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
