from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.base import InstitutionOwned
from lending.fields import MoneyField


class Derived(InstitutionOwned):
    """Rows the nightly close works out from loans in one statement, a million at a time.

    Keyed by what they are about. Foreign keys would be checked row by row, which costs as much as the close
    itself; the rows are read from the very loans they name, under the policy that ties them to the institution.
    """

    institution = models.ForeignKey(
        "accounts.Institution", models.PROTECT, related_name="+", editable=False, db_constraint=False, db_index=False
    )

    class Meta(InstitutionOwned.Meta):
        abstract = True


class DailyLoanState(Derived):
    """How one loan stood at the end of one day, as the nightly close worked it out; only loans with a balance."""

    class Situation(models.IntegerChoices):
        CURRENT = 0, _("Vigente")
        REFINANCED = 1, _("Refinanciado")
        JUDICIAL = 2, _("En cobranza judicial")

    pk = models.CompositePrimaryKey("institution_id", "on", "loan_id")
    on = models.DateField()
    loan = models.ForeignKey("lending.Loan", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    credit_type = models.CharField(max_length=2)
    situation = models.PositiveSmallIntegerField(choices=Situation)
    principal = MoneyField()  # outstanding
    overdue = MoneyField()  # principal of installments due and unpaid
    past_due = MoneyField()  # "vencido" by the norm of its credit type, judicial included
    accrued = MoneyField()  # interest earned and not due yet
    receivable = MoneyField()  # interest earned, due or not, and neither collected nor waived
    moratory = MoneyField()  # owed
    days_late = models.PositiveIntegerField()
    loan_class = models.PositiveSmallIntegerField()  # by this loan alone, 0 … 4
    sbs_class = models.PositiveSmallIntegerField()  # of the debtor: the worst of theirs
    provision = MoneyField()

    class Meta(Derived.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.loan_id} {self.on}"


class DebtorDay(Derived):
    """A debtor worse than normal at the end of one day, and why: own loans, or alignment with other creditors."""

    pk = models.CompositePrimaryKey("institution_id", "on", "applicant_id")
    on = models.DateField()
    applicant_id = models.UUIDField()
    own_class = models.PositiveSmallIntegerField()
    external_class = models.PositiveSmallIntegerField(null=True)
    sbs_class = models.PositiveSmallIntegerField()

    class Meta(Derived.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.applicant_id} {self.on}: {self.sbs_class}"


class RunningInstallment(Derived):
    """The installment whose interest a loan is earning now; kept so that a close reads no line that has not changed.

    Worked out again when the loan's `revision` differs or the line falls due.
    """

    pk = models.CompositePrimaryKey("institution_id", "loan_id")
    loan_id = models.UUIDField()
    revision = models.PositiveIntegerField()
    starts_on = models.DateField()
    due_on = models.DateField()  # of a loan past its last installment: the end of time
    earns = MoneyField()  # interest of the whole line
    earned_before = MoneyField()  # interest of all lines before this one
    collected = MoneyField()  # interest paid or waived, of all lines
    opening = MoneyField()  # principal the plan leaves when the line starts

    class Meta(Derived.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.loan_id} {self.due_on}"


class CloseRun(InstitutionOwned):
    """The close of one day: which steps are done, and what it found."""

    on = models.DateField()
    previous_on = models.DateField(null=True, blank=True)  # the last day closed before it
    step = models.CharField(max_length=20, blank=True)  # last done
    progress = models.JSONField(default=dict)  # step: rows and seconds
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["institution", "on"], name="close_run_once")]

    def __str__(self) -> str:
        return f"{self.on}"


class CloseChunk(InstitutionOwned):
    """Loans of one close that are worked out together; claimed by a connection, done with its commit."""

    on = models.DateField()
    n = models.PositiveIntegerField()
    since = models.UUIDField()  # keys from this one …
    until = models.UUIDField()  # … up to this one, without it
    # Its loans whose debtor is worse than normal, the class by the loan alone and that of the debtor.
    classed = ArrayField(models.UUIDField(), default=list)
    own = ArrayField(models.SmallIntegerField(), default=list)
    debtor = ArrayField(models.SmallIntegerField(), default=list)
    loans = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["institution", "on", "n"], name="close_chunk_once")]

    def __str__(self) -> str:
        return f"{self.on} {self.n}"


class PortfolioDay(Derived):
    """The book at the end of one day by product, branch, officer, credit type and days late: what pages sum up.

    While a day is being closed it holds a line for each chunk; read days whose CloseRun is finished.
    """

    on = models.DateField()
    product_id = models.UUIDField()
    branch = models.CharField(max_length=60, blank=True)
    officer_id = models.BigIntegerField(null=True, blank=True)
    credit_type = models.CharField(max_length=2)
    currency = models.CharField(max_length=3, default="PEN")
    sbs_class = models.PositiveSmallIntegerField()
    bucket = models.CharField(max_length=8)  # of lending.buckets
    is_refinanced = models.BooleanField(default=False)
    is_judicial = models.BooleanField(default=False)
    loans = models.PositiveIntegerField()
    principal = MoneyField()
    overdue = MoneyField()  # the part that is "vencido" by the norm, judicial left out
    accrued = MoneyField()
    receivable = MoneyField(default=0)  # interest earned and not collected, of loans that still count it as income
    suspended = MoneyField(default=0)  # the same of loans past due or in court
    provision = MoneyField()
    weighted_tea = models.DecimalField(max_digits=24, decimal_places=8)  # sum of soles times TEA

    class Meta(Derived.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "on"], name="portfolio_day")]

    def __str__(self) -> str:
        return f"{self.on}"
