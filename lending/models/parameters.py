from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Parameter(models.Model):
    """One legal value from a day until a day, with its norm: the usury cap, the ITF rate. Global.

    `lending.parameters` reads them.
    """

    class Code(models.TextChoices):
        USURY_CAP_TEA = "usury_cap_tea", _("TEA máxima")
        MORATORY_CAP_TEA = "moratory_cap_tea", _("Tasa moratoria máxima")
        ITF_RATE = "itf_rate", _("ITF")
        REVIEW_WORKING_DAYS = "review_working_days", _("Días hábiles para responder un pedido de revisión")
        ITF_STEP = "itf_step", _("Redondeo del ITF")
        PREPAYMENT_INSTALLMENTS = "prepayment_installments", _("Cuotas hasta las que un pago es adelanto")
        PREPAYMENT_CHOICE_DAYS = "prepayment_choice_days", _("Días para elegir qué hace un pago anticipado")
        MICRO_DEBT_MAX = "micro_debt_max", _("Deuda máxima de microempresa")
        SMALL_SALES_MAX = "small_sales_max", _("Ventas anuales máximas de pequeña empresa")
        MEDIUM_SALES_MAX = "medium_sales_max", _("Ventas anuales máximas de mediana empresa")
        LARGE_SALES_MAX = "large_sales_max", _("Ventas anuales máximas de gran empresa")
        CHARGE_OFF_DAYS = "charge_off_days", _("Días de atraso desde los que se castiga")
        # working days, unless the name says otherwise
        DATA_INFORMATION_DAYS = "data_information_days", _("Días hábiles para informar del uso de datos")
        DATA_ACCESS_DAYS = "data_access_days", _("Días hábiles para dar acceso a los datos")
        DATA_RECTIFY_DAYS = "data_rectify_days", _("Días hábiles para corregir datos")
        DATA_CANCEL_DAYS = "data_cancel_days", _("Días hábiles para borrar datos")
        DATA_OPPOSE_DAYS = "data_oppose_days", _("Días hábiles para atender una oposición")
        DATA_PORTABILITY_DAYS = "data_portability_days", _("Días hábiles para entregar datos portables")
        RECORDS_YEARS = "records_years", _("Años que se guardan los expedientes")
        COMPLAINT_DAYS = "complaint_days", _("Días hábiles para responder un reclamo")
        COMPLAINT_YEARS = "complaint_years", _("Años que se guarda el libro de reclamaciones")
        MARKET_DAYS = "market_days", _("Días que se guarda una comparación entre entidades")
        INCIDENT_HOURS = "incident_hours", _("Horas para avisar de un incidente a la autoridad")

    code = models.CharField(_("valor legal"), max_length=40, choices=Code)
    currency = models.CharField(_("moneda"), max_length=3, default="PEN")
    value = models.DecimalField(_("valor"), max_digits=20, decimal_places=8)  # rates are fractions: 1.1413 is 114.13 %
    norm = models.CharField(_("norma"), max_length=200)
    valid_from = models.DateField(_("desde el día"))
    valid_to = models.DateField(_("hasta el día"), null=True, blank=True)
    is_demo = models.BooleanField(
        _("de ejemplo"), default=False
    )  # an invented value, labelled as such wherever it is shown

    class Meta:
        verbose_name = _("valor legal")
        verbose_name_plural = _("valores legales")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "currency", "valid_from"], name="parameter_once"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.value} ({self.valid_from})"


class Holiday(models.Model):
    """A national holiday, by its norm. Global."""

    day = models.DateField(_("día"), unique=True)
    name = models.CharField(_("nombre"), max_length=80)

    class Meta:
        verbose_name = _("feriado")
        verbose_name_plural = _("feriados")
        ordering: ClassVar = ["day"]

    def __str__(self) -> str:
        return f"{self.day}: {self.name}"
