"""The one table of what may be done to an application in which state, and where it leads."""

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_lazy

from accounts.errors import InvalidState
from lending.models import Application

Status = Application.Status


@dataclass(frozen=True, slots=True)
class Transition:
    """An act: the states it starts from and those it may end in."""

    before: frozenset[str]
    after: frozenset[str]
    refusal: object  # what a person reads when the state does not allow it


def _act(before: set[str], after: set[str], refusal: object) -> Transition:
    return Transition(frozenset(before), frozenset(after), refusal)


OPEN: Final = frozenset({Status.SUBMITTED, Status.REFERRED, Status.PROPOSED, Status.APPROVED})

TRANSITIONS: Final[dict[str, Transition]] = {
    "save": _act({Status.DRAFT}, {Status.DRAFT}, gettext_lazy("Esta solicitud ya se envió y no se puede cambiar.")),
    "submit": _act({Status.DRAFT}, {Status.SUBMITTED}, gettext_lazy("Esta solicitud ya no se puede enviar.")),
    "withdraw": _act(
        {Status.DRAFT, *OPEN}, {Status.WITHDRAWN}, gettext_lazy("Esta solicitud ya terminó y no se puede retirar.")
    ),
    "assess": _act(
        {Status.SUBMITTED},
        {Status.APPROVED, Status.REFERRED, Status.DECLINED},
        gettext_lazy("Esta solicitud no está esperando evaluación."),
    ),
    "reassess": _act(
        {Status.REFERRED},
        {Status.REFERRED},
        gettext_lazy("Solo se vuelve a evaluar una solicitud que está en manos de un analista."),
    ),
    "verify": _act(
        {Status.REFERRED},
        {Status.REFERRED},
        gettext_lazy("Solo se verifican datos de una solicitud que está en manos de un analista."),
    ),
    "propose": _act(
        {Status.REFERRED}, {Status.PROPOSED}, gettext_lazy("Esta solicitud no está esperando una propuesta.")
    ),
    "decide": _act(
        {Status.PROPOSED},
        {Status.APPROVED, Status.DECLINED, Status.REFERRED},
        gettext_lazy("Esta propuesta ya se decidió o la solicitud cambió."),
    ),
    "request_review": _act(
        {Status.APPROVED, Status.REFERRED, Status.PROPOSED, Status.DECLINED},
        {Status.APPROVED, Status.REFERRED, Status.PROPOSED},
        gettext_lazy("Todavía no hay un resultado que revisar."),
    ),
    "choose_offer": _act(
        {Status.APPROVED}, {Status.APPROVED}, gettext_lazy("Solo se elige una oferta de una solicitud aprobada.")
    ),
}


def may(application: Application, act: str) -> bool:
    """Whether the state allows the act."""
    return application.status in TRANSITIONS[act].before


def require_state(application: Application, act: str) -> None:
    """Raise InvalidState, with the reason in words, unless the state allows the act."""
    if not may(application, act):
        raise InvalidState(str(TRANSITIONS[act].refusal))


def move(application: Application, act: str, to: str) -> None:
    """Set the state an act leads to; the caller saves. Raises InvalidState, or ValueError for a wrong end."""
    require_state(application, act)
    if to not in TRANSITIONS[act].after:
        raise ValueError(f"{act} does not lead to {to}")
    application.status = to
