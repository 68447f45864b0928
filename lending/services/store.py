"""The private store: sealed files at `institutions/<uuid>/<uuid>`, kept exactly when the transaction commits."""

import weakref
from functools import partial

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.crypto import decrypt, encrypt
from accounts.errors import Unavailable
from accounts.models import Institution
from accounts.models.base import uuid7
from accounts.tenancy.scope import current_institution_id


def keep_sealed(content: bytes) -> str:
    """Write the sealed bytes and return their name; the file goes away unless the transaction commits.

    Django drops its commit hooks on every way out but the commit. The token lives in one of them, so the
    finalizer runs exactly when nothing was kept.
    """
    institution = Institution.objects.get(pk=current_institution_id())
    name = default_storage.save(f"institutions/{institution.uuid}/{uuid7()}", ContentFile(encrypt(content)))
    token = _Token()
    undo = weakref.finalize(token, default_storage.delete, name)
    transaction.on_commit(partial(_keep, token, undo))
    return name


def open_sealed(name: str) -> bytes:
    """The bytes kept under `name`. Raises Unavailable when the store lost them."""
    try:
        with default_storage.open(name) as stored:
            return decrypt(stored.read())
    except OSError as error:
        raise Unavailable(_("El documento no está disponible en este momento.")) from error


def forget_sealed(name: str) -> None:
    """Delete a file once the transaction commits."""
    transaction.on_commit(lambda: default_storage.delete(name), robust=True)


class _Token:
    """Held by a commit hook."""


def _keep(_token: _Token, undo: weakref.finalize) -> None:
    """The transaction has committed: the file stays."""
    undo.detach()
