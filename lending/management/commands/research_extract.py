"""Write an anonymised extract for research."""

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.commands import InstitutionCommand
from accounts.errors import NotAllowed
from accounts.exports import csv_lines
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from lending.research import LEAST_K
from lending.selectors.research import research_extract, research_headings


class Command(InstitutionCommand):
    help = (
        "Write an institution's assessed applications of a period as CSV in which nobody stands in a group of fewer"
        " than K people, and state the risk of finding somebody again. The extract itself is audited."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--from", type=date.fromisoformat, required=True, dest="begins", metavar="YYYY-MM-DD")
        parser.add_argument("--to", type=date.fromisoformat, default=None, dest="ends", metavar="YYYY-MM-DD")
        parser.add_argument("--k", type=int, default=10, help=f"smallest group, {LEAST_K} or more (10)")
        parser.add_argument("--output", type=Path, required=True, metavar="FILE")

    def handle(
        self, *, institution: Institution, actor: Actor, begins: date, ends: date | None, k: int, output: Path,
        **options: Any,
    ) -> None:  # fmt: skip
        ends = ends or today()
        if k < LEAST_K:
            raise CommandError(f"--k: a group of fewer than {LEAST_K} protects nobody")
        with institution_scope(institution.pk):
            try:
                actor.require("accounts.export_research")
            except NotAllowed as error:
                raise CommandError("--as: this person may not take data out of this institution") from error
            found = research_extract(begins, ends, k)
            try:
                output.write_text("".join(csv_lines(research_headings(), found.rows)), encoding="utf-8")
            except OSError as error:
                raise CommandError(f"--output: {output} cannot be written: {error.strerror}") from error
            audit.record(
                actor, "lending.research.exported", institution, begins=begins, ends=ends, k=k, rows=len(found.rows),
                suppressed=found.suppressed,
            )  # fmt: skip
        self.report(
            {
                "file": str(output),
                "k": k,
                "rows": len(found.rows),
                "suppressed": found.suppressed,
                "suppressed_share": round(found.suppressed_share, 4),
                "highest_risk": round(found.highest_risk, 4),
                "average_risk": round(found.average_risk, 4),
            }
        )
