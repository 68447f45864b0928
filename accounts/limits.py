"""How often somebody may do something that needs no account, counted in the cache by their address."""

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.errors import DomainError


class TooOften(DomainError):
    """Try again later."""

    status, code = 429, "too_many_requests"
    default_message = _("Lo intentaste muchas veces seguidas. Espera unos minutos y vuelve a intentarlo.")


def count(request: HttpRequest, act: str, *, most: int, seconds: int) -> None:
    """Count one more of `act` from this address; raises TooOften beyond `most` in `seconds`."""
    key = f"often:{act}:{request.META.get('REMOTE_ADDR', '')}"
    cache.add(key, 0, seconds)
    try:
        done = cache.incr(key)
    except ValueError:  # it ran out between the two lines
        return
    if done > most:
        raise TooOften
