"""Contracts by program: prepared, read, signed with the code that reaches the borrower, and booked as a loan."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.errors import InvalidInput
from lending.api import loan_shapes as shapes
from lending.api.errors import document
from lending.api.idempotency import once
from lending.api.loans import state_of
from lending.api.throttling import Writes
from lending.api.views import KEYED, REFUSALS, acting, given
from lending.models import Contract
from lending.selectors.contracts import contract_for
from lending.selectors.loans import loan_for
from lending.services.contracts import cancel_contract, insure_otherwise, make_contract
from lending.services.loans import book_loan
from lending.services.refinancing import prepare_contract
from lending.services.signing import open_contract, send_signing_code, sign_contract


class ContractViewSet(GenericViewSet):
    """The contract of a chosen offer, or of an authorised refinancing: the same steps as on the pages."""

    queryset = Contract.unscoped.none()  # for the schema
    throttle_classes = (Writes,)
    lookup_value_converter = "uuid"
    serializer_class = shapes.ContractState

    @extend_schema(request=shapes.NewContract, responses={201: shapes.ContractState, **REFUSALS}, parameters=[KEYED])
    @once("contracts.create")
    def create(self, request: Request, **address: Any) -> Response:
        """Prepare the contract, or get the one that stands. Its dates hold until `valid_until`."""
        actor, wanted = acting(request), given(shapes.NewContract, request)
        if "offer" in wanted:
            made = make_contract(offer_id=wanted["offer"], actor=actor)
        else:
            made = prepare_contract(restructure_id=wanted["restructure"], actor=actor)
        return Response(shapes.contract_state(made), status=status.HTTP_201_CREATED)

    @extend_schema(responses={200: shapes.ContractState, **REFUSALS})
    def retrieve(self, request: Request, pk: UUID, **address: Any) -> Response:
        """What is to be signed, or was, with its hash."""
        return Response(shapes.contract_state(contract_for(acting(request), pk)))

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY, **REFUSALS})
    @action(detail=True)
    def pdf(self, request: Request, pk: UUID, **address: Any) -> HttpResponse:
        """The paper as it was sealed; every opening is on record."""
        return HttpResponse(open_contract(contract_id=pk, actor=acting(request)), content_type="application/pdf")

    @extend_schema(request=shapes.Insurance, responses={200: shapes.ContractState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"])
    @once("contracts.insurance")
    def insurance(self, request: Request, pk: UUID, **address: Any) -> Response:
        """The contract anew with the borrower's own policy; with neither field, the institution's again."""
        asked = given(shapes.Insurance, request)
        made = insure_otherwise(contract_id=pk, actor=acting(request), **asked)
        return Response(shapes.contract_state(made))

    @extend_schema(request=None, responses={202: shapes.CodeSent, **REFUSALS})
    @action(detail=True, methods=["post"])
    def code(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Send the borrower a code to sign with; only a person may ask for it. One each half minute, five an hour."""
        sent = send_signing_code(contract_id=pk, actor=acting(request))
        return Response(shapes.CodeSent(sent).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=shapes.Signature, responses={200: shapes.ContractState, **REFUSALS})
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: UUID, **address: Any) -> Response:
        """The borrower's signature on what was shown (`sha256`). Signing again is no error; five attempts a code.

        A refinancing takes effect with it.
        """
        asked = given(shapes.Signature, request)
        try:
            signed = sign_contract(contract_id=pk, actor=acting(request), **asked)
        except InvalidInput as refusal:  # answered here: a rollback would forget that an attempt was used up
            return Response(document(refusal), status=refusal.status)
        return Response(shapes.contract_state(signed))

    @extend_schema(request=None, responses={200: shapes.ContractState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"])
    @once("contracts.cancel")
    def cancel(self, request: Request, pk: UUID, **address: Any) -> Response:
        """End a contract before any money was handed over."""
        return Response(shapes.contract_state(cancel_contract(contract_id=pk, actor=acting(request))))

    @extend_schema(request=None, responses={201: shapes.LoanState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"])
    @once("contracts.loan")
    def loan(self, request: Request, pk: UUID, **address: Any) -> Response:
        """The loan of a signed contract, waiting for its money; the one that was booked comes back."""
        booked = book_loan(contract_id=pk, actor=acting(request))
        return Response(state_of(loan_for(acting(request), booked.pk)), status=status.HTTP_201_CREATED)
