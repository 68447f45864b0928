"""The decision page and what is done on it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.audit.looks import note_look
from accounts.errors import InvalidInput, NotFound
from accounts.formats import format_money, format_percent
from accounts.http import InstitutionRequest
from lending.forms.desk import DecisionForm, ProposalForm, QueueFilters, ReviewDocumentForm, VerifiedFactsForm
from lending.forms.refusals import show_refusal
from lending.models import Application, Document, Offer
from lending.selectors.applications import application_for
from lending.selectors.case import Case, case_of
from lending.selectors.contracts import loan_of_contract, standing_contract
from lending.selectors.queue import VIEWS, place_in, queue
from lending.selectors.statements import recognised
from lending.services.decisions import decide_application, propose_decision, unmask_document_number, verify_facts
from lending.services.documents import review_document
from lending.views.desk.queue import STATUS_KIND, cleaned_filters, deadline_tag, kept_query

Status = Application.Status


@require_safe
@access.require("lending.view_applications")
def show(request: InstitutionRequest, slug: str, application_id: UUID) -> HttpResponse:
    """One case, with the form of whoever's turn it is."""
    application = application_for(request.actor, application_id)
    note_look(request.actor, "lending.application.opened", application)
    return case_page(request, application)


@require_POST
@access.require("lending.propose_decision")
def propose(request: InstitutionRequest, slug: str, application_id: UUID) -> HttpResponse:
    """An officer's proposal."""
    application = application_for(request.actor, application_id)
    case = case_of(application, request.actor)
    form = ProposalForm(request.POST, application=application, signers=case.signers)
    if form.is_valid():
        try:
            propose_decision(application_id=application_id, actor=request.actor, **form.proposal())
        except InvalidInput as refusal:
            show_refusal(form, refusal, also={"outcome": "choice"})
        else:
            messages.success(request, _("Tu propuesta quedó registrada. Falta la segunda firma."))
            return back_to_case(request, slug, application_id)
    return case_page(request, application, form=form, case=case)


@require_POST
@access.require("lending.decide_application")
def decide(request: InstitutionRequest, slug: str, application_id: UUID) -> HttpResponse:
    """The second signer's word."""
    application = application_for(request.actor, application_id)
    case = case_of(application, request.actor)
    if case.proposal is None:
        messages.info(request, _("Esta solicitud ya no tiene una propuesta por decidir."))
        return back_to_case(request, slug, application_id)
    form = DecisionForm(request.POST, proposal=case.proposal)
    if form.is_valid():
        try:
            decide_application(proposal_id=case.proposal.pk, actor=request.actor, **form.decision())
        except InvalidInput as refusal:
            show_refusal(form, refusal, also={"outcome": "choice"})
        else:
            messages.success(request, _("Tu decisión quedó registrada."))
            return back_to_case(request, slug, application_id)
    return case_page(request, application, form=form, case=case)


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.verify_facts")
def verify(request: InstitutionRequest, slug: str, application_id: UUID) -> HttpResponse:
    """Put what was seen beside what was declared; the case is worked out again with it."""
    application = application_for(request.actor, application_id)
    case = case_of(application, request.actor)
    shown = case.facts_by_name
    form = VerifiedFactsForm(
        request.POST if request.method == "POST" else None, segment=application.segment, shown=shown
    )
    if request.method == "POST" and form.is_valid():
        try:
            verify_facts(application_id=application_id, actor=request.actor, facts=form.facts())
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Datos verificados. Volvimos a calcular el puntaje y la capacidad de pago."))
            return back_to_case(request, slug, application_id)
    return render(
        request,
        "lending/desk/verify.html",
        {
            "form": form,
            "application": application,
            "code": code_of(request, application),
            "url": case_url(request, application),
        },
        status=422 if form.errors else 200,
    )


@require_POST
@access.require("lending.unmask_identity")
def unmask(request: InstitutionRequest, slug: str, application_id: UUID) -> HttpResponse:
    """The whole document number, once, on this page; the look is written down."""
    application = application_for(request.actor, application_id)
    number = unmask_document_number(application_id=application_id, actor=request.actor)
    return case_page(request, application, document_number=number)


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.view_documents")
def review_paper(request: InstitutionRequest, slug: str, document_id: UUID) -> HttpResponse:
    """One paper with the question whether it serves."""
    document = Document.objects.select_related("application__applicant", "reviewed_by").filter(pk=document_id).first()
    if document is None:
        raise NotFound
    application = application_for(request.actor, document.application_id)
    form = ReviewDocumentForm(
        request.POST if request.method == "POST" else None,
        initial={"status": document.status, "note": document.note},
    )
    if request.method == "POST":
        request.actor.require("lending.review_documents")
        if form.is_valid():
            try:
                review_document(document_id=document_id, actor=request.actor, **form.cleaned_data)
            except InvalidInput as refusal:
                show_refusal(form, refusal)
            else:
                messages.success(request, _("Documento revisado."))
                return back_to_case(request, slug, application.pk)
    return render(
        request,
        "lending/desk/document.html",
        {
            "form": form,
            "document": document,
            "application": application,
            "code": code_of(request, application),
            "url": case_url(request, application),
            "file_url": reverse("lending:document", args=[slug, document.pk]),
        },
        status=422 if form.errors else 200,
    )


# --- the page ---------------------------------------------------------------------------------------------------


def case_page(
    request: InstitutionRequest,
    application: Application,
    *,
    form: Form | None = None,
    case: Case | None = None,
    document_number: str = "",
) -> HttpResponse:
    """The decision page; `form` is the bound one that came back with errors."""
    case = case or case_of(application, request.actor)
    filters_query = kept_query(request.GET)
    context = {
        "case": case,
        "application": application,
        "code": code_of(request, application),
        "name": application.applicant.full_name if application.applicant else _("Sin nombre todavía"),
        "document": document_number or (application.applicant.masked_document if application.applicant else ""),
        "unmasked": bool(document_number),
        "tags": status_tags(application, case),
        "facts": head_facts(application, case),
        "filters": filters_query,
        "papers": [paper_line(one, request.institution.slug) for one in case.documents],
        "signatures": signatures(case),
        "statements": recognised(application.pk),
        **place_of(request, application),
        **turn_of(request, application, case, form),
        **contract_of(application),
        "chosen": any(one.status == Offer.Status.CHOSEN for one in case.offers),
    }
    return render(request, "lending/desk/case.html", context, status=422 if form is not None and form.errors else 200)


def contract_of(application: Application) -> dict[str, Any]:
    """The contract that stands and the loan that came of it."""
    contract = standing_contract(application.pk) if application.status == Status.APPROVED else None
    return {"contract": contract, "loan": loan_of_contract(contract) if contract else None}


def turn_of(request: InstitutionRequest, application: Application, case: Case, bound: Form | None) -> dict[str, Any]:
    """Whose turn it is and the form they get; the services refuse everybody else all the same."""
    actor = request.actor
    if isinstance(bound, ProposalForm):
        return {"turn": "propose", "form": bound}
    if isinstance(bound, DecisionForm):
        return {"turn": "decide", "form": bound}
    own = actor.user_id in (application.owner_id, application.applicant.user_id if application.applicant else None)
    if application.status == Status.REFERRED and actor.can("lending.propose_decision") and not own:
        initial = {"choice": "approve", "amount": application.amount, "term_months": application.term_months}
        return {"turn": "propose", "form": ProposalForm(initial=initial, application=application, signers=case.signers)}
    if case.proposal and case.proposal.decided_by_id == actor.user_id:
        return {"turn": "own_proposal"}
    if case.proposal and actor.can("lending.decide_application"):
        return {"turn": "decide", "form": DecisionForm(proposal=case.proposal)}
    return {"turn": "own_case" if own else "none"}


def place_of(request: InstitutionRequest, application: Application) -> dict[str, Any]:
    """The case's place in the queue it was opened from, with its neighbours under the same filters."""
    filters = cleaned_filters(QueueFilters(request.GET))
    place = place_in(queue(request.actor, filters), application.pk)
    query = kept_query(request.GET)
    slug = request.institution.slug

    def link(key: UUID | None) -> str:
        return f"{reverse('lending:desk_case', args=[slug, key])}{f'?{query}' if query else ''}" if key else ""

    list_url = f"{reverse('lending:desk_queue', args=[slug])}{f'?{query}' if query else ''}"
    found: dict[str, Any] = {"list_url": list_url, "list_name": VIEWS[filters["view"]].label}
    if place:
        found |= {
            "position": place.position,
            "total": place.total,
            "previous_url": link(place.previous),
            "next_url": link(place.next),
        }
    return found


def status_tags(application: Application, case: Case) -> list[dict[str, str]]:
    """State, deadline and anything that should not be overlooked, as labels."""
    tags = [{"text": application.get_status_display(), "kind": STATUS_KIND.get(application.status, "")}]
    if application.decide_by and application.status in (Status.REFERRED, Status.PROPOSED):
        tags.append(deadline_tag(application.decide_by))
    if case.review:
        tags.append({"text": _("Pidió revisión de una persona"), "kind": "warn", "sign": "people"})
    if application.channel == Application.Channel.COUNTER:
        tags.append({"text": _("Llenada en agencia"), "kind": ""})
    return tags


def head_facts(application: Application, case: Case) -> list[dict[str, str]]:
    """What is asked, what is offered, what for."""
    asked = _("%(amount)s · %(months)s meses") % {
        "amount": format_money(application.amount, 0) if application.amount else "—",
        "months": application.term_months or "—",
    }
    found = [{"label": _("Pedido"), "value": asked}]
    if case.offers:
        best = case.offers[0]
        found += [
            {"label": _("Producto"), "value": best.product_version.product.name},
            {
                "label": _("Cuota · TCEA"),
                "value": f"{format_money(best.installment)} · {format_percent(best.tcea)}",
            },
        ]
    else:
        found.append({"label": _("Producto"), "value": _("Ninguno calza con el pedido")})
    found.append({"label": _("Destino"), "value": case.purpose})
    return found


def paper_line(document: Document, slug: str) -> dict[str, str]:
    """A paper for the task list."""
    kinds = {Document.Status.VERIFIED: "ok", Document.Status.REJECTED: "bad", Document.Status.PENDING: "warn"}
    return {
        "label": document.get_kind_display(),
        "url": reverse("lending:desk_document", args=[slug, document.pk]),
        "status": document.get_status_display(),
        "kind": kinds[Document.Status(document.status)],
    }


def signatures(case: Case) -> list[dict[str, Any]]:
    """Who proposed and who decided, oldest first, with the open place of the second signer."""
    lines = []
    for one in case.decisions:
        verb = _("Propone:") if one.stage == "proposal" else _("Decide:")
        lines.append({"title": f"{verb} {one.decided_by}", "at": one.created_at, "text": case.words_of(one)})
    if case.proposal:
        who = str(case.proposal.second_signer or _("cualquier aprobador"))
        lines.append({"title": f"{_('Decide:')} {who}", "when": _("Pendiente"), "text": ""})
    return lines


def code_of(request: InstitutionRequest, application: Application) -> str:
    return f"{request.institution.number_prefix}-{application.number}"


def case_url(request: InstitutionRequest, application: Application) -> str:
    return reverse("lending:desk_case", args=[request.institution.slug, application.pk])


def back_to_case(request: InstitutionRequest, slug: str, application_id: UUID) -> HttpResponse:
    """To the case, keeping the queue's filters that came along in the address."""
    query = kept_query(request.GET)
    return redirect(f"{reverse('lending:desk_case', args=[slug, application_id])}{f'?{query}' if query else ''}")
