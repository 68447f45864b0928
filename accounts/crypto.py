"""Encrypted fields with rotating keys, and keyed hashes for looking up what is encrypted.

The key file (FIELD_KEYS_FILE) is JSON: {"encryption": [newest, …, oldest], "hashing": key}, Fernet keys in
base64. New values use the newest; old ones stay readable until `rotate` has rewritten them.
"""

import hashlib
import hmac
import json
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


class Undecipherable(Exception):
    """A stored value opens with none of the keys: wrong key file, or changed bytes."""


@cache
def _keys(path: str, _changed_ns: int) -> tuple[MultiFernet, bytes]:
    try:
        document = json.loads(Path(path).read_text())
        fernet = MultiFernet([Fernet(key) for key in document["encryption"]])
        return fernet, document["hashing"].encode()
    except (OSError, ValueError, KeyError) as error:
        raise ImproperlyConfigured(f"FIELD_KEYS_FILE {path} cannot be used: {error}") from error


def _current() -> tuple[MultiFernet, bytes]:
    path = Path(settings.FIELD_KEYS_FILE)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ImproperlyConfigured(f"FIELD_KEYS_FILE {path} cannot be read: {error}") from error
    return _keys(str(path), changed)


def new_key_document() -> dict[str, Any]:
    """Fresh keys, for a key file that does not exist yet."""
    return {"encryption": [Fernet.generate_key().decode()], "hashing": Fernet.generate_key().decode()}


def encrypt(plain: bytes) -> bytes:
    """Seal `plain` with the newest key."""
    return _current()[0].encrypt(plain)


def decrypt(sealed: bytes) -> bytes:
    """Open a sealed value with whichever key fits; raises Undecipherable."""
    try:
        return _current()[0].decrypt(bytes(sealed))
    except InvalidToken as error:
        raise Undecipherable("no key in FIELD_KEYS_FILE opens this value") from error


def rotate(sealed: bytes) -> bytes:
    """The same value under the newest key."""
    try:
        return _current()[0].rotate(bytes(sealed))
    except InvalidToken as error:
        raise Undecipherable("no key in FIELD_KEYS_FILE opens this value") from error


def lookup_hash(institution_uuid: UUID, purpose: str, value: str) -> str:
    """Keyed hash (64 hex digits) for finding an encrypted value inside one institution, and nowhere else."""
    message = b"\x1f".join([institution_uuid.bytes, purpose.encode(), value.strip().upper().encode()])
    return hmac.new(_current()[1], message, hashlib.sha256).hexdigest()


def purpose_key(purpose: str) -> bytes:
    """A key of its own for each purpose (32 bytes), for HMAC; nobody without the key file can make it."""
    return _purpose_key(_current()[1], purpose)


@cache
def _purpose_key(hashing: bytes, purpose: str) -> bytes:
    return hmac.digest(hashing, purpose.encode(), "sha256")


class EncryptedTextField(models.TextField):
    """Text that is stored sealed; equal values look different, so it can't be searched."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value if value in (None, "") else encrypt(value.encode()).decode()

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value if value in (None, "") else decrypt(value.encode()).decode()


class EncryptedJSONField(models.TextField):
    """A JSON document that is stored sealed."""

    _pyi_private_set_type: Any  # for mypy: the values are documents, not texts
    _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else encrypt(json.dumps(value, ensure_ascii=False).encode()).decode()

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else json.loads(decrypt(value.encode()))

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value
