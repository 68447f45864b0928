"""People as the platform knows them, whatever institution they belong to. In the platform's chain."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.utils import decrypt
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.errors import InvalidInput, NotFound
from accounts.models import User
from accounts.phones import NOT_A_MOBILE, normalise_mobile
from accounts.platform import platform_scope
from accounts.services.memberships import read_contact
from accounts.sessions import end_all, second_step_was_reset


@transaction.atomic
def register_person(
    *,
    actor: Actor,
    full_name: str,
    email: str | None = None,
    phone: str | None = None,
    password: str | None = None,
    is_operator: bool = False,
) -> User:
    """A person whose e-mail and mobile count as verified, as commands and the demo make them.

    Somebody already registered with either is returned unchanged. Raises NotAllowed or InvalidInput.
    """
    actor.require("accounts.register_person")
    number = normalise_mobile(phone) if phone else None
    if phone and number is None:
        raise InvalidInput(fields={"phone": [str(NOT_A_MOBILE)]})
    address = email.strip().lower() if email else None
    if not address and not number:
        raise InvalidInput(fields={"email": [_("Indica un correo o un celular.")]})
    if address:
        read_contact(address)
    found = User.objects.filter(email=address).first() if address else None
    found = found or (User.objects.filter(phone=number).first() if number else None)
    if found:
        return found
    user = User.objects.create_user(
        email=address,
        phone=number,
        password=password,
        full_name=full_name,
        phone_verified=number is not None,
        is_operator=is_operator,
    )
    if address:
        EmailAddress.objects.create(user=user, email=address, primary=True, verified=True)
    with platform_scope():
        audit.record(actor, "accounts.person.registered", user, operator=is_operator)
    return user


@transaction.atomic
def set_up_second_step(*, user: User, actor: Actor) -> str:
    """Give a person an authenticator and recovery codes; returns the secret for the app.

    One that is set up already stays, and its secret is returned. Raises NotAllowed.
    """
    actor.require("accounts.register_person")
    present = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if present:
        return decrypt(present.data["secret"])
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    with platform_scope():
        audit.record(actor, "accounts.second_step.set_up", user)
    return secret


@transaction.atomic
def forget_second_step(*, user_id: int, actor: Actor) -> int:
    """Remove a person's authenticators, for a lost phone; they set up another on their next entry.

    Returns how many were removed. Raises NotAllowed or NotFound.
    """
    actor.require("accounts.reset_second_step")
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound
    removed, _rows = Authenticator.objects.filter(user=user).delete()
    if removed:
        second_step_was_reset(user)
        with platform_scope():
            audit.record(actor, "accounts.second_step.reset", user)
    return removed


@transaction.atomic
def set_account_open(*, user_id: int, actor: Actor, is_open: bool) -> User:
    """Close or reopen an account on the whole platform. Raises NotAllowed or NotFound."""
    actor.require("accounts.close_account")
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound
    if user.is_active != is_open:
        user.is_active = is_open
        user.save(update_fields=["is_active"])
        end_all(user.pk)
        with platform_scope():
            audit.record(actor, "accounts.person.reopened" if is_open else "accounts.person.closed", user)
    return user


@transaction.atomic
def make_operator(*, user_id: int, actor: Actor) -> User:
    """Let a person operate the platform; a repeated call changes nothing. Raises NotAllowed or NotFound."""
    actor.require("accounts.make_operator")
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound
    if not user.is_operator:
        user.is_operator = True
        user.save(update_fields=["is_operator"])
        with platform_scope():
            audit.record(actor, "accounts.operator.made", user)
    return user
