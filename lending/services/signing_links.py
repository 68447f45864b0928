"""Links by which who answers for a loan reads its contract and signs it on their own phone, without an account."""

import secrets
from datetime import date, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import NotFound
from accounts.formats import format_moment
from accounts.models import Institution
from lending.models import Contract, SigningCode, SigningLink
from lending.selectors.contracts import is_open_link, signing_link, token_hash
from lending.services.contracts import require_open
from lending.services.signing import (
    masked,
    named_to_sign,
    own_address,
    refuse_hurry,
    require_open_link,
    require_unsigned,
    send_message,
)
from lending.services.store import open_sealed

LINK_LASTS: Final = timedelta(days=2)


@transaction.atomic
def send_guarantor_link(*, guarantor_id: UUID, actor: Actor, on: date | None = None) -> SigningLink:
    """Send who is named as answering for the loan a link to read its contract and sign it; it ends any earlier one.

    To an address of their own, never the borrower's. Raises NotFound, NotAllowed, InvalidState (signed, expired, sent
    too often, no way to reach the person), NotDelivered.
    """
    one, contract, _link = named_to_sign(guarantor_id, actor)
    require_unsigned(one, contract, on or today())
    to = own_address(one, contract)
    sent = SigningLink.objects.filter(guarantor_id=one.pk)
    refuse_hurry(sent)
    now, token = timezone.now(), secrets.token_urlsafe(24)
    sent.filter(expires_at__gt=now).update(expires_at=now)
    link = SigningLink.objects.create(
        guarantor=one, token_hash=token_hash(token), channel=to[0], address=masked(to),
        requested_by_id=actor.person, expires_at=now + LINK_LASTS,
    )  # fmt: skip
    audit.record(
        actor, "lending.contract.link_sent", contract, guarantor=one.guarantor_id, number=contract.number,
        channel=str(to[0]),
    )  # fmt: skip
    with override((one.guarantor.user.language if one.guarantor.user else "") or settings.LANGUAGE_CODE):
        _deliver(contract, link, token, to)
    return link


@transaction.atomic
def open_link(*, token: str, actor: Actor) -> SigningLink:
    """The link of a token, opened: evidence, however often. Raises NotFound for one that was never sent here."""
    link = signing_link(token=token)
    if link is None:
        raise NotFound
    contract = link.guarantor.contract
    audit.record(
        actor, "lending.contract.link_opened", contract, guarantor=link.guarantor.guarantor_id,
        number=contract.number, open=is_open_link(link),
    )  # fmt: skip
    return link


@transaction.atomic
def open_linked_contract(*, link_id: int, actor: Actor) -> tuple[bytes, Contract]:
    """The contract's PDF for whoever holds the link while it serves; every opening is evidence.

    Raises NotFound, InvalidState once the link is over, Unavailable when the store lost the file.
    """
    link = signing_link(pk=link_id)
    if link is None:
        raise NotFound
    contract = link.guarantor.contract
    require_open_link(link)
    require_open(contract)
    content = open_sealed(contract.stored_name)
    audit.record(
        actor, "lending.contract.opened", contract, application=contract.application_id,
        guarantor=link.guarantor.guarantor_id,
    )  # fmt: skip
    return content, contract


def _deliver(contract: Contract, link: SigningLink, token: str, to: tuple[SigningCode.Channel, str]) -> None:
    institution = Institution.objects.get(pk=contract.institution_id)
    about = {
        "institution": institution.name,
        "name": contract.applicant.full_name,
        "number": contract.summary["code"],
        "link": f"{settings.SITE_URL}/i/{institution.slug}/sign/{token}/",
        "until": format_moment(link.expires_at),
    }
    subject = _("Lee y firma el contrato %(number)s") % about
    text = _(
        "%(institution)s: %(name)s te nombra como quien responde por su préstamo. Lee el contrato %(number)s y, si"
        " estás de acuerdo, fírmalo aquí hasta el %(until)s: %(link)s Es solo para ti: no lo reenvíes."
    )
    send_message(to, subject, text % about, about=f"signing-link-{uuid4()}")
