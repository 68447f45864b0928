"""Tasks carry their institution in a header and open its scope before they run."""

from typing import Any, Final

from celery import Task, signals
from django.db import InterfaceError, OperationalError

from accounts.tenancy.scope import NoInstitutionScope, current_scope

HEADER = "ayni_institution_id"
# PostgreSQL went away: try again soon; the relay would come back to it as well.
RETRIED: Final[dict[str, Any]] = {
    "acks_late": True,
    "autoretry_for": (OperationalError, InterfaceError),
    "retry_backoff": 1,
    "retry_backoff_max": 15,
    "max_retries": 20,
}


@signals.before_task_publish.connect
def send_institution(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Add the institution in scope to the message, unless the sender named one."""
    if headers is not None and headers.get(HEADER) is None:
        headers[HEADER] = current_scope().institution_id


class InstitutionTask(Task):
    """Runs for the institution named in the message; `self.institution_id` is checked against the argument.

    The task opens its own `institution_scope()` blocks, because slow calls must stay outside transactions.
    Raises NoInstitutionScope when the message names no institution, or another one than the argument.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        named = (self.request.headers or {}).get(HEADER, getattr(self.request, HEADER, None))
        asked = kwargs.get("institution_id", args[0] if args else None)
        if named is None or asked != named:
            raise NoInstitutionScope(f"task {self.name} names institution {asked!r}, its message {named!r}")
        return super().__call__(*args, **kwargs)
