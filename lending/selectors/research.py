"""What a research extract is made of: assessed applications of a period, without anybody who is blocked or erased."""

from collections.abc import Iterator
from datetime import date

from django.db.models import F, OuterRef, Subquery
from django.utils.translation import gettext as _

from accounts.clock import LIMA, midnight
from lending.models import Application, Assessment
from lending.research import Extract, Known, anonymised

Person = tuple[Known, tuple[str, str, str, str, str]]


def research_extract(begins: date, ends: date, k: int) -> Extract:
    """The anonymised extract of applications sent from a day to a day, both included."""
    return anonymised(_people(begins, ends), k)


def research_headings() -> list[str]:
    """The columns of the extract: what was coarsened, then the attributes."""
    return [
        *(_("Segmento"), _("Departamento o zona"), _("Edad"), _("Trimestre")),
        *(_("Monto pedido"), _("Plazo en meses"), _("Puntaje"), _("Recomendación"), _("Estado")),
    ]


def _people(begins: date, ends: date) -> Iterator[Person]:
    latest = Assessment.objects.filter(application_id=OuterRef("pk")).order_by("-attempt")
    found = (
        Application.objects.filter(
            submitted_at__gte=midnight(begins),
            submitted_at__lt=midnight(date.fromordinal(ends.toordinal() + 1)),
            age_years__isnull=False,
            applicant__restricted_at__isnull=True,
            applicant__purged_at__isnull=True,
        )
        .annotate(
            region=F("applicant__region"),
            points=Subquery(latest.values("score__score")[:1]),
            advice=Subquery(latest.values("recommendation")[:1]),
        )
        .order_by("pk")
        .values_list(
            "segment", "region", "age_years", "submitted_at", "amount", "term_months", "points", "advice", "status"
        )
    )
    for segment, region, age, sent_at, amount, months, points, advice, status in found.iterator(chunk_size=2_000):
        assert sent_at is not None  # both filtered above
        assert age is not None
        day = sent_at.astimezone(LIMA)
        known = (segment, region, age, f"{day.year}-T{(day.month + 2) // 3}")
        yield known, (_band(amount, 1_000), _band(months, 6), _band(points, 50), advice or "", status)


def _band(value: object, width: int) -> str:
    """`1000-1999`: an exact amount would be as good as a name."""
    if value is None:
        return ""
    low = int(value) // width * width  # type: ignore[call-overload]
    return f"{low}-{low + width - 1}"
