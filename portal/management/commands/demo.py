import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.local.demo import Demo


class Command(BaseCommand):
    """Starts servers, web, workers, relay, sealer and beat with example data; stops all of them at its end."""

    help = "Start the whole product on this machine, with example data, and serve until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="The first port to try (8000).")

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(Demo(options["port"]).run())
