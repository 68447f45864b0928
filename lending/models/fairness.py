"""Fair lending: what people said of themselves, the summaries by group, and institutions' written replies."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.models.applications import Application
from scoring.models import Segment


class FairnessAnswer(InstitutionOwned):
    """What an applicant said of themselves, voluntarily, after applying; empty where they did not answer.

    The serving role adds and removes answers and sees that there is one, never what it says: no code that
    scores, matches or decides can read it (grants in the migration). Only the role that summarises and
    regulators read it.
    """

    class Sex(models.TextChoices):
        FEMALE = "female", _("Mujer")
        MALE = "male", _("Hombre")
        OTHER = "other", _("Otro")

    class Area(models.TextChoices):
        URBAN = "urban", _("Zona urbana")
        RURAL = "rural", _("Zona rural")

    class Language(models.TextChoices):
        SPANISH = "spanish", _("Castellano")
        QUECHUA = "quechua", _("Quechua")
        AYMARA = "aymara", _("Aimara")
        AMAZONIAN = "amazonian", _("Una lengua amazónica")
        OTHER = "other", _("Otra")

    class Ethnicity(models.TextChoices):  # as the national census asks
        MESTIZO = "mestizo", _("Mestizo")
        QUECHUA = "quechua", _("Quechua")
        AYMARA = "aymara", _("Aimara")
        AMAZONIAN = "amazonian", _("Indígena u originario de la Amazonía")
        AFRO = "afro", _("Afroperuano")
        WHITE = "white", _("Blanco")
        OTHER = "other", _("Otro")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = InstitutionForeignKey(Application, models.CASCADE, related_name="+")
    sex = models.CharField(max_length=10, choices=Sex, blank=True)
    area = models.CharField(max_length=10, choices=Area, blank=True)
    language = models.CharField(max_length=10, choices=Language, blank=True)
    ethnicity = models.CharField(max_length=10, choices=Ethnicity, blank=True)
    answered_at = models.DateTimeField()

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "application"], name="fairness_answer_once")
        ]

    def __str__(self) -> str:
        return str(self.application_id)


class DisparityMonth(InstitutionOwned):
    """Sums over the applications that were first answered in one month, of one group, product and model.

    Made anew from the frozen rows (`lending.services.disparity`); `dimension` "all" has one group, "".
    """

    month = models.DateField()  # its first day
    segment = models.CharField(max_length=12, choices=Segment)
    product_id = models.UUIDField(null=True, blank=True)  # the one offered first, or wished for
    model_id = models.UUIDField(null=True, blank=True)  # none where nobody was scored
    dimension = models.CharField(max_length=10)
    group = models.CharField(max_length=12, blank=True)  # empty: not known
    cases = models.PositiveIntegerField()
    decided = models.PositiveIntegerField()
    approved = models.PositiveIntegerField()
    # loans whose year is known, the program's word on them, and what it expected
    observed = models.PositiveIntegerField()
    defaulted = models.PositiveIntegerField()
    expected = models.DecimalField(max_digits=20, decimal_places=8)  # sum of PD over the observed
    good = models.PositiveIntegerField()
    good_approved = models.PositiveIntegerField()  # paid well and the program itself had approved
    # price of the first offer, fractions
    priced = models.PositiveIntegerField()
    tea_sum = models.DecimalField(max_digits=20, decimal_places=8)
    tcea_sum = models.DecimalField(max_digits=20, decimal_places=8)
    hours_sum = models.DecimalField(max_digits=20, decimal_places=4)  # from sending to the first decision, of `decided`
    # a person had the last word where the program had said yes or no
    judged = models.PositiveIntegerField()
    raised = models.PositiveIntegerField()  # no became yes
    lowered = models.PositiveIntegerField()
    # people who asked for a person
    reviews = models.PositiveIntegerField()
    reviews_approved = models.PositiveIntegerField()
    reviews_declined = models.PositiveIntegerField()

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution", "month", "segment", "product_id", "model_id", "dimension", "group"],
                name="disparity_month_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.month} {self.dimension}={self.group}"


class DisparityReply(InstitutionOwned):
    """What an institution says in writing about a difference; added, never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dimension = models.CharField(_("sobre qué grupos"), max_length=10)
    group = models.CharField(max_length=12, blank=True)
    since = models.DateField()  # first month of the report it answers
    until = models.DateField()  # last month
    text = models.TextField(_("respuesta"), max_length=4000)
    written_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    class Meta(InstitutionOwned.Meta):
        indexes: ClassVar = [models.Index(fields=["institution", "written_at"], name="disparity_reply_order")]

    def __str__(self) -> str:
        return f"{self.dimension} {self.since}"
