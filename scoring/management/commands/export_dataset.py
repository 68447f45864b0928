"""Write a data set without whom it is about."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.exports import csv_lines
from accounts.models import Institution
from scoring.management.commands.train_model import dataset_named
from scoring.services.exporting import export_dataset, rows_of


class Command(InstitutionCommand):
    help = "Write a data set as CSV without identifiers, sensitive facts or values that stand out; --as names who asks."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("dataset", metavar="NAME", help="as NAME or NAME:VERSION")
        parser.add_argument("--output", type=Path, required=True)

    def handle(self, *, dataset: str, output: Path, institution: Institution, actor: Actor, **options: Any) -> None:
        unfinished = output.with_name(output.name + ".part")
        try:
            frame = export_dataset(dataset=dataset_named(dataset, institution), actor=actor)
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                file.writelines(csv_lines(list(frame.columns), rows_of(frame)))
            unfinished.replace(output)
        except (DomainError, OSError) as refusal:
            unfinished.unlink(missing_ok=True)
            raise CommandError(str(refusal)) from refusal
        self.report({"output": str(output), "rows": len(frame), "columns": list(frame.columns)})
