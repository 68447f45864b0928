import numpy as np
import pytest

from scoring.comparison import agreement, auc_difference, brier_difference, compare, rows_needed
from scoring.evaluation import auc, auc_interval


def drawn(rows, noise, seed):
    """Outcomes of a known risk, a champion that sees it through noise and a challenger that sees it through less."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-2, 1.2, rows)
    outcomes = (rng.uniform(size=rows) < 1 / (1 + np.exp(-logit))).astype(float)

    def seen(spread):
        return 1 / (1 + np.exp(-(logit + rng.normal(0, spread, rows))))

    return outcomes, seen(noise), seen(0.3)


def test_the_difference_is_that_of_the_areas_and_against_itself_is_nothing():
    outcomes, champion, challenger = drawn(2_000, 1.0, 1)
    found = auc_difference(outcomes, champion, challenger)
    assert found.value == pytest.approx(auc(outcomes, challenger) - auc(outcomes, champion), abs=1e-12)
    same = auc_difference(outcomes, champion, champion)
    assert (same.value, same.low, same.high, same.real) == (0, 0, 0, False)


def test_the_interval_agrees_with_a_paired_bootstrap():
    outcomes, champion, challenger = drawn(1_500, 1.0, 2)
    rng = np.random.default_rng(3)
    drawn_again = []
    for _ in range(400):
        rows = rng.integers(0, len(outcomes), len(outcomes))
        drawn_again.append(auc(outcomes[rows], challenger[rows]) - auc(outcomes[rows], champion[rows]))
    low, high = np.quantile(drawn_again, [0.025, 0.975])
    found = auc_difference(outcomes, champion, challenger)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.006), pytest.approx(high, abs=0.006))


def test_pairing_tells_what_separate_intervals_hide():
    outcomes, champion, challenger = drawn(1_200, 0.9, 5)
    found = auc_difference(outcomes, champion, challenger)
    apart = [auc_interval(outcomes, pd) for pd in (champion, challenger)]
    assert found.real
    assert apart[0].high > apart[1].low


def test_without_a_difference_a_real_one_is_claimed_about_one_time_in_twenty():
    claimed = 0
    for seed in range(200):
        outcomes, champion, challenger = drawn(600, 0.3, seed)
        claimed += auc_difference(outcomes, champion, challenger).real
    assert 2 <= claimed <= 20


def test_a_better_calibrated_challenger_shows_in_the_squared_error():
    outcomes, champion, _ = drawn(3_000, 0.3, 8)
    bold = np.clip(champion * 2.5, 0, 0.999)
    assert brier_difference(outcomes, bold, champion).low > 0
    assert not brier_difference(outcomes, champion, champion).real


def test_the_verdict_in_a_word():
    assert compare(*drawn(4_000, 1.2, 9))["verdict"] == "better"
    outcomes, champion, challenger = drawn(4_000, 1.2, 9)
    assert compare(outcomes, challenger, champion)["verdict"] == "worse"
    assert compare(*drawn(400, 0.3, 10))["verdict"] == "open"


def test_too_few_outcomes_give_no_verdict():
    outcomes, champion, challenger = drawn(120, 1.0, 11)
    assert compare(outcomes, champion, challenger) is None


def test_before_outcomes_agreement_is_all_there_is():
    champion = np.array([0.02, 0.04, 0.08, 0.20])
    challenger = np.array([0.03, 0.05, 0.12, 0.09])
    told = agreement(champion, challenger, 0.10)
    assert (told["only_champion_refuses"], told["only_challenger_refuses"], told["same_answer"]) == (1, 1, 0.5)
    assert told["rank_correlation"] == pytest.approx(0.8)
    assert told["kappa"] == pytest.approx(-1 / 3)
    assert agreement(champion[:1], challenger[:1], 0.1)["rank_correlation"] is None
    assert agreement(champion, champion, 0.1)["kappa"] == 1


def test_a_smaller_gap_needs_more_loans():
    assert rows_needed(0.005, 0.08) > 3 * rows_needed(0.01, 0.08)
    assert rows_needed(0, 0.08) == 0
