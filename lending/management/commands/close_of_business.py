from datetime import date, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError
from tqdm import tqdm

from accounts.actors import Actor
from accounts.clock import today
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from lending.models import Loan
from lending.provisions import MissingRule
from lending.services.closing import close_through, days_to_close
from lending.services.closing.run import CHUNK_LOANS


class Command(InstitutionCommand):
    help = "Close the books of every day up to one: arrears, classes, provisions, journals, summaries."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--date", type=date.fromisoformat, help="last day to close; yesterday when not given")
        parser.add_argument("--connections", type=int, default=1, help="database connections that work in parallel")
        parser.add_argument(
            "--recount", action="store_true", help="take the sums of the loans' spans where carried ones differ"
        )

    def handle(
        self,
        *,
        institution: Institution | None,
        actor: Actor,
        date: date | None,
        connections: int,
        recount: bool,
        **options: Any,
    ) -> None:
        on = date or today() - timedelta(days=1)
        active = Institution.objects.filter(is_active=True).exclude(kind=Institution.Kind.PLATFORM)
        closed = {}
        for each in [institution] if institution else list(active):
            who = actor if institution else Actor.system("close_of_business", institution_id=each.pk)
            closed[each.slug] = self.close(each, who, on, connections=connections, recount=recount)
        self.report(
            closed,
            "\n".join(
                f"{slug} {day['on']}: "
                + ("already closed" if day["already"] else f"{day['loans']} loans in {day['seconds']} s")
                for slug, days in closed.items()
                for day in days
            ),
        )

    def close(self, institution: Institution, actor: Actor, on: date, **how: Any) -> list[dict[str, Any]]:
        with institution_scope(institution.pk):
            total = (Loan.objects.count() // CHUNK_LOANS + 1) * CHUNK_LOANS * len(days_to_close(on))
        try:
            with tqdm(total=total, unit="loan", desc=institution.slug, file=self.stderr, disable=None) as bar:
                days = close_through(institution_id=institution.pk, actor=actor, on=on, progress=bar.update, **how)
        except (DomainError, MissingRule) as refusal:
            raise CommandError(f"{institution.slug}: {_words(refusal)}") from refusal
        except OperationalError as lost:
            words = "the database is gone; nothing is half-done, and the same command goes on where it stopped"
            raise CommandError(f"{institution.slug}: {words}. {str(lost).strip()}") from lost
        return [
            {
                "on": day.on.isoformat(), "loans": day.loans, "seconds": day.seconds,
                "already": day.already,
                "steps": {name: {"rows": s.get("rows"), "seconds": s["seconds"]} for name, s in day.steps.items()},
            }
            for day in days
        ]  # fmt: skip


def _words(refusal: Exception) -> str:
    fields = getattr(refusal, "fields", {})
    return "; ".join(f"--{name}: {' '.join(texts)}" for name, texts in fields.items()) or str(refusal)
