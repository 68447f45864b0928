"""Registered models for tests: real files in the store, trained on few rows."""

from decimal import Decimal
from typing import Any

from accounts.models import Institution
from scoring.model_files import dump_model
from scoring.models import Dataset, ScoringModel
from scoring.registry import store_file
from scoring.tests.samples import live_model, small_training


def register_model(
    segment: str = "household",
    institution: Institution | None = None,
    status: str = ScoringModel.Status.CHAMPION,
    content: bytes | None = None,
    **fields: Any,
) -> ScoringModel:
    """A small real model in the registry; by default the shared champion of its segment."""
    trained, _, outcomes = small_training(segment)
    file, sha256 = store_file(content or dump_model(live_model(segment), trained.booster))
    made = ScoringModel.objects.filter(institution=institution).count() + 1
    dataset = Dataset.objects.create(
        institution=institution,
        name=f"sample-{segment}-{made}",
        segment=segment,
        sha256="0" * 64,
        rows=len(outcomes),
        target="default",
        target_rate=Decimal("0.06"),
    )
    return ScoringModel.objects.create(
        institution=institution,
        segment=segment,
        name=f"T-{made}",
        algorithm="additive-xgboost",
        dataset=dataset,
        status=status,
        file=file,
        sha256=sha256,
        metrics=dict(trained.metrics),
        **fields,
    )
