import json

import numpy as np
import pytest

from scoring.curves import psi
from scoring.drift import drift, realised, reference

RNG = np.random.default_rng(7)
N = 4_000


@pytest.fixture(scope="module")
def kept():
    X = np.column_stack([RNG.normal(0, 1, N), RNG.uniform(0, 1, N), np.full(N, np.nan)])
    X[:400, 1] = np.nan
    return json.loads(json.dumps(reference(["a", "b", "c"], X, RNG.uniform(0, 0.3, N))))  # as it comes from the table


def one(kept, name, values):
    (found,) = drift(kept, {name: np.asarray(values, dtype=float)})
    return found


def test_the_same_people_do_not_move(kept):
    found = one(kept, "a", RNG.normal(0, 1, 500))
    assert not found.moved
    assert found.psi < 0.06


def test_others_do_and_the_index_is_the_usual_one(kept):
    before, now = RNG.normal(0, 1, N), RNG.normal(1, 1, 2_000)
    found = one(reference(["a"], before[:, None], before), "a", now)
    assert found.moved
    assert found.psi == pytest.approx(psi(before, now), abs=1e-3)


def test_few_applications_do_not_cry_wolf(kept):
    alarms = sum(one(kept, "a", RNG.normal(0, 1, 60)).moved for _ in range(400))
    assert alarms <= 400 * 0.08
    assert sum(one(kept, "a", RNG.normal(0, 1, 60)).psi > 0.10 for _ in range(400)) > 100  # the plain rule would


def test_missing_answers_and_values_never_seen_are_told(kept):
    values = RNG.uniform(0, 1, 1_000)
    values[:600] = np.nan
    found = one(kept, "b", values)
    assert (found.missing, found.missing_before) == (0.6, 0.1)
    assert found.psi > 0.25
    assert one(kept, "a", [100.0] * 30 + [0.0] * 70).beyond == 0.3


def test_a_feature_nobody_answered_and_an_empty_window_break_nothing(kept):
    assert one(kept, "c", [np.nan] * 50).psi == 0
    assert one(kept, "c", [1.0] * 50).psi > 1
    assert drift(kept, {"a": np.empty(0), "unknown": np.ones(5)}) == []


def test_the_furthest_comes_first(kept):
    found = drift(kept, {"a": RNG.normal(0, 1, 500), "b": RNG.uniform(0.9, 1, 500), "": RNG.uniform(0, 0.3, 500)})
    assert found[0].subject == "b"


def test_a_vintage_says_how_sure_it_is():
    told = realised(np.full(100, 0.05), np.array([1.0] * 12 + [0.0] * 88))
    assert told["seen"] == 0.12
    assert told["low"] == pytest.approx(0.0700, abs=2e-3)  # Wilson's, by hand
    assert told["high"] == pytest.approx(0.1981, abs=2e-3)
