from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned
from lending.models.guarantors import ContractGuarantor
from lending.models.loans import Contract


class SigningCode(InstitutionOwned):
    """A code sent to a borrower, or to who answers for them, to sign one contract: once, in minutes, in few tries."""

    class Channel(models.TextChoices):
        SMS = "sms", _("Mensaje de texto")
        EMAIL = "email", _("Correo")

    contract = InstitutionForeignKey(Contract, models.CASCADE, related_name="signing_codes")
    guarantor = InstitutionForeignKey(  # whose code it is; None for the borrower's
        ContractGuarantor, models.CASCADE, null=True, blank=True, related_name="signing_codes"
    )
    code_hash = models.CharField(max_length=64)  # keyed; the code itself is nowhere
    channel = models.CharField(max_length=5, choices=Channel)
    address = models.CharField(max_length=80)  # masked, enough for its owner to know which one
    requested_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "contract", "created_at"], name="signing_code_newest")]

    def __str__(self) -> str:
        return f"{self.channel} {self.address}"


class SigningLink(InstitutionOwned):
    """A link sent to who answers for a loan, to read its contract and sign it on their own phone: once, for some days.

    Whoever holds it may read that one contract and ask for the code to sign it with, which goes to an address of the
    person's own. The newest one counts.
    """

    guarantor = InstitutionForeignKey(ContractGuarantor, models.CASCADE, related_name="links")
    token_hash = models.CharField(max_length=64)  # keyed; the token itself is nowhere
    channel = models.CharField(max_length=5, choices=SigningCode.Channel)
    address = models.CharField(max_length=80)  # masked
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "token_hash"], name="signing_link_once"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.address}"
