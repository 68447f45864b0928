"""Put a model in force, set it up against the one in force, or go back."""

from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError, InvalidInput
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from scoring.models import ScoringModel
from scoring.services import challenge_model, promote_model, rollback_promotion, withdraw_challenger


class Command(InstitutionCommand):
    help = "Put a model in force for its segment; --as names the person who answers for it, not its trainer."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("model", help="the model's name (MN-3) or id")
        parser.add_argument("--reason", required=True, help="why, in a sentence")
        act = parser.add_mutually_exclusive_group()
        act.add_argument(
            "--challenge", type=int, metavar="PERCENT", help="set it beside the model in force; it decides this share"
        )
        act.add_argument("--withdraw", action="store_true", help="end its comparison with the model in force")
        act.add_argument("--rollback", action="store_true", help="take it out of use; the one it replaced returns")

    def handle(self, *, model: str, reason: str, institution: Institution | None, actor: Actor, **options: Any) -> None:
        if actor.kind != "user":
            raise CommandError("--as: name the person who promotes the model; it may not be who trained it")
        try:
            key: dict[str, Any] = {"model_id": model_key(model, institution), "actor": actor, "reason": reason}
            result: ScoringModel | None
            if options["challenge"] is not None:
                result = challenge_model(**key, traffic=options["challenge"])
            elif options["withdraw"]:
                result = withdraw_challenger(**key)
            elif options["rollback"]:
                result = rollback_promotion(**key)
            else:
                result = promote_model(**key)
        except InvalidInput as refusal:
            raise CommandError("; ".join(text for texts in refusal.fields.values() for text in texts)) from refusal
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        if result is None:
            self.report({"model": None, "in_force": "shared"}, "The shared model is in force again.")
            return
        self.report(
            {
                "model": str(result.pk),
                "name": result.name,
                "segment": result.segment,
                "status": result.status,
                "traffic": result.traffic,
                "sha256": result.sha256,
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
