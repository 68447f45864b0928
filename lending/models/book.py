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


class LoanSpan(Derived):
    """How one loan stood from `on` through `through`: days in which nothing moves but interest and days late.

    Interest earned grows by `daily` each day; days late count from `next_due_on`. `lending.selectors.risk.states_on`
    reads the book of one day. A span ends before anything else would change, after 31 days at most, or the night
    before the loan was touched. Only loans with a balance have one.
    """

    class Situation(models.IntegerChoices):
        CURRENT = 0, _("Vigente")
        REFINANCED = 1, _("Refinanciado")
        JUDICIAL = 2, _("En cobranza judicial")

    pk = models.CompositePrimaryKey("institution_id", "on", "loan_id")
    on = models.DateField()
    through = models.DateField()
    loan = models.ForeignKey("lending.Loan", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    product_id = models.UUIDField()  # this and the next ones: as they were, whatever the loan says today
    branch = models.CharField(max_length=60, blank=True)
    officer_id = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    tea = models.DecimalField(max_digits=12, decimal_places=8)  # fraction
    credit_type = models.CharField(max_length=2)
    situation = models.PositiveSmallIntegerField(choices=Situation)
    principal = MoneyField()  # outstanding
    overdue = MoneyField()  # principal of installments due and unpaid
    past_due = MoneyField()  # "vencido" by the norm of its credit type, judicial included
    next_due_on = models.DateField(null=True)  # of the oldest installment not settled
    accrued_first = MoneyField()  # interest earned and not due yet, on the first day
    receivable_first = MoneyField()  # interest earned, due or not, neither collected nor waived, on the first day
    daily = MoneyField()  # interest earned each day
    line_from = models.DateField()  # the installment that is earning: from this day …
    line_due = models.DateField()  # … to its due date; the end of time past the last one
    line_interest = MoneyField()  # the whole of it
    loan_class = models.PositiveSmallIntegerField()  # by this loan alone, 0 … 4
    sbs_class = models.PositiveSmallIntegerField()  # of the debtor: the worst of theirs
    provision = MoneyField()

    class Meta(Derived.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "through", "loan"], name="loan_span_end")]

    def __str__(self) -> str:
        return f"{self.loan_id} {self.on} … {self.through}"


class LatestSpan(Derived):
    """Where a loan's newest `LoanSpan` is found, by its first day."""

    pk = models.CompositePrimaryKey("institution_id", "loan_id")
    loan_id = models.UUIDField()
    on = models.DateField()

    class Meta(Derived.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.loan_id} {self.on}"


class LoanChange(Derived):
    """A loan was inserted or updated since the last close; a trigger writes it, the close takes it away."""

    id = models.BigAutoField(primary_key=True)
    loan_id = models.UUIDField()

    class Meta(Derived.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "loan_id"], name="loan_change")]

    def __str__(self) -> str:
        return f"{self.loan_id}"


class DebtorSpan(Derived):
    """A debtor worse than normal from one day through another, and why: own loans, or other creditors' word."""

    pk = models.CompositePrimaryKey("institution_id", "applicant_id", "on")
    applicant_id = models.UUIDField()
    on = models.DateField()
    through = models.DateField()  # the end of time while it stands
    own_class = models.PositiveSmallIntegerField()
    external_class = models.PositiveSmallIntegerField(null=True)
    sbs_class = models.PositiveSmallIntegerField()

    class Meta(Derived.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.applicant_id} {self.on} … {self.through}: {self.sbs_class}"


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
    # Its loans whose classes were looked at: by the loan alone, of the debtor, and the last day that the first holds.
    classed = ArrayField(models.UUIDField(), default=list)
    own = ArrayField(models.SmallIntegerField(), default=list)
    debtor = ArrayField(models.SmallIntegerField(), default=list)
    stands = ArrayField(models.DateField(null=True), default=list)
    loans = models.PositiveIntegerField(default=0)  # that had to be worked out
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["institution", "on", "n"], name="close_chunk_once")]

    def __str__(self) -> str:
        return f"{self.on} {self.n}"


class PortfolioDay(Derived):
    """The book at the end of one day by product, branch, officer, credit type and days late: what pages sum up.

    While a day is being closed it holds what each chunk changed; read days whose CloseRun is finished.
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
    loans = models.IntegerField()
    principal = MoneyField()
    overdue = MoneyField()  # the part that is "vencido" by the norm, judicial left out
    accrued = MoneyField()
    receivable = MoneyField(default=0)  # interest earned and not collected, of loans that still count it as income
    suspended = MoneyField(default=0)  # the same of loans past due or in court
    daily_receivable = MoneyField(default=0)  # by how much `receivable` grows a day
    daily_suspended = MoneyField(default=0)
    provision = MoneyField()
    weighted_tea = models.DecimalField(max_digits=26, decimal_places=10)  # sum of soles times TEA

    class Meta(Derived.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "on"], name="portfolio_day")]

    def __str__(self) -> str:
        return f"{self.on}"
