"""The neural extra; `make test-neural` runs this once on PyTorch and once on TensorFlow."""

import numpy as np
import pytest

from scoring.evaluation import auc
from scoring.recipe.neural import train_neural
from scoring.recipe.single import load_one_kind
from scoring.tests.test_recipe import COLUMNS, table_of

pytest.importorskip("keras", reason="the neural extra is not installed (requirements-neural.txt)")


def test_a_network_ranks_strangers_predicts_without_keras_and_is_the_same_twice(monkeypatch):
    table, fresh = table_of(400), table_of(1_000, seed=2)
    trained, again = (train_neural(table.frame, table.outcomes, COLUMNS, seed=3) for _ in range(2))
    predicted = trained.probabilities(fresh.frame)
    assert auc(fresh.outcomes, predicted) > 0.62
    content = trained.dump({})
    assert again.dump({}) == content
    monkeypatch.setitem(__import__("sys").modules, "keras", None)
    np.testing.assert_allclose(load_one_kind(content).probabilities(fresh.frame), predicted, rtol=1e-9)
