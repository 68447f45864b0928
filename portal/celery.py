"""The Celery app: four queues, tasks that name their institution, late acknowledgement."""

import os

from celery import Celery, signals
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("ayni", task_cls="accounts.tenancy.celery:InstitutionTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_default_queue="default",
    task_routes={
        "lending.tasks.assess_applications": {"queue": "assessment"},
        "lending.tasks.answer_market": {"queue": "assessment"},
        "lending.tasks.import_portfolios": {"queue": "default"},
        "lending.tasks.notify_applicants": {"queue": "notification"},
        "lending.tasks.remind_borrowers": {"queue": "notification"},
        "scoring.tasks.*": {"queue": "training"},
        "lending.tasks.send_letters": {"queue": "notification"},
    },
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_time_limit=600,
    task_publish_retry=False,  # the relay and Celery's own retries come back to what was not sent
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # an absent broker is waited for
    broker_transport_options={
        "visibility_timeout": 3600,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 20,
    },
    beat_schedule={
        "expire": {"task": "lending.tasks.expire_everywhere", "schedule": crontab(minute=7)},
        "webhooks": {"task": "accounts.tasks.deliver_webhooks_everywhere", "schedule": crontab()},
        "purge": {"task": "lending.tasks.purge_everywhere", "schedule": crontab(minute=41, hour=2)},
        "close": {"task": "lending.tasks.close_everywhere", "schedule": crontab(minute=20, hour="0,2,4,6")},
        "watch models": {
            "task": "scoring.tasks.everywhere",
            "schedule": crontab(minute=11, hour=3, day_of_week="mon"),
            "args": ["watch_institution"],
        },
        "retrain": {
            "task": "scoring.tasks.everywhere",
            "schedule": crontab(minute=31, hour=3, day_of_month="2"),
            "args": ["retrain_institution"],
        },
        "resume training": {
            "task": "scoring.tasks.everywhere",
            "schedule": crontab(minute="*/10"),
            "args": ["train_waiting"],
        },
        "fairness": {"task": "lending.tasks.summarise_fairness", "schedule": crontab(hour=4, minute=40)},
    },
    task_serializer="json",
    accept_content=["json"],
    timezone="America/Lima",
)
app.autodiscover_tasks()


@signals.worker_process_init.connect
def refuse_privileged_role(**_: object) -> None:
    """End the process: Celery only logs other exceptions of its signals, and would go on."""
    from accounts.tenancy.checks import refuse_privileged_role as refuse

    try:
        refuse()
    except ImproperlyConfigured as error:
        raise SystemExit(f"error: {error}") from error


@signals.worker_process_init.connect
def warm_up(**_: object) -> None:
    """The first applicant does not wait for imports."""
    from lending.services import assessments, notifications  # noqa: F401
    from scoring import services  # noqa: F401
