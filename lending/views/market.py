"""A national request: answered once, compared with every lender one agrees to; nobody else sees it."""

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.clock import today
from accounts.errors import InvalidInput
from accounts.http import Request
from accounts.models import Institution
from lending import presentation
from lending.facts import step_of
from lending.forms.market import FORMS
from lending.forms.refusals import show_refusal
from lending.forms.simulator import ORDER
from lending.forms.steps import StepForm
from lending.market_texts import market_text, score_text
from lending.matching import loan_terms
from lending.models import MarketOffer, MarketRequest
from lending.reasons import SEGMENTS, Reason, why_not
from lending.schedules import build_schedule
from lending.selectors.market import lenders_of, opportunities, published_terms, request_of, requests_of
from lending.selectors.products import catalogue_terms
from lending.services import market
from lending.views.cards import offer_card, opportunity_card
from lending.views.check import kept_answers
from lending.views.my import SORTS as OWN_SORTS
from lending.views.my import patience, whole_number
from scoring.explanations import main_reasons, tell_all

STEPS: Final = ("request", "identity", "activity", "money", "lenders")
Status = MarketRequest.Status
KINDS: Final = {Status.SUBMITTED: "info", Status.ANSWERED: "ok", Status.CHOSEN: "ok"}
SHOWN: Final = 4
SORTS: Final = {**OWN_SORTS, "cost": lambda offer: offer.rank}  # between lenders rank is cost
GOOD, FAIR = 640, 520  # of the score's bands, as the score page explains them


@never_cache
@require_safe
@access.signed_in
def home(request: Request) -> HttpResponse:
    """A person's requests, newest first."""
    rows = [
        {"request": one, "status": one.get_status_display(), "kind": KINDS.get(Status(one.status), "warn"),
         "segment": SEGMENTS[one.segment].capitalize(), "is_draft": one.status == Status.DRAFT}
        for one in requests_of(request.actor)
    ]  # fmt: skip
    return render(request, "lending/market/home.html", {"rows": rows})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def start(request: Request) -> HttpResponse:
    """What for; the draft takes along what a self-check has asked already."""
    offered = {one.segment for one in published_terms(today())}
    segments = [(one, SEGMENTS[one].capitalize()) for one in ORDER if one in offered]
    if request.method == "POST":
        segment = request.POST.get("segment", "")
        if segment in offered:
            made = market.start_market_request(actor=request.actor, segment=segment)
            carried = kept_answers(request, segment)
            first = {name: request.POST[name] for name in ("amount", "term_months") if request.POST.get(name)}
            for step, answers in {**({"request": first} if first else {}), **carried}.items():
                if step not in made.draft.get("steps", {}):
                    market.save_market_step(
                        request_id=made.pk, actor=request.actor, step=step, answers=answers, complete=False
                    )
            return redirect("market:step", made.pk, STEPS[0])
    asked = {name: request.GET.get(name, "") for name in ("segment", "amount", "term_months")}
    context = {"segments": segments, "asked": asked, "lenders": lenders_of(published_terms(today()))}
    return render(request, "lending/market/start.html", context, status=422 if request.method == "POST" else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def step(request: Request, market_id: UUID, step: str) -> HttpResponse:
    """One page of questions; the last one sends them. Everything typed is kept, valid or not."""
    found = request_of(request.actor, market_id)
    if step not in FORMS:
        raise Http404
    if found.status != Status.DRAFT:
        return redirect("market:request", market_id)
    form = _form(found, step, request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return render(request, "lending/market/step.html", _step_page(found, step, form))
    valid = form.is_valid()
    try:
        found = market.save_market_step(
            request_id=market_id, actor=request.actor, step=step, answers=form.answers, complete=valid
        )
        if "pause" in request.POST:
            messages.success(request, _("Guardamos tus respuestas. Sigue cuando quieras, desde cualquier celular."))
            return redirect("market:home")
        if valid and step != STEPS[-1]:
            return redirect("market:step", market_id, STEPS[STEPS.index(step) + 1])
        if valid:
            return _send(request, found, form)
    except InvalidInput as refusal:
        show_refusal(form, refusal)
    return render(request, "lending/market/step.html", _step_page(found, step, form), status=422)


@never_cache
@require_safe
@access.signed_in
def result(request: Request, market_id: UUID) -> HttpResponse:
    """The offers, or how far they are."""
    found = request_of(request.actor, market_id)
    if found.status == Status.DRAFT:
        return redirect("market:step", market_id, _unfinished(found) or STEPS[-1])
    return render(request, "lending/market/result.html", _result_page(request, found))


@never_cache
@require_safe
@access.signed_in
def progress(request: Request, market_id: UUID) -> HttpResponse:
    """For a page that waits: how far it is, or the answer in its place."""
    if not request.headers.get("HX-Request"):
        return redirect("market:request", market_id)
    found = request_of(request.actor, market_id)
    return render(request, "lending/market/_result.html", {**_result_page(request, found), "swapped": True})


@never_cache
@require_safe
@access.signed_in
def offer(request: Request, market_id: UUID, offer_id: UUID) -> HttpResponse:
    """An offer's installments."""
    found = request_of(request.actor, market_id)
    shown = MarketOffer.objects.select_related("terms", "lender").filter(pk=offer_id, request_id=found.pk).first()
    if shown is None or shown.amount is None or shown.term_months is None or shown.disbursement_on is None:
        raise Http404
    schedule = build_schedule(
        loan_terms(
            catalogue_terms(shown.terms), amount=shown.amount, term_months=shown.term_months,
            tea=shown.tea or Decimal(0), disbursed_on=shown.disbursement_on,
        )
    )  # fmt: skip
    context = {
        "offer": shown,
        "request_id": found.pk,
        "cost": presentation.cost_of(schedule, shown.terms.down_payment_min),
    }
    context["may_choose"] = found.status == Status.ANSWERED and shown.status == MarketOffer.Status.OPEN
    return render(request, "lending/market/offer.html", context)


@require_POST
@access.signed_in
def choose(request: Request, market_id: UUID, offer_id: UUID) -> HttpResponse:
    """Open the application at the offer's lender and go on there."""
    chosen = market.choose_market_offer(request_id=market_id, offer_id=offer_id, actor=request.actor)
    text = _("Abrimos tu solicitud en %(name)s con tus respuestas. Faltan tus datos, tus papeles y tus permisos.")
    messages.success(request, text % {"name": chosen.lender.name})
    return HttpResponseRedirect(reverse("lending:apply_resume", args=[chosen.lender.slug, chosen.chosen_application]))


@require_POST
@access.signed_in
def rate(request: Request, market_id: UUID, offer_id: UUID) -> HttpResponse:
    """How well one lender's offer fits."""
    typed = request.POST.get("rating", "")
    try:
        market.rate_market_offer(
            request_id=market_id, offer_id=offer_id, actor=request.actor, rating=whole_number(typed)
        )
    except InvalidInput as refusal:
        messages.error(request, refusal.fields["rating"][0])
    else:
        messages.success(request, _("Gracias. La entidad cuenta tu calificación sin saber que es tuya."))
    return redirect("market:offer", market_id, offer_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def forget(request: Request, market_id: UUID) -> HttpResponse:
    """Erase a request, after asking once."""
    found = request_of(request.actor, market_id)
    if request.method != "POST":
        return render(request, "lending/market/forget.html", {"found": found})
    market.forget_market_request(request_id=market_id, actor=request.actor)
    messages.success(request, _("Borramos esa comparación y todas sus respuestas."))
    return redirect("market:home")


# --- steps ------------------------------------------------------------------------------------------------------


def _form(found: MarketRequest, step: str, data: Any = None, *, judge: bool = False) -> StepForm:
    """A step's form: with what came in, showing what was typed before, or bound to it to be judged again."""
    options: dict[str, Any] = {"segment": found.segment}
    terms = published_terms(today(), found.segment)
    if step == "request" and terms:
        options["limits"] = (min(one.amount_min for one in terms), max(one.amount_max for one in terms))
    if step == "lenders":
        options |= {"automated": score_text(), "lenders": [(one.pk, market_text(one)) for one in lenders_of(terms)]}
    saved = found.draft.get("steps", {}).get(step, {}).get("answers", {})
    if judge:
        return FORMS[step].from_answers(saved, **options)
    if data is not None:
        return FORMS[step](data, **options)
    return FORMS[step](initial={} if step == "lenders" else saved, **options)


def _unfinished(found: MarketRequest) -> str | None:
    steps = found.draft.get("steps", {})
    return next((step for step in STEPS if not steps.get(step, {}).get("complete")), None)


def _step_page(found: MarketRequest, step: str, form: StepForm) -> dict[str, Any]:
    place = STEPS.index(step)
    context: dict[str, Any] = {"form": form, "found": found, "step": step, "number": place + 1, "total": len(STEPS)}
    if step == "request":
        context |= {"title": _("Tu pedido"), "intro": _("Lo respondes una vez y lo comparas con todas las entidades.")}
    elif step == "identity":
        context |= {"title": _("Dónde vives y tu edad"), "intro": _("Tu nombre y tu DNI no hacen falta para comparar.")}
    elif step == "lenders":
        intro = _("Marca solo las que aceptas. Ninguna recibe tus datos ni se entera, hasta que elijas su oferta.")
        context |= {"title": _("Con qué entidades comparar"), "intro": intro}
    else:
        here = step_of(found.segment, step)
        context |= {"title": here.heading, "intro": here.intro}
    back = reverse("market:step", args=[found.pk, STEPS[place - 1]]) if place else reverse("market:home")
    return context | {"back": back}


def _send(request: Request, found: MarketRequest, form: Any) -> HttpResponse:
    """Judge every step again and send; the first one that is not right is shown. Raises InvalidInput."""
    facts: dict[str, Any] = {}
    birth_on: date | None = None
    for name in STEPS[:-1]:
        judged = _form(found, name, judge=True)
        if not judged.is_valid():
            messages.error(request, _("Falta corregir esta página antes de comparar."))
            return redirect("market:step", found.pk, name)
        facts |= judged.facts()
        birth_on = judged.cleaned_data.get("birth_on", birth_on)
    assert birth_on is not None  # PlaceForm insists
    market.submit_market_request(
        request_id=found.pk, actor=request.actor, facts=facts, birth_on=birth_on, lenders=form.granted(),
        automated=form.cleaned_data["automated"], language=get_language(),
    )  # fmt: skip
    return redirect("market:request", found.pk)


# --- the answer -------------------------------------------------------------------------------------------------


def _result_page(request: Request, found: MarketRequest) -> dict[str, Any]:
    context: dict[str, Any] = {"found": found, "waiting": found.status == Status.SUBMITTED}
    if context["waiting"]:
        return context | patience(request)
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else "cost"
    rows = list(
        MarketOffer.objects.filter(request_id=found.pk).select_related("terms", "lender").order_by("rank", "pk")
    )
    offers = sorted((one for one in rows if one.rank is not None), key=SORTS[sort])
    unfit: dict[Institution, list[str]] = {}
    fitting = Counter(one.lender_id for one in offers)
    for one in rows:
        if one.rank is None:
            text = why_not(map(Reason.from_json, one.reasons))
            unfit.setdefault(one.lender, []).append(f"{one.terms.name}: {text}")
    told = tell_all(found.segment, found.reasons) if found.score else ()
    helped, against = main_reasons(told, len(told))
    programmes = opportunities(today(), found.segment, found.facts.get("region"), found.facts.get("crop"))
    return context | {
        "sort": sort,
        "offers": [_card(found, one, place, fitting) for place, one in enumerate(offers, start=1)],
        "lenders": sorted({one.lender for one in rows}, key=lambda lender: lender.name),
        "lenders_that_fit": len(fitting),
        "refusals": [(lender.name, texts) for lender, texts in unfit.items()],
        "helped": [{"text": one.text, "kind": "ok"} for one in helped[:SHOWN]],
        "to_do": [{"text": f"{one.text} {one.action}", "kind": "warn"} for one in against if one.action][:SHOWN],
        "good": GOOD,
        "fair": FAIR,
        "chosen": next((one for one in rows if one.status == MarketOffer.Status.CHOSEN), None),
        "valid_until": min((one.valid_until for one in offers if one.valid_until), default=None),
        "opportunities": [opportunity_card(one) for one in programmes],
    }


def _card(found: MarketRequest, one: MarketOffer, place: int, fitting: Counter[int]) -> dict[str, Any]:
    several = fitting[one.lender_id] > 1  # two of one lender need more than its name
    card = offer_card(
        one, place=place, institution=one.lender,
        title=f"{one.lender.name}, {one.terms.name}" if several else one.lender.name,
        product=one.terms.get_amortization_display() if several else one.terms.name,
        amortization=one.terms.amortization, reasons=[Reason.from_json(data) for data in one.reasons],
        installments=one.installments or 0,
    )  # fmt: skip
    may_choose = found.status == Status.ANSWERED and one.valid_until is not None and one.valid_until >= today()
    args = [found.pk, one.pk]
    card["choose_url"] = reverse("market:choose", args=args) if may_choose else ""
    return card | {"schedule_url": reverse("market:offer", args=args)}
