from typing import ClassVar

from django.db import models

from accounts.models.base import InstitutionOwned
from lending.fields import MoneyField


class PortfolioFlow(InstitutionOwned):
    """What moved on one day, by product, branch and officer, as its close found it; corrections come later days."""

    on = models.DateField()
    product_id = models.UUIDField()
    branch = models.CharField(max_length=60, blank=True)
    officer_id = models.BigIntegerField(null=True, blank=True)
    loans = models.PositiveIntegerField()  # paid out
    disbursed = MoneyField()
    due = MoneyField()  # of installments that fell due
    on_time = MoneyField()  # the part of `due` whose installments were settled by their day

    class Meta(InstitutionOwned.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "on"], name="portfolio_flow")]

    def __str__(self) -> str:
        return f"{self.on}"


class VintageMonth(InstitutionOwned):
    """How the loans of one quarter stood at a month's end, by their age in months."""

    on = models.DateField()  # the last day of a month
    origin = models.DateField()  # first day of the quarter they were paid out in
    months = models.PositiveSmallIntegerField()  # since the month of disbursement
    product_id = models.UUIDField()
    branch = models.CharField(max_length=60, blank=True)
    loans = models.PositiveIntegerField()
    disbursed = MoneyField()
    par30 = MoneyField()  # whole balance of those more than 30 days late, or charged off

    class Meta(InstitutionOwned.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "origin"], name="vintage_month")]

    def __str__(self) -> str:
        return f"{self.origin} +{self.months}"


class RollMonth(InstitutionOwned):
    """Where the balances of one days-late bucket went between two month ends."""

    on = models.DateField()  # the later month's end
    before = models.CharField(max_length=12)  # bucket, or "new"
    after = models.CharField(max_length=12)  # bucket, or "paid", "charged_off"
    product_id = models.UUIDField()
    branch = models.CharField(max_length=60, blank=True)
    loans = models.PositiveIntegerField()
    principal = MoneyField()  # at the earlier month's end; of new loans, at the later

    class Meta(InstitutionOwned.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "on"], name="roll_month")]

    def __str__(self) -> str:
        return f"{self.on} {self.before} → {self.after}"
