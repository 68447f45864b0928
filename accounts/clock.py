"""The only "today": the calendar day in Lima. Instants stay in UTC (`django.utils.timezone.now`)."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.utils import timezone

LIMA = ZoneInfo("America/Lima")


def today() -> date:
    """The current business date in America/Lima."""
    return timezone.now().astimezone(LIMA).date()


def years_after(day: date, years: int) -> date:
    """The same day some years later (or earlier, for a negative number); 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def midnight(day: date) -> datetime:
    """The instant at which a day begins in Lima."""
    return datetime.combine(day, time.min, tzinfo=LIMA)
