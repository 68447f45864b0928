import json

import numpy as np
import pytest

from scoring.curves import Economics, calibration_bins, lift, profit, psi, roc, vintages
from scoring.evaluation import auc
from scoring.fairness import banded, by_group
from scoring.reports import evaluation_document


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    pd = 1 / (1 + np.exp(-rng.normal(-2, 1.1, 6_000)))
    return (rng.random(6_000) < pd).astype(float), pd


def test_the_area_under_the_roc_points_is_the_auc(sample):
    outcomes, pd = sample
    x, y = np.array(roc(outcomes, pd, points=10_000)).T
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(auc(outcomes, pd), abs=1e-12)
    assert len(roc(outcomes, pd)) <= 101


def test_tenths_hold_everyone_once_and_the_riskiest_come_first(sample):
    outcomes, pd = sample
    table = lift(outcomes, pd)
    assert sum(one["rows"] for one in table) == len(pd)
    assert table[0]["lift"] > 2 > 1 > table[-1]["lift"]
    assert table[-1]["captured"] == pytest.approx(1.0)
    inside = [one["low"] <= one["predicted"] <= one["high"] for one in calibration_bins(outcomes, pd)]
    assert sum(inside) >= 8  # a true PD: nearly every bin's interval holds it


def test_the_best_cutoff_is_near_where_a_loan_breaks_even(sample):
    outcomes, pd = sample
    best = profit(outcomes, pd, Economics(margin=0.2, loss=0.6))
    assert best["break_even"] == pytest.approx(0.25)
    assert best["cutoff"] == pytest.approx(0.25, abs=0.05)
    assert best["profit"] > best["profit_of_all"]
    served = pd < best["cutoff"]
    assert best["profit"] == pytest.approx(np.where(outcomes[served], -0.6, 0.2).sum() / len(pd))


def test_a_vintage_says_what_it_realised_and_how_far_it_drifted(sample):
    outcomes, pd = sample
    months = np.array(["2024-01", "2024-05"], dtype="datetime64[M]").astype("datetime64[D]")
    days = np.where(np.arange(len(pd)) % 2, months[0], months[1])
    first, second = vintages(outcomes, pd, days)
    assert (first["period"], second["period"]) == ("2024-Q1", "2024-Q2")
    assert first["default_rate"] == outcomes[1::2].mean()
    assert first["psi"] < 0.02 < 0.2 < psi(pd, np.clip(pd * 2, 0, 0.99))


def test_fairness_agrees_with_fairlearn(sample):
    from fairlearn import metrics

    outcomes, pd = sample
    rng = np.random.default_rng(5)
    sex = np.where(rng.random(len(pd)) < 0.4, "f", "m").astype(object)
    pd = np.clip(pd * np.where(sex == "f", 1.3, 1.0), 0, 0.99)
    found = by_group(outcomes, pd, sex, cutoff=0.15)
    payer, served = 1 - outcomes, (pd < 0.15).astype(int)
    assert found["approval_ratio"] == pytest.approx(
        metrics.demographic_parity_ratio(payer, served, sensitive_features=sex)
    )
    assert found["tpr_gap"] == pytest.approx(
        metrics.equal_opportunity_difference(payer, served, sensitive_features=sex)
    )
    frame = metrics.MetricFrame(
        metrics={"tpr": metrics.true_positive_rate, "rate": metrics.selection_rate, "count": metrics.count},
        y_true=payer,
        y_pred=served,
        sensitive_features=sex,
    ).by_group
    for one in found["groups"]:
        theirs = frame.loc[one["group"]]
        assert (one["tpr"], one["approval"], one["rows"]) == pytest.approx(tuple(theirs))
        assert one["approval_low"] < one["approval"] < one["approval_high"]


def test_a_group_of_few_is_shown_and_judged_by_nobody():
    outcomes = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    pd = np.full(200, 0.05)
    pd[:10] = 0.9
    groups = np.array(["few"] * 10 + ["many"] * 190, dtype=object)
    found = by_group(outcomes, pd, groups, 0.1)
    assert [one["few"] for one in found["groups"]] == [True, False]
    assert found["approval_ratio"] == 1.0
    assert found["groups"][0]["approval_ratio"] == 0.0


def test_ages_come_in_bands_and_what_is_unknown_is_counted_apart():
    ages = np.array([22, 41, np.nan, 70.0])
    assert banded("edad", ages).tolist() == ["< 25", "35–50", None, "≥ 65"]
    assert by_group(np.array([0, 1, 0, 1.0]), np.full(4, 0.1), banded("age", ages), 0.2)["unknown"] == 1


def test_the_document_is_plain_json(sample):
    outcomes, pd = sample
    document = evaluation_document(
        outcomes,
        pd,
        groups={"sex": np.where(pd > 0.1, "f", "m")},
        decided_on=np.full(len(pd), "2025-03-01", dtype="datetime64[D]"),
    )
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["at_cutoff"]["cutoff"] == 0.10
    assert len(json.dumps(document)) < 40_000
