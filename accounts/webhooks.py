"""Posting to an address that an institution chose, without being led anywhere else.

HTTPS on its usual port only; every address the name resolves to must be public; the connection goes to the very
address that was checked (a name that resolves anew can't rebind it); redirects are not followed. The body is signed:

    Ayni-Signature: t=<epoch seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>" under the shared secret>
"""

import hmac
import http.client
import ipaddress
import socket
import ssl
import time
from typing import Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

TIMEOUT_SECONDS: Final = 5
MAX_ANSWER_BYTES: Final = 10_000
HTTPS_PORT: Final = 443
# IPv4 wrapped in IPv6 reaches private places by another name.
WRAPPED: Final = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "2002::/16", "2001::/32"))


class RefusedAddress(ValueError):
    """The address is not one we post to; the message says why."""


def check_url(url: str) -> tuple[str, str, str]:
    """(host, address to connect to, path) of an HTTPS URL whose every address is public. Raises RefusedAddress."""
    try:
        parts = urlsplit(url)
        port = parts.port or HTTPS_PORT
    except ValueError as error:
        raise RefusedAddress(_("La dirección no está bien escrita.")) from error
    host = parts.hostname or ""
    if parts.scheme != "https" or port != HTTPS_PORT or not host:
        raise RefusedAddress(_("La dirección debe empezar con https:// y usar el puerto 443."))
    if parts.username or parts.password or parts.fragment:
        raise RefusedAddress(_("La dirección no debe llevar usuario, clave ni #."))
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise RefusedAddress(_("No encontramos ese servidor.")) from error
    if not found or not all(is_public(one) for one in found):
        raise RefusedAddress(_("Esa dirección lleva a una red privada: usa una pública."))
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return host, sorted(found)[0], path


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, whatever it is wrapped in."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if ip.version == 6 and any(ip in network for network in WRAPPED):
        return False
    return ip.is_global and not ip.is_multicast


def signature(secret: str, body: bytes, at: int) -> str:
    """What the receiver compares with."""
    digest = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
    return f"t={at},v1={digest}"


class _PinnedConnection(http.client.HTTPSConnection):
    """TLS for `host`, over a socket to the address that was checked."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(host, HTTPS_PORT, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        self.address = address

    def connect(self) -> None:
        plain = socket.create_connection((self.address, HTTPS_PORT), TIMEOUT_SECONDS)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)  # type: ignore[attr-defined]


def post(url: str, body: bytes, secret: str) -> int:
    """POST the signed body; returns the status. Raises RefusedAddress, or OSError when nobody answers in time."""
    host, address, path = check_url(url)
    connection = _PinnedConnection(host, address)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Ayni-Webhook/1",
        "Ayni-Signature": signature(secret, body, int(time.time())),
    }
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(MAX_ANSWER_BYTES)
        return answer.status
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
