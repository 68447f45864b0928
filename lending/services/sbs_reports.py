"""Making a report for the SBS: who may, of which day, and that it was made."""

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput, NotFound
from lending.models import CloseRun
from lending.selectors.sbs_reports import REPORTS


@transaction.atomic
def make_report(*, report: str, on: date, actor: Actor) -> CloseRun:
    """The close whose states the report reads, once its making is evidence.

    Raises NotAllowed, NotFound for an unknown report, InvalidInput for a day that is not closed.
    """
    actor.require("lending.export_reports")
    if report not in REPORTS:
        raise NotFound
    run = CloseRun.objects.filter(on=on, finished_at__isnull=False).first()
    if run is None:
        raise InvalidInput(fields={"on": [_("Ese día no está cerrado. Elige uno de la lista.")]})
    audit.record(actor, "lending.report.made", run, report=report, on=on)
    return run
