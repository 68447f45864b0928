import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.features import FEATURES, features_of, reader
from scoring.memory import Memory
from scoring.points import Scale
from scoring.serving import DictionaryChanged, LiveModel
from scoring.synthetic import borrowers, declared
from scoring.tables import SingleTable, Tables
from scoring.tests.samples import applicant, live_model, matrix_of, small_training

odd = st.one_of(st.none(), st.floats(), st.integers(-(10**30), 10**30), st.decimals())


@pytest.mark.parametrize("segment", FEATURES)
def test_base_and_points_add_up_to_the_score_exactly(segment):
    model = live_model(segment)
    for facts in declared(borrowers(segment, 500, seed=9), segment):
        scored = model.score(facts)
        assert scored.base + sum(scored.points) + scored.limit == scored.score
        assert 300 <= scored.score <= 850
        assert scored.limit == 0 or scored.score in (300, 850)


@pytest.mark.parametrize("segment", FEATURES)
@given(data=st.data())
def test_whatever_is_declared_there_is_a_score_and_it_adds_up(segment, data):
    facts = {name: data.draw(odd, label=name) for name in reader(segment).numeric_facts}
    scored = live_model(segment).score(facts)
    assert scored.base + sum(scored.points) + scored.limit == scored.score
    assert 300 <= scored.score <= 850
    assert 0 < scored.pd < 1


@pytest.mark.parametrize("segment", FEATURES)
def test_a_batch_is_scored_like_one_applicant(segment):
    model = live_model(segment)
    X = matrix_of(segment, borrowers(segment, 400, seed=10))
    batch = model.score_matrix(X)
    for index, row in enumerate(X.tolist()):
        scored = model.score_values(row)
        assert scored.score == batch.score[index]
        assert list(scored.points) == batch.points[:, index].tolist()
        assert scored.limit == batch.limit[index]
        assert scored.pd == pytest.approx(batch.pd[index], rel=1e-12)


def test_memory_is_used_again_and_changes_no_figure():
    model, memory = live_model("farm"), Memory()
    X = matrix_of("farm", borrowers("farm", 9_000, seed=14))
    whole = model.score_matrix(X)
    kept = model.score_matrix(X[:8_500], memory)
    for start, end in ((0, 8_500), (8_500, 9_000), (100, 5_000)):
        batch = model.score_matrix(X[start:end], memory)
        for name in ("pd", "score", "points", "limit"):
            np.testing.assert_array_equal(getattr(batch, name), getattr(whole.rows(slice(start, end)), name))
        assert np.shares_memory(batch.points, kept.points)


@pytest.mark.parametrize("segment", FEATURES)
@given(data=st.data())
def test_a_longer_delay_never_raises_the_score(segment, data):
    days = sorted(data.draw(st.tuples(st.integers(0, 400), st.integers(0, 400))))
    past = data.draw(st.integers(1, 12))
    shorter, longer = (
        live_model(segment).score(applicant(segment, worst_delay_days=d, past_loans=past)).score for d in days
    )
    assert longer <= shorter


@given(st.integers(0, 7), st.integers(300, 9_000))
def test_one_more_creditor_never_raises_the_score(creditors, income):
    model = live_model("household")
    fewer, more = (
        model.score(applicant("household", creditors=count, monthly_income=income)).score
        for count in (creditors, creditors + 1)
    )
    assert more <= fewer


@pytest.mark.parametrize("segment", FEATURES)
def test_no_question_left_out_brings_points(segment):
    model = live_model(segment)
    silent = model.score({})
    assert all(points <= 0 for points in silent.points)
    assert silent.score <= model.base_points


def test_the_riskier_have_fewer_points():
    model = live_model("household")
    batch = model.score_matrix(matrix_of("household", borrowers("household", 500, seed=11)))
    order = np.argsort(batch.pd)
    assert (np.diff(batch.score[order]) <= 0).all()


def test_frozen_inputs_give_the_same_score_again():
    model = live_model("enterprise")
    first = model.score(applicant("enterprise"))
    assert model.score_values(list(first.values)) == first


def test_a_model_of_other_features_is_refused():
    trained, _, _ = small_training("household")
    empty = Tables(("no_longer",), 0.0, (SingleTable((), (0.0, 0.0)),))
    stale = LiveModel("household", empty, trained.calibration, Scale())
    with pytest.raises(DictionaryChanged, match="no_longer"):
        stale.score(applicant("household"))


def test_scoring_loads_neither_xgboost_nor_pandas_nor_scikit_learn():
    code = (
        "import django; from django.conf import settings; settings.configure(); django.setup(); import sys\n"
        "import scoring.model_files, scoring.explanations\n"
        "print(sorted({'xgboost', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("segment", FEATURES)
def test_points_follow_the_direction_of_each_feature(segment):
    model = live_model(segment)
    X = matrix_of(segment, borrowers(segment, 300, seed=12, missing=False))
    for index, feature in enumerate(features_of(segment)):
        if feature.direction and not any(index in (pair.first, pair.second) for pair in model.tables.pairs):
            values = model.tables.singles[index].values[:-1]
            assert (np.diff(values) * feature.direction >= -1e-9).all(), feature.name
    assert model.score_matrix(X).score.std() > 20
