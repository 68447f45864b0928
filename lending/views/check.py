"""Self-check: what is likely within reach, why, and what would help. A GET page; nothing is kept unless asked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from accounts.clock import today
from accounts.formats import format_money
from accounts.http import Request
from accounts.models import Institution
from lending.facts import FACTS
from lending.forms.check import CheckForm
from lending.matching import Match
from lending.models import CatalogueOffer
from lending.presentation import shown_reason
from lending.reasons import VERIFY, why_not
from lending.selectors.market import lender_terms, opportunities, published_terms
from lending.self_check import within_reach
from lending.views.cards import offer_card, opportunity_card
from lending.views.public import slug_of

KEPT: Final = "self_check"  # in the session, from the moment somebody asks for it until they start
MOST_SHOWN: Final = 5
CARRIED: Final = ("identity", "activity", "money")


@require_safe
def check(request: Request, slug: str) -> HttpResponse:
    """One institution's products. Raises Http404 where it has none."""
    assert request.institution is not None
    here = [one for one in published_terms(today()) if one.lender_id == request.institution.pk]
    return _page(request, here, request.institution)


@require_POST
def keep_check(request: Request, slug: str) -> HttpResponse:
    """Take the answers along into an application, because the person asked for it."""
    return redirect(f"{reverse('lending:apply', args=[slug])}?{_kept(request)}")


@require_safe
def national_check(request: Request) -> HttpResponse:
    """Every lender that publishes."""
    return _page(request, published_terms(today()), None)


@require_POST
def keep_national_check(request: Request) -> HttpResponse:
    """Take the answers along into a national request."""
    return redirect(f"{reverse('market:start')}?{_kept(request)}")


def kept_answers(request: Request, segment: str) -> dict[str, dict[str, Any]]:
    """What was kept for this segment, by step of an application; forgotten as it is handed over."""
    kept = request.session.get(KEPT)
    if not kept or kept.get("segment") != segment:
        return {}
    del request.session[KEPT]
    steps: dict[str, dict[str, Any]] = {}
    for name, typed in kept["answers"].items():
        if name in FACTS and FACTS[name].step in CARRIED:
            steps.setdefault(FACTS[name].step, {})[name] = typed
    return steps


def _kept(request: Request) -> str:
    """Put what was typed into the session; returns what the next page's address carries."""
    answers = {name: value[:40] for name in request.POST if name in FACTS and (value := request.POST[name])}
    segment = request.POST.get("segment", "")
    request.session[KEPT] = {"segment": segment, "answers": answers}
    carried = {name: answers[name] for name in ("amount", "term_months") if name in answers}
    return urlencode([("segment", segment), *carried.items()])


def _page(request: Request, terms: Sequence[CatalogueOffer], institution: Institution | None) -> HttpResponse:
    segments = {one.segment for one in terms}
    if not segments:
        raise Http404
    asked: Mapping[str, Any] = request.GET.dict()
    form = CheckForm(asked, sorted(segments))
    here = reverse("lending:check", args=[slug_of(request)]) if institution else reverse("market:check")
    keep = reverse("lending:check_keep", args=[slug_of(request)]) if institution else reverse("market:check_keep")
    context: dict[str, Any] = {"form": form, "here": here, "keep": keep, "national": institution is None}
    context["lenders"] = sorted({one.lender for one in terms}, key=lambda lender: lender.name)
    if form.is_bound and form.is_valid():
        context |= _answer(form, [one for one in terms if one.segment == form.segment], institution)
    return render(request, "lending/check.html", context)


def _answer(form: CheckForm, terms: Sequence[CatalogueOffer], institution: Institution | None) -> dict[str, Any]:
    on, facts = today(), form.facts()
    reach = within_reach(form.segment, facts, lender_terms(terms, on), on)
    by_key = {one.pk: one for one in terms}
    programmes = opportunities(
        on, form.segment, facts.get("region"), facts.get("crop"), institution.pk if institution else None
    )
    typed = {name: value for name, value in form.answers.items() if name in FACTS}
    return {
        "answered": True,
        "typed": [("segment", form.segment), *typed.items()],
        "room": format_money(reach.room, 0) if reach.room else "",
        "known": reach.affordability.is_known,
        "offers": [
            _card(one, by_key[one.product_id], place, institution)
            for place, one in enumerate(reach.offers[:MOST_SHOWN], start=1)
        ],
        "more": max(0, len(reach.offers) - MOST_SHOWN),
        "help": [shown_reason(reason) for reason in reach.help],
        "refusals": [(_name(by_key[one.product_id], institution), why_not(one.reasons)) for one in reach.refusals],
        "opportunities": [opportunity_card(one) for one in programmes],
    }


def _card(one: Match, terms: CatalogueOffer, place: int, institution: Institution | None) -> dict[str, Any]:
    reasons = [reason for reason in one.reasons if reason.tone != VERIFY]
    return offer_card(
        one, place=place, institution=terms.lender, title=terms.name if institution else terms.lender.name,
        product=terms.get_amortization_display() if institution else terms.name, amortization=terms.amortization,
        reasons=reasons, installments=len(one.schedule.rows) if one.schedule else 0,
    )  # fmt: skip


def _name(terms: CatalogueOffer, institution: Institution | None) -> str:
    return terms.name if institution else f"{terms.lender.name}, {terms.name}"
