"""Put a model in force."""

from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from scoring.models import ScoringModel
from scoring.services import promote_model


class Command(InstitutionCommand):
    help = "Put a model in force for its segment; --as names the person who answers for it, not its trainer."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("model", help="the model's name (MN-3) or id")
        parser.add_argument("--reason", required=True, help="why this model, in a sentence")

    def handle(self, *, model: str, reason: str, institution: Institution | None, actor: Actor, **options: Any) -> None:
        if actor.kind != "user":
            raise CommandError("--as: name the person who promotes the model; it may not be who trained it")
        try:
            promoted = promote_model(model_id=model_key(model, institution), actor=actor, reason=reason)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.report(
            {
                "model": str(promoted.pk),
                "name": promoted.name,
                "segment": promoted.segment,
                "status": promoted.status,
                "sha256": promoted.sha256,
            }
        )


def model_key(text: str, institution: Institution | None) -> UUID:
    """The id of the model that a person named; raises CommandError that lists what there is."""
    try:
        return UUID(text)
    except ValueError:
        pass
    if institution is None:
        names = dict(ScoringModel.objects.filter(institution=None).values_list("name", "pk"))
    else:
        with institution_scope(institution.pk):
            names = dict(ScoringModel.objects.filter(institution=institution).values_list("name", "pk"))
    if text not in names:
        known = ", ".join(sorted(names)[:20]) or "none yet"
        raise CommandError(f"model: there is no {text!r}. Known: {known}")
    return names[text]
