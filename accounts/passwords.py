"""Passwords: how long they may be, and how what is kept of them resists whoever steals the table."""

import hmac
import re
from typing import Any, Final

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import crypto

SHORTEST: Final = 12  # several spaces count as one (ASVS 4.0.3, 2.1.1 and 2.1.2)
LONGEST: Final = 128


class LengthValidator:
    """Refuses passwords that are too short to keep, or longer than anybody types."""

    def validate(self, password: str, user: Any = None) -> None:
        length = len(re.sub(" +", " ", password))
        if length > LONGEST:
            raise ValidationError(_("La contraseña puede tener hasta %(most)s caracteres.") % {"most": LONGEST})
        if length < SHORTEST:
            raise ValidationError(self.get_help_text())

    def get_help_text(self) -> str:
        return _("La contraseña debe tener al menos %(least)s caracteres.") % {"least": SHORTEST}


class SealedArgon2(Argon2PasswordHasher):
    """Argon2id over the password keyed with a secret that the database does not hold (ASVS 2.4.5).

    Without `FIELD_KEYS_FILE` a stolen table gives nothing to guess against. Hashes of before are replaced as people
    sign in.
    """

    algorithm = "argon2sealed"
    memory_cost = 47_104  # KiB; with the two below about 50 ms on one core
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return super().encode(_keyed(password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        return super().verify(_keyed(password), encoded)


def _keyed(password: str) -> str:
    return hmac.digest(crypto.purpose_key("passwords"), password.encode(), "sha256").hex()
