"""Spreadsheets of applicants, scored in the background: received, scored row by row, kept for download."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.errors import DomainError, InvalidInput, NotFound
from accounts.models import Institution
from accounts.models.base import uuid7
from accounts.tenancy.scope import institution_scope
from scoring import registry
from scoring.batch import FileRefused, score_file
from scoring.features import ProhibitedFact
from scoring.models import ScoredFile, Segment
from scoring.services.owners import require

UPLOADED: Final = "scoring.file.uploaded"
SUFFIXES: Final = (".csv", ".xlsx", ".parquet")
SILENT_AFTER: Final = timedelta(minutes=5)
KEPT: Final = timedelta(days=30)
Status = ScoredFile.Status


def upload_file(*, upload: UploadedFile, segment: str, key: str, actor: Actor, institution: Institution) -> ScoredFile:
    """Keep a spreadsheet and let a worker score it. Raises NotAllowed, InvalidInput."""
    require(actor, "scoring.score_file", institution)
    name = Path(str(upload.name)).name
    if not name.lower().endswith(SUFFIXES):
        raise InvalidInput(fields={"file": [_("Sube un archivo CSV, XLSX o Parquet.")]})
    if segment not in Segment.values:
        raise InvalidInput(fields={"segment": [_("Elige un tipo de persona.")]})
    source = default_storage.save(f"batches/{uuid7()}{Path(name).suffix.lower()}", upload)
    with institution_scope(institution.pk):
        row = ScoredFile.objects.create(
            segment=segment,
            name=name[:120],
            key=key.strip(),
            source=source,
            uploaded_by_id=actor.user_id,
            institution_id=institution.pk,
        )
        audit.record(actor, UPLOADED, row, segment=segment, size=upload.size)
        outbox.publish(UPLOADED, row)
    return row


def visible_file(file_id: UUID) -> ScoredFile:
    """A file of the institution in scope. Raises NotFound."""
    found = ScoredFile.objects.select_related("model").filter(pk=file_id).first()
    if found is None:
        raise NotFound(_("No encontramos esa planilla."))
    return found


def score_waiting_files(institution_id: int) -> int:
    """Score what waits in one institution, one file after the other; returns how many ended well or badly."""
    done = 0
    while (row := _claim(institution_id)) is not None:
        try:
            _score(institution_id, row)
        except (FileRefused, ProhibitedFact, DomainError, OSError, ValueError) as refusal:
            _close(institution_id, row, status=Status.FAILED, error=str(getattr(refusal, "message", refusal))[:2000])
        done += 1
    return done


def forget_old_files(institution_id: int) -> int:
    """Remove results that nobody needs any more from the store; returns how many."""
    with institution_scope(institution_id):
        old = ScoredFile.objects.filter(ended_at__lt=timezone.now() - KEPT).exclude(result="")
        for row in old:
            default_storage.delete(row.result)
        return old.update(result="")


def _claim(institution_id: int) -> ScoredFile | None:
    """The oldest that waits, or whose worker fell silent: the whole file is scored again."""
    silent = Q(status=Status.RUNNING, moved_at__lt=timezone.now() - SILENT_AFTER)
    with institution_scope(institution_id):
        row = (
            ScoredFile.objects.filter(silent | Q(status=Status.WAITING))
            .select_for_update(skip_locked=True)
            .order_by("created_at")
            .first()
        )
        if row is not None:
            row.status, row.moved_at = Status.RUNNING, timezone.now()
            row.save(update_fields=["status", "moved_at"])
    return row


def _score(institution_id: int, row: ScoredFile) -> None:
    with institution_scope(institution_id):
        model = registry.champion(row.segment, institution_id)
        ScoredFile.objects.filter(pk=row.pk).update(model=model)
    live = registry.live_model(model)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / f"source{Path(row.source).suffix}", Path(folder) / "result.csv"
        _fetch(row.source, source)
        for totals in score_file(live, source, target, key=row.key or None):
            with institution_scope(institution_id):
                ScoredFile.objects.filter(pk=row.pk).update(
                    rows=totals.rows, scored=totals.scored, refused=totals.refused, moved_at=timezone.now()
                )
        with target.open("rb") as file:
            result = default_storage.save(f"batches/{uuid7()}.csv", File(file))
    _close(institution_id, row, status=Status.DONE, result=result)


def _close(institution_id: int, row: ScoredFile, **changes: Any) -> None:
    """The end of a file; what was uploaded is not kept: people are in it."""
    with institution_scope(institution_id):
        ScoredFile.objects.filter(pk=row.pk).update(ended_at=timezone.now(), source="", **changes)
        outbox.complete(UPLOADED, [row.pk])
    if row.source:
        default_storage.delete(row.source)


def _fetch(stored: str, target: Path) -> None:
    """The uploaded file on this disk."""
    with default_storage.open(stored, "rb") as file, target.open("wb") as copy:
        for chunk in file.chunks():
            copy.write(chunk)
