"""What `manage.py` commands share: --json, --institution, --as, errors that name the remedy."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actors import Actor
from accounts.models import Institution, Membership, User
from accounts.tenancy.scope import institution_scope


class JsonCommand(BaseCommand):
    """Gives --json and `self.report`: one JSON document on stdout, or the same facts in lines."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON document on stdout")

    def execute(self, *args: Any, **options: Any) -> Any:
        self.as_json = options.pop("as_json", False)
        return super().execute(*args, **options)

    def report(self, document: dict[str, Any], text: str | None = None) -> None:
        """Print the result; `text` replaces the plain lines for people."""
        if self.as_json:
            self.stdout.write(json.dumps(document, default=str, ensure_ascii=False))
        else:
            self.stdout.write(text if text is not None else "\n".join(f"{k}: {v}" for k, v in document.items()))


class InstitutionCommand(JsonCommand):
    """Adds --institution and --as; `handle` receives `institution` and `actor`.

    Without --as the actor is the system, with the command's name as its reason.
    """

    institution_required = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--institution", metavar="SLUG", required=self.institution_required, help="the institution's address name"
        )
        parser.add_argument("--as", metavar="EMAIL", dest="as_email", help="who answers for the act")

    def execute(self, *args: Any, **options: Any) -> Any:
        slug, email = options.pop("institution"), options.pop("as_email")
        options["institution"] = institution_named(slug) if slug else None
        options["actor"] = self._actor(options["institution"], email)
        return super().execute(*args, **options)

    def _actor(self, institution: Institution | None, email: str | None) -> Actor:
        if email is None:
            name = type(self).__module__.rpartition(".")[2]
            return Actor.system(name, institution_id=institution.pk if institution else None)
        user = User.objects.filter(email__iexact=email, is_active=True).first()
        if user is None:
            raise CommandError(f"--as: nobody signs in as {email!r}")
        if institution is None:
            return Actor.for_user(user, channel="command")
        with institution_scope(institution.pk):
            membership = Membership.objects.filter(user=user, is_active=True).select_related("user").first()
        if membership is None:
            return Actor.for_user(user, institution_id=institution.pk, channel="command")
        return Actor.for_membership(membership, channel="command")


def institution_named(slug: str) -> Institution:
    """The institution with this address name; raises CommandError that lists what there is."""
    institution = Institution.objects.filter(slug=slug).first()
    if institution is None:
        known = ", ".join(Institution.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none yet"
        raise CommandError(f"--institution: there is no {slug!r}. Known: {known}")
    return institution
