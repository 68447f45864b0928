"""Papers and photos of an application: received, reviewed and opened, sealed in the private store."""

import hashlib
from typing import Any, Final
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, malware
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotFound, Unavailable
from lending.models import Application, Document
from lending.selectors.applications import application_for
from lending.services.store import forget_sealed, keep_sealed, open_sealed
from lending.uploads import MAX_BYTES, RefusedUpload, made_safe, too_large

MOST_DOCUMENTS: Final = 40
_ENDED: Final = frozenset({Application.Status.WITHDRAWN, Application.Status.DECLINED})


@transaction.atomic
def add_document(*, application_id: UUID, actor: Actor, kind: str, upload: UploadedFile) -> Document:
    """Keep a paper; the same one sent twice is kept once.

    The file is written before the row, and removed again if the transaction does not commit. Raises NotFound,
    InvalidState, InvalidInput (fields `kind`, `file`).
    """
    if kind not in Document.Kind.values:
        raise InvalidInput(fields={"kind": [_("Elige qué documento es")]})
    application_for(actor, application_id)
    safe = _read(upload)
    application = writable_application(application_id, actor)
    if application.status in _ENDED:
        raise InvalidState(_("Esta solicitud ya terminó: no recibe más documentos."))
    digest = hashlib.sha256(safe.content).hexdigest()
    documents = Document.objects.filter(application_id=application.pk)
    known = documents.filter(kind=kind, sha256=digest).first()
    if known:
        return known
    if documents.count() >= MOST_DOCUMENTS:
        raise InvalidInput(fields={"file": [_("Ya hay demasiados archivos. Quita alguno antes de subir otro.")]})
    document = Document.objects.create(
        application=application,
        kind=kind,
        media_type=safe.media_type,
        size=len(safe.content),
        sha256=digest,
        stored_name=keep_sealed(safe.content),
        uploaded_by_id=actor.user_id,
    )
    audit.record(
        actor,
        "lending.document.added",
        document,
        application=application.pk,
        kind=kind,
        media_type=safe.media_type,
        size=document.size,
        sha256=digest,
    )
    return document


@transaction.atomic
def remove_document(*, document_id: UUID, actor: Actor) -> None:
    """Take back a paper of a draft; once the application is sent, what was shown stays.

    A repeated call finds nothing left to do and raises NotFound, like a foreign id. Raises InvalidState.
    """
    document = _document(document_id, actor)
    application = writable_application(document.application_id, actor)
    if application.status != Application.Status.DRAFT:
        raise InvalidState(_("La solicitud ya se envió: sus documentos no se pueden quitar. Puedes subir otro."))
    audit.record(
        actor, "lending.document.removed", document, application=application.pk, kind=document.kind,
        sha256=document.sha256,
    )  # fmt: skip
    name = document.stored_name
    document.delete()
    forget_sealed(name)


@transaction.atomic
def review_document(*, document_id: UUID, actor: Actor, status: str, note: str = "") -> Document:
    """Say whether a paper proves what it should; a rejection says why, for the applicant to read.

    Raises NotAllowed, NotFound, InvalidInput.
    """
    actor.require("lending.review_documents")
    document = _document(document_id, actor, lock=True)
    note = " ".join(note.split())[:200]
    if status not in (Document.Status.VERIFIED, Document.Status.REJECTED):
        raise InvalidInput(fields={"status": [_("Elige si el documento sirve o no")]})
    if status == Document.Status.REJECTED and not note:
        raise InvalidInput(fields={"note": [_("Escribe por qué no sirve; el solicitante lo leerá")]})
    if (document.status, document.note) == (status, note):
        return document
    before = document.status
    document.status, document.note = status, note
    document.reviewed_by_id, document.reviewed_at = actor.user_id, timezone.now()
    document.save(update_fields=["status", "note", "reviewed_by", "reviewed_at"])
    audit.record(
        actor, "lending.document.reviewed", document, application=document.application_id, kind=document.kind,
        before=before, after=status,
    )  # fmt: skip
    return document


@transaction.atomic
def open_document(*, document_id: UUID, actor: Actor) -> tuple[bytes, str]:
    """The paper's bytes and media type, for its owner or for staff who may; every opening is evidence.

    Raises NotFound, NotAllowed, Unavailable when the store lost or changed it.
    """
    document = _document(document_id, actor)
    mine = document.application.owner_id is not None and document.application.owner_id == actor.user_id
    filed = actor.kind == "client" or (
        document.application.channel == Application.Channel.COUNTER and actor.can("lending.file_for_applicant")
    )
    if not mine and not filed:
        actor.require("lending.view_documents")
    content = open_sealed(document.stored_name)
    if hashlib.sha256(content).hexdigest() != document.sha256:
        raise Unavailable(_("El documento guardado no coincide con su sello."), code="document_changed")
    audit.record(actor, "lending.document.opened", document, application=document.application_id, kind=document.kind)
    return content, document.media_type


def _read(upload: UploadedFile) -> Any:
    """The upload as it is kept; its name and declared type are not believed."""
    try:
        if (upload.size or 0) > MAX_BYTES:
            raise too_large(upload.size or 0)
        upload.seek(0)
        content = upload.read(MAX_BYTES + 1)
        malware.check(content)
        return made_safe(content)
    except RefusedUpload as refusal:
        raise InvalidInput(refusal.message, fields={"file": [refusal.message]}, code=refusal.code) from refusal


def _document(document_id: UUID, actor: Actor, *, lock: bool = False) -> Document:
    """A document of an application the actor may see; NotFound otherwise."""
    documents = Document.objects.select_related("application")
    document = (documents.select_for_update(of=("self",)) if lock else documents).filter(pk=document_id).first()
    if document is None:
        raise NotFound
    application_for(actor, document.application_id)
    return document


def writable_application(application_id: UUID, actor: Actor) -> Application:
    """The application, locked, when the actor may add to it: its owner, who filed it, or staff who review."""
    application = application_for(actor, application_id, lock=True)
    owner = application.owner_id is not None and application.owner_id == actor.user_id and actor.can("lending.apply")
    if not owner and not actor.can("lending.file_for_applicant"):
        actor.require("lending.review_documents")
    return application
