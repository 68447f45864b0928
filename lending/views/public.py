"""What anybody may read: the landing page with its simulator, prices, rights, and how answers are worked out."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import consent
from accounts.clock import today
from accounts.errors import DomainError
from accounts.formats import format_number
from accounts.http import Request
from lending import presentation
from lending.forms.simulator import SimulatorForm
from lending.models import Parameter, ProductVersion
from lending.money import format_soles
from lending.parameters import parameter
from lending.selectors.products import matching_policy, policy_in_force, product_terms, published_products, usury_cap
from lending.simulation import cost_range, simulate


class Shelf:
    """What is on offer today and at what limits, read once for a page."""

    def __init__(self) -> None:
        self.on = today()
        self.versions = list(published_products())
        self.terms = {one.product.code: product_terms(one) for one in self.versions}
        self.policy = policy_in_force()
        self.cap = usury_cap(self.on)
        self.pricing = matching_policy(self.policy, self.cap)

    def cards(self) -> list[dict[str, Any]]:
        """Products as people compare them."""
        return [self._card(version) for version in self.versions]

    def _card(self, version: ProductVersion) -> dict[str, Any]:
        terms = self.terms[version.product.code]
        cost = cost_range(terms, self.on, self.cap.value) if self.cap and terms.tea_min <= self.cap.value else None
        return {
            "version": version,
            "code": version.product.code,
            "name": version.product.name,
            "amounts": f"{format_soles(version.amount_min)} – {format_number(version.amount_max)}",
            "terms": _("%(low)s – %(high)s meses") % {"low": version.term_min, "high": version.term_max},
            "cost": presentation.cost_range_shown(cost) if cost else "",
        }


@require_safe
def landing(request: Request, slug: str) -> HttpResponse:
    """An institution's front page."""
    shelf = Shelf()
    return render(
        request,
        "lending/landing.html",
        {
            **(_simulation(request, shelf) if shelf.versions else {}),
            "products": shelf.cards(),
            "smallest": min((one.amount_min for one in shelf.versions), default=None),
            "answer_days": max(1, shelf.policy.decision_hours // 24),
        },
    )


@require_safe
def simulator(request: Request, slug: str) -> HttpResponse:
    """The simulator's answer alone, for a page that is already open. Raises Http404 without products."""
    shelf = Shelf()
    if not shelf.versions:
        raise Http404
    return render(request, "lending/_simulation.html", {**_simulation(request, shelf), "swapped": True})


@require_safe
def tariff(request: Request, slug: str) -> HttpResponse:
    """Rates, charges and formulas of everything on offer, as the norm asks."""
    shelf = Shelf()
    examples = [presentation.price_example(terms, on=shelf.on, policy=shelf.pricing) for terms in shelf.terms.values()]
    return render(
        request,
        "lending/tariff.html",
        {
            "on": shelf.on,
            "products": [{**card, "example": one} for card, one in zip(shelf.cards(), examples, strict=True)],
            "cap": shelf.cap,
            "moratory_cap": parameter(Parameter.Code.MORATORY_CAP_TEA, shelf.on),
            "itf": parameter(Parameter.Code.ITF_RATE, shelf.on),
        },
    )


@require_safe
def data_use(request: Request, slug: str) -> HttpResponse:
    """What is done with personal data, purpose by purpose, in the words people agree to."""
    assert request.institution is not None
    return render(request, "lending/data_use.html", {"texts": consent.consent_texts(request.institution)})


@require_safe
def score_explained(request: Request, slug: str) -> HttpResponse:
    """How the score is worked out, and the notice that a program does it."""
    policy = policy_in_force()
    return render(
        request,
        "lending/score_explained.html",
        {"policy": policy, "segments": presentation.features_by_segment()},
    )


def _simulation(request: Request, shelf: Shelf) -> dict[str, Any]:
    """The simulator's form and, when it can be worked out, its figures."""
    form = SimulatorForm(request.GET, shelf.terms)
    context: dict[str, Any] = {"form": form, "on": shelf.on, "product": form.product}
    if not form.is_valid():
        return context
    asked = {"amount": form.cleaned_data["amount"], "term_months": form.cleaned_data["term_months"]}
    try:
        schedule = simulate(form.product, **asked, on=shelf.on, policy=shelf.pricing)
    except DomainError as refusal:
        return context | {"refusal": refusal.message}
    typed = {**asked, "amount": f"{asked['amount']:f}".removesuffix(".00")}
    wish = urlencode({"segment": form.product.segment, "product": form.code, **typed})
    apply_url = f"{reverse('lending:apply', args=[slug_of(request)])}?{wish}"
    return context | {"cost": presentation.cost_of(schedule, form.product.down_payment_min), "apply_url": apply_url}


def slug_of(request: Request) -> str:
    """The institution's name in addresses."""
    assert request.institution is not None
    return request.institution.slug
