from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from lending.models.applicants import Applicant
from lending.models.groups import Guarantee
from lending.models.loans import Contract


class ContractGuarantor(InstitutionOwned):
    """Somebody whom a contract names as answering for its loan, and their own signature on exactly that contract.

    A suretyship is void unless it is in writing (Código Civil art. 1871). Prepared again, the contract names them anew
    and they sign anew; the loan that comes of it has them as `Guarantee`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    contract = InstitutionForeignKey(Contract, models.CASCADE, related_name="guarantors")
    guarantor = InstitutionForeignKey(Applicant, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Guarantee.Kind)
    limit = MoneyField(null=True, blank=True)  # None: for all of it
    named_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    named_at = models.DateTimeField(db_default=Now())
    signed_at = models.DateTimeField(null=True, blank=True)
    signature = models.JSONField(default=dict)  # as Contract.signature

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "contract", "guarantor"], name="contract_guarantor_once"),
            models.CheckConstraint(
                condition=models.Q(limit=None) | models.Q(limit__gt=0), name="contract_guarantor_limit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.guarantor_id}: {self.contract_id}"
