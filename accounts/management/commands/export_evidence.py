from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections
from tqdm import tqdm

from accounts import audit
from accounts.actors import Actor
from accounts.audit.checkpoints import SYSTEM
from accounts.audit.export import Exported, NothingToExport, export
from accounts.clock import today
from accounts.commands import InstitutionCommand
from accounts.errors import NotAllowed
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope


class Command(InstitutionCommand):
    requires_system_checks: tuple[str, ...] = ()  # evidence is seen to whatever else is amiss
    help = (
        "Write an institution's audit entries, seals and signed checkpoints of a period into one ZIP, with a"
        " program that verifies it without Ayni. The export itself is audited."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--from", type=date.fromisoformat, required=True, dest="begins", metavar="YYYY-MM-DD")
        parser.add_argument("--to", type=date.fromisoformat, default=None, dest="ends", metavar="YYYY-MM-DD")
        parser.add_argument("--output", type=Path, required=True, metavar="FILE")

    def handle(
        self, *, institution: Institution, actor: Actor, begins: date, ends: date | None, output: Path, **options: Any
    ) -> None:
        if SYSTEM not in connections:
            raise CommandError("DATABASE_SYSTEM_URL is not set: evidence is read as lend_system")
        ends = ends or today()
        if ends < begins:
            raise CommandError("--to: the period ends before it begins")
        if actor.kind == "user":
            try:
                actor.require("accounts.view_audit")
            except NotAllowed as error:
                raise CommandError("--as: this person may not see the audit of this institution") from error
        with tqdm(unit="entry", desc="exported", file=self.stderr, disable=None) as bar:
            try:
                exported = export(institution, begins, ends, output, bar.update)
            except NothingToExport as error:
                raise CommandError(f"--from, --to: {error}") from error
            except OSError as error:
                raise CommandError(f"--output: {output} cannot be written: {error.strerror}") from error
        self.tell(institution, actor, exported)
        self.report(
            {
                "file": str(output),
                "first_seq": exported.first_seq,
                "last_seq": exported.last_seq,
                "checkpoints": exported.checkpoints,
                "entries": exported.entries,
            }
        )

    def tell(self, institution: Institution, actor: Actor, exported: Exported) -> None:
        """Who took what out is itself evidence."""
        with institution_scope(institution.pk):
            audit.record(
                actor,
                "accounts.evidence.exported",
                institution,
                first_seq=exported.first_seq,
                last_seq=exported.last_seq,
                checkpoints=exported.checkpoints,
            )
