"""Keys for a machine without any: made once, readable by their owner only, kept beside the embedded servers.

`python -m portal.local.secrets FOLDER` makes them in a folder, for an installation of one's own (deploy/README.md).
"""

import json
import os
import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from portal.local.paths import Paths


def local_secrets(paths: Paths) -> dict[str, str]:
    """The Django secret and the paths of the field and signing key files; makes what is missing."""
    return make_keys(paths.keys)


def make_keys(folder: Path) -> dict[str, str]:
    """The same in any folder."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = _once(folder / "django-secret", lambda: secrets.token_urlsafe(50))
    fields = _once(folder / "fields.json", _field_keys)
    signing = _once(folder / "audit-signing.key", lambda: secrets.token_hex(32))
    return {
        "SECRET_KEY": secret.read_text(),
        "FIELD_KEYS_FILE": str(fields),
        "AUDIT_SIGNING_KEY_FILE": str(signing),  # an Ed25519 seed, 32 bytes in hex
    }


def _field_keys() -> str:
    def key() -> str:
        return urlsafe_b64encode(os.urandom(32)).decode()

    return json.dumps({"encryption": [key()], "hashing": key()})


def _once(path: Path, make: Callable[[], str]) -> Path:
    """`path` with what `make` returns, unless it is there; two processes at once agree on one."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        try:
            os.link(draft, path)  # fails when another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path


if __name__ == "__main__":
    for name, value in make_keys(Path(sys.argv[1]).resolve()).items():
        sys.stdout.write(f"{name}={value}\n")
