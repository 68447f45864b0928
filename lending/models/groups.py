from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from lending.models.applicants import Applicant
from lending.models.loans import Loan


class Group(InstitutionOwned):
    """A village bank: people who meet, borrow one loan each and answer for one another's installments."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Lunes")
        TUESDAY = 1, _("Martes")
        WEDNESDAY = 2, _("Miércoles")
        THURSDAY = 3, _("Jueves")
        FRIDAY = 4, _("Viernes")
        SATURDAY = 5, _("Sábado")
        SUNDAY = 6, _("Domingo")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("nombre del grupo"), max_length=80)
    meets_at = models.CharField(_("dónde se reúne"), max_length=120)
    weekday = models.PositiveSmallIntegerField(_("día de reunión"), choices=Weekday)
    meets_from = models.TimeField(_("hora de reunión"))
    every_weeks = models.PositiveSmallIntegerField(_("cada cuántas semanas"), default=4)
    formed_on = models.DateField(_("fecha de formación"))
    officer = models.ForeignKey(User, models.PROTECT, related_name="+")
    closed_on = models.DateField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["institution", "name"], name="group_name_once")]

    def __str__(self) -> str:
        return self.name


class GroupMember(InstitutionOwned):
    """Somebody in a group, from the day they joined until the day they left."""

    class Role(models.TextChoices):
        PRESIDENT = "president", _("Presidencia")
        TREASURER = "treasurer", _("Tesorería")
        SECRETARY = "secretary", _("Secretaría")
        MEMBER = "member", _("Integrante")

    group = InstitutionForeignKey(Group, models.PROTECT, related_name="members")
    applicant = InstitutionForeignKey(Applicant, models.PROTECT, related_name="memberships")
    role = models.CharField(_("cargo"), max_length=10, choices=Role, default=Role.MEMBER)
    joined_on = models.DateField()
    left_on = models.DateField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "applicant"], condition=models.Q(left_on=None), name="one_group_at_a_time"
            ),
            models.UniqueConstraint(
                fields=["institution", "group", "role"],
                condition=models.Q(left_on=None) & ~models.Q(role="member"),
                name="one_of_each_office",
            ),
        ]

    def __str__(self) -> str:
        return str(self.applicant_id)


class GroupLoan(InstitutionOwned):
    """A member's loan that the whole group answers for; its schedule is its own."""

    group = InstitutionForeignKey(Group, models.PROTECT, related_name="loans")
    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="group_loans")
    cycle = models.PositiveSmallIntegerField(default=1)  # the group's first round of loans, its second …
    added_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["institution", "loan"], name="loan_in_one_group")]

    def __str__(self) -> str:
        return f"{self.group_id}: {self.loan_id}"


class Guarantee(InstitutionOwned):
    """Somebody answers for a loan with what they own."""

    class Kind(models.TextChoices):
        GUARANTOR = "guarantor", _("Aval")
        SURETY = "surety", _("Fiador solidario")
        CODEBTOR = "codebtor", _("Codeudor")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loan = InstitutionForeignKey(Loan, models.PROTECT, related_name="guarantees")
    guarantor = InstitutionForeignKey(Applicant, models.PROTECT, related_name="given_guarantees")
    kind = models.CharField(_("cómo responde"), max_length=10, choices=Kind)
    limit = MoneyField(_("hasta qué monto"), null=True, blank=True)  # None: for all of it
    given_on = models.DateField()
    released_on = models.DateField(null=True, blank=True)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "loan", "guarantor"], condition=models.Q(released_on=None), name="guarantee_once"
            ),
            models.CheckConstraint(condition=models.Q(limit=None) | models.Q(limit__gt=0), name="guarantee_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.guarantor_id}: {self.loan_id}"
