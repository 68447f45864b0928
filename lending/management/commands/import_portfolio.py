from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from accounts.actors import Actor
from accounts.clock import today
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from lending.portfolio_files import UnreadableFile, write_template
from lending.services.importing import ImportRefused, import_portfolio


class Command(InstitutionCommand):
    help = "Bring in an existing book (applicants, loans, payments) from a CSV or XLSX file: all of it or nothing."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "file", type=Path, help="the filled-in template; with --template, where to write an empty one"
        )
        parser.add_argument("--template", action="store_true", help="write an empty template and stop")
        parser.add_argument(
            "--date", type=date.fromisoformat, help="the day the book stands at; yesterday if not given"
        )

    def handle(
        self, *, file: Path, template: bool, date: date | None, institution: Institution | None, actor: Actor,
        **options: Any,
    ) -> None:  # fmt: skip
        if file.suffix.lower() not in (".csv", ".xlsx"):
            raise CommandError(f"{file}: the name must end in .csv or .xlsx")
        if template:
            with file.open("wb") as target:
                write_template(target, file.name)
            self.report({"template": str(file)})
            return
        if institution is None:
            raise CommandError("--institution: say whose book it is")
        if not file.is_file():
            raise CommandError(f"{file}: there is no such file")
        on = date or today() - timedelta(days=1)
        with tqdm(unit="loan", file=self.stderr, disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                with institution_scope(institution.pk):
                    found = import_portfolio(source=file, actor=actor, on=on, progress=show)
            except ImportRefused as refusal:
                for error in refusal.errors:
                    self.stderr.write(f"{error.table}, row {error.row}, {error.column}: {error.message}")
                raise CommandError(f"{len(refusal.errors)} cells to mend; nothing came in") from refusal
            except UnreadableFile as refusal:
                raise CommandError(f"{file}: {refusal.message}") from refusal
            except DomainError as refusal:
                raise CommandError(str(refusal.message)) from refusal
        self.report({
            "rows": found.rows, "applicants": found.applicants, "loans": found.loans, "repayments": found.repayments,
            "already": found.already,
        })  # fmt: skip
