"""The platform's own chain of evidence: sign-ups, institutions, mandates, second steps."""

from collections.abc import Iterator
from contextlib import contextmanager

from accounts.models.institution import Institution
from accounts.tenancy.scope import institution_scope


def platform_institution() -> Institution:
    """The reserved institution, made by a migration."""
    return Institution.objects.get(slug=Institution.PLATFORM_SLUG)


@contextmanager
def platform_scope() -> Iterator[Institution]:
    """Write in the platform's chain; raises ScopeChangeRefused inside another institution's transaction."""
    platform = platform_institution()
    with institution_scope(platform.pk):
        yield platform
