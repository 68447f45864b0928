"""What a borrower is told about a loan: the money, each receipt, the payoff, a payment taken back, a paper to sign.

Receipts are part of the contract and need no consent of their own (Ley 29733 art. 14).
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.formats import format_day, format_money
from accounts.models import Institution, OutboxEvent
from lending.models import Loan, Notification, Repayment, Restructure
from lending.presentation import loan_code, receipt_code

DISBURSED: Final = "lending.loan.disbursed"
PAYMENTS: Final = ("lending.repayment.posted", "lending.repayment.reversed")
TO_SIGN: Final = "lending.restructure.authorised"
LOAN_EVENTS: Final = (DISBURSED, TO_SIGN, *PAYMENTS)
SILENT: Final = (Repayment.Channel.IMPORT, Repayment.Channel.INTERNAL)  # nobody paid anything


def loan_notices(institution: Institution, events: Sequence[OutboxEvent]) -> list[Notification]:
    """A text message and a mail for each event, as far as the borrower can be reached; unsaved."""
    paid = Repayment.objects.in_bulk([UUID(event.subject_id) for event in events if event.name in PAYMENTS])
    changes = Restructure.objects.in_bulk([UUID(event.subject_id) for event in events if event.name == TO_SIGN])
    of_others = {row.pk: row.loan_id for row in paid.values()} | {row.pk: row.loan_id for row in changes.values()}
    about = {event.pk: of_others.get(UUID(event.subject_id), UUID(event.subject_id)) for event in events}
    loans = Loan.objects.select_related("applicant__user", "contract").in_bulk(list(about.values()))
    notices: list[Notification] = []
    for event in events:
        repayment = paid.get(UUID(event.subject_id))
        if repayment is None or repayment.channel not in SILENT:
            notices += _notices(institution, event, loans[about[event.pk]], repayment)
    return notices


def _notices(
    institution: Institution, event: OutboxEvent, loan: Loan, repayment: Repayment | None
) -> list[Notification]:
    applicant, person = loan.applicant, loan.applicant.user
    phone = (person.phone if person.phone_verified else "") if person else applicant.phone
    email = person.email if person else applicant.email
    with override((person.language if person else "") or settings.LANGUAGE_CODE):
        subject = _("Tu préstamo %(number)s en %(institution)s") % {
            "number": loan_code(institution, loan.number),
            "institution": institution.name,
        }
        text = _text(institution, event, loan, repayment)
        mail = "\n\n".join([_("Hola, %(name)s:") % {"name": applicant.full_name}, text, institution.name])
    ways = ((Notification.Channel.SMS, phone, text), (Notification.Channel.EMAIL, email, mail))
    return [
        Notification(
            institution_id=institution.pk,
            application_id=loan.contract.application_id if loan.contract else None,
            loan_id=loan.pk,
            event_id=event.pk,
            channel=channel,
            recipient=recipient,
            subject=subject,
            body=body,
        )
        for channel, recipient, body in ways
        if recipient
    ]


def _text(institution: Institution, event: OutboxEvent, loan: Loan, repayment: Repayment | None) -> str:
    """What happened, in the loan's own figures."""
    facts = {
        "institution": institution.name,
        "number": loan_code(institution, loan.number),
        "link": f"{settings.SITE_URL}/i/{institution.slug}/my/loans/{loan.pk}/",
        "day": format_day(loan.next_due_on) if loan.next_due_on else "",
    }
    if event.name == TO_SIGN:
        text = _(
            "%(institution)s: la refinanciación de tu préstamo %(number)s está autorizada. Lee su contrato y fírmalo"
            " aquí: %(link)s Mientras no firmes, nada cambia."
        )
        return text % facts
    if repayment is None:
        text = _(
            "%(institution)s: te entregamos %(amount)s de tu préstamo %(number)s. Tu primera cuota vence el"
            " %(day)s. Mira tu cronograma: %(link)s"
        )
        return text % {**facts, "amount": format_money(loan.disbursed)}
    facts |= {"amount": format_money(repayment.amount), "receipt": receipt_code(institution, repayment.number)}
    if event.name == "lending.repayment.reversed":
        text = _(
            "%(institution)s: anulamos el pago de %(amount)s de tu préstamo %(number)s, recibo %(receipt)s."
            " Mira cómo queda: %(link)s"
        )
    elif event.payload.get("over"):
        text = _(
            "%(institution)s: recibimos %(amount)s, recibo %(receipt)s. Tu préstamo %(number)s quedó cancelado:"
            " ya no debes nada. Tu constancia está aquí: %(link)s"
        )
    else:
        text = _(
            "%(institution)s: recibimos tu pago de %(amount)s del préstamo %(number)s, recibo %(receipt)s."
            " La próxima cuota vence el %(day)s. %(link)s"
        )
    return text % facts
