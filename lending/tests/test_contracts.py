"""The contract: made to the cent of the offer, insured as wished, signed with a code on what was shown."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound, Unavailable
from accounts.messages import written_messages
from accounts.models import AuditEntry, OutboxEvent
from lending.models import Application, Contract, Loan, Offer, Parameter, SigningCode
from lending.papers.contract import canonical_bytes, document_sha256
from lending.papers.pdf import lender_line
from lending.schedules.contract import answer
from lending.selectors.contracts import MOST_ATTEMPTS, is_as_shown
from lending.services import signing
from lending.services.applications import withdraw_application
from lending.services.contracts import cancel_contract, expire_contracts, insure_otherwise, make_contract
from lending.services.signing import open_contract, send_signing_code, sign_contract
from lending.tests.factories import applicant_of, set_usury_cap

Status = Contract.Status


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.OUTBOX_ROOT = tmp_path


@pytest.fixture
def contract(chosen, borrower) -> Contract:
    return make_contract(offer_id=chosen.pk, actor=borrower)


def sent_code() -> str:
    return re.search(r"\b\d{6}\b", written_messages()[0].text)[0]


def signed(contract, actor) -> Contract:
    send_signing_code(contract_id=contract.pk, actor=actor)
    return sign_contract(contract_id=contract.pk, actor=actor, code=sent_code(), sha256=contract.document_sha256)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def last_event() -> AuditEntry:
    return AuditEntry.objects.order_by("-at_us", "-id").first()


def test_a_paper_says_who_issues_it_with_or_without_a_ruc():
    lender = {"legal_name": "Caja Qori S.A.", "ruc": "20123456789", "address": "Jr. Puno 12"}
    assert lender_line(lender) == "Caja Qori S.A., RUC 20123456789. Jr. Puno 12"
    assert lender_line({**lender, "ruc": ""}) == "Caja Qori S.A. Jr. Puno 12"


# --- making -------------------------------------------------------------------------------------------------------


def test_the_contract_is_the_offer_to_the_cent(contract, chosen):
    figures = contract.summary["figures"]
    assert figures["total"] == str(chosen.total)
    assert figures["installment"] == str(chosen.installment)
    assert figures["interest"] == str(chosen.total_interest)
    assert figures["insurance"] == str(chosen.total_insurance)
    assert figures["received"] == str(chosen.net_disbursed)
    assert (contract.amount, contract.tea) == (chosen.amount, chosen.tea)
    assert abs(contract.tcea - chosen.tcea) <= Decimal("1e-8")
    assert contract.summary["first_due_on"] == chosen.first_due_on.isoformat()


def test_the_stored_terms_give_the_stored_schedule_again(contract):
    contract.refresh_from_db()
    assert answer(contract.terms) == contract.schedule
    assert is_as_shown(contract)


def test_the_hoja_resumen_says_what_the_norm_asks(contract):
    labels = " ".join(line["label"] for line in contract.summary["lines"])
    for wanted in ("monto del préstamo", "(TEA)", "(TCEA)", "Monto total de intereses", "moratorio", "desgravamen",
                   "Aseguradora y número de póliza", "Comisiones", "Garantías", "Penalidades"):  # fmt: skip
        assert wanted in labels
    values = " ".join(line["value"] for line in contract.summary["lines"])
    assert "Vida Andes, póliza DG-77" in values
    clauses = " ".join(clause["text"] for clause in contract.summary["clauses"])
    assert "pago anticipado" in clauses
    assert "solo interés moratorio" in clauses


def test_the_moratory_rate_is_the_legal_one_unless_the_institution_asks_less(contract, insured, chosen, borrower):
    assert contract.moratory_tea == Decimal("1.1413") * Decimal("0.15")
    assert contract.terms["moratory_rate_pct"] == "17.11950000"
    cancel_contract(contract_id=contract.pk, actor=borrower)
    insured.moratory_tea = Decimal("0.10")
    insured.save()
    assert make_contract(offer_id=chosen.pk, actor=borrower).moratory_tea == Decimal("0.10")


def test_making_it_twice_makes_one(contract, chosen, borrower, officer):
    assert make_contract(offer_id=chosen.pk, actor=officer).pk == contract.pk
    assert Contract.objects.count() == 1


def test_it_is_audited_and_announced(contract, chosen):
    entry = last_event()
    assert entry.event == "lending.contract.made"
    assert contract.document_sha256 in entry.body
    assert "Quispe" not in entry.body
    assert OutboxEvent.objects.filter(name="lending.contract.made", subject_id=str(contract.pk)).exists()


def test_only_the_borrower_or_an_officer_makes_it(chosen, institution, other_institution, actor_as, approver):
    with pytest.raises(NotAllowed):
        make_contract(offer_id=chosen.pk, actor=approver)
    for stranger in (applicant_of(institution), actor_as("cashier")):
        with pytest.raises(NotFound):
            make_contract(offer_id=chosen.pk, actor=stranger)


def test_an_offer_must_be_chosen_and_in_time(chosen, borrower):
    with pytest.raises(InvalidState) as refusal:
        make_contract(offer_id=chosen.pk, actor=borrower, on=chosen.valid_until + timedelta(days=1))
    assert refusal.value.code == "offer_expired"
    Offer.objects.filter(pk=chosen.pk).update(status=Offer.Status.WITHDRAWN)
    with pytest.raises(InvalidState) as refusal:
        make_contract(offer_id=chosen.pk, actor=borrower)
    assert refusal.value.code == "offer_not_chosen"


def test_the_cap_holds_on_the_day_of_the_contract(chosen, borrower):
    set_usury_cap(chosen.tea - Decimal("0.0001"))
    with pytest.raises(InvalidState) as refusal:
        make_contract(offer_id=chosen.pk, actor=borrower)
    assert refusal.value.code == "tea_above_cap"
    Parameter.objects.filter(code="usury_cap_tea", valid_from__gte=date(2026, 5, 1)).delete()
    with pytest.raises(Unavailable):
        make_contract(offer_id=chosen.pk, actor=borrower)


def test_without_an_insurer_there_is_no_contract_of_an_insured_product(chosen, insured, borrower):
    insured.insurer = insured.insurance_policy = ""
    insured.save()
    with pytest.raises(Unavailable) as refusal:
        make_contract(offer_id=chosen.pk, actor=borrower)
    assert refusal.value.code == "insurer_missing"


def test_later_dates_make_a_later_schedule(chosen, borrower):
    later = chosen.disbursement_on + timedelta(days=3)
    contract = make_contract(offer_id=chosen.pk, actor=borrower, on=later)
    assert contract.summary["disbursement_on"] > chosen.disbursement_on.isoformat()


def test_a_contract_whose_dates_passed_is_made_anew(contract, chosen, borrower):
    later = chosen.disbursement_on + timedelta(days=1)
    again = make_contract(offer_id=chosen.pk, actor=borrower, on=later)
    assert again.pk != contract.pk
    contract.refresh_from_db()
    assert contract.status == Status.CANCELLED


# --- insurance ----------------------------------------------------------------------------------------------------


def test_an_own_policy_costs_nothing_here(contract, borrower):
    own = insure_otherwise(contract_id=contract.pk, actor=borrower, insurer="Rímac", policy="V-1")
    assert own.own_insurance
    assert own.summary["figures"]["insurance"] == "0.00"
    assert Decimal(own.summary["figures"]["total"]) < Decimal(contract.summary["figures"]["total"])
    assert "endosada" in " ".join(line["value"] for line in own.summary["lines"])
    contract.refresh_from_db()
    assert contract.status == Status.CANCELLED
    back = insure_otherwise(contract_id=own.pk, actor=borrower)
    assert back.summary["figures"] == contract.summary["figures"]


def test_half_a_policy_is_refused(contract, borrower):
    with pytest.raises(InvalidInput) as refusal:
        insure_otherwise(contract_id=contract.pk, actor=borrower, insurer="Rímac")
    assert "policy" in refusal.value.fields


# --- signing ------------------------------------------------------------------------------------------------------


def test_the_borrower_signs_with_the_code_they_were_sent(contract, borrower):
    done = signed(contract, borrower)
    assert (done.status, done.signed_by_id) == (Status.SIGNED, borrower.user_id)
    assert done.signature["sha256"] == contract.document_sha256
    assert done.signature["address"] == "••• ••• 321"
    entry = last_event()
    assert entry.event == "lending.contract.signed"
    assert OutboxEvent.objects.filter(name="lending.contract.signed").count() == 1
    code = SigningCode.objects.get()
    assert code.used_at is not None
    assert sent_code() not in code.code_hash


def test_signing_again_changes_nothing(contract, borrower):
    first = signed(contract, borrower)
    again = sign_contract(contract_id=contract.pk, actor=borrower, code="", sha256="")
    assert again.signed_at == first.signed_at
    assert OutboxEvent.objects.filter(name="lending.contract.signed").count() == 1


def test_at_the_counter_the_person_signs_and_the_officer_is_witness(contract, officer):
    done = signed(contract, officer)
    assert done.signature["witness"] == officer.user_id
    assert done.signed_by_id == contract.application.owner_id
    assert written_messages()[0].to == "+51987654321"


def test_what_was_shown_is_what_is_signed(contract, borrower):
    send_signing_code(contract_id=contract.pk, actor=borrower)
    with pytest.raises(InvalidState) as refusal:
        sign_contract(contract_id=contract.pk, actor=borrower, code=sent_code(), sha256="0" * 64)
    assert refusal.value.code == "contract_changed"


def test_a_contract_altered_behind_our_backs_is_not_signed(contract, borrower):
    send_signing_code(contract_id=contract.pk, actor=borrower)
    contract.summary["figures"]["total"] = "1.00"
    contract.save()
    with pytest.raises(Unavailable) as refusal:
        sign_contract(contract_id=contract.pk, actor=borrower, code=sent_code(), sha256=contract.document_sha256)
    assert refusal.value.code == "contract_altered"


def test_wrong_codes_are_counted_and_end_the_code(contract, borrower):
    send_signing_code(contract_id=contract.pk, actor=borrower)
    right = sent_code()
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(InvalidInput) as refusal:
            sign_contract(contract_id=contract.pk, actor=borrower, code=wrong(right), sha256=contract.document_sha256)
        assert "code" in refusal.value.fields
    assert SigningCode.objects.get().attempts == MOST_ATTEMPTS
    with pytest.raises(InvalidInput):
        sign_contract(contract_id=contract.pk, actor=borrower, code=right, sha256=contract.document_sha256)
    contract.refresh_from_db()
    assert contract.status == Status.OPEN


def test_codes_expire(contract, borrower):
    send_signing_code(contract_id=contract.pk, actor=borrower)
    SigningCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(InvalidInput):
        sign_contract(contract_id=contract.pk, actor=borrower, code=sent_code(), sha256=contract.document_sha256)


def test_a_new_code_ends_the_one_before(contract, borrower):
    send_signing_code(contract_id=contract.pk, actor=borrower)
    old = sent_code()
    SigningCode.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    send_signing_code(contract_id=contract.pk, actor=borrower)
    if old != sent_code():
        with pytest.raises(InvalidInput):
            sign_contract(contract_id=contract.pk, actor=borrower, code=old, sha256=contract.document_sha256)


def test_codes_are_not_sent_at_will(contract, borrower):
    send_signing_code(contract_id=contract.pk, actor=borrower)
    with pytest.raises(InvalidState) as refusal:
        send_signing_code(contract_id=contract.pk, actor=borrower)
    assert refusal.value.code == "code_too_soon"
    SigningCode.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    for _ in range(signing.MOST_CODES - 1):
        send_signing_code(contract_id=contract.pk, actor=borrower)
        SigningCode.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    with pytest.raises(InvalidState) as refusal:
        send_signing_code(contract_id=contract.pk, actor=borrower)
    assert refusal.value.code == "code_too_many"


def test_the_cap_is_looked_at_again_when_signing(contract, borrower):
    send_signing_code(contract_id=contract.pk, actor=borrower)
    set_usury_cap(contract.tea - Decimal("0.0001"))
    with pytest.raises(InvalidState) as refusal:
        sign_contract(contract_id=contract.pk, actor=borrower, code=sent_code(), sha256=contract.document_sha256)
    assert refusal.value.code == "tea_above_cap"


def test_dates_that_passed_are_not_signed(contract, borrower):
    late = date.fromisoformat(contract.summary["disbursement_on"]) + timedelta(days=1)
    with pytest.raises(InvalidState) as refusal:
        send_signing_code(contract_id=contract.pk, actor=borrower, on=late)
    assert refusal.value.code == "contract_expired"


def test_nobody_else_signs(contract, institution, approver, cashier):
    with pytest.raises(NotAllowed):
        send_signing_code(contract_id=contract.pk, actor=approver)
    for stranger in (applicant_of(institution), cashier):
        with pytest.raises(NotFound):
            send_signing_code(contract_id=contract.pk, actor=stranger)


# --- paper --------------------------------------------------------------------------------------------------------


def test_the_pdf_is_sealed_and_replaced_by_the_signed_one(contract, borrower, settings):
    before = open_contract(contract_id=contract.pk, actor=borrower)
    assert before.startswith(b"%PDF")
    assert last_event().event == "lending.contract.opened"
    unsigned = contract.stored_name
    done = signed(contract, borrower)
    assert done.stored_name != unsigned
    assert len(open_contract(contract_id=contract.pk, actor=borrower)) > len(before)


def test_canonical_bytes_do_not_depend_on_order():
    one, other = {"a": 1, "b": [1.5, "á"]}, {"b": [1.5, "á"], "a": 1}
    assert canonical_bytes(one, {}, {}) == canonical_bytes(other, {}, {})
    assert document_sha256(one, {}, {}) != document_sha256({**one, "a": 2}, {}, {})


# --- ending -------------------------------------------------------------------------------------------------------


def test_a_cancelled_contract_can_be_made_again(contract, chosen, borrower):
    for _ in range(2):
        assert cancel_contract(contract_id=contract.pk, actor=borrower).status == Status.CANCELLED
    assert make_contract(offer_id=chosen.pk, actor=borrower).number == contract.number + 1


def test_a_contract_with_a_loan_is_not_cancelled(contract, borrower):
    signed(contract, borrower)
    Loan.objects.create(
        number=1, contract=contract, applicant=contract.applicant, product=contract.product_version.product,
        principal=contract.amount, tea=contract.tea, moratory_tea=0, terms={},
    )  # fmt: skip
    with pytest.raises(InvalidState):
        cancel_contract(contract_id=contract.pk, actor=borrower)


def test_contracts_nobody_signed_expire(contract, institution):
    assert expire_contracts(institution_id=institution.pk, on=today()) == 0
    assert expire_contracts(institution_id=institution.pk, on=contract.valid_until + timedelta(days=1)) == 1
    contract.refresh_from_db()
    assert contract.status == Status.CANCELLED
    assert last_event().event == "lending.contract.expired"


def test_withdrawing_ends_an_open_contract_but_not_a_signed_one(contract, borrower):
    signed(contract, borrower)
    with pytest.raises(InvalidState):
        withdraw_application(application_id=contract.application_id, actor=borrower)
    cancel_contract(contract_id=contract.pk, actor=borrower)
    again = make_contract(offer_id=contract.offer_id, actor=borrower)
    assert withdraw_application(application_id=contract.application_id, actor=borrower).status == (
        Application.Status.WITHDRAWN
    )
    again.refresh_from_db()
    assert again.status == Status.CANCELLED
