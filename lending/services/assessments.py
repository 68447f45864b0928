"""Scoring, matching and the policy's word for the applications that wait, a whole batch at a time."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Max
from django.utils import timezone

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.consent import granted_purposes
from accounts.errors import DomainError
from accounts.models import Consent
from accounts.tenancy.scope import current_institution_id, institution_scope
from lending.models import Application, Assessment, Decision, Offer
from lending.models.assessments import Outcome
from lending.policy import Recommendation
from lending.selectors.applications import application_for
from lending.services.evaluation import (
    Evaluation,
    Risk,
    Terms,
    evaluate,
    known_facts,
    offer_of,
    terms_in_force,
    unknown_case,
)
from lending.services.policies import saved_policy
from lending.services.statements import facts_to_score, statement_facts
from lending.services.states import TRANSITIONS, require_state

BATCH: Final = 500
# The server went away: nobody's case is to blame, and the whole batch is tried again later.
CONNECTION_LOST: Final = (OperationalError, InterfaceError)
STATUS: Final = {
    Outcome.APPROVE: Application.Status.APPROVED,
    Outcome.REFER: Application.Status.REFERRED,
    Outcome.DECLINE: Application.Status.DECLINED,
}
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Case:
    """One application on its way through the batch; `evaluation` stays None when it could not be worked out."""

    application: Application
    attempt: int = 1
    automated: bool = True
    risk: Risk | None = None
    evaluation: Evaluation | None = None
    failed: bool = False

    @property
    def recommendation(self) -> Recommendation:
        return self.evaluation.recommendation if self.evaluation else unknown_case()


def assess_waiting(*, institution_id: int, limit: int = BATCH) -> int:
    """Assess the submissions that wait, oldest first, in one transaction; returns how many were claimed.

    Claims are row locks that skip other workers' claims: a killed worker leaves everything as it was. A case
    that raises is referred to a person and never holds up the others.
    """
    with institution_scope(institution_id):
        claimed = (
            Application.objects.filter(status__in=TRANSITIONS["assess"].before)
            .select_related("applicant")
            .select_for_update(of=("self",), skip_locked=True)
            .order_by("submitted_at")[:limit]
        )
        cases = [Case(application) for application in claimed]
        if cases:
            actor = Actor.system("assessment", institution_id=institution_id)
            terms = terms_in_force(saved_policy(actor))
            _work_out(cases, terms)
            _keep(cases, terms)
            _announce(cases, actor)
        return len(cases)


@transaction.atomic
def reassess_application(*, application_id: UUID, actor: Actor) -> Assessment:
    """Work the case out again with what is known now; the application stays with the person who has it.

    Raises NotAllowed, NotFound, InvalidState unless an officer has it.
    """
    actor.require("lending.assess_application")
    application = application_for(actor, application_id, lock=True)
    require_state(application, "reassess")
    return assess_again(application, actor)


def assess_again(application: Application, actor: Actor) -> Assessment:
    """A new attempt for a locked application in the hands of an officer; earlier offers are withdrawn."""
    last = Assessment.objects.filter(application_id=application.pk).aggregate(last=Max("attempt"))["last"]
    case = Case(application, attempt=(last or 0) + 1)
    terms = terms_in_force(saved_policy(actor))
    _work_out([case], terms)
    Offer.objects.filter(application_id=application.pk, status=Offer.Status.OPEN).update(status=Offer.Status.WITHDRAWN)
    assessment = _store([case], terms)[0]
    audit.record(actor, "lending.application.reassessed", application, **_facts_for_audit(case))
    return assessment


# --- working out ------------------------------------------------------------------------------------------------


def _work_out(cases: Sequence[Case], terms: Terms) -> None:
    """Score those who agreed to it, then evaluate everyone; what raises marks the case, not the batch."""
    granted = granted_purposes([case.application.pk for case in cases])
    by_segment = defaultdict(list)
    for case in cases:
        case.automated = Consent.Purpose.AUTOMATED in granted[case.application.pk]
        if case.automated:
            by_segment[case.application.segment].append(case)
    for segment, group in by_segment.items():
        _score(segment, group)
    for case in cases:
        if not case.failed:
            with _blamed_on(case):
                case.evaluation = evaluate(case.application, case.risk, terms, automated=case.automated)


def _score(segment: str, cases: Sequence[Case]) -> None:
    """Scores for all at once; where that fails, one by one, each in its own savepoint."""
    try:
        with transaction.atomic():
            _score_together(segment, cases)
    except CONNECTION_LOST:
        raise
    except DomainError as refusal:  # no model in force: nobody's fault, a person will look at each
        logger.error("no scores for %s: %s", segment, refusal)
    except Exception:
        for case in cases:
            with _blamed_on(case), transaction.atomic():
                _score_together(segment, [case])


def _score_together(segment: str, cases: Sequence[Case]) -> None:
    from scoring.services import ScoreRequest, score_applications

    requests = []
    statements = statement_facts(case.application.pk for case in cases)
    for case in cases:
        declared, verified = known_facts(case.application)
        facts = facts_to_score(segment, {**declared, **verified}, statements.get(case.application.pk, {}))
        requests.append(ScoreRequest(case.application.pk, facts, case.attempt))
    scored = {row.application_id: row for row in score_applications(segment, requests)}
    for case in cases:
        row = scored[case.application.pk]
        case.risk = Risk(row.score_id, row.score, Decimal(row.pd))


@contextmanager
def _blamed_on(case: Case) -> Iterator[None]:
    """Mark the case that raises and go on; a lost connection is nobody's fault."""
    try:
        yield
    except CONNECTION_LOST:
        raise
    except Exception:
        case.failed, case.risk, case.evaluation = True, None, None
        logger.exception("application %s could not be assessed", case.application.pk)


# --- keeping ----------------------------------------------------------------------------------------------------


def _keep(cases: Sequence[Case], terms: Terms) -> None:
    """Store the batch; where the database refuses it, one by one, each in its own savepoint."""
    try:
        with transaction.atomic():
            _store_and_move(cases, terms)
    except CONNECTION_LOST:
        raise
    except Exception:
        for case in cases:
            with _blamed_on(case), transaction.atomic():
                _store_and_move([case], terms)
            if case.failed:
                _store_and_move([case], terms)


def _store_and_move(cases: Sequence[Case], terms: Terms) -> None:
    _store(cases, terms)
    now = timezone.now()
    by_status = defaultdict(list)
    for case in cases:
        by_status[STATUS[Outcome(case.recommendation.outcome)]].append(case.application)
    for status, applications in by_status.items():
        clocks = {"assessed_at": now}
        if status == Application.Status.REFERRED:
            clocks["decide_by"] = now + timedelta(hours=terms.policy.decision_hours)
        else:
            clocks["decided_at"] = now
        Application.objects.filter(pk__in=[application.pk for application in applications]).update(
            status=status, **clocks
        )
    for status, applications in by_status.items():
        for application in applications:
            application.status = status


def _store(cases: Sequence[Case], terms: Terms) -> list[Assessment]:
    """Assessments, the policy's decisions and the offers, in three statements."""
    institution_id = current_institution_id()
    assessments, decisions, offers = [], [], []
    for case in cases:
        assessment = _assessment(case, terms)
        decision = Decision(
            application_id=case.application.pk,
            assessment=assessment,
            stage=Decision.Stage.POLICY,
            outcome=assessment.recommendation,
            amount=case.application.amount,
            term_months=case.application.term_months,
            reason_codes=assessment.reason_codes,
        )
        assessments.append(assessment)
        decisions.append(decision)
        offers += _offers(case, assessment, terms)
    for row in (*assessments, *decisions, *offers):
        row.institution_id = institution_id
    Assessment.objects.bulk_create(assessments)
    Decision.objects.bulk_create(decisions)
    Offer.objects.bulk_create(offers)
    return assessments


def _assessment(case: Case, terms: Terms) -> Assessment:
    recommendation, evaluation = case.recommendation, case.evaluation
    return Assessment(
        application_id=case.application.pk,
        attempt=case.attempt,
        score_id=case.risk.score_id if case.risk else None,
        policy=terms.policy,
        trial=terms.trial,
        in_trial=terms.in_trial(case.application.pk),
        recommendation=str(recommendation.outcome),
        reason_codes=list(recommendation.reason_codes),
        reasons=[reason.as_json() for reason in recommendation.reasons],
        affordability=evaluation.affordability.as_json() if evaluation else {},
        matches=[answer.as_json() for answer in evaluation.matches] if evaluation else [],
    )


def _offers(case: Case, assessment: Assessment, terms: Terms) -> list[Offer]:
    """What may be chosen; approved without a person, only what the policy lets a program give."""
    if case.evaluation is None or assessment.recommendation == Outcome.DECLINE:
        return []
    automatic = assessment.recommendation == Outcome.APPROVE
    offers: list[Offer] = []
    for answer in case.evaluation.matches:
        if answer.schedule is None or answer.term_months is None or answer.amount is None:
            continue  # not eligible
        if automatic and (answer.amount > terms.policy.automatic_limit or answer.to_verify):
            continue
        offer = offer_of(
            answer.schedule, months=answer.term_months, rank=len(offers) + 1, reasons=answer.reasons, terms=terms
        )
        offer.application_id, offer.assessment = case.application.pk, assessment
        offer.product_version = terms.versions[answer.product_id]
        offers.append(offer)
    return offers


def _announce(cases: Sequence[Case], actor: Actor) -> None:
    """Evidence, the next event, and the end of the one that brought us here, in the same transaction."""
    applications = [case.application for case in cases]
    audit.record_many(
        actor, "lending.application.assessed", [(case.application, _facts_for_audit(case)) for case in cases]
    )
    outbox.publish_many("lending.application.assessed", applications)
    outbox.complete("lending.application.submitted", [application.pk for application in applications])


def _facts_for_audit(case: Case) -> dict[str, object]:
    return {
        "attempt": case.attempt,
        "status": case.application.status,
        "recommendation": str(case.recommendation.outcome),
        "reason_codes": list(case.recommendation.reason_codes),
        "score": case.risk.score if case.risk else None,
        "pd": case.risk.pd if case.risk else None,
        "score_id": case.risk.score_id if case.risk else None,
        "facts_sha256": case.application.facts_sha256,
        "products_that_fit": sum(answer.eligible for answer in case.evaluation.matches) if case.evaluation else 0,
    }
