"""The desk's side of a loan: the list, its page, and the way its money goes out."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, step_up
from accounts.audit.looks import note_look
from accounts.clock import today
from accounts.errors import DomainError, InvalidInput, InvalidState, NotFound, Unavailable
from accounts.formats import format_day, format_money
from accounts.http import InstitutionRequest
from accounts.paging import LongPaginator, count_of, count_words
from lending.forms.loans import DisbursementForm, GiveUpForm, HandOverForm, LoanFilters
from lending.forms.refusals import show_refusal
from lending.models import Disbursement, Group, Guarantee, Loan, Restructure
from lending.money import ZERO
from lending.presentation import application_code, loan_code
from lending.selectors.loan_list import VIEWS, loan_counts, loan_list, loan_rows
from lending.selectors.loan_overview import Overview, loan_overview
from lending.selectors.loans import loan_for
from lending.services.loans import (
    book_loan,
    cancel_disbursement,
    cancel_loan,
    disburse_loan,
    give_up_parts,
    least_own,
    request_disbursement,
)
from lending.views import loan_parts
from lending.views.desk.queue import kept_query, view_query, without
from lending.views.loan_papers import certificate_page, payoff_page

PER_PAGE = 25
Kind = Restructure.Kind


@require_safe
@access.require("lending.view_loans")
def loans(request: InstitutionRequest, slug: str) -> HttpResponse:
    """One saved view with its filters; everything lives in the address."""
    form = LoanFilters(request.GET)
    valid = form.is_valid()
    filters = dict(form.cleaned_data)
    filters["product"] = filters["product"].pk if filters.get("product") else None
    chosen = filters.get("view") if filters.get("view") in VIEWS else "active"
    filters["view"] = chosen
    on = today()
    found = loan_list(request.actor, filters, on)
    page = LongPaginator(loan_rows(found), PER_PAGE, count_of(found)).get_page(request.GET.get("page"))
    counts = loan_counts(request.actor, on)
    context = {
        "form": form,
        "page": page,
        "rows": [list_line(request, row) for row in page],
        "views": [
            {
                "label": view.label,
                "url": f"?{view_query(request.GET, view.code)}",
                "count": count_words(counts[view.code]),
                "current": view.code == chosen,
            }
            for view in VIEWS.values()
        ],
        "view": VIEWS[str(chosen)],
        "query": without(kept_query(request.GET), "page"),
        "filtered": bool(filters.get("q") or filters.get("product")),
    }
    return render(request, "lending/desk/loans.html", context, status=200 if valid else 422)


def list_line(request: InstitutionRequest, row: dict[str, Any], name: str = "desk_loan") -> dict[str, Any]:
    """A row of a list of loans as pages show it."""
    status = Loan.Status(row["status"])
    late = max((today() - row["next_due_on"]).days, 0) if status is Loan.Status.ACTIVE and row["next_due_on"] else 0
    tag = {"text": str(status.label), "kind": loan_parts.STATUS_KINDS.get(status, "")}
    return {
        **row,
        "url": reverse(f"lending:{name}", args=[request.institution.slug, row["pk"]]),
        "code": loan_code(request.institution, row["number"]),
        "name": row["applicant__full_name"],
        "product": row["product__name"],
        "officer": row["officer__full_name"] or "",
        "balance": format_money(row["principal_outstanding"]),
        "tag": loan_parts.late_tag(late) if late else tag,
        "next": f"{format_day(row['next_due_on'])} · {format_money(row['installment'])}"
        if status is Loan.Status.ACTIVE and row["next_due_on"]
        else "",
    }


@require_safe
@access.require("lending.view_loans")
def show(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Where a loan stands, its plan, its money, its changes and its history."""
    loan = loan_for(request.actor, loan_id)
    if loan.applicant.restricted_at is not None:
        note_look(request.actor, "lending.loan.restricted_opened", loan)
    page = loan_overview(loan, today(), with_history=True)
    return render(request, "lending/desk/loan.html", {**head(request, page), **body_of(request, page)})


def head(request: InstitutionRequest, page: Overview) -> dict[str, Any]:
    """Who and what: the identity bar of every page about a loan."""
    loan = page.loan
    return {
        "page": page,
        "loan": loan,
        "code": loan_code(request.institution, loan.number),
        "name": loan.applicant.full_name,
        "document": loan.applicant.masked_document,
        "product": loan.product.name,
        "tags": loan_parts.status_tags(page),
        "facts": loan_parts.key_facts(page),
        "loan_url": reverse("lending:desk_loan", args=[request.institution.slug, loan.pk]),
        "list_url": reverse("lending:desk_loans", args=[request.institution.slug]),
    }


def body_of(request: InstitutionRequest, page: Overview) -> dict[str, Any]:
    """The sections below."""
    contract = page.loan.contract
    return {
        "action": primary_action(request, page),
        "plan": loan_parts.plan_table(page),
        "matrix": loan_parts.matrix_table(page) if page.state else None,
        "payments": loan_parts.payment_rows(page, request.institution, door="desk"),
        "money_out": loan_parts.asked_words(page.disbursements),
        "contract": contract,
        "application_code": application_code(request.institution, contract.application)
        if contract and contract.application
        else "",
        "may_cancel_request": page.asked
        and (request.actor.can("lending.request_disbursement") or request.actor.can("lending.disburse_loan")),
        "changes": change_links(request, page.loan),
        "parts_left": page.loan.principal - page.loan.disbursed
        if page.loan.status == Loan.Status.ACTIVE and request.actor.can("lending.approve_restructure")
        else ZERO,
        "may_note_early": page.loan.status == Loan.Status.ACTIVE and request.actor.can("lending.note_prepayment"),
        **loan_parts.early_facts(page),
        "responsible": who_answers(page.loan),
        "may_give_up": page.loan.status == Loan.Status.APPROVED and request.actor.can("lending.request_disbursement"),
    }


def who_answers(loan: Loan) -> dict[str, Any]:
    """The group that answers for a loan, and its guarantors by name."""
    given = Guarantee.objects.filter(loan_id=loan.pk, released_on=None).order_by("given_on", "pk")
    return {
        "group": Group.objects.filter(loans__loan_id=loan.pk).first(),
        "guarantors": ", ".join(given.values_list("guarantor__full_name", flat=True)),
    }


def change_links(request: InstitutionRequest, loan: Loan) -> list[dict[str, Any]]:
    """The changes this person may propose in this state."""
    if not request.actor.can("lending.propose_restructure"):
        return []
    kinds = {
        Loan.Status.ACTIVE: (
            *(Kind.RESCHEDULE, Kind.REFINANCE, Kind.RATE_CHANGE, Kind.WAIVER),
            *((Kind.CHARGE,) if request.actor.can("lending.add_charge") else ()),
            Kind.UNDO_JUDICIAL if loan.judicial_on else Kind.JUDICIAL,
            Kind.CHARGE_OFF,
        ),
        Loan.Status.CHARGED_OFF: (Kind.WAIVER, Kind.UNDO_CHARGE_OFF),
    }.get(Loan.Status(loan.status), ())
    return [
        {
            "url": reverse("lending:desk_change_new", args=[request.institution.slug, loan.pk, kind.value]),
            "label": kind.label,
        }
        for kind in kinds
    ]


def primary_action(request: InstitutionRequest, page: Overview) -> dict[str, str] | None:
    """The one thing to do next, for this person: where it is done, or what it waits for."""
    actor, loan = request.actor, page.loan

    def at(name: str, key: UUID, text: str) -> dict[str, str]:
        return {"url": reverse(f"lending:{name}", args=[request.institution.slug, key]), "text": text}

    if page.asked:
        if page.asked.requested_by_id == actor.user_id:
            return {"text": _("Pediste el desembolso: lo entrega otra persona.")}
        if actor.can("lending.disburse_loan"):
            return at("desk_disbursement", page.asked.pk, _("Entregar el dinero"))
        return {"text": _("Falta que otra persona entregue el dinero.")}
    if loan.status == Loan.Status.APPROVED:
        if actor.can("lending.request_disbursement"):
            return at("desk_disbursement_new", loan.pk, _("Pedir el desembolso"))
        return {"text": _("Falta que un asesor pida el desembolso.")}
    if loan.status in (Loan.Status.ACTIVE, Loan.Status.CHARGED_OFF) and actor.can("lending.record_repayment"):
        return at("desk_payment", loan.pk, _("Registrar un pago"))
    if loan.status == Loan.Status.PAID and loan.advance and actor.can("lending.reverse_repayment"):
        return at("desk_refund", loan.pk, _("Devolver lo pagado de más"))
    if loan.status == Loan.Status.PAID:
        return at("desk_certificate", loan.pk, _("Constancia de no adeudo"))
    return None


# --- money out ----------------------------------------------------------------------------------------------------


@require_POST
@access.require("lending.book_loan")
def book(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    """The loan of a signed contract, and on to asking for its money."""
    try:
        loan = book_loan(contract_id=contract_id, actor=request.actor)
    except (InvalidState, Unavailable) as refusal:
        messages.error(request, str(refusal.message))
        return redirect("lending:desk_contract", slug, contract_id)
    return redirect("lending:desk_disbursement_new", slug, loan.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.request_disbursement")
def ask_disbursement(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Ask that the money be handed over; somebody else does it."""
    loan = loan_for(request.actor, loan_id)
    form = DisbursementForm(
        request.POST if request.method == "POST" else None, initial={"method": "transfer"},
        own=least_own(loan) if not loan.disbursed else None, principal=loan.principal,
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        try:
            request_disbursement(loan_id=loan_id, actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, _("Pediste el desembolso. Ahora lo entrega otra persona."))
            return redirect("lending:desk_loan", slug, loan_id)
    context = {**head(request, loan_overview(loan, today())), "form": form}
    return render(request, "lending/desk/disbursement_new.html", context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.disburse_loan")
@step_up.required
def hand_over(request: InstitutionRequest, slug: str, disbursement_id: UUID) -> HttpResponse:
    """Check and hand over what somebody else asked for."""
    asked = Disbursement.objects.filter(pk=disbursement_id).select_related("requested_by").first()
    if asked is None:
        raise NotFound
    loan = loan_for(request.actor, asked.loan_id)
    if asked.status != Disbursement.Status.REQUESTED:
        messages.info(request, _("Este desembolso ya no está por entregar."))
        return redirect("lending:desk_loan", slug, loan.pk)
    form = HandOverForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            paid = disburse_loan(disbursement_id=disbursement_id, actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
        else:
            text = _("Entregado: %(amount)s. El crédito está vigente desde hoy.")
            messages.success(request, text % {"amount": format_money(paid.amount - paid.fees_deducted - paid.itf)})
            return redirect("lending:desk_loan", slug, loan.pk)
    own = asked.requested_by_id == request.actor.user_id
    context = {**head(request, loan_overview(loan, today())), "form": form, "asked": asked, "own": own}
    return render(request, "lending/desk/disbursement.html", context, status=422 if form.errors else 200)


@require_POST
@access.require("lending.view_loans")
def drop_disbursement(request: InstitutionRequest, slug: str, disbursement_id: UUID) -> HttpResponse:
    """Take back a request nobody paid yet."""
    dropped = cancel_disbursement(disbursement_id=disbursement_id, actor=request.actor)
    messages.success(request, _("Anulaste el pedido de desembolso."))
    return redirect("lending:desk_loan", slug, dropped.loan_id)


@require_POST
@access.require("lending.request_disbursement")
def give_up(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Cancel a loan nothing was paid out of."""
    try:
        cancel_loan(loan_id=loan_id, actor=request.actor, reason=request.POST.get("reason", ""))
    except DomainError as refusal:
        messages.error(request, _first_words(refusal))
    else:
        messages.success(request, _("Anulaste el crédito. El contrato sigue firmado y se puede anular aparte."))
    return redirect("lending:desk_loan", slug, loan_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.approve_restructure")
@step_up.required
def give_parts_up(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """Nothing more of the loan is handed over: the plan of what was, so that it can be paid early or changed."""
    loan = loan_for(request.actor, loan_id)
    form = GiveUpForm(request.POST if request.method == "POST" else None)
    left = loan.principal - loan.disbursed if loan.status == Loan.Status.ACTIVE else ZERO
    if request.method == "POST" and form.is_valid():
        try:
            give_up_parts(loan_id=loan_id, actor=request.actor, reason=form.cleaned_data["reason"])
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, _("Ya no se entrega nada más de este crédito. El cronograma es otro."))
            return redirect("lending:desk_loan", slug, loan_id)
    if not left and request.method != "POST":
        messages.info(request, _("No falta entregar nada de este crédito."))
        return redirect("lending:desk_loan", slug, loan_id)
    context = {**head(request, loan_overview(loan, today())), "form": form, "left": left}
    return render(request, "lending/desk/parts.html", context, status=422 if form.errors else 200)


def _first_words(refusal: DomainError) -> str:
    texts = [text for texts in getattr(refusal, "fields", {}).values() for text in texts]
    return texts[0] if texts else str(refusal.message)


# --- papers -------------------------------------------------------------------------------------------------------


@never_cache
@require_safe
@access.require("lending.view_loans")
def certificate(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """The payoff certificate, to read or print; `?pdf` gives the PDF."""
    return certificate_page(request, loan_id, desk=True)


@never_cache
@require_safe
@access.require("lending.view_loans")
def payoff(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """What leaves nothing on a day, for the officer who is asked on the phone."""
    return payoff_page(request, loan_for(request.actor, loan_id), desk=True)
