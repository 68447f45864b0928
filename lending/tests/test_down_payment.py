"""A product for buying something: the buyer pays a part of the price, and the loan what is left of it."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import InvalidInput
from accounts.formats import format_money
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope
from accounts.tests.fixtures import OutsideClient
from lending.models import CatalogueOffer, Disbursement, Loan, ProductVersion
from lending.money import CENT, ZERO, least_own_part
from lending.papers.pdf import contract_pdf
from lending.schedules.contract import read_request
from lending.services.contracts import make_contract
from lending.services.decisions import decide_application, propose_decision
from lending.services.loans import book_loan, disburse_loan, request_disbursement
from lending.services.match_file import match_file
from lending.services.products import publish_product, save_product_terms
from lending.tests.test_api import Api
from lending.tests.test_match_file import FILE
from lending.tests.test_products import TERMS, draft, product  # noqa: F401  (fixtures)
from lending.tests.test_views_loans import at, body  # noqa: F401  (fixture)

SHARE = Decimal("0.2")


@pytest.fixture
def products(products):
    """The same products, of which the one for households asks a fifth of the price."""
    version = products["household"]
    ProductVersion.objects.filter(pk=version.pk).update(down_payment_min=SHARE)
    version.refresh_from_db()
    return products


@pytest.fixture
def loan(signed, officer) -> Loan:
    """The loan of a signed contract, before its money."""
    return book_loan(contract_id=signed.pk, actor=officer)


def least(loan) -> Decimal:
    return least_own_part(loan.principal, SHARE)


class TestTheSum:
    @given(lent=st.integers(1, 10**9), share=st.integers(1, 9000))
    def test_it_is_the_share_of_the_price_and_not_a_cent_more(self, lent, share):
        amount, part = lent * CENT, Decimal(share) / 10_000
        own = least_own_part(amount, part)
        assert own >= part * (amount + own)
        assert own - CENT < part * (amount + own - CENT)

    def test_nothing_where_nothing_is_asked(self):
        assert least_own_part(Decimal(5000), ZERO) == 0
        assert least_own_part(Decimal(5000), SHARE) == 1250


class TestTheProduct:
    def test_its_terms_are_published_for_everybody(self, draft, manager, cap):  # noqa: F811
        save_product_terms(product_id=draft.product_id, actor=manager, down_payment_min=SHARE)
        publish_product(version_id=draft.pk, actor=manager)
        assert CatalogueOffer.objects.get(pk=draft.pk).down_payment_min == SHARE
        facts = json.loads(AuditEntry.objects.get(event="lending.product.published").body)["facts"]
        assert facts["changed"]["down_payment_min"]["to"] == "0.20000000"

    @pytest.mark.parametrize("share", [Decimal("-0.01"), Decimal("0.91")])
    def test_a_share_that_makes_no_sense_is_refused(self, draft, manager, share):  # noqa: F811
        with pytest.raises(InvalidInput) as refusal:
            save_product_terms(product_id=draft.product_id, actor=manager, **{**TERMS, "down_payment_min": share})
        assert list(refusal.value.fields) == ["down_payment_min"]

    def test_the_offer_says_it_and_lends_what_was_asked(self, chosen):
        reason = next(one for one in chosen.reasons if one["code"] == "own_part")
        assert Decimal(reason["params"]["own"]) == least_own_part(chosen.amount, SHARE)
        assert chosen.amount == chosen.application.amount

    def test_so_does_an_offer_that_a_person_approved(self, products, champions, assessed, officer, approver):
        application = assessed("household", amount=Decimal(6000), term_months=18)
        proposal = propose_decision(
            application_id=application.pk, actor=officer, outcome="approve", rationale="Vi la proforma y el recibo."
        )
        decide_application(proposal_id=proposal.pk, actor=approver, agree=True, rationale="De acuerdo con el sustento.")
        codes = {one["code"]: one["params"] for one in application.offers.get(status="open").reasons}
        assert Decimal(codes["own_part"]["own"]) == 1500

    def test_many_at_once_are_told_the_same(self, products, champions, manager):
        line = next(match_file(actor=manager, name="p.csv", content=FILE).lines)
        own = format_money(least_own_part(line[3], SHARE))
        assert f"tú pagas al menos {own}, el 20.00% del precio" in line[-1]


class TestWords:
    def test_the_simulator_the_tariff_and_the_offer(self, chosen, at, client_as, borrower):  # noqa: F811
        page = body(OutsideClient().get(at("landing"), {"segment": "household", "amount": "5000"}))
        assert "S/ 1,250.00" in page
        assert "S/ 6,250.00" in page
        assert "20.00%" in body(OutsideClient().get(at("tariff")))
        offer = body(client_as(borrower).get(at("my_offer", chosen.application_id, chosen.pk)))
        assert "cuota inicial al vendedor" in offer
        program = Api(OutsideClient(), "qori")
        asked = {"product": chosen.product_version.product.code, "amount": "5000", "term_months": 12}
        assert program.post("/simulations/", asked).json()["own_part"] == "1250.00"

    def test_the_contract_states_it_outside_the_plan(self, chosen, borrower, client_as, at):  # noqa: F811
        contract = make_contract(offer_id=chosen.pk, actor=borrower)
        own = least_own_part(contract.amount, SHARE)
        assert contract.summary["figures"]["own_part"] == str(own)
        assert contract.summary["clauses"][0]["title"] == "Cuota inicial"
        terms, _events, _rules = read_request(contract.terms)
        assert (terms.principal, terms.down_payment) == (chosen.amount, 0)
        assert contract.schedule["totals"]["principal"] == str(chosen.amount)
        page = body(client_as(borrower).get(at("my_contract", contract.pk)))
        assert page.count("Cuota inicial") >= 2
        paper = contract_pdf(contract.summary, contract.schedule, contract.document_sha256, document_number="DNI 1")
        assert paper.startswith(b"%PDF")


class TestTheMoney:
    def test_the_part_is_shown_and_the_rest_handed_over(self, loan, officer, approver):
        price = loan.principal + least(loan) + 300
        asked = request_disbursement(
            loan_id=loan.pk, actor=officer, method="transfer", account="123456", price=price, own_receipt=" B001-77 "
        )
        again = request_disbursement(loan_id=loan.pk, actor=officer, method="cash")
        assert again.pk == asked.pk
        assert (asked.amount, asked.own_part, asked.own_receipt) == (loan.principal, least(loan) + 300, "B001-77")
        entry = AuditEntry.objects.get(event="lending.loan.disbursement_requested")
        facts = json.loads(entry.body)["facts"]
        assert (Decimal(facts["price"]), Decimal(facts["own"])) == (price, least(loan) + 300)
        assert "B001-77" not in entry.body
        paid = disburse_loan(disbursement_id=asked.pk, actor=approver)
        loan.refresh_from_db()
        assert (loan.disbursed, loan.principal_outstanding, paid.itf >= 0) == (loan.principal, loan.principal, True)

    def test_without_it_nothing_is_asked_for(self, loan, officer):
        dear = loan.principal + least(loan)
        for given_, fields in (
            ({}, {"price", "own_receipt"}),
            ({"price": dear - CENT, "own_receipt": "B-1"}, {"price"}),
            ({"price": Decimal("NaN"), "own_receipt": "B-1"}, {"price"}),
            ({"price": dear, "own_receipt": "  "}, {"own_receipt"}),
        ):
            with pytest.raises(InvalidInput) as refusal:
                request_disbursement(loan_id=loan.pk, actor=officer, method="cash", **given_)
            assert set(refusal.value.fields) == fields
        assert not Disbursement.objects.exists()

    def test_another_institution_sees_nothing(self, loan, officer, other_institution):
        request_disbursement(
            loan_id=loan.pk, actor=officer, method="cash", price=loan.principal + least(loan), own_receipt="B-1"
        )
        with institution_scope(other_institution.pk):
            assert not Disbursement.objects.exists()

    def test_at_the_desk_and_by_program(self, loan, at, client_as, officer, approver):  # noqa: F811
        desk, price = client_as(officer), loan.principal + least(loan)
        page = desk.get(at("desk_disbursement_new", loan.pk)).content.decode()
        assert "Recibo de la cuota inicial" in page
        refused = desk.post(at("desk_disbursement_new", loan.pk), {"method": "cash"})
        assert refused.status_code == 422
        assert "Escribe el precio" in refused.content.decode()
        api = Api(desk, "qori")
        path = f"/loans/{loan.pk}/disbursements/"
        assert set(api.post(path, {"method": "cash"}).json()["fields"]) == {"price", "own_receipt"}
        made = api.post(path, {"method": "cash", "price": str(price), "own_receipt": "B-9"}).json()
        assert (made["price"], made["own_receipt"]) == (str(price), "B-9")
        page = client_as(approver).get(at("desk_disbursement", made["id"])).content.decode()
        assert "B-9" in page

    def test_a_contract_that_asks_nothing_keeps_nothing(self, loan, at, client_as, officer):  # noqa: F811
        del loan.contract.summary["figures"]["own_part"]
        loan.contract.save(update_fields=["summary"])
        page = client_as(officer).get(at("desk_disbursement_new", loan.pk)).content.decode()
        assert "Recibo de la cuota inicial" not in page
        asked = request_disbursement(
            loan_id=loan.pk, actor=officer, method="cash", price=Decimal(9), own_receipt="ignored"
        )
        assert (asked.price, asked.own_receipt, asked.own_part) == (None, "", 0)
