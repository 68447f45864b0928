import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from accounts.errors import InvalidState, NotAllowed
from accounts.tests.factories import UserFactory
from scoring import registry
from scoring.datasets import Table, profile
from scoring.evaluation import auc
from scoring.features import feature_names
from scoring.models import ScoringModel
from scoring.recipe import TableEncoder, feature_columns_of, splits_of, train_stack
from scoring.recipe.runs import run
from scoring.recipe.stack import load_stack
from scoring.recipe.transparent import holds_facts
from scoring.recipe.tuned import train_tuned
from scoring.services import evaluate_model, import_dataset, promote_model, train_on_dataset
from scoring.stacking import stack_weights
from scoring.synthetic import borrowers, fact_names
from scoring.tests.factories import register_model
from scoring.training import CannotTrain, stratified_folds


def table_of(n=600, seed=1):
    """A made-up table with numbers, levels, codes, dates and holes."""
    rng = np.random.default_rng(seed)
    income = rng.lognormal(7, 0.6, n)
    job = rng.choice(["farmer", "trader", "driver"], n)
    town = np.array([f"town {i}" for i in rng.integers(0, 30, n)])
    debt = rng.lognormal(6, 1.0, n)
    odds = -1.2 + 0.9 * (job == "driver") + 0.8 * np.log(debt / 400) - 0.9 * np.log(income / 1100)
    outcomes = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    frame = pd.DataFrame(
        {
            "income": np.where(rng.random(n) < 0.1, np.nan, income),
            "debt": debt,
            "job": np.where(rng.random(n) < 0.05, None, job),
            "town": town,
            "branch_code": rng.integers(100, 140, n).astype(float),
            "asked_on": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, n), "D"),
            "age": rng.integers(18, 70, n).astype(float),
            "default": outcomes,
        }
    )
    return Table(frame, "default", "asked_on", "0" * 64)


COLUMNS = ["income", "debt", "job", "town", "branch_code"]


@pytest.fixture(scope="module")
def table():
    return table_of()


@pytest.fixture(scope="module")
def stack(table):
    return train_stack(table.frame, table.outcomes, COLUMNS)


# --- encoding ---------------------------------------------------------------------------------------------------


def test_columns_become_numbers_by_their_kind(table):
    encoder = TableEncoder([*COLUMNS, "asked_on"])
    X = encoder.fit(table.frame, table.outcomes, stratified_folds(table.outcomes, 5, 1))
    assert encoder.names == [
        *("income", "debt", "job=(sin dato)", "job=driver", "job=farmer", "job=trader"),
        *(
            "town",
            "town count",
            "branch_code",
            "branch_code count",
            "asked_on day",
            "asked_on month",
            "asked_on weekday",
        ),
    ]
    assert np.isnan(X[:, 0]).mean() == pytest.approx(0.1, abs=0.03)
    assert X[:, 2:6].sum(axis=1).tolist() == [1.0] * len(X)


def test_a_rows_own_outcome_never_shows_in_its_encoding(table):
    folds = stratified_folds(table.outcomes, 5, 1)
    before = TableEncoder(["town"]).fit(table.frame, table.outcomes, folds)
    flipped = table.outcomes.copy()
    flipped[folds == 2] = 1 - flipped[folds == 2]
    after = TableEncoder(["town"]).fit(table.frame, flipped, folds)
    np.testing.assert_array_equal(after[folds == 2, 0], before[folds == 2, 0])
    assert np.abs(after[folds != 2, 0] - before[folds != 2, 0]).max() > 0.02


def test_levels_never_seen_before_count_as_the_average(table):
    encoder = TableEncoder(["town", "job"])
    encoder.fit(table.frame, table.outcomes, stratified_folds(table.outcomes, 5, 1))
    new = encoder.transform(pd.DataFrame({"town": ["elsewhere"], "job": ["pilot"]}))
    assert new[0, 0] == pytest.approx(table.outcomes.mean())
    assert new[0, 1] == 0
    assert new[0, 2:].sum() == 0


def test_an_encoder_survives_its_document(table):
    encoder = TableEncoder(COLUMNS)
    encoder.fit(table.frame, table.outcomes, stratified_folds(table.outcomes, 5, 1))
    again = TableEncoder.from_document(json.loads(json.dumps(encoder.as_document())))
    np.testing.assert_array_equal(again.transform(table.frame), encoder.transform(table.frame))


def test_sensitive_columns_are_left_out_unless_asked_for(table):
    described = profile(table)
    assert "age" not in feature_columns_of(described)
    assert "age" in feature_columns_of(described, keep_sensitive=True)
    assert "debt" not in feature_columns_of(described, exclude=["debt"])
    assert not {"default", "asked_on"} & set(feature_columns_of(described, keep_sensitive=True))


# --- splits -----------------------------------------------------------------------------------------------------


def test_splits_hold_out_what_they_say(table):
    folds = list(splits_of(table, "5fold", 1))
    assert (np.sum(folds, axis=0) == 1).all()
    (held,) = splits_of(table, "holdout30", 1)
    assert held.mean() == pytest.approx(0.3, abs=0.01)
    assert table.outcomes[held].mean() == pytest.approx(table.outcomes.mean(), abs=0.01)
    (late,) = splits_of(table, "time", 1)
    assert table.frame["asked_on"][late].min() > table.frame["asked_on"][~late].max()


def test_time_needs_an_as_of_column(table):
    undated = Table(table.frame, "default", None, table.sha256)
    with pytest.raises(CannotTrain, match="--as-of"):
        next(splits_of(undated, "time", 1))


# --- the stack --------------------------------------------------------------------------------------------------


def test_the_stack_ranks_people_it_has_not_seen(stack):
    fresh = table_of(3_000, seed=2)
    assert auc(fresh.outcomes, stack.probabilities(fresh.frame)) > 0.70
    assert stack.probabilities(fresh.frame).mean() == pytest.approx(fresh.outcomes.mean(), abs=0.03)


def test_the_stack_comes_back_from_its_file_and_the_same_run_gives_the_same_bytes(stack, table):
    content = stack.dump({"a": 1})
    again = load_stack(content)
    np.testing.assert_allclose(again.probabilities(table.frame), stack.probabilities(table.frame), rtol=1e-9)
    assert train_stack(table.frame, table.outcomes, COLUMNS).dump({"a": 1}) == content
    assert b"pickle" not in content


def test_a_stack_of_many_rows_has_fewer_members_and_comes_back_too(table, monkeypatch):
    monkeypatch.setattr("scoring.recipe.members.MANY_ROWS", 100)
    trained = train_stack(table.frame, table.outcomes, COLUMNS)
    assert list(trained.fitted) == ["xgboost-4", "xgboost-7", "rank-logistic", "extra-trees"]
    again = load_stack(trained.dump({}))
    np.testing.assert_array_equal(again.probabilities(table.frame), trained.probabilities(table.frame))


def test_the_trees_kept_as_arrays_say_what_scikit_learn_says(table):
    from scoring.recipe.members import RandomTrees, filled

    rng = np.random.default_rng(4)
    X = rng.normal(size=(800, 4))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = (np.nan_to_num(X[:, 0]) + rng.normal(size=800) > 0).astype(float)
    member = RandomTrees(trees=20)
    fitted = member.fit(X, y, X[:1], y[:1], seed=3)
    from sklearn.ensemble import ExtraTreesClassifier

    theirs = ExtraTreesClassifier(
        n_estimators=20, min_samples_leaf=3, max_features=member.columns, random_state=3, n_jobs=1
    ).fit(filled(X, fitted.fill), y)
    expected = np.clip(theirs.predict_proba(filled(X, fitted.fill))[:, 1], 1e-4, 1 - 1e-4)
    np.testing.assert_allclose(1 / (1 + np.exp(-fitted.log_odds(X))), expected, atol=1e-6)
    again = member.restore(fitted.arrays())
    np.testing.assert_array_equal(again.log_odds(X), fitted.log_odds(X))


def test_weights_are_never_negative_and_favour_the_better_member():
    rng = np.random.default_rng(5)
    truth = rng.normal(-1, 1, 4_000)
    outcomes = (rng.random(4_000) < 1 / (1 + np.exp(-truth))).astype(float)
    weights = stack_weights(np.column_stack([truth, rng.normal(-1, 1, 4_000), -truth]), outcomes)
    assert (weights[:-1] >= 0).all()
    assert weights[0] > 0.7
    assert weights[2] == pytest.approx(0, abs=1e-6)


def test_a_search_counts_trials_and_repeats_itself(table):
    first, again = (train_tuned(table.frame, table.outcomes, COLUMNS, trials=2, seed=7) for _ in range(2))
    assert first.dump({}) == again.dump({})
    assert first.settings["rounds"] >= 1


# --- runs -------------------------------------------------------------------------------------------------------


def test_every_row_of_a_fold_run_is_predicted_unseen(table):
    done = run(table, COLUMNS, "additive-xgboost-table", segment="household")
    assert done.held_out.all()
    assert done.metrics["auc"] == pytest.approx(auc(table.outcomes, done.predicted))
    assert done.metrics["auc"] < auc(table.outcomes, done.model.probabilities(table.frame))


def test_a_planted_leak_does_not_pass_through_the_encoding():
    rng = np.random.default_rng(6)
    words = pd.DataFrame({"word": [f"w{i}" for i in rng.integers(0, 300, 1_500)]})
    noise = words.assign(default=(rng.random(1_500) < 0.3).astype(float))
    done = run(Table(noise, "default", None, "0" * 64), ["word"], "additive-xgboost-table", segment="farm")
    assert done.metrics["auc_low"] < 0.52


def test_unknown_algorithms_and_no_columns_are_refused(table):
    with pytest.raises(CannotTrain, match="known: additive-xgboost"):
        run(table, COLUMNS, "crystal-ball")
    with pytest.raises(CannotTrain, match="no column"):
        run(table, [], "stack")


# --- registered -------------------------------------------------------------------------------------------------

SYSTEM = Actor.system("test")


@pytest.fixture
def history(platform, tmp_path):
    """An imported table of any columns."""
    path = tmp_path / "history.csv"
    table_of(400).frame.to_csv(path, index=False)
    return import_dataset(path=path, name="history", segment="household", target="default", actor=SYSTEM)


@pytest.fixture
def own_history(platform, tmp_path):
    """An imported table whose columns are declared facts."""
    path = tmp_path / "own.csv"
    frame = borrowers("household", 1_200, seed=8)
    frame[[*fact_names("household"), "default", "applied_on"]].to_csv(path, index=False)
    return import_dataset(
        path=path, name="own", segment="household", target="default", as_of="applied_on", actor=SYSTEM
    )


def test_a_table_of_declared_facts_gives_a_model_that_can_be_put_in_force(own_history):
    assert holds_facts("household", list(own_history.profile["columns"]))
    model = train_on_dataset(dataset=own_history, actor=SYSTEM, algorithm="additive-xgboost", splits="time")
    assert model.algorithm == "additive-xgboost"
    assert model.dataset == own_history
    assert registry.live_model(model).tables.names == feature_names("household")
    operator = Actor.for_user(UserFactory(is_operator=True))
    promoted = promote_model(model_id=model.pk, actor=operator, reason="Aprende de nuestra propia historia")
    assert promoted.status == ScoringModel.Status.CHAMPION


@pytest.mark.parametrize("algorithm", [pytest.param("stack", marks=pytest.mark.long), "additive-xgboost"])
def test_models_of_other_tables_are_for_comparison(history, algorithm):
    model = train_on_dataset(dataset=history, actor=SYSTEM, algorithm=algorithm, splits="holdout30")
    assert model.parameters["columns"] == [*COLUMNS, "asked_on"]
    assert model.parameters["sensitive"] == []
    operator = Actor.for_user(UserFactory(is_operator=True))
    with pytest.raises(InvalidState, match="comparar"):
        promote_model(model_id=model.pk, actor=operator, reason="Es más exacto")


def test_training_again_registers_nothing_new(history):
    first, again = (
        train_on_dataset(dataset=history, actor=SYSTEM, algorithm="additive-xgboost", splits="holdout30")
        for _ in range(2)
    )
    assert first == again


def test_training_needs_the_right(institution, history, officer, analyst):
    for actor in (officer, analyst):  # the data set is the platform's
        with pytest.raises(NotAllowed):
            train_on_dataset(dataset=history, actor=actor, algorithm="stack")


def test_train_from_the_command_line(history, capsys):
    call_command("train_model", "--dataset", "history", "--splits", "holdout30", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["algorithm"], report["dataset"]) == ("additive-xgboost-table", "history")
    assert (report["splits"], report["seed"]) == ("holdout30", 1)
    assert report["auc_low"] < report["auc"] < report["auc_high"]
    with pytest.raises(CommandError, match=r"Known: history:1"):
        call_command("train_model", "--dataset", "histroy")
    with pytest.raises(CommandError, match="--as-of"):
        call_command("train_model", "--dataset", "history", "--splits", "time")


def test_a_model_is_measured_on_other_peoples_facts(own_history, capsys):
    model = register_model("household", status=ScoringModel.Status.CANDIDATE)
    call_command("evaluate_model", model.name, "--json")
    assert json.loads(capsys.readouterr().out)["auc"] == model.metrics["auc"]
    call_command("evaluate_model", model.name, "--dataset", "own", "--cutoff", "0.08", "--json")
    figures = json.loads(capsys.readouterr().out)
    assert 0.6 < figures["auc"] < 0.95
    assert figures["rows"] == own_history.rows
    assert figures["at_cutoff"]["cutoff"] == 0.08
    with pytest.raises(CommandError, match="--cutoff"):
        call_command("evaluate_model", model.name, "--cutoff", "7")


def test_a_table_without_facts_measures_no_live_model(history, officer):
    model = register_model("household", status=ScoringModel.Status.CANDIDATE)
    with pytest.raises(CommandError, match="declared facts"):
        call_command("evaluate_model", model.name, "--dataset", "history")
    with pytest.raises(NotAllowed):
        evaluate_model(model_id=model.pk, actor=replace(officer, roles=frozenset({"applicant"})))
