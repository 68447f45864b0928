import numpy as np
import pytest

from scoring.evaluation import against_truth, auc
from scoring.features import FEATURES, feature_names, features_of
from scoring.synthetic import borrowers
from scoring.tests.samples import matrix_of, small_training
from scoring.training import CannotTrain, Parameters, stratified_folds, train_transparent


def train(segment, frame, **parameters):
    return train_transparent(
        matrix_of(segment, frame),
        frame["default"].to_numpy(),
        feature_names(segment),
        [feature.direction for feature in features_of(segment)],
        Parameters(**parameters),
    )


@pytest.mark.parametrize(
    ("segment", "rows"),
    [
        ("household", 20_000),
        pytest.param("enterprise", 30_000, marks=pytest.mark.long),
        pytest.param("farm", 30_000, marks=pytest.mark.long),
    ],
)
def test_where_everybody_answers_the_best_attainable_is_near(segment, rows):
    trained = train(segment, borrowers(segment, rows, seed=1, missing=False))
    fresh = borrowers(segment, 40_000, seed=2, missing=False)
    pd = trained.calibration.probabilities(trained.tables.margins(matrix_of(segment, fresh)))
    distance = against_truth(fresh["default"].to_numpy(), pd, fresh["true_pd"].to_numpy())
    assert distance["auc_gap"] <= 0.008
    assert distance["pd_error"] <= 0.03


def test_with_unanswered_questions_and_the_size_of_the_demo_it_is_not_far():
    trained = train("household", borrowers("household", 20_000, seed=1))
    fresh = borrowers("household", 40_000, seed=2)
    pd = trained.calibration.probabilities(trained.tables.margins(matrix_of("household", fresh)))
    distance = against_truth(fresh["default"].to_numpy(), pd, fresh["true_pd"].to_numpy())
    assert distance["auc_gap"] <= 0.015
    assert distance["pd_error"] <= 0.03
    assert trained.metrics["ece"] <= max(0.015, trained.metrics["ece_noise_limit"])
    assert trained.metrics["auc_low"] <= auc(fresh["default"].to_numpy(), pd) <= trained.metrics["auc_high"]


def test_training_again_gives_the_same_bytes():
    first, again = (train("farm", borrowers("farm", 4_000, seed=5), max_pairs=8) for _ in range(2))
    assert again.booster == first.booster
    assert again.tables == first.tables
    assert again.calibration == first.calibration
    assert again.blend == first.blend is not None
    np.testing.assert_array_equal(again.out_of_fold, first.out_of_fold)


def test_another_number_of_threads_changes_nothing():
    first, _, _ = small_training("farm")
    assert train("farm", borrowers("farm", 4_000, seed=5), max_pairs=8, threads=1).booster == first.booster


@pytest.mark.parametrize("segment", FEATURES)
def test_more_of_what_is_risky_never_lowers_the_risk(segment):
    trained, X, _ = small_training(segment)
    sample = X[:200]
    for index, feature in enumerate(features_of(segment)):
        if not feature.direction:
            continue
        last = None
        for value in np.linspace(feature.low, feature.high, 40):
            moved = sample.copy()
            moved[:, index] = value
            risk = feature.direction * trained.tables.margins(moved)
            assert last is None or (risk >= last - 1e-6).all(), feature.name
            last = risk


def test_the_pair_that_matters_is_found_among_many():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(4_000, 8))
    y = (rng.random(4_000) < 1 / (1 + np.exp(-2 * np.sign(X[:, 1] * X[:, 3]) - X[:, 5]))).astype(float)
    trained = train_transparent(X, y, list("abcdefgh"), [0] * 8, Parameters(max_pairs=1))
    assert trained.parameters["pairs"] == [["b", "d"]]


def test_folds_share_the_defaults_evenly():
    outcomes = np.array([1.0] * 23 + [0.0] * 177)
    folds = stratified_folds(outcomes, 5, seed=1)
    assert {4, 5} >= {int(outcomes[folds == fold].sum()) for fold in range(5)}
    assert {40} == {int((folds == fold).sum()) for fold in range(5)} or np.ptp(np.bincount(folds)) <= 2


@pytest.mark.parametrize(
    ("outcomes", "why"),
    [
        (np.zeros(500), "nothing to tell apart"),
        (np.ones(500), "nothing to tell apart"),
        (np.arange(500.0), "0 or 1"),
        (np.append(np.ones(5), np.zeros(495)), "too few"),
        (np.append(np.ones(20), np.zeros(30)), "rows of features"),
    ],
)
def test_rows_that_allow_no_model_are_refused_with_the_reason(outcomes, why):
    with pytest.raises(CannotTrain, match=why):
        train_transparent(np.zeros((500, 2)), outcomes, ("a", "b"), (0, 0))


def test_a_column_nobody_answered_does_no_harm():
    frame = borrowers("household", 2_000, seed=3)
    X = matrix_of("household", frame)
    X[:, 3] = np.nan
    directions = [feature.direction for feature in features_of("household")]
    trained = train_transparent(X, frame["default"].to_numpy(), feature_names("household"), directions)
    assert trained.tables.singles[3].cuts == ()
