"""Write a model's run to MLflow."""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from scoring import registry
from scoring.management.commands.promote_model import model_key
from scoring.services.owners import visible_model

HOW_TO_GET_IT = "MLflow is not installed; it is an extra: pip install -r requirements-mlflow.txt"


class Command(InstitutionCommand):
    help = "Write a model's parameters, metrics and file as a run of MLflow (an extra: requirements-mlflow.txt)."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("model", help="the model's name (MN-3) or id")
        parser.add_argument("--to", required=True, metavar="URI", help="tracking address: http://… or file:///folder")
        parser.add_argument("--experiment", default="ayni", help="MLflow's experiment (default ayni)")

    def handle(self, *, model: str, institution: Institution | None, actor: Actor, **options: Any) -> None:
        if options["to"].startswith("file:") or "://" not in options["to"]:
            # MLflow 3 keeps folders for those who say that they want them.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            import mlflow
        except ImportError as error:
            raise CommandError(HOW_TO_GET_IT) from error
        try:
            actor.require("scoring.train_model")
            found = visible_model(model_key(model, institution), actor)
            content = registry.read_file(found.file)
        except (DomainError, OSError) as refusal:
            raise CommandError(str(refusal)) from refusal
        try:
            mlflow.set_tracking_uri(options["to"])
            mlflow.set_experiment(options["experiment"])
            with mlflow.start_run(run_name=found.name) as run, tempfile.TemporaryDirectory() as folder:
                flat = {name: value for name, value in found.parameters.items() if isinstance(value, str | int | float)}
                mlflow.log_params(flat)
                mlflow.log_metrics({name: float(value) for name, value in found.metrics.items()})
                mlflow.set_tags({"segment": found.segment, "sha256": found.sha256, "status": found.status})
                path = Path(folder) / f"{found.name}.ayni"
                path.write_bytes(content)
                mlflow.log_artifact(str(path))
        except (mlflow.MlflowException, ImportError, OSError) as error:
            raise CommandError(f"MLflow at {options['to']} did not take the run: {error}") from error
        self.report({"model": found.name, "run": run.info.run_id, "to": options["to"], "sha256": found.sha256})
