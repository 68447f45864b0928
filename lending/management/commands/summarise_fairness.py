import sys
from datetime import date
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from accounts.commands import JsonCommand, institution_named
from lending.services import disparity

SHOWN = 5


class Command(JsonCommand):
    help = (
        "Make the fair-lending summaries anew from the frozen decisions, as lend_fairness. With --check nothing is"
        " written: sums over the frozen rows are worked out in Python and compared with the summaries; exit status 1"
        " names the first that differ."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--institution", metavar="SLUG", help="only this institution")
        parser.add_argument("--since", type=date.fromisoformat, metavar="YYYY-MM-DD", help="only from this month on")
        parser.add_argument("--check", action="store_true", help="compare, and write nothing")

    def handle(self, *, institution: str | None, since: date | None, check: bool, **options: Any) -> None:
        key = institution_named(institution).pk if institution else None
        try:
            if not check:
                self.report({"rows": disparity.summarise(institution_id=key, since=since)})
                return
            with tqdm(unit="case", desc="compared", file=self.stderr, disable=None) as bar:
                cases, differing = disparity.check(institution_id=key, since=since, progress=bar.update)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        self.report({"cases": cases, "differences": len(differing)})
        for one in differing[:SHOWN]:
            self.stderr.write(f"error: {', '.join(str(part) for part in one.key)}: {one.kept} is {one.worked_out}")
        if differing:
            self.stderr.write("Run summarise_fairness without --check; if they differ again, the summaries are wrong.")
            sys.exit(1)
