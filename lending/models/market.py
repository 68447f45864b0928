from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedJSONField
from accounts.models import Institution, User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.fields import MoneyField
from lending.models.applications import Application
from lending.models.products import LoanTermsFields, ProductVersion
from scoring.models import Segment


class CatalogueOffer(LoanTermsFields):
    """Published terms of one product version, copied when it was published; anybody may read them.

    Only the lender writes its own rows. What the lender holds an applicant against (shares of the surplus, days
    of validity) is copied with them and follows its policy; the terms themselves never change.
    """

    id = models.UUIDField(primary_key=True, editable=False)  # the product version's own
    lender = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    product_code = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    segment = models.CharField(max_length=12, choices=Segment)
    installment_to_surplus = models.DecimalField(max_digits=5, decimal_places=4)
    installment_to_stressed = models.DecimalField(max_digits=5, decimal_places=4)
    installments_to_income = models.DecimalField(max_digits=5, decimal_places=4)
    income_stress = models.DecimalField(max_digits=5, decimal_places=4)
    offer_days = models.PositiveSmallIntegerField()
    published_on = models.DateField()
    withdrawn_on = models.DateField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["segment", "published_on"], name="catalogue_by_segment")]

    def __str__(self) -> str:
        return self.name


class Opportunity(models.Model):
    """A programme of somebody else (Fondo AgroPerú, say) that a lender tells people about; anybody may read it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    lender = models.ForeignKey(Institution, models.PROTECT, related_name="+")  # who tells of it
    code = models.SlugField(_("código"), max_length=40)
    name = models.CharField(_("nombre"), max_length=120)
    organiser = models.CharField(_("quién lo da"), max_length=120)
    segment = models.CharField(_("segmento"), max_length=12, choices=Segment)
    summary = models.CharField(_("qué ofrece, en sus palabras"), max_length=400)
    requirements = models.CharField(_("qué pide, en sus palabras"), max_length=400, blank=True)
    url = models.URLField(_("dónde se pide"), max_length=200, blank=True)
    amount_max = MoneyField(_("monto máximo"), null=True, blank=True)
    regions = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    crops = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    valid_from = models.DateField(_("desde"))
    valid_to = models.DateField(_("hasta"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["lender", "code"], name="opportunity_code_once")]

    def __str__(self) -> str:
        return self.name


class MarketRequest(models.Model):
    """One person's answers for every lender; theirs alone until they choose an offer."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Por terminar")
        SUBMITTED = "submitted", _("En cálculo")
        ANSWERED = "answered", _("Con respuesta")
        CHOSEN = "chosen", _("Oferta elegida")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    segment = models.CharField(max_length=12, choices=Segment)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    amount = MoneyField(null=True, blank=True)
    term_months = models.PositiveSmallIntegerField(null=True, blank=True)
    draft = EncryptedJSONField(default=dict)  # as Application.draft; a chosen offer takes it along
    facts = models.JSONField(default=dict)  # declared facts, frozen when the answers were sent
    facts_sha256 = models.CharField(max_length=64, blank=True)
    automated = models.BooleanField(default=False)  # agreed to be scored by a program
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    base_points = models.SmallIntegerField(null=True, blank=True)
    pd = models.DecimalField(max_digits=9, decimal_places=8, null=True, blank=True)
    reasons = models.JSONField(default=list)  # of the score, as scoring.Score keeps them
    model_id = models.UUIDField(null=True, blank=True)
    model_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    submitted_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    kept_until = models.DateField(null=True, blank=True)  # the last day; `MarketRetention` has it erased

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "created_at"], name="market_request_newest")]

    def __str__(self) -> str:
        return str(self.pk)


class MarketConsent(models.Model):
    """A yes or no to compare one's answers with one lender's published terms; evidence as in accounts.Consent."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    request = models.ForeignKey(MarketRequest, models.CASCADE, related_name="consents", db_constraint=False)
    lender = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    granted = models.BooleanField()
    text_version = models.CharField(max_length=20)
    text_sha256 = models.CharField(max_length=64)
    language = models.CharField(max_length=5)
    ip = models.GenericIPAddressField(null=True, blank=True)
    given_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "request", "lender"], name="market_consent_once")
        ]

    def __str__(self) -> str:
        return f"{self.lender_id}: {self.granted}"


class MarketOffer(models.Model):
    """What one lender's published terms give one person: figures and reasons, or only why not."""

    class Status(models.TextChoices):
        OPEN = "open", _("Vigente")
        CHOSEN = "chosen", _("Elegida")
        UNFIT = "unfit", _("No calza")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    request = models.ForeignKey(MarketRequest, models.CASCADE, related_name="offers", db_constraint=False)
    terms = models.ForeignKey(CatalogueOffer, models.PROTECT, related_name="+")
    lender = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    status = models.CharField(max_length=6, choices=Status)
    rank = models.PositiveSmallIntegerField(null=True, blank=True)  # 1 is the cheapest in total
    amount = MoneyField(null=True, blank=True)
    received = MoneyField(null=True, blank=True)
    term_months = models.PositiveSmallIntegerField(null=True, blank=True)
    installments = models.PositiveSmallIntegerField(null=True, blank=True)
    installment = MoneyField(null=True, blank=True)
    total = MoneyField(null=True, blank=True)
    tea = models.DecimalField(max_digits=12, decimal_places=8, null=True, blank=True)
    tcea = models.DecimalField(max_digits=12, decimal_places=8, null=True, blank=True)
    disbursement_on = models.DateField(null=True, blank=True)
    reasons = models.JSONField(default=list)
    valid_until = models.DateField(null=True, blank=True)
    chosen_application = models.UUIDField(null=True, blank=True)  # the application it became, at its lender
    chosen_at = models.DateTimeField(null=True, blank=True)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)  # how well it fits, 1 to 5, as the person says
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "request", "terms"], name="market_offer_once"),
            models.UniqueConstraint(
                fields=["user", "request"], condition=models.Q(status="chosen"), name="one_chosen_market_offer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lender_id}: {self.status}"


class MarketEcho(InstitutionOwned):
    """What became of one offer that this lender's published terms made between lenders, and not whose it was.

    No person, no answer, no score, no amount and nothing of other lenders; `id` is a keyed hash of the offer's. Only
    a chosen one names the application, which is the lender's own.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Mostrada")  # past `valid_until` it expired
        CHOSEN = "chosen", _("Elegida")
        PASSED = "passed", _("Eligieron otra")

    id = models.UUIDField(primary_key=True, editable=False)
    product_version = InstitutionForeignKey(ProductVersion, models.PROTECT, related_name="+")
    application = InstitutionForeignKey(Application, models.PROTECT, null=True, blank=True, related_name="+")
    place = models.PositiveSmallIntegerField()  # among this lender's own offers beside it
    status = models.CharField(max_length=6, choices=Status, default=Status.OPEN)
    made_on = models.DateField()
    valid_until = models.DateField()
    rating = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status="chosen") | models.Q(application=None), name="echo_names_chosen_only"
            ),
            models.CheckConstraint(
                condition=models.Q(rating=None) | models.Q(rating__gte=1, rating__lte=5), name="echo_rating_from_1_to_5"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["institution", "made_on"], name="echo_by_day")]

    def __str__(self) -> str:
        return f"{self.made_on}: {self.status}"


class MarketRetention(InstitutionOwned):
    """Until when a national request is kept: the platform's list of what to erase, without a word of it."""

    request_id = models.UUIDField()
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    kept_until = models.DateField()

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "request_id"], name="market_retention_once")
        ]
        indexes: ClassVar = [models.Index(fields=["institution", "kept_until"], name="market_retention_due")]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.kept_until}"
