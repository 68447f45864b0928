from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import InvalidInput
from accounts.exports import csv_lines
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from lending.selectors.sbs_reports import REPORTS, headings, rows
from lending.services.sbs_reports import make_report


class Command(InstitutionCommand):
    help = "Write the classification and provisions (anexo-5) or the debtors' report (anexo-6) of a closed day as CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("report", choices=REPORTS)
        parser.add_argument("--date", type=date.fromisoformat, required=True, help="a day that is closed")
        parser.add_argument("--output", type=Path, required=True)

    def handle(
        self, *, institution: Institution, actor: Actor, report: str, date: date, output: Path, **options: Any
    ) -> None:
        count = 0

        def counted() -> Any:
            nonlocal count
            for row in rows(report, date):
                count += 1
                yield row

        with institution_scope(institution.pk):
            try:
                make_report(report=report, on=date, actor=actor)
            except InvalidInput as refusal:
                raise CommandError(f"--date: {date} is not closed; run close_of_business first") from refusal
            with output.open("w", encoding="utf-8", newline="") as file:
                file.writelines(csv_lines(headings(report), counted()))
        self.report({"report": report, "on": date.isoformat(), "rows": count, "file": str(output)})
