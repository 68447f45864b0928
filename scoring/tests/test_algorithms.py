import json
import math
import zipfile
from io import BytesIO, StringIO

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from scoring import registry
from scoring.algorithms import ALGORITHMS, LIVE_ALGORITHMS, MODES, ON_ANY_TABLE
from scoring.datasets import DatasetRefused, read_table
from scoring.evaluation import auc
from scoring.management.commands import train_model
from scoring.model_files import load_model
from scoring.models import ScoringModel
from scoring.points import Scale
from scoring.recipe.rejects import acceptance_weights
from scoring.recipe.runs import TRAINERS, run
from scoring.recipe.scorecard import bin_feature, points_table, train_scorecard, train_scorecard_facts
from scoring.recipe.single import KINDS, load_one_kind, one_kind, train_one_kind
from scoring.services import import_dataset, train_on_dataset
from scoring.synthetic import borrowers, column_names
from scoring.tests.test_recipe import COLUMNS, table_of
from scoring.training import CannotTrain

SYSTEM = Actor.system("test")


@pytest.fixture(scope="module")
def table():
    return table_of(500)


def test_every_algorithm_on_the_list_can_be_trained_and_only_those_with_exact_reasons_decide():
    assert set(TRAINERS) == set(ALGORITHMS)
    assert {"additive-xgboost", "scorecard"} == LIVE_ALGORITHMS == set(ON_ANY_TABLE)
    assert set(MODES.values()) <= set(ALGORITHMS)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_model_ranks_strangers_and_is_the_same_from_its_file_and_twice(name, table):
    trained, again = (one_kind(name)(table.frame, table.outcomes, COLUMNS, seed=3) for _ in range(2))
    fresh = table_of(1_500, seed=2)
    predicted = trained.probabilities(fresh.frame)
    assert auc(fresh.outcomes, predicted) > 0.62
    assert predicted.mean() == pytest.approx(fresh.outcomes.mean(), abs=0.06)
    content = trained.dump({"a": 1})
    assert again.dump({"a": 1}) == content
    np.testing.assert_allclose(load_one_kind(content).probabilities(fresh.frame), predicted, rtol=1e-9)
    assert not [one for one in zipfile.ZipFile(BytesIO(content)).namelist() if not one.endswith((".npy", ".json"))]


def test_another_seed_is_another_model(table):
    first, second = (
        one_kind("random-forest")(table.frame, table.outcomes, COLUMNS, seed=seed).dump({}) for seed in (1, 2)
    )
    assert first != second


def test_a_monotone_model_keeps_its_promises(table):
    trained = one_kind("xgboost-monotone")(table.frame, table.outcomes, COLUMNS, directions={"income": -1, "debt": 1})
    row = table.frame.iloc[[0]]
    for column, sign in (("income", -1), ("debt", 1)):
        many = pd.concat([row] * 60, ignore_index=True)
        many[column] = np.linspace(50, 8_000, 60)
        predicted = trained.probabilities(many)
        assert (np.diff(predicted) * sign >= -1e-12).all()
        assert np.ptp(predicted) > 0.01


def test_class_weights_leave_probabilities_alone_and_smote_shows_its_damage(table):
    notes = {
        way: one_kind("logistic")(table.frame, table.outcomes, COLUMNS, imbalance=way).notes
        for way in ("none", "weights", "smote")
    }
    rate = table.outcomes.mean()
    assert notes["weights"]["calibrated"]["mean_pd"] == pytest.approx(rate, abs=0.02)
    assert notes["weights"]["uncalibrated"]["mean_pd"] > rate + 0.05  # what the weights did, before it is taken back
    smote = notes["smote"]
    assert smote["uncalibrated"]["ece"] > 2 * smote["without"]["ece"]
    assert smote["uncalibrated"]["log_loss"] > smote["without"]["log_loss"] + 0.01
    assert smote["without"] == notes["none"]["uncalibrated"]


def test_a_budget_counts_trials_and_finds_the_same_again(table):
    told = []
    first, again = (
        one_kind("decision-tree")(
            table.frame, table.outcomes, COLUMNS, trials=4, progress=lambda *step: told.append(step)
        )
        for _ in range(2)
    )
    assert [step[1:] for step in told if step[0] == "search"] == [(n, 4) for n in (1, 2, 3, 4)] * 2
    assert first.notes["settings"] == again.notes["settings"] != vars(KINDS["decision-tree"])


@pytest.mark.parametrize(
    ("algorithm", "columns", "tries", "setting"),
    [("additive-xgboost-table", COLUMNS, 8, "learning_rate"), ("scorecard-table", COLUMNS[:3], 5, "bins")],
)
def test_live_kinds_search_too_and_are_no_worse_out_of_fold(algorithm, columns, tries, setting):
    told, table = [], table_of(600)
    plain, first, again = (
        TRAINERS[algorithm](
            table.frame, table.outcomes, columns, segment="household", trials=trials,
            progress=lambda *step: told.append(step),
        )
        for trials in (0, tries, tries)
    )  # fmt: skip
    assert [step[1:] for step in told if step[0] == "search"] == [(n, tries) for n in range(1, tries + 1)] * 2
    assert first.dump({}) == again.dump({})
    assert first.trained.metrics["log_loss"] <= plain.trained.metrics["log_loss"]
    # The usual settings are not the best here.
    assert first.trained.parameters[setting] != plain.trained.parameters[setting]


def test_an_option_that_an_algorithm_does_not_have_is_refused(table):
    with pytest.raises(CannotTrain, match="stack has no imbalance, trials"):
        run(table, COLUMNS, "stack", trials=3, imbalance="smote", segment="household")
    with pytest.raises(CannotTrain, match="unknown remedy"):
        train_one_kind(table.frame, table.outcomes, COLUMNS, member=KINDS["logistic"], imbalance="prayer")


def test_neural_without_keras_says_what_to_install(table, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotTrain, match=r"requirements-neural\.txt"):
        TRAINERS["neural"](table.frame, table.outcomes, COLUMNS)


# --- scorecard --------------------------------------------------------------------------------------------------


def test_weights_of_evidence_are_those_of_optbinning():
    from optbinning import OptimalBinning

    rng = np.random.default_rng(1)
    x = rng.normal(size=4_000)
    x[:400] = np.nan
    y = (rng.random(4_000) < 1 / (1 + np.exp(1.5 - np.where(np.isnan(x), 0.5, x)))).astype(float)
    binned = bin_feature(x, y, 1)
    theirs = OptimalBinning(
        dtype="numerical", solver="cp", max_n_bins=8, min_bin_size=0.03, monotonic_trend="ascending"
    ).fit(x[~np.isnan(x)], y[~np.isnan(x)].astype(int))
    assert binned.cuts == tuple(map(float, theirs.splits))
    by_hand = OptimalBinning(dtype="numerical", user_splits=list(binned.cuts)).fit(x, y.astype(int))
    table = by_hand.binning_table.build()
    kept = table[table["Bin"].astype(str).str.contains(r"\(|\[|Missing")]
    np.testing.assert_allclose(-kept["WoE"].astype(float), binned.evidence, rtol=0.08)
    assert binned.information == pytest.approx(table.loc["Totals", "IV"], rel=0.03)
    assert list(binned.evidence[:-1]) == sorted(binned.evidence[:-1])


def test_points_double_the_odds_and_add_up():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(1_500, 3))
    y = (rng.random(1_500) < 1 / (1 + np.exp(1.5 - X[:, 0] + 0.7 * X[:, 1]))).astype(float)
    trained = train_scorecard(X, y, ["a", "b", "noise"], [1, -1, 0])
    scale = Scale(anchor=500, anchor_odds=20, doubling=40)
    lines = points_table(trained.tables, scale)
    row = [0.3, -1.0, float("nan")]
    points = lines[0]["points"]
    for name, value in zip(trained.names, row, strict=True):
        points += next(
            line["points"]
            for line in lines
            if line["feature"] == name
            and (
                line["missing"]
                if value != value
                else not line["missing"]
                and (line["low"] is None or value >= line["low"])
                and (line["high"] is None or value < line["high"])
            )
        )
    assert points == pytest.approx(scale.exact(trained.tables.margin(row)), abs=2)
    assert scale.exact(np.log(1 / 40)) - scale.exact(np.log(1 / 20)) == pytest.approx(40)
    assert trained.metrics["auc"] > 0.7
    assert set(trained.tables.singles[2].values) == {0.0} or trained.parameters["slopes"]["noise"] >= 0


def test_a_scorecard_of_facts_serves_and_keeps_every_direction():
    frame = borrowers("household", 1_500, seed=6)
    model = train_scorecard_facts(frame, frame["default"].to_numpy(), [], segment="household")
    live = load_model(model.dump({"a": 1}))
    for feature, table in zip(live.reader.features, live.tables.singles, strict=True):
        if feature.direction:
            assert (np.diff(table.values[:-1]) * feature.direction >= -1e-12).all(), feature.name
    assert model.trained.metrics["auc"] > 0.62


# --- reject inference -------------------------------------------------------------------------------------------


def test_people_refused_count_through_those_like_them():
    rng = np.random.default_rng(4)
    x = rng.normal(size=6_000)
    approved = rng.random(6_000) < 1 / (1 + np.exp(2.5 * x))
    weights = acceptance_weights(pd.DataFrame({"x": x}), approved, ["x"])
    assert weights.mean() == pytest.approx(1)
    served = x[approved]
    assert served.mean() < -0.5
    assert np.average(served, weights=weights) == pytest.approx(x.mean(), abs=0.25)
    with pytest.raises(CannotTrain, match="refused"):
        acceptance_weights(pd.DataFrame({"x": x}), np.ones(6_000, dtype=bool), ["x"])


def test_a_file_of_people_served_and_refused(tmp_path):
    rows = [f"{i},{'si' if i % 3 else 'no'},{'' if i % 3 == 0 else i % 2}" for i in range(60)]
    path = tmp_path / "door.csv"
    path.write_text("income,approved,default\n" + "\n".join(rows) + "\n")
    table = read_table(path, "default", approved="approved")
    assert (len(table.frame), len(table.known().frame), table.rejected) == (60, 40, [])
    path.write_text(path.read_text() + "7,perhaps,1\n")
    with pytest.raises(DatasetRefused, match="fila 62 dice «perhaps»"):
        read_table(path, "default", approved="approved")


# --- registered -------------------------------------------------------------------------------------------------


def test_a_scorecard_with_reject_inference_from_the_command_line(platform, tmp_path):
    frame = borrowers("household", 1_800, seed=8)
    frame["default"] = frame["default"].astype(object).where(frame["approved"], "")
    frame["approved"] = frame["approved"].map({True: "si", False: "no"})
    path = tmp_path / "door.csv"
    frame[[*column_names("household"), "approved", "default"]].to_csv(path, index=False)
    dataset = import_dataset(
        path=path, name="door", segment="household", target="default", approved="approved", actor=SYSTEM
    )
    assert dataset.profile["refused"] == (frame["approved"] == "no").sum()
    out = StringIO()
    call_command(
        "train_model",
        *("--dataset", "door", "--algorithm", "scorecard", "--splits", "holdout30", "--reject-inference", "--json"),
        stdout=out,
    )
    document = json.loads(out.getvalue())
    assert {"auc_low", "gini", "ks", "pr_auc", "brier", "ece", "seconds", "trained_rows", "seed", "sha256"} <= set(
        document
    )
    model = ScoringModel.objects.get(pk=document["model"])
    assert (model.algorithm, model.parameters["reject_inference"]) == ("scorecard", True)
    registry.verify(model)
    assert model.evaluation["roc"][-1] == [1.0, 1.0]


def test_a_scorecards_points_stand_for_the_odds_asked_for(platform, tmp_path):
    path = tmp_path / "door.csv"
    borrowers("household", 900, seed=8)[[*column_names("household"), "default"]].to_csv(path, index=False)
    import_dataset(path=path, name="door", segment="household", target="default", actor=SYSTEM)
    how = ["train_model", "--dataset", "door", "--splits", "holdout30", "--json"]
    documents = []
    for scale in ([], ["--odds", "20", "--pdo", "40"]):
        out = StringIO()
        call_command(*how, "--algorithm", "scorecard", *scale, stdout=out)
        documents.append(json.loads(out.getvalue()))
    plain, asked = (registry.live_model(ScoringModel.objects.get(pk=one["model"])) for one in documents)
    assert plain.scale == Scale()
    assert asked.scale == Scale(anchor_odds=20, doubling=40)
    assert asked.scale.score(-math.log(20)) == 600
    assert asked.scale.score(-math.log(40)) == 640
    assert ScoringModel.objects.get(pk=documents[1]["model"]).parameters["scale"]["doubling"] == 40
    assert documents[0]["auc"] == documents[1]["auc"]
    with pytest.raises(CommandError, match="has no scale"):
        call_command(*how, "--pdo", "40")
    with pytest.raises(CommandError, match="above zero"):
        call_command(*how, "--algorithm", "scorecard", "--pdo", "0")
    with pytest.raises(CommandError, match="scorecard of a --dataset"):
        call_command("train_model", "--synthetic", "household", "--pdo", "40")


def test_a_wide_gap_to_the_free_model_is_told(platform, tmp_path):
    path = tmp_path / "door.csv"
    table_of(500).frame.to_csv(path, index=False)
    dataset = import_dataset(path=path, name="door", segment="household", target="default", actor=SYSTEM)
    model, free = (
        train_on_dataset(dataset=dataset, actor=SYSTEM, algorithm=name, splits="holdout30")
        for name in ("scorecard", "logistic")
    )
    document = train_model.document_of(model)
    assert document["gap_to_free"] == free.metrics["auc"] - model.metrics["auc"]
    for lead, warned in ((0.0099, 0), (0.0101, 1)):
        ScoringModel.objects.filter(pk=free.pk).update(metrics=free.metrics | {"auc": model.metrics["auc"] + lead})
        document = train_model.document_of(model)
        assert (document["free_model"], len(document["warnings"])) == (free.name, warned)
    assert train_model.document_of(free)["gap_to_free"] is None
    ScoringModel.objects.filter(pk=free.pk).update(parameters=free.parameters | {"columns": ["others"]})
    assert train_model.document_of(model)["free_model"] is None


def test_reject_inference_needs_to_know_who_was_refused(platform, tmp_path):
    path = tmp_path / "plain.csv"
    table_of(400).frame.to_csv(path, index=False)
    dataset = import_dataset(path=path, name="plain", segment="household", target="default", actor=SYSTEM)
    with pytest.raises(CannotTrain, match="--approved"):
        train_on_dataset(dataset=dataset, actor=SYSTEM, algorithm="logistic", reject_inference=True)
    with pytest.raises(CommandError, match="has no trials"):
        call_command("train_model", "--dataset", "plain", "--algorithm", "stack", "--trials", "5")
