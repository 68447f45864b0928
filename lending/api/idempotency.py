"""`Idempotency-Key` on requests that must happen once."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import idempotency
from accounts.errors import InvalidInput
from lending.api.authentication import actor_of

HEADER = "Idempotency-Key"


def once(endpoint: str) -> Callable[..., Any]:
    """Run the view once per client, endpoint and key; later calls get the first answer back.

    The key is kept in the request's own transaction: a refused request leaves none, so it may be mended
    and sent again with the same key. Raises InvalidInput without the header, or with another body.
    """

    def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(view)
        def wrapper(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = request.headers.get(HEADER, "")
            if not key:
                raise InvalidInput(
                    _("Falta la cabecera Idempotency-Key: pon un valor único por pedido."),
                    code="idempotency_key",
                )
            # The address names the thing acted on, so it is part of what was asked.
            asked = idempotency.request_hash(request.path.encode() + b"\n" + request._request.body)
            first = idempotency.begin(actor_of(request), endpoint, key, asked)
            if first is not None:
                return Response(first.body, status=first.status, headers={"Idempotency-Replayed": "true"})
            response = view(self, request, *args, **kwargs)
            idempotency.finish(actor_of(request), endpoint, key, response.status_code, response.data)
            return response

        return wrapper

    return decorate
