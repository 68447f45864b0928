import importlib
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.commands import JsonCommand
from portal.local.paths import CHECKOUT


def names() -> list[str]:
    """The benchmarks there are: modules of `benchmarks/` with a `run`."""
    files: list[Path] = sorted((CHECKOUT / "benchmarks").glob("*.py"))
    return [path.stem for path in files if "\ndef run(" in path.read_text(encoding="utf-8")]


class Command(JsonCommand):
    help = "Measure one of the product's jobs against its limit in the same run, as ratios of medians."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="schedules, matching, …")
        parser.add_argument(
            "--size", type=int, help="how many loans, people or rows; each benchmark has its own default"
        )

    def handle(self, *, name: str, size: int | None, **options: Any) -> None:
        if name not in names():
            raise CommandError(f"There is no benchmark {name!r}. There are: {', '.join(names())}.")
        figures = importlib.import_module(f"benchmarks.{name}").run(*([size] if size else []))
        self.report(figures, "\n".join(f"{key}: {value}" for key, value in figures.items()))
