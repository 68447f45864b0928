"""Everything the decision page shows of one case, ready to be read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.actors import Actor
from accounts.formats import format_money, format_number, format_percent
from accounts.models import Membership
from lending import facts as declared_facts
from lending.affordability import Affordability
from lending.models import (
    Application,
    Assessment,
    Decision,
    Document,
    LendingPolicy,
    Offer,
    ProductVersion,
    ReviewRequest,
)
from lending.reasons import Reason
from lending.selectors.history import history_of
from scoring.explanations import Told, tell_all

TOLD_IN_FULL: Final = 7  # reasons with a bar of their own; the rest stand together in one


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """The score and how it is reached: `base` and the points of `bars` add up to `score`."""

    score: int
    base: int
    pd: Decimal
    bars: Sequence[tuple[str, int]]
    told: Sequence[Told]
    model: str
    model_sha256: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AffordabilityTable:
    """Declared, verified and stressed, in finished cells, with what an installment takes of each."""

    stress_label: str
    rows: Sequence[Sequence[str]]
    foot: Sequence[Sequence[str]]
    within_policy: bool | None
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Case:
    """One application with what a person needs to decide on it."""

    application: Application
    assessment: Assessment | None
    policy: LendingPolicy | None
    score: ScoreCard | None
    affordability: AffordabilityTable | None
    offers: Sequence[Offer]
    blocked: Sequence[tuple[str, Sequence[str]]]
    documents: Sequence[Document]
    facts: Sequence[tuple[str, str, str]]
    history: Sequence[dict[str, Any]]
    decisions: Sequence[Decision]
    proposal: Decision | None
    review: ReviewRequest | None
    signers: Sequence[Membership] = field(default_factory=tuple)

    @property
    def pending_documents(self) -> int:
        return sum(one.status == Document.Status.PENDING for one in self.documents)

    @property
    def facts_by_name(self) -> dict[str, tuple[str, str]]:
        """(declared, verified) words by fact."""
        names = [fact.name for fact in declared_facts.facts_of(self.application.segment)]
        return {name: (said, seen) for name, (_label, said, seen) in zip(names, self.facts, strict=True)}

    @property
    def purpose(self) -> str:
        """What the money is for, in words."""
        fact = declared_facts.FACTS["purpose"]
        return declared_facts.shown(fact, self.application.purpose or None, self.application.segment)

    def words_of(self, decision: Decision) -> str:
        """A proposal or decision in one line: what, how much, why."""
        parts = [decision.get_outcome_display()]
        if decision.amount and decision.term_months:
            parts.append(
                _("%(amount)s a %(months)s meses")
                % {"amount": format_money(decision.amount, 0), "months": decision.term_months}
            )
        parts += [Reason(code).text for code in decision.reason_codes]
        if decision.rationale:
            parts.append(f"«{decision.rationale}»")
        return " · ".join(parts)

    @property
    def recommendation(self) -> list[Reason]:
        """Why the program recommends what it does."""
        return [Reason.from_json(data) for data in self.assessment.reasons] if self.assessment else []


def case_of(application: Application, actor: Actor) -> Case:
    """The case of an application the actor may read; the queries do not grow with its history."""
    assessment = (
        Assessment.objects.filter(application_id=application.pk)
        .select_related("score__model", "policy")
        .order_by("-attempt")
        .first()
    )
    policy = assessment.policy if assessment else None
    offers = list(
        Offer.objects.filter(application_id=application.pk, status__in=[Offer.Status.OPEN, Offer.Status.CHOSEN])
        .select_related("product_version__product")
        .order_by("rank")
    )
    decisions = list(
        Decision.objects.filter(application_id=application.pk)
        .exclude(stage=Decision.Stage.POLICY)
        .select_related("decided_by", "second_signer")
        .order_by("created_at")
    )
    answered = {one.proposal_id for one in decisions if one.stage == Decision.Stage.FINAL}
    waiting = [one for one in decisions if one.stage == Decision.Stage.PROPOSAL and one.pk not in answered]
    documents = list(Document.objects.filter(application_id=application.pk).order_by("uploaded_at"))
    installment = offers[0].installment if offers else None
    return Case(
        application=application,
        assessment=assessment,
        policy=policy,
        score=_score_card(assessment),
        affordability=_affordability(assessment, policy, installment) if assessment and policy else None,
        offers=offers,
        blocked=_blocked(assessment),
        documents=documents,
        facts=_facts(application),
        history=history_of(application.pk, *(one.pk for one in (*decisions, *documents, *offers))),
        decisions=decisions,
        proposal=waiting[-1] if waiting and application.status == Application.Status.PROPOSED else None,
        review=ReviewRequest.objects.filter(application_id=application.pk, closed_at__isnull=True)
        .select_related("reviewer")
        .first(),
        signers=list(possible_signers(actor)),
    )


def possible_signers(actor: Actor) -> QuerySet[Membership]:
    """Approvers of the institution other than the actor."""
    return (
        Membership.objects.filter(is_active=True, roles__contains=["approver"])
        .exclude(user_id=actor.user_id)  # type: ignore[misc]  # a program is nobody: its None leaves out none
        .select_related("user")
        .order_by("user__full_name")
    )


def _score_card(assessment: Assessment | None) -> ScoreCard | None:
    if assessment is None or assessment.score is None:
        return None
    score = assessment.score
    told = tell_all(score.segment, score.reasons)
    heaviest = sorted(told, key=lambda one: -abs(one.points))[:TOLD_IN_FULL]
    bars = [(one.label, one.points) for one in told if one in heaviest]
    others = [one for one in told if one not in heaviest]
    if others:
        label = ngettext("%(count)s razón más", "%(count)s razones más", len(others)) % {"count": len(others)}
        bars.append((label, sum(one.points for one in others)))
    return ScoreCard(
        score=score.score,
        base=score.base_points,
        pd=score.pd,
        bars=bars,
        told=told,
        model=score.model.name,
        model_sha256=score.model_sha256,
        at=score.created_at,
    )


def _affordability(
    assessment: Assessment, policy: LendingPolicy, installment: Decimal | None
) -> AffordabilityTable | None:
    if not assessment.affordability:
        return None
    table = Affordability.from_json(assessment.affordability)
    rows = [(str(row.label), _soles(row.declared), _soles(row.verified), _soles(row.stressed)) for row in table.rows]
    surplus = (table.surplus_declared, table.surplus_verified, table.surplus_stressed)
    foot = [(_("Excedente"), *(_soles(amount) for amount in surplus))]
    within = None
    if installment is not None and table.is_known:
        shares = [_share(installment, amount) for amount in surplus]
        foot.append((_("Cuota %(amount)s") % {"amount": format_money(installment)}, *(_percent(one) for one in shares)))
        verified, stressed = shares[1], shares[2]
        within = (
            verified is not None
            and stressed is not None
            and verified <= policy.installment_to_surplus
            and stressed <= policy.installment_to_stressed
        )
    notes = [
        _(
            "Política: la cuota no pasa del %(verified)s del excedente verificado"
            " ni del %(stressed)s con ingresos menores."
        )
        % {
            "verified": format_percent(policy.installment_to_surplus, 0),
            "stressed": format_percent(policy.installment_to_stressed, 0),
        }
    ]
    notes += [reason.text for reason in _assumptions(table)]
    return AffordabilityTable(_stress_label(table.segment, policy), rows, foot, within, notes)


def _assumptions(table: Affordability) -> list[Reason]:
    found = []
    if table.missing:
        found.append(Reason("income_missing", params={"facts": list(table.missing)}))
    if table.assumed:
        found.append(Reason("expenses_assumed", params={"facts": list(table.assumed)}))
    return found


def _stress_label(segment: str, policy: LendingPolicy) -> str:
    drop = format_percent(policy.income_stress, 0)
    if segment == "enterprise":
        return _("Ventas −%(drop)s") % {"drop": drop}
    if segment == "household":
        return _("Ingreso −%(drop)s") % {"drop": drop}
    return _("Mala campaña")


def _share(installment: Decimal, surplus: Decimal | None) -> Decimal | None:
    return installment / surplus if surplus is not None and surplus > 0 else None


def _percent(share: Decimal | None) -> str:
    return "—" if share is None else format_percent(share, 0)


def _soles(amount: Decimal | None) -> str:
    """Whole soles with a true minus sign; what is unknown says so."""
    if amount is None:
        return "—"
    shown = format_number(abs(amount), 0)
    return f"−{shown}" if amount < 0 and shown != "0" else shown


def _blocked(assessment: Assessment | None) -> list[tuple[str, list[str]]]:
    """Products that do not fit, by name, each with its reasons in words."""
    if assessment is None:
        return []
    no = [match for match in assessment.matches if not match["eligible"]]
    versions = ProductVersion.objects.filter(pk__in=[match["product_id"] for match in no]).select_related("product")
    names = {str(version.pk): version.product.name for version in versions}
    return [
        (names[match["product_id"]], [Reason.from_json(data).text for data in match["reasons"]])
        for match in no
        if match["product_id"] in names
    ]


def _facts(application: Application) -> list[tuple[str, str, str]]:
    """(question, declared, verified) of every fact of the segment; verified is empty where nobody looked."""
    declared = declared_facts.from_json(application.facts or {})
    verified = declared_facts.from_json(application.verified_facts)
    rows = []
    for fact in declared_facts.facts_of(application.segment):
        said = declared_facts.shown(fact, declared.get(fact.name), application.segment)
        seen = verified.get(fact.name)
        rows.append(
            (str(fact.label), said, "" if seen is None else declared_facts.shown(fact, seen, application.segment))
        )
    return rows
