import signal
from threading import Event
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.db import connections
from tqdm import tqdm

from accounts.audit import checkpoints, copies, sealer, signing
from accounts.commands import JsonCommand


class Command(JsonCommand):
    requires_system_checks: tuple[str, ...] = ()  # evidence is seen to whatever else is amiss
    help = (
        "Seal audit entries into their institutions' chains, every second, and sign a checkpoint every hour."
        " Runs until Ctrl-C or SIGTERM; connects as lend_system (DATABASE_SYSTEM_URL)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="seal what waits now, then end")
        parser.add_argument("--checkpoint", action="store_true", help="seal what waits, sign a checkpoint, then end")

    def handle(self, *, once: bool, checkpoint: bool, **options: Any) -> None:
        if sealer.SYSTEM not in connections:
            raise CommandError("DATABASE_SYSTEM_URL is not set: the sealer connects as lend_system")
        try:
            signing.signing_keys()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        with tqdm(unit="entry", desc="sealed", file=self.stderr, disable=None) as bar:
            if once or checkpoint:
                self.report(self.seal_now(bar.update, checkpoint=checkpoint))
                return
            stopping = Event()
            for signum in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, lambda *_: stopping.set())
            sealer.run(stopping, bar.update)

    def seal_now(self, progress: Any, *, checkpoint: bool) -> dict[str, Any]:
        """Seal everything that waits; with `checkpoint`, sign the heads afterwards."""
        document: dict[str, Any] = {"sealed": sealer.seal_all(progress)}
        if checkpoint:
            try:
                made = checkpoints.make()
            except checkpoints.CheckpointConflict as error:
                raise CommandError(str(error)) from error
            copies.Courier().deliver()
            document["checkpoint"] = made.number if made else None
            document["file"] = str(checkpoints.path_of(made.number)) if made else None
        return document
