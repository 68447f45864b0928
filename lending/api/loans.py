"""Loans by program: the list, one with its plan, its contract, its money."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Manager, QuerySet
from django.http import HttpResponse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.clock import today
from accounts.errors import InvalidInput, NotFound
from lending.api import loan_shapes as shapes
from lending.api.authentication import actor_of
from lending.api.idempotency import once
from lending.api.pagination import NewestFirst
from lending.api.throttling import Writes
from lending.api.views import KEYED, REFUSALS, acting, given
from lending.models import Loan, Repayment
from lending.selectors.loan_overview import loan_overview
from lending.selectors.loans import loan_for, loan_state, loans_visible_to
from lending.selectors.prepayments import open_request
from lending.services.certificates import issue_certificate
from lending.services.loans import (
    cancel_disbursement,
    cancel_loan,
    disburse_loan,
    give_up_parts,
    request_disbursement,
)
from lending.services.prepayments import ask_prepayment, withdraw_prepayment
from lending.services.repayments import (
    choose_prepayment,
    pay_off_loan,
    record_repayment,
    refund_advance,
    reverse_repayment,
)

COLUMNS = (
    *("id", "number", "status", "currency", "principal", "principal_outstanding", "tea", "installment"),
    *("installments", "disbursed_on", "next_due_on", "closed_on"),
)
FARTHEST = timedelta(days=60)
ON = OpenApiParameter("on", date, description="From today to 60 days ahead; today when left out.")
STATE = OpenApiParameter("status", str, enum=Loan.Status.values)


class LoanViewSet(GenericViewSet):
    """Loans the caller may see: all for staff and programs that take payments, their own for borrowers."""

    queryset = Loan.unscoped.none()  # for the schema; `get_queryset` reads the institution's
    throttle_classes = (Writes,)
    pagination_class = NewestFirst
    lookup_value_converter = "uuid"
    serializer_class = shapes.LoanRow

    def get_queryset(self) -> QuerySet[Any, Any]:
        return loans_visible_to(actor_of(self.request))

    @extend_schema(parameters=[STATE], responses={200: shapes.LoanRow(many=True), **REFUSALS})
    def list(self, request: Request, **address: Any) -> Response:
        """Loans, newest first, as their last movement left them."""
        found = self.get_queryset()
        wanted = request.query_params.get("status")
        if wanted:
            if wanted not in Loan.Status.values:
                raise InvalidInput(fields={"status": [_("Elige de la lista")]})
            found = found.filter(status=wanted)
        rows = found.values(*COLUMNS, "pk", product_name=F("product__name"))
        return self.get_paginated_response(shapes.LoanRow(self.paginate_queryset(rows), many=True).data)

    @extend_schema(responses={200: shapes.LoanState, **REFUSALS})
    def retrieve(self, request: Request, pk: UUID, **address: Any) -> Response:
        """One loan as of today, with its plan and what is paid of it."""
        return Response(state_of(loan_for(actor_of(request), pk)))

    @extend_schema(responses={200: shapes.ContractState, **REFUSALS})
    @action(detail=True, pagination_class=None)
    def contract(self, request: Request, pk: UUID, **address: Any) -> Response:
        """What was signed, with its hash; 404 for a loan that came from elsewhere."""
        contract = loan_for(actor_of(request), pk).contract
        if contract is None:
            raise NotFound
        return Response(shapes.contract_state(contract))

    @extend_schema(
        request=shapes.NewDisbursement, responses={201: shapes.DisbursementState, **REFUSALS}, parameters=[KEYED]
    )
    @action(detail=True, methods=["post"], url_path="disbursements")
    @once("loans.request_disbursement")
    def ask_disbursement(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Ask that the loan, or its next part, be handed over; the open request comes back. Somebody else pays it."""
        loan = loan_for(acting(request), pk)
        asked = given(shapes.NewDisbursement, request)
        made = request_disbursement(loan_id=loan.pk, actor=acting(request), **asked)
        return Response(shapes.DisbursementState(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={200: shapes.DisbursementState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"], url_path="disbursements/<uuid:disbursement_id>/cancel")
    @once("loans.cancel_disbursement")
    def drop_disbursement(self, request: Request, pk: UUID, disbursement_id: UUID, **address: Any) -> Response:
        """Withdraw a request that nobody paid yet."""
        _must_have(loan_for(acting(request), pk).disbursements, disbursement_id)
        dropped = cancel_disbursement(disbursement_id=disbursement_id, actor=acting(request))
        return Response(shapes.DisbursementState(dropped).data)

    @extend_schema(
        request=shapes.DisbursementRequest, responses={200: shapes.DisbursementState, **REFUSALS}, parameters=[KEYED]
    )
    @action(detail=True, methods=["post"], url_path="disbursements/<uuid:disbursement_id>/pay")
    @once("loans.disburse")
    def disburse(self, request: Request, pk: UUID, disbursement_id: UUID, **address: Any) -> Response:
        """Pay out what somebody else asked for; nobody pays what they asked."""
        loan = loan_for(acting(request), pk)
        _must_have(loan.disbursements, disbursement_id)
        asked = given(shapes.DisbursementRequest, request)
        paid = disburse_loan(disbursement_id=disbursement_id, actor=acting(request), **asked)
        return Response(shapes.DisbursementState(paid).data)

    @extend_schema(
        request=shapes.RepaymentRequest, responses={201: shapes.RepaymentState, **REFUSALS}, parameters=[KEYED]
    )
    @action(detail=True, methods=["post"])
    @once("loans.repayments")
    def repayments(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Post money that came in, by its value date."""
        loan = loan_for(acting(request), pk)
        asked = given(shapes.RepaymentRequest, request)
        posted = record_repayment(loan_id=loan.pk, actor=acting(request), channel=Repayment.Channel.API, **asked)
        return Response(shapes.RepaymentState(posted).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=shapes.ReversalRequest, responses={200: shapes.RepaymentState, **REFUSALS}, parameters=[KEYED]
    )
    @action(detail=True, methods=["post"], url_path="repayments/<uuid:repayment_id>/reverse")
    @once("loans.reverse")
    def reverse(self, request: Request, pk: UUID, repayment_id: UUID, **address: Any) -> Response:
        """Take a payment back; what followed is worked out again."""
        loan = loan_for(acting(request), pk)
        _must_have(loan.repayments, repayment_id)
        asked = given(shapes.ReversalRequest, request)
        undone = reverse_repayment(repayment_id=repayment_id, actor=acting(request), **asked)
        return Response(shapes.RepaymentState(undone).data)

    @extend_schema(
        request=shapes.NewPrepayment, responses={201: shapes.PrepaymentState, **REFUSALS}, parameters=[KEYED]
    )
    @action(detail=True, methods=["post"])
    @once("loans.prepayments")
    def prepayments(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Keep what the borrower wants of the next payment above what is due; it obliges nobody.

        By the borrower, or staff for them. The same again returns the one that stands, another takes its place.
        """
        loan = loan_for(acting(request), pk)
        asked = given(shapes.NewPrepayment, request)
        kept = ask_prepayment(loan_id=loan.pk, actor=acting(request), **asked)
        return Response(shapes.PrepaymentState(kept).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={200: shapes.PrepaymentState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"], url_path="prepayments/<uuid:prepayment_id>/withdraw")
    @once("loans.withdraw_prepayment")
    def withdraw(self, request: Request, pk: UUID, prepayment_id: UUID, **address: Any) -> Response:
        """Take the request back; one that was paid, replaced or withdrawn comes back as it is."""
        asked = loan_for(acting(request), pk).prepayment_requests.filter(pk=prepayment_id).first()
        if asked is None:
            raise NotFound
        standing = open_request(pk)
        if standing is not None and standing.pk == asked.pk:
            asked = withdraw_prepayment(loan_id=pk, actor=acting(request)) or asked
        return Response(shapes.PrepaymentState(asked).data)

    @extend_schema(request=shapes.Effect, responses={200: shapes.RepaymentState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"], url_path="repayments/<uuid:repayment_id>/choose")
    @once("loans.choose")
    def choose(self, request: Request, pk: UUID, repayment_id: UUID, **address: Any) -> Response:
        """What a prepayment that came without a choice does, while the days to choose last."""
        loan = loan_for(acting(request), pk)
        _must_have(loan.repayments, repayment_id)
        asked = given(shapes.Effect, request)
        chosen = choose_prepayment(repayment_id=repayment_id, actor=acting(request), **asked)
        return Response(shapes.RepaymentState(chosen).data)

    @extend_schema(request=shapes.RefundRequest, responses={200: shapes.Refund, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"])
    @once("loans.refund")
    def refund(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Give back what a paid-off loan has in advance; never by who took it in."""
        loan = loan_for(acting(request), pk)
        asked = given(shapes.RefundRequest, request)
        returned = refund_advance(loan_id=loan.pk, actor=acting(request), **asked)
        return Response(shapes.Refund({"amount": returned}).data)

    @extend_schema(request=shapes.Given, responses={200: shapes.LoanState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"])
    @once("loans.cancel")
    def cancel(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Give up a loan nothing was paid out of; its contract stays signed."""
        return self._given_up(request, pk, cancel_loan)

    @extend_schema(request=shapes.Given, responses={200: shapes.LoanState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"], url_path="give-up-parts")
    @once("loans.give_up_parts")
    def give_up_parts(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Nothing more of a loan in parts is handed over: the plan is that of what was."""
        return self._given_up(request, pk, give_up_parts)

    def _given_up(self, request: Request, pk: UUID, act: Callable[..., Loan]) -> Response:
        loan = loan_for(acting(request), pk)
        asked = given(shapes.Given, request)
        act(loan_id=loan.pk, actor=acting(request), **asked)
        return Response(state_of(loan_for(acting(request), pk)))

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY, **REFUSALS})
    @action(detail=True, pagination_class=None)
    def certificate(self, request: Request, pk: UUID, **address: Any) -> HttpResponse:
        """The payoff certificate (constancia de no adeudo); every one handed out is on record."""
        paper = issue_certificate(loan_id=pk, actor=acting(request))
        return HttpResponse(paper.pdf(), content_type="application/pdf")

    @extend_schema(parameters=[ON], responses={200: shapes.PayoffQuote, **REFUSALS})
    @action(detail=True, pagination_class=None)
    def payoff(self, request: Request, pk: UUID, **address: Any) -> Response:
        """What leaves nothing on a day."""
        loan = loan_for(actor_of(request), pk)
        on = _day(request.query_params.get("on", ""))
        if loan.disbursed_on is None:
            raise NotFound
        state = loan_state(loan, on)
        parts = {name: getattr(state.payoff, name) for name in ("principal", "interest", "insurance", "fees")}
        more = {"moratory": state.payoff.penalties, "from_advance": state.payoff.from_advance}
        return Response(shapes.PayoffQuote({"on": on, "total": state.payoff.total, **parts, **more}).data)

    @extend_schema(request=shapes.PayoffRequest, responses={201: shapes.RepaymentState, **REFUSALS}, parameters=[KEYED])
    @payoff.mapping.post
    @once("loans.payoff")
    def pay_off(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Post the money that ends the loan, with interest to its value date."""
        loan = loan_for(acting(request), pk)
        asked = given(shapes.PayoffRequest, request)
        posted = pay_off_loan(loan_id=loan.pk, actor=acting(request), channel=Repayment.Channel.API, **asked)
        return Response(shapes.RepaymentState(posted).data, status=status.HTTP_201_CREATED)


def _must_have(rows: Manager[Any], key: UUID) -> None:
    """An address names a row of its own loan, or nothing. Raises NotFound."""
    if not rows.filter(pk=key).exists():
        raise NotFound


def _day(text: str) -> date:
    """Today or a day soon after. Raises InvalidInput."""
    if not text:
        return today()
    try:
        on = parse_date(text)
    except ValueError:
        on = None
    if on is None or not today() <= on <= today() + FARTHEST:
        raise InvalidInput(fields={"on": [_("Elige un día desde hoy hasta dentro de 60 días")]})
    return on


def state_of(loan: Loan) -> dict[str, Any]:
    """A loan with its plan, as of today or of its last day."""
    page = loan_overview(loan, today())
    state, agreed = page.state, page.schedule
    row = {name: getattr(loan, name) for name in COLUMNS}
    lines: list[dict[str, Any]] = []
    if state:
        names = ("n", "kind", "due_on", "principal", "interest", "insurance", "fees", "moratory", "unpaid")
        lines = [{name: getattr(line, name) for name in (*names, "outstanding", "settled_on")} for line in state.lines]
    elif agreed:
        lines = [{**line._asdict(), "unpaid": line.total, "settled_on": None} for line in agreed.rows]
    zero = "0.00"
    return shapes.LoanState(
        {
            **row,
            "product_name": loan.product.name,
            "on": state.on if state else page.on,
            "due": state.due if state else zero,
            "days_late": state.days_late if state else 0,
            "advance": state.advance if state else zero,
            "payoff": state.payoff.total if state else zero,
            "contract_sha256": loan.contract.document_sha256 if loan.contract else "",
            "schedule": lines,
            "disbursements": page.disbursements,
            "repayments": page.payments,
            "prepayment": open_request(loan.pk) if loan.status == Loan.Status.ACTIVE else None,
        }
    ).data
