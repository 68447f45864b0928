"""Looking at the models in force: do they still see the people they were made for, and do those pay as predicted?

What a look finds is kept as a report; what a person should know is an alarm, open until a later look finds it gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.utils import timezone

from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Institution
from accounts.tenancy.scope import current_institution_id, institution_scope
from scoring import drift, registry
from scoring.curves import share_interval
from scoring.groups import labels_of
from scoring.labelled import DECIDED_ON, TARGET, labelled_frame
from scoring.models import Alarm, Dataset, MonitoringReport, Score, ScoringModel, Segment, TrainingRun

WINDOW: Final = timedelta(days=90)
FEWEST_LOANS: Final = 100  # of a vintage, before predicted and realised are held against each other
FEWEST_OF_GROUP: Final = 50
FOUR_FIFTHS: Final = 0.8
CUTOFF: Final = 0.10  # PD; the share below it stands for approvals when groups are compared


@dataclass(frozen=True, slots=True)
class Found:
    """Something a person should look at."""

    kind: str
    level: str
    subject: str
    value: float
    limit: float


def watch_models(*, institution: Institution, actor: Actor, on: date | None = None) -> list[MonitoringReport]:
    """Look at each segment's model in force as of a day: reports kept, alarms opened and closed.

    A second look on the same day replaces the first. Raises NotAllowed.
    """
    actor.require("scoring.watch_models")
    on = on or today()
    reports = []
    with institution_scope(institution.pk):
        champions = [
            registry.in_place(segment, institution.pk)[0] for segment in Segment.values if _has_champion(segment)
        ]
        for model in champions:
            found, applications, alarms = _look(model, on)
            report, _made = MonitoringReport.objects.update_or_create(
                model=model,
                on=on,
                defaults={
                    "segment": model.segment,
                    "since": on - WINDOW,
                    "applications": applications,
                    "found": found,
                    "institution_id": institution.pk,
                },
            )
            _ring(model, alarms)
            reports.append(report)
        # A model that is no longer in force is nobody's worry.
        Alarm.objects.filter(closed_at=None).exclude(model__in=champions).update(closed_at=timezone.now())
    return reports


def retrain_on_drift(*, institution: Institution, actor: Actor) -> list[TrainingRun]:
    """Start a run for each segment with a grave alarm, where its own loans are enough to learn from."""
    with institution_scope(institution.pk):
        grave = Alarm.objects.filter(
            closed_at=None, level=Alarm.Level.BAD, kind__in=[Alarm.Kind.PSI, Alarm.Kind.REALISED]
        )
        worried = sorted(set(grave.values_list("segment", flat=True)))
    return _start(worried, institution, actor, TrainingRun.Trigger.DRIFT, most_known=0)


def retrain_on_schedule(*, institution: Institution, actor: Actor) -> list[TrainingRun]:
    """Start a run for each segment whose mature loans have grown by a quarter since the last data set of them."""
    return _start(list(Segment.values), institution, actor, TrainingRun.Trigger.SCHEDULE, most_known=0.8)


def _start(
    segments: Sequence[str], institution: Institution, actor: Actor, trigger: str, most_known: float
) -> list[TrainingRun]:
    """Runs where there is enough to learn, and at most the share `most_known` of it was learnt from before (0: any)."""
    from scoring.services.runs import start_run
    from scoring.training import MIN_BADS, MIN_ROWS

    ready = []
    with institution_scope(institution.pk):
        for segment in segments:
            outcomes = labelled_frame(segment, as_of=today())[TARGET].to_numpy()
            if len(outcomes) < MIN_ROWS or not MIN_BADS <= outcomes.sum() <= len(outcomes) - MIN_BADS:
                continue
            known = (
                Dataset.objects.filter(institution=institution, name=f"outcomes-{segment}")
                .order_by("-version")
                .values_list("rows", flat=True)
                .first()
            )
            if not most_known or not known or known <= most_known * len(outcomes):
                ready.append(segment)
    return [start_run(segment=segment, actor=actor, institution=institution, trigger=trigger) for segment in ready]


def _has_champion(segment: str) -> bool:
    return ScoringModel.objects.filter(segment=segment, status=ScoringModel.Status.CHAMPION).exists()


def _look(model: ScoringModel, on: date) -> tuple[dict[str, Any], int, list[Found]]:
    scores = list(
        Score.objects.filter(model=model, created_at__date__gt=on - WINDOW, created_at__date__lte=on)
        .order_by("application_id", "-attempt")
        .distinct("application_id")
        .values_list("application_id", "pd", "inputs")
    )
    pd = np.array([float(row[1]) for row in scores])
    moved = _drift(model, scores, pd)
    vintages = _vintages(model.segment, on)
    fairness = _fairness([row[0] for row in scores], pd)
    alarms = [*_drift_alarms(moved, len(scores)), *_vintage_alarms(vintages), *_fairness_alarms(fairness)]
    found = {
        "drift": [
            {name: round(getattr(one, name), 4) if name != "subject" else one.subject for name in one.__slots__}
            for one in moved
        ],
        "vintages": vintages,
        "fairness": fairness,
        "mean_pd": float(pd.mean()) if len(pd) else None,
        "has_reference": bool(model.reference),
    }
    return found, len(scores), alarms


def _drift(model: ScoringModel, scores: Sequence[tuple[Any, ...]], pd: np.ndarray) -> list[drift.Drift]:
    columns = {
        name: np.array([np.nan if (value := row[2].get(name)) is None else float(value) for row in scores])
        for name in model.reference
        if name != drift.SCORE
    }
    return drift.drift(model.reference, {**columns, drift.SCORE: pd})


def _vintages(segment: str, on: date) -> list[dict[str, Any]]:
    """By quarter of the loans' beginning, what was predicted then and what was seen."""
    frame = labelled_frame(segment, as_of=on)
    if frame.empty:
        return []
    quarters = frame[DECIDED_ON].dt.to_period("Q").astype(str)
    return [
        {"period": str(period), **drift.realised(rows["pd"].to_numpy(), rows[TARGET].to_numpy())}
        for period, rows in frame.groupby(quarters)
    ]


def _fairness(keys: Sequence[UUID], pd: np.ndarray) -> dict[str, list[dict[str, Any]]]:
    """Share below the cut-off in each group of each fact, with its 95 % interval."""
    told = {}
    for name, labels in labels_of(keys).items():
        groups = []
        for label in sorted(set(labels.values())):
            mine = np.array([labels.get(key) == label for key in keys])
            served = int((pd[mine] < CUTOFF).sum())
            low, high = share_interval(served, int(mine.sum()))
            groups.append(
                {"group": label, "rows": int(mine.sum()), "share": served / mine.sum(), "low": low, "high": high}
            )
        told[name] = groups
    return told


def _drift_alarms(moved: Iterable[drift.Drift], applications: int) -> Iterable[Found]:
    if applications < drift.FEWEST:
        return
    for one in moved:
        if one.moved:
            level = Alarm.Level.BAD if one.psi >= drift.PSI_BAD else Alarm.Level.WARN
            yield Found(Alarm.Kind.PSI, level, one.subject, one.psi, max(drift.PSI_WARN, one.psi_noise))
        for kind, value, warn, bad in (
            (Alarm.Kind.MISSING, one.missing - one.missing_before, drift.MISSING_WARN, drift.MISSING_BAD),
            (Alarm.Kind.RANGE, one.beyond, drift.BEYOND_WARN, drift.BEYOND_BAD),
        ):
            if one.subject != drift.SCORE and value >= warn:
                yield Found(kind, Alarm.Level.BAD if value >= bad else Alarm.Level.WARN, one.subject, value, warn)


def _vintage_alarms(vintages: Iterable[Mapping[str, Any]]) -> Iterable[Found]:
    """More default than predicted, beyond what chance explains."""
    for one in vintages:
        if one["rows"] >= FEWEST_LOANS and one["low"] > one["predicted"]:
            grave = one["low"] > 1.5 * one["predicted"]
            level = Alarm.Level.BAD if grave else Alarm.Level.WARN
            yield Found(Alarm.Kind.REALISED, level, one["period"], one["seen"], one["predicted"])


def _fairness_alarms(fairness: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterable[Found]:
    """A group served less than four fifths as often as the one served most, and surely so."""
    for name, groups in fairness.items():
        enough = [one for one in groups if one["rows"] >= FEWEST_OF_GROUP]
        best = max(enough, key=lambda one: one["share"], default=None)
        for one in enough:
            if best and best["share"] and one["high"] < FOUR_FIFTHS * best["low"]:
                ratio = one["share"] / best["share"]
                yield Found(Alarm.Kind.FAIRNESS, Alarm.Level.WARN, f"{name}: {one['group']}"[:80], ratio, FOUR_FIFTHS)


def _ring(model: ScoringModel, found: Iterable[Found]) -> None:
    """Open what is new, renew what is still there, close what is gone."""
    open_now = {(one.kind, one.subject): one for one in Alarm.objects.filter(model=model, closed_at=None)}
    seen = set()
    for one in found:
        key = (one.kind, one.subject)
        seen.add(key)
        alarm = open_now.get(key) or Alarm(model=model, segment=model.segment, kind=one.kind, subject=one.subject)
        alarm.level, alarm.value, alarm.limit = one.level, one.value, one.limit
        alarm.institution_id = current_institution_id()
        alarm.save()
    gone = [alarm.pk for key, alarm in open_now.items() if key not in seen]
    Alarm.objects.filter(pk__in=gone).update(closed_at=timezone.now())
