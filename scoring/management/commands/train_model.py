"""Train a model of a segment and register it as a candidate."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from scoring.models import ScoringModel, Segment
from scoring.services import train_segment_model

METRICS = ("auc", "auc_low", "auc_high", "gini", "ks", "pr_auc", "brier", "log_loss", "ece")


class Command(InstitutionCommand):
    help = "Train a transparent model on synthetic borrowers; without --institution it is shared by all."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--synthetic", metavar="SEGMENT", choices=Segment.values, required=True, help=", ".join(Segment.values)
        )
        parser.add_argument("--rows", type=int, default=20_000, help="borrowers to draw (default 20000)")
        parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same model (default 1)")

    def handle(
        self, *, synthetic: str, rows: int, seed: int, institution: Institution | None, actor: Actor, **options: Any
    ) -> None:
        with tqdm(total=3, unit="step", file=self.stderr, disable=None) as bar:

            def progress(step: str, done: int, of: int) -> None:
                bar.set_description(step)
                bar.update(done - bar.n)

            try:
                model = train_segment_model(
                    segment=synthetic, actor=actor, rows=rows, seed=seed, institution=institution, progress=progress
                )
            except (DomainError, ValueError) as refusal:
                raise CommandError(str(refusal)) from refusal
        self.report(document_of(model))


def document_of(model: ScoringModel) -> dict[str, Any]:
    """What the command reports about a trained model."""
    return {
        "model": str(model.pk),
        "name": model.name,
        "algorithm": model.algorithm,
        "dataset": str(model.dataset),
        "splits": f"{model.parameters['folds']}fold",
        **{key: model.metrics[key] for key in METRICS},
        "auc_gap": model.metrics.get("auc_gap"),
        "pd_error": model.metrics.get("pd_error"),
        "seconds": model.parameters["seconds"],
        "trained_rows": model.dataset.rows,
        "seed": model.parameters["seed"],
        "sha256": model.sha256,
    }
