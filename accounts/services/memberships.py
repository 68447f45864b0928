"""Who belongs to an institution, and with which roles. All in the institution's scope and chain."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, messages
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import Membership, User
from accounts.models.people import Role
from accounts.permissions import STAFF
from accounts.phones import NOT_A_MOBILE, normalise_mobile
from accounts.selectors import memberships_of
from accounts.sessions import second_step_was_reset

APPLICANT = frozenset({"applicant"})


@transaction.atomic
def join_as_applicant(user: User, *, recorded_by: Actor | None = None) -> Membership:
    """The person's membership in the institution in scope, with the right to apply; made when there is none.

    `recorded_by` is the officer when a person beside them joins. Raises NotAllowed when access was closed.
    """
    membership, created = Membership.objects.select_for_update().get_or_create(
        user=user, defaults={"roles": ["applicant"]}
    )
    if not membership.is_active:
        raise NotAllowed(_("Tu acceso a esta entidad está cerrado. Llámanos si crees que es un error."))
    if not created and "applicant" in membership.roles:
        return membership
    if not created:
        membership.roles = [*membership.roles, "applicant"]
        membership.save(update_fields=["roles"])
    audit.record(recorded_by or Actor.for_membership(membership), "accounts.applicant.joined", membership)
    return membership


@transaction.atomic
def add_staff(
    *,
    actor: Actor,
    contact: str,
    full_name: str,
    roles: Iterable[str],
    job_title: str = "",
    branch: str = "",
    site: str = "",
) -> Membership:
    """Give a person staff roles here and tell them how to enter; adding them again changes nothing.

    `contact` is an e-mail or a mobile; a person unknown to the platform gets an account, which is theirs once
    they enter with the code sent there. Raises NotAllowed, or InvalidInput with the fields to mend.
    """
    actor.require("accounts.manage_staff")
    return _add_staff(
        actor, contact=contact, full_name=full_name, roles=roles, job_title=job_title, branch=branch, site=site
    )


@transaction.atomic
def appoint_first_manager(*, actor: Actor, contact: str, full_name: str, site: str = "") -> Membership:
    """Give an institution that has no manager its first one. Raises NotAllowed, InvalidInput or InvalidState."""
    actor.require("accounts.create_institution")
    if _managers():
        raise InvalidState(_("Esta entidad ya tiene gerente; es quien da los demás permisos."))
    return _add_staff(actor, contact=contact, full_name=full_name, roles=["manager"], site=site)


@transaction.atomic
def change_staff(
    *, membership_id: int, actor: Actor, roles: Iterable[str], job_title: str = "", branch: str = ""
) -> Membership:
    """Change a staff member's roles, title and branch; the same again changes nothing.

    Raises NotAllowed, NotFound, InvalidInput, or InvalidState when nobody would be left as manager.
    """
    actor.require("accounts.manage_staff")
    managers = _managers(lock=True)
    membership = _locked(membership_id)
    before = list(membership.roles)
    after = [*_checked_roles(roles), *(["applicant"] if "applicant" in before else [])]
    if (before, membership.job_title, membership.branch) == (after, job_title, branch):
        return membership
    if "manager" not in after and membership.is_active:
        _refuse_last_manager(membership, managers)
    membership.roles, membership.job_title, membership.branch = after, job_title, branch
    membership.save(update_fields=["roles", "job_title", "branch"])
    audit.record(actor, "accounts.staff.changed", membership, user=membership.user_id, before=before, after=after)
    return membership


@transaction.atomic
def deactivate_staff(*, membership_id: int, actor: Actor) -> Membership:
    """Close a staff member's access at once; a repeated call returns it unchanged.

    Raises NotAllowed, NotFound, or InvalidState for the last manager.
    """
    actor.require("accounts.manage_staff")
    managers = _managers(lock=True)
    membership = _locked(membership_id)
    if not membership.is_active:
        return membership
    _refuse_last_manager(membership, managers)
    return _set_active(membership, actor, False, "accounts.staff.deactivated")


@transaction.atomic
def reactivate_staff(*, membership_id: int, actor: Actor) -> Membership:
    """Open a closed access again, with the roles it had. Raises NotAllowed or NotFound."""
    actor.require("accounts.manage_staff")
    membership = _locked(membership_id)
    if membership.is_active:
        return membership
    return _set_active(membership, actor, True, "accounts.staff.reactivated")


@transaction.atomic
def reset_second_step(*, membership_id: int, actor: Actor) -> int:
    """Forget a staff member's authenticator, for a lost phone; they set up another on their next entry.

    Returns how many were removed. Raises NotAllowed, NotFound, InvalidState for oneself, or when the person
    has rights elsewhere: then the platform's operator decides.
    """
    actor.require("accounts.manage_staff")
    membership = _locked(membership_id)
    if membership.user_id == actor.user_id:
        raise InvalidState(_("Pide a otro gerente que reinicie tu segundo paso."))
    elsewhere = [one for one in memberships_of(membership.user_id) if one.institution_id != actor.institution_id]
    if membership.user.platform_roles or any(set(one.roles) - APPLICANT for one in elsewhere):
        raise InvalidState(_("Esta persona también trabaja en otra entidad: lo reinicia el operador de Ayni."))
    removed, _rows = Authenticator.objects.filter(user_id=membership.user_id).delete()
    if removed:
        second_step_was_reset(membership.user)
        audit.record(actor, "accounts.second_step.reset", membership, user=membership.user_id)
    return removed


def person_by_contact(contact: str, full_name: str) -> tuple[User, bool]:
    """(the person reached by this e-mail or mobile, whether they are new). Raises InvalidInput.

    A new person's e-mail or mobile counts as theirs only once they have entered with a code sent there.
    """
    phone, email = read_contact(contact)
    found = User.objects.filter(phone=phone).first() if phone else _by_email(email)
    if found:
        return found, False
    if not full_name.strip():
        raise InvalidInput(fields={"full_name": [_("Escribe el nombre y los apellidos.")]})
    user = User.objects.create_user(email=None if phone else email, phone=phone, full_name=" ".join(full_name.split()))
    if user.email:
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    return user, True


def read_contact(contact: str) -> tuple[str | None, str | None]:
    """(mobile, None) or (None, e-mail), normalised. Raises InvalidInput."""
    phone, email = normalise_mobile(contact), contact.strip().lower()
    if phone:
        return phone, None
    try:
        validate_email(email)
    except ValidationError as error:
        words = _("Escribe un correo completo.") if "@" in contact else str(NOT_A_MOBILE)
        raise InvalidInput(fields={"contact": [words]}) from error
    return None, email


def _by_email(email: str | None) -> User | None:
    address = EmailAddress.objects.filter(email=email).order_by("-verified").select_related("user").first()
    return address.user if address else User.objects.filter(email=email).first()


def _add_staff(
    actor: Actor,
    *,
    contact: str,
    full_name: str,
    roles: Iterable[str],
    job_title: str = "",
    branch: str = "",
    site: str,
) -> Membership:
    wanted = _checked_roles(roles)
    user, is_new = person_by_contact(contact, full_name)
    membership, created = Membership.objects.select_for_update().get_or_create(
        user=user, defaults={"roles": wanted, "job_title": job_title, "branch": branch}
    )
    if not created:
        if set(wanted) <= set(membership.roles) and membership.is_active:
            return membership
        if set(membership.roles) - APPLICANT:
            raise InvalidState(_("Esta persona ya trabaja aquí: cambia sus permisos en la lista."))
        membership.roles = [*wanted, *membership.roles]
        membership.job_title, membership.branch, membership.is_active = job_title, branch, True
        membership.save()
    audit.record(actor, "accounts.staff.added", membership, user=user.pk, roles=wanted, new_person=is_new)
    transaction.on_commit(partial(_tell, user, membership, site), robust=True)
    return membership


def _tell(user: User, membership: Membership, site: str) -> None:
    """Say to the person that they may enter, and how."""
    name = membership.institution.name
    text = _("%(institution)s te dio acceso como parte de su equipo en Ayni. Ingresa en %(site)s/accounts/login/") % {
        "institution": name,
        "site": site,
    }
    key = f"staff-added-{membership.institution_id}-{membership.pk}-{len(membership.roles)}"
    if user.email:
        messages.send_mail(user.email, _("Tu acceso a %(name)s") % {"name": name}, text, key)
    elif user.phone:
        messages.send_sms(user.phone, text, key)


def _checked_roles(roles: Iterable[str]) -> list[str]:
    """The staff roles among `roles`, each once, in the order of Role. Raises InvalidInput."""
    asked = set(roles)
    if not asked or asked - STAFF:
        raise InvalidInput(fields={"roles": [_("Elige al menos un permiso de la lista.")]})
    return [role.value for role in Role if role.value in asked]


def _locked(membership_id: int) -> Membership:
    """A staff membership of this institution, locked. Raises NotFound."""
    found = (
        Membership.objects.select_for_update(of=["self"])
        .select_related("user")
        .exclude(roles__contained_by=["applicant"])
        .filter(pk=membership_id)
        .first()
    )
    if found is None:
        raise NotFound(_("No encontramos a esa persona en tu equipo."))
    return found


def _managers(*, lock: bool = False) -> Sequence[Membership]:
    """The institution's active managers; locked in order, so that two can't remove each other."""
    found = Membership.objects.filter(roles__contains=["manager"], is_active=True).order_by("pk")
    return list(found.select_for_update() if lock else found)


def _refuse_last_manager(membership: Membership, managers: Sequence[Membership]) -> None:
    if [one.pk for one in managers] == [membership.pk]:
        raise InvalidState(_("La entidad se quedaría sin gerente. Nombra antes a otro."))


def _set_active(membership: Membership, actor: Actor, active: bool, event: str) -> Membership:
    membership.is_active = active
    membership.save(update_fields=["is_active"])
    facts: dict[str, Any] = {"user": membership.user_id, "roles": list(membership.roles)}
    audit.record(actor, event, membership, **facts)
    return membership
