from datetime import date, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from accounts.actors import Actor
from accounts.clock import today
from accounts.commands import JsonCommand
from accounts.errors import DomainError
from accounts.models import Institution
from accounts.services.institutions import create_institution
from lending.services.generation import generate_portfolio


class Command(JsonCommand):
    help = "Fill an institution of its own with an invented loan book: delays, products, branches, vintages."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--loans", type=int, required=True)
        parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same book")
        parser.add_argument("--date", type=date.fromisoformat, help="the day it stands at; yesterday when not given")
        parser.add_argument("--institution", metavar="SLUG", help="made when it does not exist; cartera-SEED")

    def handle(self, *, loans: int, seed: int, date: date | None, institution: str | None, **options: Any) -> None:
        if loans < 1:
            raise CommandError("--loans: at least 1")
        actor = Actor.system("generate_portfolio")
        slug = institution or f"cartera-{seed}"
        try:
            where = create_institution(
                actor=actor, slug=slug, name=f"Cartera de prueba {seed}", legal_name=f"Cartera de prueba {slug}",
                kind=Institution.Kind.EDPYME, is_fictional=True,
            )  # fmt: skip
            with tqdm(total=loans, unit="loan", file=self.stderr, disable=None) as bar:
                made = generate_portfolio(
                    institution=where, actor=actor, loans=loans, seed=seed,
                    on=date or today() - timedelta(days=1), progress=bar.update,
                )  # fmt: skip
        except DomainError as refusal:
            fields = getattr(refusal, "fields", {})
            raise CommandError("; ".join(f"{n}: {' '.join(t)}" for n, t in fields.items()) or str(refusal)) from refusal
        self.report(made)
