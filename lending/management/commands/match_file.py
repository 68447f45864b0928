import csv
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.exports import safe_cell
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from lending.imports.sheets import SheetRefused
from lending.services.match_file import HEADINGS, match_file


class Command(InstitutionCommand):
    help = "Match everybody in a CSV or XLSX file to an institution's published products; a CSV of offers comes out."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)
        parser.add_argument("--out", type=Path, help="where the offers go; standard output otherwise")
        parser.add_argument("--top", type=int, default=5, help="offers for each person")
        parser.add_argument("--without-score", action="store_true", help="at each product's dearest")

    def handle(self, *, institution: Institution, actor: Actor, file: Path, out: Path | None, **options: Any) -> None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        if options.get("json") and out is None:
            raise CommandError("--json needs --out FILE for the offers")
        try:
            with institution_scope(institution.pk):
                found = match_file(
                    actor=actor, name=file.name, content=content, top=options["top"],
                    score=not options["without_score"],
                )  # fmt: skip
        except SheetRefused as refusal:
            raise CommandError("\n".join(map(str, refusal.problems[:50]))) from refusal
        except DomainError as refusal:
            raise CommandError(str(refusal.message) or "not allowed") from refusal
        lines = 0
        with out.open("w", encoding="utf-8", newline="") if out else sys.stdout as target:
            writer = csv.writer(target)
            writer.writerow(HEADINGS)
            for line in tqdm(found.lines, unit="line", file=self.stderr, disable=None):
                writer.writerow([safe_cell(cell) for cell in line])
                lines += 1
        if out:
            done = {"people": found.people, "with_offers": found.with_offers, "lines": lines, "out": str(out)}
            self.report(done, "\n".join(f"{name}: {value}" for name, value in done.items()))
