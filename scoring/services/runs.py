"""Retraining, step by step: check the data, train, evaluate, compare with the model in force, propose.

A run is started by a person, by the calendar or by drift. Each step is done once and says what it found, so that
a run whose worker died goes on where it stopped. Nothing here puts a model in force: that is for a person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.errors import DomainError, InvalidState, NotFound
from accounts.models import Institution, Membership
from accounts.tenancy.scope import institution_scope
from scoring import registry
from scoring.algorithms import LIVE_ALGORITHMS, MODES
from scoring.models import Dataset, ScoringModel, TrainingRun
from scoring.points import scale_of
from scoring.services.datasets import dataset_of_outcomes, load_table
from scoring.services.owners import chain_of, require
from scoring.services.training import train_on_dataset

STARTED: Final = "scoring.run.started"
STEPS: Final = ("check", "train", "evaluate", "compare", "propose")
SILENT_AFTER: Final = timedelta(minutes=15)  # without a sign of life a step counts as abandoned
GAP_WARN: Final = 0.01  # of AUC, to the free model
MOST_ROWS_FOR_FREE: Final = 200_000  # the free model costs minutes above
OPEN: Final = (TrainingRun.Status.WAITING, TrainingRun.Status.RUNNING)
logger = logging.getLogger(__name__)


def start_run(
    *,
    segment: str,
    actor: Actor,
    institution: Institution | None,
    trigger: str = TrainingRun.Trigger.BUTTON,
    dataset: Dataset | None = None,
    parameters: dict[str, Any] | None = None,
) -> TrainingRun:
    """A new run, or the one that is open for this segment; a worker takes it from here.

    Without `dataset` the institution's own mature loans are the data. `parameters`: `algorithm`, `splits`, `seed`,
    `free` (whether to train the free model to compare with), `odds` and `pdo` of a scorecard. Raises NotAllowed,
    InvalidState.
    """
    require(actor, "scoring.train_model", institution)
    if dataset is None and institution is None:
        raise InvalidState(_("Elige un conjunto de datos: la plataforma no tiene créditos propios."), code="no_dataset")
    if dataset is not None and dataset.institution_id not in (None, institution.pk if institution else None):
        raise NotFound
    with chain_of(institution):
        # The row of the owner is the lock: two starts at once give one run.
        owner = institution.pk if institution else Institution.objects.get(slug=Institution.PLATFORM_SLUG).pk
        Institution.objects.select_for_update(no_key=True).get(pk=owner)
        if going := TrainingRun.objects.filter(institution=institution, segment=segment, status__in=OPEN).first():
            return going
        run = TrainingRun.objects.create(
            institution=institution,
            segment=segment,
            trigger=trigger,
            dataset=dataset,
            parameters={"algorithm": MODES["transparent"], "splits": "5fold", "seed": 1, "free": True}
            | (parameters or {}),
            started_by_id=actor.user_id,
        )
        audit.record(actor, "scoring.run.started", run, segment=segment, trigger=trigger)
        outbox.publish(STARTED, run)
    return run


def resume_run(*, run_id: UUID, actor: Actor) -> TrainingRun:
    """Let a run that failed, or fell silent, go on where it was. Raises NotFound, NotAllowed, InvalidState."""
    run = visible_run(run_id, actor)
    require(actor, "scoring.train_model", run.institution)
    with chain_of(run.institution):
        run = TrainingRun.objects.select_for_update().get(pk=run_id)
        silent = run.status == TrainingRun.Status.RUNNING and is_silent(run)
        if run.status != TrainingRun.Status.FAILED and not silent:
            raise InvalidState(_("Este entrenamiento no está detenido."), code="not_stopped")
        others = TrainingRun.objects.filter(institution=run.institution, segment=run.segment, status__in=OPEN)
        if others.exclude(pk=run.pk).exists():
            raise InvalidState(_("Ya hay otro entrenamiento en marcha para este segmento."), code="another_open")
        run.status, run.error, run.doing, run.ended_at = TrainingRun.Status.WAITING, "", "", None
        run.save(update_fields=["status", "error", "doing", "ended_at"])
        audit.record(actor, "scoring.run.started", run, segment=run.segment, resumed=True)
        outbox.publish(STARTED, run)
    return run


def visible_run(run_id: UUID, actor: Actor) -> TrainingRun:
    """A run of the actor's institution, or a shared one. Raises NotFound."""
    mine = Q(institution=None) | Q(institution_id=actor.institution_id)
    found = TrainingRun.objects.filter(mine, pk=run_id).select_related("institution", "dataset", "model").first()
    if found is None:
        raise NotFound(_("No encontramos ese entrenamiento."))
    return found


def is_silent(run: TrainingRun) -> bool:
    return run.moved_at is not None and run.moved_at < timezone.now() - SILENT_AFTER


def take_waiting(institution_id: int) -> list[UUID]:
    """Claim the runs that wait, and those that fell silent, of one institution's chain; gives their ids."""
    with institution_scope(institution_id):
        owner = Institution.objects.get(pk=institution_id)
        mine = Q(institution=None) if owner.slug == Institution.PLATFORM_SLUG else Q(institution=owner)
        abandoned = Q(status=TrainingRun.Status.RUNNING, moved_at__lt=timezone.now() - SILENT_AFTER)
        runs = list(
            TrainingRun.objects.filter(mine, Q(status=TrainingRun.Status.WAITING) | abandoned).select_for_update(
                of=("self",), skip_locked=True
            )
        )
        keys = [run.pk for run in runs]
        TrainingRun.objects.filter(pk__in=keys).update(
            status=TrainingRun.Status.RUNNING, doing="", moved_at=timezone.now()
        )
        outbox.complete(STARTED, keys)
    return keys


def do_step(*, institution_id: int, run_id: UUID, step: str) -> bool:
    """Do one step of a run, unless it is done, in other hands, or not yet due; whether it was done here.

    What the data or the rules refuse ends the run with words for the analyst; anything else is raised as well.
    """
    with institution_scope(institution_id):
        run = _claimed(run_id, step)
        if run is None:
            return False
        actor = _actor_of(run, institution_id)
    try:
        found = _DOING[step](run, actor, _Progress(institution_id, run_id))
    except (DomainError, ValueError) as refusal:
        _end(institution_id, run_id, TrainingRun.Status.FAILED, str(getattr(refusal, "message", refusal)))
        return False
    except Exception:
        _end(institution_id, run_id, TrainingRun.Status.FAILED, _("Un error inesperado detuvo este paso."))
        raise
    with institution_scope(institution_id):
        run = TrainingRun.objects.select_for_update(of=("self",)).get(pk=run_id)
        run.steps = {**run.steps, step: {"at": timezone.now().isoformat(), "found": found}}
        run.doing, run.moved_at = "", timezone.now()
        if "dataset" in found:
            run.dataset_id = found["dataset"]
        if step == "train":
            run.model_id = found["model"]
        if step == STEPS[-1]:
            run.status, run.ended_at = TrainingRun.Status.DONE, timezone.now()
        run.save()
    return True


def run_now(*, institution_id: int, run_id: UUID) -> TrainingRun:
    """All steps that are left, here and now; gives the run as it ended."""
    for step in STEPS:
        do_step(institution_id=institution_id, run_id=run_id, step=step)
    with institution_scope(institution_id):
        return TrainingRun.objects.select_related("model").get(pk=run_id)


def _claimed(run_id: UUID, step: str) -> TrainingRun | None:
    run = (
        TrainingRun.objects.select_for_update(of=("self",))
        .select_related("institution", "dataset__institution", "model")
        .filter(pk=run_id, status=TrainingRun.Status.RUNNING)
        .first()
    )
    if run is None or step in run.steps or any(one not in run.steps for one in STEPS[: STEPS.index(step)]):
        return None
    if run.doing and not is_silent(run):
        return None
    run.doing, run.done, run.of, run.moved_at = step, 0, 0, timezone.now()
    run.save(update_fields=["doing", "done", "of", "moved_at"])
    return run


def _actor_of(run: TrainingRun, institution_id: int) -> Actor:
    """Who answers for the run: the person who started it, with the roles they hold now, or the system."""
    if run.started_by_id is None:
        owner = run.institution_id
        return Actor.system(f"training run: {run.trigger}", institution_id=owner)
    if run.institution_id is None:
        return Actor.for_user(run.started_by, channel="task")
    membership = Membership.objects.select_related("user").filter(user_id=run.started_by_id, is_active=True).first()
    if membership is None:
        return Actor.for_user(run.started_by, institution_id=institution_id, channel="task")
    return Actor.for_membership(membership, channel="task")


def _end(institution_id: int, run_id: UUID, status: str, error: str) -> None:
    with institution_scope(institution_id):
        TrainingRun.objects.filter(pk=run_id).update(
            status=status, error=error[:2000], doing="", ended_at=timezone.now(), moved_at=timezone.now()
        )


class _Progress:
    """Tells the row how far a step is: called as `progress(part, done, of)`."""

    def __init__(self, institution_id: int, run_id: UUID) -> None:
        self.institution_id, self.run_id = institution_id, run_id

    def __call__(self, part: str, done: int, of: int) -> None:
        with institution_scope(self.institution_id):
            TrainingRun.objects.filter(pk=self.run_id).update(done=done, of=of, moved_at=timezone.now())


# --- the steps ------------------------------------------------------------------------------------------------------


def _check(run: TrainingRun, actor: Actor, progress: _Progress) -> dict[str, Any]:
    """Data to learn from, and what its profile warns of."""
    dataset = run.dataset
    if dataset is None:
        if run.institution is None:
            raise InvalidState(_("Este entrenamiento no tiene datos."), code="no_dataset")
        dataset = dataset_of_outcomes(segment=run.segment, actor=actor, institution=run.institution)
    return {
        "dataset": str(dataset.pk),
        "rows": dataset.rows,
        "defaults": dataset.profile.get("defaults"),
        "target_rate": float(dataset.target_rate),
        "warnings": dataset.profile.get("warnings", [])[:20],
    }


def _train(run: TrainingRun, actor: Actor, progress: _Progress) -> dict[str, Any]:
    """A candidate, measured on rows it had not seen."""
    model = train_on_dataset(
        dataset=_dataset(run),
        actor=actor,
        algorithm=run.parameters["algorithm"],
        splits=run.parameters["splits"],
        seed=run.parameters["seed"],
        scale=scale_of(run.parameters.get("odds"), run.parameters.get("pdo")),
        progress=progress,
    )
    return {"model": str(model.pk), "name": model.name, "algorithm": model.algorithm, **_figures(model)}


def _evaluate(run: TrainingRun, actor: Actor, progress: _Progress) -> dict[str, Any]:
    """The distance to what the same data would tell a model that need not explain itself."""
    model, dataset = _model(run), _dataset(run)
    found: dict[str, Any] = _figures(model)
    if run.parameters.get("free") and dataset.rows <= MOST_ROWS_FOR_FREE:
        free = train_on_dataset(
            dataset=dataset,
            actor=actor,
            algorithm=MODES["accurate"],
            splits=run.parameters["splits"],
            seed=run.parameters["seed"],
            progress=progress,
        )
        gap = free.metrics["auc"] - model.metrics["auc"]
        found |= {"free": str(free.pk), "free_auc": free.metrics["auc"], "gap": gap, "wide": gap > GAP_WARN}
    return found


def _compare(run: TrainingRun, actor: Actor, progress: _Progress) -> dict[str, Any]:
    """The candidate against the model in force, on rows the candidate had not seen."""
    from scoring.selectors.comparing import compare_on_dataset

    model = _model(run)
    try:
        champion = _champion(run)
    except DomainError:
        return {"verdict": "first"}
    if champion.pk == model.pk:
        return {"verdict": "same"}
    return {"champion": str(champion.pk), **compare_on_dataset(_dataset(run), champion, model)}


def _propose(run: TrainingRun, actor: Actor, progress: _Progress) -> dict[str, Any]:
    """What a validator is asked to do, by the rule of `scoring.proposing`.

    Beside the model of this run, the other live candidates of the same rows are judged: an earlier, simpler one may
    be as good.
    """
    from scoring.selectors.comparing import propose_on_dataset

    model, dataset = _model(run), _dataset(run)
    verdict = run.steps["compare"]["found"]["verdict"]
    able = model.algorithm in LIVE_ALGORITHMS
    if verdict == "same":
        return {"verdict": verdict, "act": "leave", "able": able}
    with chain_of(run.institution):
        others = ScoringModel.objects.filter(
            institution=run.institution,
            dataset=dataset,
            status=ScoringModel.Status.CANDIDATE,
            algorithm__in=LIVE_ALGORITHMS,
            parameters__splits=run.parameters["splits"],
            parameters__seed=run.parameters["seed"],
        ).exclude(pk=model.pk)
        models = [model, *others]
    found = propose_on_dataset(dataset, models, None if verdict == "first" else _champion(run))
    act = "leave" if found["model"] is None else "promote" if verdict == "first" else "challenge"
    return {"verdict": verdict, "act": act, "able": able, **found}


def _dataset(run: TrainingRun) -> Dataset:
    if run.dataset is None:
        raise InvalidState(_("Este entrenamiento no tiene datos."), code="no_dataset")
    return run.dataset


def _model(run: TrainingRun) -> ScoringModel:
    if run.model is None:
        raise InvalidState(_("Este entrenamiento todavía no tiene un modelo."), code="no_model")
    return run.model


def _champion(run: TrainingRun) -> ScoringModel:
    with transaction.atomic():
        if run.institution_id is None:
            return registry.champion(run.segment)
        with institution_scope(run.institution_id):
            return registry.champion(run.segment, run.institution_id)


def _figures(model: ScoringModel) -> dict[str, Any]:
    names = ("auc", "auc_low", "auc_high", "gini", "ks", "brier", "log_loss", "ece", "ece_noise_limit")
    return {name: model.metrics.get(name) for name in names}


_DOING: dict[str, Callable[[TrainingRun, Actor, _Progress], dict[str, Any]]] = {
    "check": _check,
    "train": _train,
    "evaluate": _evaluate,
    "compare": _compare,
    "propose": _propose,
}
__all__ = ["GAP_WARN", "STEPS", "do_step", "load_table", "resume_run", "run_now", "start_run", "take_waiting"]
