from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField
from accounts.formats import mask_document
from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField


class Applicant(InstitutionOwned):
    """A person who asks this institution for credit. Known by document; reachable by phone."""

    class DocumentType(models.TextChoices):
        DNI = "dni", _("DNI")
        CE = "ce", _("Carné de extranjería")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    full_name = models.CharField(_("nombres y apellidos"), max_length=120)
    document_type = models.CharField(max_length=4, choices=DocumentType, default=DocumentType.DNI)
    document_number = EncryptedTextField(_("número de documento"))
    document_hash = models.CharField(max_length=64)  # keyed, for this institution only
    ruc = EncryptedTextField(_("RUC"), blank=True, default="")
    birth_on = models.DateField(_("fecha de nacimiento"))
    phone = models.CharField(_("celular"), max_length=16, blank=True)
    email = models.EmailField(_("correo"), blank=True)
    region = models.CharField(_("departamento"), max_length=2)
    district = models.CharField(_("distrito"), max_length=80, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)
    # Erasure asked for while a duty to keep lasts: kept, and used for nothing else. Purged: nothing personal is left.
    restricted_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "document_type", "document_hash"], name="applicant_once_per_document"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "user"], name="applicant_user"),
            models.Index(
                fields=["institution"], condition=models.Q(restricted_at__isnull=False), name="applicant_restricted"
            ),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def masked_document(self) -> str:
        """The document with its middle hidden: 4•••••21."""
        return mask_document(self.document_number)


class HouseholdProfile(InstitutionOwned):
    """What a family last declared of itself; an application keeps its own frozen copy."""

    applicant = InstitutionForeignKey(Applicant, models.CASCADE, related_name="household_profiles")
    employment = models.CharField(max_length=12, blank=True)
    employment_months = models.PositiveIntegerField(null=True, blank=True)
    housing = models.CharField(max_length=10, blank=True)
    dependants = models.PositiveSmallIntegerField(null=True, blank=True)
    monthly_income = MoneyField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "applicant"], name="household_profile_once")
        ]

    def __str__(self) -> str:
        return str(self.applicant_id)


class EnterpriseProfile(InstitutionOwned):
    """What a business last declared of itself."""

    applicant = InstitutionForeignKey(Applicant, models.CASCADE, related_name="enterprise_profiles")
    trade_name = models.CharField(max_length=120, blank=True)
    sector = models.CharField(max_length=20, blank=True)
    business_months = models.PositiveIntegerField(null=True, blank=True)
    premises = models.CharField(max_length=10, blank=True)
    monthly_sales = MoneyField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "applicant"], name="enterprise_profile_once")
        ]

    def __str__(self) -> str:
        return self.trade_name or str(self.applicant_id)


class FarmProfile(InstitutionOwned):
    """What a farm last declared of itself."""

    applicant = InstitutionForeignKey(Applicant, models.CASCADE, related_name="farm_profiles")
    crop = models.CharField(max_length=20, blank=True)
    hectares = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    irrigation = models.CharField(max_length=10, blank=True)
    altitude_m = models.PositiveIntegerField(null=True, blank=True)
    land_tenure = models.CharField(max_length=12, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["institution", "applicant"], name="farm_profile_once")]

    def __str__(self) -> str:
        return f"{self.crop} {self.hectares} ha"
