"""Why a score is what it is, in words, and what the applicant can do about it.

Reasons travel and are stored as names, values and points; `tell` words them when they are shown, in the reader's
language, from the feature dictionary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext, ngettext

from scoring.features import Feature, KnownSignal, Lever, features_of
from scoring.points import HIGHEST, LOWEST
from scoring.serving import LIMIT, LiveModel, Scored

PAIR = " & "
STEPS_TO_GOAL = 4
WORTH_TELLING = 3  # points; a smaller effect is no advice
MOST_ACTIONS = 4
NEARLY_ALL = 0.8  # of the best effect in reach: the smallest change that brings this much is advised

# Bands of the score, for words beside the number. The approval threshold is the institution's policy, not this.
BANDS = ((LOWEST, "low"), (580, "medium"), (660, "good"))


@dataclass(frozen=True, slots=True)
class Action:
    """A change of one fact within reach: what it is today, what it would be, and the points it would bring."""

    fact: str
    now: float
    value: float
    points: int

    def as_json(self) -> dict[str, Any]:
        return {"fact": self.fact, "now": self.now, "value": self.value, "points": self.points}


class Reason(NamedTuple):  # a score has twenty: tuples are made in a fifth of a dataclass's time
    """What one part of the model added (points above zero) or took (below). `feature` names a pair as `a & b`."""

    feature: str
    points: int
    value: float | list[float | None] | None
    action: Action | None = None

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"feature": self.feature, "points": self.points, "value": self.value}
        if self.action is not None:
            document["action"] = self.action.as_json()
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Reason:
        action = document.get("action")
        return cls(document["feature"], document["points"], document.get("value"), Action(**action) if action else None)


@dataclass(frozen=True, slots=True)
class Told:
    """A reason in words. `action` is empty where there is nothing to do."""

    feature: str
    label: str
    points: int
    text: str
    action: str = ""
    action_points: int = 0

    @property
    def helps(self) -> bool:
        return self.points > 0


def explain(
    model: LiveModel,
    facts: Mapping[str, Any],
    signals: Mapping[str, KnownSignal] | None = None,
    *,
    actions: bool = True,
) -> tuple[Scored, list[Reason]]:
    """One applicant's score and every reason that moved it, those in favour first, each kind by weight.

    The base and the reasons' points add up to the score. With `actions`, the heaviest reasons against carry what
    the applicant could change.
    """
    numbers = model.reader.numbers(facts, signals)
    scored = model.score_values(model.reader.values(numbers))
    reasons = reasons_of(model, scored)
    if not actions:
        return scored, reasons
    return scored, _with_actions(model, numbers, scored, reasons)


def reasons_of(model: LiveModel, scored: Scored) -> list[Reason]:
    """Every part with points, in the order shown; the limit of the scale, where it was reached, comes last."""
    values, parts = scored.values, model.parts
    features = len(values)
    reasons = []
    for index, points in enumerate(scored.points):
        if not points:
            continue
        if index < features:
            reasons.append(Reason(parts[index], points, _plain(values[index])))
        else:
            pair = model.tables.pairs[index - features]
            reasons.append(Reason(parts[index], points, [_plain(values[pair.first]), _plain(values[pair.second])]))
    reasons.sort(key=_place)
    if scored.limit:
        reasons.append(Reason(LIMIT, scored.limit, None))
    return reasons


def best_action(model: LiveModel, numbers: Sequence[float], today: int, lever: Lever) -> Action | None:
    """The smallest reachable change of one fact that brings nearly all that changing it can bring.

    `numbers` are the facts as the model's reader orders them, `today` the score they give. Every target is scored
    in full, with all the features that the fact moves. None where nothing within reach is worth telling.
    """
    reader = model.reader
    facts = dict(zip(reader.numeric_facts, numbers, strict=False))
    now, goal = facts[lever.fact], lever.goal(facts)
    if goal is None or goal != goal or now != now:
        return None
    place = reader.numeric_facts.index(lever.fact)
    row = list(numbers)
    reached = []
    for target in _targets(now, goal, lever.step):
        row[place] = target
        reached.append((target, model.total(reader.values(row)) - today))
    most = max((points for _, points in reached), default=0)
    if most < WORTH_TELLING:
        return None
    for target, points in reached:
        if points >= NEARLY_ALL * most:
            return Action(lever.fact, now, target, points)
    return None


def tell(segment: str, reason: Reason) -> Told:
    """A stored reason in the language in force; one whose feature is no longer known keeps its name."""
    features = {feature.name: feature for feature in features_of(segment)}
    if reason.feature == LIMIT:
        text = gettext("El puntaje va de %(low)s a %(high)s.") % {"low": LOWEST, "high": HIGHEST}
        return Told(reason.feature, gettext("Límite del puntaje"), reason.points, text)
    if PAIR in reason.feature:
        return _tell_pair(features, reason)
    feature = features.get(reason.feature)
    if feature is None:
        return Told(reason.feature, reason.feature, reason.points, reason.feature)
    value = reason.value if isinstance(reason.value, (int, float)) else None
    told = Told(reason.feature, str(feature.label), reason.points, feature.sentence(value))
    if reason.action is None or feature.lever is None:
        return told
    words = action_words(feature.lever, reason.action)
    return Told(told.feature, told.label, told.points, told.text, words, reason.action.points)


def tell_all(segment: str, documents: Sequence[Mapping[str, Any]]) -> list[Told]:
    """The stored reasons of a score (`Score.reasons`) in words, in their order."""
    return [tell(segment, Reason.from_json(document)) for document in documents]


def main_reasons(told: Sequence[Told], most: int = 4) -> tuple[list[Told], list[Told]]:
    """The heaviest reasons in favour, and the heaviest against."""
    in_favour = [reason for reason in told if reason.points > 0 and reason.feature != LIMIT]
    against = [reason for reason in told if reason.points < 0 and reason.feature != LIMIT]
    return in_favour[:most], against[:most]


def action_words(lever: Lever, action: Action) -> str:
    """`Pide S/ 2,500 en lugar de S/ 3,000: tu puntaje subiría cerca de 20 puntos.`"""
    advice = str(lever.advice).format(value=lever.show(action.value), now=lever.show(action.now))
    effect = ngettext(
        "tu puntaje subiría cerca de %(points)s punto.", "tu puntaje subiría cerca de %(points)s puntos.", action.points
    ) % {"points": action.points}
    return f"{advice}: {effect}"


def band(score: int) -> str:
    """`low`, `medium` or `good`."""
    return [name for start, name in BANDS if score >= start][-1]


def _with_actions(
    model: LiveModel, numbers: Sequence[float], scored: Scored, reasons: Sequence[Reason]
) -> list[Reason]:
    """The same reasons, the heaviest ones against with what can be done; each fact is advised on once."""
    levers = {feature.name: feature.lever for feature in model.reader.features}
    answered: list[Reason] = []
    advised: set[str] = set()
    for reason in reasons:
        lever = levers.get(reason.feature)
        if reason.points < 0 and lever and lever.fact not in advised and len(advised) < MOST_ACTIONS:
            action = best_action(model, numbers, scored.score, lever)
            if action is not None:
                advised.add(lever.fact)
                reason = Reason(reason.feature, reason.points, reason.value, action)
        answered.append(reason)
    return answered


def _targets(now: float, goal: float, step: float) -> list[float]:
    """Values on the way from today to the goal, rounded towards today, nearest first."""
    targets = []
    for part in range(1, STEPS_TO_GOAL + 1):
        exact = (now + (goal - now) * part / STEPS_TO_GOAL) / step
        steps = math.ceil(exact - 1e-9) if goal < now else math.floor(exact + 1e-9)
        target = round(steps * step, 6)
        if (goal <= target < now or now < target <= goal) and target not in targets:
            targets.append(target)
    return targets


def _tell_pair(features: Mapping[str, Feature], reason: Reason) -> Told:
    names = reason.feature.split(PAIR)
    known = [features[name] for name in names if name in features]
    if len(known) < len(names):
        return Told(reason.feature, reason.feature, reason.points, reason.feature)
    first, second = known
    values = reason.value if isinstance(reason.value, list) else [None, None]
    label = gettext("%(first)s, junto con: %(second)s") % {
        "first": first.label,
        "second": str(second.label)[:1].lower() + str(second.label)[1:],
    }
    text = gettext("Las dos cosas juntas cuentan: %(first)s %(second)s") % {
        "first": first.sentence(values[0]),
        "second": second.sentence(values[1]),
    }
    return Told(reason.feature, label, reason.points, text)


def _place(reason: Reason) -> tuple[bool, int, str]:
    """In favour before against, the heaviest first, then by name."""
    points = reason.points
    return points < 0, -points if points > 0 else points, reason.feature


def _plain(value: float) -> float | None:
    """JSON has no NaN; four decimals are enough to word a value, and the score keeps its inputs in full."""
    return None if value != value else round(value, 4)
