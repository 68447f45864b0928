"""Measure a registered model."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from scoring.management.commands.promote_model import model_key
from scoring.management.commands.train_model import dataset_named
from scoring.services import evaluate_model


class Command(InstitutionCommand):
    help = "A model's figures: as measured when it was trained or, with --dataset, on other borrowers' facts."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("model", help="the model's name (MN-3) or id")
        parser.add_argument("--dataset", metavar="NAME", help="an imported data set of declared facts")
        parser.add_argument("--cutoff", type=float, default=0.10, help="refuse from this PD on (default 0.10)")

    def handle(
        self,
        *,
        model: str,
        dataset: str | None,
        cutoff: float,
        institution: Institution | None,
        actor: Actor,
        **options: Any,
    ) -> None:
        if not 0 < cutoff < 1:
            raise CommandError("--cutoff: a probability between 0 and 1, such as 0.10")
        try:
            figures = evaluate_model(
                model_id=model_key(model, institution),
                actor=actor,
                dataset=dataset_named(dataset, institution) if dataset else None,
                cutoff=cutoff,
            )
        except (DomainError, ValueError) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.report(figures)
