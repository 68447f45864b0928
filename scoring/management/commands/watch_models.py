"""Look at the models in force now."""

from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from scoring.models import Alarm
from scoring.services.monitoring import watch_models


class Command(InstitutionCommand):
    help = "Hold recent applications and finished loans against each model in force; what moved becomes an alarm."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--on", type=date.fromisoformat, help="as of this day (default today)")

    def handle(self, *, institution: Institution, actor: Actor, on: date | None, **options: Any) -> None:
        try:
            reports = watch_models(institution=institution, actor=actor, on=on)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        with institution_scope(institution.pk):
            alarms = [
                {
                    "segment": one.segment,
                    "kind": one.kind,
                    "level": one.level,
                    "subject": one.subject,
                    "value": one.value,
                }
                for one in Alarm.objects.filter(closed_at=None).order_by("segment", "-value")
            ]
            looked = [
                {"segment": one.segment, "model": str(one.model_id), "applications": one.applications}
                for one in reports
            ]
        lines = [f"{one['segment']}: {one['applications']} applications" for one in looked]
        lines += [f"! {one['segment']} {one['kind']} {one['subject']}: {one['value']:.3f}" for one in alarms]
        self.report({"reports": looked, "alarms": alarms}, "\n".join(lines) or "No model is in force.")
