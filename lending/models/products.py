from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from scoring.models import Segment


class Product(InstitutionOwned):
    """Something an institution lends, under one name; its terms live in versions."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.SlugField(_("código"), max_length=40)
    name = models.CharField(_("nombre"), max_length=80)
    segment = models.CharField(_("segmento"), max_length=12, choices=Segment)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["institution", "code"], name="product_code_once")]

    def __str__(self) -> str:
        return self.name


class LoanTermsFields(models.Model):
    """What is lent, to whom and at what price; rates are fractions."""

    class Amortization(models.TextChoices):
        EQUAL_INSTALLMENTS = "equal_installments", _("Cuota fija")
        BULLET = "bullet", _("Cuota única al final")
        HARVEST = "harvest", _("Intereses durante la campaña y capital a la cosecha")

    class InsuranceBase(models.TextChoices):
        OPENING_BALANCE = "opening_balance", _("Saldo al inicio de la cuota")
        BALANCE_PLUS_INTEREST = "balance_plus_interest", _("Saldo más interés")

    summary = models.CharField(_("para qué sirve, en una frase"), max_length=160)
    currency = models.CharField(max_length=3, default="PEN")
    amount_min = MoneyField(_("monto mínimo"))
    amount_max = MoneyField(_("monto máximo"))
    term_min = models.PositiveSmallIntegerField(_("plazo mínimo, en meses"))
    term_max = models.PositiveSmallIntegerField(_("plazo máximo, en meses"))
    tea_min = models.DecimalField(_("TEA mínima"), max_digits=12, decimal_places=8)  # fraction
    tea_max = models.DecimalField(_("TEA máxima"), max_digits=12, decimal_places=8)
    amortization = models.CharField(_("forma de pago"), max_length=20, choices=Amortization)
    insurance_monthly_rate = models.DecimalField(
        _("seguro de desgravamen al mes"), max_digits=12, decimal_places=8, default=0
    )
    insurance_base = models.CharField(
        _("base del seguro"), max_length=24, choices=InsuranceBase, default=InsuranceBase.OPENING_BALANCE
    )
    fee_upfront = MoneyField(_("comisión de afiliación"), default=0)
    down_payment_min = models.DecimalField(  # fraction of the price that the buyer pays; the loan pays the rest
        _("cuota inicial mínima"), max_digits=12, decimal_places=8, default=0, db_default=0
    )
    disbursement_days = models.PositiveSmallIntegerField(_("días hasta el desembolso"), default=2)
    # Where and for whom; an empty list means everywhere, everyone.
    regions = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    sectors = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    crops = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    score_min = models.PositiveSmallIntegerField(_("puntaje mínimo"), default=300)
    age_min = models.PositiveSmallIntegerField(_("edad mínima"), default=18)
    age_max = models.PositiveSmallIntegerField(_("edad máxima al terminar"), default=75)
    activity_months_min = models.PositiveSmallIntegerField(_("meses de actividad, como mínimo"), default=0)
    creditors_max = models.PositiveSmallIntegerField(_("entidades con deuda, como máximo"), default=4)

    class Meta:
        abstract = True


class ProductVersion(LoanTermsFields, InstitutionOwned):
    """The terms of a product from its publication until the next one's. A published version never changes."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Borrador")
        PUBLISHED = "published", _("Publicado")
        WITHDRAWN = "withdrawn", _("Retirado")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = InstitutionForeignKey(Product, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    published_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_on = models.DateField(null=True, blank=True)  # offered from this day …
    withdrawn_on = models.DateField(null=True, blank=True)  # … until the day before this one

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "product", "number"], name="product_version_once"),
            models.UniqueConstraint(
                fields=["institution", "product"],
                condition=models.Q(status="published"),
                name="one_published_version",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_min__gt=0, amount_max__gte=models.F("amount_min")),
                name="amounts_in_order",
            ),
            models.CheckConstraint(
                condition=models.Q(term_min__gt=0, term_max__gte=models.F("term_min")), name="terms_in_order"
            ),
            models.CheckConstraint(
                condition=models.Q(tea_min__gte=0, tea_max__gte=models.F("tea_min")), name="rates_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} v{self.number}"


class LendingPolicy(InstitutionOwned):
    """How an institution decides, by version; the newest one is in force."""

    number = models.PositiveIntegerField()
    approve_from = models.PositiveSmallIntegerField(_("aprobar desde este puntaje"), default=640)
    decline_below = models.PositiveSmallIntegerField(_("rechazar debajo de este puntaje"), default=520)
    pd_max = models.DecimalField(
        _("probabilidad de mora máxima"), max_digits=9, decimal_places=8, default=Decimal("0.25")
    )
    installment_to_surplus = models.DecimalField(
        _("cuota sobre excedente verificado"), max_digits=5, decimal_places=4, default=Decimal("0.5")
    )
    installment_to_stressed = models.DecimalField(
        _("cuota sobre excedente estresado"), max_digits=5, decimal_places=4, default=Decimal("0.7")
    )
    income_stress = models.DecimalField(
        _("caída de ingresos supuesta"), max_digits=5, decimal_places=4, default=Decimal("0.15")
    )
    creditors_max = models.PositiveSmallIntegerField(_("entidades con deuda, como máximo"), default=4)
    installments_to_income = models.DecimalField(  # all debts together, the new one included (Res. SBS 6941-2008)
        _("cuotas de todas sus deudas sobre ingreso neto"), max_digits=5, decimal_places=4, default=Decimal("0.4")
    )
    return_bound = models.DecimalField(
        _("cuánto más caro puede ir delante lo que más rinde a la entidad"),
        max_digits=5,
        decimal_places=4,
        default=Decimal(0),
    )
    automatic_limit = MoneyField(_("aprobación sin visita hasta"), default=5000)
    offer_days = models.PositiveSmallIntegerField(_("días de validez de una oferta"), default=15)
    decision_hours = models.PositiveSmallIntegerField(_("horas para decidir"), default=48)
    draft_days = models.PositiveSmallIntegerField(_("días para terminar una solicitud"), default=30)
    par30_limit = models.DecimalField(_("límite de PAR30"), max_digits=5, decimal_places=4, default=Decimal("0.055"))
    disbursement_goal = MoneyField(_("meta de desembolsos al mes"), null=True, blank=True)
    # What contracts say besides the product's terms.
    insurer = models.CharField(_("aseguradora del desgravamen"), max_length=120, blank=True)
    insurance_policy = models.CharField(_("número de póliza"), max_length=60, blank=True)
    moratory_tea = models.DecimalField(  # None: the highest the law allows on the day
        _("tasa moratoria efectiva anual"), max_digits=12, decimal_places=8, null=True, blank=True
    )
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "number"], name="lending_policy_once"),
            models.CheckConstraint(
                condition=models.Q(decline_below__lte=models.F("approve_from")),
                name="policy_thresholds_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"
