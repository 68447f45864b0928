import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.calibration import (
    IDENTITY,
    BetaCalibration,
    SplineCalibration,
    calibration_document,
    calibration_from,
    choose_calibration,
    fit_beta,
    fit_slope,
    fit_spline,
)
from scoring.evaluation import log_loss

finite = st.floats(-40, 40)


@pytest.fixture
def too_bold():
    """Raw log-odds that are twice as sure as they should be, with the outcomes behind them."""
    rng = np.random.default_rng(7)
    truth = rng.normal(-2.5, 1.0, 40_000)
    return 2.0 * truth, (rng.random(len(truth)) < 1 / (1 + np.exp(-truth))).astype(float)


def test_it_mends_a_model_that_is_too_sure(too_bold):
    margins, outcomes = too_bold
    calibrated = fit_beta(margins[:20_000], outcomes[:20_000])
    before = log_loss(outcomes[20_000:], 1 / (1 + np.exp(-margins[20_000:])))
    after = log_loss(outcomes[20_000:], calibrated.probabilities(margins[20_000:]))
    assert after < before - 0.05
    assert fit_slope(calibrated.log_odds_many(margins[20_000:]), outcomes[20_000:]) == pytest.approx(1, abs=0.05)


def test_a_right_model_is_left_as_it_is():
    rng = np.random.default_rng(8)
    margins = rng.normal(-2.5, 1.0, 50_000)
    outcomes = (rng.random(len(margins)) < 1 / (1 + np.exp(-margins))).astype(float)
    calibrated = fit_beta(margins, outcomes).probabilities(margins)
    assert np.abs(calibrated - 1 / (1 + np.exp(-margins))).mean() < 0.002


def test_an_upside_down_model_is_not_turned_around(too_bold):
    margins, outcomes = too_bold
    fitted = fit_beta(-margins, outcomes)
    assert fitted.a >= 0
    assert fitted.b >= 0


@given(finite, finite, st.floats(0, 3), st.floats(0, 3), st.floats(-2, 2))
def test_the_order_of_applicants_is_kept(one, other, a, b, c):
    calibration = BetaCalibration(a, b, c)
    low, high = sorted([one, other])
    assert calibration.log_odds(low) <= calibration.log_odds(high)


@given(st.lists(finite, min_size=1, max_size=20), st.floats(0, 3), st.floats(0, 3), st.floats(-2, 2))
def test_one_and_many_agree(margins, a, b, c):
    calibration = BetaCalibration(a, b, c)
    many = calibration.log_odds_many(np.array(margins))
    np.testing.assert_allclose([calibration.log_odds(margin) for margin in margins], many, rtol=1e-12, atol=1e-12)


def test_the_identity_changes_nothing_but_certainty():
    assert IDENTITY.log_odds(-2.5) == pytest.approx(-2.5)
    assert IDENTITY.log_odds(-100) == pytest.approx(np.log(1e-6), rel=1e-4)


def bent(n, seed):
    """Raw log-odds that a bend spoils, and outcomes drawn from the straight ones."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-2, 1.3, n)
    outcomes = (rng.random(n) < 1 / (1 + np.exp(-truth))).astype(float)
    return truth + 1.2 * np.tanh(3 * (truth + 3)) + 1.2 * np.tanh(3 * (truth + 1)), outcomes


def test_the_calibration_that_held_out_rows_like_best_is_chosen():
    margins, outcomes = bent(30_000, 1)
    chosen = choose_calibration(margins, outcomes)
    assert isinstance(chosen, SplineCalibration)
    fresh, unseen = bent(30_000, 2)
    assert log_loss(unseen, chosen.probabilities(fresh)) < log_loss(unseen, IDENTITY.probabilities(fresh)) - 5e-4
    few = choose_calibration(margins[:2_000], outcomes[:2_000])
    assert isinstance(few, BetaCalibration)  # too few defaults for a spline


def test_probabilities_that_are_right_already_are_hardly_touched():
    rng = np.random.default_rng(4)
    truth = rng.normal(-2, 1, 20_000)
    outcomes = (rng.random(20_000) < 1 / (1 + np.exp(-truth))).astype(float)
    chosen = choose_calibration(truth, outcomes)
    assert log_loss(outcomes, chosen.probabilities(truth)) < log_loss(outcomes, IDENTITY.probabilities(truth)) + 5e-4
    assert np.abs(chosen.probabilities(truth) - IDENTITY.probabilities(truth)).max() < 0.05


def test_a_spline_rises_everywhere_and_says_the_same_of_one_and_of_many():
    margins, outcomes = bent(20_000, 3)
    fitted = fit_spline(margins, outcomes)
    grid = np.linspace(-12, 8, 500)
    many = fitted.log_odds_many(grid)
    assert (np.diff(many) >= 0).all()
    np.testing.assert_allclose([fitted.log_odds(float(one)) for one in grid], many, atol=1e-12)
    np.testing.assert_array_equal([fitted.slope(float(one)) for one in grid], fitted.slopes(grid))
    assert calibration_from(json.loads(json.dumps(calibration_document(fitted)))) == fitted


def test_rows_count_by_their_weight():
    margins, outcomes = bent(5_000, 5)
    twice = np.repeat(margins, 2), np.repeat(outcomes, 2)
    weighed = fit_beta(margins, outcomes, np.full(5_000, 2.0))
    np.testing.assert_allclose(
        (weighed.a, weighed.b, weighed.c), (fit_beta(*twice).a, fit_beta(*twice).b, fit_beta(*twice).c), rtol=1e-6
    )
