"""The complaints book as staff read it: what runs out first, the sheets as rows, and the quarter in figures."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Avg, Count, F, Q, QuerySet
from django.db.models.functions import ExtractDay, TruncDate
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.clock import LIMA, midnight, today
from accounts.errors import NotFound
from accounts.models import Complaint

SOON_DAYS: Final = 3  # calendar days before the last one
OPEN: Final = Q(answered_at__isnull=True)
VIEWS: Final = {
    "open": (OPEN, ("due_on", "filed_at", "pk")),
    "late": (OPEN, ("due_on", "filed_at", "pk")),
    "answered": (~OPEN, ("-answered_at", "pk")),
    "all": (Q(), ("-filed_at", "pk")),
}


def complaints(view: str = "open") -> QuerySet[Complaint]:
    """The sheets of a view, what runs out first in front."""
    cases, order = VIEWS.get(view, VIEWS["open"])
    found = Complaint.objects.filter(cases)
    return (found.filter(due_on__lt=today()) if view == "late" else found).order_by(*order)


def complaint_counts() -> dict[str, int]:
    """How many sheets each view holds, in one query."""
    return Complaint.objects.aggregate(
        open=Count("pk", filter=OPEN),
        late=Count("pk", filter=OPEN & Q(due_on__lt=today())),
        answered=Count("pk", filter=~OPEN),
        all=Count("pk"),
    )


def complaint_for(actor: Actor, complaint_id: UUID) -> Complaint:
    """One sheet, for staff who may read the book. Raises NotAllowed, NotFound."""
    actor.require("accounts.view_complaints")
    found = Complaint.objects.filter(pk=complaint_id).select_related("answered_by").first()
    if found is None:
        raise NotFound
    return found


def complaint_by_code(code: str, document_number: str) -> Complaint | None:
    """The sheet with this number and this person's document; None when either does not fit."""
    number, _dash, year = code.strip().partition("-")
    if not (number.isascii() and number.isdigit() and year.isascii() and year.isdigit() and len(number + year) < 18):
        return None
    found = Complaint.objects.filter(number=int(number), year=int(year)).first()
    if found is None or found.consumer.get("document_number") != document_number.strip().upper():
        return None
    return found


def is_late(complaint: Complaint) -> bool:
    """Answered after its last day, or not yet and the day is over."""
    answered = complaint.answered_at.astimezone(LIMA).date() if complaint.answered_at else today()
    return answered > complaint.due_on


def book_headings() -> list[str]:
    """The columns of `book_rows`."""
    return [
        *(_("Número"), _("Presentado"), _("Canal"), _("Tipo"), _("Bien contratado"), _("Motivo"), _("Nombre")),
        *(_("Documento"), _("Dirección"), _("Correo"), _("Celular"), _("Apoderado"), _("Monto reclamado (S/)")),
        *(_("Solicitud o crédito"), _("Detalle"), _("Pedido"), _("Vence"), _("Respondido"), _("A tiempo")),
        *(_("Resultado"), _("Respuesta")),
    ]


def book_rows(begins: date, ends: date) -> Iterator[list[Any]]:
    """The sheets filed from a day to a day (Lima, both included), in the order of the book."""
    for one in filed_between(begins, ends).order_by("year", "number").iterator(chunk_size=500):
        consumer = one.consumer
        yield [
            *(one.code, one.filed_at, one.get_channel_display(), one.get_kind_display(), one.get_good_display()),
            *(one.get_topic_display(), consumer.get("full_name", ""), consumer.get("document_number", "")),
            *(consumer.get("address", ""), consumer.get("email", ""), consumer.get("phone", "")),
            consumer.get("guardian_name", ""),
            Decimal(one.amount_claimed) / 100 if one.amount_claimed else None,
            *(one.reference, one.detail, one.request, one.due_on, one.answered_at),
            _("No") if is_late(one) else _("Sí"),
            one.get_resolution_display() if one.resolution else _("Por responder"),
            one.answer,
        ]


def filed_between(begins: date, ends: date) -> QuerySet[Complaint]:
    """Sheets filed from a day to a day, both included."""
    return Complaint.objects.filter(
        filed_at__gte=midnight(begins), filed_at__lt=midnight(date.fromordinal(ends.toordinal() + 1))
    )


@dataclass(frozen=True, slots=True)
class Quarter:
    """Three months of the book, as the SBS asks for them (Res. SBS 4036-2022): by reason, with how they ended."""

    begins: date
    ends: date
    rows: list[dict[str, Any]]  # topic, filed, upheld, partly, rejected, pending, late, days

    @property
    def totals(self) -> dict[str, Any]:
        """The sum of the rows."""
        names = ("filed", "upheld", "partly", "rejected", "pending", "late")
        return {name: sum(row[name] for row in self.rows) for name in names}


def quarter_of(year: int, quarter: int) -> Quarter:
    """The figures of one quarter (1 to 4), in one query."""
    begins = date(year, 3 * quarter - 2, 1)
    ends = date.fromordinal((date(year + 1, 1, 1) if quarter == 4 else date(year, 3 * quarter + 1, 1)).toordinal() - 1)
    answered_on = TruncDate("answered_at", tzinfo=LIMA)
    late = Q(answered_at__isnull=True, due_on__lt=today()) | Q(answered_on__gt=F("due_on"))
    found = (
        filed_between(begins, ends)
        .annotate(answered_on=answered_on)
        .values("topic")
        .annotate(
            filed=Count("pk"),
            upheld=Count("pk", filter=Q(resolution="upheld")),
            partly=Count("pk", filter=Q(resolution="partly")),
            rejected=Count("pk", filter=Q(resolution="rejected")),
            pending=Count("pk", filter=OPEN),
            late=Count("pk", filter=late),
            days=Avg(ExtractDay(F("answered_at") - F("filed_at"))),
        )
        .order_by("-filed", "topic")
    )
    rows = [{**row, "topic": Complaint.Topic(row["topic"]).label} for row in found]
    return Quarter(begins, ends, rows)


def quarter_table(quarter: Quarter) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows of the quarterly report, its total last."""
    names = ("filed", "upheld", "partly", "rejected", "pending", "late")
    headings = [
        *(_("Motivo"), _("Presentados"), _("A favor de la persona"), _("A favor en parte")),
        *(_("A favor de la entidad"), _("Por responder"), _("Fuera de plazo"), _("Días en promedio")),
    ]
    rows = [[row["topic"], *(row[name] for name in names), _days(row["days"])] for row in quarter.rows]
    rows.append([_("Total"), *(quarter.totals[name] for name in names), ""])
    return headings, rows


def _days(average: Any) -> Any:
    return "" if average is None else round(float(average), 1)
