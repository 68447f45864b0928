"""Permissions taken back, or given again, as easily as they were given; each with its effect at once."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.consent import consent_texts
from accounts.errors import InvalidInput, NotFound
from accounts.models import Consent, Institution
from accounts.tenancy.scope import current_institution_id
from lending.models import Applicant, Application, Contract, Notification
from lending.services.applications import close_application
from lending.services.assessments import assess_again
from lending.services.states import TRANSITIONS, move

Purpose = Consent.Purpose
Status = Application.Status


@transaction.atomic
def change_consent(*, actor: Actor, purpose: str, granted: bool, ip: str | None = None) -> int:
    """Give or take back one permission for all of the person's applications here; returns how many answers changed.

    Taking back `evaluation` withdraws what is still being evaluated; `automated` has open cases worked out again
    without the program; `contact` stops messages, those not sent yet too. Who sends offers asks
    `accounts.consent.agreeing`. Raises NotFound for somebody who asked for nothing here, InvalidInput for an
    unknown purpose.
    """
    if purpose not in Purpose.values:
        raise InvalidInput(fields={"purpose": [_("Este permiso no existe")]})
    applicants = list(Applicant.objects.filter(user_id=actor.user_id, purged_at__isnull=True)) if actor.user_id else []
    if not applicants:
        raise NotFound
    return change_consents_of([one.pk for one in applicants], actor=actor, purpose=purpose, granted=granted, ip=ip)


def change_consents_of(
    subject_ids: list[UUID], *, actor: Actor, purpose: str, granted: bool, ip: str | None = None
) -> int:
    """The same for these applicants, in the caller's transaction, who has checked whose they are."""
    standing = list(
        Consent.objects.select_for_update()
        .filter(subject_id__in=subject_ids, purpose=purpose, withdrawn_at__isnull=True)
        .exclude(granted=granted)
    )
    if not standing:
        return 0
    now = timezone.now()
    institution = Institution.objects.get(pk=current_institution_id())
    text = next(one for one in consent_texts(institution) if one.purpose == purpose)
    Consent.objects.filter(pk__in=[one.pk for one in standing]).update(withdrawn_at=now)
    Consent.objects.bulk_create(
        Consent(
            institution_id=institution.pk,
            subject_id=one.subject_id,
            application_id=one.application_id,
            purpose=purpose,
            granted=granted,
            text_version=text.version,
            text_sha256=text.sha256,
            language=text.language,
            channel=Consent.Channel.WEB if actor.channel == "web" else Consent.Channel.API,
            ip=ip or actor.ip,
            given_by_id=actor.user_id,
            given_at=now,
        )
        for one in standing
    )
    event = "accounts.consent.given" if granted else "accounts.consent.withdrawn"
    audit.record_many(
        actor, event, [(one, {"purpose": purpose, "application": one.application_id}) for one in standing]
    )
    if not granted:
        _stop(purpose, [one.application_id for one in standing if one.application_id], actor)
    return len(standing)


def _stop(purpose: str, application_ids: list[UUID], actor: Actor) -> None:
    """What was agreed to is not done any more."""
    signed = Contract.objects.filter(application_id__in=application_ids, status=Contract.Status.SIGNED)
    applications = (
        Application.objects.select_for_update(of=("self",))
        .filter(pk__in=application_ids)
        .exclude(pk__in=signed.values("application_id"))  # a contract stands on its own ground
    )
    if purpose == Purpose.EVALUATION:
        for application in applications.filter(status__in=TRANSITIONS["withdraw"].before):
            before = application.status
            move(application, "withdraw", Status.WITHDRAWN)
            close_application(application)
            audit.record(actor, "lending.application.withdrawn", application, before=before)
    elif purpose == Purpose.AUTOMATED:
        for application in applications.filter(status__in=TRANSITIONS["reassess"].before).select_related("applicant"):
            assess_again(application, actor)
    elif purpose == Purpose.CONTACT:
        unsent = Notification.objects.filter(application_id__in=application_ids, sent_at__isnull=True)
        unsent.filter(failed_at__isnull=True).update(failed_at=timezone.now())
