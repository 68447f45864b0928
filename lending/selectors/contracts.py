"""Reading contracts: whose they are, and what is shown of one."""

import hmac
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import crypto
from accounts.actors import Actor
from accounts.errors import NotFound
from lending.models import Contract, ContractGuarantor, Loan, SigningCode, SigningLink
from lending.papers.contract import document_sha256
from lending.selectors.applications import unrestricted

MOST_ATTEMPTS: Final = 5  # with one code


def contracts_visible_to(actor: Actor) -> QuerySet[Contract]:
    """Contracts of the institution in scope that the actor may read: staff all, applicants and programs their own."""
    if actor.can("lending.view_contracts"):
        return Contract.objects.filter(unrestricted(actor, "applicant", "application__owner_id"))
    if actor.kind == "client":
        mine = Q(application__api_client_id=actor.client_id) if actor.client_id else Q(pk__in=[])
    else:
        mine = Q(pk__in=[])
        if actor.user_id is not None:
            mine = Q(application__owner_id=actor.user_id) | Q(application=None, applicant__user_id=actor.user_id)
    return Contract.objects.filter(mine)


def contract_for(actor: Actor, contract_id: UUID, *, lock: bool = False) -> Contract:
    """One contract the actor may read, its row locked when a service is about to change it. Raises NotFound."""
    found = contracts_visible_to(actor).filter(pk=contract_id).select_related("application", "applicant")
    contract = (found.select_for_update(of=("self",)) if lock else found).first()
    if contract is None:
        raise NotFound
    return contract


def standing_contract(application_id: UUID) -> Contract | None:
    """The newest contract of an application that was not cancelled."""
    return (
        Contract.objects.filter(application_id=application_id)
        .exclude(status=Contract.Status.CANCELLED)
        .order_by("-number")
        .first()
    )


def newer_contract(contract: Contract) -> Contract | None:
    """The contract that stands in the place of a cancelled one, if there is one."""
    same = Contract.objects.filter(applicant_id=contract.applicant_id)
    if contract.application_id is not None:
        same = same.filter(application_id=contract.application_id)
    elif contract.restructure_id is not None:
        same = same.filter(restructure_id=contract.restructure_id)
    return same.exclude(status=Contract.Status.CANCELLED).order_by("-number").first()


def owner_of(contract: Contract) -> int | None:
    """The account whose contract it is: the application's owner, or the borrower's own; None without one."""
    return contract.application.owner_id if contract.application else contract.applicant.user_id


def is_as_shown(contract: Contract) -> bool:
    """Whether what is stored is still what was hashed when the contract was made."""
    return document_sha256(contract.summary, contract.schedule, contract.terms) == contract.document_sha256


def live_code(contract: Contract, guarantor: ContractGuarantor | None = None) -> SigningCode | None:
    """The borrower's code, or a guarantor's, that signs this contract now; None once used, over or typed too often."""
    codes = SigningCode.objects.filter(contract_id=contract.pk, guarantor=guarantor)
    newest = codes.order_by("-created_at", "-pk").first()
    return newest if newest is not None and is_live(newest) else None


def is_live(code: SigningCode) -> bool:
    """Whether a code may still be typed."""
    return code.used_at is None and code.expires_at > timezone.now() and code.attempts < MOST_ATTEMPTS


def signing_link(*, token: str = "", pk: int | None = None) -> SigningLink | None:
    """The link of a token, or of a key for a door that saw its token, with its person and contract; None where none
    was sent here."""
    found = SigningLink.objects.select_related("guarantor__guarantor", "guarantor__contract__applicant")
    return found.filter(token_hash=token_hash(token)).first() if pk is None else found.filter(pk=pk).first()


def token_hash(token: str) -> str:
    """What is kept of a link's token."""
    return hmac.digest(crypto.purpose_key("signing link"), token.encode(), "sha256").hex()


def live_link(guarantor: ContractGuarantor) -> SigningLink | None:
    """The link by which the person may still sign."""
    newest = SigningLink.objects.filter(guarantor=guarantor).order_by("-pk").first()
    return newest if newest is not None and is_open_link(newest) else None


def is_open_link(link: SigningLink) -> bool:
    """Whether a link still serves; a newer one has ended it."""
    return link.used_at is None and link.expires_at > timezone.now()


def loan_of_contract(contract: Contract) -> Loan | None:
    """The loan that was booked of it, if any."""
    return Loan.objects.filter(contract_id=contract.pk).exclude(status=Loan.Status.CANCELLED).first()
