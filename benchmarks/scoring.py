"""Scoring with exact reasons against a bare XGBoost prediction, one thread, in one run.

`manage.py benchmark scoring` calls `run`; alone: `python -m benchmarks.scoring [rows]`. The limit is
`inplace_predict` of 300 trees of depth 5: probabilities only, no reasons. The product's side is what scores files:
`tables` gives the probability and what each of 40 features and 30 pairs adds to its log-odds, from tables of up to 63
cuts; `score_matrix` goes on to the score and whole points that add up to it. Memory is used again from block to block.
Rounds are interleaved, figures are medians of processor seconds; `one_applicant` is one household from its declared
facts to points and reasons, in processor time too, so that what else the machine does is left out. No compiled code
but numpy's is used, whether numba is installed or not.
"""

import gc
import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from scoring.batch import ROWS_AT_ONCE
from scoring.boosters import read_tables
from scoring.calibration import BetaCalibration
from scoring.memory import Memory
from scoring.points import Scale
from scoring.serving import LiveModel
from scoring.tables import Tables

FEATURES, PAIRS = 40, 30
LEARNT_ON = 60_000


def run(rows: int = 1_000_000, rounds: int = 5, seed: int = 20261126) -> dict[str, Any]:
    """Rows a second of every way, ratios to the limit, and how far contributions are from XGBoost's."""
    import xgboost

    rng = np.random.default_rng(seed)
    X = _people(rng, LEARNT_ON)
    outcomes = _outcomes(rng, X)
    plain = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 5, "eta": 0.1, "nthread": 1},
        xgboost.QuantileDMatrix(X, outcomes, nthread=1),
        300,
    )
    booster, tables = _additive(X, outcomes)
    calibration = BetaCalibration(1.05, 0.95, 0.02)
    many = _people(rng, rows)
    live = LiveModel("household", tables, calibration, Scale())
    memory, pd = Memory(), np.empty(rows)

    def probabilities() -> None:
        for which, added in tables.contribution_blocks(many, memory):
            pd[which] = calibration.probabilities(tables.base + added.sum(axis=0))

    def scores() -> None:
        for start in range(0, rows, ROWS_AT_ONCE):
            live.score_matrix(many[start : start + ROWS_AT_ONCE], memory)

    sides: dict[str, Callable[[], Any]] = {
        "inplace_predict": lambda: plain.inplace_predict(many),
        "tables": probabilities,
        "score_matrix": scores,
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            gc.collect()
            started = time.process_time()
            side()
            times[name].append(time.process_time() - started)
    median = {name: statistics.median(values) for name, values in times.items()}
    return {
        "rows": rows,
        "features": FEATURES,
        "pairs": len(tables.pairs),
        "cuts": sum(len(one.cuts) for one in tables.singles),
        "load": os.getloadavg()[0],
        **{f"{name}_rows_per_second": round(rows / seconds) for name, seconds in median.items()},
        "ratio": round(median["inplace_predict"] / median["tables"], 2),
        "ratio_score_matrix": round(median["inplace_predict"] / median["score_matrix"], 2),
        "numba": importlib.util.find_spec("numba") is not None,
        "largest_difference": _difference(X[:2_000], outcomes[:2_000]),
        "margin_difference": float(
            np.abs(tables.margins(X[:20_000]) - booster.predict(xgboost.DMatrix(X[:20_000]), output_margin=True)).max()
        ),
        **one_applicant(),
    }


def _people(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Amounts with heavy tails, counts, shares, days and plain numbers; three in a hundred are missing."""
    X = rng.normal(size=(rows, FEATURES))
    X[:, :15] = np.exp(5 + 1.2 * X[:, :15])
    X[:, 15:22] = rng.poisson(3, (rows, 7))
    X[:, 22:26] = rng.random((rows, 4))
    X[:, 26:28] = np.round(20_000 + 300 * X[:, 26:28])
    X[rng.random(X.shape) < 0.03] = np.nan
    return X


def _outcomes(rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    known = np.nan_to_num(np.column_stack([np.log(X[:, :15]), X[:, 15:]]))
    known = (known - known.mean(axis=0)) / known.std(axis=0)
    odds = -2.5 + known @ np.linspace(0.3, 0.1, FEATURES) + 0.3 * known[:, 0] * known[:, 16]
    return (rng.random(len(X)) < 1 / (1 + np.exp(-odds))).astype(float)


def _additive(X: np.ndarray, outcomes: np.ndarray, pairs: int = PAIRS, rounds: int = 600) -> tuple[Any, Tables]:
    import xgboost

    alone = [[index] for index in range(FEATURES)]
    joint = [[index, (7 * index + 3) % FEATURES] for index in range(pairs)]
    booster = xgboost.train(
        {
            "objective": "binary:logistic",
            "max_depth": 2,
            "eta": 0.1,
            "nthread": 1,
            "max_bin": 64,
            "subsample": 0.8,
            "colsample_bytree": 0.3,
            "interaction_constraints": str([*alone, *joint]),
        },
        xgboost.QuantileDMatrix(X, outcomes, max_bin=64, nthread=1),
        rounds,
    )
    names = tuple(f"feature {index}" for index in range(FEATURES))
    return booster, read_tables(json.loads(bytes(booster.save_raw("json"))), names, X)


def _difference(X: np.ndarray, outcomes: np.ndarray) -> float:
    """The largest distance of the tables' contributions from XGBoost's own, for a model of single features."""
    import xgboost

    booster, tables = _additive(X, outcomes, pairs=0, rounds=100)
    theirs = booster.predict(xgboost.DMatrix(X, nthread=1), pred_contribs=True)
    return float(np.abs(tables.contribution_columns(X).T - theirs[:, :-1]).max())


def one_applicant(times: int = 20_000) -> dict[str, float]:
    """Microseconds from declared facts, and from feature values, to score and whole points of every part."""
    from scoring.features import feature_columns, features_of
    from scoring.synthetic import borrowers, column_names, declared
    from scoring.training import Parameters, train_transparent

    frame = borrowers("household", 6_000, 3)
    names = column_names("household")
    X = feature_columns("household", {name: frame[name].to_numpy() for name in names}, len(frame))
    features = features_of("household")
    trained = train_transparent(
        X,
        frame["default"].to_numpy(),
        [feature.name for feature in features],
        [feature.direction for feature in features],
        Parameters(max_pairs=30),
    )
    live = LiveModel("household", trained.tables, trained.calibration, Scale())
    people = declared(frame[:500], "household")
    rows = [live.reader.read(facts) for facts in people]
    return {
        "pairs_of_one_applicant": len(trained.tables.pairs),
        **_spread("features_to_reasons", lambda index: live.score_values(rows[index % 500]), times),
        **_spread("facts_to_reasons", lambda index: live.score(people[index % 500]), times),
    }


def _spread(name: str, act: Callable[[int], Any], times: int) -> dict[str, float]:
    taken = np.empty(times)
    gc.collect()
    gc.disable()
    try:
        for index in range(times):
            started = time.thread_time_ns()
            act(index)
            taken[index] = time.thread_time_ns() - started
    finally:
        gc.enable()
    return {
        f"{name}_{label}_us": round(float(np.quantile(taken, share)) / 1e3, 1)
        for label, share in (("p50", 0.5), ("p99", 0.99))
    }


if __name__ == "__main__":
    print(json.dumps(run(*map(int, sys.argv[1:2])), indent=1))  # noqa: T201
