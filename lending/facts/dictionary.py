"""All facts by name, and the steps in which each segment is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.utils.translation import gettext_lazy as _

from lending.facts.common import (
    DEBTS,
    DEPENDANTS,
    HISTORY,
    HOUSEHOLD_EXPENSES,
    OTHER_INCOME,
    REGION,
    REQUEST,
    SAVINGS,
)
from lending.facts.enterprise import ENTERPRISE
from lending.facts.fact import EVERY_SEGMENT, Fact, Words
from lending.facts.farm import FARM
from lending.facts.household import HOUSEHOLD

SEGMENTS: Final = EVERY_SEGMENT


@dataclass(frozen=True, slots=True)
class Step:
    """One page of the application: its name in addresses, in the task list, and as a heading."""

    name: str
    title: Words
    heading: Words
    intro: Words = ""


def _by_name(facts: Iterable[Fact]) -> dict[str, Fact]:
    return {fact.name: fact for fact in facts}


# In the order they are asked.
FACTS: Final[dict[str, Fact]] = _by_name(
    (
        *REQUEST,
        REGION,
        *HOUSEHOLD,
        *ENTERPRISE,
        *FARM,
        HOUSEHOLD_EXPENSES,
        DEPENDANTS,
        OTHER_INCOME,
        SAVINGS,
        *DEBTS,
        *HISTORY,
    )
)

_ACTIVITY: Final = {
    "household": Step("activity", _("Tu hogar"), _("Tu hogar y tu trabajo")),
    "enterprise": Step("activity", _("Tu negocio"), _("Tu negocio")),
    "farm": Step("activity", _("Tu chacra"), _("Tu chacra")),
}
_APPROXIMATE: Final = _("Pon cifras aproximadas. Las usamos para proponerte una cuota que puedas pagar sin apuros.")


def _steps(segment: str) -> tuple[Step, ...]:
    return (
        Step("identity", _("Tus datos"), _("Tus datos"), _("Escríbelos como están en tu documento.")),
        _ACTIVITY[segment],
        Step("money", _("Ingresos y gastos"), _("Tus ingresos y gastos"), _APPROXIMATE),
        Step("documents", _("Documentos"), _("Tus documentos")),
        Step("consents", _("Permisos"), _("Tus permisos")),
        Step("review", _("Revisar y enviar"), _("Revisa tus respuestas")),
    )


STEPS: Final[dict[str, tuple[Step, ...]]] = {segment: _steps(segment) for segment in SEGMENTS}


def facts_of(segment: str, step: str | None = None) -> tuple[Fact, ...]:
    """The facts of a segment, of one step when it is named. Raises KeyError for an unknown segment."""
    return _facts_of(segment) if step is None else tuple(one for one in _facts_of(segment) if one.step == step)


@cache
def _facts_of(segment: str) -> tuple[Fact, ...]:
    STEPS[segment]
    return tuple(fact for fact in FACTS.values() if segment in fact.segments)


def step_of(segment: str, name: str) -> Step:
    """A segment's step by its name. Raises KeyError."""
    for step in STEPS[segment]:
        if step.name == name:
            return step
    raise KeyError(name)
