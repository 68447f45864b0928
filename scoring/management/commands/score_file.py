"""Score a CSV of applicants."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from scoring import registry
from scoring.batch import FileRefused, score_file
from scoring.features import ProhibitedFact
from scoring.models import ScoringModel, Segment


class Command(InstitutionCommand):
    help = "Score a CSV of declared facts with the model in force, of the institution if it has one; any size."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="CSV with a column per declared fact")
        parser.add_argument("--segment", required=True, choices=Segment.values)
        parser.add_argument("--output", type=Path, required=True, help="CSV to write: score, pd and reasons by row")
        parser.add_argument("--key", metavar="COL", help="a column to copy beside each score")

    def handle(
        self,
        *,
        file: Path,
        segment: str,
        output: Path,
        key: str | None,
        institution: Institution | None,
        actor: Actor,
        **options: Any,
    ) -> None:
        unfinished = output.with_name(output.name + ".part")
        try:
            actor.require("scoring.train_model")
            model = champion_of(segment, institution)
            with tqdm(unit="row", file=self.stderr, disable=None) as bar:
                for totals in score_file(registry.live_model(model), file, unfinished, key=key):
                    bar.update(totals.rows - bar.n)
            unfinished.replace(output)
        except (DomainError, FileRefused, ProhibitedFact, OSError) as refusal:
            unfinished.unlink(missing_ok=True)
            raise CommandError(str(refusal)) from refusal
        self.report(
            {
                "file": str(file),
                "output": str(output),
                "model": model.name,
                "sha256": model.sha256,
                "rows": totals.rows,
                "scored": totals.scored,
                "refused": totals.refused,
                "mean_score": totals.mean_score,
            }
        )


def champion_of(segment: str, institution: Institution | None) -> ScoringModel:
    """The model in force for an institution, or the shared one."""
    if institution is None:
        return registry.champion(segment)
    with institution_scope(institution.pk):
        return registry.champion(segment, institution.pk)
