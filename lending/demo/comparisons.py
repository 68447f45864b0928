"""People who compared the example lenders: one chose, one only said how well an offer fits."""

from datetime import date
from decimal import Decimal
from typing import Final

from django.db import transaction

from accounts.actors import Actor
from accounts.clock import today
from accounts.models import User
from accounts.platform import platform_institution
from accounts.tenancy.scope import person_scope
from lending.demo.cases import Case
from lending.demo.loans import STEADY
from lending.models import MarketOffer, MarketRequest
from lending.selectors.market import lenders_of, published_terms
from lending.services import market

CHOSEN_AT: Final = "tarpuy"  # where the first one's application opens


def _case(name: str, dni: str, segment: str, amount: int, months: int) -> Case:
    purpose = "stock" if segment == "enterprise" else "home"
    return Case(
        institution="", segment=segment, name=name, dni=dni, born=date(1988, 9, 3), amount=Decimal(amount),
        months=months, purpose=purpose, facts=STEADY[segment],
    )  # fmt: skip


PEOPLE: Final = (
    _case("Flor Cusihuamán Rado", "43800011", "enterprise", 2500, 12),
    _case("Mario Yucra Sota", "43800022", "household", 1800, 12),
    _case("Celia Puma Huillca", "43800033", "enterprise", 3000, 12),
)


def compare(case: Case, user: User) -> bool:
    """The person's comparison with every lender that publishes; False where there is one."""
    actor = Actor.for_user(user)
    with transaction.atomic(), person_scope(user.pk):
        if MarketRequest.objects.filter(user_id=user.pk).exists():
            return False
        request = market.start_market_request(actor=actor, segment=case.segment)
        request = market.submit_market_request(
            request_id=request.pk, actor=actor, birth_on=case.born, automated=True,
            facts={**case.declared, "amount": case.amount, "term_months": case.months, "purpose": case.purpose,
                   "region": case.region},
            lenders=dict.fromkeys([one.pk for one in lenders_of(published_terms(today(), case.segment))], True),
        )  # fmt: skip
    market.answer_market_requests(institution_id=platform_institution().pk)
    with transaction.atomic(), person_scope(user.pk):
        _react(PEOPLE.index(case), request, actor)
    return True


def _react(place: int, request: MarketRequest, actor: Actor) -> None:
    """The first chooses, the second rates the best offer, the third thinks about it."""
    offers = MarketOffer.objects.filter(request_id=request.pk, rank__isnull=False).order_by("rank")
    if place == 0:
        wanted = offers.filter(lender__slug=CHOSEN_AT).first()
        if wanted is not None:
            market.choose_market_offer(request_id=request.pk, offer_id=wanted.pk, actor=actor)
    elif place == 1:
        for offer, rating in zip(offers, (4, 3), strict=False):
            market.rate_market_offer(request_id=request.pk, offer_id=offer.pk, actor=actor, rating=rating)
