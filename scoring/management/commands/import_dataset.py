"""Keep a file of borrowers as a versioned data set."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from scoring.datasets import DatasetRefused
from scoring.models import Dataset, Segment
from scoring.services import import_dataset


class Command(InstitutionCommand):
    help = "Check, profile and keep a CSV, Parquet or XLSX file; without --institution it is shared by all."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)
        parser.add_argument("--name", required=True, help="what to call it; another file of this name is a new version")
        parser.add_argument("--segment", required=True, choices=Segment.values)
        parser.add_argument("--target", metavar="COL", required=True, help="the column that says who defaulted")
        parser.add_argument("--as-of", metavar="COL", help="the column with the date of the decision")
        parser.add_argument("--approved", metavar="COL", help="yes or no: people refused need no outcome")
        parser.add_argument("--schema", type=Path, metavar="FILE", help="JSON schema that rows must keep to")

    def handle(
        self,
        *,
        file: Path,
        name: str,
        segment: str,
        target: str,
        as_of: str | None,
        approved: str | None,
        schema: Path | None,
        institution: Institution | None,
        actor: Actor,
        **options: Any,
    ) -> None:
        try:
            dataset = import_dataset(
                path=file,
                name=name,
                segment=segment,
                target=target,
                as_of=as_of,
                approved=approved,
                schema=schema,
                institution=institution,
                actor=actor,
            )
        except (DatasetRefused, DomainError) as refusal:
            raise CommandError(str(refusal)) from refusal
        document = document_of(dataset)
        rate = f"{float(dataset.target_rate):.1%}"
        lines = [
            f"{dataset}: {dataset.rows} rows, {document['rejected']} rejected, {rate} defaults",
            *(f"! {warning}" for warning in document["warnings"]),
            *(f"line {bad['row']}: {bad['why']}" for bad in dataset.profile["rejected"][:20]),
        ]
        self.report(document, "\n".join(lines))


def document_of(dataset: Dataset) -> dict[str, Any]:
    """What the command reports about a kept data set."""
    return {
        "dataset": dataset.name,
        "version": dataset.version,
        "id": str(dataset.pk),
        "sha256": dataset.sha256,
        "rows": dataset.rows,
        "rejected": dataset.profile["rejected_count"],
        "columns": {name: column["kind"] for name, column in dataset.profile["columns"].items()},
        "target_rate": float(dataset.target_rate),
        "warnings": dataset.profile["warnings"],
    }
