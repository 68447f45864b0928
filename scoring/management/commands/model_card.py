"""Write a model's card."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from scoring.cards import card_html, card_pdf, model_card
from scoring.management.commands.promote_model import model_key
from scoring.services.evaluation import model_to_read


class Command(InstitutionCommand):
    help = "Write what a model is, what it learnt from and how well it does, as HTML or PDF by the file's name."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("model", help="the model's name (MN-3) or id")
        parser.add_argument("--output", type=Path, required=True, help="a .html or .pdf file")

    def handle(
        self, *, model: str, output: Path, institution: Institution | None, actor: Actor, **options: Any
    ) -> None:
        if output.suffix not in {".html", ".pdf"}:
            raise CommandError("--output: the file's name must end in .html or .pdf")
        try:
            found = model_to_read(model_id=model_key(model, institution), actor=actor)
            card = model_card(found)
            output.write_bytes(card_pdf(card) if output.suffix == ".pdf" else card_html(card).encode())
        except (DomainError, OSError) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.report({"model": found.name, "output": str(output), "bytes": output.stat().st_size})
