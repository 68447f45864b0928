"""How an institution decides, by version; the newest is in force and old ones explain old decisions."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput
from accounts.formats import format_percent
from accounts.tenancy.scope import current_institution_id
from lending.matching.products import LARGEST_RETURN_BOUND
from lending.models import LendingPolicy
from lending.selectors.products import moratory_cap, policy_in_force
from lending.services.catalogue import follow_policy

FIELDS: Final = (
    "approve_from",
    "decline_below",
    "pd_max",
    "installment_to_surplus",
    "installment_to_stressed",
    "income_stress",
    "creditors_max",
    "installments_to_income",
    "return_bound",
    "automatic_limit",
    "offer_days",
    "decision_hours",
    "draft_days",
    "par30_limit",
    "disbursement_goal",
    "insurer",
    "insurance_policy",
    "moratory_tea",
)
POLICY_LOCK: Final = 7_302


@transaction.atomic
def save_policy(*, actor: Actor, **values: Any) -> LendingPolicy:
    """A new version with these values over those in force; nothing changes when they are the same.

    Raises NotAllowed, or InvalidInput by field.
    """
    actor.require("lending.manage_policy")
    _wait_for_turn()
    before = policy_in_force()
    after = {name: values.get(name, getattr(before, name)) for name in FIELDS}
    changed = {name: after[name] for name in FIELDS if after[name] != getattr(before, name)}
    if before.pk and not changed:
        return before
    policy = _new_version(actor, after)
    follow_policy(policy)
    audit.record(
        actor,
        "lending.policy.saved",
        policy,
        number=policy.number,
        changed={name: {"from": getattr(before, name), "to": value} for name, value in changed.items()},
    )
    return policy


def saved_policy(actor: Actor) -> LendingPolicy:
    """The policy in force; the first assessment of an institution without one writes down the defaults."""
    policy = policy_in_force()
    if policy.pk:
        return policy
    _wait_for_turn()
    policy = policy_in_force()
    if not policy.pk:
        policy = _new_version(actor, {name: getattr(policy, name) for name in FIELDS})
        audit.record(actor, "lending.policy.saved", policy, number=policy.number, changed={})
    return policy


def _wait_for_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s::int)", [POLICY_LOCK, current_institution_id()])


def _new_version(actor: Actor, values: dict[str, Any]) -> LendingPolicy:
    last = LendingPolicy.objects.aggregate(last=Max("number"))["last"] or 0
    policy = LendingPolicy(
        institution_id=current_institution_id(), number=last + 1, created_by_id=actor.user_id, **values
    )
    errors: dict[str, list[str]] = {}
    try:
        policy.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as refusal:
        errors = refusal.message_dict
    for name in (
        "pd_max",
        "installment_to_surplus",
        "installment_to_stressed",
        "income_stress",
        "par30_limit",
        "installments_to_income",
    ):
        if name not in errors and not 0 <= getattr(policy, name) <= 1:
            errors[name] = [_("Escribe un porcentaje de 0 a 100")]
    if "return_bound" not in errors and not 0 <= policy.return_bound <= LARGEST_RETURN_BOUND:
        errors["return_bound"] = [_("Escribe un porcentaje de 0 a 5: más allá perjudica a quien pide")]
    for name in ("approve_from", "decline_below"):
        if name not in errors and not 300 <= getattr(policy, name) <= 850:
            errors[name] = [_("El puntaje va de 300 a 850")]
    if not errors and policy.decline_below > policy.approve_from:
        errors["decline_below"] = [_("El puntaje de rechazo no puede pasar del de aprobación")]
    for name in ("offer_days", "decision_hours", "draft_days"):
        if name not in errors and getattr(policy, name) < 1:
            errors[name] = [_("Debe ser al menos 1")]
    highest = moratory_cap(today())
    too_high = highest is not None and policy.moratory_tea is not None and policy.moratory_tea > highest
    if "moratory_tea" not in errors and highest is not None and too_high:
        errors["moratory_tea"] = [_("El máximo legal de hoy es %(highest)s") % {"highest": format_percent(highest)}]
    if bool(policy.insurer) != bool(policy.insurance_policy):
        errors["insurance_policy"] = [_("Escribe la aseguradora y el número de la póliza, los dos")]
    if errors:
        raise InvalidInput(fields=errors)
    policy.save()
    return policy
