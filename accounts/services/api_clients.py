"""Programs that act for an institution. Their secret is shown once and kept only as a hash."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import AccessToken, Application

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.models import ApiClient

ROLES = frozenset({"integrator"})


@transaction.atomic
def create_api_client(*, actor: Actor, name: str, roles: Iterable[str] = ("integrator",)) -> tuple[ApiClient, str]:
    """(a new program, its secret, which is not shown again). Raises NotAllowed or InvalidInput."""
    actor.require("accounts.manage_api_clients")
    name, wanted = " ".join(name.split()), sorted(set(roles))
    wrong = {}
    if not name or len(name) > 80:
        wrong["name"] = [_("Escribe un nombre de hasta 80 letras.")]
    elif ApiClient.objects.filter(name=name).exists():
        wrong["name"] = [_("Ya hay un sistema con ese nombre.")]
    if not wanted or set(wanted) - ROLES:
        wrong["roles"] = [_("Elige al menos un permiso de la lista.")]
    if wrong:
        raise InvalidInput(fields=wrong)
    secret = generate_client_secret()
    application = Application.objects.create(
        name=f"{actor.institution_id}: {name}",
        client_secret=secret,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )
    client = ApiClient.objects.create(
        name=name,
        oauth_client_id=application.client_id,
        roles=wanted,
        created_by_id=actor.person,
    )
    audit.record(actor, "accounts.api_client.created", client, roles=wanted)
    return client, secret


@transaction.atomic
def rotate_secret(*, client_id: UUID, actor: Actor) -> str:
    """A new secret; the old one and every token end at once. Raises NotAllowed, NotFound or InvalidState."""
    actor.require("accounts.manage_api_clients")
    client = _locked(client_id)
    if not client.is_active:
        raise InvalidState(_("Este sistema está desactivado. Crea otro."))
    secret = generate_client_secret()
    application = Application.objects.get(client_id=client.oauth_client_id)
    application.client_secret = secret
    application.save()
    AccessToken.objects.filter(application=application).delete()
    audit.record(actor, "accounts.api_client.secret_rotated", client)
    return secret


@transaction.atomic
def deactivate_api_client(*, client_id: UUID, actor: Actor) -> ApiClient:
    """Shut a program out for good, tokens included; a repeated call returns it unchanged.

    Raises NotAllowed or NotFound.
    """
    actor.require("accounts.manage_api_clients")
    client = _locked(client_id)
    if not client.is_active:
        return client
    client.is_active = False
    client.save(update_fields=["is_active"])
    Application.objects.filter(client_id=client.oauth_client_id).delete()
    audit.record(actor, "accounts.api_client.deactivated", client)
    return client


def _locked(client_id: UUID) -> ApiClient:
    found = ApiClient.objects.select_for_update().filter(pk=client_id).first()
    if found is None:
        raise NotFound(_("No encontramos ese sistema."))
    return found
