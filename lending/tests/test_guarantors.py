"""Who answers for a loan: named in the contract, signing it before the borrower, and following a refinancing."""

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.messages import written_messages
from accounts.models import AuditEntry, User
from accounts.tenancy.scope import institution_scope
from lending.models import Applicant, Contract, ContractGuarantor, Guarantee, Loan, SigningCode
from lending.papers.contract import document_sha256
from lending.services import groups
from lending.services.contracts import cancel_contract, insure_otherwise, make_contract
from lending.services.guarantors import drop_guarantor, name_guarantor
from lending.services.loans import book_loan
from lending.services.purge import has_running_loan, kept_until
from lending.services.refinancing import prepare_contract
from lending.services.restructures import approve_restructure, refinance_loan
from lending.services.signing import (
    send_guarantor_code,
    send_signing_code,
    sign_as_guarantor,
    sign_contract,
)
from lending.tests.factories import submitted
from lending.tests.loans import active_loan, borrower_of, legal_caps, sign_refinancing, staff
from lending.tests.test_groups import document_of
from lending.tests.test_views_loans import at, body  # noqa: F401  (fixture)


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.OUTBOX_ROOT = settings.MEDIA_ROOT = str(tmp_path)


def person_of(institution, phone: str) -> Applicant:
    """Somebody the institution knows, with a mobile of their own that is confirmed."""
    person = submitted(institution).applicant
    User.objects.filter(pk=person.user_id).update(phone=phone, phone_verified=True)
    return person


@pytest.fixture
def ana(institution, ready) -> Applicant:
    return person_of(institution, "+51911111111")


@pytest.fixture
def luz(institution, ready) -> Applicant:
    return person_of(institution, "+51922222222")


@pytest.fixture
def contract(chosen, borrower) -> Contract:
    return make_contract(offer_id=chosen.pk, actor=borrower)


def named(contract, person, actor, kind="surety", limit=None) -> Contract:
    return name_guarantor(contract_id=contract.pk, actor=actor, kind=kind, limit=limit, **document_of(person))


def code_sent() -> str:
    return re.search(r"\b\d{6}\b", written_messages()[0].text)[0]


def guarantor_signs(contract, actor, person=None) -> ContractGuarantor:
    one = contract.guarantors.get(guarantor=person) if person else contract.guarantors.get()
    send_guarantor_code(guarantor_id=one.pk, actor=actor)
    return sign_as_guarantor(guarantor_id=one.pk, actor=actor, code=code_sent(), sha256=contract.document_sha256)


def borrower_signs(contract, actor) -> Contract:
    send_signing_code(contract_id=contract.pk, actor=actor)
    return sign_contract(contract_id=contract.pk, actor=actor, code=code_sent(), sha256=contract.document_sha256)


class TestNaming:
    def test_the_contract_is_prepared_again_with_their_name(self, contract, ana, officer):
        made = named(contract, ana, officer, limit=Decimal(1500))
        contract.refresh_from_db()
        assert (contract.status, made.status, made.number) == ("cancelled", "open", contract.number + 1)
        assert made.summary["figures"] == contract.summary["figures"]
        [party] = made.summary["guarantors"]
        assert party == {
            "name": ana.full_name,
            "document": f"DNI {ana.masked_document}",
            "role": "Fiador solidario",
            "answers_for": "hasta S/ 1,500.00",
        }
        assert ana.document_number not in json.dumps(made.summary)
        lines = {line["label"]: line["value"] for line in made.summary["lines"]}
        assert lines["Garantías"] == "Personales, de quienes siguen"
        assert lines["Fiador solidario"].endswith("responde hasta S/ 1,500.00")
        assert any(ana.full_name in clause["text"] for clause in made.summary["clauses"])
        assert made.document_sha256 == document_sha256(made.summary, made.schedule, made.terms)
        facts = json.loads(AuditEntry.objects.filter(event="lending.contract.made").latest("id").body)["facts"]
        assert facts["guarantors"] == [str(ana.pk)]

    def test_a_contract_of_nobody_else_says_so(self, contract):
        assert {"label": "Garantías", "value": "Ninguna"} in contract.summary["lines"]
        assert "guarantors" not in contract.summary

    def test_who_may_not_or_cannot_is_refused(self, contract, chosen, ana, officer, cashier, borrower):
        with pytest.raises(NotAllowed):
            named(contract, ana, cashier)
        with pytest.raises(NotAllowed):
            named(contract, ana, borrower)
        own = Applicant.objects.get(pk=contract.applicant_id)
        for person, more, field in (
            (own, {}, "document_number"),
            (ana, {"kind": "friend"}, "kind"),
            (ana, {"limit": Decimal(0)}, "limit"),
        ):
            with pytest.raises(InvalidInput) as refusal:
                named(contract, person, officer, **more)
            assert list(refusal.value.fields) == [field]
        made = named(contract, ana, officer)
        with pytest.raises(InvalidInput) as refusal:
            named(made, ana, officer)
        assert "document_number" in refusal.value.fields
        contract.refresh_from_db()
        with pytest.raises(InvalidState):
            named(contract, ana, officer)  # cancelled

    def test_a_new_contract_keeps_them_and_asks_their_word_again(self, contract, ana, luz, officer, borrower, chosen):
        made = named(contract, ana, officer)
        assert guarantor_signs(made, officer).signed_at
        insured = insure_otherwise(contract_id=made.pk, actor=borrower, insurer="Vida Sur", policy="P-9")
        assert [(one.guarantor_id, one.signed_at) for one in insured.guarantors.all()] == [(ana.pk, None)]
        both = named(insured, luz, officer)
        assert both.own_insurance
        assert "Vida Sur, póliza P-9" in json.dumps(both.summary, ensure_ascii=False)
        assert {one.guarantor_id for one in both.guarantors.all()} == {ana.pk, luz.pk}
        left = drop_guarantor(guarantor_id=both.guarantors.get(guarantor=ana).pk, actor=officer)
        assert [one.guarantor_id for one in left.guarantors.all()] == [luz.pk]
        cancel_contract(contract_id=left.pk, actor=borrower)
        again = make_contract(offer_id=chosen.pk, actor=borrower)
        assert [one.guarantor_id for one in again.guarantors.all()] == [luz.pk]

    def test_elsewhere_nobody_knows_them(self, contract, ana, officer, other_institution, actor_as):
        made = named(contract, ana, officer)
        stranger = staff(other_institution, "officer")
        one = made.guarantors.get()
        with institution_scope(other_institution.pk):
            assert not ContractGuarantor.objects.exists()
            for act in (drop_guarantor, send_guarantor_code):
                with pytest.raises(NotFound):
                    act(guarantor_id=one.pk, actor=stranger)


class TestSigning:
    def test_everybody_signs_and_the_borrower_last(self, contract, ana, luz, officer, borrower):
        made = named(named(contract, ana, officer), luz, officer, kind="codebtor", limit=Decimal(900))
        for early in (
            lambda: send_signing_code(contract_id=made.pk, actor=borrower),
            lambda: sign_contract(contract_id=made.pk, actor=borrower, code="1", sha256=made.document_sha256),
        ):
            with pytest.raises(InvalidState) as refusal:
                early()
            assert refusal.value.code == "guarantor_unsigned"
        first = guarantor_signs(made, officer, ana)
        assert written_messages()[0].to == "+51911111111"
        assert "respondes por ese préstamo" in written_messages()[0].text
        assert first.signature["sha256"] == made.document_sha256
        assert first.signature["witness"] == officer.user_id
        again = sign_as_guarantor(guarantor_id=first.pk, actor=officer, code="0", sha256="x")
        assert again.signed_at == first.signed_at
        assert AuditEntry.objects.filter(event="lending.contract.guarantor_signed").count() == 1
        with pytest.raises(InvalidState):
            send_signing_code(contract_id=made.pk, actor=borrower)
        guarantor_signs(made, officer, luz)
        signed = borrower_signs(made, borrower)
        assert signed.status == "signed"
        loan = book_loan(contract_id=signed.pk, actor=officer)
        book_loan(contract_id=signed.pk, actor=officer)
        given = Guarantee.objects.filter(loan=loan).order_by("kind")
        assert [(one.guarantor_id, one.kind, one.limit) for one in given] == [
            (luz.pk, "codebtor", Decimal(900)),
            (ana.pk, "surety", None),
        ]
        assert AuditEntry.objects.filter(event="lending.guarantee.given").count() == 2
        with pytest.raises(InvalidState):
            named(signed, ana, officer)

    def test_nobody_signs_with_the_code_of_another(self, contract, ana, luz, officer):
        made = named(named(contract, ana, officer), luz, officer)
        ours, theirs = made.guarantors.get(guarantor=ana), made.guarantors.get(guarantor=luz)
        send_guarantor_code(guarantor_id=theirs.pk, actor=officer)
        with pytest.raises(InvalidInput):
            sign_as_guarantor(guarantor_id=ours.pk, actor=officer, code=code_sent(), sha256=made.document_sha256)
        ours.refresh_from_db()
        assert ours.signed_at is None

    def test_a_wrong_code_is_counted_and_the_borrowers_does_not_serve(self, contract, ana, officer, borrower):
        send_signing_code(contract_id=contract.pk, actor=borrower)
        made = named(contract, ana, officer)
        one = made.guarantors.get()
        with pytest.raises(InvalidInput):
            sign_as_guarantor(guarantor_id=one.pk, actor=officer, code="123456", sha256=made.document_sha256)
        send_guarantor_code(guarantor_id=one.pk, actor=officer)
        code = code_sent()
        with pytest.raises(InvalidInput) as refusal:
            sign_as_guarantor(
                guarantor_id=one.pk, actor=officer, code=f"{(int(code) + 1) % 10**6:06d}", sha256=made.document_sha256
            )
        assert "code" in refusal.value.fields
        assert SigningCode.objects.get(guarantor=one).attempts == 1
        with pytest.raises(InvalidState):
            sign_as_guarantor(guarantor_id=one.pk, actor=officer, code=code, sha256="0" * 64)
        with pytest.raises(InvalidState):
            send_guarantor_code(guarantor_id=one.pk, actor=officer)  # too soon
        assert made.guarantors.get().signed_at is None

    def test_the_code_goes_to_a_phone_of_their_own_and_an_officer_is_there(
        self, contract, ana, officer, borrower, cashier
    ):
        made = named(contract, ana, officer)
        one = made.guarantors.get()
        for who in (borrower, cashier):
            with pytest.raises(NotAllowed):
                send_guarantor_code(guarantor_id=one.pk, actor=who)
        User.objects.filter(pk=ana.user_id).update(phone_verified=False, email="")
        with pytest.raises(InvalidState) as refusal:
            send_guarantor_code(guarantor_id=one.pk, actor=officer)
        assert refusal.value.code == "no_address"
        shared = User.objects.get(pk=borrower.user_id)
        User.objects.filter(pk=shared.pk).update(email="familia@ejemplo.pe")
        User.objects.filter(pk=ana.user_id).update(email="Familia@ejemplo.pe")
        with pytest.raises(InvalidState) as refusal:
            send_guarantor_code(guarantor_id=one.pk, actor=officer)
        assert refusal.value.code == "same_address"

    def test_who_is_named_is_kept_while_it_matters(self, contract, ana, officer, borrower):
        assert not has_running_loan(ana)
        made = named(contract, ana, officer)
        assert has_running_loan(ana)
        guarantor_signs(made, officer)
        loan = book_loan(contract_id=borrower_signs(made, borrower).pk, actor=officer)
        assert has_running_loan(ana)
        Loan.objects.filter(pk=loan.pk).update(status="paid", closed_on=today() + timedelta(days=900))
        assert not has_running_loan(ana)
        assert kept_until(ana).year == (today() + timedelta(days=900)).year + 10

    def test_on_the_page(self, contract, ana, officer, borrower, client_as, at):  # noqa: F811
        desk = client_as(officer)
        sent = {**document_of(ana), "kind": "surety", "limit": ""}
        wrong = desk.post(at("desk_contract_guarantors", contract.pk), {**sent, "document_number": "00000000"})
        assert wrong.status_code == 422
        assert "No conocemos ese documento" in body(wrong)
        page = body(desk.post(at("desk_contract_guarantors", contract.pk), sent, follow=True))
        assert ana.full_name in page
        made = Contract.objects.get(status="open")
        mine = body(client_as(borrower).get(at("my_contract", made.pk)))
        assert "Firma en la agencia" in mine
        assert "Enviarme el código" not in mine
        one = made.guarantors.get()
        desk.post(at("desk_guarantor_code", one.pk))
        form = {"sha256": made.document_sha256, "read": "on", "code": "nope"}
        refused = desk.post(at("desk_guarantor_sign", one.pk), form)
        assert refused.status_code == 422
        assert "Ese código no es" in body(refused)
        done = body(desk.post(at("desk_guarantor_sign", one.pk), {**form, "code": code_sent()}, follow=True))
        assert f"Firmó {ana.full_name}" in done
        assert "Enviarme el código" in body(client_as(borrower).get(at("my_contract", made.pk)))
        desk.post(at("desk_guarantor_drop", one.pk))
        assert not Contract.objects.get(status="open").guarantors.exists()


class TestRefinancing:
    @pytest.fixture
    def old(self, institution) -> Loan:
        start = today() - timedelta(days=40)
        legal_caps(start)
        legal_caps(today())
        loan = active_loan(institution, disbursed_on=start, on=start)
        Loan.objects.filter(pk=loan.pk).update(recognised_guarantee=Decimal(2000), guarantee_kind="preferred")
        loan.refresh_from_db()
        return loan

    def test_the_guarantee_follows_with_a_fresh_signature(self, old, institution, officer, ana, luz):
        for person, kind in ((ana, "surety"), (luz, "guarantor")):
            groups.give_guarantee(loan_id=old.pk, actor=officer, kind=kind, **document_of(person))
        groups.release_guarantee(guarantee_id=old.guarantees.get(guarantor=luz).pk, actor=officer)
        row = refinance_loan(
            loan_id=old.pk, actor=staff(institution, "officer"), installments=10, tea=Decimal("0.30"),
            reason="perdió la cosecha por la helada",
        )  # fmt: skip
        approve_restructure(restructure_id=row.pk, actor=staff(institution, "approver"))
        contract = row.contracts.get()
        assert [party["name"] for party in contract.summary["guarantors"]] == [ana.full_name]
        with pytest.raises(InvalidState) as refusal:
            sign_refinancing(row, on=today())
        assert refusal.value.code == "guarantor_unsigned"
        old.refresh_from_db()
        assert old.status == "active"
        guarantor_signs(contract, officer)
        new = sign_refinancing(row, on=today())
        [given] = Guarantee.objects.filter(loan=new)
        assert (given.guarantor_id, given.kind, given.released_on) == (ana.pk, "surety", None)
        assert (new.recognised_guarantee, new.guarantee_kind) == (Decimal(2000), "preferred")

    def test_who_does_not_follow_is_left_out_for_good(self, old, institution, officer, ana):
        groups.give_guarantee(loan_id=old.pk, actor=officer, kind="surety", **document_of(ana))
        row = refinance_loan(
            loan_id=old.pk, actor=staff(institution, "officer"), installments=10, tea=Decimal("0.30"),
            reason="perdió la cosecha por la helada",
        )  # fmt: skip
        approve_restructure(restructure_id=row.pk, actor=staff(institution, "approver"))
        left = drop_guarantor(guarantor_id=row.contracts.get().guarantors.get().pk, actor=officer)
        assert not left.guarantors.exists()
        Contract.objects.filter(pk=left.pk).update(status="cancelled")  # as the night does
        again = prepare_contract(restructure_id=row.pk, actor=borrower_of(old))
        assert not again.guarantors.exists()
        assert not Guarantee.objects.filter(loan=sign_refinancing(row, on=today())).exists()
