"""One request, many lenders: a person's answers compared with what everybody may read, and one application at last.

Requests and offers are the person's own rows (policies on `app.user_id`); the evidence goes to the platform's
chain. A lender learns of a request when, and only when, its offer is chosen; of the others it has a count of its own
offers and what became of them (`MarketEcho`), from which nobody can tell whose they were.
"""

import hmac
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, crypto, outbox
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import OutboxEvent, User
from accounts.platform import platform_institution, platform_scope
from accounts.services import join_as_applicant
from accounts.tenancy.scope import institution_scope
from lending import facts as declared_facts
from lending.affordability import assess
from lending.identity import age_on
from lending.market_texts import market_text, score_text
from lending.matching import ApplicantProfile, Asked, Match, match_lenders
from lending.models import (
    Application,
    CatalogueOffer,
    MarketConsent,
    MarketEcho,
    MarketOffer,
    MarketRequest,
    MarketRetention,
    ProductVersion,
)
from lending.parameters import Parameter, term
from lending.selectors.market import lender_terms, lenders_of, published_terms, request_of
from lending.selectors.products import activity_months
from lending.services.applications import MAX_DRAFT_BYTES, facts_sha256, save_step, start_application
from scoring import registry
from scoring.explanations import explain
from scoring.models import Segment

SUBMITTED: Final = "lending.market.submitted"
CARRIED: Final = ("request", "identity", "activity", "money")  # steps an application takes along
Status = MarketRequest.Status
logger = logging.getLogger(__name__)


@transaction.atomic
def start_market_request(*, actor: Actor, segment: str) -> MarketRequest:
    """A draft of one's own, or the unfinished one of the same segment. Raises NotAllowed, InvalidInput."""
    if actor.kind != "user" or actor.user_id is None:
        raise NotAllowed
    if segment not in Segment.values:
        raise InvalidInput(fields={"segment": [_("Elige casa, negocio o campo")]})
    mine = MarketRequest.objects.select_for_update().filter(user_id=actor.user_id)
    open_one = mine.filter(segment=segment, status=Status.DRAFT).order_by("-created_at").first()
    if open_one:
        return open_one
    request = MarketRequest(user_id=actor.user_id, segment=segment)
    _keep(request)
    request.save()
    _record(actor, "lending.market.started", request, segment=segment)
    return request


@transaction.atomic
def save_market_step(
    *, request_id: UUID, actor: Actor, step: str, answers: Mapping[str, Any], complete: bool
) -> MarketRequest:
    """Keep what was typed in one step, valid or not. Raises NotFound, InvalidState once sent, InvalidInput."""
    request = _open(request_id, actor)
    steps = {**request.draft.get("steps", {}), step: {"answers": dict(answers), "complete": complete}}
    if len(str(steps)) > MAX_DRAFT_BYTES:
        raise InvalidInput(_("Lo que escribiste es demasiado largo. Acórtalo e inténtalo otra vez."))
    request.draft = {"steps": steps}
    _keep(request)
    request.save(update_fields=["draft", "kept_until"])
    _record(actor, "lending.market.saved", request, step=step, complete=complete)
    return request


@transaction.atomic
def submit_market_request(
    *, request_id: UUID, actor: Actor, facts: Mapping[str, Any], birth_on: date, lenders: Mapping[int, bool],
    automated: bool, language: str | None = None,
) -> MarketRequest:  # fmt: skip
    """Freeze the answers, keep a yes or no for every lender asked about, and have the offers worked out.

    `facts` as a form or a program declares them. A repeated call returns it unchanged. Raises NotFound,
    InvalidInput by field.
    """
    request = request_of(actor, request_id, lock=True)
    if request.status != Status.DRAFT:
        return request
    checked: dict[str, Any] = dict(declared_facts.validate(request.segment, facts))
    on_offer = {one.pk: one for one in lenders_of(published_terms(today(), request.segment))}
    asked = {key: granted for key, granted in lenders.items() if key in on_offer}
    if not any(asked.values()):
        raise InvalidInput(fields={"lenders": [_("Marca al menos una entidad para ver su oferta")]})
    stored = declared_facts.to_json(checked)
    request.facts, request.facts_sha256 = {**stored, "birth_on": birth_on.isoformat()}, facts_sha256(stored)
    request.amount, request.term_months = checked["amount"], checked["term_months"]
    request.status, request.submitted_at, request.automated = Status.SUBMITTED, timezone.now(), automated
    _keep(request)
    request.save()
    texts = {key: market_text(on_offer[key], language) for key in asked}
    MarketConsent.objects.bulk_create(
        MarketConsent(
            user_id=request.user_id, request=request, lender_id=key, granted=granted, ip=actor.ip,
            text_version=texts[key].version, text_sha256=texts[key].sha256, language=texts[key].language,
        )
        for key, granted in asked.items()
    )  # fmt: skip
    with platform_scope():
        audit.record(
            actor, SUBMITTED, request, facts_sha256=request.facts_sha256, amount=request.amount,
            term_months=request.term_months, lenders=sum(asked.values()), automated=automated,
            score_text=score_text(language).sha256,
        )  # fmt: skip
        outbox.publish(SUBMITTED, request, user=request.user_id)
    return request


def answer_market_requests(*, institution_id: int) -> int:
    """Work out what waits, each in a transaction of its own that also ends its event; returns how many.

    `institution_id` is the platform's. One that cannot be worked out is answered without offers rather than
    asked again for ever.
    """
    with institution_scope(institution_id):
        waiting = list(
            OutboxEvent.objects.filter(name=SUBMITTED, done_at=None)
            .order_by("created_at")
            .values("subject_id", "payload")
        )
    for event in waiting:
        key, user_id = UUID(event["subject_id"]), event["payload"]["user"]
        try:
            _answer(institution_id, user_id, key, with_offers=True)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("market request %s could not be worked out", key)
            _answer(institution_id, user_id, key, with_offers=False)
    return len(waiting)


@transaction.atomic
def choose_market_offer(*, request_id: UUID, offer_id: UUID, actor: Actor) -> MarketOffer:
    """Open an application at the offer's lender with the answers given here; nobody else hears of it.

    Choosing it again returns it unchanged. Raises NotFound, InvalidState once it expired or another was chosen.
    """
    request = request_of(actor, request_id, lock=True)
    offer = MarketOffer.objects.select_related("terms", "lender").filter(pk=offer_id, request_id=request.pk).first()
    if offer is None or offer.status == MarketOffer.Status.UNFIT:
        raise NotFound
    if offer.status == MarketOffer.Status.CHOSEN:
        return offer
    if request.status != Status.ANSWERED:
        raise InvalidState(_("Ya elegiste otra oferta de esta comparación."))
    open_still = offer.terms.withdrawn_on is None and offer.lender.is_active
    if offer.valid_until is None or offer.valid_until < today() or not open_still:
        raise InvalidState(_("Esta oferta venció. Compara otra vez: tus respuestas siguen guardadas."))
    application = _apply(request, offer, actor)
    offer.status, offer.chosen_at = MarketOffer.Status.CHOSEN, timezone.now()
    offer.chosen_application = application.pk
    offer.save(update_fields=["status", "chosen_at", "chosen_application"])
    request.status = Status.CHOSEN
    request.save(update_fields=["status"])
    _record(actor, "lending.market.chosen", request, offer=offer.pk)
    shown = list(MarketOffer.objects.filter(request_id=request.pk).exclude(status=MarketOffer.Status.UNFIT))
    for lender_id, offers in _by_lender(shown):
        with institution_scope(lender_id):
            still = MarketEcho.objects.filter(pk__in=[_echo_key(one) for one in offers], valid_until__gte=today())
            still.update(status=MarketEcho.Status.PASSED)
            if lender_id == offer.lender_id:
                still.filter(pk=_echo_key(offer)).update(status=MarketEcho.Status.CHOSEN, application_id=application.pk)
    return offer


@transaction.atomic
def rate_market_offer(*, request_id: UUID, offer_id: UUID, actor: Actor, rating: int) -> MarketOffer:
    """How well one lender's offer fits, 1 to 5; a later word takes the place of an earlier one.

    The lender counts it among its own offers and does not learn whose word it is. Raises NotFound, InvalidInput.
    """
    request = request_of(actor, request_id, lock=True)
    offer = MarketOffer.objects.filter(pk=offer_id, request_id=request.pk).first()
    if offer is None or offer.status == MarketOffer.Status.UNFIT:
        raise NotFound
    if not 1 <= rating <= 5:
        raise InvalidInput(fields={"rating": [_("Elige de 1 a 5")]})
    offer.rating = rating
    offer.save(update_fields=["rating"])
    _record(actor, "lending.market.rated", request, offer=offer.pk, rating=rating)
    with institution_scope(offer.lender_id):
        MarketEcho.objects.filter(pk=_echo_key(offer)).update(rating=rating)
    return offer


@transaction.atomic
def forget_market_request(*, request_id: UUID, actor: Actor) -> None:
    """Erase a comparison with all its answers and offers; an application it led to stays. Raises NotFound."""
    request = request_of(actor, request_id, lock=True)
    _record(actor, "lending.market.forgotten", request)
    _erase(request)
    with platform_scope():
        MarketRetention.objects.filter(request_id=request_id).delete()


def purge_market_requests(*, limit: int = 500) -> int:
    """Erase national requests past their last day, each in a transaction of its own; returns how many. Safe to repeat.

    The platform knows from `MarketRetention` whose are due; the rows are reached as their person's alone.
    """
    platform = platform_institution()
    actor = Actor.system("purge", institution_id=platform.pk)
    with institution_scope(platform.pk):
        actor.require("accounts.purge")
        due = list(
            MarketRetention.objects.filter(kept_until__lt=today())
            .order_by("kept_until", "pk")
            .values_list("pk", "request_id", "user_id")[:limit]
        )
    purged = 0
    for key, request_id, user_id in due:
        with institution_scope(platform.pk, user_id=user_id):
            listed = MarketRetention.objects.select_for_update().filter(pk=key, kept_until__lt=today()).first()
            if listed is None:  # it was used again meanwhile, or another run was here
                continue
            request = MarketRequest.objects.select_for_update().filter(pk=request_id).first()
            if request is not None:
                audit.record(actor, "lending.market.purged", request, kept_until=listed.kept_until)
                _erase(request)
            listed.delete()
            purged += 1
    return purged


# --- working out ------------------------------------------------------------------------------------------------


@transaction.atomic
def _answer(institution_id: int, user_id: int, key: UUID, *, with_offers: bool) -> None:
    offers: list[MarketOffer] = []
    with institution_scope(institution_id, user_id=user_id):
        request = MarketRequest.objects.select_for_update().filter(pk=key, status=Status.SUBMITTED).first()
        if request is not None:  # neither answered before nor erased since
            offers = _offers(request) if with_offers else offers
            MarketOffer.objects.bulk_create(offers)
            request.status, request.answered_at = Status.ANSWERED, timezone.now()
            request.save()
            audit.record(
                Actor.system("market", institution_id=institution_id), "lending.market.answered", request,
                offers=sum(offer.rank is not None for offer in offers), score=request.score, pd=request.pd,
                model=request.model_id,
            )  # fmt: skip
        outbox.complete(SUBMITTED, [key])
    for lender_id, own in _by_lender(one for one in offers if one.rank is not None):
        with institution_scope(lender_id):
            MarketEcho.objects.bulk_create(
                MarketEcho(
                    institution_id=lender_id, id=_echo_key(one), product_version_id=one.terms_id, place=place,
                    made_on=today(), valid_until=one.valid_until or today(),
                )
                for place, one in enumerate(own, start=1)
            )  # fmt: skip


def _offers(request: MarketRequest) -> list[MarketOffer]:
    """Every answer of the lenders the person agreed to, cheapest first; sets the request's score."""
    on = today()
    declared = dict(request.facts)
    birth_on = date.fromisoformat(declared.pop("birth_on"))
    facts = declared_facts.from_json(declared)
    if request.automated:
        _score(request, facts)
    agreed = set(MarketConsent.objects.filter(request_id=request.pk, granted=True).values_list("lender_id", flat=True))
    terms = [one for one in published_terms(on, request.segment) if one.lender_id in agreed]
    if not terms:
        return []
    asked = []
    for lender in lender_terms(terms, on):
        profile = ApplicantProfile(
            segment=request.segment, amount=facts["amount"], term_months=facts["term_months"], on=on,
            affordability=assess(request.segment, facts, None, lender.stress), score=request.score, pd=request.pd,
            region=facts.get("region"), age=age_on(birth_on, on), sector=facts.get("sector"), crop=facts.get("crop"),
            activity_months=activity_months(request.segment, facts), creditors=facts.get("creditors"),
            harvest_month=facts.get("harvest_month"),
        )  # fmt: skip
        asked.append(Asked(profile, lender.products, lender.matching))
    by_key = {one.pk: one for one in terms}
    return [_offer(request, by_key[answer.product_id], answer, on) for answer in match_lenders(asked)]


def _offer(request: MarketRequest, terms: CatalogueOffer, answer: Match, on: date) -> MarketOffer:
    offer = MarketOffer(
        user_id=request.user_id, request=request, terms=terms, lender_id=terms.lender_id,
        status=MarketOffer.Status.UNFIT, reasons=[reason.as_json() for reason in answer.reasons],
    )  # fmt: skip
    if answer.schedule is not None:
        offer.status, offer.rank = MarketOffer.Status.OPEN, answer.rank
        offer.amount, offer.received, offer.term_months = answer.amount, answer.received, answer.term_months
        offer.installments, offer.installment = len(answer.schedule.rows), answer.installment
        offer.total, offer.tea, offer.tcea = answer.total, answer.tea, answer.tcea
        offer.disbursement_on = answer.schedule.terms.disbursed_on
        offer.valid_until = on + timedelta(days=terms.offer_days)
    return offer


def _score(request: MarketRequest, facts: Mapping[str, Any]) -> None:
    """The shared champion's word; without one in force the offers are made at their dearest."""
    try:
        model = registry.champion(request.segment)
        scored, reasons = explain(registry.live_model(model), facts)
    except Exception:
        logger.exception("no score for market request %s", request.pk)
        return
    request.score, request.base_points = scored.score, scored.base
    request.pd = Decimal(scored.pd).quantize(Decimal("1e-8"))
    request.reasons = [reason.as_json() for reason in reasons]
    request.model_id, request.model_sha256 = model.pk, model.sha256


# --- choosing ---------------------------------------------------------------------------------------------------


def _apply(request: MarketRequest, offer: MarketOffer, actor: Actor) -> Application:
    """The application at the offer's lender: a draft with everything that was answered here."""
    assert actor.user_id is not None
    with institution_scope(offer.lender_id):
        membership = join_as_applicant(User.objects.get(pk=actor.user_id))
        here = Actor.for_membership(membership, channel=actor.channel, ip=actor.ip)
        here = replace(here, reason=actor.reason)
        version = ProductVersion.objects.filter(pk=offer.terms_id).first()
        application = start_application(
            actor=here, segment=request.segment, amount=offer.amount, term_months=offer.term_months,
            product_id=version.product_id if version else None,
        )  # fmt: skip
        steps = request.draft.get("steps", {})
        for step in CARRIED:
            if step in steps:
                answers, complete = dict(steps[step]["answers"]), steps[step]["complete"] and step != "identity"
                if step == "request":
                    answers |= {"amount": f"{offer.amount:.2f}", "term_months": str(offer.term_months)}
                application = save_step(
                    application_id=application.pk, actor=here, step=step, answers=answers, complete=complete
                )
        return application


def _by_lender(offers: Iterable[MarketOffer]) -> list[tuple[int, list[MarketOffer]]]:
    """Offers by their lender, each lender's by rank; in the order of the lenders, so that two never wait in a ring."""
    found: dict[int, list[MarketOffer]] = defaultdict(list)
    for one in sorted(offers, key=lambda one: one.rank or 0):
        found[one.lender_id].append(one)
    return sorted(found.items())


def _echo_key(offer: MarketOffer) -> UUID:
    """A key that leads from the person's offer to the lender's count of it, and not back."""
    digest = hmac.digest(crypto.purpose_key("market echo"), offer.pk.bytes, "sha256")
    return UUID(bytes=digest[:16])


def _keep(request: MarketRequest) -> None:
    """Count the days of its keeping from today."""
    request.kept_until = today() + timedelta(days=term(Parameter.Code.MARKET_DAYS))
    with platform_scope() as platform:
        MarketRetention.objects.update_or_create(
            institution_id=platform.pk, request_id=request.pk,
            defaults={"user_id": request.user_id, "kept_until": request.kept_until},
        )  # fmt: skip


def _erase(request: MarketRequest) -> None:
    MarketOffer.objects.filter(request_id=request.pk).delete()
    MarketConsent.objects.filter(request_id=request.pk).delete()
    request.delete()


def _open(request_id: UUID, actor: Actor) -> MarketRequest:
    request = request_of(actor, request_id, lock=True)
    if request.status != Status.DRAFT:
        raise InvalidState(_("Esta comparación ya se envió y no se puede cambiar."))
    return request


def _record(actor: Actor, event: str, request: MarketRequest, **facts: Any) -> None:
    with platform_scope():
        audit.record(actor, event, request, **facts)
