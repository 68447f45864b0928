"""Whose rows may be touched now.

A context variable holds the scope; the database backend writes it into the transaction's settings as its
first statement, and row-level security reads it from there. Nothing is ever set at session level.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import connection, connections, transaction


class NoInstitutionScope(RuntimeError):
    """Institution-owned rows were asked for outside `institution_scope()` or outside a transaction."""


class ScopeChangeRefused(RuntimeError):
    """An open transaction of one institution was about to become another's."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Identifiers that the policies compare with; None closes the door."""

    institution_id: int | None = None
    user_id: int | None = None
    regulator_id: int | None = None


NOWHERE = Scope()
_scope: ContextVar[Scope] = ContextVar("ayni_scope", default=NOWHERE)

SET_SCOPE = (
    "SELECT set_config('app.institution_id', %s, true), set_config('app.user_id', %s, true),"
    " set_config('app.regulator_id', %s, true)"
)


def current_scope() -> Scope:
    """The scope in force, empty when none is."""
    return _scope.get()


def scope_parameters(scope: Scope) -> list[str]:
    """Values for `SET_SCOPE`: text, empty for None."""
    return ["" if value is None else str(value) for value in (scope.institution_id, scope.user_id, scope.regulator_id)]


def current_institution_id() -> int:
    """The institution in scope; raises NoInstitutionScope without one, or outside a transaction."""
    institution_id = _scope.get().institution_id
    if institution_id is None:
        raise NoInstitutionScope("open institution_scope(institution_id) before touching institution rows")
    if not connection.in_atomic_block:
        raise NoInstitutionScope("institution rows are only visible inside a transaction; open atomic() first")
    return institution_id


@contextmanager
def _entered(scope: Scope) -> Iterator[None]:
    """Put `scope` in force, telling every transaction that is already open, and restore on the way out."""
    before = _scope.get()
    token = _scope.set(scope)
    try:
        _tell_open_transactions(scope)
        yield
    finally:
        _scope.reset(token)
        _tell_open_transactions(before)


def _tell_open_transactions(scope: Scope) -> None:
    open_connection: Any
    for open_connection in connections.all(initialized_only=True):
        # A broken transaction accepts no statement; its rollback restores the setting as well.
        if (
            open_connection.vendor == "postgresql"
            and open_connection.in_atomic_block
            and not open_connection.needs_rollback
            and open_connection.is_usable_in_transaction()
        ):
            with open_connection.cursor() as cursor:
                cursor.execute(SET_SCOPE, scope_parameters(scope))


@contextmanager
def institution_scope(institution_id: int, *, user_id: int | None = None) -> Iterator[None]:
    """Work on one institution's rows; opens a transaction when none is open.

    Raises ScopeChangeRefused when a transaction of another institution is open (tests may allow it).
    """
    before = _scope.get()
    changes = before.institution_id not in (None, institution_id)
    if changes and connection.in_atomic_block and not getattr(settings, "TENANCY_ALLOW_SCOPE_CHANGE", False):
        raise ScopeChangeRefused(
            f"a transaction of institution {before.institution_id} is open; commit it before opening {institution_id}"
        )
    scope = replace(before, institution_id=institution_id, user_id=user_id if user_id is not None else before.user_id)
    with _entered(scope):
        if connection.in_atomic_block:
            yield
        else:
            with transaction.atomic():
                yield


@contextmanager
def person_scope(user_id: int | None) -> Iterator[None]:
    """Let a person reach the rows that are theirs across institutions (policies on `app.user_id`)."""
    with _entered(replace(_scope.get(), user_id=user_id)):
        yield


@contextmanager
def regulator_scope(regulator_id: int) -> Iterator[None]:
    """Read supervised rows through the `regulator` connection, within the mandates of this user."""
    with _entered(replace(_scope.get(), regulator_id=regulator_id)), transaction.atomic(using="regulator"):
        yield
