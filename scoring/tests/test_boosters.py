import json

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from scoring.boosters import NotATableModel, as_float64_threshold, mean_of, purify, read_tables
from scoring.features import FEATURES
from scoring.tables import PairTable, SingleTable, Tables
from scoring.tests.samples import small_training

PARTS = [slice(start, None, 3) for start in range(3)]


def document_of(booster):
    return json.loads(bytes(booster.save_raw("json")))


def boosters(segment, max_pairs):
    trained, X, _ = small_training(segment, max_pairs=max_pairs)
    booster = xgboost.Booster(model_file=bytearray(trained.booster))
    return trained, booster, read_tables(document_of(booster), trained.names, X), X


@pytest.mark.parametrize("segment", FEATURES)
def test_contributions_are_xgboosts_own_to_the_sixth_decimal(segment):
    _, booster, tables, X = boosters(segment, 0)
    theirs = booster.predict(xgboost.DMatrix(X), pred_contribs=True)
    np.testing.assert_allclose(tables.contribution_columns(X).T, theirs[:, :-1], atol=1e-6)
    np.testing.assert_allclose(tables.base, theirs[:, -1], atol=1e-6)


@pytest.mark.parametrize("segment", FEATURES)
def test_with_pairs_the_log_odds_are_the_boosters(segment):
    _, booster, tables, X = boosters(segment, 8)
    theirs = booster.predict(xgboost.DMatrix(X), output_margin=True)
    np.testing.assert_allclose(tables.margins(X), theirs, atol=2e-5)  # theirs adds up in 32 bits


@pytest.mark.parametrize("segment", FEATURES)
def test_served_tables_are_the_boosters_for_whoever_answers_everything(segment):
    trained, _, exact, X = boosters(segment, 8)
    answered = X[~np.isnan(X).any(axis=1)]
    np.testing.assert_array_equal(trained.tables.margins(answered), exact.margins(answered))


def test_silence_is_never_rewarded():
    tables = Tables(
        ("a", "b"),
        0.0,
        (SingleTable((1.0,), (-0.5, 0.5, -0.4)), SingleTable((), (0.0, 0.2))),
        (PairTable(0, 1, (1.0,), (2.0,), ((0.1, -0.1, -0.3), (-0.1, 0.1, 0.3), (-0.2, 0.2, -0.9))),),
    ).never_rewarding_silence()
    nan = float("nan")
    assert tables.contributions([nan, nan]) == [0.0, 0.2, 0.0]
    assert tables.contributions([0.0, nan]) == [-0.5, 0.2, 0.0]
    assert tables.contributions([0.0, 3.0]) == [-0.5, 0.0, -0.1]


def test_one_row_and_a_batch_give_the_same_bits():
    trained, X, _ = small_training("enterprise")
    one_by_one = [trained.tables.margin(row) for row in X[:500].tolist()]
    np.testing.assert_array_equal(one_by_one, trained.tables.margins(X[:500]))


def test_values_on_and_beside_a_threshold_fall_where_the_booster_puts_them():
    _, booster, tables, X = boosters("household", 0)
    rows = []
    for index, table in enumerate(tables.singles):
        for cut in table.cuts:
            for value in (cut, np.nextafter(cut, -np.inf), np.nextafter(cut, np.inf), float(np.float32(cut))):
                row = X[0].copy()
                row[index] = value
                rows.append(row)
    rows = np.array(rows)
    theirs = booster.predict(xgboost.DMatrix(rows), output_margin=True)
    np.testing.assert_allclose(tables.margins(rows), theirs, atol=2e-5)


@given(
    st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2**60), max_value=2**60),
    st.floats(-1e9, 1e9),
)
def test_a_threshold_says_the_same_in_64_bits_as_in_32(cut, value):
    threshold = as_float64_threshold(cut)
    for x in (value, float(cut), threshold, np.nextafter(threshold, -np.inf), np.nextafter(threshold, np.inf)):
        assert (x < threshold) == (np.float32(x) < np.float32(cut))


def test_a_purified_grid_is_only_what_the_two_do_together():
    rng = np.random.default_rng(1)
    rows, columns = rng.normal(size=5), rng.normal(size=4)
    row_weights, column_weights = rng.random(5), rng.random(4)
    joint, *_ = purify(rows[:, None] + columns[None, :] + 3.0, row_weights, column_weights)
    np.testing.assert_allclose(joint, 0, atol=1e-12)
    table = rng.normal(size=(5, 4))
    joint, row_part, column_part, mean = purify(table, row_weights, column_weights)
    np.testing.assert_allclose(joint + row_part[:, None] + column_part[None, :] + mean, table, atol=1e-12)
    np.testing.assert_allclose(joint @ column_weights, 0, atol=1e-12)
    np.testing.assert_allclose(row_weights @ joint, 0, atol=1e-12)


def test_a_path_over_three_features_is_refused():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(3_000, 3))
    y = ((X[:, 0] > 0) & (X[:, 1] > 0) & (X[:, 2] > 0)).astype(float)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, xgboost.DMatrix(X, y), 3)
    with pytest.raises(NotATableModel, match="3 features"):
        read_tables(document_of(booster), ("a", "b", "c"), X)


def test_the_mean_of_models_is_one_model():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(2_000, 4))
    X[::7, 2] = np.nan
    y = (rng.random(2_000) < 1 / (1 + np.exp(-X[:, 1] - X[:, 3]))).astype(float)
    settings = {"objective": "binary:logistic", "base_score": 0.4, "max_depth": 2, "nthread": 1}
    several = [xgboost.train(settings, xgboost.DMatrix(X[part], y[part]), 10 + part.start) for part in PARTS]
    merged = xgboost.Booster(model_file=bytearray(json.dumps(mean_of([document_of(one) for one in several])).encode()))
    data = xgboost.DMatrix(X)
    apart = np.mean([one.predict(data, output_margin=True) for one in several], axis=0)
    np.testing.assert_allclose(merged.predict(data, output_margin=True), apart, atol=1e-6)
    assert merged.num_boosted_rounds() == 10 + 11 + 12


def test_tables_survive_their_document_and_a_broken_one_is_refused():
    trained, _, _ = small_training("farm")
    document = json.loads(json.dumps(trained.tables.as_document()))
    assert Tables.from_document(document) == trained.tables
    document["singles"][0]["values"].pop()
    with pytest.raises(ValueError, match="do not fit"):
        Tables.from_document(document)
