"""The contract: made from a chosen offer, insured as the borrower wishes, cancelled, expired. Signing stands beside."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.clock import LIMA, today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound, Unavailable
from accounts.models import Institution
from accounts.numbering import CONTRACTS, next_number
from accounts.tenancy.scope import current_institution_id, institution_scope
from lending.matching import ProductTerms, disbursement_day, loan_terms
from lending.models import (
    Applicant,
    Application,
    Contract,
    ContractGuarantor,
    Loan,
    Offer,
    Parameter,
    Restructure,
)
from lending.money import ZERO
from lending.papers import contract as paper
from lending.papers.pdf import contract_pdf
from lending.parameters import parameter
from lending.presentation import contract_code
from lending.schedules import LoanTerms, Schedule, build_schedule
from lending.schedules.contract import write_request, write_schedule
from lending.schedules.servicing import ServicedSchedule, ServicingRules
from lending.selectors.applications import application_for
from lending.selectors.contracts import contract_for, owner_of
from lending.selectors.products import moratory_cap, policy_in_force, product_terms, usury_cap
from lending.services.servicing import lock_loan
from lending.services.store import keep_sealed

FIRST_NUMBER: Final = 1_001
Status = Contract.Status


@dataclass(frozen=True, slots=True)
class Basis:
    """What a contract is made from, as of a day."""

    application: Application
    offer: Offer
    product: ProductTerms
    applicant: Applicant
    on: date
    insurance: paper.Policy | None


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody a contract is to name as answering for its loan."""

    person: Applicant
    kind: str
    limit: Decimal | None
    by: int  # account of who wrote it down


@transaction.atomic
def make_contract(*, offer_id: UUID, actor: Actor, on: date | None = None) -> Contract:
    """The contract of a chosen offer, ready to be read and signed; the one that stands is returned unchanged.

    Raises NotFound, InvalidState (not chosen, expired, above the legal cap), and Unavailable while the legal
    values of the day or the insurer that the Hoja Resumen must name are missing.
    """
    application, offer = _chosen(offer_id, actor)
    last = Contract.objects.filter(offer_id=offer.pk).order_by("-number").first()
    standing = last if last is not None and last.status != Status.CANCELLED else None
    if standing is not None and (standing.status == Status.SIGNED or _still_stands(standing, on or today())):
        return standing
    if standing is not None:
        cancel_open(standing, actor, "renewed")
    product = product_terms(offer.product_version)
    return _made(_basis(application, offer, product, on or today(), None), actor, named_in(last) if last else ())


@transaction.atomic
def insure_otherwise(
    *, contract_id: UUID, actor: Actor, insurer: str = "", policy: str = "", on: date | None = None
) -> Contract:
    """The contract anew with the borrower's own policy, endorsed to the lender; with neither, the group policy again.

    The law lets the borrower choose; the contract that was open is cancelled. Raises NotFound, InvalidState once
    signed, InvalidInput by field.
    """
    contract = own_contract(contract_id, actor)
    require_open(contract)
    insurer, policy = " ".join(insurer.split()), " ".join(policy.split())
    errors = {}
    if bool(insurer) != bool(policy):
        errors["policy" if insurer else "insurer"] = [_("Escribe la aseguradora y el número de tu póliza, los dos")]
    if len(insurer) > 120 or len(policy) > 60:
        errors["policy"] = [_("Escribe un nombre y un número más cortos")]
    if contract.offer is None or not contract.offer.product_version.insurance_monthly_rate:
        errors["insurer"] = [_("Este préstamo no lleva seguro")]
    if errors:
        raise InvalidInput(fields=errors)
    assert contract.offer_id is not None
    application, offer = _chosen(contract.offer_id, actor)
    own = paper.Policy(insurer=insurer, number=policy, own=True) if insurer else None
    product = product_terms(offer.product_version)
    basis = _basis(application, offer, product, on or today(), own)
    cancel_open(contract, actor, "insurance")
    return _made(basis, actor, named_in(contract))


def with_guarantors(contract: Contract, guarantors: Sequence["Named"], actor: Actor, on: date) -> Contract:
    """An open contract of an offer anew, naming these people; the one that was open is cancelled. Raises as above."""
    assert contract.offer_id is not None
    application, offer = _chosen(contract.offer_id, actor)
    own = None
    if contract.own_insurance:
        own = paper.Policy(**contract.summary["own_policy"], own=True)
    basis = _basis(application, offer, product_terms(offer.product_version), on, own)
    cancel_open(contract, actor, "guarantors")
    return _made(basis, actor, guarantors)


@transaction.atomic
def cancel_contract(*, contract_id: UUID, actor: Actor, reason: str = "") -> Contract:
    """End a contract before any money was handed over, at the borrower's or the lender's wish; safe to repeat.

    A refinancing that it was made for is turned down with it.

    Raises NotFound, or InvalidState once there is a loan.
    """
    contract = own_contract(contract_id, actor)
    if contract.status == Status.CANCELLED:
        return contract
    if Loan.objects.filter(contract_id=contract.pk).exclude(status=Loan.Status.CANCELLED).exists():
        raise InvalidState(_("Este contrato ya tiene un préstamo en marcha. Primero se anula el desembolso."))
    cancel_open(contract, actor, reason or "asked")
    if contract.restructure_id is not None:
        refinancing = Restructure.objects.filter(pk=contract.restructure_id, status=Restructure.Status.AUTHORISED)
        refinancing.update(status=Restructure.Status.REJECTED)
    return contract


def expire_contracts(*, institution_id: int, on: date | None = None) -> int:
    """Cancel contracts nobody signed in time; returns how many."""
    with institution_scope(institution_id):
        passed = list(
            Contract.objects.filter(status=Status.OPEN, valid_until__lt=on or today()).select_for_update(
                skip_locked=True
            )
        )
        Contract.objects.filter(pk__in=[one.pk for one in passed]).update(status=Status.CANCELLED)
        if passed:
            audit.record_many(
                Actor.system("expiry", institution_id=institution_id),
                "lending.contract.expired",
                [(one, {"application": one.application_id, "number": one.number}) for one in passed],
            )
        return len(passed)


def own_contract(contract_id: UUID, actor: Actor) -> Contract:
    """The contract, locked, for the borrower or for an officer who works on it. Raises NotFound, NotAllowed.

    What it comes of is locked first, the application or the loan that it refinances: everything that changes a
    contract takes its turn there.
    """
    contract = contract_for(actor, contract_id)
    if contract.application is not None:
        _require_party(contract.application, actor)
    elif actor.user_id is None or owner_of(contract) != actor.user_id:
        actor.require("lending.make_contract")
    return in_turn(contract)


def in_turn(contract: Contract) -> Contract:
    """The contract as it stands once what it comes of and the contract itself are locked; the caller saw to rights."""
    if contract.restructure is not None:
        lock_loan(contract.restructure.loan_id)
    else:
        assert contract.application_id is not None  # one or the other, says the database
        Application.objects.select_for_update(of=("self",)).get(pk=contract.application_id)
    found = Contract.objects.select_for_update(of=("self",)).select_related("application", "applicant")
    return found.get(pk=contract.pk)


def require_open(contract: Contract) -> None:
    """Raise InvalidState unless the contract waits for its signature."""
    if contract.status == Status.SIGNED:
        raise InvalidState(_("Este contrato ya está firmado."), code="contract_signed")
    if contract.status != Status.OPEN:
        raise InvalidState(_("Este contrato se anuló. Pide que lo preparen otra vez."), code="contract_cancelled")


def check_cap(tea: Decimal, on: date) -> None:
    """The legal cap of the day of the contract holds (Ley 31143). Raises Unavailable, InvalidState."""
    cap = usury_cap(on)
    if cap is None:
        raise Unavailable(
            _("Todavía no está cargada la tasa máxima legal de este periodo, y sin ella no podemos firmar créditos."),
            code="cap_missing",
        )
    if tea > cap.value:
        raise InvalidState(
            _("La tasa de esta oferta pasa la máxima legal de hoy, así que no se puede firmar. Pide una oferta nueva."),
            code="tea_above_cap",
        )


def written_pdf(contract: Contract, signature: list[tuple[str, str]] | None = None) -> bytes:
    """The contract on paper, with the borrower's whole document number."""
    applicant = contract.applicant
    number = f"{applicant.get_document_type_display()} {applicant.document_number}"
    return contract_pdf(
        contract.summary, contract.schedule, contract.document_sha256, document_number=number, signature=signature or ()
    )


def _chosen(offer_id: UUID, actor: Actor) -> tuple[Application, Offer]:
    """The application, locked, and its chosen offer. Raises NotFound, NotAllowed, InvalidState."""
    offer = Offer.objects.filter(pk=offer_id).first()
    if offer is None:
        raise NotFound
    application = application_for(actor, offer.application_id, lock=True)
    _require_party(application, actor)
    offer = Offer.objects.select_related("product_version__product").get(pk=offer_id)
    if application.status != Application.Status.APPROVED or offer.status != Offer.Status.CHOSEN:
        raise InvalidState(_("Solo se hace el contrato de una oferta elegida."), code="offer_not_chosen")
    return application, offer


def _require_party(application: Application, actor: Actor) -> None:
    """The borrower, the program that filed for them, or an officer. Raises NotAllowed."""
    if application.owner_id is not None and application.owner_id == actor.user_id:
        return
    if actor.kind == "client" and str(application.api_client_id) == str(actor.client_id):
        return
    if not actor.can("lending.make_contract"):
        raise NotAllowed


def _basis(application: Application, offer: Offer, product: ProductTerms, on: date, own: paper.Policy | None) -> Basis:
    if offer.valid_until < on:
        raise InvalidState(
            _("Esta oferta venció. Pide una nueva: tus respuestas siguen guardadas."), code="offer_expired"
        )
    check_cap(offer.tea, on)
    insurance = own
    if product.insurance_monthly_rate and own is None:
        policy = policy_in_force()
        if not policy.insurer:
            raise Unavailable(
                _("Falta la aseguradora y su póliza, que la Hoja Resumen debe nombrar. Gerencia las completa en la"
                  " política de crédito."),
                code="insurer_missing",
            )  # fmt: skip
        insurance = paper.Policy(insurer=policy.insurer, number=policy.insurance_policy)
    applicant = application.applicant
    assert applicant is not None  # approved applications have one
    return Basis(application, offer, product, applicant, on, insurance)


def _made(basis: Basis, actor: Actor, guarantors: Sequence[Named]) -> Contract:
    offer = basis.offer
    terms = _terms(basis)
    schedule = build_schedule(terms)
    _require_as_offered(basis, schedule)
    return write_contract(
        actor, applicant=basis.applicant, product=basis.product.name, product_version_id=offer.product_version_id,
        schedule=schedule, moratory=moratory_rate(basis.on), on=basis.on, valid_until=offer.valid_until,
        insurance=basis.insurance, down_payment=basis.product.down_payment_min, application=basis.application,
        offer=offer, guarantors=guarantors,
    )  # fmt: skip


def write_contract(
    actor: Actor, *, applicant: Applicant, product: str, product_version_id: UUID | None, schedule: Schedule,
    moratory: Decimal, on: date, valid_until: date, insurance: paper.Policy | None = None, refinances: str = "",
    down_payment: Decimal = ZERO, guarantors: Sequence[Named] = (), group: str = "", **links: Any,
) -> Contract:  # fmt: skip
    """A contract ready to be read: its words, figures, hash and sealed PDF. `links` say what it comes of."""
    institution = Institution.objects.get(pk=current_institution_id())
    number = next_number(Contract, CONTRACTS, FIRST_NUMBER)
    terms, rules = schedule.terms, ServicingRules(moratory_rate=moratory)
    agreement = paper.Agreement(
        code=contract_code(institution, number),
        made_on=on,
        valid_until=valid_until,
        lender={
            "name": institution.name,
            "legal_name": institution.legal_name,
            "ruc": institution.ruc,
            "address": institution.address,
            "phone": institution.phone,
        },
        borrower={
            "name": applicant.full_name,
            "document": document_of(applicant),
        },
        product=product,
        schedule=schedule,
        moratory_tea=moratory,
        itf_rate=_itf(on),
        insurance=insurance,
        down_payment=down_payment,
        guarantors=[
            paper.Party(
                name=one.person.full_name,
                document=document_of(one.person),
                kind=one.kind,
                limit=one.limit,
            )
            for one in guarantors
        ],
        refinances=refinances,
        group=group,
    )
    contract = Contract(
        institution_id=institution.pk,
        number=number,
        applicant=applicant,
        product_version_id=product_version_id,
        amount=terms.principal,
        tea=terms.annual_rate,
        tcea=schedule.tcea.quantize(Decimal("1e-8")),
        moratory_tea=moratory,
        terms=write_request(terms, rules),
        schedule=write_schedule(ServicedSchedule(schedule, ())),
        summary=paper.summary_of(agreement),
        own_insurance=bool(insurance and insurance.own),
        valid_until=valid_until,
        created_by_id=actor.user_id,
        **links,
    )
    contract.document_sha256 = paper.document_sha256(contract.summary, contract.schedule, contract.terms)
    contract.stored_name = keep_sealed(written_pdf(contract))
    contract.save()
    ContractGuarantor.objects.bulk_create(
        ContractGuarantor(
            institution_id=institution.pk, contract=contract, guarantor=one.person, kind=one.kind, limit=one.limit,
            named_by_id=one.by,
        )
        for one in guarantors
    )  # fmt: skip
    audit.record(
        actor,
        "lending.contract.made",
        contract,
        application=contract.application_id,
        offer=contract.offer_id,
        restructure=contract.restructure_id,
        number=number,
        amount=contract.amount,
        tea=contract.tea,
        tcea=contract.tcea,
        moratory_tea=moratory,
        total=schedule.totals.total,
        own_insurance=contract.own_insurance,
        **({"guarantors": [one.person.pk for one in guarantors]} if guarantors else {}),
        on=on,
        sha256=contract.document_sha256,
    )
    outbox.publish("lending.contract.made", contract)
    return contract


def document_of(person: Applicant) -> str:
    """Type and last figures of a document, as papers show them."""
    return f"{person.get_document_type_display()} {person.masked_document}"


def named_in(contract: Contract) -> list[Named]:
    """Whom a contract names as answering for its loan, in the order they were named."""
    found = ContractGuarantor.objects.filter(contract_id=contract.pk).select_related("guarantor").order_by("pk")
    return [Named(one.guarantor, one.kind, one.limit, one.named_by_id) for one in found]


def _terms(basis: Basis) -> LoanTerms:
    """The offer's terms on the contract's dates; an own insurance costs nothing here."""
    offer, product = basis.offer, basis.product
    priced_on = offer.created_at.astimezone(LIMA).date()
    as_offered = priced_on <= basis.on <= offer.disbursement_on
    own = bool(basis.insurance and basis.insurance.own)
    terms = loan_terms(
        product,
        amount=offer.amount,
        term_months=offer.term_months,
        tea=offer.tea,
        disbursed_on=offer.disbursement_on if as_offered else disbursement_day(product, basis.on),
    )
    return replace(terms, insurance=None) if own else terms


def _require_as_offered(basis: Basis, schedule: Schedule) -> None:
    """On the offer's dates the contract is the offer, to the cent. Raises Unavailable where it is not."""
    same_day = schedule.terms.disbursed_on == basis.offer.disbursement_on
    if not same_day or (basis.insurance and basis.insurance.own):
        return
    if (schedule.totals.total, schedule.installment) != (basis.offer.total, basis.offer.installment):
        raise Unavailable(code="schedule_differs")


def moratory_rate(on: date) -> Decimal:
    """The institution's moratory rate, never above the legal one of the day. Raises Unavailable."""
    highest, chosen = moratory_cap(on), policy_in_force().moratory_tea
    if highest is None:
        raise Unavailable(code="cap_missing")
    return (highest if chosen is None else min(chosen, highest)).quantize(Decimal("1e-8"))


def _itf(on: date) -> Decimal:
    """The tax on movements of money in force on a day (Ley 29667)."""
    found = parameter(Parameter.Code.ITF_RATE, on)
    return found.value if found else Decimal(0)


def _still_stands(contract: Contract, on: date) -> bool:
    """Whether an open contract can still be signed with the dates it shows."""
    return contract.valid_until >= on and date.fromisoformat(contract.summary["disbursement_on"]) >= on


def cancel_open(contract: Contract, actor: Actor, reason: str) -> None:
    """A contract that is not signed ends; the evidence says why."""
    before = contract.status
    contract.status = Status.CANCELLED
    contract.save(update_fields=["status"])
    audit.record(
        actor, "lending.contract.cancelled", contract, application=contract.application_id, number=contract.number,
        before=before, code=reason,
    )  # fmt: skip
