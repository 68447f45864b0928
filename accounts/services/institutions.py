"""Institutions: made by operators in the platform's chain, dressed by their managers in their own."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from stdnum.exceptions import ValidationError as BadNumber
from stdnum.pe import ruc as ruc_numbers

from accounts import audit, branding
from accounts.actors import Actor
from accounts.errors import InvalidInput, NotFound
from accounts.models import Institution
from accounts.platform import platform_scope

# What its own manager may change, and what only the platform's operator may.
LOOK = ("tagline", "brand_color", "mark", "phone", "whatsapp", "hours", "address")
IDENTITY = ("slug", "name", "legal_name", "ruc", "kind", "number_prefix", "domain", "is_active", "is_fictional")
HOST = re.compile(r"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\.)+[a-z]{2,}")
RESERVED_SLUGS = frozenset({"ayni", "admin", "accounts", "api", "oversight", "static", "demo", "i"})


@transaction.atomic
def create_institution(*, actor: Actor, **fields: Any) -> Institution:
    """A new lender, open at once; asking again for the same slug with the same names returns it.

    Raises NotAllowed, or InvalidInput with the fields to mend.
    """
    actor.require("accounts.create_institution")
    same = Institution.objects.filter(slug=fields.get("slug", ""), legal_name=fields.get("legal_name", "")).first()
    if same:
        return same
    institution = Institution(**_allowed(fields, (*IDENTITY, *LOOK)))
    check_institution(institution)
    institution.save()
    with platform_scope():
        audit.record(actor, "accounts.institution.created", institution, slug=institution.slug, kind=institution.kind)
    return institution


@transaction.atomic
def change_institution(*, institution_id: int, actor: Actor, **fields: Any) -> Institution:
    """Change what only an operator may: names, RUC, domain, whether it is open. Nothing new changes nothing.

    Raises NotAllowed, NotFound or InvalidInput.
    """
    actor.require("accounts.create_institution")
    institution = _locked(institution_id)
    changed = _apply(institution, _allowed(fields, (*IDENTITY, *LOOK)))
    if changed:
        with platform_scope():
            audit.record(actor, "accounts.institution.changed", institution, fields=changed)
    return institution


@transaction.atomic
def change_look(*, actor: Actor, **fields: Any) -> Institution:
    """Change the brand and contacts of the actor's own institution. Nothing new changes nothing.

    Raises NotAllowed, or InvalidInput: a colour that reads badly is refused with one that would do.
    """
    actor.require("accounts.manage_institution")
    institution = _locked(actor.institution_id or 0)
    changed = _apply(institution, _allowed(fields, LOOK))
    if changed:
        audit.record(actor, "accounts.institution.look_changed", institution, fields=changed)
    return institution


def _locked(institution_id: int) -> Institution:
    found = (
        Institution.objects.select_for_update()
        .exclude(kind=Institution.Kind.PLATFORM)
        .filter(pk=institution_id)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def _allowed(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    unknown = set(fields) - set(names)
    if unknown:
        raise TypeError(f"not to be set here: {', '.join(sorted(unknown))}")
    return fields


def _apply(institution: Institution, fields: dict[str, Any]) -> list[str]:
    """Set and save what differs; returns the names of what changed."""
    changed = [name for name, value in fields.items() if getattr(institution, name) != value]
    for name in changed:
        setattr(institution, name, fields[name])
    if changed:
        check_institution(institution)
        institution.save(update_fields=changed)
    return changed


def check_institution(institution: Institution) -> None:
    """Raises InvalidInput with every field to mend."""
    wrong: dict[str, list[str]] = {}
    institution.domain = institution.domain.strip().lower()
    if institution.domain and not HOST.fullmatch(institution.domain):
        wrong["domain"] = [_("Escribe solo el dominio, por ejemplo creditos.micaja.pe.")]
    try:
        institution.full_clean()
    except ValidationError as error:
        wrong.update(error.message_dict)
    if institution.slug in RESERVED_SLUGS:
        wrong.setdefault("slug", []).append(_("Esa dirección está reservada. Elige otra."))
    if institution.kind == Institution.Kind.PLATFORM:
        wrong.setdefault("kind", []).append(_("Elige un tipo de entidad."))
    if institution.ruc and "ruc" not in wrong:
        try:
            ruc_numbers.validate(institution.ruc)
        except BadNumber:
            wrong["ruc"] = [_("Ese RUC no existe: una de sus cifras está mal. Cópialo otra vez.")]
    if "brand_color" not in wrong:
        try:
            branding.derive(institution.brand_color)
        except InvalidInput as refusal:
            wrong["brand_color"] = refusal.fields["brand_color"]
    if wrong:
        raise InvalidInput(fields=wrong)
