"""What workers do: thin wrappers that take ids, open the scope and tolerate a rerun."""

from datetime import timedelta

from celery import Task, current_app, shared_task

from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Institution
from accounts.tenancy.celery import HEADER, RETRIED


@shared_task(**RETRIED)
def assess_applications(institution_id: int) -> None:
    """Assess everything that waits in one institution, batch by batch."""
    from lending.services.assessments import BATCH, assess_waiting

    while assess_waiting(institution_id=institution_id, limit=BATCH) == BATCH:
        pass


@shared_task(**RETRIED)
def notify_applicants(institution_id: int) -> None:
    """Write to applicants about what has happened and they were not told yet."""
    from lending.services.notifications import notify_waiting

    notify_waiting(institution_id=institution_id)


@shared_task(**RETRIED)
def send_letters(institution_id: int) -> None:
    """Send the copies, answers and notices that the law asks for."""
    from lending.services import letters

    letters.send_letters(institution_id=institution_id)


@shared_task(**RETRIED)
def answer_market(institution_id: int) -> None:
    """Work out the national requests that wait; their events are the platform's."""
    from lending.services.market import answer_market_requests

    answer_market_requests(institution_id=institution_id)


@shared_task(**RETRIED)
def expire_institution(institution_id: int) -> None:
    """End offers, contracts, drafts and requests whose last day has passed."""
    from lending.services.contracts import expire_contracts
    from lending.services.expiry import expire_drafts, expire_offers
    from lending.services.prepayments import expire_prepayments, settle_choices

    expire_offers(institution_id=institution_id)
    expire_contracts(institution_id=institution_id)
    expire_drafts(institution_id=institution_id)
    expire_prepayments(institution_id=institution_id)
    settle_choices(institution_id=institution_id)


@shared_task(base=Task, **RETRIED)
def expire_everywhere() -> None:
    """Every hour: one task for each institution."""
    _send_to_every_institution("lending.tasks.expire_institution")


@shared_task(**RETRIED)
def purge_institution(institution_id: int) -> None:
    """Erase what no duty keeps any more."""
    from lending.services.complaints import purge_book
    from lending.services.purge import purge_due

    purge_due(institution_id=institution_id)
    purge_book(institution_id=institution_id)


@shared_task(base=Task, **RETRIED)
def purge_everywhere() -> None:
    """Every night: one task for each institution, and national requests past their last day."""
    from lending.services.market import purge_market_requests

    while purge_market_requests():
        pass
    _send_to_every_institution("lending.tasks.purge_institution")


def _send_to_every_institution(task: str) -> None:
    active = Institution.objects.filter(is_active=True).exclude(kind=Institution.Kind.PLATFORM)
    for institution_id in active.values_list("pk", flat=True):
        current_app.send_task(task, kwargs={"institution_id": institution_id}, headers={HEADER: institution_id})


@shared_task(base=Task, **RETRIED)
def summarise_fairness() -> None:
    """Every night: the fair-lending summaries anew, where this process may read what they are made of."""
    from django.db import connections

    from lending.services.disparity import FAIRNESS, summarise

    if FAIRNESS in connections:
        summarise()


@shared_task(**(RETRIED | {"time_limit": 4 * 3600}))
def import_portfolios(institution_id: int) -> None:
    """Bring in the books that were uploaded."""
    from lending.services.importing import import_waiting

    import_waiting(institution_id)


@shared_task(**RETRIED)
def remind_borrowers(institution_id: int) -> None:
    """Write to borrowers whose installment falls due soon or is late."""
    from lending.services.notifications import notify_waiting
    from lending.services.reminders import write_reminders

    while write_reminders(institution_id):
        pass
    notify_waiting(institution_id=institution_id)


@shared_task(**(RETRIED | {"time_limit": 4 * 3600}))
def close_institution(institution_id: int) -> None:
    """Close every day up to yesterday; a close that died goes on where it stopped."""
    from lending.services.closing import close_through

    actor = Actor.system("close_of_business", institution_id=institution_id)
    close_through(institution_id=institution_id, actor=actor, on=today() - timedelta(days=1))


@shared_task(base=Task, **RETRIED)
def close_everywhere() -> None:
    """Every night: one task for each institution."""
    active = Institution.objects.filter(is_active=True).exclude(kind=Institution.Kind.PLATFORM)
    for institution_id in active.values_list("pk", flat=True):
        current_app.send_task(
            "lending.tasks.close_institution",
            kwargs={"institution_id": institution_id},
            headers={HEADER: institution_id},
        )
