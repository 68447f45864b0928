"""Streaming bodies outlive the request's transaction: they open the scope again while they are read."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import copy_context

from django.conf import settings
from django.db import connection

from accounts.tenancy.scope import ScopeChangeRefused, current_institution_id, current_scope, institution_scope


class ScopedStream:
    """The chunks of `produce()`, made in the scope of the request that asked for them.

        return StreamingHttpResponse(ScopedStream(lambda: csv_lines(queryset)), content_type="text/csv")

    One transaction from the first chunk to the last. The scope is in force only while a chunk is made, so the
    server's thread never carries it. Raises NoInstitutionScope unless a scope is open when this is called.
    """

    def __init__(self, produce: Callable[[], Iterable[str | bytes]]) -> None:
        self._chunks = _scoped(produce, current_institution_id(), current_scope().user_id)
        self._context = copy_context()

    def __iter__(self) -> Iterator[str | bytes]:
        return self

    def __next__(self) -> str | bytes:
        return self._context.run(next, self._chunks)

    def close(self) -> None:
        """End the transaction, wherever the reader stopped; the response calls this."""
        self._context.run(self._chunks.close)


def _scoped(
    produce: Callable[[], Iterable[str | bytes]], institution_id: int, user_id: int | None
) -> Generator[str | bytes, None, None]:
    if connection.in_atomic_block and not getattr(settings, "TENANCY_ALLOW_SCOPE_CHANGE", False):
        raise ScopeChangeRefused("another transaction is open on this connection; a stream needs its own")
    with institution_scope(institution_id, user_id=user_id):
        yield from produce()
