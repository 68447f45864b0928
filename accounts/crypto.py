"""Encrypted fields with rotating keys, and keyed hashes for looking up what is encrypted.

The key file (FIELD_KEYS_FILE) is JSON: {"encryption": [newest, …, oldest], "hashing": key}, Fernet keys in
base64. New values use the newest; old ones stay readable until `rotate` has rewritten them.
"""

import base64
import hmac
import json
import os
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import ECB
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

_BLOCK = 16


class Undecipherable(Exception):
    """A stored value opens with none of the keys: wrong key file, or changed bytes."""


@cache
def _keys(path: str, _changed_ns: int) -> tuple[MultiFernet, bytes, Fernet]:
    try:
        document = json.loads(Path(path).read_text())
        keys = [Fernet(key) for key in document["encryption"]]
        return MultiFernet(keys), document["hashing"].encode(), keys[0]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ImproperlyConfigured(f"FIELD_KEYS_FILE {path} cannot be used: {error}") from error


def _current() -> tuple[MultiFernet, bytes, Fernet]:
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


def encrypt_many(texts: Sequence[str]) -> list[str]:
    """As `encrypt` for each text: the same tokens, ten times as fast for those of up to 15 bytes (documents).

    A block of CBC is the cipher of the text xor its random vector; short texts are one block, so all of them go
    through the cipher in one call.
    """
    values = [text.encode() for text in texts]
    short = [place for place, value in enumerate(values) if len(value) < _BLOCK]
    sealed = ["" if len(value) < _BLOCK else encrypt(value).decode() for value in values]
    signing, encrypting = _newest(settings.FIELD_KEYS_FILE, Path(settings.FIELD_KEYS_FILE).stat().st_mtime_ns)
    padded = b"".join(values[p] + bytes([_BLOCK - len(values[p])]) * (_BLOCK - len(values[p])) for p in short)
    vectors = os.urandom(len(padded))
    mixed = (int.from_bytes(padded) ^ int.from_bytes(vectors)).to_bytes(len(padded))
    cipher = Cipher(AES128(encrypting), ECB()).encryptor()  # noqa: S305  (CBC, by hand)
    blocks = cipher.update(mixed) + cipher.finalize()
    head = b"\x80" + int(time.time()).to_bytes(8)
    for number, place in enumerate(short):
        block = slice(number * _BLOCK, (number + 1) * _BLOCK)
        body = head + vectors[block] + blocks[block]
        sealed[place] = base64.urlsafe_b64encode(body + hmac.digest(signing, body, "sha256")).decode()
    return sealed


@cache
def _newest(path: str, _changed_ns: int) -> tuple[bytes, bytes]:
    """Signing and encrypting halves of the newest key."""
    key = base64.urlsafe_b64decode(json.loads(Path(path).read_text())["encryption"][0])
    return key[:_BLOCK], key[_BLOCK:]


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


def is_newest(sealed: bytes) -> bool:
    """Whether a sealed value is under the newest key."""
    try:
        _current()[2].decrypt(bytes(sealed))
    except InvalidToken:
        return False
    return True


def lookup_hash(institution_uuid: UUID, purpose: str, value: str) -> str:
    """Keyed hash (64 hex digits) for finding an encrypted value inside one institution, and nowhere else."""
    return lookup_hashes(institution_uuid, purpose, [value])[0]


def lookup_hashes(institution_uuid: UUID, purpose: str, values: Sequence[str]) -> list[str]:
    """As `lookup_hash` for each value."""
    key, start = _current()[1], b"\x1f".join([institution_uuid.bytes, purpose.encode(), b""])
    return [hmac.digest(key, start + value.strip().upper().encode(), "sha256").hex() for value in values]


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
