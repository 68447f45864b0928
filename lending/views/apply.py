"""Filling in an application, one page at a time, at home or at the counter."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.actors import Actor
from accounts.errors import InvalidInput, NotAllowed
from accounts.http import Request
from accounts.services import join_as_applicant
from lending.facts import step_of
from lending.forms.simulator import ORDER
from lending.forms.steps import FORMS, RequestForm, StepForm
from lending.models import Application
from lending.reasons import SEGMENTS
from lending.selectors.products import published_products
from lending.services.applications import save_step, start_application, submit_application
from lending.views.check import kept_answers
from lending.views.drafts import REQUEST, Draft, lending_limits, own_draft
from lending.views.review import Summary

RETURN: Final = "review"  # ?from=review: a saved step leads back to the summary
MOST_DRAFTS_SHOWN: Final = 3


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def start(request: Request, slug: str) -> HttpResponse:
    """What is asked for: the first page, which makes the draft."""
    return _start(request, at_counter=False)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.file_for_applicant")
def start_at_counter(request: Request, slug: str) -> HttpResponse:
    """The same by an officer for the person beside them."""
    return _start(request, at_counter=True)


def _start(request: Request, *, at_counter: bool) -> HttpResponse:
    assert request.institution is not None
    asked = request.POST if request.method == "POST" else request.GET
    segment = asked.get("segment", "")
    products = list(published_products())
    offered = [one for one in ORDER if any(version.product.segment == one for version in products)]
    context: dict[str, Any] = {"at_counter": at_counter, "drafts": [] if at_counter else _drafts(request)}
    if segment not in offered:
        context["segments"] = [(one, SEGMENTS[one].capitalize()) for one in offered]
        return render(request, "lending/apply/segment.html", context, status=422 if request.method == "POST" else 200)
    options: dict[str, Any] = {"segment": segment, "limits": lending_limits(segment)}
    wished = next(
        (one for one in products if one.product.code == asked.get("product") and one.product.segment == segment), None
    )
    if request.method != "POST":
        shown = {name: asked.get(name) for name in ("amount", "term_months") if asked.get(name)}
        form = RequestForm(initial=shown, **options)
    else:
        form = RequestForm(request.POST, **options)
        if form.is_valid():
            return redirect(_started(request, form, wished.product_id if wished else None, at_counter=at_counter))
    context |= {"form": form, "segment": segment, "segment_label": SEGMENTS[segment].capitalize(), "product": wished}
    return render(request, "lending/apply/start.html", context, status=422 if form.is_bound else 200)


def _started(request: Request, form: StepForm, product_id: UUID | None, *, at_counter: bool) -> str:
    """Make the draft, keep the request, and give the address of its first step."""
    assert request.institution is not None
    actor = request.actor if at_counter else as_applicant(request)
    facts = form.facts()
    application = start_application(
        actor=actor,
        segment=form.segment,
        amount=Decimal(facts["amount"]),
        term_months=facts["term_months"],
        product_id=product_id,
        at_counter=at_counter,
    )
    application = save_step(
        application_id=application.pk, actor=actor, step=REQUEST, answers=form.answers, complete=True
    )
    for step, answers in ({} if at_counter else kept_answers(request, form.segment)).items():
        application = save_step(application_id=application.pk, actor=actor, step=step, answers=answers, complete=False)
    draft = Draft(application, request.institution)
    return draft.url(draft.after(REQUEST))


def as_applicant(request: Request) -> Actor:
    """The actor with the applicant's role here, given by the first application."""
    if request.actor.can("lending.apply"):
        return request.actor
    if not request.user.is_authenticated:
        raise NotAllowed
    membership = join_as_applicant(request.user)
    joined = Actor.for_membership(membership, channel=request.actor.channel, ip=request.actor.ip)
    return replace(joined, reason=request.actor.reason)


def _drafts(request: Request) -> list[Draft]:
    """The person's own unfinished applications, newest first."""
    assert request.institution is not None
    found = Application.objects.filter(owner_id=request.user.pk, status=Application.Status.DRAFT)
    return [Draft(one, request.institution) for one in found.order_by("-saved_at")[:MOST_DRAFTS_SHOWN]]


@never_cache
@require_safe
@access.signed_in
def resume(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """Where the person left off."""
    draft = own_draft(request, application_id)
    return redirect(draft.url(draft.next_step())) if draft.is_open else _to_result(draft)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def step(request: Request, slug: str, application_id: UUID, step: str) -> HttpResponse:
    """One page of questions. Everything typed is kept, valid or not."""
    if step not in FORMS:
        raise Http404
    draft = own_draft(request, application_id)
    if not draft.is_open:
        return _to_result(draft)
    if request.method != "POST":
        return render(request, "lending/apply/step.html", _page(request, draft, step, draft.form(step)))
    form = draft.form(step, request.POST)
    valid = form.is_valid()
    try:
        application = save_step(
            application_id=application_id, actor=request.actor, step=step, answers=form.answers, complete=valid
        )
    except InvalidInput as refusal:
        form.add_error(None, str(refusal.message))
        return render(request, "lending/apply/step.html", _page(request, draft, step, form), status=422)
    draft = Draft(application, draft.institution)
    if "pause" in request.POST:
        return paused(request, draft)
    if valid:
        return HttpResponseRedirect(following(request, draft, step))
    return render(request, "lending/apply/step.html", _page(request, draft, step, form), status=422)


def _page(request: Request, draft: Draft, name: str, form: StepForm) -> dict[str, Any]:
    return {"form": form, **step_context(request, draft, name)}


def step_context(request: Request, draft: Draft, name: str) -> dict[str, Any]:
    """What every step's page shows around its questions."""
    context: dict[str, Any] = {"step": name, "draft": draft, "aside": draft.aside(name), "at_counter": draft.at_counter}
    if name == REQUEST:
        context |= {"title": _("Tu pedido"), "heading": _("Tu pedido")}
    else:
        here = step_of(draft.segment, name)
        number = [one.name for one in draft.steps].index(name) + 1
        done = sum(draft.is_done(one.name) for one in draft.steps)
        context |= {"title": here.title, "heading": here.heading, "intro": here.intro}
        context |= {"number": number, "total": len(draft.steps), "done": done}
    if returns(request):
        context["back"] = {"href": draft.url("review"), "text": _("Volver a revisar")}
    elif name != REQUEST:
        before = draft.before(name)
        context["back"] = {"href": draft.url(before.name), "text": _("Volver a %(step)s") % {"step": before.title}}
    else:
        home = reverse("lending:my_home", args=[draft.institution.slug])
        context["back"] = {"href": home, "text": _("Volver a mis solicitudes")}
    return context


def returns(request: Request) -> bool:
    """Whether this page was opened from the summary."""
    return request.GET.get("from") == RETURN


def following(request: Request, draft: Draft, name: str) -> str:
    """Where a saved step leads: onwards, or back to the summary it was opened from."""
    return draft.url("review" if returns(request) else draft.after(name))


def paused(request: Request, draft: Draft) -> HttpResponse:
    """Everything is kept; the person goes on another day, on any phone."""
    text = _("Guardamos tu solicitud %(code)s. Sigue cuando quieras, desde cualquier celular.") % {"code": draft.code}
    messages.success(request, text)
    if draft.at_counter:
        return redirect("lending:desk", draft.institution.slug)
    return redirect("lending:my_home", draft.institution.slug)


def _to_result(draft: Draft) -> HttpResponse:
    return redirect("lending:my_application", draft.institution.slug, draft.application.pk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def review(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """All answers on one page, each with its way back, and the button that sends them."""
    draft = own_draft(request, application_id)
    if not draft.is_open:
        return _to_result(draft)
    summary = Summary(draft)
    if request.method != "POST":
        return render(request, "lending/apply/review.html", _review_page(request, draft, summary))
    if "pause" in request.POST:
        return paused(request, draft)
    summary.judge()
    if not summary.errors:
        consents = draft.judged["consents"]
        try:
            # The evidence names the words the person read, whatever language the site is in by now.
            with translation.override(str(draft.answers("consents").get("language", "es"))):
                submit_application(
                    application_id=application_id,
                    actor=request.actor,
                    declared=draft.declared(),
                    consents=consents.granted(),  # type: ignore[attr-defined]
                    ip=request.actor.ip,
                )
        except InvalidInput as refusal:
            summary.refuse(refusal)
        else:
            return _to_result(draft)
    return render(request, "lending/apply/review.html", _review_page(request, draft, summary), status=422)


def _review_page(request: Request, draft: Draft, summary: Summary) -> dict[str, Any]:
    return {**step_context(request, draft, "review"), "summary": summary}
