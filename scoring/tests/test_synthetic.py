import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from scoring.evaluation import auc
from scoring.features import FEATURES, feature_names
from scoring.synthetic import STRONG, borrowers, declared, fact_names, provenance
from scoring.synthetic import truth as the_truth
from scoring.tests.samples import ORDINARY, matrix_of


@pytest.mark.parametrize(("segment", "mean"), [("household", 0.06), ("enterprise", 0.06), ("farm", 0.10)])
def test_the_truth_is_as_hard_and_as_frequent_as_promised(segment, mean):
    frame = borrowers(segment, 20_000, seed=2)
    assert frame["true_pd"].mean() == pytest.approx(mean, abs=0.008)
    assert 1.0 <= logit(frame["true_pd"]).std() <= 1.2
    assert frame["default"].mean() == pytest.approx(frame["hidden_pd"].mean(), abs=0.006)
    assert 0.74 <= auc(frame["default"].to_numpy(), frame["true_pd"].to_numpy()) <= 0.82


@pytest.mark.parametrize("segment", FEATURES)
def test_the_same_seed_draws_the_same_people(segment):
    pd.testing.assert_frame_equal(borrowers(segment, 300, seed=4), borrowers(segment, 300, seed=4))
    assert not borrowers(segment, 300, seed=4)["amount"].equals(borrowers(segment, 300, seed=5)["amount"])


@pytest.mark.parametrize("segment", FEATURES)
def test_the_true_probability_is_calibrated(segment):
    frame = borrowers(segment, 40_000, seed=6)
    band = pd.qcut(frame["true_pd"], 5)
    seen = frame.groupby(band, observed=True)[["true_pd", "default"]].mean()
    np.testing.assert_allclose(seen["default"], seen["true_pd"], rtol=0.2, atol=0.004)


@pytest.mark.parametrize("segment", FEATURES)
def test_what_nobody_can_know_would_rank_better(segment):
    frame = borrowers(segment, 20_000, seed=7)
    outcomes = frame["default"].to_numpy()
    assert auc(outcomes, frame["hidden_pd"].to_numpy()) > auc(outcomes, frame["true_pd"].to_numpy()) + 0.005


@pytest.mark.parametrize("segment", FEATURES)
def test_group_and_proxy_have_no_bearing_on_risk(segment):
    frame = borrowers(segment, 30_000, seed=8)
    risk = frame.groupby("protected_group")["true_pd"].mean()
    assert risk[0] == pytest.approx(risk[1], abs=0.003)
    assert (frame["protected_group"] == frame["proxy_group"]).mean() == pytest.approx(0.85, abs=0.02)


@pytest.mark.parametrize("segment", FEATURES)
def test_the_shapes_respect_the_directions_of_the_dictionary(segment):
    for feature in FEATURES[segment]:
        if feature.direction and feature.name in the_truth.SPLINES[segment]:
            _, effects = the_truth.SPLINES[segment][feature.name]
            assert (np.diff(effects) * feature.direction >= 0).all(), feature.name


@pytest.mark.parametrize("segment", FEATURES)
def test_some_questions_stay_unanswered_but_never_the_request(segment):
    frame = borrowers(segment, 5_000, seed=9)
    assert frame[["amount", "term_months", "region"]].notna().all().all()
    assert 0.03 < frame["savings_balance"].isna().mean() < 0.2
    # Only someone without past loans has no delay to tell of, when everybody answers.
    complete = borrowers(segment, 2_000, seed=9, missing=False)
    unknown = complete[fact_names(segment)].isna().any()
    assert list(unknown[unknown].index) == ["worst_delay_days"]
    assert (complete.loc[complete["worst_delay_days"].isna(), "past_loans"] == 0).all()


@pytest.mark.parametrize("segment", FEATURES)
def test_declared_facts_are_those_the_forms_ask(segment):
    assert set(fact_names(segment)) == {*ORDINARY["common"], *ORDINARY[segment], "region"}
    for facts in declared(borrowers(segment, 50, seed=1), segment):
        for name, value in facts.items():
            kind = type({**ORDINARY["common"], **ORDINARY[segment], "region": "15"}[name])
            assert value is None or type(value) is kind


def test_drift_moves_only_the_last_quarter():
    still, moved = (borrowers("household", 20_000, seed=3, drift=drift) for drift in (0.0, 0.8))
    late = still["applied_on"] >= "2025-09-01"
    assert moved.loc[late, "true_pd"].mean() > 1.5 * still.loc[late, "true_pd"].mean()
    assert moved.loc[~late, "true_pd"].equals(still.loc[~late, "true_pd"])


def test_strong_interactions_leave_mean_and_spread_alone():
    frame = borrowers("household", 20_000, seed=2, interactions=STRONG)
    assert frame["true_pd"].mean() == pytest.approx(0.06, abs=0.008)
    assert 1.0 <= logit(frame["true_pd"]).std() <= 1.2


def test_the_old_policy_lets_few_bad_ones_in_and_some_at_random():
    frame = borrowers("household", 20_000, seed=2)
    assert frame.loc[frame["approved"], "default"].mean() < 0.7 * frame["default"].mean()
    assert 0.75 < frame["approved"].mean() < 0.80


def test_features_of_the_young_history_are_missing_not_zero():
    frame = borrowers("household", 2_000, seed=2, missing=False)
    X = matrix_of("household", frame)
    delay = X[:, feature_names("household").index("worst_delay_days")]
    assert np.isnan(delay[(frame["past_loans"] == 0).to_numpy()]).all()


def test_provenance_is_enough_to_draw_them_again():
    source = provenance("farm", 100, 3)
    assert {"generator_version", "seed", "rows", "segment", "versions"} <= set(source)
