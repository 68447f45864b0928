import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from portal.local import doctor
from portal.local.doctor import Finding
from portal.local.paths import paths
from portal.local.postgres import ServerFailed
from portal.local.servers import Servers


class Command(BaseCommand):
    """Examines the machine and the configuration; exit status 1 when something is wrong."""

    help = "Check the machine and the configuration, and say how to mend what is wrong."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="One JSON document on stdout.")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = self.examine()
        wrong = [finding for finding in findings if finding.status == doctor.WRONG]
        if options["json"]:
            answer = {"ok": not wrong, "checks": [finding.as_json() for finding in findings]}
            self.stdout.write(json.dumps(answer, indent=2))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.status:<6}{finding.name:<13}{finding.found}")
                if finding.mend:
                    self.stdout.write(f"{'':<19}→ {finding.mend}")
        if wrong:
            sys.exit(1)

    def examine(self) -> list[Finding]:
        """The findings, with the embedded servers running when they are the ones configured."""
        place = paths()
        if not settings.EMBEDDED:
            return list(doctor.examine(place, embedded=False))
        servers = Servers(place)
        findings = []
        try:
            servers.attach()
        except (ServerFailed, OSError) as error:
            findings.append(
                Finding("servers", doctor.WRONG, str(error), f"see {place.logs}; `make reset` starts afresh")
            )
        try:
            return findings + list(doctor.examine(place, embedded=True))
        finally:
            servers.release()
