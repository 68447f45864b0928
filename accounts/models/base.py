"""What every institution-owned table shares."""

from typing import Any
from uuid import UUID

from django.db import models
from django.db.models.signals import class_prepared
from django.dispatch import receiver
from uuid_utils import compat as uuid_compat

from accounts.tenancy.managers import InstitutionManager
from accounts.tenancy.scope import current_institution_id


def uuid7() -> UUID:
    """A new time-ordered key for rows that appear in addresses or the API."""
    return uuid_compat.uuid7()


class InstitutionForeignKey(models.ForeignKey):
    """A key from one institution-owned table to another.

    Foreign-key checks bypass row-level security, so the plain constraint is left out; the migration
    operation `IsolateTable` adds the composite one on (institution_id, x_id).
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)


class InstitutionOwned(models.Model):
    """A row that belongs to exactly one institution; the database shows it to nobody else."""

    institution = models.ForeignKey("accounts.Institution", models.PROTECT, related_name="+", editable=False)

    objects = InstitutionManager()
    # For the system and regulator connections, where the policies decide; never on the serving one.
    unscoped = models.Manager()

    class Meta:
        abstract = True
        base_manager_name = "unscoped"
        default_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.institution_id is None:
            self.institution_id = current_institution_id()
        super().save(*args, **kwargs)


@receiver(class_prepared)
def leave_out_what_is_implied(sender: Any, **_: Any) -> None:
    """No index that a wider one of the same table covers, and no check of what a composite key checks already.

    The policies name the institution in every query, so an index on (institution, x, …) serves those by x. A row that
    must hang on another of its institution names one that exists: the other row does, or the row that one hangs on.
    """
    if sender._meta.abstract or not issubclass(sender, InstitutionOwned):
        return
    institution = sender._meta.get_field("institution")
    for field in sender._meta.local_concrete_fields:
        tied = isinstance(field, InstitutionForeignKey)
        if not tied and field is not institution:
            continue
        names = ("institution", field.name) if tied else ("institution",)
        field.db_index = field.db_index and not _covered(sender, *names)
        if tied and not field.null:
            institution.db_constraint = False


def _covered(model: Any, *names: str) -> bool:
    """Whether an index or unique key of the model begins with these fields and holds every row they can find."""
    found = [
        index.fields
        for index in (*model._meta.indexes, *model._meta.constraints)
        if isinstance(index, models.Index | models.UniqueConstraint)
        and index.condition in (None, models.Q(**{f"{names[-1]}__isnull": False}))
    ]
    return any(tuple(fields[: len(names)]) == names for fields in found)
