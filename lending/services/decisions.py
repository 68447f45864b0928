"""Deciding with four eyes: an officer proposes, somebody else has the last word, and everything is written down."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import Membership
from lending import facts as declared_facts
from lending.models import Application, Assessment, Decision, Offer, Parameter, ReviewRequest
from lending.models.assessments import Outcome
from lending.money import format_soles
from lending.parameters import add_working_days, parameter
from lending.reasons import DECLINE_CODES
from lending.selectors.applications import application_for
from lending.selectors.products import policy_in_force
from lending.services.assessments import assess_again
from lending.services.evaluation import Risk, Terms, offers_on_request, terms_in_force
from lending.services.policies import saved_policy
from lending.services.states import move, require_state

SHORTEST_RATIONALE: Final = 10
REVIEW_DAYS_WITHOUT_NORM: Final = 10
Status = Application.Status


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says about a case."""

    outcome: str
    rationale: str
    reason_codes: tuple[str, ...]
    amount: Decimal | None
    term_months: int | None


@transaction.atomic
def propose_decision(
    *,
    application_id: UUID,
    actor: Actor,
    outcome: str,
    rationale: str,
    reason_codes: Sequence[str] = (),
    amount: Decimal | None = None,
    term_months: int | None = None,
    second_signer_id: int | None = None,
) -> Decision:
    """An officer's proposal: approve (as asked or otherwise), decline with reasons, or refer to the committee.

    It needs the word of another person. Raises NotAllowed, NotFound, InvalidState, InvalidInput.
    """
    actor.require("lending.propose_decision")
    application = application_for(actor, application_id, lock=True)
    require_state(application, "propose")
    _no_own_case(application, actor)
    word = _checked(outcome, rationale, reason_codes, amount, term_months)
    _check_signer(second_signer_id, actor)
    assessment = _latest_assessment(application)
    if word.outcome == Outcome.APPROVE:  # the figures must exist before anybody signs them
        _priced(application, assessment, word, terms_in_force(saved_policy(actor)))
    proposal = _write(application, assessment, actor, word, Decision.Stage.PROPOSAL, second_signer_id=second_signer_id)
    move(application, "propose", Status.PROPOSED)
    application.assigned_to_id = actor.user_id
    application.save(update_fields=["status", "assigned_to", "saved_at"])
    audit.record(actor, "lending.decision.proposed", proposal, **_for_audit(proposal))
    return proposal


@transaction.atomic
def decide_application(
    *,
    proposal_id: UUID,
    actor: Actor,
    agree: bool,
    rationale: str,
    outcome: str | None = None,
    reason_codes: Sequence[str] = (),
    amount: Decimal | None = None,
    term_months: int | None = None,
) -> Decision:
    """The last word on a proposal, by somebody else than its author.

    Agreeing repeats what was proposed; a proposal to refer is the committee's to answer, with `outcome`
    (approve or decline). Disagreeing gives the case back to the officer. A repeated call by the same person
    returns the decision. Raises NotAllowed, NotFound, InvalidState, InvalidInput.
    """
    actor.require("lending.decide_application")
    proposal = Decision.objects.filter(pk=proposal_id, stage=Decision.Stage.PROPOSAL).first()
    if proposal is None:
        raise NotFound
    application = application_for(actor, proposal.application_id, lock=True)
    made = Decision.objects.filter(proposal_id=proposal.pk, stage=Decision.Stage.FINAL).first()
    if made is not None and made.decided_by_id == actor.user_id:
        return made
    require_state(application, "decide")
    if made is not None or proposal.pk != _open_proposal(application).pk:
        raise InvalidState(_("Esta propuesta ya se decidió o la solicitud cambió."))
    if proposal.decided_by_id == actor.user_id:
        raise NotAllowed(_("Nadie aprueba su propia propuesta: debe decidir otra persona."), code="four_eyes")
    _no_own_case(application, actor)
    word = _final_word(proposal, agree, rationale, outcome, reason_codes, amount, term_months)
    decision = _write(application, proposal.assessment, actor, word, Decision.Stage.FINAL, proposal=proposal)
    status = {Outcome.APPROVE: Status.APPROVED, Outcome.DECLINE: Status.DECLINED, Outcome.REFER: Status.REFERRED}
    move(application, "decide", status[Outcome(word.outcome)])
    now = timezone.now()
    if word.outcome == Outcome.REFER:
        application.decide_by = now + timedelta(hours=policy_in_force().decision_hours)
    else:
        application.decided_at, application.decide_by = now, None
        ReviewRequest.objects.filter(application_id=application.pk, closed_at__isnull=True).update(
            closed_at=now, closed_by_id=actor.user_id
        )
        _withdraw_offers(application)
    if word.outcome == Outcome.APPROVE:
        _offer_anew(application, proposal.assessment, decision, word, actor)
    application.save(update_fields=["status", "decided_at", "decide_by", "saved_at"])
    audit.record(actor, "lending.application.decided", decision, agree=agree, **_for_audit(decision))
    if word.outcome != Outcome.REFER:
        outbox.publish("lending.application.decided", application, outcome=word.outcome)
    return decision


@transaction.atomic
def verify_facts(*, application_id: UUID, actor: Actor, facts: Mapping[str, Any]) -> Application:
    """Put what an officer saw beside what was declared, and work the case out again with it.

    `facts` are those verified now; None takes one back. What was declared is never changed. Raises
    NotAllowed, NotFound, InvalidState, InvalidInput by fact.
    """
    actor.require("lending.verify_facts")
    application = application_for(actor, application_id, lock=True)
    require_state(application, "verify")
    _no_own_case(application, actor)
    before = application.verified_facts
    merged = {**declared_facts.from_json(before), **facts}
    answered = {name: value for name, value in merged.items() if value is not None}
    asked = {"amount", "term_months"}
    if asked & set(facts):
        raise InvalidInput(
            fields={name: [_("El monto y el plazo se cambian en la propuesta")] for name in asked & set(facts)}
        )
    declared = declared_facts.from_json(application.facts or {})
    cleaned = declared_facts.validate(application.segment, {**declared, **answered})
    after = declared_facts.to_json({name: cleaned[name] for name in answered})
    if after == before:
        return application
    application.verified_facts = after
    application.save(update_fields=["verified_facts", "saved_at"])
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    audit.record(actor, "lending.application.facts_verified", application, facts=changed)
    assess_again(application, actor)
    return application


@transaction.atomic
def request_review(*, application_id: UUID, actor: Actor, message: str = "") -> ReviewRequest:
    """An applicant asks that a person look at what the program decided; a second request changes nothing.

    A declined case goes back to an officer. Raises NotFound, InvalidState before there is a result or once a
    person has had the last word.
    """
    application = application_for(actor, application_id, lock=True)
    if not _filed_by(application, actor):
        raise NotFound
    waiting = ReviewRequest.objects.filter(application_id=application.pk, closed_at__isnull=True).first()
    if waiting:
        return waiting
    require_state(application, "request_review")
    if Decision.objects.filter(
        application_id=application.pk, stage=Decision.Stage.FINAL, outcome__in=[Outcome.APPROVE, Outcome.DECLINE]
    ).exists():
        raise InvalidState(
            _("Una persona ya revisó tu caso y decidió. Si no estás de acuerdo, usa el libro de reclamaciones.")
        )
    days = parameter(Parameter.Code.REVIEW_WORKING_DAYS, today())
    reviewer = _reviewer_for(application)
    review = ReviewRequest.objects.create(
        application=application,
        reviewer_id=reviewer,
        message=message.replace("\x00", "").strip()[:1000],
        requested_by_id=actor.user_id,
        due_on=add_working_days(today(), int(days.value) if days else REVIEW_DAYS_WITHOUT_NORM),
    )
    before = application.status
    if before == Status.DECLINED:
        move(application, "request_review", Status.REFERRED)
        application.decided_at = None
        application.decide_by = timezone.now() + timedelta(hours=policy_in_force().decision_hours)
    application.assigned_to_id = reviewer or application.assigned_to_id
    application.save(update_fields=["status", "decided_at", "decide_by", "assigned_to", "saved_at"])
    audit.record(
        actor,
        "lending.application.review_requested",
        application,
        review=review.pk,
        reviewer=reviewer,
        before=before,
        due_on=review.due_on,
    )
    outbox.publish("lending.application.review_requested", application, review=str(review.pk))
    return review


@transaction.atomic
def choose_offer(*, offer_id: UUID, actor: Actor) -> Offer:
    """The applicant takes one offer; the others are withdrawn. Choosing it again returns it unchanged.

    Raises NotFound, InvalidState when it expired or the application is not approved.
    """
    offer = Offer.objects.filter(pk=offer_id).first()
    if offer is None:
        raise NotFound
    application = application_for(actor, offer.application_id, lock=True)
    if not _filed_by(application, actor):
        raise NotFound
    offer = Offer.objects.select_for_update().get(pk=offer_id)
    if offer.status == Offer.Status.CHOSEN:
        return offer
    require_state(application, "choose_offer")
    if offer.status == Offer.Status.EXPIRED or offer.valid_until < today():
        raise InvalidState(
            _("Esta oferta venció. Pide una nueva: tus respuestas siguen guardadas."), code="offer_expired"
        )
    if offer.status != Offer.Status.OPEN:
        raise InvalidState(_("Esta oferta ya no está disponible."), code="offer_withdrawn")
    offer.status, offer.chosen_at = Offer.Status.CHOSEN, timezone.now()
    offer.save(update_fields=["status", "chosen_at"])
    _withdraw_offers(application)
    audit.record(
        actor,
        "lending.offer.chosen",
        offer,
        application=application.pk,
        product_version=offer.product_version_id,
        amount=offer.amount,
        term_months=offer.term_months,
        tea=offer.tea,
        tcea=offer.tcea,
        total=offer.total,
    )
    outbox.publish("lending.offer.chosen", offer)
    return offer


@transaction.atomic
def unmask_document_number(*, application_id: UUID, actor: Actor) -> str:
    """The full document number, for somebody whose work needs it; the look is evidence.

    Raises NotAllowed, NotFound.
    """
    actor.require("lending.unmask_identity")
    application = application_for(actor, application_id)
    if application.applicant is None:
        raise NotFound
    audit.record(actor, "lending.applicant.unmasked", application.applicant, application=application.pk)
    return str(application.applicant.document_number)


# --- words ------------------------------------------------------------------------------------------------------


def _checked(
    outcome: str, rationale: str, reason_codes: Iterable[str], amount: Decimal | None, term_months: int | None
) -> Word:
    """A word that may be written down; raises InvalidInput by field."""
    errors: dict[str, list[str]] = {}
    codes = tuple(dict.fromkeys(reason_codes))
    text = rationale.replace("\x00", "").strip()
    if outcome not in Outcome.values:
        errors["outcome"] = [_("Elige aprobar, derivar o rechazar")]
    if len(text) < SHORTEST_RATIONALE:
        errors["rationale"] = [_("Escribe el sustento: qué viste y por qué decides así")]
    elif len(text) > 4_000:
        errors["rationale"] = [_("El sustento es demasiado largo")]
    if outcome == Outcome.DECLINE:
        if not codes:
            errors["reason_codes"] = [_("Elige al menos un motivo: es lo que leerá la persona")]
        elif not set(codes) <= set(DECLINE_CODES):
            errors["reason_codes"] = [_("Elige los motivos de la lista")]
    elif codes:
        errors["reason_codes"] = [_("Los motivos son solo para rechazar")]
    if outcome == Outcome.APPROVE:
        if amount is not None and amount <= 0:
            errors["amount"] = [_("El monto debe ser mayor que cero")]
        if term_months is not None and term_months <= 0:
            errors["term_months"] = [_("El plazo debe ser mayor que cero")]
    if errors:
        raise InvalidInput(fields=errors)
    return Word(outcome, text, codes, amount, term_months)


def _final_word(
    proposal: Decision,
    agree: bool,
    rationale: str,
    outcome: str | None,
    reason_codes: Sequence[str],
    amount: Decimal | None,
    term_months: int | None,
) -> Word:
    if not agree:
        return _checked(Outcome.REFER, rationale, (), None, None)
    if proposal.outcome == Outcome.REFER:
        if outcome not in (Outcome.APPROVE, Outcome.DECLINE):
            raise InvalidInput(fields={"outcome": [_("El comité debe aprobar o rechazar")]})
        return _checked(outcome, rationale, reason_codes, amount, term_months)
    if outcome not in (None, proposal.outcome):
        raise InvalidInput(fields={"outcome": [_("Si no estás de acuerdo, devuelve la propuesta")]})
    return _checked(proposal.outcome, rationale, proposal.reason_codes, proposal.amount, proposal.term_months)


def _write(
    application: Application,
    assessment: Assessment,
    actor: Actor,
    word: Word,
    stage: str,
    *,
    proposal: Decision | None = None,
    second_signer_id: int | None = None,
) -> Decision:
    approves = word.outcome == Outcome.APPROVE
    amount = (word.amount or application.amount) if approves else None
    months = (word.term_months or application.term_months) if approves else None
    return Decision.objects.create(
        application=application,
        assessment=assessment,
        proposal=proposal,
        stage=stage,
        outcome=word.outcome,
        changed_terms=approves and (amount, months) != (application.amount, application.term_months),
        amount=amount,
        term_months=months,
        reason_codes=list(word.reason_codes),
        rationale=word.rationale,
        decided_by_id=actor.user_id,
        proposed_by_id=proposal.decided_by_id if proposal else None,
        second_signer_id=second_signer_id,
    )


def _for_audit(decision: Decision) -> dict[str, Any]:
    return {
        "application": decision.application_id,
        "assessment": decision.assessment_id,
        "proposal": decision.proposal_id,
        "outcome": decision.outcome,
        "amount": decision.amount,
        "term_months": decision.term_months,
        "changed_terms": decision.changed_terms,
        "overrides": decision.outcome != Outcome.REFER and decision.outcome != decision.assessment.recommendation,
        "reason_codes": decision.reason_codes,
        "proposed_by": decision.proposed_by_id,
    }


# --- who and what -----------------------------------------------------------------------------------------------


def _reviewer_for(application: Application) -> int | None:
    """The officer who will answer for a review: whoever has fewest open ones; None where there is no officer."""
    people = (application.owner_id, application.applicant.user_id if application.applicant else None)
    own = {one for one in people if one is not None}
    waiting = ReviewRequest.objects.filter(reviewer_id=OuterRef("user_id"), closed_at__isnull=True)
    count = waiting.order_by().values("reviewer_id").annotate(count=Count("pk")).values("count")
    return (
        Membership.objects.filter(roles__contains=["officer"], is_active=True)
        .exclude(user_id__in=own)
        .annotate(waiting=Coalesce(Subquery(count), 0))
        .order_by("waiting", "pk")
        .values_list("user_id", flat=True)
        .first()
    )


def _no_own_case(application: Application, actor: Actor) -> None:
    """Nobody works on their own application, whatever their role."""
    applicant_user = application.applicant.user_id if application.applicant else None
    if actor.user_id is not None and actor.user_id in (application.owner_id, applicant_user):
        raise NotAllowed(_("Es tu propia solicitud: debe verla otra persona."), code="own_application")


def _filed_by(application: Application, actor: Actor) -> bool:
    """Whether the actor speaks for the applicant: the owner, the filing program, or an officer at the counter."""
    if application.owner_id is not None:
        return application.owner_id == actor.user_id
    if actor.kind == "client":
        return str(application.api_client_id) == str(actor.client_id)
    return application.channel == Application.Channel.COUNTER and actor.can("lending.file_for_applicant")


def _check_signer(second_signer_id: int | None, actor: Actor) -> None:
    if second_signer_id is None:
        return
    able = Membership.objects.filter(user_id=second_signer_id, is_active=True, roles__contains=["approver"])
    if second_signer_id == actor.user_id or not able.exists():
        raise InvalidInput(fields={"second_signer": [_("Elige a otra persona que pueda decidir")]})


def _latest_assessment(application: Application) -> Assessment:
    assessment = Assessment.objects.filter(application_id=application.pk).order_by("-attempt").first()
    if assessment is None:
        raise InvalidState(_("Todavía no hay un resultado sobre el que decidir."))
    return assessment


def _open_proposal(application: Application) -> Decision:
    """The newest proposal: the one that put the application where it is."""
    return Decision.objects.filter(application_id=application.pk, stage=Decision.Stage.PROPOSAL).latest(
        "created_at", "pk"
    )


# --- offers -----------------------------------------------------------------------------------------------------


def _withdraw_offers(application: Application) -> None:
    Offer.objects.filter(application_id=application.pk, status=Offer.Status.OPEN).update(status=Offer.Status.WITHDRAWN)


def _offer_anew(application: Application, assessment: Assessment, decision: Decision, word: Word, actor: Actor) -> None:
    """Offers for what was approved, at the prices of the day it was approved."""
    terms = terms_in_force(saved_policy(actor))
    offers = _priced(application, assessment, word, terms)
    for offer in offers:
        offer.application, offer.assessment, offer.decision = application, assessment, decision
        offer.institution_id = application.institution_id
    Offer.objects.bulk_create(offers)


def _priced(application: Application, assessment: Assessment, word: Word, terms: Terms) -> list[Offer]:
    """An offer of every product that can carry the approved amount and term, the cheapest first.

    Raises InvalidInput when nothing can, with the ranges that could.
    """
    amount = word.amount or application.amount
    months = word.term_months or application.term_months
    assert amount is not None  # nothing is submitted without
    assert months is not None
    score = assessment.score
    risk = Risk(score.pk, score.score, score.pd) if score else None
    offers = offers_on_request(application, risk, terms, amount, months)
    if not offers:
        raise InvalidInput(fields={"amount": [_nothing_carries(application, terms)]})
    return offers


def _nothing_carries(application: Application, terms: Terms) -> str:
    if terms.matching.usury_cap is None:
        return _("No está cargada la tasa máxima legal del periodo: no se puede ofrecer ningún crédito.")
    ranges = [
        _("%(name)s: de %(low)s a %(high)s, de %(short)s a %(long)s meses")
        % {
            "name": product.name,
            "low": format_soles(product.amount_min),
            "high": format_soles(product.amount_max),
            "short": product.term_min,
            "long": product.term_max,
        }
        for product in terms.products
        if product.segment == application.segment
    ]
    return " ".join([_("Ningún producto da ese monto a ese plazo a esta persona."), "; ".join(ranges)]).strip()
