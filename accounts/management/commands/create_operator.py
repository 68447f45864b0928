"""The first person of a new installation."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.actors import Actor
from accounts.commands import JsonCommand
from accounts.errors import InvalidInput
from accounts.services.people import make_operator, register_person


class Command(JsonCommand):
    help = "Let a person operate the platform: make institutions, give mandates. They enter by e-mail and code."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("email")
        parser.add_argument("--name", required=True, help="first and last names")

    @transaction.atomic
    def handle(self, *, email: str, name: str, **options: Any) -> None:
        actor = Actor.system("create_operator")
        try:
            person = register_person(actor=actor, full_name=name, email=email, is_operator=True)
        except InvalidInput as refusal:
            raise CommandError("; ".join(text for texts in refusal.fields.values() for text in texts)) from refusal
        make_operator(user_id=person.pk, actor=actor)
        self.report(
            {"user": person.pk, "email": person.email},
            f"{person.email} operates the platform. Sign in at /accounts/login/ and set up the second step.",
        )
