"""Filing an application: start, save step by step, submit once, withdraw."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, consent, outbox
from accounts.actors import Actor
from accounts.clock import today
from accounts.crypto import lookup_hash
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import Consent, Institution, User
from accounts.numbering import APPLICATIONS, next_number
from accounts.services import join_as_applicant
from accounts.tenancy.scope import current_institution_id
from lending import facts as declared_facts
from lending.identity import Identity, age_on, clean_identity
from lending.models import (
    Applicant,
    Application,
    Contract,
    EnterpriseProfile,
    FarmProfile,
    HouseholdProfile,
    Offer,
    Product,
    ReviewRequest,
)
from lending.money import NotAnAmount, parse_amount
from lending.selectors.applications import application_for
from lending.selectors.products import policy_in_force
from lending.services.states import move, require_state
from scoring.models import Segment

FIRST_NUMBER: Final = 10_001
MAX_DRAFT_BYTES: Final = 60_000

Status = Application.Status
Channel = Application.Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredApplication:
    """What a person declares when they submit: who they are, what they ask for, and the facts of their segment.

    Values may be as typed; the service cleans them. `facts` are those of `lending.facts` (soles per month).
    """

    full_name: str
    document_number: str
    birth_on: date | str | None
    document_type: str = "dni"
    phone: str = ""
    email: str = ""
    region: str = ""
    district: str = ""
    ruc: str = ""
    trade_name: str = ""
    amount: Decimal | str | None = None
    term_months: int | str | None = None
    purpose: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def all_facts(self) -> dict[str, Any]:
        """The facts with what was asked for and the region, which are facts too."""
        asked = {
            "amount": self.amount,
            "term_months": self.term_months,
            "purpose": self.purpose,
            "region": self.region,
        }
        return {**self.facts, **{name: value for name, value in asked.items() if value not in (None, "")}}


@transaction.atomic
def start_application(
    *,
    actor: Actor,
    segment: str,
    amount: Decimal | None = None,
    term_months: int | None = None,
    product_id: UUID | None = None,
    at_counter: bool = False,
) -> Application:
    """A draft with a number of its own.

    Somebody who has just pressed the button twice gets the same draft: one on which nothing was typed yet is
    used again. A person without a membership here becomes an applicant. Raises NotAllowed, InvalidInput.
    """
    if segment not in Segment.values:
        raise InvalidInput(fields={"segment": [_("Elige casa, negocio o campo")]})
    if product_id is not None and not Product.objects.filter(pk=product_id, segment=segment).exists():
        raise InvalidInput(fields={"product": [_("Ese producto no existe o no es para este tipo de crédito")]})
    for_other = at_counter or actor.kind == "client"
    if for_other:
        actor.require("lending.file_for_applicant")
    else:
        actor = _as_applicant(actor)
    # The lock on numbers also makes two starts of one person wait for each other.
    number = next_number(Application, APPLICATIONS, FIRST_NUMBER)
    asked = {"amount": amount, "term_months": term_months, "product_id": product_id}
    draft = None if for_other else _untouched_draft(actor, segment)
    if draft:
        for name, value in asked.items():
            setattr(draft, name, value if value is not None else getattr(draft, name))
        draft.save(update_fields=[*asked, "saved_at"])
        return draft
    application = Application.objects.create(
        number=number,
        segment=segment,
        channel=_channel(actor, at_counter=at_counter),
        owner_id=None if for_other else actor.user_id,
        filed_by_id=actor.user_id if for_other else None,
        api_client_id=actor.client_id if actor.kind == "client" else None,
        draft_until=timezone.now() + timedelta(days=policy_in_force().draft_days),
        **asked,
    )
    audit.record(
        actor,
        "lending.application.started",
        application,
        number=number,
        segment=segment,
        channel=application.channel,
        amount=amount,
        term_months=term_months,
    )
    return application


@transaction.atomic
def save_step(
    *, application_id: UUID, actor: Actor, step: str, answers: Mapping[str, Any], complete: bool
) -> Application:
    """Keep what was typed in one step, valid or not, so that it can go on elsewhere, another day.

    Raises NotFound, InvalidState once submitted, InvalidInput when it is far too long.
    """
    application = _own(application_id, actor)
    require_state(application, "save")
    steps = dict(application.draft.get("steps", {}))
    steps[step] = {"answers": dict(answers), "complete": complete}
    draft = {**application.draft, "steps": steps}
    if len(orjson.dumps(draft)) > MAX_DRAFT_BYTES:
        raise InvalidInput(_("Lo que escribiste es demasiado largo. Acórtalo e inténtalo otra vez."))
    application.draft = draft
    _show_request(application, answers)
    application.save(update_fields=["draft", "amount", "term_months", "saved_at"])
    audit.record(actor, "lending.application.saved", application, step=step, complete=complete)
    return application


@transaction.atomic
def submit_application(
    *,
    application_id: UUID,
    actor: Actor,
    declared: DeclaredApplication,
    consents: Mapping[str, bool],
    ip: str | None = None,
) -> Application:
    """Freeze what was declared, keep the consents, and hand the application over to assessment.

    A repeated call returns it unchanged. Refusing the automatic score is a valid answer: a person will
    assess. Raises NotFound, InvalidState for a withdrawn one, InvalidInput with every message by field.
    """
    application = _own(application_id, actor)
    if application.status not in (Status.DRAFT, Status.WITHDRAWN):
        return application
    require_state(application, "submit")
    identity, facts = _checked(application.segment, declared, consents)
    institution = Institution.objects.get(pk=current_institution_id())
    applicant = _register(institution, actor, application, identity)
    _keep_profile(applicant, application.segment, identity, facts)
    stored = declared_facts.to_json(facts)
    move(application, "submit", Status.SUBMITTED)
    application.applicant = applicant
    application.amount, application.term_months = facts["amount"], facts["term_months"]
    application.purpose = facts.get("purpose", "")
    application.facts, application.facts_sha256 = stored, facts_sha256(stored)
    application.submitted_at = timezone.now()
    application.age_years = age_on(applicant.birth_on, today())
    application.draft, application.draft_until = {}, None
    application.save()
    by_other = application.channel != Channel.WEB and application.owner_id is None
    consent.record_consents(
        institution=institution,
        subject_id=applicant.pk,
        application_id=application.pk,
        answers=consents,
        channel=Consent.Channel(application.channel),
        ip=ip or actor.ip,
        given_by_id=applicant.user_id if by_other else actor.user_id,
        recorded_by_id=actor.user_id if by_other else None,
    )
    audit.record(
        actor,
        "lending.application.submitted",
        application,
        applicant=applicant.pk,
        amount=application.amount,
        term_months=application.term_months,
        channel=application.channel,
        facts_sha256=application.facts_sha256,
        consents=sorted(name for name, granted in consents.items() if granted),
    )
    outbox.publish("lending.application.submitted", application)
    return application


@transaction.atomic
def withdraw_application(*, application_id: UUID, actor: Actor) -> Application:
    """End an application at its owner's wish; open offers go with it. A repeated call changes nothing.

    Raises NotFound, or InvalidState once it was declined.
    """
    application = _own(application_id, actor)
    if application.status == Status.WITHDRAWN:
        return application
    if Contract.objects.filter(application_id=application.pk, status=Contract.Status.SIGNED).exists():
        raise InvalidState(_("Ya firmaste el contrato. Anúlalo primero: no cuesta nada antes del desembolso."))
    before = application.status
    move(application, "withdraw", Status.WITHDRAWN)
    close_application(application)
    audit.record(actor, "lending.application.withdrawn", application, before=before)
    return application


def close_application(application: Application) -> None:
    """What every withdrawn application leaves behind: no open offer, review, event or half-typed answers."""
    now = timezone.now()
    application.decided_at, application.decide_by, application.draft_until = now, None, None
    application.draft = {}
    application.save(update_fields=["status", "decided_at", "decide_by", "draft_until", "draft", "saved_at"])
    Offer.objects.filter(application_id=application.pk, status__in=[Offer.Status.OPEN, Offer.Status.CHOSEN]).update(
        status=Offer.Status.WITHDRAWN
    )
    Contract.objects.filter(application_id=application.pk, status=Contract.Status.OPEN).update(
        status=Contract.Status.CANCELLED
    )
    ReviewRequest.objects.filter(application_id=application.pk, closed_at__isnull=True).update(closed_at=now)
    outbox.complete("lending.application.submitted", [application.pk])


def facts_sha256(stored: Mapping[str, Any]) -> str:
    """SHA-256 of stored facts, whatever their order."""
    return hashlib.sha256(orjson.dumps(stored, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _own(application_id: UUID, actor: Actor) -> Application:
    """The application, locked, if the actor is the one who fills it in; NotFound otherwise."""
    application = application_for(actor, application_id, lock=True)
    if application.owner_id is not None:
        mine = application.owner_id == actor.user_id and actor.can("lending.apply")
    elif actor.kind == "client":
        mine = str(application.api_client_id) == str(actor.client_id) and actor.can("lending.file_for_applicant")
    else:
        mine = application.api_client_id is None and actor.can("lending.file_for_applicant")
    if not mine:
        raise NotFound
    return application


def _as_applicant(actor: Actor) -> Actor:
    """The actor as an applicant of this institution, joining when they are not one yet. Raises NotAllowed."""
    if actor.can("lending.apply"):
        return actor
    if actor.kind != "user" or actor.user_id is None:
        raise NotAllowed
    membership = join_as_applicant(User.objects.get(pk=actor.user_id))
    joined = Actor.for_membership(membership, channel=actor.channel, ip=actor.ip)
    return replace(joined, reason=actor.reason)


def _channel(actor: Actor, *, at_counter: bool) -> str:
    if at_counter:
        return Channel.COUNTER
    return Channel.API if actor.kind == "client" or actor.channel == "api" else Channel.WEB


def _untouched_draft(actor: Actor, segment: str) -> Application | None:
    """The person's own draft of this segment on which nothing was typed yet but what is asked for."""
    drafts = Application.objects.select_for_update().filter(
        owner_id=actor.user_id, segment=segment, status=Status.DRAFT, channel=_channel(actor, at_counter=False)
    )
    return next(
        (draft for draft in drafts.order_by("-number") if not set(draft.draft.get("steps", {})) - {"request"}), None
    )


def _show_request(application: Application, answers: Mapping[str, Any]) -> None:
    """Amount and term for lists and summaries, as far as what was typed can be read."""
    with suppress(KeyError, NotAnAmount):
        application.amount = parse_amount(str(answers["amount"]))
    typed = str(answers.get("term_months", ""))
    if typed.isascii() and typed.isdigit() and 0 < int(typed[:6]) <= 600:
        application.term_months = int(typed[:6])


def _checked(
    segment: str, declared: DeclaredApplication, consents: Mapping[str, bool]
) -> tuple[Identity, dict[str, Any]]:
    """Identity and facts, cleaned; raises InvalidInput with what is wrong anywhere, all at once."""
    typed = {name: getattr(declared, name) for name in Identity.__dataclass_fields__}
    identity, errors = clean_identity(typed, today())
    facts: dict[str, Any] = {}
    try:
        facts = declared_facts.validate(segment, declared.all_facts)
    except InvalidInput as refusal:
        errors = {**refusal.fields, **errors}
    try:
        consent.check_consents(consents)
    except InvalidInput as refusal:
        errors |= refusal.fields
    if identity is None or errors:
        raise InvalidInput(fields=errors)
    return identity, facts


def _register(institution: Institution, actor: Actor, application: Application, identity: Identity) -> Applicant:
    """The applicant of this document, made or brought up to date.

    A document known under another account is not taken over by typing its number: the message says how to
    go on and nothing about whose it is. At the counter and through a program the officer or the institution
    answers for the person's identity.
    """
    document_hash = lookup_hash(institution.uuid, f"document:{identity.document_type}", identity.document_number)
    key = {"document_type": identity.document_type, "document_hash": document_hash}
    details = {
        "full_name": identity.full_name,
        "birth_on": identity.birth_on,
        "phone": identity.phone,
        "email": identity.email,
        "region": identity.region,
        "district": identity.district,
        "ruc": identity.ruc,
    }
    made = Applicant(
        institution_id=institution.pk,
        user_id=application.owner_id,
        document_number=identity.document_number,
        **key,
        **details,
    )
    Applicant.objects.bulk_create([made], ignore_conflicts=True)
    applicant = Applicant.objects.select_for_update().get(**key)
    if applicant.pk == made.pk:
        audit.record(actor, "lending.applicant.registered", applicant, document_type=identity.document_type)
        return applicant
    if application.owner_id is not None and applicant.user_id != application.owner_id:
        if applicant.user_id is not None or not _reached_at(applicant, application.owner_id):
            raise InvalidInput(
                fields={
                    "document_number": [
                        _(
                            "No pudimos unir ese documento con tu cuenta. Revísalo; si es el tuyo, llámanos o"
                            " acércate a una agencia"
                        )
                    ]
                }
            )
        applicant.user_id = application.owner_id
    if applicant.restricted_at is not None:  # asking anew is a new relationship
        applicant.restricted_at = None
        audit.record(actor, "lending.applicant.released", applicant, application=application.pk)
    changed = sorted(name for name, value in details.items() if getattr(applicant, name) != value)
    for name in changed:
        setattr(applicant, name, details[name])
    applicant.save()
    if changed:
        audit.record(actor, "lending.applicant.updated", applicant, fields=changed)
    return applicant


def _reached_at(applicant: Applicant, user_id: int) -> bool:
    """Whether the account has proved the mobile or the e-mail the applicant left at the counter."""
    from allauth.account.models import EmailAddress

    user = User.objects.get(pk=user_id)
    by_phone = bool(user.phone and user.phone_verified and user.phone == applicant.phone)
    return by_phone or bool(
        applicant.email
        and EmailAddress.objects.filter(user_id=user_id, verified=True, email__iexact=applicant.email).exists()
    )


def _keep_profile(applicant: Applicant, segment: str, identity: Identity, facts: Mapping[str, Any]) -> None:
    """What was last declared of the household, business or farm; the application keeps its own frozen copy."""
    models: dict[str, tuple[Any, tuple[str, ...]]] = {
        Segment.HOUSEHOLD: (
            HouseholdProfile,
            ("employment", "employment_months", "housing", "dependants", "monthly_income"),
        ),
        Segment.ENTERPRISE: (EnterpriseProfile, ("sector", "business_months", "premises", "monthly_sales")),
        Segment.FARM: (FarmProfile, ("crop", "hectares", "irrigation", "altitude_m", "land_tenure")),
    }
    model, names = models[segment]
    values = {name: facts[name] for name in names if name in facts}
    if segment == Segment.ENTERPRISE:
        values["trade_name"] = identity.trade_name
    model.objects.update_or_create(applicant=applicant, defaults=values)
