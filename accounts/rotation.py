"""Writing everything sealed anew under the newest key, so that an old key can be thrown away.

Found by itself: every encrypted column of institutions and of persons, the subjects' keys, the authenticators' secrets
and every sealed file. In batches, each a transaction of its own; a run that was interrupted is simply repeated, what is
already under the newest key is left alone. The hashing key does not rotate: lookups and pseudonyms rest on it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models, transaction

from accounts import audit, crypto
from accounts.actors import Actor
from accounts.models import Institution, SubjectKey, User
from accounts.models.base import InstitutionOwned
from accounts.tenancy.scope import institution_scope, person_scope

BATCH: Final = 500
FILE_COLUMN: Final = "stored_name"
SEALED_IN_AUTHENTICATORS: Final = ("secret", "seed", "migrated_codes")
Progress = Callable[[int], object]


@dataclass
class Rotated:
    """What a run found: rewritten, already under the newest key, and what no key opens (by name)."""

    rewritten: int = 0
    current: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate_everything(progress: Progress = lambda count: None) -> Rotated:
    """Rotate every institution's values and files, and the authenticators; the old keys may go if nothing is
    `unreadable`."""
    done = Rotated()
    for institution in Institution.objects.order_by("pk"):
        before = done.rewritten
        for model, column in sealed_columns():
            _rotate_column(institution, model, column, done, progress)
        for model in file_models():
            _rotate_files(institution, model, done, progress)
        if done.rewritten > before:
            with institution_scope(institution.pk):
                audit.record(
                    Actor.system("rotate_keys", institution_id=institution.pk),
                    "accounts.keys.rotated",
                    institution,
                    rewritten=done.rewritten - before,
                )
    _rotate_personal(done, progress)
    _rotate_authenticators(done, progress)
    return done


def sealed_columns() -> list[tuple[type[models.Model], str]]:
    """(model, column) of everything encrypted in institution-owned tables."""
    return [*_sealed(personal=False), (SubjectKey, "key")]


def _sealed(*, personal: bool) -> list[tuple[type[models.Model], str]]:
    return [
        (model, one.attname)
        for model in apps.get_models()
        if issubclass(model, InstitutionOwned) is not personal
        for one in model._meta.local_concrete_fields
        if isinstance(one, (crypto.EncryptedTextField, crypto.EncryptedJSONField))
    ]


def file_models() -> list[type[models.Model]]:
    """Models whose rows name a sealed file."""
    return [
        model
        for model in apps.get_models()
        if issubclass(model, InstitutionOwned) and any(one.name == FILE_COLUMN for one in model._meta.local_fields)
    ]


def _rotate_column(
    institution: Institution, model: type[models.Model], column: str, done: Rotated, progress: Progress
) -> None:
    table, key = model._meta.db_table, model._meta.pk.attname
    kind = "bytea" if model is SubjectKey else "text"
    for rows in _batches(institution, table, key, column):
        changed: list[tuple[Any, Any, Any]] = []
        for row_key, sealed in rows:
            fresh = _rotated(sealed, f"{table}.{column} {row_key}", done)
            if fresh is not None:
                changed.append((row_key, sealed, fresh))
        if changed:
            keys, old, new = (list(part) for part in zip(*changed, strict=True))
            with institution_scope(institution.pk), connection.cursor() as cursor:
                # Whoever changed the value meanwhile has written it under the newest key already.
                cursor.execute(
                    f"UPDATE {table} t SET {column} = s.fresh"  # noqa: S608  (names of our own models)
                    f" FROM unnest(%s::text[], %s::{kind}[], %s::{kind}[]) AS s (id, old, fresh)"
                    f" WHERE t.{key}::text = s.id AND t.{column} = s.old",
                    [[str(one) for one in keys], old, new],
                )
            done.rewritten += len(changed)
        progress(len(rows))


def _rotate_personal(done: Rotated, progress: Progress) -> None:
    """Sealed columns of rows that are one person's alone (policies on `app.user_id`), person by person."""
    columns = _sealed(personal=True)
    for user_id in User.objects.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=BATCH):
        for model, column in columns:
            table = model._meta.db_table
            with person_scope(user_id), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SELECT id, {column} FROM {table} WHERE user_id = %s FOR UPDATE", [user_id])  # noqa: S608
                rows = cursor.fetchall()
                for key, sealed in rows:
                    fresh = _rotated(sealed, f"{table}.{column} {key}", done)
                    if fresh is not None:
                        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [fresh, key])  # noqa: S608
                        done.rewritten += 1
            progress(len(rows))


def _rotate_files(institution: Institution, model: type[models.Model], done: Rotated, progress: Progress) -> None:
    """Each file is written under a new name, the row pointed to it, and the old file deleted after the commit."""
    table, key = model._meta.db_table, model._meta.pk.attname
    for rows in _batches(institution, table, key, FILE_COLUMN):
        for row_key, name in rows:
            try:
                with default_storage.open(name) as stored:
                    sealed = stored.read()
            except OSError:
                done.unreadable.append(f"{table} {row_key}: file {name} is missing")
                continue
            fresh = _rotated(sealed, f"{table} {row_key}: file {name}", done)
            if fresh is None:
                continue
            saved = default_storage.save(f"institutions/{institution.uuid}/{uuid4()}", ContentFile(bytes(fresh)))
            with institution_scope(institution.pk):
                moved = model._default_manager.filter(pk=row_key, **{FILE_COLUMN: name}).update(**{FILE_COLUMN: saved})
            default_storage.delete(name if moved else saved)
            done.rewritten += moved
        progress(len(rows))


def _rotate_authenticators(done: Rotated, progress: Progress) -> None:
    for one in Authenticator.objects.order_by("pk").iterator(chunk_size=BATCH):
        with transaction.atomic():
            held = Authenticator.objects.select_for_update().get(pk=one.pk)
            before = json.dumps(held.data, sort_keys=True)
            for name in SEALED_IN_AUTHENTICATORS:
                held.data = {**held.data, **_part(held.data.get(name), name, f"authenticator {one.pk}", done)}
            if json.dumps(held.data, sort_keys=True) != before:
                held.save(update_fields=["data"])
                done.rewritten += 1
        progress(1)


def _part(value: Any, name: str, where: str, done: Rotated) -> dict[str, Any]:
    if isinstance(value, str) and value:
        fresh = _rotated(value, f"{where} {name}", done)
        return {} if fresh is None else {name: fresh}
    if isinstance(value, list):
        return {name: [_rotated(one, f"{where} {name}", done) or one for one in value]}
    return {}


def _rotated(sealed: Any, where: str, done: Rotated) -> Any:
    """The value under the newest key, of the same type; None when it is already, or when no key opens it."""
    as_text = isinstance(sealed, str)
    token = sealed.encode() if as_text else bytes(sealed)
    if crypto.is_newest(token):
        done.current += 1
        return None
    try:
        fresh = crypto.rotate(token)
    except crypto.Undecipherable:
        done.unreadable.append(where)
        return None
    return fresh.decode() if as_text else fresh


def _batches(institution: Institution, table: str, key: str, column: str) -> Iterator[list[tuple[Any, Any]]]:
    """(key, stored value) of every non-empty value, in the order of the keys, a batch at a time."""
    after: Any = None
    while True:
        with institution_scope(institution.pk), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {key}, {column} FROM {table} WHERE institution_id = %s"  # noqa: S608  (names of our own models)
                f" AND {column} IS NOT NULL AND length({column}) > 0 AND (%s IS NULL OR {key}::text > %s)"
                f" ORDER BY {key}::text LIMIT %s",
                [institution.pk, after, after, BATCH],
            )
            rows = cursor.fetchall()
        if not rows:
            return
        after = str(rows[-1][0])
        yield rows
