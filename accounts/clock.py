"""The only "today": the calendar day in Lima. Instants stay in UTC (`django.utils.timezone.now`)."""

from datetime import date
from zoneinfo import ZoneInfo

from django.utils import timezone

LIMA = ZoneInfo("America/Lima")


def today() -> date:
    """The current business date in America/Lima."""
    return timezone.now().astimezone(LIMA).date()
