"""The contract as the borrower reads and signs it, at home or with an officer beside them."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.errors import DomainError, InvalidInput, InvalidState, NotFound
from accounts.formats import format_moment
from accounts.http import InstitutionRequest
from lending import presentation
from lending.forms.contracts import GuaranteeForm, InsuranceForm, SignForm
from lending.forms.refusals import show_refusal
from lending.models import Application, Contract, ContractGuarantor, Offer
from lending.papers.pdf import schedule_table
from lending.selectors.applications import application_for
from lending.selectors.contracts import contract_for, live_code, live_link, loan_of_contract, newer_contract, owner_of
from lending.services.contracts import cancel_contract, document_of, insure_otherwise, make_contract
from lending.services.guarantors import drop_guarantor, name_guarantor
from lending.services.signing import (
    open_contract,
    send_guarantor_code,
    send_signing_code,
    sign_as_guarantor,
    sign_contract,
    signature_lines,
)
from lending.services.signing_links import send_guarantor_link

KINDS = {Contract.Status.OPEN: "warn", Contract.Status.SIGNED: "ok", Contract.Status.CANCELLED: ""}


def pdf_response(content: bytes, name: str) -> HttpResponse:
    """A PDF to read or keep, never stored on the way."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    response["Cache-Control"] = "no-store, private"
    response["X-Content-Type-Options"] = "nosniff"
    return response


# --- the borrower -------------------------------------------------------------------------------------------------


@never_cache
@require_POST
@access.signed_in
def my_new(request: InstitutionRequest, slug: str, application_id: UUID) -> HttpResponse:
    """Prepare the contract of the offer that was chosen."""
    application = application_for(request.actor, application_id)
    if application.owner_id != request.actor.user_id:
        raise NotFound
    return prepared(request, application, "my_contract", "my_application")


@never_cache
@require_safe
@access.signed_in
def my_contract(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    """Hoja Resumen, cronograma and the signature."""
    return page(request, own(request, contract_id))


@require_POST
@access.signed_in
def my_code(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return send_code(request, own(request, contract_id))


@require_POST
@access.signed_in
def my_sign(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return sign(request, own(request, contract_id))


@require_POST
@access.signed_in
def my_insurance(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return insure(request, own(request, contract_id))


@require_POST
@access.signed_in
def my_cancel(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return cancel(request, own(request, contract_id))


@never_cache
@require_safe
@access.signed_in
def my_pdf(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return pdf(request, own(request, contract_id))


def own(request: InstitutionRequest, contract_id: UUID) -> Contract:
    """A contract of the person's own. Raises NotFound."""
    contract = contract_for(request.actor, contract_id)
    if owner_of(contract) != request.actor.user_id:
        raise NotFound
    return contract


# --- the officer --------------------------------------------------------------------------------------------------


@require_POST
@access.require("lending.make_contract")
def desk_new(request: InstitutionRequest, slug: str, application_id: UUID) -> HttpResponse:
    """Prepare the contract for the borrower."""
    return prepared(request, application_for(request.actor, application_id), "desk_contract", "desk_case")


@require_safe
@access.require("lending.view_contracts")
def desk_contract(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    """The same on the desk."""
    return page(request, contract_for(request.actor, contract_id), desk=True)


@require_POST
@access.require("lending.make_contract")
def desk_code(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return send_code(request, contract_for(request.actor, contract_id), desk=True)


@require_POST
@access.require("lending.make_contract")
def desk_sign(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return sign(request, contract_for(request.actor, contract_id), desk=True)


@require_POST
@access.require("lending.make_contract")
def desk_insurance(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return insure(request, contract_for(request.actor, contract_id), desk=True)


@require_POST
@access.require("lending.make_contract")
def desk_cancel(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return cancel(request, contract_for(request.actor, contract_id), desk=True)


@require_POST
@access.require("lending.make_contract")
def desk_guarantors(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    """Somebody more answers for the loan: the contract is prepared again with their name."""
    contract = contract_for(request.actor, contract_id)
    form = GuaranteeForm(request.POST)
    if form.is_valid():
        try:
            made = name_guarantor(contract_id=contract.pk, actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, _("Preparamos el contrato otra vez con esa persona. Firma antes que el titular."))
            return redirect(f"{address_of(request, made, desk=True)}#garantes")
    return page(request, contract, desk=True, guarantor_form=form)


@require_POST
@access.require("lending.make_contract")
def desk_guarantor_drop(request: InstitutionRequest, slug: str, guarantor_id: UUID) -> HttpResponse:
    """The contract again without somebody."""
    contract = _naming(request, guarantor_id).contract
    try:
        made = drop_guarantor(guarantor_id=guarantor_id, actor=request.actor)
    except InvalidState as refusal:
        messages.error(request, str(refusal.message))
        return redirect(address_of(request, contract, desk=True))
    messages.success(request, _("Preparamos el contrato otra vez sin esa persona."))
    return redirect(address_of(request, made, desk=True))


@require_POST
@access.require("lending.make_contract")
def desk_guarantor_code(request: InstitutionRequest, slug: str, guarantor_id: UUID) -> HttpResponse:
    """Send a code to who answers for the loan."""
    one = _naming(request, guarantor_id)
    try:
        sent = send_guarantor_code(guarantor_id=guarantor_id, actor=request.actor)
    except InvalidState as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("Enviamos un código a %(address)s. Vale 10 minutos.") % {"address": sent.address})
    return redirect(f"{address_of(request, one.contract, desk=True)}#garantes")


@require_POST
@access.require("lending.make_contract")
def desk_guarantor_link(request: InstitutionRequest, slug: str, guarantor_id: UUID) -> HttpResponse:
    """Send one of them a link to read and sign on their own phone."""
    one = _naming(request, guarantor_id)
    try:
        sent = send_guarantor_link(guarantor_id=guarantor_id, actor=request.actor)
    except InvalidState as refusal:
        messages.error(request, str(refusal.message))
    else:
        text = _("Enviamos un enlace a %(address)s. Vale hasta el %(until)s.")
        messages.success(request, text % {"address": sent.address, "until": format_moment(sent.expires_at)})
    return redirect(f"{address_of(request, one.contract, desk=True)}#garantes")


@require_POST
@access.require("lending.make_contract")
def desk_guarantor_sign(request: InstitutionRequest, slug: str, guarantor_id: UUID) -> HttpResponse:
    """Their signature, beside the officer."""
    one = _naming(request, guarantor_id)
    form = guarantor_sign_form(one, request.POST)
    if form.is_valid():
        try:
            sign_as_guarantor(
                guarantor_id=guarantor_id, actor=request.actor, code=form.cleaned_data["code"],
                sha256=form.cleaned_data["sha256"],
            )  # fmt: skip
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            messages.error(request, str(refusal.message))
            return redirect(address_of(request, one.contract, desk=True))
        else:
            messages.success(request, _("Firmó %(name)s.") % {"name": one.guarantor.full_name})
            return redirect(f"{address_of(request, one.contract, desk=True)}#garantes")
    return page(request, one.contract, desk=True, signing=(one.pk, form))


def _naming(request: InstitutionRequest, guarantor_id: UUID) -> ContractGuarantor:
    """Somebody a contract of the actor's sight names. Raises NotFound."""
    one = ContractGuarantor.objects.select_related("guarantor").filter(pk=guarantor_id).first()
    if one is None:
        raise NotFound
    one.contract = contract_for(request.actor, one.contract_id)
    return one


def guarantor_sign_form(one: ContractGuarantor, sent: Any = None) -> SignForm:
    """The form of one person among several on the page; it lacks the borrower's ids."""
    return SignForm(sent, initial={"sha256": one.contract.document_sha256}, auto_id=f"id_{one.pk}_%s")


@never_cache
@require_safe
@access.require("lending.view_contracts")
def desk_pdf(request: InstitutionRequest, slug: str, contract_id: UUID) -> HttpResponse:
    return pdf(request, contract_for(request.actor, contract_id))


# --- for both -----------------------------------------------------------------------------------------------------


def prepared(request: InstitutionRequest, application: Application, name: str, back: str) -> HttpResponse:
    """Make the contract of the chosen offer and show it; a refusal is told where the person came from."""
    offer = Offer.objects.filter(application_id=application.pk, status=Offer.Status.CHOSEN).first()
    slug = request.institution.slug
    try:
        if offer is None:
            raise InvalidState(_("Primero se elige una oferta."))
        contract = make_contract(offer_id=offer.pk, actor=request.actor)
    except DomainError as refusal:
        messages.error(request, str(refusal.message))
        return redirect(f"lending:{back}", slug, application.pk)
    return redirect(f"lending:{name}", slug, contract.pk)


def send_code(request: InstitutionRequest, contract: Contract, *, desk: bool = False) -> HttpResponse:
    """Send the borrower a code; asking too often is told, not punished."""
    try:
        sent = send_signing_code(contract_id=contract.pk, actor=request.actor)
    except InvalidState as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("Enviamos un código a %(address)s. Vale 10 minutos.") % {"address": sent.address})
    return redirect(f"{address_of(request, contract, desk=desk)}#firma")


def sign(request: InstitutionRequest, contract: Contract, *, desk: bool = False) -> HttpResponse:
    """The signature: a code on what was shown."""
    form = SignForm(request.POST)
    if form.is_valid():
        try:
            sign_contract(
                contract_id=contract.pk,
                actor=request.actor,
                code=form.cleaned_data["code"],
                sha256=form.cleaned_data["sha256"],
            )
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            messages.error(request, str(refusal.message))
            return redirect(address_of(request, contract, desk=desk))
        else:
            messages.success(request, _("Firmado. Guarda tu copia en PDF."))
            return redirect(address_of(request, contract, desk=desk))
    return page(request, contract, desk=desk, sign_form=form)


def insure(request: InstitutionRequest, contract: Contract, *, desk: bool = False) -> HttpResponse:
    """The contract anew under another insurance."""
    form = InsuranceForm(request.POST)
    if form.is_valid():
        try:
            made = insure_otherwise(contract_id=contract.pk, actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Preparamos el contrato otra vez con ese seguro. Léelo antes de firmar."))
            return redirect(address_of(request, made, desk=desk))
    return page(request, contract, desk=desk, insurance_form=form)


def cancel(request: InstitutionRequest, contract: Contract, *, desk: bool = False) -> HttpResponse:
    """End the contract before any money moved."""
    cancel_contract(contract_id=contract.pk, actor=request.actor)
    if contract.application_id is None:
        messages.success(request, _("Anulamos el contrato y la refinanciación: tu crédito sigue como estaba."))
    else:
        messages.success(request, _("Anulamos el contrato. La oferta elegida sigue en pie mientras no venza."))
    return redirect(origin_of(request, contract, desk=desk))


def pdf(request: InstitutionRequest, contract: Contract) -> HttpResponse:
    """The paper as it was sealed."""
    content = open_contract(contract_id=contract.pk, actor=request.actor)
    return pdf_response(content, f"contrato-{contract.summary['code']}")


def page(
    request: InstitutionRequest,
    contract: Contract,
    *,
    desk: bool = False,
    sign_form: SignForm | None = None,
    insurance_form: InsuranceForm | None = None,
    guarantor_form: GuaranteeForm | None = None,
    signing: tuple[UUID, SignForm] | None = None,
) -> HttpResponse:
    """The contract's page around the form that was refused, or ready for the next step."""
    is_open = contract.status == Contract.Status.OPEN
    code = live_code(contract) if is_open else None
    prefix = "lending:desk_contract" if desk else "lending:my_contract"
    slug = request.institution.slug
    refused = sign_form or insurance_form or guarantor_form or (signing[1] if signing else None)
    guarantors = guarantor_lines(contract, signing, is_open=is_open)
    context = {
        **paper_context(contract),
        "desk": desk,
        "shell": "desk_base.html" if desk else "base.html",
        "tag": {"text": contract.get_status_display(), "kind": KINDS[Contract.Status(contract.status)]},
        "application_code": presentation.application_code(request.institution, contract.application)
        if contract.application
        else "",
        "back_url": origin_of(request, contract, desk=desk),
        "valid_until": date.fromisoformat(contract.summary["valid_until"]),
        "may_act": is_open and (not desk or request.actor.can("lending.make_contract")),
        "may_insure": is_open and bool(contract.offer and contract.offer.product_version.insurance_monthly_rate),
        "code": code,
        "sign_form": sign_form or SignForm(initial={"sha256": contract.document_sha256}),
        "insurance_form": insurance_form or InsuranceForm(),
        "guarantors": guarantors,
        "guarantor_sign": signing[1] if signing else SignForm(),
        "waiting": ", ".join(one["name"] for one in guarantors if one["form"]),
        "may_name": desk and is_open and request.actor.can("lending.make_contract"),
        "guarantor_form": guarantor_form or GuaranteeForm(auto_id="id_g_%s"),
        "refused": refused,
        "signature": signature_lines(contract) if contract.status == Contract.Status.SIGNED else [],
        "urls": {
            name: reverse(f"{prefix}_{name}", args=[slug, contract.pk])
            for name in ("code", "sign", "insurance", "cancel", "pdf")
        },
        "loan": loan_of_contract(contract),
        "newer": newer_contract(contract) if contract.status == Contract.Status.CANCELLED else None,
    }
    return render(request, "lending/contract/page.html", context, status=422 if refused and refused.errors else 200)


def paper_context(contract: Contract) -> dict[str, Any]:
    """What `lending/contract/_paper.html` shows: the Hoja Resumen, what it says, the cronograma."""
    columns, rows, foot = schedule_table(contract.schedule)
    heads: list[Any] = [*columns[:2], *((name, "r") for name in columns[2:])]
    return {
        "contract": contract,
        "summary": contract.summary,
        "own_part": Decimal(contract.summary["figures"].get("own_part", 0)),
        "columns": heads,
        "rows": rows,
        "foot": [foot],
    }


def guarantor_lines(
    contract: Contract, signing: tuple[UUID, SignForm] | None, *, is_open: bool
) -> list[dict[str, Any]]:
    """Who answers for the loan, how far, whether they signed, and the form to sign with."""
    found = ContractGuarantor.objects.filter(contract_id=contract.pk).select_related("guarantor")
    lines = []
    for one in found.order_by("pk"):
        waits = is_open and one.signed_at is None
        one.contract = contract
        form = signing[1] if signing and signing[0] == one.pk else guarantor_sign_form(one) if waits else None
        lines.append(
            {
                "pk": one.pk,
                "name": one.guarantor.full_name,
                "document": document_of(one.guarantor),
                "kind": one.get_kind_display(),
                "limit": one.limit,
                "signed_at": one.signed_at,
                "form": form,
                "code": live_code(contract, one) if waits else None,
                "link": live_link(one) if waits else None,
            }
        )
    return lines


def address_of(request: InstitutionRequest, contract: Contract, *, desk: bool) -> str:
    name = "lending:desk_contract" if desk else "lending:my_contract"
    return reverse(name, args=[request.institution.slug, contract.pk])


def origin_of(request: InstitutionRequest, contract: Contract, *, desk: bool) -> str:
    """Where the contract came from: the case, or the loan that it refinances."""
    slug = request.institution.slug
    if contract.restructure is not None:
        return reverse("lending:desk_loan" if desk else "lending:my_loan", args=[slug, contract.restructure.loan_id])
    return reverse("lending:desk_case" if desk else "lending:my_application", args=[slug, contract.application_id])
