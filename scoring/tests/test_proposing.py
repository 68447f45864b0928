"""The rule by which a candidate is proposed: each condition alone, then the simplest among equals."""

import numpy as np
import pytest

from scoring.comparison import log_loss_gain
from scoring.evaluation import log_loss
from scoring.proposing import Candidate, propose

ROWS = 4_000


@pytest.fixture(scope="module")
def world():
    """Outcomes, and a way to see their true risk through noise, calibrated."""
    rng = np.random.default_rng(5)
    logit = rng.normal(-2, 1.2, ROWS)
    outcomes = (rng.uniform(size=ROWS) < 1 / (1 + np.exp(-logit))).astype(float)

    def seen(noise, seed=1):
        from scoring.calibration import choose_calibration

        blurred = logit + np.random.default_rng(seed).normal(0, noise, ROWS)
        return choose_calibration(blurred, outcomes).probabilities(blurred)

    return outcomes, seen


def candidate(name, predicted, algorithm="additive-xgboost", *, live=True, ratio=None):
    return Candidate(name, algorithm, live, predicted, ratio)


def failed(judged):
    return {one.name: one.failed for one in judged}


def test_the_gain_is_the_difference_of_the_log_losses(world):
    outcomes, seen = world
    found = log_loss_gain(outcomes, seen(1.5), seen(0.3))
    assert found.value == pytest.approx(log_loss(outcomes, seen(1.5)) - log_loss(outcomes, seen(0.3)), abs=1e-12)
    assert found.real
    assert not log_loss_gain(outcomes, seen(0.3), seen(0.3)).real


def test_better_beyond_chance_is_proposed_and_what_may_be_chance_is_not(world):
    outcomes, seen = world
    champion = candidate("in force", seen(1.5))
    assert propose(outcomes, [candidate("sharp", seen(0.3))], champion)[0] == "sharp"
    name, judged = propose(outcomes, [candidate("alike", seen(1.5, seed=2))], champion)
    assert (name, failed(judged)) == (None, {"alike": ("not_better",)})
    name, judged = propose(outcomes, [candidate("worse", seen(3))], champion)
    assert (name, failed(judged)) == (None, {"worse": ("not_better",)})


def test_the_first_model_has_nothing_to_beat(world):
    outcomes, seen = world
    name, (judged,) = propose(outcomes, [candidate("first", seen(1.5))], None)
    assert (name, judged.gain) == ("first", None)


def test_a_bold_one_is_not_proposed_however_well_it_ranks(world):
    outcomes, seen = world
    bold = np.clip(seen(0.1) * 1.3, 0, 0.999)
    name, judged = propose(outcomes, [candidate("bold", bold)], candidate("in force", seen(4)))
    assert (name, failed(judged)) == (None, {"bold": ("calibration",)})


@pytest.mark.parametrize(
    ("ratio", "before", "fit"),
    [(0.81, 0.95, True), (0.79, 0.95, False), (0.79, 0.75, True), (0.74, 0.75, False), (0.79, None, False)],
)
def test_no_group_is_served_worse_than_four_fifths_or_than_before(world, ratio, before, fit):
    outcomes, seen = world
    champion = candidate("in force", seen(1.5), ratio=before)
    name, judged = propose(outcomes, [candidate("sharp", seen(0.3), ratio=ratio)], champion)
    assert (name == "sharp", failed(judged)["sharp"]) == (fit, () if fit else ("fairness",))


def test_who_cannot_explain_itself_is_judged_and_not_proposed(world):
    outcomes, seen = world
    both = [candidate("free", seen(0.05), "stack", live=False), candidate("open", seen(0.3))]
    name, judged = propose(outcomes, both, candidate("in force", seen(1.5)))
    assert name == "open"
    assert [one.name for one in judged] == ["free", "open"]
    assert failed(judged)["free"] == ("not_live",)


def test_of_equals_the_simplest_and_of_unequals_the_best(world):
    outcomes, seen = world
    trees, card = candidate("trees", seen(0.30, seed=2)), candidate("card", seen(0.31), "scorecard")
    assert log_loss(outcomes, trees.predicted) < log_loss(outcomes, card.predicted)
    assert propose(outcomes, [trees, card], None)[0] == "card"
    blunt = candidate("card", seen(1.5), "scorecard")
    assert propose(outcomes, [trees, blunt], None)[0] == "trees"


def test_nobody_is_proposed_of_nobody(world):
    assert propose(world[0], [], None) == (None, [])
