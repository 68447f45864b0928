"""Offers that are nobody's application yet, as cards: from a self-check and from a national request."""

from typing import Any

from django.utils.translation import gettext as _

from accounts.formats import format_money, format_percent
from lending.matching import Match
from lending.models import MarketOffer, Opportunity, ProductVersion
from lending.money import format_soles
from lending.presentation import shown_reason
from lending.reasons import VERIFY, Reason

CHEAPEST = frozenset({"cheapest", "lowest_cost"})


def offer_card(
    offer: Match | MarketOffer, *, place: int, institution: Any, title: str, product: str, amortization: str,
    reasons: list[Reason], installments: int,
) -> dict[str, Any]:  # fmt: skip
    """One card, in the order the page shows it."""
    card = {
        "rank": place,
        "best": any(reason.code in CHEAPEST for reason in reasons),
        "institution": institution,
        "title": title,
        "product": _("%(kind)s, TEA %(tea)s") % {"kind": product, "tea": format_percent(offer.tea or 0)},
        "received": format_money(offer.received or 0),
        "payment_label": _("Cuota al mes"),
        "payment": format_money(offer.installment or 0),
        "count": installments,
        "tcea": format_percent(offer.tcea or 0),
        "total": format_money(offer.total or 0),
        "reasons": [shown_reason(reason) for reason in reasons if reason.tone != VERIFY],
    }
    if amortization == ProductVersion.Amortization.BULLET:
        card["payment_label"] = _("Pagas una vez, al final")
    elif amortization == ProductVersion.Amortization.HARVEST and installments > 1:
        card |= {"payment_label": _("La más alta, a la cosecha"), "count": 1}
    return card


def opportunity_card(one: Opportunity) -> dict[str, str]:
    """A programme of somebody else, in its own words."""
    return {
        "name": one.name,
        "organiser": one.organiser,
        "summary": one.summary,
        "requirements": one.requirements,
        "amount": format_soles(one.amount_max) if one.amount_max else "",
        "url": one.url,
    }
