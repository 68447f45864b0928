"""What lenders publish for everybody, and a person's own national requests."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.errors import NotAllowed, NotFound
from accounts.models import Institution
from lending.matching import MatchingPolicy
from lending.models import CatalogueOffer, MarketRequest, Opportunity
from lending.selectors.products import capacity_policy, catalogue_terms, stress_policy, usury_cap
from lending.self_check import LenderTerms


def published_terms(on: date, segment: str | None = None) -> list[CatalogueOffer]:
    """Terms on offer on a day by lenders that are open, lender by lender; of one segment when it is named."""
    found = CatalogueOffer.objects.filter(lender__is_active=True, published_on__lte=on).select_related("lender")
    found = found.filter(Q(withdrawn_on=None) | Q(withdrawn_on__gt=on))
    if segment:
        found = found.filter(segment=segment)
    return list(found.order_by("lender_id", "name"))


def lenders_of(terms: Sequence[CatalogueOffer]) -> list[Institution]:
    """The lenders behind some terms, by name."""
    return sorted({one.lender for one in terms}, key=lambda lender: lender.name)


def lender_terms(terms: Sequence[CatalogueOffer], on: date) -> list[LenderTerms]:
    """Published terms as matching takes them, one for each lender."""
    cap = usury_cap(on)
    found = []
    for _lender, group in groupby(terms, key=lambda one: one.lender_id):
        offers = list(group)
        policy = MatchingPolicy(usury_cap=cap.value if cap else None, capacity=capacity_policy(offers[0]))
        found.append(LenderTerms([catalogue_terms(one) for one in offers], policy, stress_policy(offers[0])))
    return found


def opportunities(
    on: date, segment: str, region: str | None, crop: str | None, lender_id: int | None = None
) -> list[Opportunity]:
    """Programmes of others open on a day to somebody of this segment, place and crop; each once."""
    found = Opportunity.objects.filter(segment=segment, valid_from__lte=on, lender__is_active=True)
    found = found.filter(Q(valid_to=None) | Q(valid_to__gte=on))
    if lender_id is not None:
        found = found.filter(lender_id=lender_id)
    by_code: dict[str, Opportunity] = {}
    for one in found.order_by("name", "pk"):
        for_here = not one.regions or region is None or region in one.regions
        for_crop = not one.crops or crop is None or crop in one.crops
        if for_here and for_crop:
            by_code.setdefault(one.code, one)
    return list(by_code.values())


def requests_of(actor: Actor) -> QuerySet[MarketRequest]:
    """A person's national requests, newest first. Raises NotAllowed without an account."""
    if actor.user_id is None:
        raise NotAllowed
    return MarketRequest.objects.filter(user_id=actor.user_id).order_by("-created_at")


def request_of(actor: Actor, request_id: UUID, *, lock: bool = False) -> MarketRequest:
    """One of them. Raises NotFound for anybody else's."""
    found = requests_of(actor).filter(pk=request_id)
    request = (found.select_for_update() if lock else found).first()
    if request is None:
        raise NotFound
    return request
