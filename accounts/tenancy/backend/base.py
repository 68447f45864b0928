from django.db.backends.postgresql import base
from psycopg2 import extensions

from accounts.tenancy.scope import SET_SCOPE, current_scope, scope_parameters


class DatabaseWrapper(base.DatabaseWrapper):
    """Writes the scope as the first statement of every transaction."""

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # missing from the stubs
        if not autocommit:
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute(SET_SCOPE, scope_parameters(current_scope()))

    def is_usable_in_transaction(self) -> bool:
        """Whether the open transaction still accepts statements (PostgreSQL has not aborted it)."""
        if self.connection is None or self.connection.closed:
            return False
        status = self.connection.info.transaction_status
        return status in (extensions.TRANSACTION_STATUS_IDLE, extensions.TRANSACTION_STATUS_INTRANS)
