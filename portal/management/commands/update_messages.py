from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal import messages


class Command(BaseCommand):
    help = "Bring the translation catalogues up to date with the words in the code; --check only says what is missing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something is missing")

    def handle(self, *, check: bool, **options: Any) -> None:
        missing = 0
        for language, _name in settings.LANGUAGES:
            if language == settings.LANGUAGE_CODE:
                continue
            if not check:
                messages.update(language)
            lines = messages.problems(language)
            missing += len(lines)
            for line in lines:
                self.stderr.write(line)
            self.stdout.write(f"{language}: {len(lines)} to do")
        if check and missing:
            raise SystemExit(1)
