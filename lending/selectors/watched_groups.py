"""The groups by which scoring watches a live model's fairness: what an application itself tells.

Sex, area, language and ethnicity are answered apart, and neither scoring nor lending may read them: they are compared
by `lending.services.disparity` under a database role of its own.
"""

from collections.abc import Sequence
from uuid import UUID

from accounts.places import DEPARTMENTS
from lending.disparity import age_band
from lending.models import Application


def age_bands(keys: Sequence[UUID]) -> dict[UUID, str]:
    """The band of age of each application of the institution in scope that tells one."""
    found = Application.objects.filter(pk__in=keys).values_list("pk", "age_years")
    return {key: band for key, years in found if (band := age_band(years))}


def regions(keys: Sequence[UUID]) -> dict[UUID, str]:
    """The name of the department of each application of the institution in scope that tells one."""
    found = Application.objects.filter(pk__in=keys).values_list("pk", "facts__region")
    return {key: DEPARTMENTS[region] for key, region in found if region in DEPARTMENTS}
