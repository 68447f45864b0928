"""What people may ask of an institution about their data and its service, each with its clock, and what went wrong."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedJSONField, EncryptedTextField
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from accounts.models.people import Consent, User


class DataRequest(InstitutionOwned):
    """One person's request about their own data (Ley 29733, DS 016-2024-JUS), from the asking to the answer."""

    class Kind(models.TextChoices):
        INFORMATION = "information", _("Saber cómo se usan mis datos")
        ACCESS = "access", _("Ver datos que no encuentro aquí")
        RECTIFY = "rectify", _("Corregir un dato")
        CANCEL = "cancel", _("Borrar mis datos")
        OPPOSE = "oppose", _("Oponerme a un uso")
        PORTABILITY = "portability", _("Llevar mis datos a otra entidad")

    class Channel(models.TextChoices):
        WEB = "web", _("Por internet")
        COUNTER = "counter", _("En agencia")

    class Identified(models.TextChoices):
        DOCUMENT = "document", _("Con su documento a la vista")
        PROXY = "proxy", _("Por medio de un apoderado, con su poder")

    class Outcome(models.TextChoices):
        GRANTED = "granted", _("Aceptado")
        DENIED = "denied", _("No aceptado")
        WITHDRAWN = "withdrawn", _("Retirado por la persona")

    class Effect(models.TextChoices):
        NONE = "", _("Sin cambios en los datos")
        RECTIFIED = "rectified", _("Dato corregido")
        STOPPED = "stopped", _("Uso detenido")
        RESTRICTED = "restricted", _("Datos bloqueados hasta que venza el plazo legal")
        ERASED = "erased", _("Datos borrados")
        DELIVERED = "delivered", _("Copia puesta a disposición")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=Kind)
    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    subject_id = models.UUIDField(null=True, blank=True)  # the applicant, once the person is one
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.WEB)
    filed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")  # at the counter
    identified = models.CharField(_("identificación"), max_length=8, choices=Identified, blank=True)  # at the counter
    # {"text", "field", "value"}: what the person wrote, the data to correct and how it should read
    asked = EncryptedJSONField(default=dict)
    purpose = models.CharField(max_length=12, choices=Consent.Purpose, blank=True)  # to oppose
    requested_at = models.DateTimeField(db_default=Now())
    due_on = models.DateField()
    extended_at = models.DateTimeField(null=True, blank=True)  # once, for a stated reason
    extension_reason = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    effect = models.CharField(max_length=10, choices=Effect, blank=True)
    answer = EncryptedTextField(blank=True, default="")
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    purge_on = models.DateField(null=True, blank=True)  # of restricted data: the last duty to keep them ends
    purged_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "number"], name="data_request_number_once"),
            models.CheckConstraint(
                condition=models.Q(outcome="") | models.Q(answered_at__isnull=False),
                name="answered_data_request_says_when",
            ),
            models.CheckConstraint(
                condition=models.Q(channel="web")
                | (models.Q(filed_by__isnull=False, subject_id__isnull=False) & ~models.Q(identified="")),
                name="counter_data_request_says_who",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "due_on"], name="data_request_due"),
            models.Index(fields=["institution", "user"], name="data_request_user"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class BureauCorrection(InstitutionOwned):
    """A corrected datum that was reported: one recipient who must hear of it (Ley 29733 art. 20), until it was sent."""

    request = InstitutionForeignKey(DataRequest, models.PROTECT, related_name="corrections")
    bureau = models.CharField(_("central de riesgos"), max_length=80)
    field = models.CharField(max_length=20)  # what was corrected
    due_on = models.DateField()  # the correction's own term: the norms name no other for telling recipients
    sent_at = models.DateTimeField(null=True, blank=True)
    sent_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reference = models.CharField(_("constancia de envío"), max_length=80, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "request", "bureau"], name="bureau_correction_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["institution", "due_on"],
                condition=models.Q(sent_at__isnull=True),
                name="bureau_correction_due",
            )
        ]

    def __str__(self) -> str:
        return self.bureau


class Complaint(InstitutionOwned):
    """One sheet of the institution's complaints book (Ley 29571 art. 150, DS 011-2011-PCM, DS 101-2022-PCM)."""

    class Kind(models.TextChoices):
        RECLAMO = "reclamo", _("Reclamo")
        QUEJA = "queja", _("Queja")

    class Good(models.TextChoices):
        PRODUCT = "product", _("Producto")
        SERVICE = "service", _("Servicio")

    class Topic(models.TextChoices):
        APPLICATION = "application", _("Respuesta a una solicitud")
        RATE = "rate", _("Tasa o costo")
        CHARGE = "charge", _("Cobro que no reconozco")
        PAYMENT = "payment", _("Pago que no aparece")
        COLLECTION = "collection", _("Cobranza")
        DATA = "data", _("Mis datos o la central de riesgos")
        SERVICE = "service", _("Atención")
        OTHER = "other", _("Otro")

    class Resolution(models.TextChoices):
        UPHELD = "upheld", _("A favor de la persona")
        PARTLY = "partly", _("A favor en parte")
        REJECTED = "rejected", _("A favor de la entidad")

    class Channel(models.TextChoices):
        WEB = "web", _("Por internet")
        COUNTER = "counter", _("En agencia")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField()
    year = models.PositiveSmallIntegerField()
    kind = models.CharField(_("tipo"), max_length=8, choices=Kind)
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.WEB)
    good = models.CharField(_("bien contratado"), max_length=8, choices=Good)
    topic = models.CharField(_("motivo"), max_length=12, choices=Topic)
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    # Who complains: full_name, document_type, document_number, address, district, phone, email; minor: guardian
    consumer = EncryptedJSONField(default=dict)
    amount_claimed = models.BigIntegerField(null=True, blank=True)  # céntimos
    reference = models.CharField(_("solicitud o crédito"), max_length=40, blank=True)
    detail = EncryptedTextField(default="")
    request = EncryptedTextField(default="")
    filed_at = models.DateTimeField(db_default=Now())
    due_on = models.DateField()
    answer = EncryptedTextField(blank=True, default="")
    resolution = models.CharField(max_length=8, choices=Resolution, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "year", "number"], name="complaint_number_once"),
            models.CheckConstraint(
                condition=models.Q(answered_at__isnull=True) | ~models.Q(resolution=""),
                name="answered_complaint_is_resolved",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["institution", "due_on"], name="complaint_due")]

    def __str__(self) -> str:
        return self.code

    @property
    def code(self) -> str:
        """As the norm numbers it: 000000001-2026."""
        return f"{self.number:09d}-{self.year}"


class SecurityIncident(InstitutionOwned):
    """Something that endangered people's data, with the clock of the notice to the authority (48 hours)."""

    class Severity(models.TextChoices):
        LOW = "low", _("Leve: sin datos personales")
        MEDIUM = "medium", _("Datos personales de pocas personas")
        HIGH = "high", _("Datos sensibles o de muchas personas")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField()
    title = models.CharField(_("qué pasó"), max_length=120)
    severity = models.CharField(_("gravedad"), max_length=6, choices=Severity)
    description = EncryptedTextField(_("descripción"))
    data_kinds = models.CharField(_("datos afectados"), max_length=200, blank=True)
    people = models.PositiveIntegerField(_("personas afectadas"), default=0)
    occurred_at = models.DateTimeField(null=True, blank=True)
    known_at = models.DateTimeField()  # the clock begins when the institution knows
    notify_by = models.DateTimeField(null=True, blank=True)  # None: no personal data, no duty to notify
    measures = EncryptedTextField(_("medidas tomadas"), blank=True, default="")
    authority_told_at = models.DateTimeField(null=True, blank=True)
    authority_reference = models.CharField(max_length=80, blank=True)
    people_told_at = models.DateTimeField(null=True, blank=True)
    people_told_how = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "number"], name="security_incident_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.title}"
