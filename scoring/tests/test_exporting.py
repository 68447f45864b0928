"""Models and data that leave the house."""

import json

import pytest
from django.core.management import CommandError, call_command

from scoring import registry
from scoring.management.commands.export_model import HOW_TO_GET_IT
from scoring.tests.factories import register_model


def test_without_the_extra_the_command_says_how_to_get_it(database, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(CommandError, match=r"requirements-mlflow\.txt"):
        call_command("export_model", "T-1", "--to", "sqlite:///x.db")
    assert "extra" in HOW_TO_GET_IT


def test_a_run_in_mlflow_carries_metrics_and_the_models_file(database, tmp_path, monkeypatch, capsys):
    mlflow = pytest.importorskip("mlflow", reason=HOW_TO_GET_IT)
    monkeypatch.chdir(tmp_path)
    model = register_model("household")
    call_command("export_model", model.name, "--to", (tmp_path / "runs").as_uri(), "--json")
    run = mlflow.get_run(json.loads(capsys.readouterr().out)["run"])
    assert run.data.metrics["auc"] == pytest.approx(model.metrics["auc"])
    assert run.data.tags["sha256"] == model.sha256
    (kept,) = (tmp_path / "runs").glob(f"*/{run.info.run_id}/artifacts/*.ayni")
    assert kept.read_bytes() == registry.read_file(model.file)
    with pytest.raises(CommandError, match="did not take the run"):
        call_command("export_model", model.name, "--to", "nowhere://else")
