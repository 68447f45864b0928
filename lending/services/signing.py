"""Signing a contract: a code to the borrower's own phone or mail, typed once, on exactly what was shown.

An authenticated click with a second step (Ley 28587; Res. SBS 3274-2017). At the counter an officer sits beside
the borrower, who still signs with the code that reaches them alone.
"""

import hmac
import secrets
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, crypto, messages, outbox
from accounts.actors import Actor
from accounts.clock import LIMA, today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound, Unavailable
from accounts.formats import format_moment
from accounts.models import Institution, User
from accounts.phones import mask_mobile
from lending.models import Applicant, Contract, ContractGuarantor, SigningCode, SigningLink
from lending.papers import contract as paper
from lending.selectors.contracts import contract_for, is_as_shown, is_live, is_open_link, owner_of
from lending.services.contracts import check_cap, in_turn, own_contract, require_open, written_pdf
from lending.services.restructures import apply_refinancing
from lending.services.store import forget_sealed, keep_sealed, open_sealed

CODE_LASTS: Final = timedelta(minutes=10)
PAUSE: Final = timedelta(seconds=30)
MOST_CODES: Final = 5  # an hour
Channel = SigningCode.Channel


@transaction.atomic
def send_signing_code(*, contract_id: UUID, actor: Actor, on: date | None = None) -> SigningCode:
    """Send the borrower a code to sign this contract with; it ends any earlier one.

    Raises NotFound, NotAllowed, InvalidState (signed, expired, asked too often, no way to reach the person),
    NotDelivered.
    """
    contract = own_contract(contract_id, actor)
    _require_person(actor)
    require_signable(contract, on or today())
    _require_guarantors(contract)
    owner = contract.application.owner if contract.application else contract.applicant.user
    return _send_code(contract, actor, reached_at(contract.applicant, owner))


@transaction.atomic
def send_guarantor_code(
    *, guarantor_id: UUID, actor: Actor, link_id: int | None = None, on: date | None = None
) -> SigningCode:
    """Send who is named as answering for the loan a code to sign its contract with, beside an officer.

    It goes to an address of their own. Without an officer, `link_id` is the link that the door saw the token of.
    Raises as `send_signing_code`.
    """
    one, contract, link = named_to_sign(guarantor_id, actor, link_id)
    require_unsigned(one, contract, on or today())
    if link is not None:
        require_open_link(link)
    return _send_code(contract, actor, own_address(one, contract), one)


def require_unsigned(one: ContractGuarantor, contract: Contract, on: date) -> None:
    """Raise InvalidState unless the contract may be signed and this person has not."""
    require_signable(contract, on)
    if one.signed_at is not None:
        raise InvalidState(_("Esta persona ya firmó."), code="guarantor_signed")


def own_address(one: ContractGuarantor, contract: Contract) -> tuple[Channel, str]:
    """Where who answers for the loan is reached, and the borrower is not. Raises InvalidState."""
    to = reached_at(one.guarantor, one.guarantor.user)
    borrower, owner = contract.applicant, contract.application.owner if contract.application else None
    if to[1].casefold() in {text.casefold() for _by, text in (*_addresses(borrower, owner), *_addresses(borrower))}:
        raise InvalidState(
            _("El código debe llegar a un celular o correo propio, y ese es el del titular. Corrígelo primero."),
            code="same_address",
        )
    return to


def _send_code(
    contract: Contract, actor: Actor, to: tuple[Channel, str], guarantor: ContractGuarantor | None = None
) -> SigningCode:
    """A fresh code for the borrower or a guarantor. Raises InvalidState when asked for too often."""
    refuse_hurry(SigningCode.objects.filter(contract_id=contract.pk, guarantor=guarantor))
    now, channel = timezone.now(), to[0]
    code = f"{secrets.randbelow(10**6):06d}"
    sent = SigningCode.objects.create(
        contract=contract,
        guarantor=guarantor,
        code_hash=_hash(contract, code),
        channel=channel,
        address=masked(to),
        requested_by_id=actor.user_id,
        expires_at=now + CODE_LASTS,
    )
    audit.record(
        actor, "lending.contract.code_sent", contract, application=contract.application_id, channel=str(channel),
        **({"guarantor": guarantor.guarantor_id} if guarantor else {}),
    )  # fmt: skip
    _deliver(contract, to, code, as_guarantor=guarantor is not None)
    return sent


def refuse_hurry(sent: QuerySet[Any]) -> None:
    """Raise InvalidState where one of these was sent just now, or too many within the hour."""
    now = timezone.now()
    recent = list(sent.filter(created_at__gt=now - timedelta(hours=1)).values_list("created_at", flat=True))
    if recent and max(recent) > now - PAUSE:
        raise InvalidState(
            _("Acabamos de enviar un mensaje. Espera medio minuto antes de pedir otro."), code="code_too_soon"
        )
    if len(recent) >= MOST_CODES:
        raise InvalidState(_("Ya enviamos cinco mensajes. Espera una hora o llama a la entidad."), code="code_too_many")


def sign_contract(*, contract_id: UUID, actor: Actor, code: str, sha256: str, on: date | None = None) -> Contract:
    """The borrower's signature on what was shown (`sha256`), with the code they were sent. Signing again is no error.

    A refinancing takes effect with it. A wrong code is counted before it is refused. Raises NotFound, NotAllowed,
    InvalidState (expired, changed since it was shown, above the legal cap), InvalidInput (`code`), Unavailable when
    the stored words are not those shown.
    """
    with transaction.atomic():
        contract = own_contract(contract_id, actor)
        if contract.status == Contract.Status.SIGNED:
            return contract
        _require_person(actor)
        require_signable(contract, on or today())
        _require_guarantors(contract)
        _require_shown(contract, sha256)
        live = _newest(contract, None)
        refusal = _refusal(contract, live, code, actor)
        if refusal is None and live is not None:
            _sign(contract, live, actor, on or today())
            return contract
    raise InvalidInput(fields={"code": [refusal]})


def sign_as_guarantor(
    *, guarantor_id: UUID, actor: Actor, code: str, sha256: str, link_id: int | None = None, on: date | None = None
) -> ContractGuarantor:
    """The signature of somebody the contract names as answering for it, before the borrower's. Raises as above.

    At the counter an officer is the witness; elsewhere `link_id` is the link that the door saw the token of, and the
    signature uses it up. Signing again is no error.
    """
    with transaction.atomic():
        one, contract, link = named_to_sign(guarantor_id, actor, link_id)
        if one.signed_at is not None:
            return one
        require_signable(contract, on or today())
        if link is not None:
            require_open_link(link)
        _require_shown(contract, sha256)
        live = _newest(contract, one)
        refusal = _refusal(contract, live, code, actor)
        if refusal is None and live is not None:
            one.signed_at = live.used_at = timezone.now()
            live.save(update_fields=["used_at"])
            one.signature = {
                "method": "code", "channel": live.channel, "address": live.address, "sha256": sha256, "ip": actor.ip,
                "witness": None if link else actor.user_id,
            }  # fmt: skip
            if link is not None:
                link.used_at = one.signed_at
                link.save(update_fields=["used_at"])
            one.save(update_fields=["signed_at", "signature"])
            audit.record(
                actor, "lending.contract.guarantor_signed", contract, guarantor=one.guarantor_id,
                number=contract.number, sha256=sha256, method="code", channel=live.channel, at_counter=link is None,
            )  # fmt: skip
            return one
    raise InvalidInput(fields={"code": [refusal]})


@transaction.atomic
def open_contract(*, contract_id: UUID, actor: Actor) -> bytes:
    """The contract's PDF, for the borrower and for staff who may; every opening is evidence.

    Raises NotFound, Unavailable when the store lost it.
    """
    contract = contract_for(actor, contract_id)
    content = open_sealed(contract.stored_name)
    audit.record(actor, "lending.contract.opened", contract, application=contract.application_id)
    return content


def require_signable(contract: Contract, on: date) -> None:
    """Raise InvalidState unless the contract is open, in time, and its dates and rate still hold."""
    require_open(contract)
    passed = date.fromisoformat(contract.summary["disbursement_on"]) < on
    if contract.valid_until < on or passed:
        raise InvalidState(
            _("Las fechas de este contrato ya pasaron. Pide que lo preparen otra vez."), code="contract_expired"
        )
    check_cap(contract.tea, on)


def named_to_sign(
    guarantor_id: UUID, actor: Actor, link_id: int | None = None
) -> tuple[ContractGuarantor, Contract, SigningLink | None]:
    """Somebody a contract names, the contract and the link, all locked: for an officer, or by the person's link.

    Nobody who could be the witness comes by a link. Raises NotFound, NotAllowed.
    """
    _require_person(actor)
    if link_id is None:
        actor.require("lending.make_contract")
    elif actor.can("lending.make_contract"):
        raise NotAllowed(_("Este enlace es de quien responde por el crédito. En la agencia, firma contigo."))
    named = ContractGuarantor.objects.select_related("contract").filter(pk=guarantor_id).first()
    if named is None:
        raise NotFound
    contract = own_contract(named.contract_id, actor) if link_id is None else in_turn(named.contract)
    found = ContractGuarantor.objects.select_for_update(of=("self",)).select_related("guarantor__user")
    one = found.get(pk=guarantor_id)
    if link_id is None:
        return one, contract, None
    link = SigningLink.objects.select_for_update().filter(pk=link_id, guarantor_id=one.pk).first()
    if link is None:
        raise NotFound
    return one, contract, link


def require_open_link(link: SigningLink) -> None:
    """Raise InvalidState once a link was used, replaced or has expired."""
    if not is_open_link(link):
        raise InvalidState(_("Este enlace ya no sirve. Pide que te envíen otro."), code="link_over")


def _require_guarantors(contract: Contract) -> None:
    """Raise InvalidState until everybody the contract names has signed: the borrower signs last."""
    waiting = ContractGuarantor.objects.filter(contract_id=contract.pk, signed_at=None)
    names = ", ".join(waiting.values_list("guarantor__full_name", flat=True))
    if names:
        raise InvalidState(
            _("Primero firma quien responde por este crédito: falta %(names)s.") % {"names": names},
            code="guarantor_unsigned",
        )


def _require_shown(contract: Contract, sha256: str) -> None:
    """Raise InvalidState or Unavailable unless what is stored is what was shown."""
    if sha256 != contract.document_sha256:
        raise InvalidState(
            _("El contrato cambió desde que abriste la página. Léelo otra vez y firma."), code="contract_changed"
        )
    if not is_as_shown(contract):
        raise Unavailable(_("El contrato guardado no coincide con su sello."), code="contract_altered")


def _newest(contract: Contract, guarantor: ContractGuarantor | None) -> SigningCode | None:
    """The newest code of the borrower, or of a guarantor, locked."""
    codes = SigningCode.objects.select_for_update().filter(contract_id=contract.pk, guarantor=guarantor)
    return codes.order_by("-created_at", "-pk").first()


def _require_person(actor: Actor) -> None:
    """A program may file and choose; the signature is a person's."""
    if actor.kind != "user":
        raise NotAllowed


def _refusal(contract: Contract, live: SigningCode | None, code: str, actor: Actor) -> str | None:
    """Why this code does not sign, in words, counted; None when it does."""
    if live is None or live.used_at is not None:
        return _("Primero pide un código")
    if not is_live(live):
        return _("Ese código ya no vale. Pide uno nuevo")
    typed = "".join(char for char in code if char.isdigit())
    if hmac.compare_digest(_hash(contract, typed), live.code_hash):
        return None
    live.attempts += 1
    live.save(update_fields=["attempts"])
    audit.record(actor, "lending.contract.code_failed", contract, application=contract.application_id)
    return _("Ese código no es. Revisa el último mensaje que te llegó y escríbelo otra vez")


def _sign(contract: Contract, live: SigningCode, actor: Actor, on: date) -> None:
    owner_id = owner_of(contract)
    at_counter = actor.user_id != owner_id
    now = timezone.now()
    live.used_at = now
    live.save(update_fields=["used_at"])
    contract.status, contract.signed_at, contract.signed_by_id = Contract.Status.SIGNED, now, owner_id
    if on != today():  # a business date of its own: noon in Lima; the evidence keeps the instant it was written
        contract.signed_at = datetime.combine(on, time(12), LIMA)
    contract.signature = {
        "method": "code",
        "channel": live.channel,
        "address": live.address,
        "sha256": contract.document_sha256,
        "ip": actor.ip,
        "witness": actor.user_id if at_counter else None,
    }
    before = contract.stored_name
    contract.stored_name = keep_sealed(written_pdf(contract, signature_lines(contract)))
    contract.save(update_fields=["status", "signed_at", "signed_by", "signature", "stored_name"])
    forget_sealed(before)
    audit.record(
        actor,
        "lending.contract.signed",
        contract,
        application=contract.application_id,
        number=contract.number,
        sha256=contract.document_sha256,
        method="code",
        channel=live.channel,
        at_counter=at_counter,
    )
    outbox.publish("lending.contract.signed", contract)
    if contract.restructure_id is not None:
        apply_refinancing(contract=contract, actor=actor, on=on)


def signature_lines(contract: Contract) -> list[tuple[str, str]]:
    """How it was signed, for the paper and the page; in Spanish, like the contract."""
    assert contract.signed_at is not None
    reached = "un mensaje de texto" if contract.signature["channel"] == Channel.SMS else "un correo"
    guarantors = ContractGuarantor.objects.filter(contract_id=contract.pk, signed_at__isnull=False)
    return [
        *(
            (
                f"Firmado por {paper.ROLES[one.kind].lower()}",
                f"{one.guarantor.full_name}, el {format_moment(one.signed_at)},"
                f" {'en agencia' if one.signature['witness'] else 'por internet, con un enlace de un solo uso'}, con un"
                f" código enviado a {one.signature['address']}",
            )
            for one in guarantors.select_related("guarantor").order_by("signed_at")
            if one.signed_at
        ),
        ("Firmado por", contract.summary["borrower"]["name"]),
        ("Fecha y hora (Lima)", format_moment(contract.signed_at)),
        ("Cómo", f"Con un código de un solo uso enviado por {reached} a {contract.signature['address']}"),
        ("Dónde", "En agencia, con un asesor" if contract.signature["witness"] else "Por internet, en su cuenta"),
        ("Huella de lo firmado (SHA-256)", contract.signature["sha256"]),
    ]


def _addresses(applicant: Applicant, owner: User | None = None) -> list[tuple[Channel, str]]:
    """Addresses that are surely the person's, the phone first."""
    phone = (owner.phone if owner.phone_verified else "") if owner else applicant.phone
    email = owner.email if owner else applicant.email
    return [(channel, text) for channel, text in ((Channel.SMS, phone), (Channel.EMAIL, email)) if text]


def reached_at(applicant: Applicant, owner: User | None) -> tuple[Channel, str]:
    """Where the code goes. Raises InvalidState."""
    for found in _addresses(applicant, owner):
        return found
    raise InvalidState(
        _("No hay un celular ni un correo confirmado a donde enviar el código. Agrégalo primero en la cuenta."),
        code="no_address",
    )


def send_message(to: tuple[Channel, str], subject: str, text: str, *, about: str) -> None:
    """One message on the person's channel, once per `about`. Raises NotDelivered."""
    channel, address = to
    if channel == Channel.SMS:
        messages.send_sms(address, text, dedupe_key=about)
    else:
        messages.send_mail(address, subject, text, dedupe_key=about)


def _deliver(contract: Contract, to: tuple[Channel, str], code: str, *, as_guarantor: bool) -> None:
    institution = Institution.objects.get(pk=contract.institution_id)
    about = {"code": code, "number": contract.summary["code"], "institution": institution.name}
    text = _(
        "%(institution)s: %(code)s es tu código para firmar el contrato %(number)s. Vale 10 minutos. No se lo des a"
        " nadie: firmar es tuyo."
    )
    if as_guarantor:
        about["name"] = contract.applicant.full_name
        text = _(
            "%(institution)s: %(code)s es tu código para firmar el contrato %(number)s de %(name)s. Si firmas,"
            " respondes por ese préstamo. Vale 10 minutos. No se lo des a nadie."
        )
    subject = _("Código para firmar el contrato %(number)s") % about
    send_message(to, subject, text % about, about=f"signature-{uuid4()}")


def _hash(contract: Contract, code: str) -> str:
    return hmac.digest(crypto.purpose_key("signing code"), f"{contract.pk}:{code}".encode(), "sha256").hex()


def masked(to: tuple[Channel, str]) -> str:
    """An address that only its owner knows again."""
    channel, address = to
    if channel == Channel.SMS:
        return mask_mobile(address)
    name, _at, domain = address.partition("@")
    return f"{name[:2]}•••@{domain}"[:80]
