"""Telling credit bureaus of a corrected datum that was reported to them (Ley 29733 art. 20, Ley 27489).

A rectification of what the monthly report of debtors carries opens one item for each recipient. It is due when the
correction itself was: the norms name no other term for telling those who received the datum.
"""

from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.models import BureauCorrection, DataRequest
from lending.models import Applicant, Loan

# What a person is reported with, besides their debts (Res. SBS 11356-2008, Anexo 6).
REPORTED: Final = ("full_name", "document_number", "ruc")
SUPERVISOR: Final = "SBS, Reporte Crediticio de Deudores"


def open_corrections(request: DataRequest, applicant: Applicant, field: str) -> None:
    """What has to be sent after this correction, in the caller's transaction; nothing of who was never reported."""
    reported = Loan.objects.filter(applicant_id=applicant.pk, disbursed_on__isnull=False)
    if field in REPORTED and reported.exists():
        BureauCorrection.objects.get_or_create(
            request=request, bureau=SUPERVISOR, defaults={"field": field, "due_on": request.due_on}
        )


@transaction.atomic
def add_bureau(*, correction_id: int, actor: Actor, bureau: str) -> BureauCorrection:
    """Another recipient of the same datum, a private bureau say; one that is there already is returned.

    Raises NotAllowed, NotFound, InvalidInput.
    """
    actor.require("accounts.answer_requests")
    first = _locked(correction_id)
    bureau = " ".join(bureau.replace("\x00", "").split())[:80]
    if len(bureau) < 3:
        raise InvalidInput(fields={"bureau": [_("Escribe el nombre de la central de riesgos")]})
    added, made = BureauCorrection.objects.get_or_create(
        request_id=first.request_id, bureau=bureau, defaults={"field": first.field, "due_on": first.due_on}
    )
    if made:
        audit.record(actor, "accounts.data_correction.added", added, request=str(added.request_id), field=added.field)
    return added


@transaction.atomic
def record_correction_sent(*, correction_id: int, actor: Actor, reference: str) -> BureauCorrection:
    """The corrected datum was sent to this recipient, under its proof of receipt. Said twice it is refused.

    Raises NotAllowed, NotFound, InvalidState, InvalidInput.
    """
    actor.require("accounts.answer_requests")
    one = _locked(correction_id)
    if one.sent_at is not None:
        raise InvalidState(_("Esta corrección ya consta como enviada."))
    reference = " ".join(reference.replace("\x00", "").split())[:80]
    if len(reference) < 3:
        raise InvalidInput(fields={"reference": [_("Escribe el número de cargo o la constancia del envío")]})
    one.sent_at, one.sent_by_id, one.reference = timezone.now(), actor.user_id, reference
    one.save(update_fields=["sent_at", "sent_by", "reference"])
    audit.record(
        actor, "accounts.data_correction.sent", one, request=str(one.request_id), field=one.field,
        due_on=one.due_on, late=today() > one.due_on,
    )  # fmt: skip
    return one


def _locked(correction_id: int) -> BureauCorrection:
    one = BureauCorrection.objects.select_for_update().filter(pk=correction_id).first()
    if one is None:
        raise NotFound
    return one
