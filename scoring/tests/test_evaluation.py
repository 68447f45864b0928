import numpy as np
import pytest
from sklearn import metrics

from scoring.evaluation import (
    against_truth,
    at_cutoff,
    auc,
    auc_interval,
    brier,
    calibration_slope,
    ece,
    ece_noise_limit,
    evaluate,
    ks,
    log_loss,
    pr_auc,
)


@pytest.fixture
def predictions():
    rng = np.random.default_rng(3)
    pd = np.round(rng.beta(1.2, 12, 3_000), 3)  # rounded, so that there are ties
    return (rng.random(len(pd)) < pd).astype(float), np.clip(pd, 0.001, 0.999)


def test_figures_agree_with_scikit_learn(predictions):
    outcomes, pd = predictions
    fpr, tpr, _ = metrics.roc_curve(outcomes, pd)
    assert auc(outcomes, pd) == pytest.approx(metrics.roc_auc_score(outcomes, pd))
    assert pr_auc(outcomes, pd) == pytest.approx(metrics.average_precision_score(outcomes, pd))
    assert ks(outcomes, pd) == pytest.approx(np.max(tpr - fpr))
    assert brier(outcomes, pd) == pytest.approx(metrics.brier_score_loss(outcomes, pd))
    assert log_loss(outcomes, pd) == pytest.approx(metrics.log_loss(outcomes, pd))


def test_the_interval_holds_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(11)
    truth, held = 0.7602, 0  # P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt 2)
    for _ in range(300):
        outcomes = np.repeat([0.0, 1.0], [160, 60])
        interval = auc_interval(outcomes, rng.normal(outcomes, 1.0))
        held += interval.low <= truth <= interval.high
    assert 0.90 <= held / 300 <= 0.99


def test_calibration_figures_see_a_model_that_is_too_bold(predictions):
    outcomes, pd = predictions
    odds = np.log(pd / (1 - pd))
    bold = 1 / (1 + np.exp(-(1.8 * odds + 1.8)))
    assert calibration_slope(outcomes, bold) == pytest.approx(calibration_slope(outcomes, pd) / 1.8, rel=0.01)
    assert ece(outcomes, bold) > ece(outcomes, pd)


def test_a_perfect_model_stays_under_the_noise_limit_most_of_the_time():
    rng = np.random.default_rng(5)
    pd = rng.beta(1.2, 15, 2_000)
    limit = ece_noise_limit(pd)
    under = [ece((rng.random(len(pd)) < pd).astype(float), pd) <= limit for _ in range(200)]
    assert np.mean(under) == pytest.approx(0.95, abs=0.05)


def test_one_kind_of_borrower_cannot_be_ranked():
    with pytest.raises(ValueError, match="both"):
        auc(np.zeros(10), np.arange(10))


def test_a_cutoff_counts_whom_it_refuses(predictions):
    outcomes, pd = predictions
    counted = at_cutoff(outcomes, pd, 0.15)
    refused = pd >= 0.15
    assert counted["precision"] == pytest.approx(metrics.precision_score(outcomes, refused))
    assert counted["recall"] == pytest.approx(metrics.recall_score(outcomes, refused))
    assert counted["f1"] == pytest.approx(metrics.f1_score(outcomes, refused))


def test_a_model_card_has_every_figure(predictions):
    figures = evaluate(*predictions)
    assert {
        "auc",
        "auc_low",
        "auc_high",
        "gini",
        "ks",
        "pr_auc",
        "brier",
        "log_loss",
        "ece",
        "calibration_slope",
    } <= set(figures)
    assert figures["gini"] == pytest.approx(2 * figures["auc"] - 1)
    assert figures["auc_low"] < figures["auc"] < figures["auc_high"]


def test_the_truth_itself_has_no_gap(predictions):
    outcomes, pd = predictions
    assert against_truth(outcomes, pd, pd) == {"auc_best": auc(outcomes, pd), "auc_gap": 0.0, "pd_error": 0.0}
