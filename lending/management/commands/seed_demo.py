import time
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts.commands import JsonCommand
from lending.demo.people import PASSWORD
from lending.demo.seed import Seeder, SignIn

FILE = "sign-ins.txt"  # shown by the demo when it is ready


class Command(JsonCommand):
    help = "Fill the demo with two invented lenders, their people, products, models and cases. Safe to repeat."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("seed_demo makes accounts with a printed password: it only runs with DEMO=1.")
        began = time.monotonic()

        def say(text: str) -> None:
            self.stderr.write(f"{time.monotonic() - began:5.1f} s  {text}")

        sign_ins = Seeder(say).run()
        text = table(sign_ins)
        folder = settings.LOCAL.files
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(text, encoding="utf-8")
        document = {
            "password": PASSWORD,
            "second_step_code": settings.DEMO_SECOND_STEP_CODE,
            "sign_ins": [asdict(line) for line in sign_ins],
        }
        self.report(document, f"{time.monotonic() - began:5.1f} s  example data ready")


def table(lines: list[SignIn]) -> str:
    """The sign-ins for people, in columns."""
    wide = max(len(line.role) for line in lines)
    rows = [f"  {line.institution:<14} {line.role:<{wide}}  {line.email:<34} {line.name}" for line in lines]
    head = f"Sign in with the password {PASSWORD}; staff type the second-step code {settings.DEMO_SECOND_STEP_CODE}:"
    return "\n".join([head, *rows]) + "\n"
