"""What every institution-owned table shares."""

from typing import Any
from uuid import UUID

from django.db import models
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
