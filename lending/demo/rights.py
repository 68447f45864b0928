"""What people ask of the example lenders besides credit, and one bad day: complaints, data requests, an incident."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Complaint, DataRequest, SecurityIncident
from lending.models import Applicant, Application
from lending.services.complaints import Sheet, answer_complaint, file_complaint
from lending.services.data_rights import answer_data_request, file_data_request, make_data_request
from lending.services.incidents import change_incident, close_incident, record_incident, tell_authority, tell_people

Member = Callable[[str], Actor]
SHEETS: Final[tuple[dict[str, Any], ...]] = (
    {
        "kind": "reclamo", "good": "product", "topic": "charge", "amount": Decimal("38.50"),
        "detail": "En mi cuota de este mes aparece un cobro que no está en mi cronograma.",
        "request": "Que me expliquen el cobro y me lo devuelvan.",
    },
    {
        "kind": "queja", "good": "service", "topic": "service",
        "detail": "Esperé dos horas en la agencia y me pidieron volver otro día.",
        "request": "Que pongan más personas en la ventanilla los sábados.",
    },
)  # fmt: skip


def tell(member: Member, applicant: Callable[[Applicant], Actor]) -> int:
    """Make what is missing in the institution in scope; returns how many were made."""
    people = list(Applicant.objects.filter(user__isnull=False, purged_at__isnull=True).order_by("created_at")[:4])
    if len(people) < 4 or Complaint.objects.exists() or SecurityIncident.objects.exists():
        return 0
    _complaints(member, people, applicant)
    _requests(member, people, applicant)
    _incident(member)
    return Complaint.objects.count() + DataRequest.objects.count() + SecurityIncident.objects.count()


def _complaints(member: Member, people: list[Applicant], applicant: Callable[[Applicant], Actor]) -> None:
    filed = [
        file_complaint(
            actor=applicant(person),
            sheet=Sheet(
                full_name=person.full_name, document_number=person.document_number, phone=person.phone,
                email=person.email, address="Jr. de Ejemplo 789", **words,
            ),
        )
        for person, words in zip(people, SHEETS, strict=False)
    ]  # fmt: skip
    answer_complaint(
        complaint_id=filed[1].pk,
        actor=member("manager"),
        resolution="upheld",
        answer="Tienes razón: desde este sábado atienden tres personas. Disculpa la espera.",
    )


def _requests(member: Member, people: list[Applicant], applicant: Callable[[Applicant], Actor]) -> None:
    first, second, third, _fourth = people
    make_data_request(actor=applicant(first), kind="access", text="Quiero ver a quién consultaron sobre mí.")
    asked = make_data_request(
        actor=applicant(second), kind="rectify", field="district", value=f"{second.district} (centro)"
    )
    answer_data_request(
        request_id=asked.pk, actor=member("manager"), outcome="granted", answer="Corregimos tu distrito hoy."
    )
    file_data_request(
        actor=member("officer"), kind="portability", document_type=third.document_type,
        document_number=third.document_number, identified="document",
    )  # fmt: skip


def _incident(member: Member) -> None:
    """One whose 48 hours run, one that is closed."""
    manager, now = member("manager"), timezone.now()
    record_incident(
        actor=manager,
        title="Expedientes en un correo a otra entidad",
        severity="medium",
        description="Un correo con tres expedientes salió a una dirección equivocada de otra entidad.",
        known_at=now - timedelta(hours=20),
        data_kinds="Nombres, documentos e ingresos declarados",
        people=3,
        measures="Se pidió borrar el correo y se bloqueó el envío de adjuntos fuera de la entidad.",
    )
    lost = record_incident(
        actor=manager,
        title="Teléfono de un asesor perdido",
        severity="medium",
        description="Se perdió en el mercado un teléfono con el correo de la entidad abierto.",
        known_at=now - timedelta(days=2, hours=3),
        people=1,
    )
    told: dict[str, Any] = {"incident_id": lost.pk, "actor": manager}
    change_incident(**told, measures="Se cerró la sesión a distancia y se cambió la contraseña a los veinte minutos.")
    tell_authority(**told, reference="ANPD de ejemplo 2026-0042")
    number = Application.objects.filter(applicant__user__isnull=False).order_by("number").values_list("number")[0][0]
    tell_people(
        **told,
        text="Se perdió un teléfono con un correo sobre tu solicitud. Cerramos el acceso enseguida; no tienes que hacer"
        " nada, pero avísanos si alguien te llama en nuestro nombre.",
        numbers=[number],
    )
    close_incident(**told)
