"""Who answers for a loan signs on their own phone: a link, the contract, a code; once."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidState, NotAllowed, NotFound
from accounts.messages import written_messages
from accounts.models import AuditEntry, User
from accounts.tenancy.scope import institution_scope
from accounts.tests.fixtures import OutsideClient
from lending.models import Contract, ContractGuarantor, SigningCode, SigningLink
from lending.services.contracts import insure_otherwise
from lending.services.groups import give_guarantee
from lending.services.restructures import approve_restructure, refinance_loan
from lending.services.signing import send_guarantor_code, sign_as_guarantor, signature_lines
from lending.services.signing_links import open_link, send_guarantor_link
from lending.tests.loans import active_loan, legal_caps, sign_refinancing, staff
from lending.tests.test_groups import document_of
from lending.tests.test_guarantors import (  # noqa: F401  (fixtures)
    ana,
    borrower_signs,
    code_sent,
    contract,
    guarantor_signs,
    luz,
    named,
)
from lending.tests.test_views_loans import at, body  # noqa: F401  (fixture)

# ruff: noqa: F811  (fixtures are imported to be named as parameters)


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.OUTBOX_ROOT = settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def one(contract, ana, officer) -> ContractGuarantor:
    return named(contract, ana, officer).guarantors.get()


@pytest.fixture
def sent(one, officer) -> SigningLink:
    return send_guarantor_link(guarantor_id=one.pk, actor=officer)


@pytest.fixture
def phone() -> Client:
    """Somebody's browser, without an account."""
    return OutsideClient()


def link_in(text: str) -> str:
    return re.search(r"http://\S+(/i/\S+/sign/\S+/)", text)[1]


def newest_link() -> str:
    return next(link_in(message.text) for message in written_messages() if "/sign/" in message.text)


def someone(institution) -> Actor:
    return Actor.anonymous(institution_id=institution.pk, ip="203.0.113.9")


def test_a_guarantor_reads_and_signs_on_their_own_phone(institution, one, officer, borrower, client_as, at, phone):
    desk = client_as(officer)
    page = body(desk.post(at("desk_guarantor_link", one.pk), follow=True))
    assert "Enviamos un enlace a ••• ••• 111" in page
    assert "Tiene un enlace en ••• ••• 111" in page
    message = written_messages()[0]
    assert (message.to, message.channel) == ("+51911111111", "sms")
    assert one.contract.applicant.full_name in message.text
    address = newest_link()
    opened = phone.get(address)
    assert (opened.status_code, opened["Location"]) == (302, at("guarantor_contract"))
    shown = phone.get(at("guarantor_contract"))
    assert "no-store" in shown["Cache-Control"]
    text = body(shown)
    assert "Hoja Resumen" in text
    assert "tú respondes por todo el préstamo" in text
    assert one.contract.document_sha256 in text
    assert address.split("/")[-2] not in shown.content.decode()
    pdf = phone.get(at("guarantor_pdf"))
    assert pdf.content.startswith(b"%PDF")
    asked = body(phone.post(at("guarantor_code"), follow=True))
    assert "Enviamos un código a ••• ••• 111" in asked
    form = {"sha256": one.contract.document_sha256, "read": "on", "code": "nope"}
    refused = phone.post(at("guarantor_contract"), form)
    assert (refused.status_code, "Ese código no es" in body(refused)) == (422, True)
    assert phone.post(at("guarantor_contract"), {**form, "read": ""}).status_code == 422
    done = body(phone.post(at("guarantor_contract"), {**form, "code": code_sent()}, follow=True))
    assert "Tu firma quedó registrada" in done
    assert "Hoja Resumen" not in done
    one.refresh_from_db()
    assert one.signature["witness"] is None
    assert (one.signature["channel"], one.signature["address"]) == ("sms", "••• ••• 111")
    assert SigningLink.objects.get().used_at == one.signed_at
    for event, count in (("link_sent", 1), ("link_opened", 1), ("guarantor_signed", 1), ("opened", 1)):
        assert AuditEntry.objects.filter(event=f"lending.contract.{event}").count() == count
    assert '"user":null' in AuditEntry.objects.get(event="lending.contract.guarantor_signed").body.replace(" ", "")
    used = phone.get(address, follow=True)
    assert "Este enlace ya se usó" in body(used)
    signed = borrower_signs(Contract.objects.get(pk=one.contract_id), borrower)
    assert "por internet, con un enlace de un solo uso" in dict(signature_lines(signed))["Firmado por fiador solidario"]


def test_the_link_is_kept_as_a_hash_and_ends_the_one_before(one, officer, sent, institution, time_machine):
    first = newest_link().split("/")[-2]
    assert first not in str(SigningLink.objects.values())
    with pytest.raises(InvalidState) as refusal:
        send_guarantor_link(guarantor_id=one.pk, actor=officer)
    assert refusal.value.code == "code_too_soon"
    for _more in range(4):
        SigningLink.objects.update(created_at=timezone.now() - timedelta(minutes=1))
        newer = send_guarantor_link(guarantor_id=one.pk, actor=officer)
    SigningLink.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    with pytest.raises(InvalidState) as refusal:
        send_guarantor_link(guarantor_id=one.pk, actor=officer)
    assert refusal.value.code == "code_too_many"
    for link, fits in ((sent, False), (newer, True)):
        if fits:
            assert send_guarantor_code(guarantor_id=one.pk, actor=someone(institution), link_id=link.pk)
        else:
            with pytest.raises(InvalidState) as refusal:
                send_guarantor_code(guarantor_id=one.pk, actor=someone(institution), link_id=link.pk)
            assert refusal.value.code == "link_over"


def test_it_ends_in_two_days(one, sent, institution, phone, at):
    address = newest_link()
    phone.get(address)
    send_guarantor_code(guarantor_id=one.pk, actor=someone(institution), link_id=sent.pk)
    SigningLink.objects.update(expires_at=timezone.now())
    with pytest.raises(InvalidState) as refusal:
        sign_as_guarantor(
            guarantor_id=one.pk, actor=someone(institution), link_id=sent.pk, code=code_sent(),
            sha256=one.contract.document_sha256,
        )  # fmt: skip
    assert refusal.value.code == "link_over"
    for over in (phone.get(at("guarantor_contract")), phone.get(at("guarantor_pdf")), phone.post(at("guarantor_code"))):
        assert over.status_code == 410
        assert "Este enlace ya no sirve" in body(over)
        assert "Hoja Resumen" not in body(over)
    assert ContractGuarantor.objects.get().signed_at is None


def test_prepared_anew_the_contract_asks_for_a_new_link(one, sent, borrower, phone, at):
    phone.get(newest_link())
    insure_otherwise(contract_id=one.contract_id, actor=borrower, insurer="Vida Sur", policy="P-9")
    assert phone.get(at("guarantor_contract")).status_code == 410


def test_a_link_is_one_persons_and_one_contracts(institution, contract, ana, luz, officer):
    made = named(named(contract, ana, officer), luz, officer)
    ours, theirs = made.guarantors.get(guarantor=ana), made.guarantors.get(guarantor=luz)
    link = send_guarantor_link(guarantor_id=ours.pk, actor=officer)
    with pytest.raises(NotFound):
        send_guarantor_code(guarantor_id=theirs.pk, actor=someone(institution), link_id=link.pk)
    with pytest.raises(NotFound):
        sign_as_guarantor(
            guarantor_id=theirs.pk, actor=someone(institution), link_id=link.pk, code="1", sha256=made.document_sha256
        )
    assert not SigningCode.objects.exists()


def test_at_another_institution_it_is_unknown(one, sent, other_institution, phone):
    token = newest_link().split("/")[-2]
    with institution_scope(other_institution.pk):
        for act in (
            lambda: open_link(token=token, actor=someone(other_institution)),
            lambda: send_guarantor_code(guarantor_id=one.pk, actor=someone(other_institution), link_id=sent.pk),
        ):
            with pytest.raises(NotFound):
                act()
    elsewhere = reverse("lending:guarantor_link", args=[other_institution.slug, token])
    assert phone.get(elsewhere).status_code == 404
    phone.get(newest_link())  # here it opens, and stays here
    assert phone.get(reverse("lending:guarantor_contract", args=[other_institution.slug])).status_code == 410


def test_without_a_link_nobody_signs_for_them_and_no_witness_comes_by_one(institution, one, sent, officer, cashier):
    for actor, link in ((someone(institution), None), (cashier, None), (officer, sent.pk)):
        with pytest.raises(NotAllowed):
            send_guarantor_code(guarantor_id=one.pk, actor=actor, link_id=link)
        with pytest.raises(NotAllowed):
            sign_as_guarantor(
                guarantor_id=one.pk, actor=actor, link_id=link, code="1", sha256=one.contract.document_sha256
            )
    with pytest.raises(NotAllowed):
        send_guarantor_link(guarantor_id=one.pk, actor=cashier)


def test_it_goes_to_an_address_of_their_own(one, officer, borrower, ana):
    User.objects.filter(pk=ana.user_id).update(phone_verified=False, email="")
    with pytest.raises(InvalidState) as refusal:
        send_guarantor_link(guarantor_id=one.pk, actor=officer)
    assert refusal.value.code == "no_address"
    User.objects.filter(pk=borrower.user_id).update(email="familia@ejemplo.pe")
    User.objects.filter(pk=ana.user_id).update(email="Familia@ejemplo.pe")
    with pytest.raises(InvalidState) as refusal:
        send_guarantor_link(guarantor_id=one.pk, actor=officer)
    assert refusal.value.code == "same_address"
    User.objects.filter(pk=ana.user_id).update(email="ana@ejemplo.pe")
    assert send_guarantor_link(guarantor_id=one.pk, actor=officer).address == "an•••@ejemplo.pe"
    assert written_messages()[0].subject.startswith("Lee y firma el contrato")


def test_signed_at_the_counter_the_link_has_nothing_left_to_do(one, sent, officer, institution, phone, at):
    guarantor_signs(one.contract, officer)
    with pytest.raises(InvalidState):
        send_guarantor_link(guarantor_id=one.pk, actor=officer)
    phone.get(newest_link())
    assert "Tu firma quedó registrada" in body(phone.get(at("guarantor_contract")))
    again = sign_as_guarantor(guarantor_id=one.pk, actor=someone(institution), link_id=sent.pk, code="0", sha256="x")
    assert again.signature["witness"] == officer.user_id


def test_the_token_is_not_in_the_log(sent, phone, caplog):
    with caplog.at_level("INFO"):
        phone.get(newest_link(), follow=True)
    assert "/sign/***/" in caplog.text
    assert newest_link().split("/")[-2] not in caplog.text


def test_guessing_is_slow_and_leaves_nothing(institution, one, sent, phone, at):
    wrong = reverse("lending:guarantor_link", args=[institution.slug, "x" * 32])
    assert {phone.get(wrong).status_code for _try in range(30)} == {404}
    assert phone.get(wrong).status_code == 429
    assert not AuditEntry.objects.filter(event="lending.contract.link_opened").exists()


def test_an_outsider_who_works_elsewhere_signs_like_anybody(one, sent, other_institution, institution):
    stranger = staff(other_institution, "officer")
    visiting = Actor.for_user(User.objects.get(pk=stranger.user_id), institution_id=institution.pk)
    assert send_guarantor_code(guarantor_id=one.pk, actor=visiting, link_id=sent.pk).requested_by_id == visiting.user_id


def test_they_sign_for_a_refinancing_too(institution, officer, ana, phone, at):
    start = today() - timedelta(days=40)
    legal_caps(start)
    legal_caps(today())
    old = active_loan(institution, disbursed_on=start, on=start)
    give_guarantee(loan_id=old.pk, actor=officer, kind="surety", limit=Decimal(900), **document_of(ana))
    row = refinance_loan(
        loan_id=old.pk, actor=staff(institution, "officer"), installments=10, tea=Decimal("0.30"),
        reason="perdió la cosecha por la helada",
    )  # fmt: skip
    approve_restructure(restructure_id=row.pk, actor=staff(institution, "approver"))
    one = row.contracts.get().guarantors.get()
    send_guarantor_link(guarantor_id=one.pk, actor=officer)
    shown = phone.get(newest_link(), follow=True)
    assert "tú respondes hasta por S/ 900.00" in body(shown)
    assert "S/\u00a0900.00" in shown.content.decode()
    phone.post(at("guarantor_code"))
    form = {"sha256": one.contract.document_sha256, "read": "on", "code": code_sent()}
    assert "Tu firma quedó registrada" in body(phone.post(at("guarantor_contract"), form, follow=True))
    assert sign_refinancing(row, on=today()).guarantees.get().guarantor_id == ana.pk
