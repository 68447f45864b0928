"""What workers do for models: train step by step, score spreadsheets, look at the models in force."""

from uuid import UUID

from celery import Task, chain, current_app, shared_task

from accounts.actors import Actor
from accounts.models import Institution
from accounts.tenancy.celery import HEADER, RETRIED

LONG = {**RETRIED, "time_limit": 3 * 3600}


@shared_task(**RETRIED)
def train_waiting(institution_id: int) -> None:
    """Take the runs that wait in one institution and set each on its way: a chain of one task per step."""
    from scoring.services.runs import STEPS, take_waiting

    for run_id in take_waiting(institution_id):
        chain(
            *(
                train_step.si(institution_id=institution_id, run_id=str(run_id), step=step).set(
                    headers={HEADER: institution_id}
                )
                for step in STEPS
            )
        ).apply_async()


@shared_task(**LONG)
def train_step(institution_id: int, run_id: str, step: str) -> None:
    """One step of a run; a step that is done, or in other hands, is left alone."""
    from scoring.services.runs import do_step

    do_step(institution_id=institution_id, run_id=UUID(run_id), step=step)


@shared_task(**LONG)
def score_files(institution_id: int) -> None:
    """Score the spreadsheets that wait in one institution."""
    from scoring.services.files import score_waiting_files

    score_waiting_files(institution_id)


@shared_task(**LONG)
def watch_institution(institution_id: int) -> None:
    """Look at the models in force of one institution, and retrain where they no longer fit."""
    from scoring.services.files import forget_old_files
    from scoring.services.monitoring import retrain_on_drift, watch_models

    institution = Institution.objects.get(pk=institution_id)
    actor = Actor.system("weekly look", institution_id=institution_id)
    watch_models(institution=institution, actor=actor)
    retrain_on_drift(institution=institution, actor=actor)
    forget_old_files(institution_id)


@shared_task(**LONG)
def retrain_institution(institution_id: int) -> None:
    """Train anew where an institution's own loans have grown enough since the last time."""
    from scoring.services.monitoring import retrain_on_schedule

    institution = Institution.objects.get(pk=institution_id)
    retrain_on_schedule(institution=institution, actor=Actor.system("schedule", institution_id=institution_id))


@shared_task(base=Task, **RETRIED)
def everywhere(task: str) -> None:
    """One task of this module for each institution; the platform is one where shared models are trained."""
    active = Institution.objects.filter(is_active=True)
    if task != "train_waiting":
        active = active.exclude(kind=Institution.Kind.PLATFORM)
    for institution_id in active.values_list("pk", flat=True):
        current_app.send_task(
            f"scoring.tasks.{task}", kwargs={"institution_id": institution_id}, headers={HEADER: institution_id}
        )
