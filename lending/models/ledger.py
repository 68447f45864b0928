from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from lending.models.loans import Loan
from lending.models.products import Product


class LedgerEntry(InstitutionOwned):
    """One side of a journal: an account, debited (positive) or credited (negative). A journal's entries sum to zero.

    The chart of accounts is `lending.ledger.ACCOUNTS`, after the SBS manual for financial institutions. Accruals carry
    a product and no loan: one journal a product, currency and day.
    """

    journal = models.UUIDField(default=uuid7)  # the entries of one act share it
    on = models.DateField()
    account = models.CharField(max_length=16)
    currency = models.CharField(max_length=3, default="PEN")
    amount = MoneyField()
    event = models.CharField(max_length=40)  # lending.repayment.posted
    loan = InstitutionForeignKey(Loan, models.PROTECT, null=True, blank=True, related_name="ledger_entries")
    product = InstitutionForeignKey(Product, models.PROTECT, null=True, blank=True, related_name="+")
    subject_id = models.UUIDField(null=True, blank=True)  # the repayment, disbursement or restructure
    posted_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        indexes: ClassVar = [
            models.Index(fields=["institution", "on", "account"], name="ledger_by_day"),
            models.Index(fields=["institution", "loan"], condition=models.Q(loan__isnull=False), name="ledger_by_loan"),
            models.Index(fields=["institution", "journal"], name="ledger_by_journal"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount}"


class LedgerPeriod(InstitutionOwned):
    """A month of the books; once closed, nothing may be posted into it."""

    month = models.DateField()  # its first day
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(db_default=Now())
    trial_balance = models.JSONField(default=list)  # as it stood when it was closed

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "month"], name="ledger_period_once"),
        ]
        verbose_name = _("periodo contable")

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
