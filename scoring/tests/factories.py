"""Registered models for tests: real files in the store, trained on few rows."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import numpy as np

from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Institution
from accounts.tenancy.scope import current_institution_id
from scoring.drift import reference
from scoring.features import feature_names
from scoring.model_files import dump_model
from scoring.models import Dataset, Score, ScoringModel
from scoring.registry import store_file
from scoring.services.outcomes import LoanOutcome, record_outcomes
from scoring.synthetic import borrowers
from scoring.tests.samples import live_model, matrix_of, small_training


def register_model(
    segment: str = "household",
    institution: Institution | None = None,
    status: str = ScoringModel.Status.CHAMPION,
    content: bytes | None = None,
    **fields: Any,
) -> ScoringModel:
    """A small real model in the registry; by default the shared champion of its segment."""
    trained, X, outcomes = small_training(segment)
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
        reference=reference(trained.names, X, trained.out_of_fold),
        **fields,
    )


def lived_through(model: ScoringModel, rows: int = 800, seed: int = 3, worse: float = 0.0) -> np.ndarray:
    """Loans of the institution in scope that began in the first half of 2025: scored then, and their outcomes told.

    `worse` is the share of borrowers made to default beside those who do, the riskier the more. Gives the outcomes.
    """
    frame = borrowers(model.segment, rows, seed)
    X, outcomes = matrix_of(model.segment, frame), frame["default"].to_numpy().copy()
    rng = np.random.default_rng(seed)
    pd = live_model(model.segment).score_matrix(X).pd
    outcomes[rng.uniform(size=rows) < worse * pd / pd.mean()] = 1
    names = feature_names(model.segment)
    institution_id = current_institution_id()
    keys = [uuid4() for _ in range(rows)]
    days = [date(2025, 1, 1) + timedelta(days=180 * place // rows) for place in range(rows)]
    Score.objects.bulk_create(
        Score(
            institution_id=institution_id,
            application_id=key,
            segment=model.segment,
            model=model,
            model_sha256=model.sha256,
            pd=Decimal(str(round(float(one), 8))),
            score=600,
            base_points=600,
            reasons=[],
            inputs={name: None if value != value else value for name, value in zip(names, values, strict=True)},
            created_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        )
        for key, one, values, day in zip(keys, pd, X.tolist(), days, strict=True)
    )
    record_outcomes(
        outcomes=[
            LoanOutcome(key, model.segment, day, today(), day + timedelta(days=200) if bad else None)
            for key, bad, day in zip(keys, outcomes, days, strict=True)
        ],
        actor=Actor.system("test", institution_id=institution_id),
    )
    return outcomes
