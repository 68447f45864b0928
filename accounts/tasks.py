"""What workers do on this floor: thin wrappers that take ids, open the scope and tolerate a rerun."""

from celery import Task, current_app, shared_task
from django.db import transaction

from accounts.models import Institution
from accounts.tenancy.celery import HEADER


@shared_task(acks_late=True)
def deliver_webhooks(institution_id: int) -> None:
    """Tell an institution's own systems what happened."""
    from accounts.services import webhooks

    webhooks.deliver_webhooks(institution_id=institution_id)


@shared_task(base=Task, acks_late=True)
def deliver_webhooks_everywhere() -> None:
    """Every minute: one task for each institution."""
    with transaction.atomic():
        active = list(Institution.objects.filter(is_active=True).values_list("pk", flat=True))
    for institution_id in active:
        current_app.send_task(
            "accounts.tasks.deliver_webhooks",
            kwargs={"institution_id": institution_id},
            headers={HEADER: institution_id},
        )
