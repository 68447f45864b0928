from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.base import InstitutionForeignKey, InstitutionOwned
from lending.models.applicants import Applicant
from lending.models.loans import Loan


class ClassRule(models.Model):
    """What the norm says of one SBS credit type from a day until a day. Global; `lending.provisions` reads it."""

    credit_type = models.CharField(_("tipo de crédito"), max_length=2, choices=Loan.CreditType)
    potential_from = models.PositiveSmallIntegerField(_("con problemas potenciales desde, en días de atraso"))
    deficient_from = models.PositiveSmallIntegerField(_("deficiente desde"))
    doubtful_from = models.PositiveSmallIntegerField(_("dudoso desde"))
    loss_from = models.PositiveSmallIntegerField(_("pérdida desde"))
    whole_past_due_after = models.PositiveSmallIntegerField(_("vencido el saldo entero después de"))
    installments_past_due_after = models.PositiveSmallIntegerField(
        _("vencidas las cuotas impagas después de"), null=True, blank=True
    )
    refinanced_class = models.PositiveSmallIntegerField(_("clase mínima de un refinanciado"))
    refinanced_months = models.PositiveSmallIntegerField(_("meses puntuales para mejorar un nivel"))
    alignment_share = models.DecimalField(_("parte de la deuda que obliga a alinear"), max_digits=5, decimal_places=4)
    alignment_levels = models.PositiveSmallIntegerField(_("niveles de diferencia permitidos"))
    procyclical_rate = models.DecimalField(_("provisión procíclica"), max_digits=7, decimal_places=6)
    procyclical_active = models.BooleanField(_("procíclica activada"), default=False)
    norm = models.CharField(_("norma"), max_length=200)
    valid_from = models.DateField(_("desde el día"))
    valid_to = models.DateField(_("hasta el día"), null=True, blank=True)

    class Meta:
        verbose_name = _("regla de clasificación")
        verbose_name_plural = _("reglas de clasificación")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["credit_type", "valid_from"], name="class_rule_once"),
            models.CheckConstraint(
                condition=models.Q(
                    deficient_from__gt=models.F("potential_from"),
                    doubtful_from__gt=models.F("deficient_from"),
                    loss_from__gt=models.F("doubtful_from"),
                ),
                name="class_rule_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.credit_type} ({self.valid_from})"


class ProvisionRate(models.Model):
    """A provision rate from a day until a day: of normal loans by credit type, of worse ones by guarantee. Global."""

    credit_type = models.CharField(_("tipo de crédito"), max_length=2, choices=Loan.CreditType, blank=True)
    guarantee = models.CharField(_("garantía"), max_length=16, blank=True)  # "", preferred, quick, self_liquidating
    sbs_class = models.PositiveSmallIntegerField(_("clase"))
    rate = models.DecimalField(_("tasa"), max_digits=7, decimal_places=6)  # fraction
    norm = models.CharField(_("norma"), max_length=200)
    valid_from = models.DateField(_("desde el día"))
    valid_to = models.DateField(_("hasta el día"), null=True, blank=True)

    class Meta:
        verbose_name = _("tasa de provisión")
        verbose_name_plural = _("tasas de provisión")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["credit_type", "guarantee", "sbs_class", "valid_from"], name="provision_rate_once"
            ),
            models.CheckConstraint(condition=models.Q(rate__gte=0, rate__lte=1), name="provision_rate_is_a_fraction"),
        ]

    def __str__(self) -> str:
        return f"{self.credit_type or '*'} {self.guarantee or '-'} {self.sbs_class}: {self.rate}"


class ExternalClass(InstitutionOwned):
    """How other creditors classify a debtor of ours, from the consolidated report; the newest one by day counts."""

    applicant = InstitutionForeignKey(Applicant, models.PROTECT, related_name="external_classes")
    on = models.DateField()
    sbs_class = models.PositiveSmallIntegerField()  # the worst
    share = models.DecimalField(max_digits=5, decimal_places=4)  # of the debtor's whole debt, held by those who say so

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "applicant", "on"], name="external_class_once"),
        ]

    def __str__(self) -> str:
        return f"{self.applicant_id} {self.on}: {self.sbs_class}"
