"""A person's own applications: the list, the answer and what follows from it."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.clock import today
from accounts.errors import DomainError, InvalidInput
from accounts.formats import format_day, format_money, format_percent
from accounts.http import PersonRequest, Request
from lending import facts as declared_facts
from lending import presentation
from lending.models import Application, Loan, Offer, OfferFeedback, ProductVersion
from lending.reasons import Reason
from lending.selectors.contracts import standing_contract
from lending.selectors.loan_overview import own_loans
from lending.selectors.market import opportunities
from lending.selectors.results import Result, State, offer_schedule, result_for, result_of
from lending.selectors.statements import recognised
from lending.services.applications import withdraw_application
from lending.services.contracts import make_contract
from lending.services.decisions import choose_offer, request_review
from lending.services.feedback import decline_offers, rate_offers
from lending.services.statements import is_start_up
from lending.views.cards import CHEAPEST, opportunity_card
from lending.views.loan_parts import STATUS_KINDS as LOAN_KINDS
from lending.views.public import slug_of

SORTS: Final = {
    "rule": lambda offer: offer.rank,
    "cost": lambda offer: (-offer.amount, offer.total - offer.net_disbursed, offer.rank),
    "payment": lambda offer: (offer.installment, offer.rank),
    "speed": lambda offer: (offer.disbursement_on, offer.rank),
}
# Seconds until the next look, by how many there were: quick at first, patient later.
PATIENCE: Final = ((10, 2), (20, 4), (40, 8))
LATER: Final = 30
TAKES_LONG: Final = 20  # looks, after which the page says that nobody has to wait here
TITLES: Final = {
    State.WAITING: gettext_lazy("Estamos calculando tu respuesta"),
    State.APPROVED: gettext_lazy("Tus opciones de crédito"),
    State.IN_REVIEW: gettext_lazy("Una persona evalúa tu solicitud"),
    State.DECLINED: gettext_lazy("Tu respuesta"),
    State.WITHDRAWN: gettext_lazy("Solicitud retirada"),
}
STATUS_KINDS: Final = {
    Application.Status.DRAFT: "",
    Application.Status.SUBMITTED: "info",
    Application.Status.APPROVED: "ok",
    Application.Status.DECLINED: "bad",
    Application.Status.WITHDRAWN: "",
}


@never_cache
@require_safe
@access.signed_in
def home(request: PersonRequest, slug: str) -> HttpResponse:
    """A person's applications here, newest first, each with its next step."""
    found = Application.objects.filter(owner_id=request.user.pk).order_by("-saved_at")
    rows = [
        {
            "application": one,
            "code": presentation.application_code(request.institution, one),
            "status": one.get_status_display(),
            "kind": STATUS_KINDS.get(Application.Status(one.status), "info"),
            "is_draft": one.status == Application.Status.DRAFT,
        }
        for one in found
    ]
    loans = [
        {
            "url": reverse("lending:my_loan", args=[slug, one.pk]),
            "code": presentation.loan_code(request.institution, one.number),
            "product": one.product.name,
            "balance": one.principal_outstanding,
            "tag": {"text": one.get_status_display(), "kind": LOAN_KINDS.get(Loan.Status(one.status), "")},
            "next_due_on": one.next_due_on if one.status == Loan.Status.ACTIVE else None,
            "installment": one.installment,
        }
        for one in own_loans(request.user.pk)
    ]
    return render(request, "lending/my/home.html", {"rows": rows, "loans": loans})


@never_cache
@require_safe
@access.signed_in
def result(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """The answer, or how far it is."""
    application = result_for(request.actor, application_id)
    if application.status == Application.Status.DRAFT:
        return redirect("lending:apply_resume", slug, application_id)
    return render(request, "lending/my/result.html", _page(request, result_of(application)))


@never_cache
@require_safe
@access.signed_in
def progress(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """For a page that waits: how far it is, or the answer in its place."""
    if not request.headers.get("HX-Request"):
        return redirect("lending:my_application", slug, application_id)
    application = result_for(request.actor, application_id)
    return render(request, "lending/my/_result.html", {**_page(request, result_of(application)), "swapped": True})


@never_cache
@require_safe
@access.signed_in
def reasons(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """Every reason of the score with its points, and the data that were used."""
    application = result_for(request.actor, application_id)
    if application.status == Application.Status.DRAFT:
        return redirect("lending:apply_resume", slug, application_id)
    found = result_of(application)
    declared = declared_facts.from_json(application.facts or {})
    verified = declared_facts.from_json(application.verified_facts)
    data = [
        (fact.label, declared_facts.shown(fact, {**declared, **verified}.get(fact.name), application.segment))
        for fact in declared_facts.facts_of(application.segment)
    ]
    context = {
        "statements": recognised(application.pk),
        "start_up": is_start_up(application.segment, {**declared, **verified}),
    }
    context |= {"result": found, "data": data, "code": presentation.application_code(request.institution, application)}
    return render(request, "lending/my/reasons.html", context)


@never_cache
@require_safe
@access.signed_in
def offer(request: Request, slug: str, application_id: UUID, offer_id: UUID) -> HttpResponse:
    """An offer's installments, to read on paper too."""
    application = result_for(request.actor, application_id)
    offers = Offer.objects.filter(application_id=application.pk).select_related("product_version__product")
    shown = get_object_or_404(offers, pk=offer_id)
    context = {
        "offer": shown,
        "application": application,
        "code": presentation.application_code(request.institution, application),
        "cost": presentation.cost_of(offer_schedule(shown), shown.product_version.down_payment_min),
        "may_choose": _may_choose(application, shown),
    }
    return render(request, "lending/my/offer.html", context)


@require_POST
@access.signed_in
def choose(request: Request, slug: str, application_id: UUID, offer_id: UUID) -> HttpResponse:
    """Take an offer; nothing binds before the signature."""
    application = result_for(request.actor, application_id)
    get_object_or_404(Offer, pk=offer_id, application_id=application.pk)
    chosen = choose_offer(offer_id=offer_id, actor=request.actor)
    name = chosen.product_version.product.name
    messages.success(request, _("Elegiste %(name)s. No te compromete hasta que firmes.") % {"name": name})
    try:
        contract = make_contract(offer_id=offer_id, actor=request.actor)
    except DomainError:  # something is missing that staff complete; the answer's page offers it again
        return redirect("lending:my_application", slug, application_id)
    name = "my_contract" if application.owner_id == request.actor.user_id else "desk_contract"
    return redirect(f"lending:{name}", slug, contract.pk)


@require_POST
@access.signed_in
def rate(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """How well the offers fit."""
    application = result_for(request.actor, application_id)
    typed = request.POST.get("rating", "")
    try:
        rate_offers(
            application_id=application.pk, actor=request.actor, comment=request.POST.get("comment", ""),
            rating=whole_number(typed),
        )  # fmt: skip
    except InvalidInput as refusal:
        messages.error(request, refusal.fields["rating"][0])
    else:
        messages.success(request, _("Gracias. Nos ayuda a ofrecer lo que sirve."))
    return redirect("lending:my_application", slug, application_id)


@require_POST
@access.signed_in
def decline(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """Take none of the offers."""
    application = result_for(request.actor, application_id)
    decline_offers(application_id=application.pk, actor=request.actor)
    messages.success(request, _("No elegiste ninguna oferta y tu solicitud quedó retirada."))
    return redirect("lending:my_application", slug, application_id)


@require_POST
@access.signed_in
def ask_review(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """Have a person look at the case."""
    application = result_for(request.actor, application_id)
    review = request_review(
        application_id=application.pk, actor=request.actor, message=request.POST.get("message", "")[:1000]
    )
    day = format_day(review.due_on)
    messages.success(
        request, _("Pediste que una persona lo revise. Te responde a más tardar el %(day)s.") % {"day": day}
    )
    return redirect("lending:my_application", slug, application_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def withdraw(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """Take an application back, after asking once."""
    application = result_for(request.actor, application_id)
    code = presentation.application_code(request.institution, application)
    if request.method != "POST":
        return render(request, "lending/my/withdraw.html", {"application": application, "code": code})
    withdraw_application(application_id=application.pk, actor=request.actor)
    messages.success(request, _("Retiraste la solicitud %(code)s.") % {"code": code})
    return HttpResponseRedirect(reverse("lending:my_home", args=[slug]))


def _page(request: Request, found: Result) -> dict[str, Any]:
    """Finished values for the answer in whatever state it is."""
    application = found.application
    code = presentation.application_code(request.institution, application)
    context: dict[str, Any] = {
        "result": found,
        "application": application,
        "code": code,
        "state": found.state.value,
        "page_title": TITLES[found.state],
    }
    if found.state is State.WAITING:
        return context | patience(request)
    sort = request.GET.get("sort", "")
    by_rule = "rule" if found.return_bound else "cost"
    sort = sort if sort in SORTS else by_rule
    offers = [] if found.state is State.DECLINED else sorted(found.offers, key=SORTS[sort])
    applicant = application.applicant
    return context | {
        "first_name": applicant.full_name.split(" ")[0].title() if applicant else "",
        "sort": sort,
        "offers": [_offer(request, found, one, place) for place, one in enumerate(offers, start=1)],
        "reasons": [presentation.shown_reason(reason) for reason in found.reasons],
        "refusals": [
            (one.name, [presentation.shown_reason(reason)["text"] for reason in one.reasons])
            for one in found.refusals
            if not one.is_for_others
        ],
        "for_others": [one.name for one in found.refusals if one.is_for_others],
        "helped": [{"text": one.text, "kind": "ok"} for one in found.helped],
        "to_do": [{"text": f"{one.text} {one.action}", "kind": "warn"} for one in found.to_do],
        "against": [{"text": one.text, "kind": "mut"} for one in found.against],
        **_contract(request, found),
        "valid_until": min((one.valid_until for one in offers), default=None),
        "bound": found.return_bound,
        "rating": OfferFeedback.objects.filter(application_id=application.pk).first(),
        "may_decline": found.state is State.APPROVED and bool(offers) and found.chosen is None,
        "may_review": found.review is None and found.decision is None,
        "opportunities": [] if offers else _opportunities(request, application),
    }


def _opportunities(request: Request, application: Application) -> list[dict[str, str]]:
    """Programmes of others that this institution tells of, where none of its own products fits."""
    assert request.institution is not None  # these pages are an institution's
    facts = application.facts or {}
    found = opportunities(
        today(), application.segment, facts.get("region"), facts.get("crop"), lender_id=request.institution.pk
    )
    return [opportunity_card(one) for one in found]


def _contract(request: Request, found: Result) -> dict[str, Any]:
    """The contract of the offer that was chosen, or the way to it; at the counter it is on the desk."""
    if not found.chosen:
        return {}
    contract = standing_contract(found.application.pk)
    door = "my" if found.application.owner_id == request.actor.user_id else "desk"
    name, key = ("contract", contract.pk) if contract else ("contract_new", found.application.pk)
    url = reverse(f"lending:{door}_{name}", args=[slug_of(request), key])
    return {"contract": contract, "contract_url" if contract else "make_contract_url": url}


def _offer(request: Request, found: Result, offer: Offer, place: int) -> dict[str, Any]:
    """One card, in the order the page shows it."""
    version = offer.product_version
    args = [slug_of(request), found.application.pk, offer.pk]
    chosen = offer.status == Offer.Status.CHOSEN
    card = {
        "rank": place,
        "best": not chosen and len(found.offers) > 1 and offer.pk == cheapest_of(found.offers),
        "institution": request.institution,
        "title": version.product.name,
        "product": _("%(kind)s, TEA %(tea)s")
        % {
            "kind": version.get_amortization_display(),
            "tea": format_percent(offer.tea),
        },
        "received": format_money(offer.net_disbursed),
        "payment_label": _("Cuota al mes"),
        "payment": format_money(offer.installment),
        "count": offer.installments,
        "tcea": format_percent(offer.tcea),
        "total": format_money(offer.total),
        "reasons": [presentation.shown_reason(Reason.from_json(data)) for data in offer.reasons],
        "choose_url": reverse("lending:my_choose", args=args) if _may_choose(found.application, offer) else "",
        "schedule_url": reverse("lending:my_offer", args=args),
    }
    if version.amortization == ProductVersion.Amortization.BULLET:
        card["payment_label"] = _("Pagas una vez, al final")
    elif version.amortization == ProductVersion.Amortization.HARVEST and offer.installments > 1:
        card |= _harvest_payment(offer)
    return card


def cheapest_of(offers: Sequence[Offer]) -> UUID:
    """The one that was told to be so; the first of those where nobody compared them."""
    told = [one for one in offers if any(reason["code"] in CHEAPEST for reason in one.reasons)]
    return min(told or offers, key=lambda one: one.rank).pk


def _harvest_payment(offer: Offer) -> dict[str, Any]:
    """The payment at harvest, with the interest before it as a line of its own."""
    before = offer_schedule(offer).rows[:-1]
    low, high = min(row.total for row in before), max(row.total for row in before)
    amounts = format_money(low) if low == high else f"{format_money(low)} a {format_money(high)}"
    text = _("Antes pagas solo interés: %(count)s cuotas de %(amounts)s.") % {"count": len(before), "amounts": amounts}
    reasons = [
        {"text": text, "kind": "mut"},
        *(presentation.shown_reason(Reason.from_json(data)) for data in offer.reasons),
    ]
    return {"payment_label": _("Pagas a la cosecha"), "count": 1, "reasons": reasons}


def _may_choose(application: Application, offer: Offer) -> bool:
    return application.status == Application.Status.APPROVED and offer.status == Offer.Status.OPEN


def patience(request: Request) -> dict[str, Any]:
    """When a page that waits looks again, and whether it has waited long."""
    looks = whole_number(request.GET.get("seen", ""))
    delay = next((seconds for below, seconds in PATIENCE if looks < below), LATER)
    return {"looks": looks + 1, "delay": delay, "takes_long": looks >= TAKES_LONG}


def whole_number(typed: str) -> int:
    """What was typed as a small count; 0 for anything else."""
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 6 else 0
