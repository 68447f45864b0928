"""Load market prices, yields and weather from a file."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from scoring.services.signals import load_signals
from scoring.signals.reading import BadRow, SignalRow, SignalsRefused, read_signals

SHOWN = 20


class Command(InstitutionCommand):
    help = "Load a CSV of signals as if it were streamed, all or nothing; a corrected figure becomes a new version."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "file", type=Path, help="our columns (kind, region, subject, on, until, value) or a yearbook's"
        )
        parser.add_argument("--skip-bad-rows", action="store_true", help="load the rest when some rows are impossible")

    def handle(
        self, *, file: Path, skip_bad_rows: bool, institution: Institution | None, actor: Actor, **options: Any
    ) -> None:
        if institution is not None:
            raise CommandError("--institution: signals belong to everybody; leave it out")
        bad: list[BadRow] = []

        def good() -> Iterator[SignalRow]:
            for row in read_signals(file):
                if isinstance(row, BadRow):
                    bad.append(row)
                else:
                    yield row
            if bad and not skip_bad_rows:
                shown = "\n".join(f"line {row.line}: {row.why}" for row in bad[:SHOWN])
                raise CommandError(
                    f"{len(bad)} rows cannot be used, nothing was loaded:\n{shown}\n"
                    "Mend them, or load the rest with --skip-bad-rows."
                )

        try:
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            with tqdm(unit="signal", file=self.stderr, disable=None) as bar:
                kept = load_signals(
                    rows=good(),
                    source=file.name,
                    source_sha256=sha256,
                    actor=actor,
                    progress=lambda read: bar.update(read - bar.n),
                )
        except (SignalsRefused, DomainError, OSError) as refusal:
            raise CommandError(str(refusal)) from refusal
        lines = [f"{kept} signals kept", *(f"line {row.line}: {row.why}" for row in bad[:SHOWN])]
        self.report(
            {
                "file": str(file),
                "sha256": sha256,
                "kept": kept,
                "rejected": len(bad),
                "errors": [{"line": row.line, "why": row.why} for row in bad[:100]],
            },
            "\n".join(lines),
        )
