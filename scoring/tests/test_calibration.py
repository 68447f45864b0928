import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.calibration import IDENTITY, BetaCalibration, fit_beta, fit_slope
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
