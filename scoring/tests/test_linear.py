from dataclasses import replace

import numpy as np
import pytest

from scoring.evaluation import auc
from scoring.features import features_of
from scoring.linear import Ranks, blended, fit_slopes
from scoring.model_files import ModelFileCorrupted, check_against_booster, dump_model
from scoring.points import Scale
from scoring.serving import LiveModel
from scoring.synthetic import borrowers
from scoring.tables import SingleTable, Tables
from scoring.tests.samples import matrix_of
from scoring.training import Parameters, train_transparent


def people(n=1_500, seed=1):
    rng = np.random.default_rng(seed)
    X = np.exp(rng.normal(size=(n, 3)) * 2)
    X[rng.random((n, 3)) < 0.08] = np.nan
    odds = -1.5 + 0.9 * np.nan_to_num(np.log(X[:, 0])) - 0.6 * np.nan_to_num(np.log(X[:, 1]))
    return X, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)


def test_the_tables_are_the_regression():
    X, y = people()
    ranks = Ranks.of(X)
    slopes = fit_slopes(ranks.design(X), y, [1, -1, 0])
    tables = ranks.tables(["a", "b", "c"], slopes)
    np.testing.assert_allclose(tables.margins(X), ranks.design(X) @ slopes, atol=1e-9)
    assert abs(tables.contribution_columns(X)[0].mean()) < 1e-9
    assert auc(y, tables.margins(X)) > 0.8


def test_no_slope_goes_against_its_direction():
    X, y = people()
    slopes = fit_slopes(Ranks.of(X).design(X), y, [-1, 1, 0])
    assert slopes[0] <= 0 <= slopes[1]


def test_a_blend_adds_up_everywhere():
    first = Tables(("a",), 0.5, (SingleTable((1.0, 3.0), (0.1, 0.2, 0.4, -0.3)),))
    second = Tables(("a",), -1.0, (SingleTable((2.0,), (-1.0, 1.0, 0.25)),))
    both = blended(first, second, (0.5, 2.0, 0.125))
    for value in (0.0, 1.0, 1.5, 2.0, 2.9, 3.0, 9.0, float("nan")):
        assert both.margin([value]) == pytest.approx(0.5 * first.margin([value]) + 2 * second.margin([value]) + 0.125)


def test_the_live_model_blends_where_a_line_ranks_better_and_stays_monotone():
    X, y = people(900)
    trained = train_transparent(X, y, ["a", "b", "c"], [1, -1, 0], Parameters(max_pairs=0))
    plain = train_transparent(X, y, ["a", "b", "c"], [1, -1, 0], Parameters(max_pairs=0, blend=False))
    assert trained.blend is not None
    assert trained.metrics["log_loss"] < plain.metrics["log_loss"]
    assert (np.diff(trained.tables.singles[0].values[:-1]) >= -1e-12).all()
    assert (np.diff(trained.tables.singles[1].values[:-1]) <= 1e-12).all()


def test_a_blended_model_is_held_against_both_its_sources():
    frame = borrowers("household", 1_200, seed=4)
    features = features_of("household")
    trained = train_transparent(
        matrix_of("household", frame),
        frame["default"].to_numpy(),
        [feature.name for feature in features],
        [feature.direction for feature in features],
        Parameters(max_pairs=0),
    )
    assert trained.blend is not None
    live = LiveModel("household", trained.tables, trained.calibration, Scale(), {"blend": trained.blend})
    check_against_booster(dump_model(live, trained.booster))
    trees, line, level = trained.blend["weights"]
    forged = replace(live, metadata={"blend": trained.blend | {"weights": [trees, line + 0.2, level]}})
    with pytest.raises(ModelFileCorrupted):
        check_against_booster(dump_model(forged, trained.booster))
