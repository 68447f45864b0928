from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.base import InstitutionForeignKey, InstitutionOwned
from lending.fields import MoneyField
from lending.models.loans import Loan


class DailyLoanState(InstitutionOwned):
    """How one loan stood at the end of one day, as the nightly close worked it out."""

    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="daily_states")
    on = models.DateField()
    principal = MoneyField()  # outstanding
    overdue = MoneyField()  # principal of installments due and unpaid
    accrued = MoneyField()  # interest earned and not due yet
    moratory = MoneyField()
    days_late = models.PositiveIntegerField()
    loan_class = models.PositiveSmallIntegerField()  # by this loan alone, 0 … 4
    sbs_class = models.PositiveSmallIntegerField()  # of the debtor: the worst of theirs
    provision = MoneyField()

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "on", "loan"], name="daily_state_once"),
        ]

    def __str__(self) -> str:
        return f"{self.loan_id} {self.on}"


class CloseRun(InstitutionOwned):
    """The close of one day: which steps are done, how far the running one came, and what it found."""

    on = models.DateField()
    step = models.CharField(max_length=20, blank=True)  # running or last done
    progress = models.JSONField(default=dict)  # step: loans done, last key, seconds
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["institution", "on"], name="close_run_once")]

    def __str__(self) -> str:
        return f"{self.on}"


class PortfolioDay(InstitutionOwned):
    """The book at the end of one day by product, branch, officer, credit type and days late: what pages sum up."""

    on = models.DateField()
    product_id = models.UUIDField()
    branch = models.CharField(max_length=60, blank=True)
    officer_id = models.BigIntegerField(null=True, blank=True)
    credit_type = models.CharField(max_length=2)
    currency = models.CharField(max_length=3, default="PEN")
    sbs_class = models.PositiveSmallIntegerField()
    bucket = models.CharField(max_length=8)  # "0", "1-8", "9-30", "31-60", "61-90", "91-120", "121+"
    is_refinanced = models.BooleanField(default=False)
    is_judicial = models.BooleanField(default=False)
    loans = models.PositiveIntegerField()
    debtors = models.PositiveIntegerField()
    principal = MoneyField()
    overdue = MoneyField()  # the part that is "vencido" by the norm, judicial left out
    accrued = MoneyField()
    provision = MoneyField()
    weighted_tea = models.DecimalField(max_digits=24, decimal_places=8)  # sum of soles times TEA

    class Meta(InstitutionOwned.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "on"], name="portfolio_day")]

    def __str__(self) -> str:
        return f"{self.on}"
