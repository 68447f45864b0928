"""Keeping data sets: checked, profiled, one version per content."""

import hashlib
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Max

from accounts import audit
from accounts.actors import Actor
from accounts.models import Institution
from scoring.datasets import Table, profile, read_table
from scoring.datasets.schemas import check_schema, infer_schema, read_schema
from scoring.models import Dataset
from scoring.services.owners import chain_of, require


def import_dataset(
    *,
    path: Path,
    name: str,
    segment: str,
    target: str,
    actor: Actor,
    as_of: str | None = None,
    schema: Path | None = None,
    institution: Institution | None = None,
) -> Dataset:
    """A file as a versioned data set; the same file twice is one. Shared by all when `institution` is None.

    Raises NotAllowed, or DatasetRefused with the column or row at fault; nothing is kept then.
    """
    require(actor, "scoring.train_model", institution)
    wanted = read_schema(schema) if schema else None
    table = read_table(path, target, as_of)
    if wanted is not None:
        table = check_schema(table, wanted)
    described = profile(table) | {"schema": wanted or infer_schema(table)}
    source = {"file": path.name, "as_of": as_of, "bytes": path.stat().st_size}
    content = io.BytesIO()
    table.frame.to_parquet(content, index=False)
    kept = hashlib.sha256(content.getvalue()).hexdigest()
    file = f"datasets/{kept}.parquet"
    if not default_storage.exists(file):
        file = default_storage.save(file, ContentFile(content.getvalue()))
    with chain_of(institution):
        return keep_dataset(
            institution=institution,
            actor=actor,
            name=name,
            segment=segment,
            sha256=table.sha256,
            target=target,
            outcomes=table.outcomes,
            source=source,
            file=file,
            profile=described,
        )


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
        target_rate=Decimal(float(outcomes.mean())).quantize(Decimal("0.00000001")),
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
    return Table(frame, dataset.target, dataset.source.get("as_of"), dataset.sha256)
