"""Small trained models for tests, made once per process."""

from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from scoring.features import feature_columns, features_of
from scoring.points import Scale
from scoring.serving import LiveModel
from scoring.synthetic import borrowers, column_names
from scoring.training import Parameters, TrainedModel, train_transparent


def matrix_of(segment: str, frame: Any) -> np.ndarray:
    """Feature values of a frame of synthetic borrowers."""
    return feature_columns(segment, {name: frame[name].to_numpy() for name in column_names(segment)}, len(frame))


@cache
def small_training(segment: str, rows: int = 4_000, max_pairs: int = 8) -> tuple[TrainedModel, np.ndarray, np.ndarray]:
    """A model of `rows` borrowers, tables of its booster alone, with the features and outcomes it learnt from."""
    frame = borrowers(segment, rows, seed=5)
    X, outcomes = matrix_of(segment, frame), frame["default"].to_numpy()
    features = features_of(segment)
    trained = train_transparent(
        X,
        outcomes,
        [feature.name for feature in features],
        [feature.direction for feature in features],
        Parameters(max_pairs=max_pairs, blend=False),
    )
    return trained, X, outcomes


@cache
def live_model(segment: str) -> LiveModel:
    """A small model of a segment, ready to score."""
    trained, _, _ = small_training(segment)
    return LiveModel(segment, trained.tables, trained.calibration, Scale(), {"made_for": "tests"})


def applicant(segment: str, **facts: Any) -> dict[str, Any]:
    """An ordinary applicant of a segment; `facts` replaces or adds."""
    return {**ORDINARY["common"], **ORDINARY[segment], **facts}


ORDINARY: dict[str, dict[str, Any]] = {
    "common": {
        "amount": Decimal("3000.00"),
        "term_months": 12,
        "other_installments": Decimal("120.00"),
        "total_debt": Decimal("1500.00"),
        "creditors": 2,
        "past_loans": 3,
        "worst_delay_days": 4,
        "savings_balance": Decimal("400.00"),
        "dependants": 2,
        "household_expenses": Decimal("900.00"),
        "other_income": Decimal("0.00"),
    },
    "household": {
        "monthly_income": Decimal("1800.00"),
        "employment": "employee",
        "employment_months": 30,
        "housing": "rented",
        "assets_value": Decimal("5000.00"),
    },
    "enterprise": {
        "monthly_sales": Decimal("5800.00"),
        "monthly_purchases": Decimal("3650.00"),
        "business_expenses": Decimal("400.00"),
        "sector": "commerce",
        "business_months": 72,
        "premises": "rented",
        "inventory_value": Decimal("4000.00"),
        "equipment_value": Decimal("2500.00"),
        "digital_share": Decimal("0.20"),
        "sales_trend": "same",
        "keeps_records": False,
    },
    "farm": {
        "crop": "potato",
        "hectares": Decimal("1.50"),
        "irrigation": "rainfed",
        "altitude_m": 3600,
        "yield_kg_ha": Decimal("15000.00"),
        "price_per_kg": Decimal("1.05"),
        "campaign_cost": Decimal("12000.00"),
        "campaign_months": 6,
        "harvest_month": 5,
        "farming_years": 12,
        "land_tenure": "owned",
        "cooperative": False,
        "livestock_value": Decimal("2500.00"),
        "lost_harvests": 1,
    },
}
