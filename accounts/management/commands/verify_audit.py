import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections
from tqdm import tqdm

from accounts.audit import checkpoints, verify
from accounts.commands import JsonCommand, institution_named


class Command(JsonCommand):
    requires_system_checks: tuple[str, ...] = ()  # evidence is seen to whatever else is amiss
    help = (
        "Recompute the audit chains and compare them with the checkpoints: those in the database, those that were"
        " published, and one that you hold. Exit status 1 names the first bad entry."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--institution", metavar="SLUG", help="only this institution's chain")
        parser.add_argument(
            "--checkpoint", metavar="FILE", type=Path, action="append", default=[], help="a checkpoint you hold"
        )

    def handle(self, *, institution: str | None, checkpoint: list[Path], **options: Any) -> None:
        if checkpoints.SYSTEM not in connections:
            raise CommandError("DATABASE_SYSTEM_URL is not set: verification reads as lend_system")
        outcome = verify.verify(
            institution_id=institution_named(institution).pk if institution else None,
            held=[self.held(path) for path in checkpoint],
            progress=self.progress(),
        )
        self.report(outcome.as_dict(), self.words(outcome))
        if outcome.waiting and outcome.waiting.alarming:
            self.stderr.write(
                f"warning: {outcome.waiting.count} entries have waited for a seal, the oldest for"
                f" {outcome.waiting.seconds:.0f} s. Is `manage.py seal_audit` running?"
            )
        if not outcome.ok:
            self.stderr.write(f"error: {outcome.first_bad}")
            sys.exit(1)

    def held(self, path: Path) -> checkpoints.Checkpoint:
        """The held checkpoint; its signature is checked with the rest."""
        try:
            return checkpoints.read(path)
        except OSError as error:
            raise CommandError(f"--checkpoint: {path} cannot be read: {error.strerror}") from error
        except checkpoints.CheckpointInvalid as error:
            raise CommandError(f"--checkpoint: {path} is not a checkpoint of Ayni") from error

    def progress(self) -> verify.Progress:
        bar = tqdm(file=self.stderr, disable=None, unit="step", leave=False)

        def show(name: str, done: int, total: int) -> None:
            bar.set_description(name, refresh=False)
            bar.total, bar.n = total, done
            bar.refresh()

        return show

    def words(self, outcome: verify.Verification) -> str:
        if not outcome.ok:
            return f"NOT INTACT: {outcome.first_bad}"
        return (
            f"Intact: {outcome.entries} entries, {outcome.checkpoints} checkpoints, {outcome.seconds:.1f} s."
            " Nothing was changed, removed or put in."
        )
