"""The list of parts."""

import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^\s;]+)(?:\s*;\s*(.+))?$")


class Command(BaseCommand):
    help = "Write the software bill of materials (CycloneDX 1.6, JSON) of what requirements.txt pins."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, help="file to write; standard output without it")

    def handle(self, *, output: Path | None, **options: Any) -> None:
        text = json.dumps(bill((settings.BASE_DIR / "requirements.txt").read_text(encoding="utf-8")), indent=1)
        if output is None:
            self.stdout.write(text)
            return
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n", encoding="utf-8")
        self.stderr.write(f"{output}: {text.count('pkg:pypi/') // 2} parts")


def bill(requirements: str) -> dict[str, Any]:
    """The parts with version, licence (where installed) and the machines they are for."""
    pins = [found.groups() for line in requirements.splitlines() if (found := PIN.match(line))]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": timezone.now().isoformat(timespec="seconds"),
            "component": {"type": "application", "name": "ayni", "bom-ref": "ayni"},
        },
        "components": [part(name, version, marker) for name, version, marker in pins],
    }


def part(name: str, version: str, marker: str | None) -> dict[str, Any]:
    """One pinned distribution."""
    address = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    found: dict[str, Any] = {"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address}
    if licence := licence_of(name):
        found["licenses"] = [{"license": {"name": licence}}]
    if marker:
        found["properties"] = [{"name": "python:marker", "value": marker}]
    return found


def licence_of(name: str) -> str:
    """As the installed distribution states it, in one line; empty where it is not installed or says nothing."""
    try:
        about = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    classified = [
        one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or () if one.startswith("License ::")
    ]
    stated = [*(about.get_all("License-Expression") or ()), *classified]
    return str(stated[0]).splitlines()[0][:80] if stated else ""
