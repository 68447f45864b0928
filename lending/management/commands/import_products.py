from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from lending.imports.sheets import SheetRefused
from lending.services.product_import import import_products


class Command(InstitutionCommand):
    help = "Products and outside opportunities from a CSV or XLSX file: all or nothing, safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)
        parser.add_argument("--publish", action="store_true", help="offer them from today rather than keep drafts")

    def handle(self, *, institution: Institution, actor: Actor, file: Path, publish: bool, **options: Any) -> None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        try:
            with institution_scope(institution.pk):
                report = import_products(actor=actor, name=file.name, content=content, publish=publish)
        except SheetRefused as refusal:
            raise CommandError("\n".join([str(refusal.message), *map(str, refusal.problems)])) from refusal
        except DomainError as refusal:
            raise CommandError(str(refusal.message) or "not allowed: name a manager with --as EMAIL") from refusal
        done = {name: getattr(report, name) for name in report.__slots__}
        self.report(done, "\n".join(f"{name}: {len(codes)}" for name, codes in done.items()))
