from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.base import InstitutionForeignKey, InstitutionOwned, uuid7
from lending.models.applications import Application


class MatchingTrial(InstitutionOwned):
    """A second rule of ranking beside the policy's, for a share of applications picked by a stable hash."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("nombre"), max_length=80)
    share = models.DecimalField(_("parte de las solicitudes"), max_digits=5, decimal_places=4)
    return_bound = models.DecimalField(
        _("cuánto más caro puede ir delante lo que más rinde a la entidad"), max_digits=5, decimal_places=4
    )
    started_at = models.DateTimeField(db_default=Now())
    started_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        ordering: ClassVar = ["-started_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["institution"], condition=models.Q(ended_at__isnull=True), name="one_running_trial"
            ),
            models.CheckConstraint(
                condition=models.Q(share__gt=0, share__lte=0.5, return_bound__gte=0, return_bound__lte=0.05),
                name="trial_within_bounds",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OfferFeedback(InstitutionOwned):
    """What an applicant says of the offers they got: how well they fit, and why they took none of them."""

    application = InstitutionForeignKey(Application, models.PROTECT, related_name="feedback")
    rating = models.PositiveSmallIntegerField(
        _("qué tan bien te calza"), validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    comment = models.CharField(_("comentario"), max_length=300, blank=True)
    given_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    given_at = models.DateTimeField(db_default=Now())

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "application"], name="feedback_once_per_application"),
            models.CheckConstraint(condition=models.Q(rating__gte=1, rating__lte=5), name="rating_from_1_to_5"),
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.rating}"
