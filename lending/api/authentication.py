"""Programs sign in with OAuth client credentials; people with their session. Both end as `request.actor`."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.actors import Actor
from accounts.models import ApiClient


@dataclass(frozen=True, slots=True)
class Program:
    """What stands in `request.user` for a program: signed in, and no person."""

    client: ApiClient
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True
    pk: None = None

    def __str__(self) -> str:
        return self.client.name


def actor_of(request: Request) -> Actor:
    """Who answers for this call: the signed-in person, or the program once its token has been read."""
    request.user  # noqa: B018  (reading it runs the authentication)
    return request._request.actor  # type: ignore[attr-defined]


class ClientTokenScheme(OpenApiAuthenticationExtension):
    """How the API's documentation names what programs sign in with."""

    target_class = "lending.api.authentication.ClientTokenAuthentication"
    name = "client_token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        flow = {"tokenUrl": "/api/v1/token/", "scopes": {"applications": "Presentar y consultar solicitudes"}}
        return {"type": "oauth2", "flows": {"clientCredentials": flow}}


class ClientTokenAuthentication(OAuth2Authentication):
    """A bearer token, good only at the institution its client was registered with."""

    def authenticate(self, request: Request) -> tuple[Program, Any] | None:
        if not request.headers.get("Authorization", "").lower().startswith("bearer "):
            return None
        verified = super().authenticate(request)
        if verified is None:
            raise AuthenticationFailed(_("El token no es válido o ya venció. Pide uno nuevo."))
        token = verified[1]
        client = None
        if request._request.institution is not None:  # type: ignore[attr-defined]
            client = ApiClient.objects.filter(oauth_client_id=token.application.client_id, is_active=True).first()
        if client is None:
            raise AuthenticationFailed(_("Este token no sirve en esta entidad."))
        request._request.actor = Actor(  # type: ignore[attr-defined]
            kind="client",
            institution_id=client.institution_id,
            client_id=str(client.pk),
            roles=frozenset(client.roles),
            channel="api",
            ip=request.META.get("REMOTE_ADDR"),
            label=client.name,
        )
        return Program(client), token
