"""A regulator's right to read institutions: given and ended by operators, in the platform's chain."""

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput, NotFound
from accounts.models import Institution, RegulatorMandate
from accounts.platform import platform_scope
from accounts.services.memberships import person_by_contact


@transaction.atomic
def give_mandate(
    *,
    actor: Actor,
    contact: str,
    full_name: str,
    institution_id: int,
    norm: str,
    valid_from: date,
    valid_to: date | None = None,
    data_from: date | None = None,
    data_to: date | None = None,
) -> RegulatorMandate:
    """Let a person supervise one institution from a day until a day; the same mandate again is returned.

    `data_from` and `data_to` limit what they see to rows of those days. Raises NotAllowed, NotFound or InvalidInput.
    """
    actor.require("accounts.give_mandate")
    institution = Institution.objects.exclude(kind=Institution.Kind.PLATFORM).filter(pk=institution_id).first()
    if institution is None:
        raise NotFound
    wrong = {}
    if not norm.strip():
        wrong["norm"] = [_("Escribe la norma u oficio que da el mandato.")]
    if valid_to is not None and valid_to < valid_from:
        wrong["valid_to"] = [_("El último día no puede ser anterior al primero.")]
    if data_from is not None and data_to is not None and data_to < data_from:
        wrong["data_to"] = [_("El último día no puede ser anterior al primero.")]
    if wrong:
        raise InvalidInput(fields=wrong)
    regulator, _is_new = person_by_contact(contact, full_name)
    mandate, created = RegulatorMandate.objects.get_or_create(
        regulator=regulator,
        institution=institution,
        valid_from=valid_from,
        defaults={"norm": norm.strip(), "valid_to": valid_to, "data_from": data_from, "data_to": data_to},
    )
    if created:
        with platform_scope():
            audit.record(
                actor,
                "accounts.mandate.given",
                mandate,
                regulator=regulator.pk,
                institution=institution.pk,
                valid_from=valid_from,
                valid_to=valid_to,
                data_from=data_from,
                data_to=data_to,
            )
    return mandate


@transaction.atomic
def end_mandate(*, mandate_id: int, actor: Actor, on: date) -> RegulatorMandate:
    """End a mandate after the day `on`; one that has ended by then stays as it is.

    Raises NotAllowed, NotFound, or InvalidInput for a day before it began.
    """
    actor.require("accounts.give_mandate")
    mandate = RegulatorMandate.objects.select_for_update().filter(pk=mandate_id).first()
    if mandate is None:
        raise NotFound
    if mandate.valid_to is not None and mandate.valid_to <= on:
        return mandate
    if on < mandate.valid_from:
        raise InvalidInput(fields={"valid_to": [_("El mandato todavía no había empezado ese día.")]})
    mandate.valid_to = on
    mandate.save(update_fields=["valid_to"])
    with platform_scope():
        audit.record(actor, "accounts.mandate.ended", mandate, on=on)
    return mandate
