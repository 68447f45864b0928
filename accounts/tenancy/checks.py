"""Refuse to serve with a database role that could see past the policies."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

VERIFIED = ("verify-ca", "verify-full")
PRIVILEGES = """
SELECT r.rolsuper, r.rolbypassrls,
       EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
                 AND pg_has_role(current_user, c.relowner, 'MEMBER')),
       EXISTS (SELECT 1 FROM pg_roles o WHERE (o.rolsuper OR o.rolbypassrls)
                 AND o.rolname <> current_user AND pg_has_role(current_user, o.oid, 'MEMBER'))
FROM pg_roles r WHERE r.rolname = current_user
"""


def privilege_problems(alias: str = "default") -> list[str]:
    """What is wrong with the role behind `alias`, in words; empty when it may serve."""
    with connections[alias].cursor() as cursor:
        cursor.execute(PRIVILEGES)
        superuser, bypasses, owns, member = cursor.fetchone()
    found = {
        "is a superuser": superuser,
        "has BYPASSRLS": bypasses,
        "owns tables, or is a member of a role that does": owns,
        "is a member of a role that is a superuser or has BYPASSRLS": member,
    }
    return [words for words, is_so in found.items() if is_so]


def refuse_privileged_role(alias: str = "default") -> None:
    """Raise ImproperlyConfigured when the serving role could see past row-level security."""
    problems = privilege_problems(alias)
    if problems:
        user = settings.DATABASES[alias]["USER"]
        raise ImproperlyConfigured(
            f"The database role {user!r} may not serve: it {'; it '.join(problems)}."
            " Point DATABASE_URL at lend_app (docs/operations.md says how to create it)."
        )


@register("database")
def serving_role_is_unprivileged(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """`manage.py check --database default` says it as well."""
    if not databases or "default" not in databases:
        return []
    return [
        Error(f"The serving database role {problem}.", hint="Use the role lend_app.", id="accounts.E001")
        for problem in privilege_problems("default")
    ]


@register("security", deploy=True)
def links_are_encrypted(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Passwords and rows must not travel in the open between the product, its database and its broker."""
    found: list[CheckMessage] = []
    for alias, database in settings.DATABASES.items():
        by_socket = not database["HOST"] or database["HOST"].startswith("/")
        if not by_socket and database.get("OPTIONS", {}).get("sslmode") not in VERIFIED:
            hint = "Set DATABASE_SSLMODE=verify-full and DATABASE_SSLROOTCERT, or ?sslmode= in its address."
            found.append(
                Warning(f"The database connection {alias!r} does not verify TLS.", hint=hint, id="accounts.W001")
            )
    for name in ("REDIS_URL", "CELERY_BROKER_URL"):
        if not getattr(settings, name).startswith(("rediss://", "unix://", "redis+socket://")):
            found.append(Warning(f"{name} is not encrypted.", hint="Use a rediss:// address.", id="accounts.W002"))
    return found
