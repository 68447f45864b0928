from django.db import models

from accounts.tenancy.scope import current_institution_id


class InstitutionManager(models.Manager):
    """One institution's rows; raises NoInstitutionScope outside institution_scope() or a transaction."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(institution_id=current_institution_id())
