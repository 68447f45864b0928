"""What one entry of the feature dictionary says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from scoring.expressions import Expression

from .sources import HISTORY_FACTS, SIGNALS, STATEMENT_FACTS

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Words
else:
    Words = str

AT_APPLICATION, AT_STATEMENT, AT_HISTORY, AT_SIGNAL = "application", "statement", "history", "signal"
AS_OF = {
    AT_APPLICATION: _("lo declarado al enviar la solicitud"),
    AT_STATEMENT: _("meses completos antes de la solicitud"),
    AT_HISTORY: _("cuotas vencidas hasta el día antes de la solicitud"),
    AT_SIGNAL: _("publicado hasta el día de la decisión"),
}

UNITS = {
    "share": _("proporción"),
    "times": _("veces"),
    "soles": _("soles al mes"),
    "months": _("meses"),
    "years": _("años"),
    "days": _("días"),
    "metres": _("metros sobre el nivel del mar"),
    "count": _("número"),
    "hectares": _("hectáreas"),
    "degrees": _("grados"),
    "per_month": _("por mes"),
    "log_soles": _("logaritmo de soles"),
    "code": _("categoría"),
    "yes_no": _("sí o no"),
}

# Facts that no formula may read and that scoring refuses to be handed: what they stand for decides nothing.
PROHIBITED_FACTS = frozenset(
    {
        *("sex", "gender", "sexo", "genero"),
        *("language", "mother_tongue", "lengua", "idioma"),
        *("ethnicity", "ethnic_group", "etnia", "race", "raza", "nationality"),
        *("religion", "religious_belief"),
        *("district", "distrito", "ubigeo"),
        *("age", "edad", "birth_date", "born_on"),
        *("marital_status", "disability"),
    }
)
# The region decides which products are offered: it may travel with the facts, no formula reads it. What is published
# about a region (arrears, weather, prices) comes as a signal, dated and named in the reasons.
UNREADABLE_FACTS = PROHIBITED_FACTS | {"region", "province"}


class ProhibitedFact(ValueError):
    """Scoring was handed, or asked to read, a fact that must not decide anything."""

    def __init__(self, names: frozenset[str] | set[str]):
        self.names = sorted(names)
        super().__init__(
            gettext("Estos datos no se pueden usar para calificar a una persona: %(names)s.")
            % {"names": ", ".join(self.names)}
        )


@dataclass(frozen=True)
class Lever:
    """What the applicant can change to move a feature: one fact, how far at most, and in which words.

    `goal(facts)` is the furthest value a person could reasonably reach within months, None where there is nothing
    to do. Targets on the way are rounded to `step` towards today's value, so that nobody is asked for more than
    what was computed. `advice` may mention {value} and {now}.
    """

    fact: str
    goal: Callable[[Mapping[str, float]], float | None]
    step: float
    advice: Words
    show: Callable[[float], str]


@dataclass(frozen=True)
class Feature:
    """One number the model reads, what it means and what a person can do about it.

    `direction` is +1 when more is riskier, -1 when more is safer, 0 when the data decide; the model is held to it.
    `low` and `high` are the allowed range: values beyond are brought to its ends (winsorised).
    `says(value)` is the applicant's sentence for a value; `silence` the one for an unanswered question.
    """

    name: str
    label: Words
    formula: Expression
    unit: str
    low: float
    high: float
    direction: int
    says: Callable[[float], str]
    lever: Lever | None = None
    silence: Words | None = None

    def __post_init__(self) -> None:
        if unreadable := self.formula.facts & UNREADABLE_FACTS:
            raise ProhibitedFact(unreadable)
        if not self.low < self.high:
            raise ValueError(f"{self.name}: the allowed range is empty")
        if self.direction not in (-1, 0, 1):
            raise ValueError(f"{self.name}: direction must be -1, 0 or 1")
        if self.unit not in UNITS:
            raise ValueError(f"{self.name}: unknown unit {self.unit}")

    @property
    def actionable(self) -> bool:
        return self.lever is not None

    @property
    def origins(self) -> tuple[str, ...]:
        """Through which doors its facts come: declared, history, signals, statements."""
        doors = {"history": HISTORY_FACTS, "signals": SIGNALS, "statements": STATEMENT_FACTS}
        found = {next((door for door, names in doors.items() if name in names), "declared") for name in self.sources}
        return tuple(sorted(found))

    @property
    def as_of(self) -> str:
        """Until when what it reads was known: the rule of the latest door."""
        origins = set(self.origins)
        if "signals" in origins:
            return AT_SIGNAL
        if "history" in origins:
            return AT_HISTORY
        return AT_STATEMENT if "statements" in origins else AT_APPLICATION

    @property
    def sources(self) -> tuple[str, ...]:
        """The facts and signals behind it, in alphabetical order."""
        return tuple(sorted(self.formula.facts))

    @property
    def typical(self) -> float:
        """A value for examples: a third of the way through the allowed range, whole where only whole ones are."""
        value = self.low + (self.high - self.low) / 3
        return float(round(value)) if self.unit in {"code", "yes_no", "count", "days"} else value

    def sentence(self, value: float | None) -> str:
        """What the applicant reads about this value, in the language in force."""
        if value is None or value != value:
            if self.silence is not None:
                return str(self.silence)
            return gettext("Falta un dato: %(label)s.") % {"label": str(self.label).lower()}
        return self.says(value)


def soles(value: float) -> str:
    """`S/ 1,450`, without céntimos: sentences round, contracts do not."""
    return f"S/ {round(value):,}"


def number(value: float) -> str:
    """Up to one decimal, and none where there is none: `1,250`, `2.5`."""
    shown = f"{value:,.1f}"
    return shown.removesuffix(".0")


def out_of_100(value: float) -> str:
    """A share as people say it: `34 de cada 100 soles`."""
    return gettext("%(count)s de cada 100 soles") % {"count": max(0, round(100 * value))}


def percent(value: float) -> str:
    return f"{round(100 * value)}%"


def months(value: float) -> str:
    """`1 mes`, `8 meses`, `2 años`; part months count as begun."""
    if value >= 24:
        return years(math.floor(value / 12))
    whole = max(0, math.ceil(value))
    return ngettext("%(count)s mes", "%(count)s meses", whole) % {"count": whole}


def years(value: float) -> str:
    whole = max(0, math.floor(value))
    return ngettext("%(count)s año", "%(count)s años", whole) % {"count": whole}


def days(value: float) -> str:
    whole = max(0, round(value))
    return ngettext("%(count)s día", "%(count)s días", whole) % {"count": whole}
