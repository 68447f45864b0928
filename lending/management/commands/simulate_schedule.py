import sys
from io import TextIOWrapper
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from lending.schedules.contract import answer_line


class Command(BaseCommand):
    help = "Read loans as JSON lines on stdin; write a payment schedule for each on stdout. See docs/schedules.md."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = (
            'Example: {"principal": "3000.00", "annual_rate_pct": "36.90", "installments": 12, '
            '"disbursement_date": "2026-11-21"}. A line that cannot be worked out answers '
            '{"error": {"field": …, "message": …}} and the next one goes on.'
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """One line out for every line in, as soon as it is read. Pure arithmetic: no database, no servers."""
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # JSON, whatever the terminal's own
        for line in sys.stdin.buffer:
            sys.stdout.write(answer_line(line.decode("utf-8", errors="replace")) + "\n")
            sys.stdout.flush()
