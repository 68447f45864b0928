"""The API of an institution: the same services as the pages, another door."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import permissions, status
from rest_framework.decorators import action
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, NotFound
from lending.api import serializers as shapes
from lending.api.authentication import actor_of
from lending.api.idempotency import HEADER, once
from lending.api.throttling import Simulations, Writes
from lending.models import Application, Assessment, Product, ProductVersion
from lending.money import NotAnAmount, least_own_part, parse_amount
from lending.reasons import Reason
from lending.selectors.applications import application_for, applications_visible_to
from lending.selectors.products import (
    matching_policy,
    policy_in_force,
    product_terms,
    published_products,
    usury_cap,
)
from lending.services.applications import DeclaredApplication, start_application, submit_application
from lending.services.decisions import choose_offer, request_review
from lending.services.documents import add_document
from lending.simulation import simulate
from scoring.explanations import tell_all

KEYED = OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, required=True, description="Único por pedido.")
REFUSALS = dict.fromkeys((401, 403, 404, 409, 422, 429), shapes.Refusal)


def acting(request: Request) -> Actor:
    """The caller, with the channel that evidence will name."""
    return replace(actor_of(request), channel="api")


def given(shape: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """What was sent, in this shape. Raises what REFUSALS tells of."""
    sent = shape(data=request.data)
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


class SimulationView(APIView):
    """The simulator: anybody may ask, nothing is kept."""

    permission_classes = (permissions.AllowAny,)
    throttle_classes = (Simulations,)

    @extend_schema(request=shapes.SimulationRequest, responses={200: shapes.Simulation, **REFUSALS})
    def post(self, request: Request, **address: Any) -> Response:
        """Schedule and cost of a product for an amount and a term, at its highest rate."""
        wanted = given(shapes.SimulationRequest, request)
        version = published_products(today()).filter(product__code=wanted["product"]).first()
        if version is None:
            raise InvalidInput(fields={"product": [_("Ese producto no existe o no está publicado")]})
        try:
            amount = parse_amount(wanted["amount"])
        except NotAnAmount as error:
            raise InvalidInput(fields={"amount": [error.message]}) from error
        schedule = simulate(
            product_terms(version),
            amount=amount,
            term_months=wanted["term_months"],
            on=today(),
            policy=matching_policy(policy_in_force(), usury_cap(today())),
        )
        return Response(simulation_document(version, wanted["term_months"], schedule))


def simulation_document(version: ProductVersion, term_months: int, schedule: Any) -> dict[str, Any]:
    """A schedule in the API's shape, money and rates as text."""
    totals = schedule.totals
    return shapes.Simulation(
        {
            "product": version.product.code,
            "amount": schedule.terms.principal,
            "term_months": term_months,
            "installment": schedule.installment,
            "tea": schedule.tea,
            "tcea": schedule.tcea,
            "interest": totals.interest,
            "insurance": totals.insurance,
            "total": totals.total,
            "own_part": least_own_part(schedule.terms.principal, version.down_payment_min),
            "rows": [
                {
                    "n": row.n,
                    "due_date": row.due_on,
                    "days": row.days,
                    "principal": row.principal,
                    "interest": row.interest,
                    "insurance": row.insurance,
                    "fees": row.fees,
                    "total": row.total,
                    "outstanding": row.outstanding,
                }
                for row in schedule.rows
            ],
        }
    ).data


class ApplicationViewSet(GenericViewSet):
    """File an application and follow it: one's own, those a program filed, or all for staff."""

    serializer_class = shapes.ApplicationState
    throttle_classes = (Writes,)
    lookup_value_converter = "uuid"
    queryset = Application.unscoped.none()  # for the schema; `get_queryset` reads the institution's

    def get_queryset(self) -> Any:
        return applications_visible_to(acting(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        institution = getattr(self.request._request, "institution", None) if self.request else None
        return {**super().get_serializer_context(), "institution": institution}

    def state(self, application: Application) -> Any:
        return self.get_serializer(application).data

    @extend_schema(responses={200: shapes.ApplicationState(many=True), **REFUSALS})
    def list(self, request: Request, **address: Any) -> Response:
        """Applications the caller may see, newest first, in pages."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(responses={200: shapes.ApplicationState, **REFUSALS})
    def retrieve(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Where one application stands."""
        return Response(self.state(application_for(acting(request), pk)))

    @extend_schema(
        request=shapes.NewApplication, responses={201: shapes.ApplicationState, **REFUSALS}, parameters=[KEYED]
    )
    @once("applications.create")
    def create(self, request: Request, **address: Any) -> Response:
        """Start an application; it is a draft until it is submitted."""
        asked = given(shapes.NewApplication, request)
        product = asked.get("product")
        product_id = Product.objects.filter(code=product).values_list("pk", flat=True).first() if product else None
        if product and product_id is None:
            raise InvalidInput(fields={"product": [_("Ese producto no existe")]})
        application = start_application(actor=acting(request), segment=asked["segment"], product_id=product_id)
        return Response(self.state(application), status=status.HTTP_201_CREATED)

    @extend_schema(request=shapes.Declaration, responses={202: shapes.ApplicationState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"])
    @once("applications.submit")
    def submit(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Declare and submit; the answer arrives within moments at `score` and `offers`."""
        declared = given(shapes.Declaration, request)
        consents = declared.pop("consents")
        application = submit_application(
            application_id=pk,
            actor=acting(request),
            declared=DeclaredApplication(**declared),
            consents=consents,
            ip=request.META.get("REMOTE_ADDR"),
        )
        return Response(self.state(application), status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        methods=["post"],
        request={"multipart/form-data": shapes.NewDocument},
        responses={201: shapes.DocumentState, **REFUSALS},
    )
    @extend_schema(methods=["get"], responses={200: shapes.DocumentState(many=True), **REFUSALS})
    @action(detail=True, methods=["get", "post"], parser_classes=[MultiPartParser, JSONParser], pagination_class=None)
    def documents(self, request: Request, pk: UUID, **address: Any) -> Response:
        """The papers of an application; POST adds one (the same paper twice is kept once)."""
        application = application_for(acting(request), pk)
        if request.method == "GET":
            papers = application.documents.order_by("pk")
            return Response(shapes.DocumentState(papers, many=True).data)
        asked = given(shapes.NewDocument, request)
        document = add_document(
            application_id=pk,
            actor=acting(request),
            kind=asked["kind"],
            upload=asked["file"],
        )
        return Response(shapes.DocumentState(document).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={200: shapes.ScoreState, **REFUSALS})
    @action(detail=True)
    def score(self, request: Request, pk: UUID, **address: Any) -> Response:
        """The latest score with every reason; 404 while there is none."""
        assessment = self.latest_assessment(request, pk)
        if assessment.score is None:
            raise NotFound(_("Esta solicitud no tiene puntaje: la evalúa una persona."), code="no_score")
        score = assessment.score
        return Response(
            shapes.ScoreState(
                {
                    "score": score.score,
                    "pd": score.pd,
                    "base_points": score.base_points,
                    "reasons": tell_all(score.segment, score.reasons),
                    "model": score.model.name,
                    "model_sha256": score.model_sha256,
                    "automated": True,
                    "created_at": score.created_at,
                }
            ).data
        )

    @extend_schema(responses={200: shapes.Offers, **REFUSALS})
    @action(detail=True, pagination_class=None)
    def offers(self, request: Request, pk: UUID, **address: Any) -> Response:
        """The recommendation, the offers by rank, and why other products do not fit; 404 before the answer."""
        assessment = self.latest_assessment(request, pk)
        offers = assessment.offers.select_related("product_version__product").order_by("rank")
        names = {
            str(version.pk): version.product.name
            for version in published_products().filter(pk__in=[match["product_id"] for match in assessment.matches])
        }
        return Response(
            {
                "recommendation": assessment.recommendation,
                "reasons": [shapes.worded(Reason.from_json(data)) for data in assessment.reasons],
                "offers": shapes.OfferState(offers, many=True).data,
                "not_matching": [
                    {
                        "product_name": names.get(match["product_id"], ""),
                        "reasons": [shapes.worded(Reason.from_json(data)) for data in match["reasons"]],
                    }
                    for match in assessment.matches
                    if not match["eligible"]
                ],
            }
        )

    @extend_schema(
        request=None,
        responses={200: shapes.OfferState, **REFUSALS},
        parameters=[KEYED],
    )
    @action(detail=True, methods=["post"], url_path="offers/<uuid:offer_id>/choose")
    @once("offers.choose")
    def choose(self, request: Request, pk: UUID, offer_id: UUID, **address: Any) -> Response:
        """Choose one offer; the others are withdrawn."""
        application = application_for(acting(request), pk)
        if not application.offers.filter(pk=offer_id).exists():
            raise NotFound
        offer = choose_offer(offer_id=offer_id, actor=acting(request))
        return Response(shapes.OfferState(offer).data)

    @extend_schema(request=None, responses={202: shapes.ApplicationState, **REFUSALS}, parameters=[KEYED])
    @action(detail=True, methods=["post"])
    @once("applications.review")
    def review(self, request: Request, pk: UUID, **address: Any) -> Response:
        """Ask that a person review the answer (Ley 31814; DS 016-2024-JUS)."""
        message = str(request.data.get("message", "")) if isinstance(request.data, dict) else ""
        request_review(application_id=pk, actor=acting(request), message=message)
        return Response(self.state(application_for(acting(request), pk)), status=status.HTTP_202_ACCEPTED)

    def latest_assessment(self, request: Request, pk: UUID) -> Assessment:
        """The newest assessment of an application the caller may see. Raises NotFound."""
        application = application_for(acting(request), pk)
        latest = application.assessments.select_related("score__model").order_by("-attempt").first()
        if latest is None:
            raise NotFound(_("Todavía no hay respuesta. Vuelve a preguntar en unos segundos."), code="not_yet")
        return latest
