"""Who answers for a loan by its contract: named before anybody signs, each time in a contract prepared anew."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import NotFound
from lending.models import Contract, ContractGuarantor, Restructure
from lending.services.contracts import Named, named_in, own_contract, require_open, with_guarantors
from lending.services.groups import checked_guarantor
from lending.services.refinancing import contract_of
from lending.services.servicing import begin_work


@transaction.atomic
def name_guarantor(
    *, contract_id: UUID, actor: Actor, document_type: str, document_number: str, kind: str,
    limit: Decimal | None = None, on: date | None = None,
) -> Contract:  # fmt: skip
    """The contract anew, with somebody this institution knows who answers for all of the loan or up to `limit` soles.

    Everybody it names signs what it says now. Raises NotAllowed, NotFound, InvalidState once signed, InvalidInput by
    field.
    """
    actor.require("lending.make_contract")
    contract = _open(contract_id, actor)
    named = named_in(contract)
    person = checked_guarantor(
        contract.applicant_id, [one.person.pk for one in named], document_type=document_type,
        document_number=document_number, kind=kind, limit=limit,
    )  # fmt: skip
    assert actor.user_id is not None  # only people may
    return _anew(contract, [*named, Named(person, kind, limit, actor.user_id)], actor, on or today())


@transaction.atomic
def drop_guarantor(*, guarantor_id: UUID, actor: Actor, on: date | None = None) -> Contract:
    """The contract anew without somebody it named. Raises NotAllowed, NotFound, InvalidState once signed."""
    actor.require("lending.make_contract")
    one = ContractGuarantor.objects.filter(pk=guarantor_id).first()
    if one is None:
        raise NotFound
    contract = _open(one.contract_id, actor)
    left = [other for other in named_in(contract) if other.person.pk != one.guarantor_id]
    return _anew(contract, left, actor, on or today())


def _open(contract_id: UUID, actor: Actor) -> Contract:
    contract = own_contract(contract_id, actor)
    require_open(contract)
    return contract


def _anew(contract: Contract, guarantors: Sequence[Named], actor: Actor, on: date) -> Contract:
    if contract.restructure_id is None:
        return with_guarantors(contract, guarantors, actor, on)
    row = Restructure.objects.get(pk=contract.restructure_id)
    return contract_of(begin_work(row.loan_id), row, actor, on, guarantors)
