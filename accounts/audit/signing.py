"""The Ed25519 keys that sign checkpoints. They live in a file that the database cannot reach.

AUDIT_SIGNING_KEY_FILE holds seeds of 32 bytes in hex, one a line: the first signs, the older ones below it
stay so that what they signed can still be checked.
"""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def signing_keys() -> list[Ed25519PrivateKey]:
    """The keys of AUDIT_SIGNING_KEY_FILE, the signing one first. Raises ImproperlyConfigured."""
    name = settings.AUDIT_SIGNING_KEY_FILE
    if not name:
        raise ImproperlyConfigured("AUDIT_SIGNING_KEY_FILE is not set: checkpoints cannot be signed")
    try:
        lines = Path(name).read_text(encoding="ascii").split()
        keys = [Ed25519PrivateKey.from_private_bytes(bytes.fromhex(line)) for line in lines]
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"AUDIT_SIGNING_KEY_FILE {name} cannot be used: {error}") from error
    if not keys:
        raise ImproperlyConfigured(f"AUDIT_SIGNING_KEY_FILE {name} is empty")
    return keys


def trusted_public_keys() -> list[bytes]:
    """Whose signatures count (32 bytes each); empty on a machine that has no signing key file."""
    if not settings.AUDIT_SIGNING_KEY_FILE:
        return []
    return [public_bytes(key) for key in signing_keys()]


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` (64 bytes) over `message` was made with the private half of `public_key`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
