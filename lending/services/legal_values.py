"""Legal values as the law publishes them: added by operators, never changed, in the platform's chain."""

from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput
from accounts.platform import platform_scope
from lending.models import Parameter


@transaction.atomic
def add_legal_value(
    *, actor: Actor, code: str, currency: str, value: Decimal, norm: str, valid_from: date, valid_to: date | None = None
) -> Parameter:
    """One legal value from a day on; the same again is returned. `value` of a rate is a fraction.

    Raises NotAllowed, or InvalidInput when it is no value, has no norm, or another one begins that day.
    """
    actor.require("lending.add_legal_value")
    wrong = {}
    if code not in Parameter.Code.values:
        wrong["code"] = [_("Elige un valor de la lista.")]
    if value <= 0:
        wrong["value"] = [_("Escribe un valor mayor que cero; una tasa va como fracción: 1.1413 es 114.13 %.")]
    if not norm.strip():
        wrong["norm"] = [_("Escribe la norma que lo fija.")]
    if valid_to is not None and valid_to < valid_from:
        wrong["valid_to"] = [_("El último día no puede ser anterior al primero.")]
    if wrong:
        raise InvalidInput(fields=wrong)
    parameter, created = Parameter.objects.get_or_create(
        code=code,
        currency=currency,
        valid_from=valid_from,
        defaults={"value": value, "norm": norm.strip(), "valid_to": valid_to},
    )
    if not created and (parameter.value, parameter.valid_to) != (value, valid_to):
        raise InvalidInput(fields={"valid_from": [_("Ya hay otro valor que empieza ese día.")]})
    if created:
        with platform_scope():
            audit.record(
                actor,
                "lending.legal_value.added",
                parameter,
                code=code,
                currency=currency,
                value=value,
                valid_from=valid_from,
            )
    return parameter
