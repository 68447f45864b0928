"""The address opens the institution's scope, for everyone; rights are a separate question."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accounts import step_up
from accounts.actors import Actor
from accounts.addresses import institutions_named, on_the_way_to, own_domain_of
from accounts.http import Request
from accounts.models import Institution, Membership
from accounts.tenancy.scope import institution_scope, person_scope


class InstitutionMiddleware:
    """Sets request.institution, request.membership and request.actor, inside one transaction.

    The outer transaction here and ATOMIC_REQUESTS around the view are both needed: the first lets lists
    render and streams start inside the scope, the second undoes a failed view that Django turned into a
    response. Rendering errors escape the inner one, so a status of 500 or more undoes the outer one too, and
    so does a 404, however the view said it: what was not found was not changed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        institution, owner = institutions_named(request)
        with own_domain_of(owner):
            return self.within(request, institution, owner)

    def within(self, request: Request, institution: Institution | None, owner: Institution | None) -> HttpResponse:
        """Answer in the scope of `institution`; on the platform's own pages another one only lends its look."""
        request.institution = institution or owner or on_the_way_to(request)
        request.membership = None
        user = request.user if request.user.is_authenticated else None
        how: dict[str, Any] = {"channel": "web", "ip": request.META.get("REMOTE_ADDR")}
        if user:
            how["confirmed_at"] = step_up.confirmed_at(request)
        if institution is None:
            request.actor = Actor.for_user(user, **how) if user else Actor.anonymous(**how)
            with person_scope(user.pk if user else None):
                return self.get_response(request)
        institution_id = institution.pk
        with institution_scope(institution_id, user_id=user.pk if user else None), transaction.atomic():
            if user:
                request.membership = (
                    Membership.objects.filter(user_id=user.pk, is_active=True).select_related("user").first()
                )
            if request.membership:
                request.actor = Actor.for_membership(request.membership, **how)
            elif user:
                request.actor = Actor.for_user(user, institution_id=institution_id, **how)
            else:
                request.actor = Actor.anonymous(institution_id=institution_id, **how)
            response = self.get_response(request)
            if response.status_code >= 500 or response.status_code == 404:
                transaction.set_rollback(True)
            return response
