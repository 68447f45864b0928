"""What an applicant is shown of their own case: where it stands, the answer, its reasons, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from accounts.actors import Actor
from accounts.errors import NotFound, Unavailable
from lending.matching import loan_terms
from lending.models import Application, Assessment, Decision, LendingPolicy, Offer, ProductVersion, ReviewRequest
from lending.models.assessments import Outcome
from lending.reasons import Reason
from lending.schedules import Schedule, build_schedule
from lending.selectors.applications import application_for
from lending.selectors.products import policy_in_force, product_terms
from scoring.explanations import PAIR, Told, main_reasons, tell_all
from scoring.models import Score

Status = Application.Status
SHOWN_REASONS: Final = 4
WORTH_SHOWING: Final = 5  # points


class State(StrEnum):
    """Where a case stands, as the applicant sees it."""

    WAITING = "waiting"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


_STATES: Final = {
    Status.SUBMITTED: State.WAITING,
    Status.REFERRED: State.IN_REVIEW,
    Status.PROPOSED: State.IN_REVIEW,
    Status.APPROVED: State.APPROVED,
    Status.DECLINED: State.DECLINED,
    Status.WITHDRAWN: State.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A product that did not match, and why."""

    name: str
    reasons: Sequence[Reason]

    @property
    def is_for_others(self) -> bool:
        """Whether it is made for another kind of borrower, which is no news to this one."""
        return any(reason.code == "other_segment" for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Result:
    """One submitted application and its newest answer. Reasons are worded when they are shown."""

    application: Application
    state: State
    policy: LendingPolicy
    assessment: Assessment | None = None
    score: Score | None = None
    told: Sequence[Told] = ()
    offers: Sequence[Offer] = ()
    refusals: Sequence[Refusal] = ()
    decision: Decision | None = None  # the last word of a person
    review: ReviewRequest | None = None  # the one that waits for an answer
    reviewed: ReviewRequest | None = None  # the last one that was answered

    @property
    def helped(self) -> list[Told]:
        """The heaviest reasons in favour."""
        return main_reasons(self.told, SHOWN_REASONS)[0]

    @property
    def to_do(self) -> list[Told]:
        """Reasons against that the person can do something about, the heaviest first."""
        return [one for one in main_reasons(self.told, len(self.told))[1] if one.action][:SHOWN_REASONS]

    @property
    def against(self) -> list[Told]:
        """The heaviest reasons against that no near change would move; trifles and pairs are told elsewhere."""
        heavy = [one for one in main_reasons(self.told, SHOWN_REASONS)[1] if one.points <= -WORTH_SHOWING]
        return [one for one in heavy if not one.action and PAIR not in one.feature]

    @property
    def overruled(self) -> bool:
        """Whether a person decided otherwise than the program had recommended."""
        return (
            self.decision is not None
            and self.assessment is not None
            and self.decision.outcome in (Outcome.APPROVE, Outcome.DECLINE)
            and self.decision.outcome != self.assessment.recommendation
        )

    @property
    def return_bound(self) -> Decimal:
        """How much dearer than the cheapest an offer before it may be, by the rule that ranked these."""
        if self.assessment is not None and self.assessment.in_trial and self.assessment.trial is not None:
            return self.assessment.trial.return_bound
        return self.policy.return_bound

    @property
    def chosen(self) -> Offer | None:
        return next((one for one in self.offers if one.status == Offer.Status.CHOSEN), None)

    @property
    def reasons(self) -> list[Reason]:
        """Why the answer is what it is: a person's reasons where one has decided, the policy's otherwise."""
        if self.decision is not None:
            return [Reason(code) for code in self.decision.reason_codes]
        return [Reason.from_json(data) for data in self.assessment.reasons] if self.assessment else []


def result_for(actor: Actor, application_id: object) -> Application:
    """A submitted or unfinished application of the actor's own, or one filed at the counter. Raises NotFound."""
    application = application_for(actor, application_id)  # type: ignore[arg-type]
    if application.owner_id is not None and application.owner_id == actor.user_id:
        return application
    filed = application.owner_id is None and application.channel == Application.Channel.COUNTER
    if filed and (actor.can("lending.file_for_applicant") or actor.can("lending.view_applications")):
        return application
    raise NotFound


def result_of(application: Application) -> Result:
    """The newest answer of an application that was submitted; the queries do not grow with its history."""
    state = _STATES[Status(application.status)]
    assessment = (
        Assessment.objects.filter(application_id=application.pk)
        .select_related("score__model", "policy", "trial")
        .order_by("-attempt")
        .first()
    )
    if state is State.WAITING or assessment is None:
        return Result(application, state, assessment.policy if assessment else policy_in_force())
    score = assessment.score
    last = (
        ReviewRequest.objects.filter(application_id=application.pk)
        .select_related("reviewer", "closed_by")
        .order_by("-requested_at")
        .first()
    )
    return Result(
        application=application,
        state=state,
        policy=assessment.policy,
        assessment=assessment,
        score=score,
        told=tell_all(score.segment, score.reasons) if score else (),
        offers=_offers(application),
        refusals=_refusals(assessment),
        decision=Decision.objects.filter(application_id=application.pk, stage=Decision.Stage.FINAL)
        .order_by("-created_at")
        .first(),
        review=last if last and last.closed_at is None else None,
        reviewed=last if last and last.closed_at and last.closed_by_id else None,
    )


def offer_schedule(offer: Offer) -> Schedule:
    """The offer's installments, to the céntimo those it was made with. Raises Unavailable where they are not."""
    schedule = build_schedule(
        loan_terms(
            product_terms(offer.product_version),
            amount=offer.amount,
            term_months=offer.term_months,
            tea=offer.tea,
            disbursed_on=offer.disbursement_on,
        )
    )
    if (schedule.totals.total, schedule.installment) != (offer.total, offer.installment):
        raise Unavailable(code="schedule_differs")
    return schedule


def _offers(application: Application) -> list[Offer]:
    """Offers that stand, or that have just passed their day; not those taken back."""
    shown = [Offer.Status.OPEN, Offer.Status.CHOSEN, Offer.Status.EXPIRED]
    found = Offer.objects.filter(application_id=application.pk, status__in=shown)
    offers = list(found.select_related("product_version__product").order_by("-created_at", "rank"))
    chosen = [one for one in offers if one.status == Offer.Status.CHOSEN]
    newest = [one for one in offers if (one.assessment_id, one.decision_id) == _batch(offers)]
    return chosen or newest


def _batch(offers: Sequence[Offer]) -> tuple[object, object]:
    return (offers[0].assessment_id, offers[0].decision_id)


def _refusals(assessment: Assessment) -> list[Refusal]:
    no = [match for match in assessment.matches if not match["eligible"]]
    versions = ProductVersion.objects.filter(pk__in=[match["product_id"] for match in no]).select_related("product")
    names = {str(version.pk): version.product.name for version in versions}
    return [
        Refusal(names[match["product_id"]], [Reason.from_json(data) for data in match["reasons"]])
        for match in no
        if match["product_id"] in names
    ]
