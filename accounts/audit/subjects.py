"""Pseudonyms: values of a person in audit bodies, as hashes under that person's own key.

Destroying the key unlinks them for ever, while the chain still verifies.
"""

import hmac
import secrets
from uuid import UUID

from accounts import crypto
from accounts.actors import Actor
from accounts.audit.entries import record
from accounts.models import Institution, SubjectKey
from accounts.tenancy.scope import current_institution_id


def subject_hash(subject_id: UUID, value: str) -> str:
    """The pseudonym (64 hex digits) of `value` for this subject, in the institution in scope.

    Equal values of one subject look equal, until the key is destroyed; those of two subjects never do.
    """
    return hmac.new(_key(subject_id), value.strip().encode(), "sha256").hexdigest()


def _key(subject_id: UUID) -> bytes:
    """The subject's key, made when it is first asked for; two transactions at once agree on one."""
    row = SubjectKey.objects.filter(subject_id=subject_id).first()
    if row is None:
        SubjectKey.objects.bulk_create(
            [
                SubjectKey(
                    institution_id=current_institution_id(),
                    subject_id=subject_id,
                    key=crypto.encrypt(secrets.token_bytes(32)),
                )
            ],
            ignore_conflicts=True,
        )
        row = SubjectKey.objects.get(subject_id=subject_id)
    return crypto.decrypt(bytes(row.key))


def destroy_subject_key(subject_id: UUID, actor: Actor) -> bool:
    """Forget the subject's key and say so in the chain; False when there was none."""
    deleted, _ = SubjectKey.objects.filter(subject_id=subject_id).delete()
    if deleted:
        institution = Institution.objects.get(pk=current_institution_id())
        record(actor, "accounts.subject_key.destroyed", institution, subject=subject_id)
    return bool(deleted)
