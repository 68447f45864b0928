"""Keeping data sets: checked, profiled, one version per content."""

from __future__ import annotations

import hashlib
import io
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from scoring.datasets import DatasetRefused, Table, profile, read_table
from scoring.datasets.schemas import check_schema, infer_schema, read_schema
from scoring.models import Dataset
from scoring.services.outcomes import DAYS_LATE, MONTHS
from scoring.services.owners import chain_of, require

if TYPE_CHECKING:
    import pandas as pd


def import_dataset(
    *,
    path: Path,
    name: str,
    segment: str,
    target: str,
    actor: Actor,
    as_of: str | None = None,
    approved: str | None = None,
    schema: Path | None = None,
    institution: Institution | None = None,
) -> Dataset:
    """A file as a versioned data set; the same file twice is one. Shared by all when `institution` is None.

    Raises NotAllowed, or DatasetRefused with the column or row at fault; nothing is kept then.
    """
    require(actor, "scoring.train_model", institution)
    wanted = read_schema(schema) if schema else None
    table = read_table(path, target, as_of, approved)
    if wanted is not None:
        table = check_schema(table, wanted)
    described = profile(table) | {"schema": wanted or infer_schema(table)}
    source = {"file": path.name, "as_of": as_of, "approved": approved, "bytes": path.stat().st_size}
    return _keep_table(
        table, described, institution=institution, actor=actor, name=name, segment=segment, source=source
    )


def dataset_of_outcomes(
    *,
    segment: str,
    actor: Actor,
    institution: Institution,
    as_of: date | None = None,
    months: int = MONTHS,
    days_late: int = DAYS_LATE,
) -> Dataset:
    """The institution's own mature loans as a data set, one version per content.

    Its columns are the features frozen before each loan began (`feature.<name>`). Raises NotAllowed, DatasetRefused
    while there are too few loans to learn from, or LeakFound.
    """
    from scoring.labelled import DECIDED_ON, TARGET, labelled_frame
    from scoring.training import MIN_BADS, MIN_ROWS

    require(actor, "scoring.train_model", institution)
    as_of = as_of or today()
    with institution_scope(institution.pk):
        frame = labelled_frame(segment, as_of=as_of, months=months, days_late=days_late)
    bads = int(frame[TARGET].sum())
    if len(frame) < MIN_ROWS or min(bads, len(frame) - bads) < MIN_BADS:
        raise DatasetRefused(
            _("Hay %(rows)s créditos con resultado y %(bads)s incumplimientos; hacen falta %(want)s y %(few)s.")
            % {"rows": len(frame), "bads": bads, "want": MIN_ROWS, "few": MIN_BADS}
        )
    content = _parquet(frame)
    table = Table(frame, TARGET, DECIDED_ON, hashlib.sha256(content).hexdigest())
    described = profile(table)
    for name, why in (("application_id", "identifier"), ("group", "group"), ("pd", "prediction")):
        described["columns"][name] |= {"role": "excluded", "why": why}
    source = {"kind": "outcomes", "as_of": DECIDED_ON, "months": months, "days_late": days_late, "until": str(as_of)}
    return _keep_table(
        table,
        described,
        institution=institution,
        actor=actor,
        name=f"outcomes-{segment}",
        segment=segment,
        source=source,
    )


def _keep_table(
    table: Table, described: dict[str, Any], *, institution: Institution | None, source: dict[str, Any], **named: Any
) -> Dataset:
    """The table in the private store under its hash, and the data set that names it."""
    content = _parquet(table.frame)
    file = f"datasets/{hashlib.sha256(content).hexdigest()}.parquet"
    if not default_storage.exists(file):
        file = default_storage.save(file, ContentFile(content))
    with chain_of(institution):
        return keep_dataset(
            institution=institution,
            sha256=table.sha256,
            target=table.target,
            outcomes=table.outcomes,
            source=source,
            file=file,
            profile=described,
            **named,
        )


def _parquet(frame: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.to_parquet(content, index=False)
    return content.getvalue()


def keep_dataset(
    *,
    institution: Institution | None,
    actor: Actor,
    name: str,
    segment: str,
    sha256: str,
    target: str,
    outcomes: np.ndarray,
    source: dict[str, Any],
    file: str = "",
    profile: dict[str, Any] | None = None,
) -> Dataset:
    """The version of this data set with this content and target; a new one when it has not been seen."""
    versions = Dataset.objects.filter(institution=institution, name=name)
    if same := versions.filter(sha256=sha256, target=target, segment=segment, file=file).first():
        return same
    last = versions.aggregate(last=Max("version"))["last"] or 0
    dataset = Dataset.objects.create(
        institution=institution,
        name=name,
        version=last + 1,
        segment=segment,
        sha256=sha256,
        file=file,
        source=source,
        rows=len(outcomes),
        target=target,
        target_rate=Decimal(float(np.nanmean(outcomes))).quantize(Decimal("0.00000001")),
        profile=profile or {},
        created_by_id=actor.user_id,
    )
    audit.record(actor, "scoring.dataset.created", dataset, name=name, version=dataset.version, sha256=sha256)
    return dataset


def load_table(dataset: Dataset) -> Table:
    """The rows of an imported data set."""
    import pandas as pd

    with default_storage.open(dataset.file, "rb") as file:
        frame = pd.read_parquet(io.BytesIO(file.read()))
    return Table(
        frame, dataset.target, dataset.source.get("as_of"), dataset.sha256, approved=dataset.source.get("approved")
    )
